"""The zoo: some 700 odd sound files in 20 groups, made on the spot. Hears none of them; sounds.py does."""

from collections import Counter
from pathlib import Path

from odd import Odd, Zoo
from zoo_formats import add_formats
from zoo_names import add_names
from zoo_wav import add_wavs


def make_zoo(folder: Path, *, few: bool = False) -> list[Odd]:
    """Write the zoo below a folder; what each file is and what must become of it. few : no file of hours, fewer damaged ones"""
    zoo = Zoo(folder)
    add_wavs(zoo, few=few)
    add_formats(zoo, few=few)
    add_names(zoo)
    return zoo.all


def counted(zoo: list[Odd]) -> dict[str, int]:
    """How many files each group has."""
    return dict(Counter(odd.group for odd in zoo))
