"""What a check cell says of an answer: that it is right, or what is off. The answers are computed, not stored."""

from collections.abc import Callable
from typing import Any

import numpy as np
from IPython.display import Markdown, display

RIGHT, NOT_YET, OPEN = "✔ Right.", "✘ Not yet:", "… No answer yet:"


def check(answer: Any, test: Callable[[Any], str | None], *, right: str = "") -> None:
    """Say whether an answer is right.

    answer : ... (Ellipsis) while the exercise is open
    test : returns None for a right answer, else what is off, in words that help without giving the answer away; an error that
        it raises on a strange answer is said as well
    right : what a right answer has shown; said after it
    """
    if answer is ... or (isinstance(answer, tuple) and any(part is ... for part in answer)):
        display(Markdown(f"{OPEN} put it in place of the three dots, and run this cell again."))
        return
    try:
        problem = test(answer)
    except Exception as reason:  # whatever a learner hands in must get an answer, not a traceback
        problem = f"this could not be checked ({type(reason).__name__}: {reason})"
    display(Markdown(f"{NOT_YET} {problem}" if problem else f"{RIGHT} {right}".strip()))


def number_problem(answer: Any, target: float, *, within: float, unit: str = "") -> str | None:
    """What is off about a number, or None when it lies within `within` of the wanted one."""
    if not isinstance(answer, (int, float, np.number)):
        return f"a number is asked for, this is a {type(answer).__name__}"
    found = float(answer)
    if abs(found - target) <= within:
        return None
    return f"{found:.4g}{unit} is too {'high' if found > target else 'low'}"


def array_problem(answer: Any, target: np.ndarray, *, within: float) -> str | None:
    """What is off about an array, or None when it has the wanted shape and every value lies within `within`."""
    found = np.asarray(answer, dtype=float)
    if found.shape != np.shape(target):
        return f"shape {found.shape}, wanted is {np.shape(target)}"
    off = np.abs(found - target)
    if not np.isfinite(found).all():
        return f"{int((~np.isfinite(found)).sum())} values are not finite"
    if off.max() <= within:
        return None
    return f"{int((off > within).sum())} of {off.size} values are off, by up to {off.max():.3g}"
