"""What must hold for any input, on inputs that hypothesis makes up: features, grey levels, splits, bands, intervals, tables."""

import csv
import io
import math
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.corpora.table import make_corpus
from voicecam.data.splits import make_splits
from voicecam.errors import AudioError, DatasetError, VoicecamError
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.bands import Bands, band_shares, to_bands
from voicecam.features import features
from voicecam.features.image import Scale, fit_scale, load_matrix, save_matrix
from voicecam.files import cut_bytes, read_table, safe_name

RECIPES = ("mfcc", "logmel", "voice", "voice-fine")
SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
FEW = settings(SOME, max_examples=25)
VALUES = st.floats(-1e4, 1e4, width=32)
NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12)


@pytest.fixture(scope="module", autouse=True)
def without_lazy_modules():
    """hypothesis looks into every module there is; SpeechBrain's, of packages that are not here, fall over when looked into."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name, module in sys.modules.items() if type(module).__module__ == "speechbrain.utils.importutils"]:
            patch.delitem(sys.modules, name)
        yield


@FEW
@given(
    samples=nps.arrays(np.float32, st.integers(1, 20_000), elements=st.floats(-1, 1, width=32), fill=st.just(np.float32(0.25))),
    rate=st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000]),
    name=st.sampled_from(RECIPES),
)
def test_features_are_finite_and_of_one_shape_for_any_sound(samples, rate, name):
    config = recipe(name)
    try:
        found = features(audio.prepare(Signal(samples, rate), config), config).matrix
    except AudioError:
        return
    assert found.shape == (config.n_rows, config.n_frames)
    assert np.isfinite(found).all()


@FEW
@given(name=st.sampled_from(["logmel", "mfcc"]), seed=st.integers(0, 99), factor=st.floats(0.05, 20))
def test_the_level_of_a_recording_does_not_show(name, seed, factor):
    config = recipe(name)
    samples = 0.04 * np.random.default_rng(seed).standard_normal(config.n_samples).astype(np.float32)
    one, other = (features(audio.prepare(Signal(np.float32(k) * samples, 16_000), config), config).matrix for k in (1, factor))
    np.testing.assert_allclose(one, other, atol=0.05 if config.level_dbfs is not None else math.inf)


@SOME
@given(rows=st.lists(st.tuples(VALUES, st.floats(0.01, 1e4)), min_size=1, max_size=6), data=st.data(), frames=st.integers(1, 7))
def test_grey_levels_come_back_to_half_a_step_and_rise_with_the_value(rows, data, frames):
    low, width = (np.array(part, dtype=np.float32) for part in zip(*rows))
    scale = Scale(tuple(map(float, low)), tuple(map(float, low + width)))
    where = data.draw(nps.arrays(np.float32, (len(rows), frames), elements=st.floats(-0.5, 1.5, width=32)))
    matrix = low[:, None] + where * width[:, None]
    grey = scale.to_gray(matrix)
    assert grey.dtype == np.uint8
    expected = np.clip(matrix, low[:, None], (low + width)[:, None])
    rounding = np.abs(matrix).max() * 1e-6
    assert (np.abs(scale.from_gray(grey) - expected) <= width[:, None] / 510 * 1.01 + 4 * rounding).all()
    order = np.argsort(matrix, axis=1)
    assert (np.diff(np.take_along_axis(grey, order, axis=1).astype(int), axis=1) >= 0).all()


@SOME
@given(matrix=nps.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=VALUES))
def test_a_matrix_comes_back_from_its_picture(matrix, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "one.png"
    found = load_matrix(path, *save_matrix(path, matrix))
    assert (
        np.abs(found - matrix).max() <= (float(matrix.max()) - float(matrix.min())) / 65_535 + 1e-6 * np.abs(matrix).max() + 1e-9
    )


@SOME
@given(matrices=nps.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6)), elements=VALUES))
def test_every_fitted_scale_can_be_used(matrices):
    scale = fit_scale(matrices, recipe("mfcc"))
    assert all(low < high for low, high in zip(scale.low, scale.high))
    middle = scale.to_gray(matrices.mean(axis=(0, 2))[:, None])[:, 0].astype(float)
    step = np.spacing(np.abs(matrices).max(axis=(0, 2)))  # float32's own: mean, black and white are each right to one or two
    width = np.subtract(scale.high, scale.low)
    assert (np.abs(middle - 127.5) <= 0.6 + 255 * 5 * step / width).all()


@FEW
@given(
    clips=st.lists(st.tuples(st.integers(0, 14), st.integers(0, 1)), min_size=1, max_size=80),
    kind=st.sampled_from(["speakers", "folds", "none"]),
    folds=st.integers(2, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_split_shares_a_speaker_or_loses_a_clip(clips, kind, folds, seed):
    rows = [
        {"path": f"{i}.wav", "speaker": f"s{speaker}", "gender": ("female", "male")[speaker % 2], "word": f"w{word}"}
        for i, (speaker, word) in enumerate(clips)
    ]
    try:
        corpus = make_corpus("made", Path("/nowhere"), rows)
        splits = make_splits(corpus, "gender", kind=kind, folds=folds, seed=seed)
    except DatasetError as error:
        reason = str(error)
        assert "\n" not in reason
        return
    tested = []
    for split in splits:
        sides = [set(corpus.clips["speaker"].iloc[rows]) for rows in (split.train, split.valid, split.test)]
        assert len(set.union(*sides)) == sum(map(len, sides))
        assert sorted(np.concatenate([split.train, split.valid, split.test]).astype(int)) == list(range(len(clips)))
        assert set(corpus.clips["gender"].iloc[split.train]) == set(corpus.clips["gender"])
        tested += list(split.test)
    if kind == "folds":
        assert Counter(tested) == Counter(range(len(clips)))


MAPS = nps.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 8), st.integers(1, 8)), elements=st.floats(-1e6, 1e6))


@SOME
@given(maps=MAPS, factor=st.floats(0.001, 1000))
def test_shares_of_bands_sum_to_one_and_know_no_level(maps, factor):
    maps[np.abs(maps) < 1e-9] = 0  # sums of numbers that small round
    shares = band_shares(maps)
    for one, share in zip(maps, shares):
        if (one > 0).any():
            assert math.isclose(share.sum(), 1, abs_tol=1e-9)
            assert (share >= 0).all()
            assert (share[~(one > 0).any(axis=1)] == 0).all()
        else:
            assert np.isnan(share).all()
    np.testing.assert_allclose(band_shares(factor * maps), shares, rtol=1e-6, atol=1e-9)


@SOME
@given(edges=st.lists(st.integers(1, 8_000), min_size=2, max_size=9, unique=True), cuts=st.data())
def test_bands_that_cover_the_rows_keep_the_weight(edges, cuts):
    edges = sorted(edges)
    weights = cuts.draw(nps.arrays(np.float64, (3, len(edges) - 1), elements=st.floats(-100, 100)))
    middle = cuts.draw(st.integers(edges[0], edges[-1]))
    bands = Bands(("low", "high"), ((0.0, float(middle)), (float(middle), 9_000.0)))
    found = to_bands(weights, list(pairwise(edges)), bands)
    np.testing.assert_allclose(found.sum(axis=1), weights.sum(axis=1), atol=1e-9)


@SOME
@given(
    rows=st.lists(st.tuples(st.floats(-1e3, 1e3).map(lambda value: round(value, 6)), st.integers(0, 6)), min_size=1, max_size=40),
    shift=st.floats(-100, 100),
)
def test_intervals_hold_their_value_and_move_with_it(rows, shift):
    values, speakers = np.array([v for v, _ in rows]), [f"s{s}" for _, s in rows]
    found, moved = (over_speakers(values + by, speakers) for by in (0, shift))
    means = [values[np.array(speakers) == name].mean() for name in sorted(set(speakers))]
    assert found["value"] == pytest.approx(np.mean(means), abs=1e-6)
    assert math.isnan(found["low"]) == math.isnan(found["high"]) == (np.ptp(means) < 1e-9)  # values have six digits
    if not math.isnan(found["low"]):
        assert found["low"] <= found["value"] + 1e-9
        assert found["value"] <= found["high"] + 1e-9
        if np.ptp(means) > 1e-9:
            assert moved["high"] - moved["low"] == pytest.approx(found["high"] - found["low"], abs=1e-5)
    assert moved["value"] == pytest.approx(found["value"] + shift, abs=1e-6)
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    again = over_speakers(values[order], [speakers[i] for i in order])
    assert again["value"] == pytest.approx(found["value"], abs=1e-6)


@SOME
@given(rows=st.lists(st.tuples(NAMES, st.one_of(st.none(), st.floats(-1e6, 1e6))), min_size=1, max_size=9))
def test_names_and_numbers_come_back_from_a_table(rows, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "table.csv"
    table = pd.DataFrame(rows, columns=["speaker", "score"]).astype({"score": float})
    table.to_csv(path, index=False)
    found = read_table(path)
    assert list(found["speaker"]) == list(table["speaker"])
    np.testing.assert_allclose(found["score"].astype(float), table["score"])


@FEW
@given(
    header=st.lists(st.sampled_from(["path", "speaker", "gender", "word", "", "age"]), min_size=1, max_size=5),
    cells=st.lists(st.lists(st.text(max_size=6), max_size=5), max_size=5),
    junk=st.binary(max_size=20),
)
def test_any_list_of_clips_is_read_or_refused_in_a_line(header, cells, junk, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "clips.csv"
    text = io.StringIO()
    csv.writer(text).writerows([header, *cells])
    for data in (text.getvalue().encode("utf-8", "surrogatepass"), junk, text.getvalue().encode("utf-8", "replace") + junk):
        path.write_bytes(data)
        try:
            open_corpus(path)
        except VoicecamError as error:
            reason = str(error)
            assert "\n" not in reason


@SOME
@given(text=st.text(max_size=200), most=st.integers(0, 100))
def test_any_text_becomes_part_of_a_file_name(text, most):
    name = safe_name(text)
    assert name
    assert len(name.encode()) <= 100
    assert not set(name) & set('/\\:*?"<>|\0\n')
    assert safe_name(name) == name
    assert len(cut_bytes(text.replace("\ud800", ""), most).encode("utf-8", "surrogateescape")) <= most
