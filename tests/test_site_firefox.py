"""The static site in Firefox from its package: it says what Python says, hears a microphone in which a known file plays, learns
two words from files, and compares two recordings.

Firefox is started with a page of this test, which asks the site's own modules and sends back what they say; nothing drives it.
"""

import base64
import functools
import http.server
import io
import json
import queue
import shutil
import subprocess
import threading
import zipfile

import numpy as np
import pytest
import soundfile as sf
from PIL import Image
from test_microphone import pulse  # noqa: F401  a fixture
from test_site import FROM_TEXT, MAN, MODELS, MS, RATE, Quiet, site, spoken, text  # noqa: F401  site is a fixture
from test_web_export import recordings, softmax

from voicecam import audio
from voicecam.config import DEMO
from voicecam.network import recordings as whole
from voicecam.network.classifier import clip_features, load_classifier

pytestmark = pytest.mark.slow
PREFERENCES = {
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.aboutwelcome.enabled": False,
}
PROBE = f"""
const samples = {FROM_TEXT}, later = (ms) => new Promise((go) => setTimeout(go, ms));
async function said() {{
  const {{ loadModel }} = await import("./engine/model.js"), sounds = await (await fetch("probe.json")).json();
  const model = await loadModel("models/digits"), found = [];
  for (const sound of sounds) {{
    const {{ prediction, probabilities, windows }} = await model.classify(samples(sound));
    const each = windows.map((one) => ({{ logits: [...one.logits], picture: [...one.picture] }}));
    found.push({{ prediction, probabilities, windows: each }});
  }}
  return found;
}}
async function heard() {{
  const words = new Set();
  frame.src = "./";
  while (!at("body[data-ready] #microphone")) await later(100);
  at("#microphone").click();
  let level = -60;
  for (let i = 0; i < 400 && words.size < 3; i++) {{
    await later(50);
    level = Math.max(level, at("#level").value);
    if (at("#word").dataset.sure === "true") words.add(at("#word").textContent);
  }}
  return {{ words: [...words], level, trouble: at("#trouble").textContent, button: at("#microphone").textContent }};
}}
const frame = document.querySelector("iframe"), at = (id) => frame.contentDocument?.querySelector(id);
const all = (id) => [...(frame.contentDocument?.querySelectorAll(id) ?? [])];
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
async function until(there) {{
  for (let i = 0; i < 1200; i++, await later(50)) if (there()) return;
  throw new Error(`never: ${{there}}; ${{all("[role=status], [role=alert]").map((one) => one.textContent)}}`);
}}
function give(input, name, text) {{
  const carried = new DataTransfer();
  carried.items.add(new File([bytes(text)], name, {{ type: "audio/wav" }}));
  input.files = carried.files;
  input.dispatchEvent(new Event("change"));
}}
async function saved(button) {{ // what a press on it offers as a file, in base64
  let link = null;
  frame.contentWindow.HTMLAnchorElement.prototype.click = function () {{ link = {{ href: this.href, name: this.download }}; }};
  button.click();
  await until(() => link);
  const data = new Uint8Array(await (await fetch(link.href)).arrayBuffer());
  return {{ name: link.name, data: btoa(data.reduce((text, one) => text + String.fromCharCode(one), "")) }};
}}
async function taught() {{
  const {{ words, clips, tried }} = await (await fetch("words.json")).json();
  frame.src = "./?lang=en#teach";
  await until(() => at("body[data-ready] .teach-kind"));
  words.forEach((word, i) => {{
    const name = all(".teach-kind input[type=text]")[i];
    name.value = word;
    for (const event of ["input", "change"]) name.dispatchEvent(new Event(event, {{ bubbles: true }}));
  }});
  for (const {{ speaker, word, wav }} of clips) {{
    const i = words.indexOf(word), list = () => all(".teach-kind")[i].querySelectorAll("li").length, before = list();
    at("#teach-speaker").value = speaker;
    give(all(".teach-kind input[type=file]")[i], "clip.wav", wav);
    await until(() => list() > before);
  }}
  all("button.main").find((one) => one.textContent === "Teach and test").click();
  await until(() => at("[role=status]").textContent.startsWith("Taught"));
  const rows = all(".teach-result tbody tr").length;
  const network = await saved(all("button").find((one) => one.textContent.startsWith("Network")));
  const answers = [];
  for (const wav of tried) {{
    at(".teach-answer").textContent = "";
    give(at("#teach-try-file"), "tried.wav", wav);
    await until(() => at(".teach-answer").textContent);
    answers.push(at(".teach-answer").textContent);
  }}
  return {{ rows, network, answers }};
}}
async function compared() {{
  const {{ two }} = await (await fetch("words.json")).json(), told = [];
  frame.contentWindow.location.hash = "compare";
  await until(() => at("#compare-file-1"));
  for (const [side, wav] of two.entries()) {{
    give(at(`#compare-file-${{side}}`), `side${{side}}.wav`, wav);
    await until(() => at("[role=status]").textContent.startsWith(`side${{side}}.wav: `));
    told.push(at("[role=status]").textContent);
  }}
  const card = await saved(all("button").find((one) => one.textContent.startsWith("Save the card")));
  return {{ told, rows: all("table tbody tr").length, card }};
}}
let answer;
try {{
  answer = {{ said: await said(), heard: await heard(), taught: await taught(), compared: await compared() }};
}} catch (reason) {{
  answer = {{ error: `${{reason}} ${{reason.stack}}` }};
}}
await fetch("answer", {{ method: "POST", body: JSON.stringify(answer) }});
"""
PAGE = (
    '<!DOCTYPE html><meta charset="utf-8"><iframe width="900" height="800" allow="microphone"></iframe>'
    '<script type="module" src="probe.js"></script>'
)


class Probe(Quiet):
    """The site, three files of this test beside it, and a place where the page sends what it found."""

    def __init__(self, *args, files, answers, **how):
        self.files, self.answers = files, answers
        super().__init__(*args, **how)

    def do_GET(self):  # noqa: N802
        body = self.files.get(self.path)
        if body is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(self.path))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):  # noqa: N802
        self.answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()


@pytest.fixture(scope="module")
def firefox():
    found = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
    if found is None:
        pytest.skip("firefox is not installed (Debian package firefox-esr)")
    return found


LEARNT, SPEAKERS, NEW = ("yes", "stop"), ("01", "02", "03"), "06"
TWO = [DEMO / "data" / place for place in ("01/4_01_0.ogg", "33/7_33_0.ogg")]


def as_wav(path):
    """A clip of the demo voices as both browsers and Python read it, in memory."""
    signal, file = audio.read(path), io.BytesIO()
    sf.write(file, signal.samples, signal.rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def word(speaker, name):
    return as_wav(next((DEMO / "words" / speaker).glob(f"{name}_{speaker}_*.ogg")))


def spoken_words():
    """What the views Teach and Compare are given, as JSON."""
    clips = [{"speaker": who, "word": name, "wav": word(who, name)} for who in SPEAKERS for name in LEARNT]
    tried, two = [word(NEW, name) for name in LEARNT], [as_wav(path) for path in TWO]
    given = {"words": LEARNT, "clips": clips, "tried": tried, "two": two}
    return json.dumps(given, default=lambda data: base64.b64encode(data).decode()).encode()


@pytest.fixture(scope="module")
def answer(site, firefox, pulse, tmp_path_factory):  # noqa: F811
    """What the page found, and the recordings that it was given."""
    load = [
        "pactl",
        "load-module",
        "module-remap-source",
        "master=mic.monitor",
        "source_name=heard",
    ]  # monitors are no microphones
    subprocess.run(load, env=pulse, check=True, capture_output=True)
    subprocess.run(["pactl", "set-default-source", "heard"], env=pulse, check=True)
    signals = recordings(24, seed=41)
    sounds = json.dumps([text(signal.samples) for signal in signals]).encode()
    files = {"/probe.html": PAGE.encode(), "/probe.js": PROBE.encode(), "/probe.json": sounds, "/words.json": spoken_words()}
    answers = queue.Queue()
    profile = tmp_path_factory.mktemp("firefox")
    sf.write(profile / "heard.wav", np.tile(spoken(MAN, 4.0), 40), RATE, subtype="PCM_16")
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    handler = functools.partial(Probe, directory=site, files=files, answers=answers)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = f"http://127.0.0.1:{server.server_port}/probe.html"
        quiet = {"env": pulse, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with (
            subprocess.Popen(["paplay", str(profile / "heard.wav")], **quiet) as playing,
            subprocess.Popen([firefox, "--headless", "--no-remote", "--profile", str(profile), page], **quiet) as running,
        ):
            try:
                found = answers.get(timeout=3 * MS / 1000)
            finally:
                running.terminate()
                playing.terminate()
        server.shutdown()
    assert "error" not in found, found.get("error")
    return found, signals


def test_firefox_and_python_say_the_same(answer):
    found, signals = answer
    classifier = load_classifier(MODELS[0])
    model, rows = classifier.model, []
    for said, signal in zip(found["said"], signals, strict=True):
        clip = clip_features(signal, model.config)
        wanted, grey = model.logits(clip.matrices), model.scale.to_gray(clip.matrices)
        assert said["prediction"] == classifier.classify(signal, clip=clip).prediction
        for one, logits, picture in zip(said["windows"], wanted, grey, strict=True):
            cells = np.abs(np.array(one["picture"]).reshape(picture.shape) - picture)
            rows.append((cells.max(), np.abs(np.array(one["logits"]) - logits).max()))
        p = softmax(wanted.astype(np.float64).mean(axis=0) / model.temperature)
        assert said["probabilities"] == pytest.approx(list(p), abs=1e-2)
    cells, apart = np.array(rows).T
    same = cells < 0.5
    assert same.mean() > 0.8
    assert apart[same].max() < 1e-4
    assert apart.max() < 0.02


def test_firefox_hears_the_microphone(answer):
    heard = answer[0]["heard"]
    assert heard["trouble"] == ""
    assert heard["button"] == "Stop"
    assert heard["level"] > -40
    assert set(heard["words"]) <= {str(digit) for digit in range(10)}
    assert len(heard["words"]) == 3, "digits follow each other"


def percent(p):
    return ">99 %" if p > 0.995 else f"{100 * p:.0f} %"


def test_firefox_learns_two_words_and_python_reads_what_it_saved(answer, tmp_path):
    """A network taught from three speakers' files says of a fourth what the page says."""
    taught = answer[0]["taught"]
    assert taught["rows"] == len(SPEAKERS), "each speaker is held back once"
    assert taught["network"]["name"] == "network.zip"
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(taught["network"]["data"]))) as archive:
        archive.extractall(tmp_path)
    classifier = load_classifier(tmp_path / "network")
    assert set(classifier.model.classes) == set(LEARNT)
    for name, told in zip(LEARNT, taught["answers"], strict=True):
        (tmp_path / "tried.wav").write_bytes(word(NEW, name))
        said = whole.predict_file(classifier, tmp_path / "tried.wav")
        assert said.label in told
        assert told.startswith("uncertain") == (said.prediction == "uncertain")
        assert percent(said.probability) in told


def test_firefox_compares_two_recordings_and_saves_the_card(answer, tmp_path):
    compared, classifier = answer[0]["compared"], load_classifier(MODELS[0])
    for told, path in zip(compared["told"], TWO, strict=True):
        (tmp_path / "one.wav").write_bytes(as_wav(path))
        said = whole.predict_file(classifier, tmp_path / "one.wav")
        assert f".wav: {said.label}. probability {percent(said.probability)}" in told
    assert compared["rows"] == 20
    assert compared["card"]["name"] == "comparison.png"
    with Image.open(io.BytesIO(base64.b64decode(compared["card"]["data"]))) as card:
        assert (card.format, card.size) == ("PNG", (1280, 720))
        pixels = np.asarray(card.convert("RGB")).astype(int)
    coloured = (pixels.max(axis=2) - pixels.min(axis=2)) > 30
    for part in (np.s_[132:410, 64:620], np.s_[132:410, 700:1256], np.s_[476:602, 64:1256]):
        assert coloured[part].mean() > 0.01, "map, pitch and bands are drawn"
