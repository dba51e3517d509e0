"""Numbers of a table as the sections of a report write them."""

import pandas as pd

from voicecam.explanation.methods import METHODS
from voicecam.figures.canvas import percent


def method_titles(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the methods' titles in place of their keys."""
    return table.replace({"method": {key: method.title for key, method in METHODS.items()}})


def format_table(table: pd.DataFrame, names: tuple[str, ...], values: tuple[str, ...]) -> pd.DataFrame:
    """A table of text: the columns `names` as they are, and each of `values` with its interval."""
    found = {name.capitalize(): table[name] for name in names}
    for value in values:
        found[value.capitalize()] = [format_interval(row, value) for _, row in table.iterrows()]
    return pd.DataFrame(found)


def format_interval(row: pd.Series, value: str) -> str:
    """ "0.35 [0.21, 0.45]" of columns value, value_low, value_high, or low and high."""
    ends = [row.get(f"{value}_{end}", row.get(end)) for end in ("low", "high")]
    middle = "\N{EN DASH}" if pd.isna(row[value]) else f"{row[value]:.2f}"
    return middle if any(pd.isna(end) for end in ends) else f"{middle} [{ends[0]:.2f}, {ends[1]:.2f}]"


def format_fraction(row: pd.Series, value: str) -> str:
    """ "97 % [93, 100]" of columns value, value_low, value_high, or low and high."""
    low, high = (row.get(f"{value}_{end}", row.get(end)) for end in ("low", "high"))
    ends = "" if pd.isna(low) else f" [{percent(low)}, {percent(high)}]"
    return f"{percent(row[value])} %{ends}"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
