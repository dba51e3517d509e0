"""The page in a real browser, with a microphone that plays a known file: record, drop, see, hear, move the pitch, come back."""

import base64
import re

import numpy as np
import pytest
import soundfile as sf
from test_server import RATE, ROOT, running, spoken, wav
from test_speech import no_speech_sounds, words
from web_folder import MICROPHONE, chromium_browser, visit

from voicecam.explanation.training_ranges import load_ranges
from voicecam.network import recordings
from voicecam.network.classifier import load_classifier
from voicecam.server.analysis import Explainer

VOICE = ROOT / "voicecam" / "models" / "voice"
MS = 120_000  # patience; a busy computer is slow, and no test measures time
DROP = """([node, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  node.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""
COLOURS = """(canvas) => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const found = new Set();
  for (let i = 0; i < data.length; i += 4) found.add((data[i] << 16) + (data[i + 1] << 8) + data[i + 2]);
  return found.size;
}"""


@pytest.fixture(scope="module")
def classifier():
    return load_classifier(VOICE)


@pytest.fixture(scope="module")
def address(classifier):
    with running(Explainer(classifier, load_ranges(VOICE))) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    heard = tmp_path_factory.mktemp("microphone") / "heard.wav"
    said = np.concatenate([part for i in range(2) for part in (words()[i], np.zeros(RATE // 4))])
    sf.write(heard, said, RATE, subtype="PCM_16")
    with chromium_browser(chromium, *MICROPHONE, f"--use-file-for-fake-audio-capture={heard}") as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    """A fresh visit, with what the console said and which addresses were asked for."""
    from playwright.sync_api import expect

    expect.set_options(timeout=MS)
    page = visit(browser, address)
    page.wait_for_selector("body[data-ready]")
    yield page
    assert all(url.startswith((address, "blob:", "data:")) for url in page.asked), "another host was asked"
    page.context.close()


def record(page, seconds=2):
    """Record for some seconds; returns the server's answer."""
    from playwright.sync_api import expect

    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.wait_for_timeout(1000 * seconds)
    with page.expect_response("**/api/classify*") as answer:
        page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
    return answer.value.json()


def drop(page, data, name="word.wav"):
    """Drop a file on the page."""
    page.locator("#drop").evaluate(f"(node, given) => ({DROP})([node, ...given])", [name, base64.b64encode(data).decode("ascii")])


def test_microphone_saved_file_and_command_line_agree(page, classifier, tmp_path):
    from playwright.sync_api import expect

    by_microphone = record(page)
    assert by_microphone["label"] in classifier.model.classes
    expect(page.locator("#prediction")).to_contain_text(by_microphone["label"])
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").or_(page.get_by_role("link", name="Save")).click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    samples, rate = sf.read(saved, dtype="float32")
    assert 1.5 < len(samples) / rate < 30
    assert np.abs(samples).max() > 0.05, "the microphone was heard"
    by_file = recordings.predict_file(classifier, saved).probabilities
    with page.expect_response("**/api/classify*") as answer:
        drop(page, saved.read_bytes())
    by_drop = answer.value.json()["probabilities"]
    assert by_microphone["probabilities"] == pytest.approx(by_file, abs=1e-3)
    assert by_drop == pytest.approx(by_file, abs=1e-3)
    assert page.said == []


def test_everything_is_drawn_and_can_be_heard(page):
    from playwright.sync_api import expect

    record(page)
    expect(page.locator("#explanation")).to_be_visible()
    for name in ("waveform", "picture", "map", "bands", "pitch-plot"):
        canvas = page.locator(f"#{name}")
        assert canvas.evaluate(COLOURS) > 3, name
        assert len(canvas.get_attribute("aria-label")) > 15, name
    with_map = page.locator("#map").evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("checkbox").uncheck()
    assert page.locator("#map").evaluate("canvas => canvas.toDataURL()") != with_map
    page.get_by_text("Hear the evidence").click()
    expect(page.locator("#sounds-words")).to_contain_text("the evidence alone")
    for name in ("clip", "sound-window", "sound-evidence", "sound-rest"):
        seconds = page.locator(f"#{name}").evaluate("player => player.play().then(() => player.duration)")
        assert seconds > 0.9, name
    assert "HiRes-CAM" in page.inner_text("#map-words")
    assert page.locator("#bands-table tbody tr").count() == 20
    assert page.said == []


def test_the_pitch_slider_moves_the_score_by_keyboard_alone(page):
    from playwright.sync_api import expect

    drop(page, wav(spoken(0)))
    expect(page.locator("#explanation")).to_be_visible()
    page.locator("#pitch").focus()
    with page.expect_response("**/api/shift*") as answer:
        page.keyboard.press("ArrowLeft")
    found = answer.value.json()
    assert found["semitones"] == -1
    expect(page.locator("#pitch-words")).to_contain_text(f"{found['f0']:.0f} Hz")
    assert page.locator("#pitch-sound").evaluate("player => player.play().then(() => player.duration)") > 0.2
    assert page.said == []


@pytest.mark.parametrize("name", ["zeros", "tone of 220 Hz", "white noise 0.1"])
def test_what_is_no_speech_has_no_class(page, name):
    from playwright.sync_api import expect

    drop(page, wav(no_speech_sounds()[name]))
    expect(page.locator("#prediction")).to_have_text("no speech")
    expect(page.locator("#explanation")).to_be_hidden()
    assert page.locator(".bar").count() == 0
    assert page.said == []


def test_files_that_cannot_be_used_are_refused_and_the_page_goes_on(page, tmp_path):
    from playwright.sync_api import expect

    (tmp_path / "big.wav").write_bytes(b"\0" * 21_000_000)

    for data, words_said in ((b"", "0 bytes"), (b"I am a text.\n" * 99, "not readable as sound")):
        drop(page, data)
        expect(page.get_by_role("alert")).to_contain_text(words_said)
    page.locator("#file").set_input_files(tmp_path / "big.wav")
    expect(page.get_by_role("alert")).to_contain_text("larger than 20 MB")
    assert page.locator("#result").is_hidden()
    page.locator("#file").set_input_files({"name": "word.wav", "mimeType": "audio/wav", "buffer": wav(spoken(0))})
    expect(page.locator("#result")).to_be_visible()
    assert page.get_by_role("alert").count() == 0
    assert all("422" in line for line in page.said), page.said  # the browser's own note of a refused request


def test_a_failed_file_leaves_no_older_verdict(page):
    from playwright.sync_api import expect

    drop(page, wav(spoken(0)))
    expect(page.locator("#result")).to_be_visible()
    for name, data in (("letter.txt", b"I am a text.\n" * 99), ("nothing.wav", b""), ("<b>.wav", b"RIFF")):
        drop(page, data, name)
        expect(page.get_by_role("alert")).to_contain_text(f"{name}: ")
        expect(page.locator("#result")).to_be_hidden()
        expect(page.locator("#kept")).to_be_hidden()
        page.locator("#history button").click()
        expect(page.locator("#result")).to_be_visible()
        expect(page.get_by_role("alert")).to_be_hidden()


def test_this_visits_clips_come_back(page):
    from playwright.sync_api import expect

    drop(page, wav(spoken(0)), "<b>first</b>.wav")
    expect(page.locator("#history li")).to_have_count(1)
    first = page.inner_text("#prediction")
    drop(page, wav(no_speech_sounds()["zeros"]), "second.wav")
    expect(page.locator("#history li")).to_have_count(2)
    expect(page.locator("#prediction")).to_have_text("no speech")
    page.locator("#history button").last.click()
    expect(page.locator("#prediction")).to_have_text(first)
    assert page.locator("#history b").count() == 0, "a file's name is text, not markup"
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#history li").count() == 0, "nothing outlives the visit"


def test_keyboard_and_screen_reader_find_everything(page):
    found = []
    for _ in range(4):
        page.keyboard.press("Tab")
        found.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert found == ["skip", "language", "record", "file"]
    drop(page, wav(spoken(0)))
    page.wait_for_selector("#history li")
    named = "node => Boolean(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim())"
    for tag in ("audio", "canvas", "input", "button", "meter"):
        for node in page.locator(tag).all():
            assert node.evaluate(named), node.evaluate("node => node.outerHTML")
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "probability" in page.inner_text("#status")


def test_the_servers_answer_is_told_in_the_pages_language(page, address):
    """Sentences come from the answer's numbers, so they are the server's own in another language, and follow the choice."""
    from playwright.sync_api import expect

    page.goto(f"{address}?lang=de")
    page.wait_for_selector("body[data-ready]")
    with page.expect_response("**/api/classify*") as answer:
        drop(page, wav(spoken(0)))
    found = answer.value.json()
    expect(page.locator("#prediction")).to_contain_text("Wahrscheinlichkeit")
    off, names = found["explanation"]["bands"], found["explanation"]["bands"]["names"]
    outside = sum(not low <= x <= high for low, x, high in zip(off["training"]["low"], off["values"], off["training"]["high"]))
    expect(page.locator("#bands-words")).to_contain_text(f"{outside} von {len(names)} Bändern")
    assert f"{outside} of {len(names)} bands" in off["words"]
    start, end = re.findall(r"\d\.\d\d", found["explanation"]["map"]["words"])
    expect(page.locator("#map-words")).to_contain_text(f"{start.replace('.', ',')} bis {end.replace('.', ',')} s")
    page.locator("#language").select_option("en")
    expect(page.locator("#map-words")).to_contain_text(found["explanation"]["map"]["words"])
    told = re.sub(r"(\d),(\d{3})", r"\1\2", page.inner_text("#bands-words"))
    assert off["words"][off["words"].index(f"{outside} of") :] in told
    assert page.said == []


def test_a_phone_and_the_dark(browser, address):
    seen = {}
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(MS)
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        drop(page, wav(spoken(0)))
        page.wait_for_selector("#history li")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        seen[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.goto(f"{address}/api")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        context.close()
    assert seen["light"] != seen["dark"]


@pytest.fixture
def two_models(browser, classifier, spoken_run):
    """The page of a server with the picture network and a model of system A."""
    served = [Explainer(classifier, load_ranges(VOICE)), Explainer(load_classifier(spoken_run / "fold1"), name="embedding")]
    with running(*served) as address:
        page = browser.new_page(viewport={"width": 820, "height": 1000})
        page.set_default_timeout(MS)
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        yield page
        page.close()


def test_the_page_switches_between_models_and_shows_every_verdict(two_models):
    from playwright.sync_api import expect

    page = two_models
    expect(page.locator("#model option")).to_have_text(["voice", "embedding"])
    with page.expect_response("**/api/classify*") as answer:
        drop(page, wav(spoken(0)))
    found = answer.value.json()
    expect(page.locator("#verdicts")).to_have_text(line_of(found))
    assert "HiRes-CAM" in page.inner_text("#map-words")
    page.get_by_text("Hear the evidence").click()
    expect(page.locator("#sounds-words")).to_contain_text("the evidence alone")
    before = page.locator("#map").evaluate("canvas => canvas.toDataURL()")
    with page.expect_response("**/api/classify*model=embedding*") as answer:
        page.locator("#model").select_option("embedding")
    other = answer.value.json()
    expect(page.locator("#map-words")).to_contain_text("there is no Grad-CAM")
    expect(page.locator("#prediction")).to_contain_text(other["label"])
    expect(page.locator("#verdicts")).to_have_text(line_of(other))
    expect(page.locator("#sounds")).to_be_hidden()
    expect(page.locator("#bands-words")).to_contain_text("taken out of the sound")
    for name in ("picture", "map", "bands"):
        assert page.locator(f"#{name}").evaluate(COLOURS) > 3, name
    assert page.locator("#map").evaluate("canvas => canvas.toDataURL()") != before
    expect(page.locator("#history li")).to_have_count(1)
    page.locator("#pitch").focus()
    with page.expect_response("**/api/shift*model=embedding*") as moved:
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#pitch-words")).to_contain_text(f"{moved.value.json()['f0']:.0f} Hz")
    page.locator("#model").select_option("voice")
    expect(page.locator("#map-words")).to_contain_text("HiRes-CAM")
    expect(page.locator("#sounds-words")).to_contain_text("the evidence alone")
    drop(page, wav(np.zeros(RATE)), "nothing.wav")
    expect(page.locator("#verdicts")).to_have_text("voice: no speech \N{MIDDLE DOT} embedding: no speech")
    assert page.said == []


def line_of(found):
    """ "voice: female 0.98 · embedding: uncertain, likeliest female 0.60", worked out from the answer."""
    told = []
    for one in found["verdicts"]:
        best = f"{one['label']} {one['probability']:.2f}".replace(" 1.00", " >0.99")
        told.append(f"{one['model']}: " + ("" if one["prediction"] == one["label"] else "uncertain, likeliest ") + best)
    return " \N{MIDDLE DOT} ".join(told)


def test_one_model_has_no_choice_and_no_line_of_verdicts(page):
    from playwright.sync_api import expect

    drop(page, wav(spoken(0)))
    expect(page.locator("#explanation")).to_be_visible()
    expect(page.locator("#models")).to_be_hidden()
    expect(page.locator("#verdicts")).to_be_hidden()
    assert not any("model=" in url for url in page.asked)
