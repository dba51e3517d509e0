"""The examples in the docstrings of the public face, run as a person would type them: each alone, in a folder with a recording, a
corpus and a trained run."""

import doctest
import inspect
import shutil

import matplotlib as mpl
import numpy as np
import pytest
import soundfile as sf

import voicecam
from conftest import voice
from voicecam import api, prediction, voice_model
from voicecam.checks.run_checks import CHECKS
from voicecam.corpora import espeak

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SPOKEN = espeak.Word("one two three four", "en-us+f1", rate_wpm=150, pitch=50, pitch_range=40)


def public_face():
    """Name -> docstring of the modules, of their public functions and classes, and of these classes' methods and properties."""
    found = {}
    for module in (api, prediction, voice_model):
        found[module.__name__] = module.__doc__
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(value) or inspect.isclass(value):
                found[f"{module.__name__}.{name}"] = value.__doc__
            for own, member in vars(value).items() if inspect.isclass(value) else ():
                if not own.startswith("_") and (inspect.isfunction(member) or hasattr(member, "__get__")):
                    found[f"{module.__name__}.{name}.{own}"] = member.__doc__
    return found


FACE = public_face()


def write_corpus(root):
    """Ten speakers of three short buzzes, high or low, in a folder per class."""
    for speaker in range(10):
        rng = np.random.default_rng(speaker)
        name, f0 = ("low", 100) if speaker % 2 else ("high", 220)
        (root / name).mkdir(parents=True, exist_ok=True)
        for take in range(3):
            samples = voice(f0 * rng.uniform(0.95, 1.05), rng, seconds=0.6)
            sf.write(root / name / f"s{speaker:02d}_{take}.wav", samples, espeak.RATE, subtype="PCM_16")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder that the examples speak of: me.wav, voices/ and results/pitch."""
    place = tmp_path_factory.mktemp("examples")
    (samples,) = espeak.speak([SPOKEN])
    sf.write(place / "me.wav", np.array(samples, np.int16), espeak.RATE)
    write_corpus(place / "voices")
    small = {"recipe": "logmel", "image_size": [32, 32], "arch": "small", "init": "none", "workers": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        voicecam.train("voices", run="pitch", label="label", epochs=8, batch=6, **small)
    return place


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy of that folder to work in, so that no example finds what another left. Of the report's checks one is left: all of
    them take half a minute (tests/test_checks.py)."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "work"))
    for name in set(CHECKS) - {"confounds"}:
        monkeypatch.delitem(CHECKS, name)
    with mpl.rc_context({"backend": "agg"}):
        yield


def test_everything_public_has_an_example():
    wanting = [name for name, text in FACE.items() if ">>> " not in (text or "")]
    assert not wanting
    names = {"api.load", "api.train", "api.Run.report", "voice_model.VoiceModel.classify", "prediction.Explanation.window"}
    assert {f"voicecam.{name}" for name in names} <= set(FACE), "this test must see them"


SLOW = {"voicecam.api.Run.report", "voicecam.api.Run.explain"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in FACE])
@pytest.mark.usefixtures("folder")
def test_an_example_says_what_it_shows(name):
    found = doctest.DocTestParser().get_doctest(FACE[name], {}, name, None, 0)
    said = []
    failed = doctest.DocTestRunner(optionflags=FLAGS).run(found, out=said.append).failed
    assert not failed, "".join(said)
