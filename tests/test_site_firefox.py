"""The static site in Firefox from its package: it says what Python says, and hears a microphone in which a known file plays.

Firefox is started with a page of this test, which asks the site's own modules and sends back what they say; nothing drives it.
"""

import functools
import http.server
import json
import queue
import shutil
import subprocess
import threading

import numpy as np
import pytest
import soundfile as sf
from test_microphone import pulse  # noqa: F401  a fixture
from test_site import FROM_TEXT, MAN, MODELS, MS, RATE, Quiet, site, spoken, text  # noqa: F401  site is a fixture
from test_web_export import recordings, softmax

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
  const frame = document.querySelector("iframe"), at = (id) => frame.contentDocument?.querySelector(id), words = new Set();
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
let answer;
try {{
  answer = {{ said: await said(), heard: await heard() }};
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
    files = {"/probe.html": PAGE.encode(), "/probe.js": PROBE.encode(), "/probe.json": sounds}
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
                found = answers.get(timeout=MS / 1000)
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
