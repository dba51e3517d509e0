"""The checks of an explained run -> chapters of its report: sentences from the numbers, figures, tables, sounds.

Computes nothing new: all numbers stand in results/RUN/checks/.
"""

from pathlib import Path

from voicecam import runs
from voicecam.chapters.frequency import bands_chapter, height_chapter, tones_chapter
from voicecam.chapters.methods import faithfulness_chapter, map_doubts, planted_chapter, randomisation_chapter
from voicecam.chapters.voices import account_chapter, audible_chapter, confounds_chapter, counterfactual_chapter
from voicecam.report import Section

__all__ = ["chapters", "map_doubts"]

_CHAPTERS = {
    "tones": tones_chapter,
    "height": height_chapter,
    "bands": bands_chapter,
    "audible": audible_chapter,
    "planted": planted_chapter,
    "faithfulness": faithfulness_chapter,
    "randomisation": randomisation_chapter,
    "account": account_chapter,
    "counterfactual": counterfactual_chapter,
    "confounds": confounds_chapter,
}


def chapters(folder: Path, classes: tuple[str, ...]) -> tuple[Section, ...]:
    """The chapters of whatever checks the run has, in the order of the report; classes in the network's order.

    Raises ExplainError for checks made by another version of the program.
    """
    runs.check_version(folder)
    return tuple(write(folder, classes) for name, write in _CHAPTERS.items() if runs.read_facts(folder, name) is not None)
