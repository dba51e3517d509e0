"""Renderings: the clean one is what a classifier sees, the others are degraded, and nobody else's voice gets into a clip."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from voicecam import audio
from voicecam.audio.degrade import DEGRADATIONS, Degradation, augment
from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.data.augmented import AugmentedClips, render
from voicecam.errors import AudioError, DatasetError
from voicecam.features import window_matrix
from voicecam.features.image import fit_scale
from voicecam.network.classifier import clip_windows
from voicecam.network.windows import NO_CLASS_SHARE, SHORT, Windows, clip_shares, even_shares

CONFIG = recipe("voice")


@pytest.fixture
def corpus(write_voices):
    return open_corpus(write_voices(speakers=4, takes=2, seconds=1.7))


def test_the_clean_rendering_is_what_a_classifier_sees(corpus, tmp_path):
    found = render(corpus, CONFIG, n_augmented=0, cache=tmp_path / "cache")
    for number, name in enumerate(corpus.clips["path"]):
        expected = clip_windows(audio.read(corpus.root / name), CONFIG)
        np.testing.assert_allclose(found.windows(number), expected, atol=0.02)  # kept as float16


def test_copies_are_degraded_each_in_its_own_way(corpus, tmp_path):
    found = render(corpus, CONFIG, n_augmented=3, cache=tmp_path / "cache")
    assert found.bounds.shape == (8, 4, 2)
    means = [found.whole(0, copy).astype(float).mean(axis=0) for copy in range(4)]
    apart = [np.abs(a - b).max() for i, a in enumerate(means) for b in means[:i]]
    assert min(apart) > 1, "dB, in the band that differs most"


def test_processes_do_not_change_the_result(corpus, tmp_path):
    one, two = (render(corpus, CONFIG, n_augmented=2, cache=tmp_path / str(n), workers=n) for n in (1, 2))
    np.testing.assert_array_equal(one.decibels, two.decibels)
    other = render(corpus, CONFIG, n_augmented=2, seed=1, cache=tmp_path / "other")
    assert other.decibels.shape != one.decibels.shape or (other.decibels != one.decibels).any()


def test_renderings_are_kept_until_a_clip_changes(corpus, tmp_path):
    render(corpus, CONFIG, n_augmented=1, cache=tmp_path / "cache")
    (folder,) = (tmp_path / "cache").iterdir()
    stamp = (folder / "decibels.npy").stat().st_mtime_ns
    render(corpus, CONFIG, n_augmented=1, cache=tmp_path / "cache")
    assert (folder / "decibels.npy").stat().st_mtime_ns == stamp
    moved = corpus.root.rename(tmp_path / "elsewhere")
    os.utime(moved / corpus.clips["path"][0])
    again = replace(corpus, root=moved)
    render(again, CONFIG, n_augmented=1, cache=tmp_path / "cache")
    assert (folder / "decibels.npy").stat().st_mtime_ns == stamp, "the same bytes in another place"
    clip = moved / corpus.clips["path"][0]
    clip.write_bytes(bytes([*clip.read_bytes()[:-1], 7]))
    render(again, CONFIG, n_augmented=1, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_damaged_renderings_are_made_again(corpus, tmp_path):
    whole = render(corpus, CONFIG, n_augmented=0, cache=tmp_path / "cache").decibels.copy()
    (folder,) = (tmp_path / "cache").iterdir()
    np.save(folder / "decibels.npy", np.zeros((3, CONFIG.n_mels), np.float16))
    np.testing.assert_array_equal(render(corpus, CONFIG, n_augmented=0, cache=tmp_path / "cache").decibels, whole)
    (folder / "bounds.npy").write_bytes(b"half")
    np.testing.assert_array_equal(render(corpus, CONFIG, n_augmented=0, cache=tmp_path / "cache").decibels, whole)


def test_no_other_speakers_voice_gets_into_a_clip(tmp_path, rng):
    """Two speakers, each a tone of its own; babble of the other one would put the other's tone into a clip."""
    rows = []
    for speaker, hertz in (("low", 500), ("high", 3000)):
        for take in range(6):
            samples = 0.3 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000 + rng.uniform(0, 6))
            sf.write(tmp_path / f"{speaker}{take}.wav", samples, 16_000)
            rows.append({"path": f"{speaker}{take}.wav", "speaker": speaker, "pitch": speaker})
    pd.DataFrame(rows).to_csv(tmp_path / "clips.csv", index=False)
    corpus = open_corpus(tmp_path / "clips.csv")
    only_babble = Degradation(
        pitch_share=0, speed_share=0, room_share=0, curve_share=0, band_share=0, codec_share=0, noise_share=1, babble_share=1
    )
    found = render(corpus, CONFIG, n_augmented=12, how=only_babble, cache=tmp_path / "cache")
    centres = np.array([500.0, 3000.0])
    from librosa import mel_frequencies

    bands = mel_frequencies(CONFIG.n_mels + 2, fmin=0, fmax=8000)[1:-1]
    low, high = (int(np.abs(bands - hertz).argmin()) for hertz in centres)
    for number, speaker in enumerate(corpus.clips["speaker"]):
        foreign = high if speaker == "low" else low
        for copy in range(13):
            mean = found.whole(number, copy).astype(float).mean(axis=0)
            neighbours = np.median(mean[foreign - 4 : foreign + 5])
            assert mean[foreign] - neighbours < 6, "dB: a tone stands far above the bands around it"


def drawn_from(clips, n, *, seed=0, **how):
    """Targets and pictures of windows of the first clip alone."""
    scale = fit_scale(clips.windows(0), clips.config)
    only = np.eye(len(clips.bounds))[0]
    return *Windows(clips, np.zeros(len(only), int), np.arange(len(only)), only, scale, seed=seed, **how).draw(n), scale


@pytest.mark.parametrize("changes", [{}, {"normalise": "mean"}, {"features": "mfcc"}, {"normalise": "none", "floor_db": 30.0}])
def test_random_windows_are_windows_of_the_clips_copies(corpus, tmp_path, changes):
    """Each drawn picture must be, to one grey level, the picture of some stretch of some copy, as window_matrix has it."""
    config = replace(CONFIG, **changes)
    found = render(corpus, config, n_augmented=1, cache=tmp_path / "cache")
    _, pictures, scale = drawn_from(found, 40, short=0.0)
    assert pictures.shape == (40, config.n_rows, config.n_frames)
    wholes = [found.whole(0, copy).astype(np.float32) for copy in (0, 1)]
    every = [whole[start : start + config.n_frames] for whole in wholes for start in range(len(whole) - config.n_frames + 1)]
    known = scale.to_gray(np.stack([window_matrix(one, config) for one in every])).astype(int)
    which = [np.abs(known - picture.numpy().astype(int)).max(axis=(1, 2)) for picture in pictures]
    assert max(one.min() for one in which) <= 1
    places = {int(one.argmin()) for one in which}
    assert min(places) < len(known) / 2 < max(places), "of both copies"
    assert len(places) > 20
    again = drawn_from(found, 40, short=0.0)[1]
    np.testing.assert_array_equal(pictures, again)


def test_short_windows_say_their_part_again(corpus, tmp_path):
    """With every window cut, the number of frames after which a window repeats itself is from 0.3 to 1 of its length."""
    found = render(corpus, CONFIG, n_augmented=0, cache=tmp_path / "cache")
    n, repeats = CONFIG.n_frames, []
    for picture in drawn_from(found, 60, short=1.0)[1].numpy().astype(int):
        same = [p for p in range(1, n) if (picture[:, p:] == picture[:, :-p]).all()]
        repeats.append(min(same, default=n) / n)
    assert min(repeats) >= 0.29
    assert np.mean(repeats) == pytest.approx(0.65, abs=0.1)
    assert len(set(repeats)) > 8


def test_kept_clips_keep_their_sound(corpus, tmp_path):
    found = render(corpus, CONFIG, n_augmented=1, cache=tmp_path / "cache")
    kept = found.keep(np.array([5, 2]))
    np.testing.assert_array_equal(kept.whole(0, 1), found.whole(5, 1))
    np.testing.assert_array_equal(kept.windows(1), found.windows(2))


def test_bad_input_is_refused(corpus, tmp_path, rng):
    with pytest.raises(DatasetError, match="n_augmented=-1"):
        render(corpus, CONFIG, n_augmented=-1, cache=tmp_path / "cache")
    sf.write(corpus.root / corpus.clips["path"][0], np.zeros(16_000), 16_000)
    with pytest.raises(AudioError, match="silent"):
        render(corpus, CONFIG, n_augmented=0, cache=tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*/augmented.json"))


def test_a_corrected_speaker_is_rendered_again_and_a_missing_clip_is_named(corpus, tmp_path):
    render(corpus, CONFIG, n_augmented=1, cache=tmp_path / "cache")
    other = replace(corpus, clips=corpus.clips.assign(speaker=corpus.clips["speaker"].iloc[::-1].to_numpy()))
    render(other, CONFIG, n_augmented=1, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2
    (corpus.root / corpus.clips["path"][0]).unlink()
    with pytest.raises(DatasetError, match="cannot be read, though the map names it"):
        render(corpus, CONFIG, n_augmented=1, cache=tmp_path / "cache")


def test_shares_make_classes_equal_and_hold_back_who_recorded_much():
    targets, speakers = np.array([0, 0, 0, 0, 0, 1]), np.array(["a", "a", "a", "a", "b", "c"])
    shares = clip_shares(targets, speakers)
    assert shares.sum() == pytest.approx(1)
    assert shares[targets == 1].sum() == pytest.approx(0.5)
    assert shares[:4].sum() / shares[4] == pytest.approx(2), "4 clips count as sqrt(4) of one"


def style_table():
    """(corpus, class, emotion, speaker, clips): A has styles and 4 speakers, B none and 1 speaker, who is no adult."""
    rows = [("A", 0, "calm", "a1", 3), ("A", 0, "angry", "a1", 1), ("A", 0, "angry", "a2", 2), ("A", 1, "calm", "a3", 2)]
    rows += [("A", 1, "calm", "a4", 6), ("B", 0, None, "b1", 2), ("B", 1, None, "b2", 1), ("B", 1, None, "b3", 4)]
    return pd.DataFrame(
        [(c, t, e, s) for c, t, e, s, n in rows for _ in range(n)], columns=["corpus", "target", "emotion", "speaker"]
    )


def test_even_shares_are_those_found_by_hand():
    table = style_table()
    young = (table["speaker"] == "b3").to_numpy()
    shares = table.assign(share=even_shares(table, table["target"].to_numpy(), young))
    sums = shares.groupby(["corpus", "target", "emotion", "speaker"], dropna=False)["share"].sum()
    assert shares["share"].sum() == pytest.approx(1)
    assert shares.loc[young, "share"].sum() == pytest.approx(NO_CLASS_SHARE)
    left = (1 - NO_CLASS_SHARE) / 2
    a, b = 2 * 4**0.5 / 2, 3**0.5 / 3  # two styles count twice; B has two classes and who is of none
    for place, part in {
        (0, "calm", "a1"): 2,
        (0, "angry", "a1"): 4,
        (0, "angry", "a2"): 4,
        (1, "calm", "a3"): 2,
        (1, "calm", "a4"): 2,
    }.items():
        assert sums["A", *place] == pytest.approx(left * a / (a + b) / part)
    assert shares.loc[shares["speaker"] == "b2", "share"].sum() == pytest.approx(left * b / (a + b))
    spread = shares.groupby("speaker")["share"].agg(lambda share: share.max() - share.min()).drop("a1")
    assert (spread < 1e-12).all(), "clips of a speaker in one style count alike"


def test_clips_of_no_class_are_drawn_as_either():
    decibels = np.random.default_rng(0).normal(size=(300, CONFIG.n_mels)).astype(np.float16)
    clips = AugmentedClips(decibels, np.array([[[0, 100]], [[100, 200]], [[200, 300]]]), CONFIG)
    scale = fit_scale(np.zeros((2, CONFIG.n_mels, CONFIG.n_frames), np.float32), CONFIG)
    targets, young = np.array([0, 1, 1]), np.array([False, False, True])
    windows = Windows(clips, targets, np.arange(3), np.array([0.0, 0.0, 1.0]), scale, seed=0, no_class=young)
    assert 160 < windows.draw(400)[0].sum() < 240, "half and half, within four standard deviations"
    windows = Windows(clips, targets, np.arange(3), np.array([0.5, 0.5, 0.0]), scale, seed=0, no_class=young)
    assert 40 < windows.draw(120)[0].sum() < 80
    windows = Windows(clips, targets, np.array([2, 0]), np.array([0.1, 0.3]), scale, seed=0)
    assert 240 < (windows.draw(400)[0] == 0).sum() < 360, "rows and shares belong together"


def test_copies_of_words_go_farther_and_are_never_cut(corpus):
    """Playing faster and moving the pitch both change the length: by how much, tells how far."""
    spread = {}
    for kind in ("voice", "word"):
        samples, rng = audio.read(corpus.root / corpus.clips["path"][0]).samples, np.random.default_rng(1)
        lengths = [len(augment(samples, 16_000, [], rng, how=DEGRADATIONS[kind])) for _ in range(60)]
        spread[kind] = np.std(12 * np.log2(lengths))
    assert spread["word"] > 1.5 * spread["voice"], "semitones"
    assert SHORT["word"] == 0 < SHORT["voice"]
