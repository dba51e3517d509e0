"""What the commands do: options (cli), jobs, a run's report, maps of single recordings."""
