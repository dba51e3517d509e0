"""Around the maps of a run: which clips are looked at, what they are asked, the controls, and all checks of a small run."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from conftest import voice
from voicecam import audio, runs
from voicecam.checks import check_run, run_checks
from voicecam.checks.band_profiles import FILTERED, MEL_GRADIENTS, map_profiles, occluded_profile
from voicecam.checks.context import CheckContext
from voicecam.checks.run_checks import CHECKS, possible
from voicecam.commands import run_report
from voicecam.config import recipe
from voicecam.corpora import open_corpus
from voicecam.data.dataset import make_images
from voicecam.errors import ExplainError
from voicecam.explanation.band_occlusion import FLOORED, OCCLUDED
from voicecam.explanation.bands import band_set
from voicecam.explanation.centroids import OWN
from voicecam.explanation.sound_scores import LOUDEST, SHIFTED, sound_probabilities
from voicecam.explanation.sound_scores import OWN as OWN_MAP
from voicecam.files import read_json, write_json
from voicecam.network import load_model
from voicecam.network.learner import TrainConfig
from voicecam.runs.fold_clips import fold_clips, targets
from voicecam.runs.sample import sample_clips

CLASSES = ("high", "low")
EFFORT = runs.CheckSizes(
    clips=24, fewer=8, voices=40, morphs=2, methods=("grad-cam", "hires-cam"), cues=("hum",), words=1, tones=12
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run on low and high buzzes, explained and checked; gives folder and data set."""
    import os

    import soundfile as sf

    place, before = tmp_path_factory.mktemp("checks"), os.getcwd()
    os.chdir(place)
    try:
        for speaker in range(20):
            rng = np.random.default_rng(speaker)
            name, f0 = ("low", 90 + 4 * speaker) if speaker % 2 else ("high", 210 + 4 * speaker)
            (place / "voices" / name).mkdir(parents=True, exist_ok=True)
            for take in range(4):
                sound = voice(f0 * rng.uniform(0.95, 1.05), rng, seconds=0.6)
                sf.write(place / "voices" / name / f"s{speaker:02d}_{take}.wav", sound, 16_000)
        corpus = open_corpus(place / "voices")
        path = make_images(corpus, recipe("logmel", seconds=0.5, image_rows=32, image_columns=32), workers=1)
        training = TrainConfig(arch="small", init="none", epochs=6, batch=8, lr=3e-3, patience=6)
        settings = runs.Settings(map=str(path), label="label", training=training)
        folder, dataset = place / "results" / "small", runs.run_dataset(settings)
        runs.start_run(folder, settings, command="python made in a test")
        runs.train_run(folder, dataset, log=lambda line: None)
        runs.evaluate_run(folder, dataset)
        runs.explain_run(folder, dataset, log=lambda line: None)
        made = check_run(folder, dataset, method="hires-cam", layer="layer2", sizes=EFFORT, log=lambda line: None)
        yield folder, dataset, made
    finally:
        os.chdir(before)


def table(rows):
    return pd.DataFrame(rows, columns=["true", "speaker"])


def test_a_sample_takes_classes_alike_and_speakers_in_turn():
    rows = [("a", "s1")] * 50 + [("a", "s2")] * 3 + [("a", "s3")] + [("b", "s4")] * 4
    chosen = table(rows).iloc[sample_clips(table(rows), 8)]
    assert chosen["true"].value_counts().to_dict() == {"a": 4, "b": 4}
    per_speaker = chosen[chosen["true"] == "a"]["speaker"].value_counts()
    assert set(per_speaker.index) == {"s1", "s2", "s3"}, "nobody gives a second clip before all have given one"
    assert len(sample_clips(table(rows), 1000)) == len(rows)
    assert list(sample_clips(table(rows), 8)) == sorted(sample_clips(table(rows), 8))


def test_targets():
    some = pd.DataFrame({"true": ["high", "low"], "predicted": ["low", "low"]})
    for choice, target, contrast in (
        ("true", [0, 1], [1, 0]),
        ("predicted", [1, 1], [0, 0]),
        ("high", [0, 0], [1, 1]),
        ("high-low", [0, 0], [1, 1]),
        ("low-high", [1, 1], [0, 0]),
    ):
        found = targets(some, choice, CLASSES)
        assert [list(part) for part in found] == [target, contrast], choice
    three = targets(some, "high", ("high", "low", "none"))
    assert list(three[0]) == [0, 0]
    assert three[1] is None, "with three classes a logit stands alone"
    assert [list(part) for part in targets(some, "none-low", ("high", "low", "none"))] == [[2, 2], [1, 1]]
    with pytest.raises(ExplainError, match="target 'tall': not known"):
        targets(some, "tall", CLASSES)


@pytest.mark.slow
def test_the_null_on_shuffled_labels_is_trained_once_and_is_another_network(run):
    folder, dataset, _ = run
    place = folder / "fold1"
    twin, real = load_model(place / "shuffled"), load_model(place)
    assert twin.classes == real.classes
    weights = [next(iter(model.network.parameters())).detach().numpy() for model in (twin, real)]
    assert not np.allclose(*weights)
    stamp = (place / "shuffled" / "model.safetensors").stat().st_mtime_ns
    settings = runs.open_run(folder)
    runs.label_shuffled_model(place, dataset, "label", settings.training, log=lambda line: None)
    assert (place / "shuffled" / "model.safetensors").stat().st_mtime_ns == stamp
    assert twin.meta["n_clips"] == real.meta["n_clips"], "the same clips, with labels dealt out anew"


@pytest.mark.slow
def test_maps_and_nulls_of_every_clip(run):
    folder, _, _ = run
    with np.load(folder / "cams.npz") as arrays:
        maps, random, shuffled = (arrays[name] for name in ("maps", "random_weights_maps", "shuffled_labels_maps"))
        assert maps.shape == random.shape == shuffled.shape
        assert not np.allclose(maps, random)
        assert not np.allclose(maps, shuffled)
        bands = pd.read_csv(folder / "bands_by_class.csv")
        here = (arrays["true"] == "low") & (arrays["true"] == arrays["predicted"])
        positive = np.maximum(maps[here], 0).sum(axis=2)
        shares = pd.DataFrame(positive / positive.sum(axis=1, keepdims=True)).groupby(arrays["speaker"][here]).mean().mean()
    found = bands[(bands["class"] == "low") & (bands["clips_of"] == "right")].sort_values("band")["share"]
    np.testing.assert_allclose(found, shares, rtol=1e-4)


@pytest.mark.slow
def test_band_occlusion_is_what_the_network_says_without_the_band(run):
    folder, dataset, _ = run
    clips = fold_clips(folder, dataset, runs.read_predictions(folder).head(3), "true")[0]
    bands = band_set("octaves", dataset.config)
    found = occluded_profile(clips, clips.model, bands, reference="floor")
    log_mel, limits = clips.log_mel, band_set("mel", dataset.config).limits
    middle = next(i for i, (low, high) in enumerate(bands.limits) if low < 1000 < high)
    low, high = bands.limits[middle]
    inside = [low <= a and b <= high for a, b in limits]
    gone = log_mel.copy()
    gone[:, inside] = gone.min(axis=(1, 2), keepdims=True)
    scale = clips.model.scale
    logits = [clips.model.logits(np.asarray(matrices, dtype=np.float32)) for matrices in (log_mel, gone)]
    expected = clips.scores(logits[0]) - clips.scores(logits[1])
    assert scale.low  # the same pictures, made by rounding to grey levels: the bands' borders share rows, so near is enough
    assert np.corrcoef(found[:, middle], expected)[0, 1] > 0.9 or np.allclose(found[:, middle], expected, atol=0.3)
    profiles = map_profiles(clips, bands, methods=("grad-cam",), layer="layer2")
    assert set(profiles) == {MEL_GRADIENTS, "grad-cam"}


@pytest.mark.slow
def test_all_checks_of_a_run_with_sound_and_two_classes(run):
    folder, _, made = run
    assert made == [name for name, check in CHECKS.items() if not check.of_sound]
    agreement = runs.read_table(folder, "agreement").set_index("method")
    assert set(agreement.index) == {MEL_GRADIENTS, "grad-cam", "hires-cam"}, "no intervention beside one of its own kind"
    centroids, drawn = (runs.read_table(folder, name) for name in ("centroids", "random_centroids"))
    assert list(centroids["method"].unique()) == [OCCLUDED, FLOORED, MEL_GRADIENTS, FILTERED]
    assert set(drawn["network"]) == set(range(41)), "the trained network and 40 single random ones"
    assert drawn[drawn["target"] == OWN]["difference"].nunique() > 30
    tones = runs.read_table(folder, "tones")
    assert {OCCLUDED, FLOORED, MEL_GRADIENTS, "HiRes-CAM, layer2"} == set(tones["instrument"])
    facts = runs.read_summary(folder, "bands")
    assert 0 < facts["gap"] <= facts["gap_most"] < 0.2
    planted = runs.read_table(folder, "planted").set_index("method")
    assert planted["own"].all(), "this run's recordings, features and architecture"
    assert (
        planted.loc["hires-cam", "pointing"] > planted.loc[planted["layer"] == "layer2", "pointing"].drop("hires-cam").max() - 0.1
    )
    drawn = runs.read_table(folder, "random_weights").set_index("method")
    assert drawn.loc["loudest cell (no network)", "passes"] == 0
    assert (drawn["draws"] == 20).all()
    faithful = runs.read_table(folder, "faithfulness").set_index("method")
    assert (faithful.loc[["grad-cam", "hires-cam"], "seconds"] > 0).all()
    for number in range(2):
        parts = [audio.read(folder / "checks" / f"sound{number}_{part}.wav") for part in ("clip", "evidence", "rest")]
        assert len({len(part.samples) for part in parts}) == 1
    sounds = runs.read_table(folder, "sounds").set_index("map")
    assert set(sounds.index) == {OWN_MAP, SHIFTED, LOUDEST}
    assert 0 < sounds.loc[OWN_MAP, "clips"] <= EFFORT.fewer, "no more clips than the slow checks take"
    assert sounds.loc[OWN_MAP, "evidence"] > sounds.loc[OWN_MAP, "rest"]


@pytest.mark.slow
def test_the_notes_under_the_players_are_the_scores_of_what_was_written(run):
    """The sounds on disk, through the network of their fold."""
    folder, _, _ = run
    for number, clip in enumerate(runs.read_summary(folder, "audible")["clips"]):
        model = load_model(folder / "fold1")
        sounds = [audio.read(folder / "checks" / f"sound{number}_{part}.wav") for part in ("clip", "evidence", "rest")]
        p = sound_probabilities(model)(sounds)[:, model.classes.index(clip["class"])]
        told = [float(text.strip("<>")) for text in re.findall(r"(?:clip|alone) ([<>]?\d\.\d\d)", clip["note"])]
        assert told == pytest.approx(p, abs=0.012)


@pytest.mark.slow
def test_checks_are_made_once_and_never_under_other_settings(run):
    folder, dataset, made = run
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "checks").glob("*.csv")}
    said = []
    again = {"method": "hires-cam", "layer": "layer2", "sizes": EFFORT}
    assert check_run(folder, dataset, **again, log=said.append) == made
    assert said == []
    assert stamps == {path: path.stat().st_mtime_ns for path in (folder / "checks").glob("*.csv")}
    (folder / "checks" / "bands.json").unlink()
    check_run(folder, dataset, **again, log=said.append)
    assert said == ["check: bands taken out of the sound"], "a part that was stopped half way is made again, alone"
    with pytest.raises(ExplainError, match="made with other settings"):
        check_run(folder, dataset, method="hires-cam", layer="layer3", sizes=EFFORT)


@pytest.mark.slow
def test_checks_side_by_side_give_the_same_files_and_say_what_was_made(run):
    folder, dataset, _ = run
    place, said = folder / "explanations" / "beside", []
    how = {"method": "hires-cam", "layer": "layer2", "bands": "third-octaves", "sizes": EFFORT}
    context = CheckContext(folder=folder, dataset=dataset, **how, log=said.append, progress=lambda items, total: items)
    assert run_checks._groups(["tones", "centroid", "bands", "audible", "confounds"]) == [
        ("tones",),
        ("centroid", "bands", "audible"),
        ("confounds",),
    ], "those that ask for the same passes stay together"
    run_checks._make_beside([("bands",), ("faithfulness", "confounds")], place / "checks", context, 2)
    assert said == [f"check: {CHECKS[name].title}" for name in ("bands", "faithfulness", "confounds")]
    for table in ("band_drops", "agreement", "confounds", "faithfulness"):
        found, wanted = (pd.read_csv(where / "checks" / f"{table}.csv") for where in (place, folder))
        pd.testing.assert_frame_equal(*(one.drop(columns="seconds", errors="ignore") for one in (found, wanted)), rtol=1e-3)
    shutil.rmtree(place)


def test_checks_by_another_version_are_moved_aside_and_made_again(run, monkeypatch):
    folder, dataset, _ = run
    place, alone, said = folder / "explanations" / "older", {"confounds": CHECKS["confounds"]}, []
    monkeypatch.setattr("voicecam.checks.run_checks.CHECKS", alone)
    write_json(place / "checks" / "settings.json", {"version": 2})
    write_json(place / "checks" / "confounds.json", {"made": "by version 2"})
    with pytest.raises(ExplainError, match=r"checks by another version of voicecam; run scripts/explain\.py again"):
        run_checks.sections(place, CLASSES)
    check_run(folder, dataset, place=place, method="hires-cam", layer="layer2", sizes=EFFORT, log=said.append)
    assert read_json(place / "checks-2" / "confounds.json") == {"made": "by version 2"}
    assert "made" not in read_json(place / "checks" / "confounds.json")
    assert len(said) == 2
    shutil.rmtree(place)


@pytest.mark.slow
def test_the_report_has_a_chapter_for_each_check_with_its_numbers(run):
    folder, dataset, made = run
    written = run_checks.sections(folder, CLASSES)
    assert len(written) == len(made)
    page = run_report.write_run_report(folder, dataset).read_text()
    for section in written:
        assert f'id="{section.name}"' in page
    drops = runs.read_table(folder, "band_drops")
    top = drops[drops["class"] == "low"].sort_values("drop").iloc[-1]
    assert f"{top['drop']:.2f} [{top['low']:.2f}, {top['high']:.2f}]" in page
    assert page.count("data:audio/wav") >= 6
    rows = re.findall(r"<tr><th scope=.row.><a[^>]*>(.*?)</a></th><td>(.*?)</td>", page[: page.index("<details")])
    assert len(rows) == 5
    chance, recordings, random, planted, occluded = (said.replace("\N{NO-BREAK SPACE}", " ") for _, said in rows)
    metrics, key = read_json(folder / "metrics.json"), {"HiRes-CAM": "hires-cam", "Grad-CAM": "grad-cam"}
    method = key[read_json(folder / "explanation.json")["method"]]
    score = metrics["network"]["balanced_accuracy"]["value"]
    assert f"{100 * score:.0f} %" in chance
    best = pd.read_csv(folder / "checks" / "confounds.csv").sort_values("balanced_accuracy").iloc[-1]
    assert f"{100 * best['balanced_accuracy']:.0f} % [{100 * best['low']:.0f}, {100 * best['high']:.0f}]" in recordings
    table = pd.read_csv(folder / "checks" / "random_weights.csv").set_index("method").loc[method]
    assert f"{table['likeness']:.2f} [{table['likeness_low']:.2f}, {table['likeness_high']:.2f}]" in random
    assert ("Yes" in random) == bool(table["faithful"])
    cues = pd.read_csv(folder / "checks" / "planted.csv")
    cues = cues[(cues["method"] == method) & (cues["layer"] == "layer2") & cues["learned"]]
    assert all(f"{row['cue']} {100 * row['pointing']:.0f} %" in planted for _, row in cues.iterrows())
    assert ("Yes" in planted) == (len(cues) > 0 and bool(cues["found"].all()))
    better = pd.read_csv(folder / "checks" / "faithfulness.csv").set_index("method").loc[method, "deletion_over_random"]
    assert f"lies {better:.2f}" in occluded


@pytest.mark.slow
def test_checks_are_left_out_where_the_run_has_not_what_they_need(run):
    folder, dataset, _ = run
    job = CheckContext(
        folder=folder,
        dataset=dataset,
        method="hires-cam",
        layer="layer2",
        bands="octaves",
        sizes=EFFORT,
        log=print,
        progress=zip,
    )
    silent = replace(dataset, corpus=replace(dataset.corpus, matrices=folder / "some.npz"))
    stretched = replace(dataset, matrices=np.zeros((len(dataset.matrices), 224, 224), np.float32))
    left_out = {
        name: {
            check for check in CHECKS if not CHECKS[check].of_sound and not possible(CHECKS[check], replace(job, dataset=some))
        }
        for name, some in (("all", dataset), ("silent", silent), ("stretched", stretched))
    }
    assert left_out["all"] == set()
    assert left_out["silent"] == {"confounds", "acoustics", "counterfactual", "audible"}
    assert left_out["stretched"] == {"tones", "bands", "centroid", "audible"}, "their pictures have no way back to frequencies"
