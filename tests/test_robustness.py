"""The robustness table: with a plain rule in place of a network, whose losses are known beforehand, and on a real small run."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from run_script import last_line, output_of

from conftest import voice
from voicecam import figures, runs
from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.data.dataset import make_images
from voicecam.errors import DatasetError, VoicecamError
from voicecam.network.learner import TrainConfig
from voicecam.runs import robustness
from voicecam.runs.robustness import Clip, balanced_sample, robustness_table, run_robustness

RATE = 16_000


class Rule:
    """Says "hiss" of a recording with more than 1 % of its power above 4 kHz, else "plain". Keeps what it was given."""

    def __init__(self):
        self.model = SimpleNamespace(config=recipe("mfcc"), classes=("hiss", "plain"))
        self.threshold = 0.0
        self.heard = []

    def probabilities(self, signals):
        self.heard += signals
        return np.array([self._answer(signal) for signal in signals])

    def _answer(self, signal):
        power = np.abs(np.fft.rfft(signal.samples)) ** 2
        high = np.fft.rfftfreq(len(signal.samples), 1 / signal.rate) > 4000
        return (0.9, 0.1) if power[high].sum() > 0.01 * power.sum() else (0.2, 0.8)


def tone(hertz, seconds):
    return 0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture
def clips(tmp_path):
    """Two clips of each of six speakers, one of 0.6 and one of 1.2 s, each speaker with a tone of their own; three hiss."""
    made = []
    for speaker in range(6):
        for seconds in (0.6, 1.2):
            name = tmp_path / f"s{speaker}_{seconds}.wav"
            hiss = tone(6000, seconds) if speaker % 2 else 0
            sf.write(name, tone(300 + 100 * speaker, seconds) + hiss, RATE)
            made.append(Clip(name, f"s{speaker}", "hiss" if speaker % 2 else "plain"))
    return made


def quietly(classifier, clips, **how):
    return robustness_table([classifier], clips, log=lambda line: None, **how).set_index("condition")


def test_planted_losses_are_found_where_they_are(clips):
    table = quietly(Rule(), clips)
    scores = table["balanced_accuracy"]
    assert scores["clean"] == 1
    assert scores["0.25 s long"] == 1
    assert scores["white noise, 0 dB"] == scores["white noise, 10 dB"] == 0.5  # half the noise lies above 4 kHz: all is hiss
    assert scores["telephone"] == 0.5  # nothing above 3.4 kHz is left: all is plain
    assert scores["room, RT60 0.3 s"] == 1
    assert (table["chance"] == 0.5).all()
    assert table.loc["clean", "low"] == pytest.approx(0.025 ** (1 / 6)), "6 speakers all right: not certainty"
    assert table.loc["clean", "high"] == 1


def test_a_length_takes_only_clips_that_have_it_and_says_how_many(clips):
    rule = Rule()
    table = quietly(rule, clips)
    lengths = table[table["group"] == "length"]
    assert list(lengths["clips"]) == [12, 12, 6, 0, 0, 0]
    assert list(lengths["speakers"]) == [6, 6, 6, 0, 0, 0]
    assert lengths["balanced_accuracy"].isna().tolist() == [False] * 3 + [True] * 3
    heard = [len(signal.samples) for signal in rule.heard[12:42]]  # after the clean ones
    assert heard == [4000] * 12 + [8000] * 12 + [16000] * 6


def test_a_class_without_clips_leaves_no_score(clips):
    short = [clip for clip in clips if clip.true == "plain" or "0.6" in clip.path.name]
    table = quietly(Rule(), short)
    assert table.loc["1 s long", "clips"] == 3
    assert np.isnan(table.loc["1 s long", "balanced_accuracy"])


def test_clean_same_clips_is_the_score_of_those_clips_alone(clips):
    wrong = [clip._replace(true="plain") if clip.path.name == "s1_0.6.wav" else clip for clip in clips]
    table = quietly(Rule(), wrong)  # its short hiss is now an error: 6 of 7 plain, 5 of 5 hiss
    assert table.loc["clean", "balanced_accuracy"] == pytest.approx((6 / 7 + 1) / 2)
    assert table.loc["0.5 s long", "clean_same_clips"] == pytest.approx((6 / 7 + 1) / 2)
    assert table.loc["1 s long", "clean_same_clips"] == 1


def test_uncertain_clips_are_counted_and_the_errors_among_the_rest(clips):
    rule = Rule()
    rule.threshold = 0.85  # "plain" is never as sure
    table = quietly(rule, clips)
    assert table.loc["clean", "uncertain"] == 0.5
    assert table.loc["clean", "error_answered"] == 0
    assert table.loc["telephone", "uncertain"] == 1
    assert np.isnan(table.loc["telephone", "error_answered"])
    assert table.loc["white noise, 0 dB", "error_answered"] == 0.5


def test_mp3_goes_as_low_as_the_rate_lets_it():
    names = {rate: robustness.conditions(rate)[-1].name for rate in (16_000, 48_000)}
    assert names == {16_000: "MP3, 16 kbit/s", 48_000: "MP3, 32 kbit/s"}


def test_babble_is_of_other_speakers(tmp_path):
    """Each clip is a tone in its first half and silence in its second; there, under babble, its own tone must not be."""
    made = []
    for speaker in range(4):
        for take in range(2):
            name = tmp_path / f"s{speaker}_{take}.wav"
            sf.write(name, np.concatenate([tone(500 + 250 * speaker, 0.5), np.zeros(8000)]), RATE)
            made.append(Clip(name, f"s{speaker}", "plain"))
    rule = Rule()
    quietly(rule, made)
    babbled = rule.heard[8 * (1 + 3 + 3) : 8 * (1 + 3 + 3) + 8]  # after clean, three lengths and three noises: 20 dB
    for clip, signal in zip(made, babbled, strict=True):
        power = np.abs(np.fft.rfft(signal.samples[8800:] * np.hanning(7200))) ** 2  # 0.05 s past the clip's own tone
        bins = [round((500 + 250 * k) * 7200 / RATE) for k in range(4)]
        own = int(clip.speaker[1])
        assert power[bins[own]] < 1e-3 * max(power[k] for k in bins)


def test_one_speaker_alone_has_no_babble(clips):
    alone = [clip for clip in clips if clip.speaker == "s0"]
    table = quietly(Rule(), alone)
    assert (table.loc[table["group"] == "babble", "clips"] == 0).all()
    assert table.loc["telephone", "balanced_accuracy"] == 1


def test_the_same_seed_gives_the_same_sound_and_another_one_another(clips):
    heard = []
    for seed in (0, 0, 1):
        rule = Rule()
        quietly(rule, clips, seed=seed)
        heard.append(np.concatenate([signal.samples for signal in rule.heard]))
    np.testing.assert_array_equal(heard[0], heard[1])
    assert not np.array_equal(heard[0], heard[2])


def test_a_stopped_table_goes_on_and_ends_the_same(clips):
    kept = []

    def stop_at_the_fifth(table):
        kept.append(table)
        if len(table) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quietly(Rule(), clips, keep=stop_at_the_fifth)
    rule, lines = Rule(), []
    whole = robustness_table([rule], clips, done=kept[-1], log=lines.append)
    assert len(lines) == len(whole) - 5
    pd.testing.assert_frame_equal(whole, quietly(Rule(), clips).reset_index(), check_like=True)
    again = Rule()
    robustness_table([again], clips, done=whole)
    assert again.heard == []


def test_each_fold_has_its_own_network(clips):
    class Contrary(Rule):
        def _answer(self, signal):
            return super()._answer(signal)[::-1]

    folds = [clip._replace(fold=1 + int(clip.speaker in ("s4", "s5"))) for clip in clips]
    table = robustness_table([Rule(), Contrary()], folds, log=lambda line: None).set_index("condition")
    assert table.loc["clean", "balanced_accuracy"] == pytest.approx(2 / 3)  # two of each class's three speakers are right


def test_few_per_class_takes_many_speakers_before_many_clips():
    clips = [Clip(Path(f"{s}_{i}.wav"), f"s{s}", "hiss" if s % 2 else "plain") for s in range(6) for i in range(5)]
    chosen = balanced_sample(clips, 4)
    assert [sum(clip.true == name for clip in chosen) for name in ("hiss", "plain")] == [4, 4]
    assert len({clip.speaker for clip in chosen}) == 6
    assert chosen == sorted(chosen, key=clips.index)
    assert balanced_sample(clips, 4) == chosen != balanced_sample(clips, 4, seed=1)
    assert balanced_sample(clips, 100) == balanced_sample(clips, None) == clips


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda clips: quietly(Rule(), []), "no clips"),
        (lambda clips: quietly(Rule(), [clips[0]._replace(true="whisper")]), "'whisper': the model does not know it"),
        (lambda clips: balanced_sample(clips, 0), "limit 0"),
    ],
)
def test_what_cannot_be_tested_is_said(clips, call, words):
    with pytest.raises(VoicecamError, match=words):
        call(clips)


def test_the_figure_shows_the_tables_numbers():
    rows = pd.DataFrame(
        {
            "group": ["clean", "length", "length", "line"],
            "condition": ["clean", "1 s long", "5 s long", "telephone"],
            "clips": [100, 100, 0, 90],
            "balanced_accuracy": [0.95, 0.9, np.nan, 0.7],
            "low": [0.9, 0.85, np.nan, 0.6],
            "high": [0.97, 0.93, np.nan, 0.8],
            "chance": 0.5,
        }
    )
    fig, ax = figures.figure(3)
    dots = figures.plot_robustness(rows, ax=ax)
    np.testing.assert_allclose(np.ma.filled(dots.get_offsets(), np.nan)[:, 0], [0.9, np.nan, 0.7])
    steps = -np.diff(ax.get_yticks())
    assert steps[0] == pytest.approx(1)
    assert steps[1] > 1.5  # a gap between groups
    (bars,) = (c for c in ax.collections if hasattr(c, "get_segments"))
    assert {tuple(part[:, 0]) for part in bars.get_segments() if len(part)} == {(0.85, 0.93), (0.6, 0.8)}
    assert [line.get_xdata()[0] for line in ax.lines] == [0.95, 0.5]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1 s long", "5 s long (0 clips)", "telephone (90 clips)"]
    assert {"90 %", "not enough clips", "70 %", "clean 95 %", "chance"} == {text.get_text() for text in ax.texts}
    assert figures.png_bytes(fig).startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with an evaluated run of three folds, and what the robustness script said of it."""
    place = tmp_path_factory.mktemp("work")
    for speaker in range(12):
        rng = np.random.default_rng(speaker)
        name, f0 = ("low", 90 + 3 * speaker) if speaker % 2 else ("high", 210 + 3 * speaker)
        (place / "voices" / name).mkdir(parents=True, exist_ok=True)
        for take in range(3):
            sf.write(place / "voices" / name / f"s{speaker:02d}_{take}.wav", voice(f0, rng, seconds=0.6), RATE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        config = recipe("mfcc", image_rows=32, image_columns=32, seconds=0.5)
        training = TrainConfig(arch="small", init="none", epochs=4, batch=8)
        settings = runs.Settings(
            map=str(make_images(open_corpus("voices"), config)), label="label", split="folds", folds=3, training=training
        )
        folder = Path("results/small")
        runs.start_run(folder, settings, command="by a test")
        dataset = runs.run_dataset(settings)
        runs.train_run(folder, dataset, log=lambda line: None)
        runs.evaluate_run(folder, dataset)
    return place, output_of("robustness", "--run", "small", cwd=place)


@pytest.mark.slow
def test_clean_is_the_runs_own_score(finished):
    place, said = finished
    folder = place / "results" / "small"
    table = pd.read_csv(folder / "robustness.csv").set_index("condition")
    own = json.loads((folder / "metrics.json").read_text())["network"]["balanced_accuracy"]
    for column, name in (("balanced_accuracy", "value"), ("low", "low"), ("high", "high")):
        assert table.loc["clean", column] == pytest.approx(own[name], abs=1e-5)
    assert table.loc["clean", "clips"] == 36
    assert list(table.loc["2 s long":"5 s long", "clips"]) == [0, 0, 0]
    assert "MP3, 16 kbit/s" in table.index
    worst = table["balanced_accuracy"].idxmin()
    assert last_line(said).endswith(f"least with {worst}: {table['balanced_accuracy'].min():.3f}")
    assert (folder / "figures" / "robustness.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_rows_that_are_there_stay_and_missing_ones_are_made_again_alike(finished, monkeypatch):
    place, _ = finished
    monkeypatch.chdir(place)
    path = Path("results/small/robustness.csv")
    before = path.read_text()
    path.write_text("\n".join(before.splitlines()[:-2]) + "\n")
    lines = []
    run_robustness(path.parent, log=lines.append)
    assert len(lines) == 2
    assert path.read_text() == before
    lines.clear()
    run_robustness(path.parent, limit=3, log=lines.append)
    assert (len(lines), path.read_text()) == (len(before.splitlines()) - 1, before), "beside what is there"
    assert path.with_name("robustness-limit3.csv").exists()


@pytest.mark.slow
def test_a_run_without_recordings_is_refused(finished, monkeypatch):
    place, _ = finished
    monkeypatch.chdir(place)
    plain = runs.run_dataset

    def without_sound(settings):
        dataset = plain(settings)
        return replace(dataset, corpus=replace(dataset.corpus, matrices=Path("x.npz")))

    monkeypatch.setattr(runs, "run_dataset", without_sound)
    with pytest.raises(DatasetError, match="has matrices but no recordings"):
        run_robustness(Path("results/small"))
