"""The short rows of make torture: a part of the zoo, a kill, 200 requests, a second of fuzzing. Nothing falls in them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TORTURE = Path(__file__).parent.parent / "torture"


def ended(*words):
    found = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, timeout=500, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.mark.slow
@pytest.mark.parametrize("words", [("sounds.py", "--few"), ("kills.py", "--few"), ("server.py", "--few")], ids=lambda w: w[0])
def test_nothing_falls(words):
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("memory and processes are watched through Linux's /proc")
    said = ended(TORTURE / words[0], *words[1:])
    assert "1 of 1 rows held" in said


@pytest.mark.slow
def test_no_changed_answer_is_believed():
    if not shutil.which("node"):
        pytest.skip("no node here: it runs the page's decoders")
    assert "1 of 1 rows held" in ended(TORTURE / "page.py", "--few")


@pytest.mark.slow
def test_a_second_of_fuzzing_finds_nothing():
    assert "4 of 4 rows held" in ended(TORTURE / "fuzz.py", "--seconds", "1", "--plain")


def test_the_zoo_has_its_size_and_its_groups(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TORTURE))
    import zoo_names
    import zoo_wav
    from odd import CUT, SAME, Zoo

    zoo = Zoo(tmp_path)
    zoo_wav.cuts(zoo)
    zoo_wav.sizes(zoo)
    zoo_wav.numbers(zoo)
    zoo_names.add_names(zoo)
    assert len(zoo.all) > 200
    assert len({odd.path for odd in zoo.all}) == len(zoo.all)
    assert {CUT, SAME} < {odd.expect for odd in zoo.all}


def test_a_wrong_answer_would_fall(tmp_path, monkeypatch):
    """The judge itself, on planted answers."""
    monkeypatch.syspath_prepend(str(TORTURE))
    from odd import ANY, CUT, SAME, WHOLE, Odd
    from sounds import LABEL, PROBABILITY, judge
    from watched import bugs

    def said(expect, label, probability=PROBABILITY, error=None, exact=True):
        return judge(Odd("g", tmp_path, expect, exact), label, probability, error)

    assert said(SAME, LABEL) is None
    assert said(SAME, "male")
    assert said(SAME, None)
    assert said(SAME, LABEL, 0.6)
    assert said(SAME, None, None, "broken")
    assert said(WHOLE, None, None, "broken") is None
    assert said(WHOLE, "male")
    assert said(CUT, LABEL)
    assert said(CUT, None, None, "truncated") is None
    assert said(ANY, "male") is None
    assert bugs("a\nTraceback (most recent call last):\nb") == ["Traceback (most recent call last):"]
