"""What the notebooks in nbs/ share: their corpus and runs, how figures and sounds are shown, and what checks the exercises.

Nothing here computes what a notebook is about; that stands in the rooms above.
"""

from voicecam.course.checking import check
from voicecam.course.display import by_hand, hear, progress, say, show, table
from voicecam.course.lesson import Lesson, LessonRun, open_lesson
from voicecam.figures import grid

__all__ = ["Lesson", "LessonRun", "by_hand", "check", "grid", "hear", "open_lesson", "progress", "say", "show", "table"]
