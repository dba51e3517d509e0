"""Centroids of evidence per target, on made profiles whose answers are known: what speaks for a class apart from who speaks."""

import numpy as np
import pandas as pd
import pytest

from voicecam.chapters.frequency import centroid_answers
from voicecam.config import recipe
from voicecam.errors import ExplainError
from voicecam.explanation.bands import band_set
from voicecam.explanation.carry import baseline, input_of_log_mel
from voicecam.explanation.centroids import OWN, PAIRED, agreement, centroid_table
from voicecam.explanation.occluded import occluded_bands
from voicecam.image import Scale
from voicecam.network import Model, build

LIMITS = [(200.0, 400.0), (900.0, 1100.0), (3000.0, 3400.0)]
MIDDLES = [300, 1000, 3200]
CLASSES = np.repeat(["f", "m"], 12)
SPEAKERS = [f"s{i // 2}" for i in range(24)]
FOR_F, FOR_M = "every clip for f", "every clip for m"


def profiles(rng, of_f, of_m):
    """Signed worth per band for f against m: one pattern for clips of f, one for clips of m, and a little noise."""
    return np.where((CLASSES == "f")[:, None], of_f, of_m) + 0.01 * rng.standard_normal((24, 3))


def cells(table):
    return table.set_index("target")["difference"]


def test_bands_for_a_class_lie_higher_and_no_voice_is_heard_higher(rng):
    """The same pattern in all clips: the top band speaks for f, the lowest for m. Only the target decides."""
    table = centroid_table({"x": profiles(rng, [-1, 0, 1], [-1, 0, 1])}, LIMITS, list(CLASSES), SPEAKERS, "f", "m")
    found = cells(table)
    assert found[PAIRED] == pytest.approx(3200 - 300, rel=0.05)
    assert found[OWN] == pytest.approx(3200 - 300, rel=0.05), "the target's difference passes for the voice's"
    assert abs(found[FOR_F]) < 60
    assert abs(found[FOR_M]) < 60
    assert agreement(table, [PAIRED], {PAIRED: [50.0, -80.0]}, "x") == "higher"
    assert agreement(table, [FOR_F, FOR_M], {FOR_F: [1.0], FOR_M: [1.0]}, "x") == "depends"


def test_voices_are_heard_higher_and_no_class_owns_a_band(rng):
    """Clips of f have all their evidence, for and against, in the top two bands, clips of m in the lowest two."""
    of_f, of_m = np.array([0.0, 1, -1]), np.array([1.0, -1, 0])
    turned = np.where(np.arange(24) % 2 == 0, 1, -1)[:, None]  # in every second clip the other way round
    table = centroid_table({"x": turned * profiles(rng, of_f, of_m)}, LIMITS, list(CLASSES), SPEAKERS, "f", "m")
    found = cells(table)
    assert found[FOR_F] > 1000
    assert found[FOR_M] > 1000
    assert abs(found[PAIRED]) < 100
    assert agreement(table, [FOR_F, FOR_M], {FOR_F: [10.0], FOR_M: [-10.0]}, "x") == "higher"
    assert agreement(table, [FOR_F, FOR_M], {FOR_F: [10.0], FOR_M: [-9000.0]}, "x") == "depends", "a random network does as much"


def test_methods_that_differ_give_no_word(rng):
    both = {"x": profiles(rng, [-1, 0, 1], [-1, 0, 1]), "y": profiles(rng, [1, 0, -1], [1, 0, -1])}
    table = centroid_table(both, LIMITS, list(CLASSES), SPEAKERS, "f", "m")
    drawn = {target: [0.0] for target in (PAIRED, FOR_F, FOR_M)}
    assert agreement(table, [PAIRED], drawn, "x") == "depends"
    alone = table[table["method"] == "y"]
    assert agreement(alone, [PAIRED], drawn, "y") == "lower"
    table["method"] = table["method"].replace("x", "band occlusion")
    said = centroid_answers(table, drawn, "f", "m")
    assert ["depends" in line for line in said] == [True, True]


def test_the_mean_over_speakers_counts_each_speaker_once(rng):
    """One speaker has many clips with other evidence: it weighs as one of twelve."""
    values = profiles(rng, [-1, 0, 1], [-1, 0, 1])
    more = np.tile([[1.0, 0.0, -1.0]], (60, 1))
    classes, speakers = [*CLASSES, *["f"] * 60], [*SPEAKERS, *["s0"] * 60]
    table = centroid_table({"x": np.vstack([values, more])}, LIMITS, classes, speakers, "f", "m")
    row = table[table["target"] == PAIRED].iloc[0]
    assert row["first_speakers"] == 12
    assert row["difference"] == pytest.approx(2900 * (11 + 2 / 62 - 60 / 62) / 12, rel=0.05)


def test_a_network_without_evidence_has_no_centroid():
    table = centroid_table({"x": np.zeros((24, 3))}, LIMITS, list(CLASSES), SPEAKERS, "f", "m")
    assert table["difference"].isna().all()
    assert agreement(table.fillna({"difference": 0.0}), [PAIRED], {PAIRED: [0.0]}, "x") == "depends"


def test_the_training_mean_stands_in_for_a_band(rng):
    """By a second way: the clip's rows are replaced by hand, and the network is asked twice."""
    config = recipe("logmel", image_rows=32, image_columns=32, n_mels=32)
    scale = Scale(tuple(np.linspace(-70, -60, 32)), tuple(np.linspace(-20, -10, 32)))
    model = Model(build("small", 2).eval(), "small", "x", ("a", "b"), config, scale, {})
    log_mel = rng.uniform(-60, -20, (3, 32, config.n_frames))
    mel = band_set("mel", config)
    found = occluded_bands(model, log_mel, mel, np.array([0, 1, 0]), against=np.array([1, 0, 1]), reference="training mean")
    mean = (np.linspace(-70, -60, 32) + np.linspace(-20, -10, 32)) / 2  # the middle of each row's scale
    assert np.allclose(baseline(log_mel, config, scale), mean[:, None])
    changed = log_mel[1].copy()
    changed[7] = mean[7]
    before, after = (ask(model, some) for some in (log_mel[1], changed))
    low, high = mel.limits[7]
    assert low < high
    assert found[1, 7] == pytest.approx((before[1] - before[0]) - (after[1] - after[0]), abs=1e-4)
    with pytest.raises(ExplainError, match="reference 'median'"):
        occluded_bands(model, log_mel, mel, np.array([0, 1, 0]), reference="median")


def ask(model, log_mel):
    import torch

    with torch.inference_mode():
        return model.network(input_of_log_mel(torch.from_numpy(log_mel[None]), model.config, model.scale))[0].numpy()


def test_the_table_names_each_method_and_target_once(rng):
    table = centroid_table({"x": profiles(rng, 1, 1), "y": profiles(rng, 1, 1)}, LIMITS, list(CLASSES), SPEAKERS, "f", "m")
    assert len(table) == 8
    assert isinstance(table, pd.DataFrame)
    assert not table.duplicated(["method", "target"]).any()
