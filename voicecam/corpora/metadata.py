"""Tidies labels that people typed: one spelling for each value, impossible ages removed. Says what it changed.

Rules, not a list of known faults. Knows nothing of files, and does not judge whether a plausible value is true.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from difflib import get_close_matches

from voicecam.corpora.labels import canonical_gender

OLDEST = 120  # years; a larger age is a typing error
RARE, COMMON = 1, 10  # a misspelling stands once, the word it was meant to be at least ten times
ALIKE = 0.85  # difflib ratio: one wrong letter in seven ("vr-romm" and "vr-room": 0.857)
Tidied = tuple[dict[str, str | None], list[str]]


def tidy_words(values: Mapping[str, object], field: str, *, misspelt: bool = False) -> Tidied:
    """One spelling for each word; `values` maps speaker to what was typed. Returns the values and the repair lines.

    Spellings that differ only in case or punctuation become the most frequent of them; "_" and "?" become spaces.
    With `misspelt`, a word without digits that stands once also becomes the word it differs from by one letter in seven or
    less, if that stands ten times or more. Use it for names of things, not of peoples: Austrian and Australian are alike too.
    """
    words = {speaker: _plain(value) for speaker, value in values.items()}
    spelling = _spellings([word for word in words.values() if word])
    if misspelt:
        spelling = _correct(spelling, Counter(spelling[word] for word in words.values() if word))
    tidied = {speaker: spelling[word] if word else None for speaker, word in words.items()}
    return tidied, _lines(field, values, tidied)


def tidy_ages(values: Mapping[str, object]) -> Tidied:
    """Ages in years as text; what is no whole number from 1 to 120 becomes missing. Returns the values and the repair lines."""
    tidied = {speaker: _age(value) for speaker, value in values.items()}
    if not any(isinstance(value, str) for value in values.values()):  # numbers throughout are a format, not a fault
        values = {speaker: value if tidied[speaker] is None else tidied[speaker] for speaker, value in values.items()}
    return tidied, _lines("age", values, tidied)


def tidy_genders(values: Mapping[str, object]) -> Tidied:
    """Genders as "female" or "male"; anything else becomes missing. Returns the values and the repair lines."""
    tidied = {speaker: canonical_gender(value) for speaker, value in values.items()}
    return tidied, _lines("gender", values, tidied)


def _plain(value: object) -> str | None:
    text = " ".join(re.sub(r"[_?]", " ", "" if value is None else str(value)).split())
    return text if re.search(r"\w", text) else None


def _spellings(words: list[str]) -> dict[str, str]:
    """Every word -> the most frequent spelling of the same letters (a tie goes to capitals, which sort first)."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for word in sorted(words):
        groups[re.sub(r"\W+", "", word).casefold()][word] += 1
    return {word: group.most_common(1)[0][0] for group in groups.values() for word in group}


def _correct(spelling: dict[str, str], counts: Counter[str]) -> dict[str, str]:
    common = [word for word, count in counts.items() if count >= COMMON]
    return {typed: _nearest(word, common) if counts[word] <= RARE else word for typed, word in spelling.items()}


def _nearest(word: str, common: list[str]) -> str:
    if re.search(r"\d", word):  # room-01 and room-02 are two rooms
        return word
    return next(iter(get_close_matches(word, common, n=1, cutoff=ALIKE)), word)


def _age(value: object) -> str | None:
    try:
        years = float(str(value))
    except ValueError:
        return None
    return str(int(years)) if 1 <= years <= OLDEST and years.is_integer() else None


def _lines(field: str, values: Mapping[str, object], tidied: Mapping[str, str | None]) -> list[str]:
    """One line for each distinct change, naming the speakers; a value that was missing already is no change."""
    changes: dict[str, list[str]] = defaultdict(list)
    for speaker, value in values.items():
        if value != tidied[speaker] and value not in (None, ""):
            now = "missing" if tidied[speaker] is None else json.dumps(tidied[speaker], ensure_ascii=False)
            changes[f"{field}: {json.dumps(value, ensure_ascii=False)} -> {now}"].append(speaker)
    return [f"{change} (speaker {', '.join(speakers)})" for change, speakers in changes.items()]
