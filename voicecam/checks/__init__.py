"""Checks of a run's maps: one file per question, which measures, then says and draws. See run_checks."""

from voicecam.checks.run_checks import check_run

__all__ = ["check_run"]
