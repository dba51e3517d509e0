"""The report's first screen: five questions whose answers are made tables' own numbers, and its looks in a browser."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_report import believed, clip, content, measured, no_pixels, read  # noqa: F401  # content and no_pixels are fixtures
from test_truth_report import drawn, of_checks

from voicecam.checks.run_checks import answers
from voicecam.report import Answer, write_report

SCORE = {"value": 0.9, "low": 0.8, "high": 0.95}
FACTS = {"fact": ["level_dbfs", "all together"], "name": ["level", "all together"]}


def told(folder, place: int, method: str = "HiRes-CAM", score: dict = SCORE) -> tuple[str, str]:
    """The answer at a place in the table (0: the first after the score's) and its numbers."""
    found = answers(folder, method, score)[place]
    return found.answer, found.numbers


@pytest.mark.parametrize(
    ("best", "score", "answer"),
    [
        ((0.6, 0.5, 0.7), SCORE, "yes"),
        ((0.7, 0.6, 0.85), SCORE, "not shown"),
        ((0.92, 0.9, 0.94), SCORE, "no"),
        ((0.6, 0.5, 0.7), {"value": 0.9, "low": None, "high": None}, "not shown"),
    ],
)
def test_the_network_is_held_against_the_best_feature_of_the_recordings(tmp_path, best, score, answer):
    values = pd.DataFrame([(0.5, 0.4, 0.55), best], columns=["balanced_accuracy", "low", "high"])
    folder = of_checks(tmp_path, {"confounds": {}}, confounds=pd.DataFrame(FACTS).join(values))
    found, numbers = told(folder, 0, score=score)
    assert found == answer
    value, low, high = (f"{100 * number:.0f}" for number in best)
    assert f"all together, {value} % [{low}, {high}]" in numbers
    assert numbers.startswith("90 % [80, 95];" if score["low"] else "90 %;")


@pytest.mark.parametrize(("likeness", "share", "answer"), [(0.1, 1.0, "yes"), (0.4, 0.6, "no")])
def test_random_weights_are_asked_of_the_maps_own_method(tmp_path, likeness, share, answer):
    table = drawn(hires_cam=(likeness, share), grad_cam=(0.9, 0.0)).assign(passes_low=np.nan)
    found, numbers = told(of_checks(tmp_path, {"randomisation": {}}, random_weights=table), 1)
    assert found == answer
    assert f"{likeness:.2f} [{likeness - 0.05:.2f}, {likeness + 0.05:.2f}], unrelated maps up to 0.30" in numbers
    assert f"{100 * share:.0f} % of 20 pass" in numbers
    assert told(tmp_path, 1, method="Layer-CAM")[0] == "not tested"


def test_planted_cues_are_counted_where_they_were_learned(tmp_path):
    rows = [("tone", True, 0.98, True), ("hum", True, 0.4, False), ("burst", False, np.nan, False)]
    table = pd.DataFrame(rows, columns=["cue", "learned", "pointing", "found"])
    table = table.assign(method="hires-cam", layer="layer3", pointing_low=table["pointing"] - 0.1, pointing_high=0.99)
    other = table.assign(method="grad-cam", found=True)
    folder = of_checks(tmp_path, {"planted": {}}, planted=pd.concat([table, other]))
    assert told(folder, 2) == ("in 1 of 2", "highest cell on the cue: tone 98 % [88, 99]; hum 40 % [30, 99]")
    assert told(folder, 2, method="Grad-CAM")[0] == "yes"
    folder = of_checks(tmp_path / "none", {"planted": {}}, planted=table.assign(learned=False))
    assert told(folder, 2)[0] == "not shown"


@pytest.mark.parametrize(("low", "high", "answer"), [(0.1, 0.3, "yes"), (-0.1, 0.3, "not shown"), (-0.4, -0.2, "no")])
def test_occlusion_agrees_where_the_interval_says_so(tmp_path, low, high, answer):
    row = {"method": "hires-cam", "deletion_over_random": (low + high) / 2}
    row |= {"deletion_over_random_low": low, "deletion_over_random_high": high}
    found, numbers = told(of_checks(tmp_path, {"faithfulness": {}}, faithfulness=pd.DataFrame([row])), 3)
    assert found == answer
    assert f"{(low + high) / 2:.2f} [{low:.2f}, {high:.2f}]" in numbers


def test_what_was_not_made_is_called_not_tested(tmp_path):
    found = answers(tmp_path, "HiRes-CAM", SCORE)
    assert [answer.answer for answer in found] == ["not tested"] * 4
    assert len({answer.question for answer in found}) == 4


@pytest.mark.parametrize(
    ("score", "unseen", "answer"),
    [
        (measured(0.9, 0.8, 1), True, "Yes: 90 % [80, 100]; chance 50 %; the best simple method 64 % [55, 77]"),
        (measured(0.55, 0.45, 0.65), True, "Not shown: 55 % [45, 65];"),
        (measured(0.4, 0.3, 0.45), True, "No: 40 %"),
        (measured(0.9, 0.8, 1), False, "Not tested: 90 %"),
    ],
)
def test_chance_is_held_against_the_interval_of_new_speakers(content, score, unseen, answer):  # noqa: F811
    content.metrics["network"]["balanced_accuracy"] = score
    text = read(replace(content, unseen_speakers=unseen)).text
    assert f"Is it better than chance on new speakers? {answer}" in text


def wide(content, n_classes: int):  # noqa: F811
    """The content with all warnings, five answers, and `n_classes` classes."""
    names = tuple(f"class {i}" for i in range(n_classes))
    content, one = believed(content), content.explanation.bands.iloc[:2]
    network = content.metrics["network"]
    network["confusion"], network["per_class"] = (
        np.eye(n_classes, dtype=int).tolist(),
        dict.fromkeys(names, network["per_class"]["male"]),
    )
    content.metrics["few_speakers"] = (
        "fewer than 5 effective speakers: female 1.9; intervals that rest on so few are not to be trusted"
    )
    long = "the numbers that this answer rests on, 0.21 [0.07, 0.35], beside others, 0.39 [0.12, 0.44]; 85 % [60, 96] of 20 pass"
    explanation = replace(
        content.explanation,
        bands=pd.concat([one.assign(**{"class": name}) for name in names]),
        mean_maps={name: np.eye(2) for name in names},
        maps=dict.fromkeys(names, 3),
        blank=dict.fromkeys(names, 0),
    )
    return replace(
        content,
        classes=names,
        explanation=explanation,
        examples=tuple(clip(name, name) for name in names),
        answers=tuple(
            Answer(question=f"Is question {i} one that has an answer?", answer="not shown", numbers=long) for i in range(4)
        ),
        map_doubts=("Maps of this run do not pass the test of random weights. " * 4,) * 2,
    )


MEASURE = """() => {
  const bottom = (what) => Math.max(...[...document.querySelectorAll(what)].map((e) => e.getBoundingClientRect().bottom));
  const [page, folds] = [document.documentElement, document.querySelectorAll("details")];
  return { height: page.scrollHeight, width: page.scrollWidth, folded: folds.length,
    first: ["[role=note]", ".look img", ".look audio", ".ask table"].map(bottom),
    open: document.querySelectorAll("details[open]").length };
}"""
SHOWN = "() => [...document.querySelectorAll('details')]"
SHOWN += ".filter((fold) => fold.lastElementChild.checkVisibility()).length"


def test_in_a_browser_the_first_screen_fits_and_print_opens_the_rest(chromium, content, tmp_path):  # noqa: F811
    from playwright import sync_api as playwright

    path = tmp_path / "report.html"
    write_report(path, wide(content, 10))
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        phone = browser.new_page(viewport={"width": 390, "height": 844})
        phone.goto(path.as_uri(), wait_until="load")
        small = phone.evaluate(MEASURE)
        phone.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        opened = phone.evaluate(MEASURE)
        desk = browser.new_page(viewport={"width": 1280, "height": 900})
        desk.goto(path.as_uri(), wait_until="load")
        large, shut = desk.evaluate(MEASURE), desk.evaluate(SHOWN)
        desk.focus(".ask a")
        desk.keyboard.press("Enter")
        desk.wait_for_timeout(100)
        asked = desk.evaluate("document.getElementById('works').open")
        desk.evaluate("document.getElementById('works').open = false")
        desk.evaluate("dispatchEvent(new Event('beforeprint'))")
        printed = desk.evaluate(MEASURE)
        desk.evaluate("dispatchEvent(new Event('afterprint'))")
        after = desk.evaluate(MEASURE)
        desk.emulate_media(media="print")
        without_script = desk.evaluate(SHOWN)
        browser.close()
    assert small["height"] <= 8 * 844
    assert small["width"] == opened["width"] == 390, "nothing pushes the page wider, folded or not"
    assert max(large["first"]) <= 900, large["first"]
    assert shut == small["open"] == after["open"] == 0
    assert without_script == printed["folded"], "the style alone shows them on paper"
    assert printed["open"] == printed["folded"] > 5
    assert asked, "a question's link opens its section, by the keyboard too"


def test_the_first_screen_comes_before_what_is_folded(content):  # noqa: F811
    from voicecam.report import render

    page = render(wide(content, 3))
    first = page[: page.index("<details")]
    assert first.index("fail their tests") < first.index("<audio") < first.index("Is question 3")
    assert first.count("<audio") == 1, "one clip"
    assert [f"Mean map of class {i} over" in first for i in range(3)] == [True] * 3
    shown = re.findall(r"<tr><th scope=.row.>.*?</tr>", first)
    assert len(shown) == 5
    assert "<nav" not in page
