"""The page in a real browser, with a microphone that plays a known file: record, drop, see, hear, move the pitch, come back."""

import base64
import re
import threading
import wave
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile as sf
from test_server import RATE, ROOT, running, spoken, wav
from test_speech import no_speech_sounds, words

from voicecam import verdicts
from voicecam.classifier import load_classifier
from voicecam.corpora import open_corpus
from voicecam.server.analysis import Listener
from voicecam.server.ranges import load_ranges

VOICE = ROOT / "models" / "voice"
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

WAV = """async ([samples, rate]) => {
  const { wav } = await import("/static/record.js");
  return [...new Uint8Array(await wav(Float32Array.from(samples), rate).arrayBuffer())];
}"""
PACK = """async ([samples, rate, kind]) => {
  if (!MediaRecorder.isTypeSupported(kind)) return null;
  const context = new AudioContext();
  const sound = context.createBuffer(1, samples.length, rate);
  sound.copyToChannel(Float32Array.from(samples), 0);
  const source = new AudioBufferSourceNode(context, { buffer: sound });
  const out = context.createMediaStreamDestination();
  source.connect(out);
  const recorder = new MediaRecorder(out.stream, { mimeType: kind });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const over = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  source.start(context.currentTime + 0.2);
  await new Promise((resolve) => { source.onended = resolve; });
  recorder.stop();
  await over;
  return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
}"""
LONG = """async ([bytes, most]) => {
  const { decode } = await import("/static/decode.js");
  return decode(new File([Uint8Array.from(bytes)], "x"), most).then(() => "", (reason) => reason.message);
}"""
NAMED = {  # what is typed -> a part of a file's name
    "seven": "seven",
    "Анна": "Анна",
    "日本": "日本",
    "محمد": "محمد",
    "हिन्दी": "हिन्दी",
    "Zoë Müller": "Zoë-Müller",
    "Zoe\u0308": "Zoë",
    "../../etc/passwd": "etc-passwd",
    "a_b__c": "a-b-c",
    "-x-": "x",
    "": "unnamed",
    " \t": "unnamed",
    "🎤": "unnamed",
    "a" * 39 + " b": "a" * 39,
    "語" * 50: "語" * 40,
}


@pytest.fixture(scope="module")
def classifier():
    return load_classifier(VOICE)


@pytest.fixture(scope="module")
def address(classifier):
    with running(Listener(classifier, load_ranges(VOICE))) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    from playwright import sync_api as playwright

    heard = tmp_path_factory.mktemp("microphone") / "heard.wav"
    sf.write(
        heard, np.concatenate([part for i in range(2) for part in (words()[i], np.zeros(RATE // 4))]), RATE, subtype="PCM_16"
    )
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"]
    flags += [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
    ]
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """A fresh visit, with what the console said and which addresses were asked for."""
    from playwright.sync_api import expect

    expect.set_options(timeout=MS)
    context = browser.new_context(viewport={"width": 820, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(MS)
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    yield page
    assert all(url.startswith((address, "blob:", "data:")) for url in page.asked), "another host was asked"
    context.close()


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
    expect(page.locator("#verdict")).to_contain_text(by_microphone["label"])
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").or_(page.get_by_role("link", name="Save")).click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    samples, rate = sf.read(saved, dtype="float32")
    assert 1.5 < len(samples) / rate < 30
    assert np.abs(samples).max() > 0.05, "the microphone was heard"
    by_file = verdicts.judge_file(classifier, saved).probabilities
    with page.expect_response("**/api/classify*") as answer:
        drop(page, saved.read_bytes())
    by_drop = answer.value.json()["probabilities"]
    assert by_microphone["probabilities"] == pytest.approx(by_file, abs=1e-3)
    assert by_drop == pytest.approx(by_file, abs=1e-3)
    assert page.said == []


def test_a_recording_is_saved_as_16_bits_and_names_its_speaker_and_word(page, tmp_path):
    """Python's own reader takes it; the samples are those that were sent, rounded; and a folder of such files is a corpus."""
    page.get_by_role("textbox", name="word").fill("да нет")
    sent = []
    page.on("request", lambda request: sent.append(request.post_data_buffer))
    record(page, seconds=1)
    for folder in ("yes", "no"):
        (tmp_path / folder).mkdir()
        for clip, speaker in enumerate(("Анна", "日本")):
            page.get_by_role("textbox", name="speaker").fill(speaker)
            with page.expect_download() as download:
                page.get_by_role("link", name="Save").click()
            name = download.value.suggested_filename
            assert re.fullmatch(rf"{speaker}_да-нет_\d{{8}}-\d{{6}}\.wav", name)
            for take in range(2):
                download.value.save_as(tmp_path / folder / name.replace(".wav", f"-{clip}{take}.wav"))
    with wave.open(str(next((tmp_path / "yes").iterdir()))) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        saved = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    floats = np.frombuffer(next(body for body in sent if body), "<f4").astype(float)
    np.testing.assert_array_equal(saved, np.clip(np.floor(floats * 32768), -32768, 32767))
    assert set(open_corpus(tmp_path).clips["speaker"]) == {"Анна", "日本"}


def test_samples_are_rounded_as_record_wav_rounds_them(page, tmp_path):
    samples = np.concatenate([[-3.0, -1.0, 1.0, 3.0, 0.0], np.random.default_rng(0).uniform(-1, 1, 5000)]).astype(np.float32)
    sf.write(tmp_path / "x.wav", np.clip(samples, -1, 1), RATE, subtype="PCM_16")
    made = page.evaluate(WAV, [samples.tolist(), RATE])
    (tmp_path / "y.wav").write_bytes(bytes(made))
    np.testing.assert_array_equal(sf.read(tmp_path / "y.wav", dtype="int16")[0], sf.read(tmp_path / "x.wav", dtype="int16")[0])


def test_names_are_as_safe_as_those_of_record_wav(page):
    named = page.evaluate(
        "async (texts) => { const { safeName } = await import('/static/names.js'); return texts.map(safeName); }", list(NAMED)
    )
    assert dict(zip(NAMED, named)) == NAMED


@pytest.mark.parametrize("kind", ["audio/webm;codecs=opus", "audio/mp4"])
def test_a_format_that_the_server_does_not_read_is_decoded_in_the_browser(page, kind):
    """A voice that the browser itself packed: the answer is that of the voice, and it goes out as raw samples."""
    from playwright.sync_api import expect

    voice = np.concatenate([words()[0], words()[1]]).astype(np.float32)
    packed = page.evaluate(PACK, [voice.tolist(), RATE, kind])
    if packed is None:
        pytest.skip(f"this Chromium records no {kind}")
    with page.expect_response("**/api/classify*") as plain:
        drop(page, wav(voice))
    with page.expect_response("**/api/classify*") as unpacked:
        drop(page, bytes(packed), "note.m4a")
    assert "multipart" in plain.value.request.headers["content-type"], "what the server reads goes there as it is"
    assert unpacked.value.request.headers["content-type"] == "application/octet-stream"
    assert unpacked.value.ok
    assert unpacked.value.json()["verdict"] == plain.value.json()["verdict"]
    assert unpacked.value.json()["f0"] == pytest.approx(plain.value.json()["f0"], rel=0.05)
    expect(page.locator("#history")).to_contain_text("note.m4a")
    assert page.evaluate(LONG, [packed, 1]) == "2 s of sound, 1 s are the most; cut it"
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
    expect(page.locator("#verdict")).to_have_text("no speech")
    expect(page.locator("#explanation")).to_be_hidden()
    assert page.locator(".bar").count() == 0
    assert page.said == []


def test_files_that_cannot_be_used_are_refused_and_the_page_goes_on(page):
    from playwright.sync_api import expect

    for data, words_said in ((b"", "0 bytes"), (b"I am a text.\n" * 99, "not readable as sound")):
        drop(page, data)
        expect(page.get_by_role("alert")).to_contain_text(words_said)
    page.locator("#file").set_input_files({"name": "big.wav", "mimeType": "audio/wav", "buffer": b"\0" * 21_000_000})
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
    for data in (b"I am a text.\n" * 99, b""):
        drop(page, data)
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator("#result")).to_be_hidden()
        expect(page.locator("#kept")).to_be_hidden()
        page.locator("#history button").click()
        expect(page.locator("#result")).to_be_visible()
        expect(page.get_by_role("alert")).to_be_hidden()


def test_a_recording_outlives_the_server(browser, classifier, tmp_path):
    """The server goes away while somebody speaks; another program takes its port; the server comes back: the same samples get their answer."""
    from playwright.sync_api import expect

    listener = Listener(classifier, load_ranges(VOICE))
    page = browser.new_page()
    page.set_default_timeout(MS)
    sent = []
    page.on("request", lambda request: sent.append(request.post_data_buffer) if "classify" in request.url else None)
    with running(listener) as address:
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        drop(page, wav(spoken(0)))
        expect(page.locator("#result")).to_be_visible()
        page.get_by_role("button", name="Record", exact=True).click()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
    port = urlsplit(address).port
    slide(page, "ArrowLeft")
    expect(page.locator("#pitch-words")).to_contain_text("does not answer")
    assert page.locator("#pitch").input_value() == "0", "the slider stands where the last answer is"
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.locator("#result")).to_be_hidden()
    assert page.locator("#kept-clip").evaluate("player => player.play().then(() => player.duration)") > 1
    with page.expect_download() as download:
        page.locator("#kept-save").click()
    download.value.save_as(tmp_path / "kept.wav")
    with wave.open(str(tmp_path / "kept.wav")) as file:
        assert file.getnframes() * 4 == len(sent[1])
    with other_program(port):
        page.get_by_role("button", name="Try again", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("200")
        assert "JSON" not in page.get_by_role("alert").inner_text()
    with running(listener, port):
        page.get_by_role("button", name="Try again", exact=True).click()
        expect(page.locator("#result")).to_be_visible()
        assert "probability" in page.inner_text("#verdict")
        assert sent[1] == sent[2] == sent[3], "the same samples each time"
        expect(page.locator("#kept")).to_be_hidden()
        expect(page.locator("#history li")).to_have_count(2)
        page.locator("#history button").last.click()
        slide(page, "ArrowRight")
        expect(page.locator("#pitch-words")).to_contain_text("1 semitones: ")
        expect(page.locator("#pitch-words")).to_contain_text("probability")
        assert page.locator("#pitch").input_value() == page.inner_text("#pitch-value") == "1"
    page.close()


def slide(page, key):
    page.locator("#pitch").focus()
    page.keyboard.press(key)


@contextmanager
def other_program(port):
    """Something else on the server's port, which answers everything with a page of its own."""

    class Hello(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", port), Hello)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_this_visits_clips_come_back(page):
    from playwright.sync_api import expect

    drop(page, wav(spoken(0)), "<b>first</b>.wav")
    expect(page.locator("#history li")).to_have_count(1)
    first = page.inner_text("#verdict")
    drop(page, wav(no_speech_sounds()["zeros"]), "second.wav")
    expect(page.locator("#history li")).to_have_count(2)
    expect(page.locator("#verdict")).to_have_text("no speech")
    page.locator("#history button").last.click()
    expect(page.locator("#verdict")).to_have_text(first)
    assert page.locator("#history b").count() == 0, "a file's name is text, not markup"
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#history li").count() == 0, "nothing outlives the visit"


def test_keyboard_and_screen_reader_find_everything(page):
    found = []
    for _ in range(2):
        page.keyboard.press("Tab")
        found.append(page.evaluate("document.activeElement.id"))
    assert found == ["record", "file"]
    drop(page, wav(spoken(0)))
    page.wait_for_selector("#history li")
    named = "node => Boolean(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim())"
    for tag in ("audio", "canvas", "input", "button", "meter"):
        for node in page.locator(tag).all():
            assert node.evaluate(named), node.evaluate("node => node.outerHTML")
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "probability" in page.inner_text("#status")


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
