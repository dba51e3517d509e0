"""The worked examples of docs/DESIGN.md run as they stand, each in a folder of its own with a small corpus, voices/."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "DESIGN.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## How to add an? (\w+)\n.*?^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE))


def test_there_are_four_and_they_are_short():
    assert list(EXAMPLES) == ["corpus", "feature", "check", "encoder"]
    assert len(EXAMPLES) == PAGE.count("```python")
    for code in EXAMPLES.values():
        assert len(code.splitlines()) < 40
        assert "assert " in code


SLOW = {"feature", "check"}  # they train a network


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in EXAMPLES])
def test_an_example_runs(name, write_voices, monkeypatch):
    monkeypatch.chdir(write_voices(seconds=0.5).parent)
    exec(compile(EXAMPLES[name], f"DESIGN.md: {name}", "exec"), {"__name__": "example"})
