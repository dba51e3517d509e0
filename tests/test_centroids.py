"""Centroids of evidence per target, on made profiles whose answers are known: what speaks for a class apart from who speaks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from voicecam.checks.centroid import centroid_answers
from voicecam.config import recipe
from voicecam.errors import ExplainError
from voicecam.explanation.band_occlusion import FLOORED, OCCLUDED, occluded_bands, occluded_by_many
from voicecam.explanation.bands import Bands, band_set
from voicecam.explanation.centroids import OWN, PAIRED, agreement, centroid_table, differences_of_many, over_trainings, rank, rare
from voicecam.explanation.mel_gradients import baseline, input_of_log_mel
from voicecam.features.image import Scale
from voicecam.files import write_json, write_text
from voicecam.network import Model, build
from voicecam.runs.check_files import VERSION
from voicecam.runs.leaderboard import compare_trainings

BANDS = Bands(("low", "middle", "high"), ((200.0, 400.0), (900.0, 1100.0), (3000.0, 3400.0)))
MIDDLES = [300, 1000, 3200]
CLASSES = np.repeat(["f", "m"], 12)
SPEAKERS = [f"s{i // 2}" for i in range(24)]
FOR_F, FOR_M = "every clip for f", "every clip for m"


def profiles(rng, of_f, of_m):
    """Signed worth per band for f against m: one pattern for clips of f, one for clips of m, and a little noise."""
    return np.where((CLASSES == "f")[:, None], of_f, of_m) + 0.01 * rng.standard_normal((24, 3))


def drawn(targets, *sizes, trained=1000.0):
    """A table of random networks: the trained one's difference, and these by random ones, under each target."""
    rows = [(number, target, size) for target in targets for number, size in enumerate([trained, *sizes])]
    return pd.DataFrame(rows, columns=["network", "target", "difference"])


def cells(table):
    return table.set_index("target")["difference"]


def test_bands_for_a_class_lie_higher_and_no_voice_is_heard_higher(rng):
    """The same pattern in all clips: the top band speaks for f, the lowest for m. Only the target decides."""
    table = centroid_table({"x": profiles(rng, [-1, 0, 1], [-1, 0, 1])}, BANDS, list(CLASSES), SPEAKERS, "f", "m")
    found = cells(table)
    assert found[PAIRED] == pytest.approx(3200 - 300, rel=0.05)
    assert found[OWN] == pytest.approx(3200 - 300, rel=0.05), "the target's difference passes for the voice's"
    assert abs(found[FOR_F]) < 60
    assert abs(found[FOR_M]) < 60
    assert (table.set_index("target").loc[PAIRED, ["first_top", "second_top"]] == ["high", "low"]).all()
    assert agreement(table, [PAIRED], drawn([PAIRED], *[50.0] * 40)) == "higher"
    assert agreement(table, [PAIRED], drawn([PAIRED], *[50.0] * 40, trained=-1000.0)) == "depends", "the other way there"
    assert agreement(table, [FOR_F, FOR_M], drawn([FOR_F, FOR_M], *[1.0] * 40)) == "depends"


def test_voices_are_heard_higher_and_no_class_owns_a_band(rng):
    """Clips of f have all their evidence, for and against, in the top two bands, clips of m in the lowest two."""
    of_f, of_m = np.array([0.0, 1, -1]), np.array([1.0, -1, 0])
    turned = np.where(np.arange(24) % 2 == 0, 1, -1)[:, None]  # in every second clip the other way round
    table = centroid_table({"x": turned * profiles(rng, of_f, of_m)}, BANDS, list(CLASSES), SPEAKERS, "f", "m")
    found = cells(table)
    assert found[FOR_F] > 1000
    assert found[FOR_M] > 1000
    assert abs(found[PAIRED]) < 100
    few, many = [9000.0] + [10.0] * 39, [-9000.0] * 2 + [10.0] * 38
    assert agreement(table, [FOR_F, FOR_M], drawn([FOR_F, FOR_M], *few)) == "higher", "1 of 40 random networks: 2 of 41"
    assert agreement(table, [FOR_F, FOR_M], drawn([FOR_F, FOR_M], *many)) == "depends", "2 of 40 differ as much"


def test_methods_that_differ_give_no_word(rng):
    both = {"x": profiles(rng, [-1, 0, 1], [-1, 0, 1]), "y": profiles(rng, [1, 0, -1], [1, 0, -1])}
    table = centroid_table(both, BANDS, list(CLASSES), SPEAKERS, "f", "m")
    none = drawn((PAIRED, FOR_F, FOR_M), *[0.0] * 40, trained=-1000.0)
    assert agreement(table, [PAIRED], none) == "depends"
    alone = table[table["method"] == "y"]
    assert agreement(alone, [PAIRED], none) == "lower"
    said = centroid_answers(table, none, "f", "m")
    assert ["depends" in line for line in said] == [True, True]
    assert "No, they lie lower" in centroid_answers(alone, none, "f", "m")[0]
    assert ["No answer" in line for line in centroid_answers(alone, none, "f", "m", doubt=True)] == [True, True]


def test_fewer_than_20_random_networks_make_nothing_rare():
    """18 of them, none as large: 1 of 19 is more than 5 %."""
    assert not rare(drawn([PAIRED], *[0.0] * 18), PAIRED)
    assert rare(drawn([PAIRED], *[0.0] * 19), PAIRED)
    assert rank(drawn([PAIRED], 5.0, -2000.0, 1000.0, np.nan), PAIRED) == (2, 3), "sizes, and those without evidence left out"


def test_differences_of_many_networks_are_those_of_the_table(rng):
    """The same four numbers by a second way, one network at a time."""
    each = [profiles(rng, rng.standard_normal(3), rng.standard_normal(3)) for _ in range(3)]
    found = differences_of_many(each, BANDS, list(CLASSES), SPEAKERS, "f", "m").set_index(["network", "target"])["difference"]
    for number, profile in enumerate(each):
        table = centroid_table({"x": profile}, BANDS, list(CLASSES), SPEAKERS, "f", "m")
        for target, value in cells(table).items():
            assert found[number, target] == pytest.approx(value, nan_ok=True)


def test_trainings_side_by_side(rng):
    up, down = (
        centroid_table({"x": profiles(rng, one, one)}, BANDS, list(CLASSES), SPEAKERS, "f", "m")
        for one in ([-1, 0, 1], [1, 0, -1])
    )
    found = over_trainings(
        [up, up, down], [drawn(up["target"], *[0.0] * 40)] * 2 + [drawn(up["target"], *[2000.0] * 40)], method="x"
    )
    row = found.set_index("target").loc[PAIRED]
    assert (row["trainings"], row["above"], row["shown_above"], row["shown_below"], row["rare"]) == (3, 2, 2, 1, 2)
    values = [cells(table)[PAIRED] for table in (up, up, down)]
    assert (row["lowest"], row["highest"], row["mean"]) == pytest.approx((min(values), max(values), np.mean(values)))


def test_the_mean_over_speakers_counts_each_speaker_once(rng):
    """One speaker has many clips with other evidence: it weighs as one of twelve."""
    values = profiles(rng, [-1, 0, 1], [-1, 0, 1])
    more = np.tile([[1.0, 0.0, -1.0]], (60, 1))
    classes, speakers = [*CLASSES, *["f"] * 60], [*SPEAKERS, *["s0"] * 60]
    table = centroid_table({"x": np.vstack([values, more])}, BANDS, classes, speakers, "f", "m")
    row = table[table["target"] == PAIRED].iloc[0]
    assert row["first_speakers"] == 12
    assert row["difference"] == pytest.approx(2900 * (11 + 2 / 62 - 60 / 62) / 12, rel=0.05)


def test_a_network_without_evidence_has_no_centroid():
    table = centroid_table({"x": np.zeros((24, 3))}, BANDS, list(CLASSES), SPEAKERS, "f", "m")
    assert table["difference"].isna().all()
    assert agreement(table.fillna({"difference": 0.0}), [PAIRED], drawn([PAIRED], *[0.0] * 40, trained=0.0)) == "depends"
    assert (table["first_top"] == "").all()


def test_the_training_mean_stands_in_for_a_band(rng):
    """By a second way: the clip's rows are replaced by hand, and the network is asked twice."""
    config = recipe("logmel", image_rows=32, image_columns=32, n_mels=32)
    scale = Scale(tuple(np.linspace(-70, -60, 32)), tuple(np.linspace(-20, -10, 32)))
    model = Model(build("small", 2).eval(), "small", "x", ("a", "b"), config, scale, {})
    log_mel = rng.uniform(-60, -20, (3, 32, config.n_frames))
    mel = band_set("mel", config)
    asked = np.array([0, 1, 0]), np.array([1, 0, 1])
    found = occluded_bands(model, log_mel, mel, asked[0], contrast=asked[1])
    assert (OCCLUDED, FLOORED) == ("band occlusion, training mean", "band occlusion, floor")
    other = build("small", 2).eval()
    both = occluded_by_many(model, [model.network, other], log_mel, mel, asked[0], contrast=asked[1])
    np.testing.assert_allclose(both[0], found, atol=1e-6)
    np.testing.assert_allclose(
        both[1], occluded_bands(replace(model, network=other), log_mel, mel, asked[0], contrast=asked[1]), atol=1e-6
    )
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
    table = centroid_table({"x": profiles(rng, 1, 1), "y": profiles(rng, 1, 1)}, BANDS, list(CLASSES), SPEAKERS, "f", "m")
    assert len(table) == 8
    assert isinstance(table, pd.DataFrame)
    assert not table.duplicated(["method", "target"]).any()


def test_runs_side_by_side_are_read_from_their_checks(rng, tmp_path):
    for name, way in (("one", 1), ("two", -1)):
        table = centroid_table({"x": way * profiles(rng, [-1, 0, 1], [-1, 0, 1])}, BANDS, list(CLASSES), SPEAKERS, "f", "m")
        place = tmp_path / name / "checks"
        write_json(place / "settings.json", {"version": VERSION})
        write_json(place / "centroid.json", {})
        for title, part in (("centroids", table), ("random_centroids", drawn(table["target"], *[0.0] * 40))):
            write_text(place / f"{title}.csv", part.to_csv(index=False))
    found, path = compare_trainings([tmp_path / "one", tmp_path / "two"])
    assert path == tmp_path / "one" / "trainings.csv"
    assert found.set_index("target").loc[PAIRED, "above"] == 1
    assert len(pd.read_csv(path)) == 4
    (tmp_path / "three").mkdir()
    with pytest.raises(ExplainError, match="three: no check of where the evidence lies"):
        compare_trainings([tmp_path / "one", tmp_path / "three"])
    other = pd.read_csv(tmp_path / "two" / "checks" / "centroids.csv").head(3)
    write_text(tmp_path / "two" / "checks" / "centroids.csv", other.to_csv(index=False))
    with pytest.raises(ExplainError, match="two: other classes or methods than one"):
        compare_trainings([tmp_path / "one", tmp_path / "two"])
