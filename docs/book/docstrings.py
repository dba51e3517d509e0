"""Reads the project's docstrings for the book: "name : meaning" becomes a parameter, "Example:" its examples. A Griffe extension.

A name at the beginning of a line that is no parameter or field, such as a column of the table returned, becomes an item of a
list if the function's source has it in another place too. If not, it is handed on as a parameter: Griffe warns, and the book is
not built.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import griffe

LINE = re.compile(r"(\*{0,2}[a-z_]\w*(?:, \*{0,2}[a-z_]\w*)*) : (?=\S)")


ENTRY = r"(?:(?<=[.;:\])\"'] )|(?<=\n))(\*{0,2}NAME(?:, \*{0,2}NAME)*) : (?=\S)"  # after a sentence, or at a line's beginning


class Docstrings(griffe.Extension):
    """Rewrites each docstring in the form that Griffe calls google."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Parameters."""
        rewrite(func, [parameter.name for parameter in func.parameters], "Args")

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Fields, or what the class is made with."""
        fields = [name for name, member in cls.members.items() if member.is_attribute]
        rewrite(cls, fields, "Attributes")

    def on_module(self, *, mod: griffe.Module, **_: Any) -> None:
        """Examples."""
        rewrite(mod, [], "")

    def on_attribute(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Examples of properties."""
        rewrite(attr, [], "")


def rewrite(thing: griffe.Object, names: list[str], title: str) -> None:
    """Change the docstring of a function or class whose parameters or fields are `names`."""
    if thing.docstring:
        words = [word for word, times in Counter(re.findall(r"\w+", thing.source)).items() if times > 1]
        thing.docstring.value = google(thing.docstring.value, names, title, values=words)


def google(text: str, names: list[str], title: str, *, values: Sequence[str] = ()) -> str:
    """A docstring with a section `title` of what it says of `names`, where it first says it.

    values : other names that may begin a line

    >>> print(google("Adds. a, b : numbers\\nRaises nothing.", ["a", "b"], "Args"))
    Adds.
    <BLANKLINE>
    Args:
        a: numbers
        b: numbers
    <BLANKLINE>
    Raises nothing.
    """
    body, example, shown = text.partition("Example:\n")
    before, entries, after = split(body, names, values) if title else (body, [], "")
    listed = "".join(f"    {name}: {meaning}\n" for named, meaning in entries for name in named)
    parts = [before, f"{title}:\n{listed}" if listed else "", after, f"Examples:\n{shown}" if example else ""]
    return "\n\n".join(part.strip() for part in parts if part.strip())


def split(body: str, names: list[str], values: Sequence[str]) -> tuple[str, list[tuple[list[str], str]], str]:
    """What stands before the entries, (names, meaning) of each, what stands after. An entry ends with its indented lines."""
    prose: tuple[list[str], list[str]] = [], []
    entries: list[tuple[list[str], str]] = []
    for chunk in re.split(r"\n(?! )", body):  # a line, and the indented ones below it
        begun = LINE.match(chunk)
        unknown = begun and [name for name in begun[1].split(", ") if name not in names]
        if begun and unknown and set(unknown) <= set(values):
            prose[bool(entries)].append(f"\n- `{begun[1]}`: {meaning_of(chunk[begun.end() :])}")
            continue
        known = "|".join(map(re.escape, [*names, *(unknown or [])])) or "(?!)"
        first, *rest = re.split(ENTRY.replace("NAME", f"(?:{known})"), "\n" + chunk)
        prose[bool(entries)].append(first.strip("\n"))
        entries += [(named.split(", "), meaning_of(text)) for named, text in zip(rest[::2], rest[1::2])]
    return "\n".join(prose[0]), entries, "\n".join(prose[1])


def meaning_of(text: str) -> str:
    """The text of an entry in one line, without the mark before the next entry."""
    return " ".join(text.split()).rstrip(";")
