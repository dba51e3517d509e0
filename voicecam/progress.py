"""How long work reports to whoever called it: a line of text to `Log`, and items through `Progress`. Draws no bar itself."""

from collections.abc import Callable, Iterable

Log = Callable[[str], None]  # takes a line
Progress = Callable[[Iterable, int], Iterable]  # takes items and how many there are, and gives them one by one
