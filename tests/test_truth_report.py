"""Sentences of the report that are built from numbers, on made data whose answer is known: they say it, and nothing else."""

import csv
import json
import re
import shutil
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from run_script import output_of
from scipy.stats import t as student

from conftest import voice
from voicecam import evaluation, runs
from voicecam.checks import centroid, run_checks, tones
from voicecam.checks.band_profiles import FILTERED, MEL_GRADIENTS
from voicecam.errors import ExplainError
from voicecam.evaluation.intervals import jackknife
from voicecam.explanation import bandstop, counterfactual, pointing
from voicecam.explanation.acoustics import AcousticFeatures, acoustic_regression, regression_sentences
from voicecam.explanation.band_occlusion import FLOORED, OCCLUDED
from voicecam.explanation.bands import Bands, bands_by_class
from voicecam.explanation.centroids import OWN, centroid_table
from voicecam.explanation.confounds import audit, audit_sentences
from voicecam.explanation.differences import class_difference, height_difference
from voicecam.files import write_json, write_text

SCRIPTS = Path(__file__).parent.parent / "scripts"
CLASSES = ("female", "male")


def of_checks(folder: Path, facts: dict, **tables: pd.DataFrame) -> Path:
    """A run's folder with checks: facts and tables by name."""
    place = folder / "checks"
    write_json(place / "settings.json", {"version": runs.check_files.VERSION})
    for name, fact in facts.items():
        write_json(place / f"{name}.json", fact)
    for name, table in tables.items():
        write_text(place / f"{name}.csv", table.to_csv(index=False))
    return folder


# Flips


def moved(crossings: dict[str, tuple[float | None, float | None]], kind: str = "pitch") -> pd.DataFrame:
    """Scores of a clip per speaker that are 1 at no change and cross 0 at the two steps given, below and above it."""
    steps = [-12.0, -8.0, -4.0, 0.0, 4.0, 8.0, 12.0] if kind == "pitch" else [0.8, 0.9, 1.0, 1.1, 1.2]
    middle, rows = steps.index(0.0 if kind == "pitch" else 1.0), []
    for clip, (who, (down, up)) in enumerate(crossings.items()):
        for step in steps:
            gone = (down is not None and step <= down) or (up is not None and step >= up)
            rows.append({"clip": clip, "speaker": who, "kind": kind, "step": step, "score": -1.0 if gone else 1.0})
    assert all(row["score"] == 1 for row in rows[middle :: len(steps)])
    return pd.DataFrame(rows)


CONTROL = {"move": 0.1, "low": 0.05, "high": 0.2, "size": 4.0, "flipped": 0.0, "clips": 4, "speakers": 4}


def told(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Flips of a table whose clips are all of "high", and the sentence on them."""
    flips = counterfactual.flips_by_class(counterfactual.flip_points(table), ["high"] * 99, positive="high")
    return flips.set_index("direction"), counterfactual.flip_sentences(flips, CONTROL)[0]


def test_a_voice_that_flips_only_upward_is_told_upward():
    flips, said = told(moved({who: (None, up) for who, up in zip("abcd", (4.0, 4.0, 8.0, 8.0))}))
    assert flips.loc["up", "flip"] == pytest.approx(4.0), "half way before the steps 4, 4, 8, 8: 2, 2, 6, 6"
    assert (flips.loc["up", "flipping"], flips.loc["down", "flipping"]) == (4, 0)
    assert np.isnan(flips.loc["down", "flip"])
    assert "raised, 4 clips of 4 speakers flip (median +4.0 semitones" in said
    assert "lowered, none flips" in said


def test_a_voice_that_flips_both_ways_has_two_medians_and_none_near_no_change():
    flips, said = told(moved({who: (-12.0, 12.0) for who in "abcd"}))
    assert flips.loc["up", "flip"] == pytest.approx(10)
    assert flips.loc["down", "flip"] == pytest.approx(-10)
    assert flips.loc["up", "never"] == 0
    assert "raised, 4 clips of 4 speakers flip (median +10.0 semitones" in said
    assert "lowered, 4 clips of 4 speakers flip (median -10.0 semitones" in said
    numbers = [float(x) for x in re.findall(r"median ([+-][\d.]+) semitones", said)]
    assert min(map(abs, numbers)) == 10, "a median over both signs would be 0"


def test_half_the_speakers_up_and_half_down_are_never_pooled():
    """Formants: two speakers flip at a larger mouth, two at a smaller one; the pooled median was a ratio of about 1."""
    table = moved({"a": (0.8, None), "b": (0.8, None), "c": (None, 1.2), "d": (None, 1.2)}, kind="formants")
    flips, said = told(table)
    assert flips["flip"].tolist() == pytest.approx([np.sqrt(1.1 * 1.2), np.sqrt(0.8 * 0.9)])
    assert flips["flipping"].tolist() == [2, 2]
    assert "ratio 1.15" in said
    assert "ratio 0.85" in said
    assert "ratio 1.0" not in said


@pytest.mark.parametrize("n", [2, 5, 6, 9, 20])
def test_a_median_has_an_interval_from_six_speakers_on(n):
    """Order statistics: the widest pair covers 1 - 2 / 2 ** n, which is 95 % from n = 6 on."""
    from scipy.stats import binom

    ups = np.linspace(1, 11, n)
    flips = pd.DataFrame({"clip": range(n), "speaker": range(n), "kind": "pitch", "start": 1.0, "up": ups, "down": np.nan})
    row = counterfactual.flips_by_class(flips, ["high"] * n, positive="high").iloc[0]
    assert (row["flip_least"], row["flip_most"]) == (1, 11)
    if n < 6:
        assert np.isnan(row["flip_low"])
        assert "from +1.0 to +11.0" in counterfactual.flip_text(row)
        return
    low, high = (int(np.abs(ups - row[f"flip_{end}"]).argmin()) for end in ("low", "high"))

    def covers(first, last):
        """Chance that the median lies between these two of n sorted numbers, counted from 0: first + 1 to last lie below it."""
        return binom.cdf(last, n, 0.5) - binom.cdf(first, n, 0.5)

    assert covers(low, high) >= 0.95
    assert covers(low + 1, high - 1) < 0.95, "the narrowest pair that does"


def test_one_speaker_is_no_median_and_nobody_is_nothing():
    flips, said = told(moved({"a": (None, 4.0), "b": (None, None)}))
    assert flips.loc["up", "flipping"] == 1
    assert "too few for a median" in said
    assert "semitones" not in said
    assert "never flips within the range" in told(moved({"a": (None, None)}))[1]


def test_the_chapter_lists_each_direction(tmp_path):
    table = moved({who: (-12.0, 12.0) for who in "abcd"})
    both = pd.concat([table, moved({who: (0.8, None) for who in "abcd"}, kind="formants")])
    flips = counterfactual.flips_by_class(counterfactual.flip_points(both), ["female"] * 99, positive="female")
    folder = of_checks(
        tmp_path,
        {"counterfactual": {"clips": 4}},
        flips=flips,
        curves=counterfactual.score_curves(both, ["female"] * 99),
        resynthesis=pd.DataFrame([counterfactual.resynthesis(both)]),
    )
    [chapter] = run_checks.sections(folder, CLASSES)
    rows = chapter.table.to_dict("records")
    assert [(row["Moved"], row["Speakers"]) for row in rows] == [
        ("pitch raised", "4 of 4"),
        ("pitch lowered", "4 of 4"),
        ("formants raised", "0 of 4"),
        ("formants lowered", "4 of 4"),
    ]
    assert rows[0]["Where"].startswith("+10.0, from")
    assert rows[2]["Where"] == "\N{EN DASH}"


# Acoustic features


def people(n_speakers: int, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Ten features that belong to the speaker, with a little of each clip's own: as few speakers as a small test part has."""
    rng = np.random.default_rng(seed)
    speakers = [f"s{i}" for i in range(n_speakers) for _ in range(30)]
    own = np.repeat(rng.standard_normal((n_speakers, 10)), 30, axis=0)
    facts = pd.DataFrame(own + 0.2 * rng.standard_normal(own.shape), columns=list(AcousticFeatures.__dataclass_fields__))
    high = np.repeat(np.arange(n_speakers) % 2, 30)
    return facts.assign(f0_hz=2.0 * high + 0.3 * facts["f0_hz"]), speakers


@pytest.mark.parametrize("seed", range(4))
def test_the_feature_that_explains_is_named_where_the_full_model_overfits(seed):
    """8 speakers, the score is F0's: F0 must be named, noise features not, and never "nothing was shown"."""
    facts, speakers = people(8, seed)
    scores = 4 * facts["f0_hz"].to_numpy() + np.random.default_rng(seed).standard_normal(240)
    table = acoustic_regression(scores, facts, speakers)
    said = regression_sentences(table)
    assert not said[0].startswith("Nothing")
    [shown] = [line for line in said if line.startswith("Looked at alone")]
    assert "3 groups and 10 single features" in shown
    assert "13 looks" in shown
    assert "F0, median" in shown
    single = table[(table["kind"] == "alone") & ~table["facts"].isin(["F0", "f0_hz", "formants", "voice quality"])]
    flagged = [title for title in single["title"] if f"{title} " in shown.split(": ", 2)[-1].replace("F0, median", "")]
    assert len(flagged) <= 1, "noise features, at most by a rare chance"
    values = table.set_index(["facts", "kind"])["r2"]
    if values["f0_hz", "alone"] > values["all", "all"] + 0.02:
        assert any("overfits on 8 speakers" in line for line in said)


@pytest.mark.slow
def test_noise_alone_is_called_nothing_and_the_looks_are_counted():
    found = []
    for seed in range(5):
        facts, speakers = people(8, seed)
        table = acoustic_regression(np.random.default_rng(90 + seed).standard_normal(240), facts, speakers)
        found.append(regression_sentences(table)[0])
    assert sum(line.startswith("Nothing was shown") for line in found) >= 4
    assert "3 groups and 10 single features" in next(line for line in found if line.startswith("Nothing"))


@pytest.mark.slow
def test_the_penalty_is_chosen_so_that_the_full_model_loses_less():
    """With a weak fixed penalty (1, before) the same fit did worse on 8 speakers than the one that folds choose."""
    from sklearn.linear_model import Ridge
    from sklearn.metrics import r2_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    ours, fixed = [], []
    for seed in range(6):
        facts, speakers = people(8, seed)
        scores = 4 * facts["f0_hz"].to_numpy() + np.random.default_rng(seed).standard_normal(240)
        table = acoustic_regression(scores, facts, speakers)
        ours.append(table.loc[table["kind"] == "all", "r2"].item())
        folds = GroupKFold(5, shuffle=True, random_state=0)
        weak = cross_val_predict(make_pipeline(StandardScaler(), Ridge(1.0)), facts, scores, groups=speakers, cv=folds)
        fixed.append(r2_score(scores, weak))
    assert np.mean(ours) > np.mean(fixed)


# Permutations


def test_four_and_four_speakers_give_two_of_seventy():
    heights, speakers = np.r_[900.0, 950, 1000, 1050, 2000, 2050, 2100, 2150], list("abcdefgh")
    found = height_difference(heights, ["female"] * 4 + ["male"] * 4, speakers, *CLASSES)
    assert found["p"] == pytest.approx(2 / 70)
    assert found["ways"] == 70


@pytest.mark.parametrize(("first", "second", "both"), [(4, 4, 0), (2, 3, 2), (0, 0, 5), (3, 2, 1)])
def test_p_is_that_of_every_way_to_deal_out_the_speakers(first, second, both):
    """By counting with itertools: speakers of one class change it among each other, those of both swap the two."""
    rng = np.random.default_rng(first + 10 * both)
    alone = [("x", i) for i in range(first)] + [("y", first + i) for i in range(second)]
    units = alone + [(name, 100 + i) for i in range(both) for name in "xy"]
    shares = rng.random((len(units), 3)) + 0.2 * np.array([name == "x" for name, _ in units])[:, None]
    found = class_difference(shares, [name for name, _ in units], [f"s{i}" for _, i in units], "x", "y")
    gaps = []
    for chosen, swaps in product(combinations(range(len(alone)), first), product([False, True], repeat=both)):
        is_x = [i in chosen for i in range(len(alone))] + [
            (name == "x") != swaps[i // 2] for i, (name, _) in enumerate(units[len(alone) :])
        ]
        is_x = np.array(is_x)
        gaps.append(shares[is_x].mean(axis=0) - shares[~is_x].mean(axis=0))
    gaps = np.array(gaps)
    real = np.array([name == "x" for name, _ in units])
    gap = np.abs(shares[real].mean(axis=0) - shares[~real].mean(axis=0))
    assert (found["ways"] == len(gaps)).all()
    np.testing.assert_allclose(found["p"], (np.abs(gaps) >= gap - 1e-9).mean(axis=0))
    largest = (np.abs(gaps) / gaps.std(axis=0)).max(axis=1)
    np.testing.assert_allclose(found["p_adjusted"], [(largest >= one - 1e-9).mean() for one in gap / gaps.std(axis=0)])
    assert (found["p"] >= 1 / len(gaps)).all()


def height_folder(tmp_path, profile, right, learned=True):
    """Checks of 4 and 4 speakers whose four methods say the same, with planted tones found in this share."""
    speakers, classes = list("abcdefgh"), ["female"] * 4 + ["male"] * 4
    bands = Bands(("low", "middle", "high"), ((200.0, 400.0), (900.0, 1100.0), (3000.0, 3400.0)))
    names = (OCCLUDED, FLOORED, MEL_GRADIENTS, FILTERED)
    noise = np.random.default_rng(0).uniform(0, 0.05, (8, 3))
    centroids = centroid_table(dict.fromkeys(names, profile + noise), bands, classes, speakers, *CLASSES)
    drawn = [(number, t, 2500.0 if number == 0 else 100.0) for t in centroids["target"].unique() for number in range(41)]
    tones = {"instrument": names[:3], "hz": 630.0, "right": right, "near": 1.0, "top": 630.0, "centroid": 900.0, "chance": 0.05}
    facts = {"folds": {OWN: [5.0, -3.0]}, "random_clips": 8, "random_bands": "octaves"}
    return of_checks(
        tmp_path,
        {"centroid": facts, "tones": {"bands": 20}},
        centroids=centroids,
        random_centroids=pd.DataFrame(drawn, columns=["network", "target", "difference"]),
        tones=pd.DataFrame({**tones, "clips": 12, "speakers": 8, "accuracy": 0.95 if learned else 0.7, "learned": learned}),
    )


def test_a_yes_needs_all_methods_rare_size_and_an_instrument_that_finds_tones(tmp_path):
    high_for_first = np.tile([-1.0, 0.0, 1.0], (8, 1))
    said = centroid.section(height_folder(tmp_path / "yes", high_for_first, [0.95, 0.4, 0.3]), CLASSES).sentences
    assert sum("Yes, by all 4 methods" in line for line in said) == 1, "bands that speak for female; voices are not heard higher"
    assert any("mel gradients in 30 %" in line and "training mean in 95 %" in line for line in said)
    for name, right, learned in (("no instrument", [0.85, 0.4, 0.3], True), ("not learned", [1.0, 1.0, 1.0], False)):
        folder = height_folder(tmp_path / name, high_for_first, right, learned)
        said = " ".join(centroid.section(folder, CLASSES).sentences)
        assert "Yes" not in said
        assert "not to be believed" in said
        assert tones.section(folder, CLASSES).warnings
    assert not tones.section(tmp_path / "yes", CLASSES).warnings


# Intervals


def predictions(right: dict[str, dict[str, list[float]]], clips: int = 10, folds: dict[str, int] | None = None) -> pd.DataFrame:
    """A table of predictions: right[class][speaker number] is the share of that speaker's clips that are right."""
    rows = []
    for name, shares in right.items():
        other = next(each for each in right if each != name)
        for i, share in enumerate(shares):
            who = f"{name}{i}"
            for take in range(clips):
                good = take < round(share * clips)
                rows.append({"path": f"{who}-{take}", "speaker": who, "fold": (folds or {}).get(who, 1), "true": name})
                rows[-1] |= {"predicted": name if good else other, "decision": name if good else other}
                p = 0.9 if good else 0.4
                rows[-1] |= {f"p_{name}": p, f"p_{other}": 1 - p}
    return pd.DataFrame(rows)


def test_a_class_with_one_tested_speaker_has_no_interval_and_says_why():
    table = predictions({"a": [1.0, 0.8, 0.6, 0.4], "b": [0.6]})
    found = evaluation.evaluate(table, ("a", "b"))
    assert found["no_interval"] == "no interval: class b has one tested speaker"
    for score in (found["fold_mean"], *(found["network"][name] for name in ("accuracy", "balanced_accuracy", "macro_f1"))):
        assert score["value"] is not None
        assert score["low"] is score["high"] is None
    recall = {name: found["network"]["per_class"][name]["recall"] for name in "ab"}
    assert recall["b"]["low"] is None
    assert recall["a"]["low"] < 0.7 < recall["a"]["high"], "the other class's recall does not rest on that speaker"
    unsure = evaluation.abstention(table)
    assert unsure["error_all"]["low"] is None
    compared = evaluation.compare(table, predictions({"a": [0.9, 0.7, 0.8, 0.4], "b": [0.5]}))
    assert compared["difference"]["low"] is None
    json.dumps(found, allow_nan=False)


def test_one_speaker_of_a_class_in_each_fold_varies_over_the_folds():
    """5 folds with one speaker of b each: within the folds none could be left out, and the interval would be too narrow."""
    shares = {"a": [0.9] * 20, "b": [1.0, 0.2, 0.9, 0.4, 0.6]}
    folds = {f"a{i}": i % 5 + 1 for i in range(20)} | {f"b{i}": i + 1 for i in range(5)}
    found = evaluation.evaluate(predictions(shares, folds=folds), ("a", "b"))
    assert found["no_interval"] == ""
    spread = np.std(shares["b"], ddof=1) / np.sqrt(5)
    for score, parts in ((found["network"]["per_class"]["b"]["recall"], 1), (found["fold_mean"], 2)):
        value = score["value"]  # Student's interval of 4 degrees of freedom, on the logit
        steps = np.array([-1, 1]) * student.ppf(0.975, 4) * spread / parts / (value * (1 - value))
        assert [score["low"], score["high"]] == pytest.approx(1 / (1 + (1 / value - 1) * np.exp(-steps)))


def test_all_speakers_alike_is_no_certainty():
    """8 of 8 speakers right: a share of 0.63 still gives that in 2.5 % of samples (Clopper and Pearson 1934)."""
    from scipy.stats import binomtest

    found = evaluation.evaluate(predictions({"a": [1.0] * 4, "b": [1.0] * 4}), ("a", "b"))["network"]
    exact = binomtest(8, 8).proportion_ci(0.95, "exact")
    assert found["balanced_accuracy"]["low"] == pytest.approx(exact.low)
    assert found["balanced_accuracy"]["high"] == 1
    four = binomtest(4, 4).proportion_ci(0.95, "exact")
    assert found["per_class"]["a"]["recall"]["low"] == pytest.approx(four.low)
    errors = evaluation.abstention(predictions({"a": [1.0] * 4, "b": [1.0] * 4}))["error_all"]
    assert (errors["low"], errors["high"]) == (0, pytest.approx(1 - exact.low))
    same = evaluation.evaluate(predictions({"a": [0.6] * 4, "b": [0.6] * 4}), ("a", "b"))["network"]["accuracy"]
    assert same == {"value": 0.6, "low": None, "high": None}


def test_speakers_of_several_classes_and_lone_ones_are_one_stratum():
    """9 speakers say both words, one says "a" alone: everybody must be left out once."""
    rows = [{"speaker": f"s{i}", "true": name} for i in range(9) for name in "ab"] + [{"speaker": "t", "true": "a"}]
    tested = jackknife(pd.DataFrame(rows))
    assert tested.alone == []
    np.testing.assert_allclose(tested.without(np.eye(10)), (1 - np.eye(10)) * 10 / 9)
    assert (tested.resampled(np.eye(10), seed=0).std(axis=0) > 0).all()


def test_bands_of_one_speaker_have_no_interval():
    from voicecam.config import recipe

    shares = np.array([[0.7, 0.3], [0.5, 0.5], [0.2, 0.8]])
    table = bands_by_class(shares, shares, ["x", "x", "y"], ["a", "b", "c"], recipe("logmel"))
    ends = table.set_index("class")[["low", "high"]]
    assert ends.loc["y"].isna().all(axis=None)
    assert ends.loc["x"].notna().all(axis=None)
    drops = bandstop.drop_table(shares, ["x", "x", "y"], ["a", "b", "c"], ["low", "high"], [(0, 1000), (1000, 4000)])
    assert drops[drops["class"] == "y"][["low", "high"]].isna().all(axis=None)


def test_a_recording_fact_that_tells_the_label_every_time_is_no_chance():
    """Each class has its own room in 10 of 10 speakers; the sentence gave a zero-width interval."""
    speakers = [f"s{i}" for i in range(10) for _ in range(4)]
    labels = np.repeat(["a", "b"] * 5, 4)
    facts = pd.DataFrame({"room": np.where(labels == "a", "kitchen", "hall"), "level_dbfs": np.tile([-20.0, -21, -22, -23], 10)})
    table = audit(facts, list(labels), speakers).set_index("fact")
    assert table.loc["room", "balanced_accuracy"] == 1
    assert 0.5 < table.loc["room", "low"] < 1
    [warning] = [line for line in audit_sentences(table.reset_index()) if "room" in line and line.startswith("Warning")]
    assert "may be chance" not in warning
    assert "nan" not in warning


@pytest.fixture(scope="module")
def lone_run(tmp_path_factory):
    """run_all on a corpus whose class "low" has five speakers, one of them tested; gives its folder and what was printed."""
    import soundfile as sf

    place = tmp_path_factory.mktemp("lone")
    for speaker in range(13):
        rng = np.random.default_rng(speaker)
        name, f0 = ("low", 100 + 4 * speaker) if speaker < 5 else ("high", 210 + 4 * speaker)
        (place / "voices" / name).mkdir(parents=True, exist_ok=True)
        for take in range(4):
            sf.write(place / "voices" / name / f"s{speaker:02d}_{take}.wav", voice(f0, rng, seconds=0.6), 16_000)
    small = [
        "--label",
        "label",
        "--arch",
        "small",
        "--init",
        "none",
        "--epochs",
        "1",
        "--batch",
        "8",
        "--image-size",
        "32",
        "32",
        "--seconds",
        "0.5",
    ]
    said = output_of("run_all", "--corpus", "voices", "--run", "lone", "--maps-only", *small, cwd=place)
    return place / "results" / "lone", said


@pytest.mark.slow
def test_a_run_with_one_tested_speaker_in_a_class_gives_no_interval_anywhere(lone_run):
    folder, printed = lone_run
    [line] = [line for line in printed.splitlines() if "metrics.json: balanced accuracy" in line]
    assert "(no interval)" in line
    assert "[" not in line
    assert "no interval: class low has one tested speaker" in printed
    [effective] = [line for line in printed.splitlines() if line.startswith("effective speakers: ")]
    assert "low 1.0 of 1" in effective
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["fold_mean"]["low"] is None
    assert metrics["network"]["balanced_accuracy"]["high"] is None
    with open(folder.parent / "results.csv", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["balanced_accuracy"]
    assert row["low"] == row["high"] == row["fold_mean_low"] == ""
    assert 1 < float(row["effective_speakers"]) < float(row["speakers"])
    page = (folder / "report.html").read_text()
    assert page.count("class low has one tested speaker") == 1, "said once"
    value = metrics["network"]["balanced_accuracy"]["value"]
    assert f"<strong>{100 * value:.0f}\u00a0%</strong> of clips" in page
    words = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\bnan\b", words)


# Maps


def drawn(**passes: tuple[float, float]) -> pd.DataFrame:
    """A random_weights table with each method's likeness and the share of draws that pass."""
    rows = []
    for method, (likeness, share) in passes.items():
        row = {"method": method.replace("_", "-"), "folds": 1, "draws": 20, "bar": 0.3, "random": 0.2, "smooth": np.nan}
        for column, value in (("likeness", likeness), ("passes", share), ("rise", 0.1)):
            row |= {column: value, f"{column}_low": value - 0.05, f"{column}_high": value + 0.05}
        rows.append({**row, "least": share, "faithful": share >= 0.95})
    return pd.DataFrame(rows)


def cascaded(method: str) -> pd.DataFrame:
    rows = [{"stage": stage, "depth": i, **dict.fromkeys(SIZES, 1 - i)} for i, stage in enumerate(["trained", "layer1"])]
    return pd.DataFrame(rows).assign(method=method)


SIZES = ("absolute", "absolute_low", "absolute_high")


def pointed(**pointing: float) -> pd.DataFrame:
    rows = [{"method": name.replace("_", "-"), "pointing": share, "found": share >= 0.95} for name, share in pointing.items()]
    return pd.DataFrame([{"cue": "tone", "learned": True, "layer": "layer3", **row} for row in rows])


@pytest.mark.parametrize(
    ("likeness", "passes", "share", "doubts"), [(0.43, 0.0, 1.0, 1), (0.20, 1.0, 1.0, 0), (0.1, 1.0, 0.77, 1), (0.4, 0.6, 0.5, 2)]
)
def test_a_method_that_fails_its_own_tests_is_said(tmp_path, likeness, passes, share, doubts):
    folder = of_checks(
        tmp_path,
        {"randomisation": {}, "planted": {}},
        random_weights=drawn(hires_cam=(likeness, passes), grad_cam=(0.9, 0.0)),
        planted=pointed(hires_cam=share, grad_cam=0.1),
    )
    found = run_checks.map_doubts(folder, "HiRes-CAM")
    assert len(found) == doubts
    assert all("HiRes-CAM" in line and "Grad-CAM" not in line for line in found)
    if passes < 0.95:
        assert f"{likeness:.2f} [" in found[0]
        assert f"{100 * passes:.0f} % of draws pass" in found[0]


def test_a_planted_cue_that_was_not_learned_says_nothing_of_the_method():
    table = pointed(hires_cam=0.2).assign(learned=False)
    assert pointing.planted_doubt(table, "hires-cam") == ""


@pytest.mark.slow
def test_the_first_screen_of_a_report_carries_the_warning(lone_run):
    """A report is written again beside checks in which the method fails: the warning stands before all that is folded."""
    folder = lone_run[0].with_name("warned")
    shutil.copytree(lone_run[0], folder)
    of_checks(
        folder,
        {"randomisation": {}},
        random_weights=drawn(**{"grad-cam++": (0.6, 0.0)}, grad_cam=(0.6, 0.0)),
        random_draws=pd.DataFrame({"method": ["grad-cam++", "grad-cam"], "likeness": [0.6, 0.6]}),
        randomisation=cascaded("grad-cam++"),
        shuffled=cascaded("grad-cam++"),
    )
    output_of("explain", "--run", "warned", "--maps-only", cwd=folder.parent.parent)
    page = (folder / "report.html").read_text()
    first = page[: page.index('<div class="first">')]
    assert "Warning, the maps fail their tests:" in first
    assert "0.60 [0.55, 0.65]" in first
    assert page.index("Read them with the warning") > page.index('id="evidence"')


def test_checks_of_another_version_are_refused_in_one_line(tmp_path):
    write_json(tmp_path / "checks" / "settings.json", {"method": "hires-cam"})
    with pytest.raises(ExplainError, match=r"checks by another version of voicecam; run scripts/explain\.py again"):
        run_checks.sections(tmp_path, CLASSES)
