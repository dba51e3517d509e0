"""The static site in a real browser, served as a teacher would: it says what Python says, hears a microphone that plays a known
file, opens without a network, asks no other host, and breaks no rule of its own."""

import base64
import functools
import http.server
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from test_server import running
from test_speech import no_speech_sounds, words
from test_web_export import RECORDINGS, recordings, softmax
from web_folder import MICROPHONE, chromium_browser

from voicecam import audio
from voicecam.audio import Signal
from voicecam.audio.speech import find_speech
from voicecam.config import DEMO
from voicecam.errors import VoicecamError
from voicecam.explanation.band_occlusion import occluded_bands
from voicecam.explanation.bands import band_set
from voicecam.explanation.methods import attribute, other_of_two
from voicecam.explanation.training_ranges import load_ranges
from voicecam.network.classifier import clip_features, load_classifier
from voicecam.network.recordings import predict_recording
from voicecam.server import analysis
from voicecam.server.analysis import Explainer

ROOT = Path(__file__).parent.parent
MODELS = [ROOT / "voicecam" / "models" / name for name in ("digits", "voice")]
RATE, MS = 16_000, 120_000
MOST_BYTES = 16_000_000
FROM_TEXT = "(text) => new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer)"
pytestmark = pytest.mark.slow


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    from voicecam.server.site import make_site

    out = tmp_path_factory.mktemp("web") / "site"
    try:
        assert make_site(out, MODELS, cache=ROOT / "cache") < MOST_BYTES
    except VoicecamError as reason:
        if "onnxruntime" not in str(reason) or "pinned" in str(reason):
            raise
        pytest.skip(f"ONNX Runtime for browsers cannot be fetched: {reason}")
    return out


@pytest.fixture(scope="session")
def address(site):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def spoken(speaker, seconds):
    """Words of one demo voice, one after another, each at -20 dBFS."""
    parts = [audio.read(path).samples for path in sorted((DEMO / "data" / speaker).glob("*_0.ogg"))]
    levelled = [audio.set_level(Signal(part, RATE), -20).samples for part in parts]
    return np.concatenate(levelled)[: round(seconds * RATE)]


WOMAN, MAN = "64", "56"  # of the demo voices
PLAYED = {"before": 1.0, "woman": 2.5, "pause": 1.5, "man": 2.5, "after": 1.5}  # s


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    heard = tmp_path_factory.mktemp("microphone") / "heard.wav"
    silence = {name: np.zeros(round(PLAYED[name] * RATE), np.float32) for name in ("before", "pause", "after")}
    woman, man = spoken(WOMAN, PLAYED["woman"]), spoken(MAN, PLAYED["man"])
    sound = np.concatenate([silence["before"], woman, silence["pause"], man, silence["after"]])
    sf.write(heard, sound, RATE, subtype="PCM_16")
    with chromium_browser(chromium, *MICROPHONE, f"--use-file-for-fake-audio-capture={heard}") as browser:
        yield browser


def visits(browser, address):
    """Function that opens a fresh visit; afterwards nothing was said on the console, no rule broken and no other host asked."""
    from playwright.sync_api import expect

    expect.set_options(timeout=MS)
    contexts, said, asked = [], [], []

    def opened(hash="", **how):
        context = browser.new_context(
            viewport={"width": how.pop("width", 1000), "height": 900}, permissions=["microphone"], **how
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(MS)
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.error('CSP', event.violatedDirective))"
        )
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        context.on("request", lambda request: asked.append(request.url))
        page.goto(address + hash)
        page.wait_for_selector("body[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert asked
    assert [url for url in asked if not url.startswith((address, f"blob:{address}", "data:"))] == []


@pytest.fixture
def visit(browser, address):
    yield from visits(browser, address)


@pytest.fixture(scope="module")
def engine(browser, address):
    """One visit whose modules several tests ask; none of them touches what it shows."""
    for visit in visits(browser, address):
        yield visit()


def text(samples):
    return base64.b64encode(np.ascontiguousarray(samples, np.float32).tobytes()).decode("ascii")


CLASSIFY = f"""async ([folder, sounds]) => {{
  const {{ loadModel }} = await import("./engine/model.js");
  const model = await loadModel(folder), samples = {FROM_TEXT}, found = [];
  for (const sound of sounds) {{
    const said = await model.classify(samples(sound));
    const windows = said.windows.map(({{ start, end, logits, maps, picture }}) => (
      {{ start, end, logits: [...logits], maps: [...maps], picture: [...picture] }}));
    found.push({{ ...said, windows }});
  }}
  return found;
}}"""


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_browser_and_python_say_the_same_on_recordings(engine, folder):
    page, classifier = engine, load_classifier(folder)
    model, signals, rows = classifier.model, recordings(RECORDINGS, seed=21), []
    found = []
    for first in range(0, len(signals), 20):
        sounds = [text(signal.samples) for signal in signals[first : first + 20]]
        found += page.evaluate(CLASSIFY, [f"models/{folder.name}", sounds])
    layer = "layer4"  # of arch fine with log-mel pictures: config.DEFAULT_MAPS
    for signal, said in zip(signals, found, strict=True):
        clip = clip_features(signal, model.config)
        wanted, grey = model.logits(clip.matrices), model.scale.to_gray(clip.matrices)
        p = softmax(wanted.astype(np.float64).mean(axis=0) / model.temperature)
        mine = classifier.classify(signal, clip=clip)
        assert said["prediction"] == mine.prediction
        assert said["label"] == mine.label
        assert len(said["windows"]) == len(wanted)
        assert [one["start"] for one in said["windows"]] == pytest.approx([one.start for one in mine.windows], abs=1e-6)
        best = wanted.argmax(axis=1)
        against = other_of_two(best, len(model.classes))
        shape = {"method": "hires-cam", "layer": model.stage(layer), "contrast": against}
        maps = attribute(model.network, model.input(clip.matrices), best, **shape)
        same = True
        for i, one in enumerate(said["windows"]):
            cells = np.abs(np.array(one["picture"]).reshape(grey[i].shape) - grey[i])
            mapped = np.array(one["maps"]).reshape(len(model.classes), *maps[i].shape)[best[i]]
            apart = np.abs(mapped - maps[i]).max() / np.abs(maps[i]).max()
            same &= cells.max() < 0.5
            rows.append((int((cells > 0.5).sum()), cells.max(), np.abs(np.array(one["logits"]) - wanted[i]).max(), apart))
        if same:
            assert said["probabilities"] == pytest.approx(list(p), abs=1e-4)
    found = np.array(rows)
    same = found[:, 0] == 0
    print(f"{folder.name}: {len(found)} windows, {same.mean():.3f} with Python's picture, logits to {found[same, 2].max():.1e}")
    print(f"maps to {found[same, 3].max():.1e} of their peak; of the others logits to {found[:, 2].max():.1e}")
    assert same.mean() > 0.85, "a cell on the border of two grey levels is rare"
    assert found[same, 2].max() < 1e-4
    assert found[same, 3].max() < 1e-3
    assert found[:, 1].max() < 1.001
    assert found[:, 2].max() < 0.02


def test_bands_are_worth_the_same(engine):
    page, classifier = engine, load_classifier(MODELS[0])
    model = classifier.model
    (signal,) = recordings(1, seed=33)
    clip = clip_features(signal, model.config)
    best = int(model.logits(clip.matrices[:1])[0].argmax())
    call = f"""async ([sound, k]) => {{
      const {{ loadModel }} = await import("./engine/model.js"), {{ windowsOf }} = await import("./engine/level.js");
      const model = await loadModel("models/digits"), [first] = windowsOf(({FROM_TEXT})(sound), model);
      return model.bandWorth(first.samples, k);
    }}"""
    bands = band_set("third-octaves", model.config)
    wanted = occluded_bands(model, clip.log_mel(0)[None], bands, np.array([best]))[0]
    assert page.evaluate(call, [text(signal.samples), best]) == pytest.approx(list(wanted), abs=1e-3)


def test_speech_is_found_where_python_finds_it(engine):
    page, seven, rng = engine, words()[0], np.random.default_rng(2)
    silence = np.zeros(RATE, np.float32)
    sounds = {
        "word": seven,
        "words": np.concatenate([silence, seven, silence, words()[3]]),
        **dict([*no_speech_sounds().items()][::3]),
    }
    sounds |= {f"clip {i}": signal.samples for i, signal in enumerate(recordings(12, seed=5))}
    sounds["noisy"] = (sounds["words"] + 0.02 * rng.standard_normal(len(sounds["words"]))).astype(np.float32)
    call = f"""async (sounds) => {{
      const {{ speech }} = await import("./engine/speech.js"), found = [];
      for (const one of sounds) found.push((await speech(({FROM_TEXT})(one), 16000)).map(({{ start, end }}) => [start, end]));
      return found;
    }}"""
    found = page.evaluate(call, [text(sound) for sound in sounds.values()])
    for (name, sound), segments in zip(sounds.items(), found, strict=True):
        wanted = find_speech(Signal(np.asarray(sound, np.float32), RATE)).segments
        assert len(segments) == len(wanted), name
        assert np.abs(np.array(segments) - np.array(wanted)).max(initial=0) < 0.033, name


NOW = """async () => {
  const { listener, drawn } = (await import("./live/live.js")).state;
  const median = (a) => [...a].sort((x, y) => x - y)[a.length >> 1];
  const { pictures, latencies, began } = listener.said;
  return { time: listener.time, answers: listener.answers, slots: listener.slots.size, pictures, latency: median(latencies),
    drawn: median(drawn), rate: (1000 * pictures) / (performance.now() - began), classes: listener.model.classes,
    pitch: [...listener.pitch].filter((hz) => hz > 0) };
}"""


def test_live_strip_changes_with_who_speaks(visit, record_property):
    from playwright.sync_api import expect

    page = visit()
    expect(page.locator("#consent")).to_be_hidden()
    page.get_by_label("female or male").check()
    expect(page.locator("#consent")).to_contain_text("voice is not sex")
    assert page.evaluate("async () => (await import('./live/live.js')).state.listener.model.name") == "digits", (
        "not before it is read"
    )
    page.get_by_role("button", name="I have read this").click()
    expect(page.locator("#consent")).to_be_hidden()
    page.locator("#microphone").click()
    started, now = time.time(), {"time": 0}
    while now["time"] < sum(PLAYED.values()) - PLAYED["after"] + 0.7:
        assert time.time() - started < 60
        page.wait_for_timeout(200)
        now = page.evaluate(NOW)
    record_property("pictures a second", now["rate"])
    record_property("ms from sound to answer, to picture", [now["latency"], now["drawn"]])
    answers, classes = now["answers"], now["classes"]
    sure = [(one["time"], classes[one["best"]]) for one in answers if one["speech"] and one["sure"]]
    women, men = ([moment for moment, who in sure if who == name] for name in ("female", "male"))
    assert len(women) >= 8
    assert len(men) >= 8
    assert max(women) < min(men), "first the one, then the other"
    start = min(women) - 0.3  # the file begins when the microphone opens, more or less
    wanted = PLAYED["woman"] + PLAYED["pause"]
    assert abs(min(men) - 0.3 - start - wanted) < 0.6
    silent = [one["time"] for one in answers if not one["speech"] and max(women) < one["time"] < min(men)]
    assert max(silent) - min(silent) > 0.5, "no speech in the pause"
    print(f"{now['rate']:.1f} answers a second, {now['latency']:.0f} ms after the sound came")
    assert now["rate"] > 3
    hz = np.array(now["pitch"])
    assert ((hz > 60) & (hz < 600)).all()
    assert np.percentile(hz, 80) > 1.25 * np.percentile(hz, 20), "a woman's pitch and a man's"


def test_freeze_choose_hear_and_read_the_bands_by_keyboard_alone(visit):
    from playwright.sync_api import expect

    page = visit()
    page.locator("#microphone").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#word[data-sure=true]")).to_be_visible()
    page.wait_for_function("() => document.querySelector('#aloud').textContent.length > 0")
    page.keyboard.press("Space")
    expect(page.locator("#bands-table tr")).to_have_count(21)
    before = page.locator("#moment-words").inner_text()
    page.locator("#moment").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#moment-words")).not_to_have_text(before)
    page.get_by_role("button", name="Hear this second").press("Enter")
    page.get_by_role("button", name="Hear its evidence").press("Enter")
    page.get_by_role("button", name="Hear the rest").press("Enter")
    expect(page.locator("#evidence-words")).to_contain_text("coarse map")
    page.locator("#semitones").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.locator("#hear-moved").press("Enter")
    expect(page.locator("#moved-words")).to_contain_text("+5")
    frozen = page.evaluate(NOW)["time"]
    page.wait_for_timeout(400)
    assert page.evaluate(NOW)["time"] == frozen, "the picture stands still"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    expect(page.locator("#frozen")).to_be_hidden()
    page.wait_for_function("async () => (await import('./live/live.js')).state.listener.time > 0.3")
    hide = "Object.defineProperty(document, 'hidden', { value: true }); document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate(hide)
    expect(page.locator("#microphone")).to_have_text("Start the microphone")
    stopped = page.evaluate(NOW)["time"]
    page.wait_for_timeout(300)
    assert page.evaluate(NOW)["time"] == stopped, "a hidden tab hears nothing"


def test_memory_stays_flat(visit):
    page = visit()
    call = f"""async (sound) => {{
      const {{ listener }} = (await import("./live/live.js")).state, x = ({FROM_TEXT})(sound), sizes = [];
      for (let part = 0; part < 3; part++) {{
        for (let second = 0; second < 12; second += 2) {{
          for (let i = 0; i + 4000 <= x.length; i += 4000) {{
            listener.take(x.subarray(i, i + 4000));
            while (listener.busy) await new Promise((go) => setTimeout(go));
          }}
        }}
        sizes.push([listener.answers.length, listener.slots.size, listener.sound.length, listener.said.latencies.length]);
      }}
      return {{ sizes, time: listener.time }};
    }}"""
    found = page.evaluate(call, text(spoken(MAN, 2.0)))
    assert found["time"] == pytest.approx(36, abs=1)
    sizes = np.array(found["sizes"])
    assert (sizes[2] <= sizes[1] * 1.1 + 80).all()
    assert sizes[:, 0].max() < 11 / 0.05 + 20
    assert sizes[:, 1].max() < 11 / 0.05 + 20


def test_guided_minute_shows_the_models_own_answers(visit, site):
    from playwright.sync_api import expect

    clips = json.loads((site / "examples" / "clips.json").read_text())
    assert [clip["kind"] for clip in clips] == ["sure", "uncertain", "wrong", "noise", "two", "pitch"]
    classifier = load_classifier(MODELS[0])
    page = visit("#minute")
    for i, clip in enumerate(clips):
        expect(page.get_by_text("synthetic, and the digits network met them in training")).to_be_visible()
        mine = predict_recording(classifier, audio.read(site / "examples" / clip["file"]))
        assert (mine.prediction, mine.label) == (clip["prediction"], clip["label"])
        expect(page.locator("#minute-title")).to_have_text(f"Clip {i + 1} of 6")
        assert page.locator("#answer").is_hidden(), "a guess comes first"
        page.locator("[data-guess]").nth(2).press("Enter")
        expect(page.locator("#answer")).to_be_visible()
        assert page.locator("#minute-answer").get_attribute("data-prediction") == mine.prediction
        for word in clip["truth"]:
            expect(page.locator("#lesson")).to_contain_text(word)
        page.locator("#next").press("Enter")
    by_kind = {clip["kind"]: clip for clip in clips}
    assert by_kind["sure"]["prediction"] in by_kind["sure"]["truth"]
    assert by_kind["uncertain"]["prediction"] == "uncertain"
    assert by_kind["wrong"]["prediction"] == by_kind["wrong"]["label"] not in by_kind["wrong"]["truth"]


def test_a_file_is_heard_and_one_without_sound_is_named(visit, tmp_path):
    from playwright.sync_api import expect

    page = visit()
    sf.write(tmp_path / "word.flac", spoken(MAN, 1.0), RATE)
    (tmp_path / "broken.mp3").write_bytes(b"no sound at all")
    page.locator("#file").set_input_files(tmp_path / "broken.mp3")
    expect(page.locator("#trouble")).to_contain_text("broken.mp3")
    page.locator("#file").set_input_files(tmp_path / "word.flac")
    expect(page.locator("#frozen")).to_be_visible()
    assert page.locator("#trouble").is_hidden()
    assert page.evaluate(NOW)["time"] >= 1.0


def parts(page, sound, k, planted=None):
    """Evidence and rest of a second for a class: by the network's own map, or by one that holds something where `planted` says so
    (in JavaScript, of a cell's place from 0 to 1: up, across), and elsewhere in the maps of the other classes."""
    call = f"""async ([sound, k]) => {{
      const {{ loadModel }} = await import("./engine/model.js"), {{ gainOf, split }} = await import("./live/evidence.js");
      const model = await loadModel("models/digits"), samples = ({FROM_TEXT})(sound), {{ mapRows, mapColumns }} = model;
      const size = mapRows * mapColumns, holds = (up, across) => {planted or "false"};
      const place = (i) => [Math.floor(i / mapColumns) / (mapRows - 1), (i % mapColumns) / (mapColumns - 1)];
      let {{ maps }} = await model.analyse(samples);
      if ({json.dumps(planted is not None)}) {{
        maps = maps.map((_, i) => (holds(...place(i % size)) === (Math.floor(i / size) === k) ? 3 : -2));
      }}
      const gain = gainOf(maps, k, model);
      if (!gain) return null;
      const {{ evidence, rest }} = split(samples, 16000, gain);
      return [[...evidence], [...rest]];
    }}"""
    found = page.evaluate(call, [text(sound), k])
    return found and tuple(map(np.array, found))


def test_evidence_and_rest_add_up_to_the_sound(engine):
    page = engine
    for signal, k in zip(recordings(4, seed=8), (0, 3, 7, 9)):
        sound = np.resize(signal.samples, RATE)
        evidence, rest = parts(page, sound, k)
        assert np.abs(evidence + rest - sound).max() < 1e-5
        assert 0.01 < (evidence**2).sum() / (sound**2).sum() < 0.99


def test_a_tone_lands_in_the_part_where_a_planted_map_puts_it(engine):
    page, time = engine, np.arange(RATE) / RATE
    low, high = (0.3 * np.sin(2 * np.pi * hz * time) for hz in (200, 6000))

    def amplitudes(part):
        """Of both tones in a sound, by their Fourier coefficients."""
        return [2 * abs(np.mean(part * np.exp(-2j * np.pi * hz * time))) for hz in (200, 6000)]

    for planted, wanted in (("up < 0.5", (0.3, 0)), ("up > 0.5", (0, 0.3))):
        evidence, rest = parts(page, low + high, 2, planted)
        assert amplitudes(evidence) == pytest.approx(wanted, abs=0.003)
        assert amplitudes(rest) == pytest.approx(wanted[::-1], abs=0.003)
    evidence, rest = parts(page, low, 2, "across < 0.5")
    early, late = slice(0, RATE // 4), slice(-RATE // 4, None)
    assert np.abs(evidence[late]).max() < 0.003
    assert np.abs(rest[early]).max() < 0.003
    assert np.abs(rest[late] - low[late]).max() < 0.003
    assert parts(page, low, 2, "false") is None, "a map without evidence"


def test_without_a_microphone_one_line_says_so_and_a_file_is_heard_instead(browser, chromium, address, tmp_path):
    """Refused by Chromium itself, without the flag that lets the other tests in; where there is none, by what is thrown then."""
    from playwright.sync_api import expect

    sf.write(tmp_path / "word.wav", spoken(MAN, 1.0), RATE)
    flags = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required"]
    strict = browser.browser_type.launch(executable_path=chromium, args=flags)
    page = strict.new_page()
    page.set_default_timeout(MS)
    denied = {"permission": {"name": "microphone"}, "setting": "denied"}
    page.context.new_cdp_session(page).send("Browser.setPermission", denied)
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    none = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); };"
    for before, wanted in (("", "did not allow"), (none, "No microphone was found")):
        page.evaluate(f"() => {{ {before} }}")
        page.locator("#microphone").click()
        expect(page.locator("#trouble")).to_contain_text(wanted, timeout=MS)
        assert page.locator("#microphone").inner_text() == "Start the microphone"
        with page.expect_file_chooser() as chooser:
            page.locator("#instead").press("Enter")
        chooser.value.set_files(tmp_path / "word.wav")
        expect(page.locator("#frozen")).to_be_visible(timeout=MS)
        expect(page.locator("#trouble")).to_be_hidden()
    strict.close()


def test_the_local_server_offers_the_page_and_breaks_no_rule_of_it(browser, site):
    with running(Explainer(load_classifier(MODELS[1])), site=site) as local:
        page = browser.new_page()
        page.set_default_timeout(MS)
        said = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(local)
        page.wait_for_selector("body[data-ready] #record")
        for name in ("Live", "Guided minute", "Compare", "Teach"):
            page.get_by_role("tab", name=name).click()
            page.wait_for_selector(f"#tab-{name.split()[-1].lower()}[aria-selected=true]")
            page.wait_for_selector("main button:visible")
        inside = CLASSIFY.replace('"./engine', '"/static/engine')
        (found,) = page.evaluate(inside, ["static/models/voice", [text(spoken(WOMAN, 1.5))]])
        assert found["label"] == "female", "its own page runs networks too, in the worker"
        assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
        page.goto(f"{local}/live/")
        page.wait_for_selector("body[data-ready]")
        (found,) = page.evaluate(CLASSIFY, ["models/voice", [text(spoken(WOMAN, 1.5))]])
        page.close()
    assert found["label"] == "female"
    assert said == []


FILE = f"""async ([name, sound]) => {{
  const {{ Browser }} = await import("./engine/browser.js"), {{ loadModel }} = await import("./engine/model.js");
  const samples = ({FROM_TEXT})(sound), context = {{ models: [name], choose: () => loadModel(`models/${{name}}`) }};
  const backend = new Browser(context), facts = await backend.facts(), clip = {{ samples, rate: {RATE} }};
  const found = await backend.classify(clip, facts), moved = found.label === null ? null : await backend.shift(clip, facts, -4);
  const heard = found.label === null ? null : await backend.sounds(clip, facts);
  const sizes = heard && Object.values(heard.sounds).map((one) => one.size);
  return {{ facts, found, moved: moved && {{ ...moved, blob: moved.blob.size }}, sizes }};
}}"""


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_a_recording_gets_the_answer_of_the_local_server(engine, folder):
    """The page's two backends on two speakers with a pause between, and on silence: the same keys, verdict, windows, bands."""
    page, explainer = engine, Explainer(load_classifier(folder), load_ranges(folder), folder.name)
    pause = np.zeros(RATE, np.float32)
    sound = np.concatenate([pause, spoken(WOMAN, 1.6), pause, spoken(MAN, 1.6), pause])
    answer = page.evaluate(FILE, [folder.name, text(sound)])
    found, wanted = answer["found"], analysis.analyse(explainer, Signal(sound, RATE))
    assert found.keys() == wanted.keys()
    assert (found["prediction"], found["label"]) == (wanted["prediction"], wanted["label"])
    assert found["probabilities"] == pytest.approx(wanted["probabilities"], abs=0.02)
    assert found["speech_seconds"] == pytest.approx(wanted["speech_seconds"], abs=0.07)
    assert found["f0"] == pytest.approx(wanted["f0"], rel=0.05)
    for name in ("start", "end"):
        assert [one[name] for one in found["windows"]] == pytest.approx([one[name] for one in wanted["windows"]], abs=0.04)
    assert (found["disagreement"] is None) == (wanted["disagreement"] is None)
    own, other = found["explanation"], wanted["explanation"]
    assert own.keys() == other.keys()
    assert (own["start"], own["end"]) == pytest.approx((other["start"], other["end"]), abs=0.04)
    assert own["bands"]["names"] == other["bands"]["names"]
    assert own["bands"]["training"] == other["bands"]["training"]
    assert np.corrcoef(own["bands"]["values"], other["bands"]["values"])[0, 1] > 0.98
    assert np.corrcoef(np.ravel(own["map"]["values"]), np.ravel(other["map"]["values"]))[0, 1] > 0.98
    assert np.shape(own["picture"]["values"]) == np.shape(other["picture"]["values"])
    assert own["picture"]["columns"]["values"] == pytest.approx(other["picture"]["columns"]["values"], abs=1e-3)
    assert own["picture"]["rows"]["values"] == pytest.approx(other["picture"]["rows"]["values"], rel=0.01)
    assert answer["moved"]["f0"] == pytest.approx(analysis.shift(explainer, Signal(sound, RATE), -4)["f0"], rel=0.06)
    assert set(answer["sizes"]) == {44 + 2 * round(explainer.classifier.model.config.seconds * RATE)}
    silent = page.evaluate(FILE, [folder.name, text(pause)])["found"]
    assert silent.keys() == wanted.keys()
    assert (silent["prediction"], silent["probabilities"], silent["explanation"]) == ("no speech", {}, None)


def test_the_recording_view_works_without_a_server(visit, tmp_path):
    from playwright.sync_api import expect

    page = visit("?lang=en#recording")
    sf.write(tmp_path / "woman.wav", spoken(WOMAN, 2.0), RATE)
    (tmp_path / "letter.wav").write_text("I am a text.")
    page.locator("#file").set_input_files(tmp_path / "woman.wav")
    expect(page.locator("#prediction")).to_contain_text("probability")
    expect(page.locator("#bands-words")).to_contain_text("falls by")
    page.get_by_text("Hear the evidence").click()
    expect(page.locator("#sounds-words")).to_contain_text("not by mel gradients")
    page.locator("#pitch").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#pitch-words")).to_contain_text("-1 semitones: ")
    page.locator("#model").select_option("voice")
    expect(page.locator("#consent")).to_be_visible()
    assert page.locator("#model").input_value() == "digits", "nothing is asked before the sentence was read"
    page.locator("#agree").click()
    expect(page.locator("#prediction")).to_contain_text("female")
    expect(page.locator("#bands-words")).to_contain_text("of 20 bands lie outside")
    page.locator("#language").select_option("de")
    expect(page.locator("#prediction")).to_contain_text("Wahrscheinlichkeit")
    expect(page.locator("#map-words")).to_contain_text("HiRes-CAM-Karte")
    page.get_by_role("tab", name="Vergleichen").click()
    page.get_by_role("tab", name="Eine Aufnahme").click()
    expect(page.locator("#history li")).to_have_count(1)
    page.locator("#file").set_input_files(tmp_path / "letter.wav")
    expect(page.get_by_role("alert")).to_contain_text("letter.wav: ")
    expect(page.locator("#result")).to_be_hidden()


def test_opens_without_a_network_once_it_was_opened(visit):
    page = visit()
    page.evaluate("navigator.serviceWorker.ready")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    page.context.set_offline(True)
    page.goto("about:blank")
    page.go_back()
    page.reload()
    page.wait_for_selector("body[data-ready]")
    (found,) = page.evaluate(CLASSIFY, ["models/voice", [text(spoken(WOMAN, 1.5))]])
    assert found["label"] == "female"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_reads_on_a_phone(visit, scheme):
    page = visit("#live", width=360, color_scheme=scheme)
    for view in ("live", "minute", "recording", "compare", "teach"):
        page.evaluate(f"location.hash = '{view}'")
        page.wait_for_selector(f"section.view.{view} button:visible")
        page.wait_for_timeout(300)
        fits(page, view)


def fits(page, view):
    """Nothing is wider than a phone, smaller than a finger, or without a name."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
    small = """() => [...document.querySelectorAll("main button, main select")].filter((one) => one.offsetParent)
      .filter((one) => one.getBoundingClientRect().height < 36).map((one) => one.outerHTML)"""
    assert page.evaluate(small) == [], view
    unnamed = """() => [...document.querySelectorAll("button, input, select, canvas, meter")].filter((one) => one.offsetParent)
      .filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label") || one.labels?.length))
      .map((one) => one.outerHTML)"""
    assert page.evaluate(unnamed) == [], view
