"""Each sentence that the page builds from numbers, on made data whose answer is known; in a real browser where that builds it."""

import re
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from test_server import ROOT, running, send, wav
from test_web_page import MS, address, browser, classifier, drop, page  # noqa: F401

from voicecam.audio import Signal
from voicecam.config import recipe
from voicecam.corpora.espeak import RATE, Word, speak
from voicecam.explanation import training_ranges
from voicecam.explanation.training_ranges import TrainingRanges
from voicecam.features.image import Scale
from voicecam.network import Model, build, recordings
from voicecam.network.classifier import Classifier, Window, sure_classes
from voicecam.server.analysis import Explainer, analyse, bands_of

TEXT = "see what the model hears when somebody speaks"
NAMES = ("100 Hz", "200 Hz", "400 Hz", "800 Hz", "1.6 kHz")


@pytest.fixture(scope="module")
def voices():
    """A woman's and a man's synthetic voice, float samples at espeak's rate."""
    made = [
        np.asarray(samples, np.float32)
        for samples in speak([Word(TEXT, v, 140, p, 50) for v, p in (("en-us+f4", 60), ("en-us+m3", 40))])
    ]
    return [0.3 * samples / np.abs(samples).max() for samples in made]


@pytest.fixture(scope="module")
def two_people(voices):
    return np.concatenate([voices[0], np.zeros(RATE // 10, np.float32), voices[1]])


def network(config, classes, **meta):
    """A small network that was never trained: what it says is nothing, how it is told must be true all the same."""
    torch.manual_seed(1)
    rows = 224 if config.features == "mfcc-2020" else config.n_rows
    scale = Scale((-40.0,) * rows, (250.0,) * rows)
    return Classifier(Model(build("small", len(classes)).eval(), "small", "x", classes, config, scale, meta))


# ---- bands


def made_range(low, high, **more):
    return {"mean": [0.0] * len(low), "low": low, "high": high, "outside": {"median": 1, "most": 2}, "speakers": 9, **more}


def test_bands_that_lie_outside_are_counted_and_named():
    known = TrainingRanges(NAMES, {"f": made_range([0.0] * 5, [1.0] * 5)})
    said = training_ranges.describe_outliers(np.array([-0.5, 0.0, 2.0, 1.0, 1.1]), NAMES, "f", known)
    assert re.findall(r"\d+", said.split(":")[0]) == ["3", "5", "8", "10", "9"]
    assert [name for name in NAMES if re.search(rf"(?<![\d.]){re.escape(name)}", said)] == ["100 Hz", "400 Hz", "1.6 kHz"]
    assert re.findall(r"\d+", said.rsplit("kHz", 1)[1]) == ["1", "9", "10", "2"], "what is usual: 1, and for 9 of 10 at most 2"
    assert training_ranges.describe_outliers(np.full(5, 0.5), NAMES, "f", known).startswith("0 of 5 ")


def test_a_training_clips_own_bands_lie_inside_four_times_in_five():
    """Clips of a speaker differ as much as speakers do, and one speaker has most of the clips. Of the range of speakers' means
    half of the clips' bands would lie outside, and with clips that weigh the same the many would make the range."""
    rng = np.random.default_rng(5)
    speakers = ["many"] * 300 + [f"s{i // 12}" for i in range(480)]
    levels = {name: rng.normal(size=20) for name in dict.fromkeys(speakers)}
    levels["many"] = np.full(20, 6.0)
    drops = np.array([levels[name] + rng.normal(size=20) for name in speakers])
    known = TrainingRanges(("b",) * 20, training_ranges.summarise(drops, ["f"] * len(drops), speakers))
    counts = counted(drops, known)
    per_speaker = {name: counts[np.array(speakers) == name] for name in levels}
    share = np.mean([values.mean() for values in per_speaker.values()]) / 20
    assert share == pytest.approx(0.2, abs=0.01)
    weighed = np.concatenate([np.repeat(values, 300 // len(values)) for values in per_speaker.values()])  # 300 of each
    assert known.of("f")["outside"] == {"median": np.median(weighed), "most": np.percentile(weighed, 90)}
    assert (known.of("f")["speakers"], known.of("f")["clips"]) == (41, 780)


def counted(drops, known):
    """How many bands of each clip the sentence says lie outside."""
    return np.array([int(training_ranges.describe_outliers(one, known.names, "f", known).split()[0]) for one in drops])


def test_the_shipped_ranges_are_wider_than_those_of_speakers_means_and_say_what_is_usual():
    known = training_ranges.load_ranges(ROOT / "voicecam" / "models" / "voice")
    for facts in known.classes.values():
        assert 2 <= facts["outside"]["median"] <= 5, "of 20 bands 4 lie outside on average, by how the range is made"
        assert facts["outside"]["median"] < facts["outside"]["most"] <= 12


def test_the_band_that_speaks_most_is_the_one_whose_loss_costs_most():
    assert "1.6 kHz" not in training_ranges.strongest(np.array([0.1, -9.0, 2.25, 1.0, 0.0]), NAMES, "f")
    assert re.search(r"400 Hz.* 2\.25", training_ranges.strongest(np.array([0.1, -9.0, 2.25, 1.0, 0.0]), NAMES, "f"))
    none = training_ranges.strongest(np.array([-0.1, -9.0, 0.0, -1.0, -2.0]), NAMES, "f")
    assert not any(name in none for name in NAMES), "where nothing costs anything, no band speaks"


def test_the_page_counts_the_bands_of_the_window_it_shows(browser, classifier, voices):  # noqa: F811
    """Ranges made around a voice's own bands, 3 of 20 moved away: the page of a server with them says 3, and which."""
    prediction = recordings.predict_recording(classifier, Signal(voices[0], RATE))
    drops = bands_of(Explainer(classifier), prediction, "female")
    low, high = drops - 0.05, drops + 0.05
    low[[2, 9, 17]] += 1
    high[[2, 9, 17]] += 1
    known = TrainingRanges(("n",) * 20, {"female": made_range(low.tolist(), high.tolist())})
    with seen(browser, Explainer(classifier, known), voices[0]) as page:  # noqa: F811
        words, rows = page.text_content("#bands-words"), page.locator("#bands-table tbody tr").all()
        cells = [row.locator("th, td").all_text_contents() for row in rows]
    assert words.count("3 of 20 bands") == 1
    outside = [name for name, value, start, _, end in cells if not float(start) <= float(value) <= float(end)]
    assert len(outside) == 3
    assert f": {', '.join(outside)}." in words
    values = [float(value) for _, value, *_ in cells]
    assert f"the band around {cells[int(np.argmax(values))][0]};" in words


@contextmanager
def seen(browser, explainer, samples):  # noqa: F811
    """The page of a server of one's own, with a voice on it."""
    with running(explainer) as place:
        page = browser.new_page()
        page.set_default_timeout(MS)
        page.goto(place)
        page.wait_for_selector("body[data-ready]")
        drop(page, wav(samples, RATE))
        page.wait_for_selector("#history li")
        yield page
        page.close()


# ---- the picture and the map


@pytest.mark.parametrize("name", ["shipped", "mfcc", "logmel"])
def test_the_maps_words_tell_when_it_is_strongest_and_claim_no_band(classifier, name, voices):  # noqa: F811
    explainer = Explainer(classifier if name == "shipped" else network(recipe(name), ("a", "b")))
    told = analyse(explainer, Signal(voices[0], RATE))["explanation"]
    found, edges, words = np.array(told["map"]["values"]), told["map"]["edges"]["columns"], told["map"]["words"]
    assert "Hz" not in words
    assert ("blank" in words) == (found.max() <= 0)
    assert found.max() > 0 or name != "shipped"
    if found.max() > 0:
        _, column = np.unravel_index(found.argmax(), found.shape)
        times = told["picture"]["columns"]["values"]
        step = times[1] - times[0]
        place = [times[0] - step / 2 + share * (times[-1] - times[0] + step) for share in edges[column : column + 2]]
        assert [float(x) for x in re.findall(r"(\d+\.\d+)", words)] == pytest.approx(place, abs=0.006)
        assert f" {found.shape[0]} by {found.shape[1]} " in words


def test_the_picture_of_coefficients_is_not_told_as_levels_over_frequency(browser, voices):  # noqa: F811
    told = {}
    for name in ("voice", "mfcc", "mfcc-2020"):
        with seen(browser, Explainer(network(recipe(name), ("a", "b"))), voices[0]) as page:  # noqa: F811
            told[name] = (page.inner_text("#picture-words"), page.locator("#picture").get_attribute("aria-label"))
    for name in ("mfcc", "mfcc-2020"):
        assert "Level" not in told[name][0]
        assert "coefficient" in told[name][0]
        assert told[name][1].endswith("time against coefficients")
    assert "blue" in told["mfcc"][0]
    assert "Level" in told["voice"][0]
    assert told["voice"][1].endswith("time against frequency")


# ---- the uncertain zone


BARS = """async ([probabilities, threshold]) => {
  const { showPrediction } = await import("/static/recording/show.js");
  const classes = Object.keys(probabilities);
  const label = classes.reduce((a, b) => (probabilities[a] >= probabilities[b] ? a : b));
  const prediction = probabilities[label] >= threshold ? label : "uncertain";
  const rest = { f0: null, speech_seconds: 1, windows: [], verdicts: [] };
  const found = { prediction, label, probability: probabilities[label], probabilities, ...rest };
  const colours = Object.fromEntries(classes.map((name) => [name, "red"]));
  showPrediction((id) => document.getElementById(id), found, { threshold, classes, colours });
  document.getElementById("result").hidden = false;
  return [...document.querySelectorAll("#probabilities .track")].map((track) => {
    const zone = track.querySelector(".zone");
    const [whole, part] = [track, zone ?? track].map((node) => node.getBoundingClientRect());
    const place = [part.left - whole.left, part.right - whole.left].map((x) => x / whole.width);
    return { label: track.getAttribute("aria-label"), zone: zone && place };
  });
}"""
HIGH, LOW, MIDDLE = [0.0, 0.8], [0.2, 0.8], None


@pytest.mark.parametrize(
    ("probabilities", "inside", "zones"),
    [
        ({"f": 0.018, "m": 0.982}, [], {"f": LOW, "m": LOW}),
        ({"f": 0.7, "m": 0.3}, ["f", "m"], {"f": LOW, "m": LOW}),
        ({"f": 0.8, "m": 0.2}, [], {"f": LOW, "m": LOW}),
        ({"a": 0.5, "b": 0.3, "c": 0.2}, ["a"], {"a": HIGH, "b": None, "c": None}),
        ({"a": 0.05, "b": 0.9, "c": 0.05}, [], {"a": None, "b": HIGH, "c": None}),
    ],
    ids=["two, sure", "two, unsure", "two, at the edge", "three, unsure", "three, sure"],
)
def test_only_what_makes_the_verdict_uncertain_is_in_the_uncertain_zone(page, probabilities, inside, zones):  # noqa: F811
    bars = page.evaluate(BARS, [probabilities, 0.8])
    assert [bar["label"].split(":")[0] for bar in bars if "uncertain" in bar["label"]] == inside
    for bar in bars:
        target = zones[bar["label"].split(":")[0]]
        assert (bar["zone"] is None) == (target is None)
        if target:
            assert bar["zone"] == pytest.approx(target, abs=0.02)
    assert "0.80" in page.inner_text("#facts")


def test_a_model_without_a_threshold_has_no_uncertain_zone(page):  # noqa: F811
    for probabilities in ({"f": 0.4, "m": 0.6}, {"a": 0.5, "b": 0.3, "c": 0.2}):
        bars = page.evaluate(BARS, [probabilities, 0.0])
        assert all(bar["zone"] is None and "uncertain" not in bar["label"] for bar in bars)
        assert "uncertain" not in page.inner_text("#facts")


PLOT = """async ([classes, threshold]) => {
  const { drawPitch } = await import("/static/recording/draw.js");
  document.getElementById("result").hidden = false;
  const canvas = document.getElementById("pitch-plot");
  drawPitch(canvas, new Map(), classes, Object.fromEntries(classes.map((name) => [name, "red"])), threshold);
  const pen = canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
  const height = canvas.height / ratio - 50; // 10 above, 40 below
  const row = (p) => Math.round(ratio * (10 + (1 - p) * height));
  return [0.97, 0.83, 0.7, 0.3, 0.1].map((p) => pen.getImageData(ratio * 300, row(p), 1, 1).data[3] > 0);
}"""


def test_the_pitch_plot_shades_where_two_classes_are_uncertain_and_draws_one_edge_for_more(page):  # noqa: F811
    assert page.evaluate(PLOT, [["f", "m"], 0.8]) == [False, False, True, True, False]
    assert page.evaluate(PLOT, [["f", "m"], 0.0]) == [False] * 5
    assert page.evaluate(PLOT, [["a", "b", "c"], 0.8]) == [False] * 5, "of more classes the shade would always hold a losing one"


# ---- windows that disagree


def windows(*p_high):
    return [Window(0.5 * i, 0.5 * i + 1, {"high": p, "low": 1 - p}) for i, p in enumerate(p_high)]


def test_windows_disagree_where_two_are_sure_of_different_classes():
    assert sure_classes(windows(0.95, 0.5, 0.04), threshold=0.9) == ("high", "low")
    assert sure_classes(windows(0.95, 0.5, 0.2), threshold=0.9) == ("high",), "a window below the threshold is sure of nothing"
    assert sure_classes(windows(0.6, 0.5), threshold=0.9) == ()
    assert sure_classes(windows(0.05, 0.9), threshold=0.9) == ("low", "high")


def test_two_people_in_one_recording_are_said_to_disagree_with_times_and_one_is_not(page, address, two_people, voices):  # noqa: F811
    from playwright.sync_api import expect

    change = (len(voices[0]) + RATE / 20) / RATE  # s; the second voice begins
    drop(page, wav(two_people, RATE))
    expect(page.locator("#disagreement")).to_be_visible()
    said = page.inner_text("#disagreement")
    runs = [(float(start), float(end), what) for start, end, what in re.findall(r"([\d.]+)\u2013([\d.]+) s (\w+)", said)]
    sure = [run for run in runs if run[2] != "uncertain"]
    assert [what for *_, what in sure] == ["female", "male"]
    assert sure[0][0] < 0.5 < change - 0.6 < sure[0][1] < change + 0.6
    assert change - 0.6 < sure[1][0] < change + 0.6 < sure[1][1]
    assert "disagree" in page.inner_text("#status")
    for voice in voices:
        drop(page, wav(voice, RATE))
        expect(page.locator("#disagreement")).to_be_hidden()
        assert "disagree" not in page.inner_text("#status")
    assert page.locator("#disagreement").inner_text() == ""


def test_the_command_line_says_that_windows_disagree(classifier, two_people, voices):  # noqa: F811
    said = [
        recordings.lines(recordings.predict_recording(classifier, Signal(samples, RATE)), threshold=classifier.threshold)
        for samples in (two_people, voices[1])
    ]
    assert ["disagree" in " ".join(lines) for lines in said] == [True, False]
    assert [f"s {name}" in said[0][1] for name in ("female", "male")] == [True, True]


def test_the_api_says_that_windows_disagree(address, two_people, voices):  # noqa: F811
    import httpx

    with httpx.Client(base_url=address, timeout=MS / 1000) as client:
        torn, one = (send(client, wav(samples, RATE)).json() for samples in (two_people, voices[1]))
    assert torn["timeline"] in torn["disagreement"]
    assert one["disagreement"] is None
