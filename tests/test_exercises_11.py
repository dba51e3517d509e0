"""Notebook 11: the checks of its exercises, and what asks two systems alike, on made tables, sounds and embeddings."""

import time

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression

from voicecam import audio, evaluation
from voicecam.audio import Signal
from voicecam.audio.degrade import cut
from voicecam.config import DEMO, recipe
from voicecam.corpora import open_corpus
from voicecam.course import exercises_11 as exercises
from voicecam.course import two_systems
from voicecam.course.recording import saved_words
from voicecam.data.splits import Split
from voicecam.explanation.bands import Bands
from voicecam.features.image import Scale
from voicecam.network import Model, build, save_model
from voicecam.network.heads import build_head

BOTH = ("high", "low")


@pytest.fixture(scope="module")
def words():
    """The demo voices' other words."""
    return open_corpus(DEMO / "words")


@pytest.fixture(scope="module")
def heard(words):
    """Three words with pauses."""
    return audio.read_bytes(saved_words(words, n=3))


def predictions(true, predicted):
    paths = [f"{i:02}.wav" for i in range(len(true))]
    return pd.DataFrame(
        {"path": paths, "speaker": [f"s{i // 2}" for i in range(len(true))], "fold": 1, "true": true, "predicted": predicted}
    )


def test_the_label_nearest_to_chance_counts_what_is_left_above_it():
    two = predictions(["a", "b"] * 10, ["a", "b"] * 6 + ["a", "a"] * 4)  # 0.8 of 2 classes: 0.6 of what is left
    five = predictions(list("abcde") * 4, list("abcde") * 2 + list("bbcde") * 2)  # 0.9 of 5: 0.875
    test = exercises.nearest_to_chance({"two": two, "five": five})
    assert test("two") is None
    assert "five: 90% with new speakers, chance 20%" in test("five")
    assert "one of two, five" in test("three")
    worse = predictions(list("abcde") * 4, list("abcde") * 2 + list("aaaaa") * 2)  # 0.6 of 5: 0.5, though 0.8 > 0.6
    assert exercises.nearest_to_chance({"two": two, "five": worse})("five") is None


def noisy(seed):
    """One number tells a little, 199 nothing; how strongly a regression is held back matters; each part has its own best C."""
    rng, truth = np.random.default_rng(seed), np.array(["a", "b"] * 60)
    embeddings = rng.normal(size=(120, 200))
    embeddings[:, 0] += np.where(truth == "a", 1.2, -1.2)
    return embeddings, truth, Split(np.arange(60), np.arange(60, 90), np.arange(90, 120))


def balanced_by_hand(embeddings, truth, split, C):
    """Mean recall on the validation and on the test speakers, with scaling and counting of its own."""
    mean, spread = embeddings[split.train].mean(axis=0), embeddings[split.train].std(axis=0)
    scaled = (embeddings - mean) / spread
    said = LogisticRegression(C=C, max_iter=1000).fit(scaled[split.train], truth[split.train]).predict(scaled)
    parts = (split.valid, split.test)
    return [np.mean([np.mean(said[part][truth[part] == one] == one) for one in ("a", "b")]) for part in parts]


def test_c_is_chosen_on_validation_speakers_and_a_choice_by_the_test_speakers_is_called_a_leak():
    leaks = 0
    for seed in range(8):
        scores = {C: balanced_by_hand(*noisy(seed), C) for C in exercises.STRENGTHS}
        valid, tested = (max(score[part] for score in scores.values()) for part in (0, 1))
        test = exercises.validated_strength(*noisy(seed))
        for C, score in scores.items():
            if score[0] == valid:
                assert test(C) is None
            elif score[1] == tested:
                assert "data leakage" in test(C)
                leaks += 1
            else:
                assert "split.valid" in test(C)
    assert leaks
    assert "one of 0.0001" in test(17)
    assert "one of 0.0001" in test("a lot")


def test_in_none_of_the_four_sounds_somebody_speaks(heard):
    found = {name: bool(audio.speech.find_speech(sound)) for name, sound in exercises.without_speech().items()}
    assert found == dict.fromkeys(found, False)
    assert audio.speech.find_speech(heard)


def test_an_embedding_stops_where_nobody_speaks(heard):
    pytest.importorskip("resemblyzer")
    from voicecam.data.encodings import clip_encoding
    from voicecam.errors import SilentError

    config = recipe("embedding")

    def embed(signal):
        try:
            return clip_encoding(signal, config)[:, 0]
        except SilentError:
            return None

    test = exercises.stops_without_speech(heard)
    assert test(embed) is None
    assert "error must be caught" in test(lambda signal: clip_encoding(signal, config)[:, 0])
    assert "nobody speaks, and it gives 256 numbers" in test(lambda signal: np.zeros(256))
    assert "somebody speaks, and it gives None" in test(lambda signal: None)
    assert "shape (256, 1)" in test(lambda s: None if embed(s) is None else embed(s)[:, None])
    assert "values are off" in test(lambda s: None if embed(s) is None else -embed(s))
    assert "a function is asked for" in test(3)


def test_the_nearest_voice_is_told_by_angle_not_by_length():
    embeddings = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.0, 1.0]])
    speakers = np.array(["a", "a", "b", "b"])  # means: (0.9, 0.3), shorter, and (0, 1)
    test = exercises.nearest_voice(np.array([0.62, 0.6]), embeddings, speakers)  # dot products 0.74 and 0.6
    assert test("a") is None
    assert "1 of 2 speakers are nearer" in test("b")
    assert "name of a speaker" in test("c")
    near = np.array([0.5, 0.62])  # dot products 0.636 and 0.62, cosines 0.84 and 0.78
    assert exercises.nearest_voice(near, embeddings, speakers)("a") is None
    short = np.array([[0.1, 0.0], [0.0, 1.0]])  # here the longer mean has the larger dot product and the wider angle
    assert exercises.nearest_voice(np.array([0.8, 0.6]), short, np.array(["a", "b"]))("a") is None


@pytest.mark.parametrize(("low", "high", "few", "said"), [(0.1, 0.3, "", "first"), (-0.3, -0.1, "", "second"),
                                                          (-0.1, 0.3, "", "none"), (0.1, 0.3, "few", "none"),
                                                          (None, None, "", "none")])  # fmt: skip
def test_a_verdict_wants_an_interval_on_one_side_of_zero(low, high, few, said):
    found = {"difference": {"value": 0.2, "low": low, "high": high}, "few_speakers": few}
    assert two_systems.verdict(found, "first", "second", "none") == said


def test_differences_are_written_in_points():
    assert two_systems.points({"value": 0.204, "low": -0.05, "high": 0.31}) == "20 [\N{MINUS SIGN}5, 31]"
    assert two_systems.points({"value": -0.001, "low": -0.004, "high": 0.01}) == "0 [0, 1]"
    assert two_systems.points({"value": -0.2, "low": None, "high": None}) == "\N{MINUS SIGN}20"


def test_both_systems_are_asked_about_the_same_clips():
    one = predictions(["a", "b"] * 10, ["a", "b"] * 10)
    other = one.sample(frac=1, random_state=3).assign(predicted="a")
    some, same = two_systems.some_clips(one, 6), two_systems.some_clips(other, 6)
    assert some["path"].tolist() == same["path"].tolist()
    assert some["true"].value_counts().to_dict() == {"a": 3, "b": 3}
    assert two_systems.right_in_both(one, other) == ("00.wav", "a")
    assert two_systems.right_in_both(one.assign(predicted="b"), other) == ("00.wav", "a")  # none: the first
    assert two_systems.right_in_both(one, one.assign(predicted="b")) == ("01.wav", "b")


def test_few_speakers_keep_as_many_of_each_class():
    demo = open_corpus(DEMO)
    few = two_systems.few_speakers(demo, "gender", 3).clips
    assert few.drop_duplicates("speaker")["gender"].value_counts().to_dict() == {"female": 3, "male": 3}
    assert len(few) == 6 * 20


@pytest.fixture
def run(tmp_path, words):
    """A run's folder with two folds of untrained networks on pictures, and predictions of two clips, one of them silent."""
    config = recipe("mfcc", image_rows=24, image_columns=64)
    for fold in (1, 2):
        network = build("small", 2).eval()
        network[1][-1].bias.data[:] = 100.0 if fold == 1 else -100.0
        network[1][-1].bias.data[1] = 0.0  # fold 1 always says "high", fold 2 "low"
        scale = Scale((0.0,) * config.n_mfcc, (1.0,) * config.n_mfcc)
        save_model(tmp_path / f"fold{fold}", Model(network, "small", "pitch", BOTH, config, scale))
    sf.write(tmp_path / "speech.wav", audio.read(words.root / words.clips["path"].iloc[0]).samples, 16_000)
    sf.write(tmp_path / "short.wav", 0.1 * np.sin(np.arange(2000.0)), 16_000)
    return tmp_path


def test_each_clip_is_asked_of_the_network_that_tested_it_and_short_ones_are_left_out(run):
    clips = predictions(["high", "low", "low"], ["high", "low", "low"]).assign(
        path=["speech.wav", "speech.wav", "short.wav"], fold=[1, 2, 2]
    )
    found = two_systems.answers(run, clips, run, lambda x, rate: cut(x, rate, 0.25))
    assert found[["path", "fold", "predicted"]].to_numpy().tolist() == [["speech.wav", 1, "high"], ["speech.wav", 2, "low"]]
    whole = two_systems.answers(run, clips, run, lambda x, rate: x)
    assert len(whole) == 3
    corpus = open_corpus(DEMO)
    began = time.perf_counter()
    ms = two_systems.milliseconds(run, corpus)
    assert 0 < ms < 1000 * (time.perf_counter() - began) / two_systems.TIMED * 3


def test_a_speech_model_that_finds_no_speech_says_so(tmp_path):
    pytest.importorskip("resemblyzer")
    config = recipe("embedding")
    head = build_head("logistic", np.zeros((2, 256, 1), np.float32), 2).eval()
    save_model(tmp_path / "fold1", Model(head, "logistic", "pitch", BOTH, config, Scale((), ())))
    sf.write(tmp_path / "hum.wav", exercises.without_speech()["a hum of 100 Hz"].samples, 16_000)
    clips = predictions(["high"], ["high"]).assign(path="hum.wav")
    found = two_systems.answers(tmp_path, clips, tmp_path, lambda x, rate: x)
    assert found["predicted"].tolist() == ["no speech"]


def test_a_recording_of_ones_own_comes_first_then_a_known_demo_voice(tmp_path, words):
    name, signal = two_systems.own_recording(tmp_path, words, known={"01", "02"})
    assert name == "words of demo voice 02"
    own = words.clips[words.clips["speaker"] == "02"]["path"]
    lengths = [audio.read(words.root / path).seconds for path in own]
    assert signal.seconds == pytest.approx(sum(lengths) + 0.4 * len(lengths), abs=0.01)
    assert two_systems.own_recording(tmp_path, words, known={"nobody"})[0] == "words of demo voice 64"
    (tmp_path / "my_wavs").mkdir()
    sf.write(tmp_path / "my_wavs" / "me.wav", signal.samples, 16_000)
    sf.write(tmp_path / "my_wavs" / "then-silence.wav", np.zeros(800), 8000)
    sf.write(tmp_path / "my_wavs" / "tone.wav", exercises.without_speech()["a tone of 1 kHz"].samples, 16_000)
    assert two_systems.own_recording(tmp_path, words, known={"01"})[0] == "me.wav"


def test_pictures_are_of_the_sounding_part_and_drops_become_rows(run):
    from voicecam.network import load_model

    model = load_model(run / "fold1")
    sound = np.zeros(25_600, np.float32)
    sound[4000:12_000] = np.sin(0.1 * np.arange(8000))
    span = slice(4000, 12_000)
    shown = two_systems.pictures(np.stack([sound, sound]), span, model.config)
    alone = two_systems.pictures(sound[None, 4000:12_000], slice(None), model.config)
    np.testing.assert_array_equal(shown, np.concatenate([alone, alone]))
    assert two_systems.asked_pictures(model, span)(sound[None])[0].argmax() == 0
    bands = Bands(("low", "high"), ((0.0, 1000.0), (1000.0, 8000.0)))
    rows = two_systems.drop_rows({"A": np.array([1.0, 2.0]), "B": np.array([3.0, 4.0])}, bands)
    assert rows[["class", "from", "to", "drop"]].to_numpy().tolist() == [
        ["A", 0.0, 1000.0, 1.0],
        ["A", 1000.0, 8000.0, 2.0],
        ["B", 0.0, 1000.0, 3.0],
        ["B", 1000.0, 8000.0, 4.0],
    ]
    ax = Figure().add_subplot()
    two_systems.plot_picture_map(model.config, shown[0], np.array([[-1.0, 2.0], [0.5, -3.0]]), ax=ax)
    assert float(ax.collections[0].get_array().min()) == 0.0


def test_changes_are_drawn_with_both_systems_scores():
    one = predictions(["a", "b"] * 10, ["a", "b"] * 10)
    found = {"as it is": evaluation.compare(one, one.assign(predicted="a")), "noise": evaluation.compare(one, one)}
    ax = Figure().add_subplot()
    two_systems.plot_changes(found, ("A", "pictures"), chance=0.5, ax=ax)
    first, second = (line.get_ydata().tolist() for line in ax.lines[:2])
    assert first == [1.0, 1.0]
    assert second == [0.5, 1.0]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["as it is", "noise"]


def test_an_embedding_by_hand_has_the_level_that_the_recipe_says(heard):
    """-30 dB re full scale over what sounds: what section 1 of the notebook does to its samples."""
    prepared = audio.prepare_whole(Signal(heard.samples, heard.rate), recipe("embedding")).samples
    assert 20 * np.log10(np.sqrt(np.mean(prepared[prepared != 0] ** 2))) == pytest.approx(-30, abs=0.01)
