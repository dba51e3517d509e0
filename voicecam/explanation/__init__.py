"""Where the evidence lies: maps (methods) and their shares per band (bands)."""
