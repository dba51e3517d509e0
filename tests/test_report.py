"""The report: its words against the numbers given, its safety against hostile names, and its looks in a browser."""

import base64
import io
import pickle
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import soundfile

from voicecam import figures
from voicecam.commands import run_report
from voicecam.data.splits import Split
from voicecam.errors import VoicecamError
from voicecam.features import Axis
from voicecam.report import ReportClip, ReportContent, ReportExplanation, count, interval, pictures, render, write_report

COEFFICIENTS = Axis("coefficient", np.arange(8), "")
BANDS_IN_HZ = Axis("frequency", np.array([200.0, 500.0, 800.0, 1200.0, 1800.0, 2500.0, 3600.0, 5000.0]), "Hz")
HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Visible text with single spaces, all tags, and every address the page names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.hidden = False
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.hidden = tag in ("style", "script")

    def handle_endtag(self, tag):
        self.hidden = False

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(content: ReportContent) -> Page:
    return Page(render(content))


def wav() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(800) / 5) / 2, 16_000, format="WAV")
    return buffer.getvalue()


def measured(value: float, low: float, high: float) -> dict:
    return {"value": value, "low": low, "high": high}


def metrics() -> dict:
    def system(*balanced: float) -> dict:
        return {
            "accuracy": measured(0.71, 0.61, 0.81),
            "balanced_accuracy": measured(*balanced),
            "macro_f1": measured(0.72, 0.62, 0.82),
        }

    def per_class(clips: int) -> dict:
        return {name: measured(0.91, 0.85, 0.95) for name in ("precision", "recall", "f1")} | {"clips": clips, "speakers": 2}

    network = system(0.968, 0.93, 1.0) | {
        "confusion": [[19, 1], [2, 28]],
        "per_class": {"female": per_class(20), "male": per_class(30)},
    }
    baselines = {"majority class": system(0.5, 0.5, 0.5), "logistic regression": system(0.64, 0.55, 0.77)}
    folds = [{"balanced_accuracy": 0.968, "clips": 50, "speakers": 4}]
    return {"network": network, "folds": folds, "fold_mean": measured(0.954, 0.92, 0.99), "baselines": baselines}


def outcomes(right: int, wrong_clips: int, uncertain: int, *, answered: dict, wrong: float) -> dict:
    counts = {"right": right, "wrong": wrong_clips, "uncertain": uncertain}
    return counts | {"error_answered": answered, "wrong_of_speaker": wrong}


def believed(content: ReportContent, **abstention) -> ReportContent:
    """The content with what the section on probabilities needs; as runs.evaluate_run writes it."""
    bins = [{"low": 0.5, "high": 1.0, "clips": 50, "confidence": 0.99, "accuracy": 0.94}]
    bins = [{"low": 0.0, "high": 0.5, "clips": 0, "confidence": None, "accuracy": None}, *bins]
    content.metrics["calibration"] = {
        "temperatures": [1.8],
        "ece_before": measured(0.07, 0.04, 0.1),
        "ece": measured(0.034, 0.02, 0.06),
        "brier": measured(0.123, 0.1, 0.15),
        "reliability_before": bins,
        "reliability": bins,
    }
    content.metrics["abstention"] = {
        "max_error": 0.02,
        "thresholds": [0.83],
        "validation_speakers": [{"female": 4, "male": 9}],
        "uncertain": measured(0.12, 0.08, 0.2),
        "error_answered": measured(0.015, 0.005, 0.03),
        "error_all": measured(0.06, 0.02, 0.1),
        "error_without_least_sure": measured(0.04, 0.01, 0.08),
        "aurc": 0.0123,
        "per_class": {
            "female": outcomes(15, 1, 4, answered=measured(0.0625, 0.01, 0.2), wrong=0.013),
            "male": outcomes(28, 0, 2, answered=measured(0.0, 0.0, 0.1), wrong=0.0),
        },
        **abstention,
    }
    risk = pd.DataFrame({"threshold": [0.9, 0.6], "clips": [48, 50], "coverage": [0.96, 1.0], "error": [0.04, 0.06]})
    groups = pd.DataFrame(
        {
            "column": ["gender", "accent", "accent"],
            "group": ["female", "German", "Polish"],
            "clips": [20, 30, 20],
            "speakers": [2, 3, 1],
            "accuracy": [0.95, 0.94, 0.85],
            "low": [0.9, 0.9, np.nan],
            "high": [1.0, 0.98, np.nan],
            "balanced_accuracy": [np.nan, 0.93, np.nan],
            "balanced_low": [np.nan, 0.88, np.nan],
            "balanced_high": [np.nan, 0.97, np.nan],
        }
    )
    return replace(content, risk_coverage=risk, per_group=groups)


def clip(true: str, predicted: str, **changes) -> ReportClip:
    picture = np.random.default_rng(0).integers(0, 256, (8, 5), dtype=np.uint8)
    given = {
        "path": f"clips/{true}.wav",
        "speaker": "s01",
        "probability": 0.87,
        "wav": wav(),
        "picture": picture,
        "cam": np.eye(2),
    }
    return ReportClip(**{**given, "true": true, "predicted": predicted, **changes})


def explanation() -> ReportExplanation:
    bands = pd.DataFrame(
        {
            "class": ["female", "female", "male", "male"],
            "band": [0, 1, 0, 1],
            "name": ["c0-c3", "c4-c7"] * 2,
            "share": [0.59, 0.41, 0.37, 0.63],
            "low": [0.54, 0.36, 0.31, 0.49],
            "high": [0.64, 0.46, 0.43, 0.69],
            "null_share": [0.48, 0.52, 0.48, 0.52],
        }
    )
    return ReportExplanation(
        method="Grad-CAM",
        layer="layer4",
        target="the true class",
        grid=(2, 2),
        maps={"female": 19, "male": 30},
        blank={"female": 1, "male": 0},
        bands=bands,
        mean_maps={"female": np.eye(2), "male": np.ones((2, 2))},
    )


PLOTTED: dict[object, pictures.Picture] = {}


@pytest.fixture(autouse=True)
def no_pixels(monkeypatch, request, draw=pictures._draw):
    """Figures are plotted, those of the same numbers once, but not turned into pixels; the browser gets real ones."""

    def kept(plot, *data, **look):
        key = plot, pickle.dumps((data, look))
        if key not in PLOTTED:
            PLOTTED[key] = draw(plot, *data, **look)
        return PLOTTED[key]

    if "browser" not in request.node.name:
        monkeypatch.setattr(figures, "png_bytes", lambda fig: b"")
        monkeypatch.setattr(pictures, "_draw", kept)


@pytest.fixture
def content() -> ReportContent:
    history = pd.DataFrame(
        {"epoch": [0, 1], "train_loss": [0.7, 0.3], "valid_loss": [0.6, 0.4], "valid_balanced_accuracy": [0.8, 0.83]}
    )
    return ReportContent(
        title="A made run",
        corpus="made",
        corpus_note="",
        label="gender",
        classes=("female", "male"),
        split="No speaker stands in two parts.",
        split_warning="",
        unseen_speakers=True,
        counts={"train": {"clips": 1480, "speakers": 31}, "test": {"clips": 50, "speakers": 4}},
        repairs=(),
        failed=(),
        start="Weights: ImageNet.",
        training="Two epochs.",
        command="python -m run --seed 7 --corpus made",
        seed=7,
        settings={"sample_rate": 16_000},
        versions={"torch": "2.11.0"},
        metrics=metrics(),
        per_speaker=pd.DataFrame(
            {
                "speaker": list("abcd"),
                "true_class": ["female", "female", "male", "male"],
                "clips": [10, 10, 15, 15],
                "accuracy": [1, 0.9, 1, 0.867],
            }
        ),
        histories=(history,),
        best_epochs=(1,),
        rows=COEFFICIENTS,
        columns=Axis("time", np.linspace(0.0125, 0.0525, 5), "s"),
        spreads=4.0,
        picture_size=(32, 32),
        examples=(clip("female", "female"), clip("male", "male")),
        mistakes=(clip("male", "female"),),
        explanation=explanation(),
    )


def test_the_answer_says_the_numbers_given(content):
    assert (
        "On 4 speakers it never met, the network classified gender correctly in 97 % [93, 100] of clips, balanced over the 2 "
        "classes; chance is 50 %." in read(content).text
    )


def test_known_speakers_are_never_called_unmet(content):
    text = read(replace(content, unseen_speakers=False)).text
    assert "never met" not in text
    assert "On 50 clips of 4 speakers, not all of them new to it" in text


@pytest.mark.parametrize(
    ("simple", "sentence"),
    [
        (measured(0.64, 0.55, 0.77), None),
        (measured(0.90, 0.85, 0.95), "The two intervals overlap"),
        (measured(0.98, 0.95, 1.0), "The network does no better than that."),
    ],
)
def test_the_network_is_held_against_the_best_simple_method(content, simple, sentence):
    content.metrics["baselines"]["logistic regression"]["balanced_accuracy"] = simple
    text = read(content).text
    found = [words for words in ("The two intervals overlap", "The network does no better than that.") if words in text]
    assert found == ([sentence] if sentence else [])


def test_an_interval_that_holds_guessing_is_called_so(content):
    words = "does not show that the network has learned anything about gender"
    assert words not in read(content).text
    content.metrics["network"]["balanced_accuracy"] = measured(0.55, 0.49, 0.6)
    assert words in read(content).text


def test_intervals_on_few_effective_speakers_are_warned_of(content):
    assert "few speakers" not in read(content).text
    network = content.metrics["network"]
    network["effective_speakers"] = 5.93
    for name, effective in (("female", 1.94), ("male", None)):
        network["per_class"][name]["effective_speakers"] = effective
    content.metrics["few_speakers"] = "fewer than 5 effective speakers: female 1.9; no trust"
    page = read(content)
    assert "Warning, few speakers: fewer than 5 effective speakers: female 1.9; no trust." in page.text
    assert "5.9 effective speakers" in page.text
    assert "female 20 2 1.9 91 %" in page.text, "the table of classes"
    assert "male 30 2 \N{EN DASH} 91 %" in page.text


def test_map_sentences_name_the_null_and_doubt_what_it_covers(content):
    text = read(content).text
    assert "Maps for female put 59 % [54, 64] of their weight on c0-c3 (random weights: 48 %; even spread: 50 %)." in text
    assert "Maps for male put 63 % [49, 69] of their weight on c4-c7 (random weights: 52 %; even spread: 50 %)." in text
    assert "this says nothing about class male" in text
    assert "this says nothing about class female" not in text
    assert "network uses" not in text


def test_the_section_on_probabilities_says_the_numbers_given(content):
    text = read(believed(content)).text
    assert "lie 3.4 % [2.0, 6.0] apart in the mean" in text
    assert "divided by a temperature of 1.80, fitted on validation speakers; without it the error is 7.0 % [4.0, 10.0]" in text
    assert "is 0.123 [0.100, 0.150]; naming every class equally likely gives 0.500." in text
    assert 'With a probability below 83.0 % the answer is "uncertain".' in text
    assert "at most 2.0 % of the clips of each class were answered wrongly, validation speakers counting equally" in text
    assert "With 4 validation speakers in the smallest class" in text
    assert "at most 21.6 % of their clips answered wrongly" in text  # (4 * 0.02 + 1) / 5
    assert "at most 57.4 % of the class's clips" in text  # 4 KL(0.02, share) = log 20
    assert "To promise 2.0 % itself takes 49 speakers of each class." in text
    assert "12.0 % [8.0, 20.0] are uncertain; of those answered, 1.5 % [0.5, 3.0] are wrong." in text
    assert "female 20 15 (75 %) 1 (5 %) 4 (20 %) 6.2 % [1.0, 20.0] 1.3 %" in text
    assert "Of the single folds" not in text
    assert "6.0 % [2.0, 10.0] wrong with all clips answered; 4.0 % [1.0, 8.0] with the least sure 5 % left out" in text
    assert "more than was asked for" not in text


def test_a_rate_that_was_not_kept_is_said(content):
    found = believed(content).metrics["abstention"]["per_class"]
    text = read(believed(content, per_class={**found, "female": {**found["female"], "wrong_of_speaker": 0.035}})).text
    assert "3.5 % (female) are answered wrongly: more than was asked for" in text


def test_nothing_is_promised_by_an_older_rule_or_for_speakers_that_training_met(content):
    met = replace(believed(content), unseen_speakers=False)
    assert "this promises" not in read(met).text
    older = read(believed(content, validation_speakers=[None])).text
    assert "this promises" not in older
    assert "at most 2.0 % of the answers on validation speakers were wrong" in older


def test_folds_have_a_calibration_error_each(content):
    there = believed(content)
    there.metrics["calibration"] |= {"ece_folds": [0.015, 0.05], "ece_fold_mean": 0.034}
    assert "Of the single folds it is 1.5 to 5.0 %, in the mean 3.4 %" in read(there).text


def test_networks_that_keep_no_rate_answer_nothing(content):
    nothing = {"value": None, "low": None, "high": None}
    silent = believed(content, thresholds=[1.1], uncertain=measured(1, 1, 1), error_answered=nothing)
    text = read(silent).text
    assert "No limit kept at most 2.0 % wrong on validation speakers, so every clip is uncertain there." in text
    assert "are uncertain." in text
    assert "of those answered" not in text
    text = read(believed(content, thresholds=[1.1, 0.7, 0.9])).text
    assert 'With a probability below 70.0 % to 90.0 % the answer is "uncertain".' in text
    assert "For 1 network no limit kept" in text


def test_runs_of_older_programs_have_a_page_too(content):
    text = read(content).text
    assert "How far to believe a probability" not in text
    assert "Group by group" not in text
    text = read(believed(content, thresholds=[None])).text
    assert "chose no threshold: it answers every clip" in text


def test_groups_are_listed_but_for_those_of_the_label(content):
    text = read(believed(content)).text
    assert "accent: German 30 3 94 % [90, 98] 93 % [88, 97]" in text
    assert "accent: Polish 20 1 85 % –" in text  # noqa: RUF001  # the dash is meant
    assert "gender: female" not in text


def test_macro_f1_stands_at_the_top_of_more_than_two_classes(content):
    words = "Macro F1, the mean over the classes"
    assert words not in read(content).text
    content.metrics["network"]["confusion"] = np.diag([20, 15, 15]).tolist()
    content.metrics["network"]["per_class"]["child"] = content.metrics["network"]["per_class"]["male"]
    text = read(replace(content, classes=("female", "male", "child"))).text
    assert f"{words} of the harmonic mean of precision and recall: 72 % [62, 82]" in text


def test_without_a_null_the_page_says_so(content):
    bare = replace(content.explanation, bands=content.explanation.bands.drop(columns="null_share"))
    text = read(replace(content, explanation=bare)).text
    assert "No maps with random weights were made" in text
    assert "(random weights:" not in text


def test_blank_maps_are_counted(content):
    text = read(content).text
    assert "female 19 1 male 30 0" in text
    assert "1 map was blank" in text


def test_only_mfcc_rows_are_called_coefficients(content):
    words = "Rows are MFCC coefficients, not frequencies."
    assert words in read(content).text
    other = read(replace(content, rows=BANDS_IN_HZ)).text
    assert "coefficient" not in other
    assert "Rows are frequencies" in other


def test_boxes_stand_only_where_needed(content):
    def boxes(content):
        return [a["class"] for a in read(content).all("div") if a.get("role") == "note"]

    assert boxes(content) == []
    assert boxes(replace(content, split_warning="4 speakers stand in both parts.")) == ["warning"]
    assert boxes(replace(content, duplicates="2 pairs stand under two speakers.")) == ["warning"]
    assert boxes(replace(content, corpus_note="Synthetic.")) == ["note"]
    assert boxes(replace(content, failed=(("a.wav", "empty"),))) == ["warning"]


def test_failed_clips_and_repairs_are_listed_and_counted(content):
    text = read(replace(content, failed=(("a.wav", "0.00 s left"),), repairs=("age 1234: left empty", "vr-romm: vr-room"))).text
    assert "1 clip could not be used" in text
    assert "a.wav 0.00 s left" in text
    assert "2 faults in the corpus's own tables were repaired: age 1234: left empty vr-romm: vr-room" in text


def test_mistakes_have_a_player_each_and_none_are_called_none(content):
    page = read(content)
    assert "3 clips of 50 were classified wrongly. Here is the one it was surest of." in page.text
    players = page.all("audio")
    assert len(players) == 4, "the clip of the first screen, an example of each class, a mistake"
    assert base64.b64decode(players[0]["src"].removeprefix("data:audio/wav;base64,")) == wav()
    content.metrics["network"]["confusion"] = [[20, 0], [0, 30]]
    assert "There are none: all 50 clips were classified correctly." in read(replace(content, mistakes=())).text


def test_the_page_of_all_mistakes_is_linked_where_there_is_one(content):
    assert [a for a in read(content).all("a") if not a["href"].startswith("#")] == []
    page = read(replace(content, mistakes_page="../../mistakes/index.html"))
    assert [a["href"] for a in page.all("a") if not a["href"].startswith("#")] == ["../../mistakes/index.html"]
    content.metrics["network"]["confusion"] = [[20, 0], [0, 30]]
    none_tested = read(replace(content, mistakes=(), mistakes_page="mistakes/index.html"))
    assert "mistakes/index.html" in [a["href"] for a in none_tested.all("a")], "those of training can be heard all the same"


def test_folds_are_shown_only_where_there_are_several(content):
    assert "Fold by fold" not in read(content).text
    content.metrics["folds"].append({"balanced_accuracy": 0.94, "clips": 40, "speakers": 3})
    twice = replace(content, histories=content.histories * 2, best_epochs=(1, 0))
    text = read(twice).text
    assert "2 networks were trained" in text
    assert "Their mean balanced accuracy is 95 % [92, 99]." in text
    content.metrics["fold_spread"] = {"lowest": 0.94, "highest": 0.968, "sd": 0.0198}
    spread = read(twice).text
    assert "95 % [92, 99]; the folds themselves lie between 94 % and 97 %, with a standard deviation of 2.0 points" in spread
    assert "fold 1: epoch 1, 83 %; fold 2: epoch 0, 80 %" in text


def test_a_run_without_maps_or_curves_still_gives_a_page(content):
    page = read(replace(content, explanation=None, histories=(), best_epochs=()))
    assert "Where the evidence lies" not in page.text
    assert "No training curve was kept." in page.text


def test_nothing_points_outside(content):
    page = read(content)
    addresses = [a[key] for _, a in page.tags for key in ("src", "href", "srcset", "action", "data") if key in a]
    assert len(addresses) > 15
    assert [address for address in addresses if not address.startswith(("data:", "#"))] == []
    assert not re.search(r"url\(|@import", render(content))
    assert page.all("script") == [{}], "the one that opens folded sections, in the page itself"


def test_links_inside_the_page_lead_somewhere(content):
    page = read(believed(content))
    ids = {a["id"] for _, a in page.tags if "id" in a}
    assert {"belief", "groups", "works"} <= ids
    assert {a["href"][1:] for a in page.all("a")} <= ids


def test_hostile_names_stay_text(content):
    per_speaker = content.per_speaker.assign(speaker=[HOSTILE, 'b" onload="x', "c", "d"])
    hostile = clip("male", "female", path=HOSTILE, speaker=f'"{HOSTILE}')
    content = believed(content, per_class={HOSTILE: outcomes(1, 0, 0, answered=measured(0, 0, 0), wrong=0.0)})
    page = read(
        replace(
            content,
            per_group=content.per_group.assign(group=HOSTILE),
            per_speaker=per_speaker,
            mistakes=(hostile,),
            title=HOSTILE,
            command=HOSTILE,
            failed=((HOSTILE, HOSTILE),),
        )
    )
    assert page.all("script") == [{}], "the page's own"
    assert all("onload" not in attributes for _, attributes in page.tags)
    assert HOSTILE in page.text


def test_pictures_have_words_and_cells_have_headers(content):
    page = read(believed(content))
    assert all(len(image["alt"]) > 10 for image in page.all("img"))
    assert any("97\u00a0%\u00a0[93,\u00a0100]" in image["alt"] for image in page.all("img"))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert page.all("html") == [{"lang": "en"}]


def test_content_that_does_not_fit_together_is_refused(content):
    with pytest.raises(VoicecamError, match="3 x 3"):
        render(replace(content, classes=("female", "male", "child")))
    with pytest.raises(VoicecamError, match="1 training histories, 2 best epochs"):
        render(replace(content, best_epochs=(1, 1)))


def test_intervals_and_counts_as_words():
    assert interval(measured(0.968, 0.93, 1.0)) == "97\u00a0%\u00a0[93,\u00a0100]"
    assert interval({"value": 0.9, "low": None, "high": None}) == "90\u00a0%"
    assert interval(measured(0.0154, 0.0, 0.031), 1) == "1.5\u00a0%\u00a0[0,\u00a03.1]"
    assert [count(n, "clip") for n in (0, 1, 2000)] == ["0\u00a0clips", "1\u00a0clip", "2,000\u00a0clips"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_on_a_phone(chromium, content, tmp_path, scheme):
    from playwright import sync_api as playwright

    path = tmp_path / "report.html"
    long = "a-very-long-name-without-any-space-" * 4
    write_report(
        path,
        replace(believed(content), mistakes=(clip("male", "female", path=f"{long}.wav"),), command=f"run --{long}", title=long),
    )
    asked, said = [], []
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri(), wait_until="load")
        width = page.evaluate("document.documentElement.scrollWidth")
        broken = page.evaluate("[...document.images].filter(image => !image.complete || image.naturalWidth === 0).length")
        seconds = page.evaluate(
            "() => { const player = document.querySelector('audio'); return player.readyState ? player.duration :"
            " new Promise(done => { player.onloadedmetadata = () => done(player.duration); player.onerror = () => done(-1); }); }"
        )
        browser.close()
    assert width <= 360
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert said == []
    assert broken == 0
    assert seconds == pytest.approx(0.05, abs=0.01)


def test_over_folds_training_and_validation_are_means_and_the_test_is_all():
    """Three folds of six speakers, one validating in each: that the three validating parts share no clip makes them no whole."""
    clips = pd.DataFrame({"speaker": np.repeat(list("abcdef"), 10)})
    rows = np.arange(60).reshape(6, 10)
    train = [np.concatenate([rows[(i + k) % 6] for k in (3, 4, 5)]) for i in (0, 2, 4)]
    splits = [Split(train[i // 2], rows[(i + 2) % 6], rows[i : i + 2].ravel()) for i in (0, 2, 4)]
    found = {part: run_report._counts(clips, part, splits) for part in ("train", "valid", "test")}
    assert found == {
        "train": {"clips": 30, "speakers": 3},
        "valid": {"clips": 10, "speakers": 1},
        "test": {"clips": 60, "speakers": 6},
    }
