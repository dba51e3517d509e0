"""What the notebooks in nbs/ share: their corpus and runs, how figures and sounds are shown, and what checks the exercises.

Nothing here computes what a notebook is about; that stands in the modules above.
"""

from voicecam.course import recording
from voicecam.course.checking import check
from voicecam.course.display import compare, interact, play, progress, say, show, table
from voicecam.course.lesson import Lesson, LessonRun, open_lesson
from voicecam.figures import grid

__all__ = [
    "Lesson",
    "LessonRun",
    "check",
    "compare",
    "grid",
    "interact",
    "open_lesson",
    "play",
    "progress",
    "recording",
    "say",
    "show",
    "table",
]
