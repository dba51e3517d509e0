"""Encodings in a plane: planted clusters stay together, regions are the answers of who is near."""

import json
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from voicecam import figures
from voicecam.explanation import embeddings

CLASSES = ("female", "male")


@pytest.fixture
def planted(rng):
    """Vectors (120, 40) of 24 speakers, five clips each: speakers are blobs, those of a class lie on one side."""
    side = np.repeat([1.0, -1.0], 12)
    centres = rng.normal(size=(24, 40)) + 2.5 * side[:, None] * (np.arange(40) < 8)
    vectors = np.repeat(centres, 5, axis=0) + 0.15 * rng.normal(size=(120, 40))
    speakers = [f"s{i:02d}" for i in np.repeat(np.arange(24), 5)]
    return vectors, speakers, [CLASSES[int(s < 0)] for s in np.repeat(side, 5)]


def nearest_alike(points, names):
    distance = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    names = np.asarray(names)
    return (names[distance.argmin(axis=1)] == names).mean()


@pytest.mark.slow
def test_umap_keeps_planted_clusters_and_is_the_same_each_time(planted):
    pytest.importorskip("umap")
    vectors, speakers, classes_of = planted
    points, how = embeddings.plane(vectors)
    assert points.shape == (120, 2)
    assert how == "UMAP"
    assert nearest_alike(points, speakers) > 0.95
    assert nearest_alike(points, classes_of) == 1
    np.testing.assert_array_equal(points, embeddings.plane(vectors)[0])


def test_without_umap_it_is_the_two_directions_of_largest_variance(planted, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    vectors, _, classes_of = planted
    points, how = embeddings.plane(vectors)
    _, _, directions = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    expected = (vectors - vectors.mean(axis=0)) @ directions[:2].T
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-6)  # a direction has no sign
    assert how == "principal components"
    assert nearest_alike(points, classes_of) > 0.95


def test_neighbours_are_found_by_cosine_of_the_centred_vectors(planted, rng):
    vectors, speakers, classes_of = planted
    found = embeddings.neighbours(vectors, speakers, classes_of)
    assert found["speaker"].mean() == 1
    assert found["class"].mean() == 1
    vectors, speakers = rng.normal(size=(30, 5)) + 3, [f"s{i % 7}" for i in range(30)]
    classes_of = [CLASSES[i % 2] for i in range(30)]
    found, centred = embeddings.neighbours(vectors, speakers, classes_of), vectors - vectors.mean(axis=0)
    for i in range(30):
        likeness = [a @ centred[i] / np.linalg.norm(a) / np.linalg.norm(centred[i]) for a in centred]
        order = sorted((j for j in range(30) if j != i), key=lambda j: -likeness[j])
        assert found["speaker"][i] == (speakers[order[0]] == speakers[i])
        other = next(j for j in order if speakers[j] != speakers[i])
        assert found["class"][i] == (classes_of[other] == classes_of[i])


def test_regions_are_the_mean_answer_of_the_seven_nearest():
    points = np.concatenate([np.linspace([-1, -1], [-1, 1], 20), np.linspace([1, -1], [1, 1], 20)])
    p = np.repeat([[0.9, 0.1], [0.2, 0.8]], 20, axis=0)
    x, y, answers = embeddings.answer_regions(points, p)
    inside = (np.abs(y) < 1)[:, None] & np.ones(len(x), bool)[None]
    assert (answers[inside & (x > 0.1)[None]] == 1).all()
    assert (answers[inside & (x < -0.1)[None]] == 0).all()
    lone = np.concatenate([points, [[-1.0, 0.01]]])  # one clip of another answer does not turn its place
    assert (embeddings.region_of(points, embeddings.answer_regions(lone, np.concatenate([p, [[0.0, 1.0]]])))[:20] == 0).all()
    assert list(embeddings.region_of(points, (x, y, answers))) == [0] * 20 + [1] * 20


def test_the_figure_has_each_clip_by_class_and_by_speaker(planted):
    _, speakers, classes_of = planted
    points = np.random.default_rng(0).normal(size=(120, 2))
    left, right = figures.plot_embedding_map(points, classes_of, speakers, CLASSES, ax=figures.figure(4, width=8)[1])
    colours = figures.class_colours(CLASSES)
    for panel, named in ((left, {"female": 60, "male": 60}), (right, {"12 others": 60} | {f"s{i:02d}": 5 for i in range(12)})):
        drawn = {dots.get_label(): len(dots.get_offsets()) for dots in panel.collections}
        assert drawn == named
        assert {text.get_text() for text in panel.get_legend().get_texts()} == set(named)
    for dots in left.collections:
        here = np.array(classes_of) == dots.get_label()
        np.testing.assert_array_equal(dots.get_offsets(), points[here])
        assert to_hex(dots.get_facecolor()[0]).lower() == colours[dots.get_label()].lower()
    by_name = {dots.get_label(): dots for dots in right.collections}
    np.testing.assert_array_equal(by_name["s03"].get_offsets(), points[np.array(speakers) == "s03"])
    assert left.get_xlim() == right.get_xlim()


def test_the_boundary_is_drawn_where_the_answers_change(planted):
    _, speakers, classes_of = planted
    points = np.random.default_rng(0).normal(size=(120, 2))
    x, y = np.linspace(-3, 3, 61), np.linspace(-3, 3, 61)
    answers = np.where(x[None] > 0.5, 1, 0) * np.ones((61, 1), int)
    ax = figures.figure(4, width=8)[1]
    left, _ = figures.plot_embedding_map(points, classes_of, speakers, CLASSES, boundary=(x, y, answers), ax=ax)
    lines = [c for c in left.collections if len(c.get_edgecolor()) and to_rgb(c.get_edgecolor()[0]) == to_rgb("#333333")]
    places = np.concatenate([path.vertices for line in lines for path in line.get_paths() if len(path.vertices)])
    assert len(places) > 50
    assert np.abs(places[:, 0] - 0.5).max() <= 0.1


@pytest.mark.slow
def test_a_report_of_system_a_shows_how_the_encoder_sees_the_voices(spoken_run, tmp_path):
    import pandas as pd

    from voicecam import runs
    from voicecam.checks import embeddings as check
    from voicecam.checks.context import CheckContext
    from voicecam.checks.run_checks import possible, write_result

    how = {"method": "occlusion", "layer": "sound", "bands": "octaves", "log": print, "progress": lambda items, total: items}
    dataset = runs.run_dataset(runs.open_run(spoken_run))
    context = CheckContext(folder=spoken_run, dataset=dataset, sizes=runs.CheckSizes(), **how)
    assert possible(check.CHECK, context)
    write_result(tmp_path / "checks", "embeddings", check.measure(context))
    table = pd.read_csv(tmp_path / "checks" / "embedding_map.csv")
    tested = pd.read_csv(spoken_run / "predictions.csv")
    assert set(table["path"]) == set(tested["path"])
    assert np.isfinite(table[["x", "y"]].to_numpy()).all()
    facts = json.loads((tmp_path / "checks" / "embeddings.json").read_text())
    assert facts["clips"] == len(tested)
    assert facts["nearest_same_speaker"]["value"] > 0.5
    section = check.section(tmp_path, CLASSES)
    assert section.title == "How the encoder sees the voices"
    assert f"Of {len(tested)} tested clips" in section.sentences[0]
    drawing = section.drawings[0]
    fig, ax = figures.figure(drawing.height, width=drawing.width)
    drawing.plot(*drawing.data, ax=ax, **drawing.options)
    assert figures.png_bytes(fig).startswith(b"\x89PNG")
