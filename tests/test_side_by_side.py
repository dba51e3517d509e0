"""Maps of several runs side by side: tables and maps of planted runs on disk, against sums by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from voicecam.checks import side_by_side
from voicecam.commands.compare_maps import markdown
from voicecam.config import recipe
from voicecam.errors import ExplainError
from voicecam.explanation.bands import band_limits
from voicecam.runs.check_files import VERSION

BANDS = [(100.0, 400.0), (400.0, 1000.0), (1000.0, 2500.0), (2500.0, 6000.0)]
CLIPS = [("a1.wav", "a", "high"), ("a2.wav", "a", "high"), ("b1.wav", "b", "low"), ("c1.wav", "c", "high")]
CLIPS += [("d1.wav", "d", "low")]


def plant(folder, config, method, clips, maps, random, agreement, drops):
    """A run's folder with the files that an explanation and its checks leave."""
    (folder / "checks").mkdir(parents=True)
    (folder / "fold1").mkdir()
    (folder / "fold1" / "meta.json").write_text(json.dumps({"config": config.to_dict()}))
    (folder / "run.json").write_text(json.dumps({"settings": {}}))
    facts = {"method": method, "layer": "layer3", "target": "true"}
    (folder / "explanation.json").write_text(json.dumps(facts))
    (folder / "checks" / "settings.json").write_text(json.dumps({"version": VERSION}))
    path, speaker, true = (np.array(values) for values in zip(*clips))
    np.savez(folder / "cams.npz", maps=maps, random_weights_maps=random, path=path, speaker=speaker, true=true, predicted=true)
    columns = ["method", "spearman", "low", "high", "clips", "speakers"]
    pd.DataFrame(agreement, columns=columns).to_csv(folder / "checks" / "agreement.csv", index=False)
    rows = [
        {"class": name, "band": i, "name": f"band {i}", "from": low, "to": high, "drop": values[i]}
        for name, values in drops.items()
        for i, (low, high) in enumerate(BANDS)
    ]
    pd.DataFrame(rows).to_csv(folder / "checks" / "band_drops.csv", index=False)
    return folder


DROPS = {"high": [0.1, 0.9, 0.4, -0.2], "low": [1.0, 0.2, 0.3, 0.1]}


@pytest.fixture
def picture(tmp_path, rng):
    maps, random = rng.normal(size=(2, 5, 4, 4)).astype(np.float32)
    agreement = [("hires-cam", 0.5, 0.2, 0.7, 5, 4), ("grad-cam", 0.4, 0.1, 0.6, 5, 4), ("mel gradients", 0.8, 0.6, 0.9, 5, 4)]
    return plant(tmp_path / "picture", recipe("logmel"), "HiRes-CAM", CLIPS, maps, random, agreement, DROPS)


@pytest.fixture
def heard(tmp_path, rng):
    maps, random = rng.normal(size=(2, 3, 16, 5)).astype(np.float32)
    agreement = [("occlusion", 0.9, 0.8, 1.0, 3, 3), ("occlusion, random head", 0.3, 0.0, 0.5, 3, 3)]
    clips = [CLIPS[i] for i in (4, 0, 2)]
    return plant(tmp_path / "heard", recipe("embedding"), "Occlusion", clips, maps, random, agreement, DROPS)


def test_a_speech_models_row_has_the_random_head_of_its_check(heard):
    (row,) = side_by_side.agreement_rows(heard).to_dict("records")
    assert (row["system"], row["method"], row["bands"]) == ("heard", "Occlusion", 4)
    assert [row[name] for name in ("spearman", "low", "high")] == [0.9, 0.8, 1.0]
    assert [row[name] for name in ("random", "random_low", "random_high")] == [0.3, 0.0, 0.5]


def test_a_picture_networks_random_maps_are_ranked_beside_the_drops_of_its_check(picture):
    """By hand: rows summed, spread over their Hz, averaged per speaker and over speakers, ranked with the class's drops."""
    rows = side_by_side.agreement_rows(picture).set_index("method")
    assert list(rows.index) == ["HiRes-CAM", "Mel gradients"]
    with np.load(picture / "cams.npz") as arrays:
        random = arrays["random_weights_maps"].sum(axis=2)
    limits, found = band_limits(4, recipe("logmel")), []
    profile = np.zeros((5, 4))
    for k, (low, high) in enumerate(BANDS):
        for row, (start, end) in enumerate(limits):
            profile[:, k] += random[:, row] * max(0.0, min(high, end) - max(low, start)) / (end - start)
    of = {name: np.mean([profile[i] for i, clip in enumerate(CLIPS) if clip[1] == name], axis=0) for name in "abcd"}
    for name, speakers in (("high", "ac"), ("low", "bd")):
        found.append(spearmanr(np.mean([of[who] for who in speakers], axis=0), DROPS[name]).statistic)
    assert rows.loc["HiRes-CAM", "random"] == pytest.approx(np.mean(found), abs=1e-6)
    assert np.isnan(rows.loc["HiRes-CAM", "random_low"])
    assert np.isnan(rows.loc["Mel gradients", "random"])
    assert rows.loc["Mel gradients", "spearman"] == 0.8


def test_the_clips_shown_are_explained_by_all_with_classes_in_turn(picture, heard, tmp_path):
    found = side_by_side.common_clips([picture, heard], 4)
    assert list(found["path"]) == ["a1.wav", "b1.wav", "d1.wav"]
    assert list(found["true"]) == ["high", "low", "low"]
    assert list(side_by_side.common_clips([picture], 3)["path"]) == ["a1.wav", "b1.wav", "c1.wav"]  # c before a again
    maps = np.ones((1, 16, 5), np.float32)
    alone = [("e1.wav", "e", "low")]
    other = plant(tmp_path / "other", recipe("embedding"), "Occlusion", alone, maps, maps, [("occlusion", 1, 1, 1, 1, 1)], DROPS)
    with pytest.raises(ExplainError, match="picture, other: no clip has a map in all"):
        side_by_side.common_clips([picture, other], 4)
    turned = [("a1.wav", "a", "low")]
    wrong = plant(tmp_path / "wrong", recipe("embedding"), "Occlusion", turned, maps, maps, [("occlusion", 1, 1, 1, 1, 1)], DROPS)
    with pytest.raises(ExplainError, match=r"a1\.wav has another class"):
        side_by_side.common_clips([picture, wrong], 4)


def test_a_band_has_the_mean_of_the_cells_in_it(picture, heard):
    spoken = side_by_side.band_map(heard, None, "b1.wav")
    with np.load(heard / "cams.npz") as arrays:
        np.testing.assert_array_equal(spoken.matrix, arrays["maps"][2])
    assert spoken.seconds == recipe("embedding").seconds
    shown = side_by_side.band_map(picture, None, "a2.wav")
    assert shown.matrix.shape == (16, 4)
    with np.load(picture / "cams.npz") as arrays:
        own = arrays["maps"][1]
    limits = side_by_side.common_bands().limits
    top = band_limits(4, recipe("logmel"))[-1]
    inside = [i for i, (low, high) in enumerate(limits) if low >= top[0] and high <= top[1]]
    for i in inside:  # bands wholly in the highest row
        np.testing.assert_allclose(shown.matrix[i], own[3], rtol=1e-5)
    assert inside
    border = next(i for i, (low, high) in enumerate(limits) if low < top[0] < high)
    share = (limits[border][1] - top[0]) / (limits[border][1] - limits[border][0])
    np.testing.assert_allclose(shown.matrix[border], share * own[3] + (1 - share) * own[2], rtol=1e-5)


def test_what_was_not_tested_is_named(picture, heard, tmp_path):
    (picture / "checks" / "agreement.csv").unlink()
    with pytest.raises(ExplainError, match=r"not tested by stopping bands; run scripts/explain\.py --run picture"):
        side_by_side.agreement_rows(picture)
    (heard / "explanation.json").unlink()
    with pytest.raises(ExplainError, match="not explained yet"):
        side_by_side.common_clips([picture, heard], 2)


def test_the_table_leaves_out_what_is_not_there(picture, heard):
    table = pd.concat([side_by_side.agreement_rows(folder) for folder in (picture, heard)], ignore_index=True)
    lines = markdown(table).splitlines()
    assert {line.count("|") for line in lines} == {8}
    assert "| 0.50 [0.20, 0.70] |" in lines[2]
    assert lines[3].endswith("| 0.80 [0.60, 0.90] | \N{EN DASH} | 5 | 4 |")
    assert lines[4] == "| heard | Occlusion | 4 | 0.90 [0.80, 1.00] | 0.30 [0.00, 0.50] | 3 | 3 |"
