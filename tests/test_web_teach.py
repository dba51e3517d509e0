"""Own classes taught in the browser: the head against scikit-learn, both splits on planted clips, the archives read by voicecam,
and the view used by hand."""

import base64
import csv
import io
import json
import shutil
import zipfile

import numpy as np
import pytest
import soundfile as sf
import torch
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from web_folder import MICROPHONE, WEB, chromium_browser, served, visit

from voicecam import audio
from voicecam.audio.speech import cut, find_speech
from voicecam.config import SHIPPED_DIGITS
from voicecam.corpora import open_corpus
from voicecam.network import load_model, recordings
from voicecam.network.classifier import clip_features, load_classifier

PENALTY = 0.1  # the same as teach/head.js
WORDS = WEB.parent / "voices" / "words"
TRAIN = """async ([x, y, classes]) => {
  const { trainHead } = await import("/teach/head.js");
  const began = performance.now(), { weights, bias } = trainHead(x, y, classes);
  return { weights: weights.map((row) => [...row]), bias: [...bias], took: performance.now() - began };
}"""
TEST = """async ([clips, classes]) => {
  const { testSpeakers, testClips, hindrance } = await import("/teach/testing.js");
  const lacks = hindrance(clips, classes);
  if (lacks) return { lacks };
  return { held: testSpeakers(clips, classes), byClip: testClips(clips, classes), lacks };
}"""
ZIP = """async (entries) => {
  const { zip } = await import("/teach/zip.js");
  return window.text(zip(entries.map(([name, text]) => ({ name, bytes: new TextEncoder().encode(text) }))));
}"""
RECORDINGS = """async (clips) => {
  const { recordingsZip } = await import("/teach/save.js");
  const when = new Date(2026, 4, 4, 13, 2, 1);
  return window.text(recordingsZip(clips.map((clip) => ({ ...clip, when, samples: Float32Array.from(clip.samples) }))));
}"""
NETWORK = """async ([x, y, classes, about]) => {
  const { trainHead, logitsOf } = await import("/teach/head.js");
  const { networkZip } = await import("/teach/save.js");
  const head = trainHead(x, y, classes.length);
  const bytes = await networkZip(`${location.origin}/models/digits/`, head, classes, about);
  return { zip: window.text(bytes), logits: x.map((row) => logitsOf(head, row)) };
}"""
TEXT = """() => { window.text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")); }"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The browser's code, and the digits network as files beside it."""
    place = tmp_path_factory.mktemp("site")
    shutil.copytree(WEB, place, dirs_exist_ok=True)
    shutil.copytree(SHIPPED_DIGITS, place / "models" / "digits", dirs_exist_ok=True)
    with served(place) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    heard = tmp_path_factory.mktemp("microphone") / "heard.wav"
    signal = audio.read(WORDS / "01" / "hello_01_0.ogg")
    sf.write(heard, np.tile(signal.samples, 3), signal.rate, subtype="PCM_16")
    with chromium_browser(chromium, *MICROPHONE, f"--use-file-for-fake-audio-capture={heard}") as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser, site):
    page = visit(browser, f"{site}/empty.html")
    page.evaluate(TEXT)
    yield page
    assert page.said == []


@pytest.fixture(scope="module")
def spoken():
    """hello, yes, no, stop by 8 demo voices: (path, speaker, word, vector of the digits network's last stage)."""
    with open(WORDS / "clips.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["speaker"] <= "08"]
    model, found = load_model(SHIPPED_DIGITS), []
    for row in rows:
        signal = audio.read(WORDS / row["path"])
        clip = clip_features(cut(signal, find_speech(signal)).signal, model.config)
        with torch.inference_mode():
            vector = model.network[0](model.input(clip.matrices)).mean((2, 3)).mean(0).numpy().astype(float)
        found.append((WORDS / row["path"], row["speaker"], row["word"], vector))
    return found


def by_sklearn(x, y):
    """The same problem solved by other means: scaled vectors, weights by class, C = 1 / (penalty n). Of two classes scikit-learn
    has one row of weights, the difference of our two, whose squares add up to half of its own."""
    scale, rows = StandardScaler().fit(x), 2 if len(np.unique(y)) == 2 else 1
    head = LogisticRegression(C=rows / (PENALTY * len(y)), class_weight="balanced", tol=1e-8, max_iter=5000)
    return lambda new: head.predict_proba(scale.transform(new)), head.fit(scale.transform(x), y)


def probabilities(head, x):
    logits = x @ np.array(head["weights"]).T + np.array(head["bias"])
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def test_the_head_is_scikit_learns(page, rng):
    for classes, n, clips in ((2, 5, 12), (5, 96, 60)):
        y = np.append(np.arange(classes), rng.integers(0, classes, clips - classes))
        x = rng.normal(3, 2, (clips, n)) + 2 * rng.normal(size=(classes, n))[y]
        x[:, 0] = 1.5  # says nothing
        head = page.evaluate(TRAIN, [x.tolist(), y.tolist(), classes])
        again = page.evaluate(TRAIN, [x.tolist(), y.tolist(), classes])
        assert head["weights"] == again["weights"], "there is no chance in it"
        new = rng.normal(3, 3, (200, n))
        np.testing.assert_allclose(probabilities(head, new), by_sklearn(x, y)[0](new), atol=2e-4)
        print(classes, n, clips, f"{head['took']:.0f} ms")


def test_a_speaker_held_back_is_tested_as_by_loops(page, spoken):
    """On the voices: accuracies of both splits are those of scikit-learn on the same parts."""
    names = sorted({word for _, _, word, _ in spoken})
    x, y = np.stack([vector for *_, vector in spoken]), np.array([names.index(word) for _, _, word, _ in spoken])
    who = np.array([speaker for _, speaker, _, _ in spoken])
    clips = [{"speaker": s, "target": int(t), "vector": v.tolist()} for s, t, v in zip(who, y, x)]
    found = page.evaluate(TEST, [clips, 4])
    assert found["lacks"] is None
    right = {s: (by_sklearn(x[who != s], y[who != s])[0](x[who == s]).argmax(1) == y[who == s]) for s in np.unique(who)}
    assert {row["speaker"]: row["right"] for row in found["held"]["rows"]} == {s: int(hits.sum()) for s, hits in right.items()}
    accuracy = np.mean([hits.mean() for hits in right.values()])
    assert found["held"]["accuracy"] == pytest.approx(accuracy)
    known = binomtest(round(8 * accuracy), 8).proportion_ci(method="wilson")  # 7 of 8 speakers
    assert found["held"]["interval"] == pytest.approx({"low": known.low, "high": known.high}, abs=1e-5)
    print("held back", found["held"]["accuracy"], "by clip", found["byClip"]["accuracy"])


def test_intervals_are_wilsons(page):
    found = page.evaluate("""async () => {
      const { wilson } = await import("/teach/testing.js");
      return [[0, 5], [3, 7], [9, 10], [40, 40]].map(([k, n]) => [k, n, wilson(k / n, n)]);
    }""")
    for k, n, interval in found:
        known = binomtest(k, n).proportion_ci(method="wilson")
        assert interval == pytest.approx({"low": known.low, "high": known.high}, abs=1e-5)


def planted(rng, *, own, word, speakers=6, takes=4, n=40):
    """Clips of two words: each word has a direction of size `word`, each speaker's way of each word one of size `own`."""
    words = rng.normal(size=(2, n))
    ways = rng.normal(size=(speakers, 2, n))
    return [
        {"speaker": f"s{s}", "target": w, "vector": (word * words[w] + own * ways[s, w] + 0.1 * rng.normal(size=n)).tolist()}
        for s in range(speakers)
        for w in range(2)
        for _ in range(takes)
    ]


def test_a_split_by_clip_claims_what_holds_for_nobody_new(page, rng):
    leaking = page.evaluate(TEST, [planted(rng, own=1, word=0), 2])
    assert leaking["byClip"]["accuracy"] > 0.95, "each clip's own speaker was in training"
    assert leaking["held"]["accuracy"] < 0.75
    true = page.evaluate(TEST, [planted(rng, own=0.2, word=1), 2])
    assert true["byClip"]["accuracy"] > 0.95
    assert true["held"]["accuracy"] > 0.95


def test_what_cannot_be_held_back_is_said(page, rng):
    clips = planted(rng, own=1, word=1)
    assert page.evaluate(TEST, [clips, 3])["lacks"] == {"reason": "empty", "target": 2}
    one = [clip for clip in clips if clip["speaker"] == "s0"]
    assert page.evaluate(TEST, [one, 2])["lacks"] == {"reason": "speakers"}
    lonely = [clip for clip in clips if clip["target"] == 0 or clip["speaker"] == "s1"]
    assert page.evaluate(TEST, [lonely, 2])["lacks"] == {"reason": "class", "target": 1}


def test_the_archive_is_one_that_python_reads(page):
    entries = [["a/b.txt", "x" * 70000], ["日本/हिन्दी.txt", "é"], ["empty", ""]]
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(page.evaluate(ZIP, entries)))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name).decode() for name in archive.namelist()} == dict(entries)


def unpack(text, place):
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(text))) as archive:
        archive.extractall(place)


def test_recordings_are_a_corpus(page, rng, tmp_path):
    said = [("Zoë", "да, нет"), ("日本", 'say "x"'), ("Zoë", "a-b"), ("हिन्दी", "a b"), ("=1+1", "да, нет")]
    clips = [
        {"samples": rng.uniform(-0.9, 0.9, 800).tolist(), "rate": 16000, "speaker": who, "word": word} for who, word in said * 2
    ]
    unpack(page.evaluate(RECORDINGS, clips), tmp_path)
    corpus = open_corpus(tmp_path / "recordings")
    assert sorted(zip(corpus.clips["speaker"], corpus.clips["word"])) == sorted(said * 2)
    assert corpus.labels == ["word"]
    for row in corpus.clips.itertuples():
        number = int(row.path.removesuffix(".wav").rpartition("-")[2]) - 1
        samples, rate = sf.read(corpus.root / row.path, dtype="float64")
        assert rate == 16000
        assert (row.speaker, row.word) == said[number % 5]
        np.testing.assert_allclose(samples, clips[number]["samples"], atol=1 / 32768)


def test_the_network_is_one_that_python_loads_and_says_the_same(page, spoken, tmp_path):
    names = sorted({word for _, _, word, _ in spoken})
    x, y = [vector.tolist() for *_, vector in spoken], [names.index(word) for _, _, word, _ in spoken]
    about = {"temperature": 1.3, "threshold": 0.6, "taught": {"clips": len(y)}}
    made = page.evaluate(NETWORK, [x, y, names, about])
    unpack(made["zip"], tmp_path)
    classifier = load_classifier(tmp_path / "network")
    assert classifier.model.classes == tuple(names)
    assert (classifier.model.temperature, classifier.threshold, classifier.model.label) == (1.3, 0.6, "word")
    kept, base = classifier.model.met, load_model(SHIPPED_DIGITS)
    np.testing.assert_array_equal(kept, base.met)
    logits = np.array(made["logits"]) / 1.3
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for (path, *_), p in zip(spoken, wanted):
        said = recordings.predict_file(classifier, path)
        assert list(said.probabilities.values()) == pytest.approx(p.tolist(), abs=1e-4)
        assert said.prediction == (names[p.argmax()] if p.max() >= 0.6 else "uncertain")
    own = load_model(tmp_path / "network").network.state_dict()
    for name, value in base.network.state_dict().items():
        if not name.startswith("1.3."):
            assert torch.equal(own[name], value), name


STUB = """async (folder) => {
  const { loadStrings, t } = await import("/strings.js");
  await loadStrings();
  const { fftOf } = await import("/sound/fft.js");
  const { mount } = await import("/teach/teach.js");
  let audio = null;
  const recognise = async (model, samples) => { // its spectrum in place of a network; silence is no speech
    const peak = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    if (peak < 0.01) return { windows: [] };
    const fft = fftOf(16384);
    fft.re.fill(0);
    fft.im.fill(0);
    samples.subarray(0, 16384).forEach((x, i) => { fft.re[i] = x / peak; });
    fft.run();
    const vector = new Float32Array(96);
    for (let k = 0; k < 96 * 40; k++) vector[Math.floor(k / 40)] += fft.re[k] ** 2 + fft.im[k] ** 2;
    return { windows: [{ vector: vector.map((x) => Math.log(x + 1e-3)) }] };
  };
  const decode = async (file) => {
    const buffer = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(await file.arrayBuffer());
    return { samples: buffer.getChannelData(0), rate: 16000 };
  };
  const context = { t, recognise, decode, base: { url: `${folder}network.onnx`, rate: 16000 } };
  Object.defineProperty(context, "audio", { get: () => audio ??= new AudioContext() });
  document.body.innerHTML = '<main></main>';
  window.view = mount(document.querySelector("main"), context);
}"""


def tone(hz, level=0.3):
    samples = level * np.sin(2 * np.pi * hz * np.arange(8000) / 16000)
    file = io.BytesIO()
    sf.write(file, samples, 16000, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture
def view(browser, site):
    page = visit(browser, f"{site}/empty.html", accept_downloads=True)
    page.evaluate(STUB, f"{site}/models/digits/")
    yield page
    assert page.said == []
    assert all(url.startswith((site, "blob:")) for url in page.asked)
    page.context.close()


def give(page, speaker, row, *sounds):
    from playwright.sync_api import expect

    page.get_by_label("Who speaks").fill(speaker)
    items = page.locator(".teach-kind").nth(row).locator("li")
    before = items.count()
    files = [{"name": f"x{i}.wav", "mimeType": "audio/wav", "buffer": data} for i, data in enumerate(sounds)]
    page.locator(".teach-kind input[type=file]").nth(row).set_input_files(files)
    expect(items).to_have_count(before + len(sounds))


def saved(page, name, place):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    download.value.save_as(place / "x.zip")
    with zipfile.ZipFile(place / "x.zip") as archive:
        archive.extractall(place)


def test_a_class_is_taught_tested_and_saved_by_hand(view, tmp_path):
    from playwright.sync_api import expect

    status = view.get_by_role("status")
    view.get_by_role("button", name="Record: Class 1").click()
    expect(status).to_have_text("Write the name of who speaks first.")
    view.get_by_label("Who speaks").fill("Zoë")
    view.get_by_role("button", name="Record: Class 1").click()
    expect(status).to_have_text("Write the name of the class first.")
    for i, word in enumerate(("low", "high")):
        view.get_by_label(f"Name of class {i + 1}").fill(word)
    teach = view.get_by_role("button", name="Teach and test")
    assert teach.is_disabled()
    for i, speaker in enumerate(("Zoë", "日本", "zoe", "C", "D", "E")):
        give(view, speaker, 0, tone(200 + 5 * i), tone(220 + 5 * i))
        give(view, speaker, 1, tone(2200 + 50 * i), tone(2400 + 50 * i))
    give(view, "F", 0, tone(2000))
    view.get_by_role("button", name="Delete: F, 0.5 s").click()
    expect(view.get_by_text("F, 0.5 s")).to_have_count(0)
    teach.click()
    expect(status).to_contain_text("Taught and tested in")
    assert view.locator("table tbody tr").count() == 5, "Zoë and zoe are one speaker"
    assert view.locator(".teach-track").count() == 2
    expect(view.locator(".teach-result")).to_contain_text("100 %")
    expect(view.locator(".teach-result")).to_contain_text("data leakage")
    print("taught in", view.locator("main > div").get_attribute("data-took"), "ms")
    saved(view, "Recordings", tmp_path)
    corpus = open_corpus(tmp_path / "recordings")
    assert corpus.clips.groupby("speaker").size().to_dict() == {"Zoë": 8, "日本": 4, "C": 4, "D": 4, "E": 4}
    saved(view, "Network", tmp_path)
    classifier = load_classifier(tmp_path / "network")
    assert classifier.model.classes == ("low", "high")
    taught = json.loads((tmp_path / "network" / "meta.json").read_text())["meta"]["taught"]
    assert taught["speaker_held_back"]["accuracy"] == taught["split_by_clip"]["accuracy"] == 1
    assert [row["speaker"] for row in taught["speaker_held_back"]["speakers"]] == ["Zoë", "日本", "C", "D", "E"]


def test_a_take_by_microphone_and_an_answer_about_another(view):
    from playwright.sync_api import expect

    view.get_by_label("Who speaks").fill("Ana")
    view.get_by_label("Name of class 1").fill("hello")
    view.get_by_label("Name of class 2").fill("tone")
    give(view, "Ana", 1, tone(900), tone(950))
    view.get_by_role("button", name="Record: hello").click()
    view.get_by_role("button", name="Stop: hello").wait_for()
    view.wait_for_timeout(1200)
    view.get_by_role("button", name="Stop: hello").click()
    expect(view.locator(".teach-kind").first.locator("li")).to_have_count(1)
    view.get_by_role("button", name="Record: hello").click()
    view.get_by_role("button", name="Stop: hello").wait_for()
    view.evaluate("view.stop()")
    view.get_by_role("button", name="Record: hello").wait_for()
    expect(view.locator(".teach-kind").first.locator("li")).to_have_count(1)
    view.get_by_role("button", name="Teach and test").click()
    expect(view.locator(".teach-result")).to_contain_text("there is only one")
    view.get_by_role("button", name="Record", exact=True).click()
    view.get_by_role("button", name="Stop", exact=True).wait_for()
    view.wait_for_timeout(1000)
    view.get_by_role("button", name="Stop", exact=True).click()
    expect(view.locator(".teach-answer")).to_contain_text("hello")


def test_silence_and_no_sound_are_no_clips(view):
    from playwright.sync_api import expect

    view.get_by_label("Who speaks").fill("Ana")
    view.get_by_label("Name of class 1").fill("x")
    choose = view.locator(".teach-kind input[type=file]").first
    choose.set_input_files({"name": "quiet.wav", "mimeType": "audio/wav", "buffer": tone(440, 0.0)})
    expect(view.get_by_role("status")).to_contain_text("No speech was heard")
    choose.set_input_files({"name": "letter.txt", "mimeType": "audio/wav", "buffer": b"I am a text."})
    expect(view.get_by_role("status")).to_contain_text("letter.txt")
    assert view.locator("li").count() == 0


def test_up_to_five_classes_by_keyboard_on_a_phone(view):
    view.set_viewport_size({"width": 360, "height": 740})
    for n in (3, 4, 5):
        view.get_by_role("button", name="Add a class").press("Enter")
        assert view.evaluate("document.activeElement.getAttribute('aria-label')") == f"Name of class {n}"
    assert view.get_by_role("button", name="Add a class").is_hidden()
    view.get_by_role("button", name="Remove class: Class 4").press("Enter")
    assert view.locator(".teach-kind").count() == 4
    assert view.evaluate("document.documentElement.scrollWidth") <= 360
    named = "node => Boolean(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim())"
    for tag in ("input", "button", "meter"):
        for node in view.locator(tag).all():
            assert node.evaluate(named), node.evaluate("node => node.outerHTML")
