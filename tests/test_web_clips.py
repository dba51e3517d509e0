"""What becomes of a clip on the page, in a real browser: saved, decoded there, and kept where the server goes away."""

import re
import threading
import wave
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile as sf
from test_server import RATE, running, spoken, wav
from test_speech import words
from test_web_page import MS, VOICE, address, browser, classifier, drop, page, record  # noqa: F401

from voicecam.corpora import open_corpus
from voicecam.explanation.training_ranges import load_ranges
from voicecam.files import safe_name
from voicecam.server.analysis import Explainer

WAV = """async ([samples, rate]) => {
  const { wav } = await import("/static/sound/wav.js");
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
  const { decode } = await import("/static/sound/decode.js");
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
    "語" * 50: "語" * 33,  # 100 bytes of UTF-8
    "é" * 60: "é" * 40,
}


def test_a_recording_is_saved_as_16_bits_and_names_its_speaker_and_word(page, tmp_path):  # noqa: F811
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
            assert re.fullmatch(rf"{speaker}_да-нет_\d{{8}}T\d{{6}}\.wav", name)
            for take in range(2):
                download.value.save_as(tmp_path / folder / name.replace(".wav", f"-{clip}{take}.wav"))
    with wave.open(str(next((tmp_path / "yes").iterdir()))) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        saved = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    floats = np.frombuffer(next(body for body in sent if body), "<f4").astype(float)
    np.testing.assert_array_equal(saved, np.clip(np.floor(floats * 32768), -32768, 32767))
    assert set(open_corpus(tmp_path).clips["speaker"]) == {"Анна", "日本"}


def test_samples_are_rounded_as_record_wav_rounds_them(page, tmp_path):  # noqa: F811
    samples = np.concatenate([[-3.0, -1.0, 1.0, 3.0, 0.0], np.random.default_rng(0).uniform(-1, 1, 5000)]).astype(np.float32)
    sf.write(tmp_path / "x.wav", np.clip(samples, -1, 1), RATE, subtype="PCM_16")
    made = page.evaluate(WAV, [samples.tolist(), RATE])
    (tmp_path / "y.wav").write_bytes(bytes(made))
    np.testing.assert_array_equal(sf.read(tmp_path / "y.wav", dtype="int16")[0], sf.read(tmp_path / "x.wav", dtype="int16")[0])


def test_names_are_as_safe_as_those_of_record_wav(page):  # noqa: F811
    read = "async (texts) => { const { safeName } = await import('/static/teach/names.js'); return texts.map(safeName); }"
    named = page.evaluate(read, list(NAMED))
    assert dict(zip(NAMED, named)) == NAMED == {text: safe_name(text) for text in NAMED}


@pytest.mark.parametrize("kind", ["audio/webm;codecs=opus", "audio/mp4"])
def test_a_format_that_the_server_does_not_read_is_decoded_in_the_browser(page, kind):  # noqa: F811
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
    assert unpacked.value.json()["prediction"] == plain.value.json()["prediction"]
    assert unpacked.value.json()["f0"] == pytest.approx(plain.value.json()["f0"], rel=0.05)
    expect(page.locator("#history")).to_contain_text("note.m4a")
    assert page.evaluate(LONG, [packed, 1]) == "2 s of sound, 1 s are the most; cut it"
    assert page.said == []


def test_a_recording_outlives_the_server(browser, classifier, tmp_path):  # noqa: F811
    """The server goes away while somebody speaks; another program takes its port; the server comes back: the same samples get
    their answer."""
    from playwright.sync_api import expect

    explainer = Explainer(classifier, load_ranges(VOICE))
    page = browser.new_page()  # noqa: F811
    page.set_default_timeout(MS)
    sent = []
    page.on("request", lambda request: sent.append(request.post_data_buffer) if "classify" in request.url else None)
    with running(explainer) as address:  # noqa: F811
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
    with running(explainer, port=port):
        page.get_by_role("button", name="Try again", exact=True).click()
        expect(page.locator("#result")).to_be_visible()
        assert "probability" in page.inner_text("#prediction")
        assert sent[1] == sent[2] == sent[3], "the same samples each time"
        expect(page.locator("#kept")).to_be_hidden()
        expect(page.locator("#history li")).to_have_count(2)
        page.locator("#history button").last.click()
        slide(page, "ArrowRight")
        expect(page.locator("#pitch-words")).to_contain_text("1 semitones: ")
        expect(page.locator("#pitch-words")).to_contain_text("probability")
        assert page.locator("#pitch").input_value() == page.inner_text("#pitch-value") == "1"
    page.close()


def slide(page, key):  # noqa: F811
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
