"""Teach and Compare on the whole site, with the networks that browsers run: verdicts against Python's, cards looked into."""

import json
import re
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf
from PIL import Image
from web_folder import WEB, chromium_browser, served, visit

from voicecam import audio
from voicecam.config import CACHE, SHIPPED_DIGITS
from voicecam.errors import DatasetError, VoicecamError
from voicecam.network import recordings
from voicecam.network.classifier import load_classifier
from voicecam.server.site import make_site

WORDS = WEB.parent / "voices" / "words"
DATA = WEB.parent / "voices" / "data"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    place = tmp_path_factory.mktemp("site")
    try:
        make_site(place, [SHIPPED_DIGITS], cache=CACHE)
    except (DatasetError, VoicecamError) as reason:
        pytest.skip(f"no site without onnxruntime-web: {reason}")
    with served(place) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium):
    with chromium_browser(chromium) as browser:
        yield browser


@pytest.fixture
def site(browser, address):
    """Function that opens a view of the site."""
    pages = []

    def opened(view, **settings):
        page = visit(browser, f"{address}/index.html?lang=en#{view}", accept_downloads=True, **settings)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        assert page.said == []
        assert all(url.startswith((address, "blob:", "data:")) for url in page.asked), "another host was asked"
        page.context.close()


def percent(p):
    return ">99" if p > 0.995 else f"{100 * p:.0f}"


def as_wav(path, place):
    """A clip as the browser's decoder and Python both read it."""
    signal = audio.read(path)
    file = place / path.with_suffix(".wav").name
    sf.write(file, signal.samples, signal.rate, subtype="PCM_16")
    return file


def test_own_words_are_taught_saved_and_judged_alike_by_python(site, tmp_path):
    from playwright.sync_api import expect

    page = site("teach")
    words, speakers = ("yes", "stop"), ("01", "02", "03", "04", "05", "06")
    clips = {(s, w): as_wav(next(WORDS.glob(f"{s}/{w}_{s}_*.ogg")), tmp_path) for s in speakers for w in words}
    for i, word in enumerate(words):
        page.get_by_label(f"Name of class {i + 1}").fill(word)
    for n, speaker in enumerate(speakers[:5], start=1):
        page.get_by_label("Who speaks").fill(speaker)
        for i, word in enumerate(words):
            page.locator(".teach-kind input[type=file]").nth(i).set_input_files(clips[speaker, word])
            expect(page.locator(".teach-kind").nth(i).locator("li")).to_have_count(n)
    page.get_by_role("button", name="Teach and test").click()
    expect(page.get_by_role("status")).to_contain_text("Taught and tested in")
    assert page.locator(".teach-result tbody tr").count() == 5
    print("taught and tested in", page.locator("[data-took]").get_attribute("data-took"), "ms")
    with page.expect_download() as download:
        page.get_by_role("button", name="Network").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path)
    classifier = load_classifier(tmp_path / "network")
    taught = json.loads((tmp_path / "network" / "meta.json").read_text())["meta"]["taught"]
    print("held back", taught["speaker_held_back"]["accuracy"], "by clip", taught["split_by_clip"]["accuracy"])
    for word in words:  # a speaker whom the network never heard
        said = recordings.predict_file(classifier, clips["06", word])
        page.locator("#teach-try-file").set_input_files(clips["06", word])
        share = f"{percent(said.probability)} %"
        if said.prediction == "uncertain":
            expect(page.locator(".teach-answer")).to_have_text(f"uncertain, likeliest {said.label} ({share})")
        else:
            expect(page.locator(".teach-answer")).to_have_text(f"{said.label}, probability {share}")


def test_two_recordings_are_compared_and_their_card_is_saved(site, tmp_path):
    """Verdicts and bands are Python's; the card's picture shows both; the film has two recordings' length, and sound."""
    from playwright.sync_api import expect

    page = site("compare")
    files = [as_wav(DATA / "01" / "4_01_0.ogg", tmp_path), as_wav(DATA / "33" / "7_33_0.ogg", tmp_path)]
    classifier, told = load_classifier(SHIPPED_DIGITS), []
    for side, file in enumerate(files):
        page.locator(f"#compare-file-{side}").set_input_files(file)
        said = recordings.predict_file(classifier, file)
        told.append(said)
        expect(page.get_by_role("status")).to_contain_text(
            f"{file.name}: {said.label}. probability {percent(said.probability)} %"
        )
    assert page.locator("table tbody tr").count() == 20
    expect(page.locator("table thead")).to_contain_text(f"{files[0].name} ({told[0].label})")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the card").click()
    with Image.open(download.value.path()) as card:
        assert card.size == (1280, 720)
        pixels = np.asarray(card.convert("RGB")).astype(int)
    coloured = (pixels.max(axis=2) - pixels.min(axis=2)) > 30
    for part in (np.s_[132:410, 64:620], np.s_[132:410, 700:1256], np.s_[476:602, 64:1256]):
        assert coloured[part].mean() > 0.01, "map, pitch and bands are drawn"
    page.get_by_label("Name on the card").first.fill("Ana <b>")
    expect(page.get_by_role("img")).to_have_attribute("aria-label", re.compile("Ana <b>"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Save a film").click()
    film = tmp_path / "film.webm"
    download.value.save_as(film)
    seconds = sum(said.spoken.seconds for said in told)
    pictures, heard = looked_into(film)
    assert heard.duration == pytest.approx(seconds + 2, abs=0.8)
    assert np.abs(heard.samples).max() > 0.05, "the recordings are heard"
    assert pictures[0].shape == (720, 1280, 3)
    grown = [np.abs(picture.astype(int) - pictures[0].astype(int)).mean() for picture in pictures]
    assert grown[-1] > grown[len(grown) // 2] > 0, "map and pitch grow with the sound"


def looked_into(film):
    """Pictures and sound of a film, by PyAV."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(film)) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    with av.open(str(film)) as file:
        frames = [(frame.to_ndarray().astype(float).reshape(-1), frame.sample_rate) for frame in file.decode(audio=0)]
    samples = np.concatenate([samples for samples, _ in frames])
    channels = 1 if len(frames[0][0]) < 1500 else 2
    return pictures, SimpleNamespace(samples=samples, duration=len(samples) / channels / frames[0][1])


def test_what_is_no_sound_leaves_no_older_verdict(site, tmp_path):
    from playwright.sync_api import expect

    page = site("compare")
    page.locator("#compare-file-0").set_input_files(as_wav(DATA / "01" / "4_01_0.ogg", tmp_path))
    expect(page.locator("canvas")).to_be_visible()
    page.locator("#compare-file-0").set_input_files({"name": "letter.txt", "mimeType": "audio/wav", "buffer": b"I am a text."})
    expect(page.get_by_role("status")).to_contain_text("letter.txt")
    expect(page.locator("canvas")).to_be_hidden()
    silent = tmp_path / "silent.wav"
    sf.write(silent, np.zeros(16000), 16000)
    page.locator("#compare-file-1").set_input_files(silent)
    expect(page.get_by_role("status")).to_contain_text("silent.wav: no speech")
    expect(page.locator("canvas")).to_be_visible()


@pytest.mark.parametrize("view", ["teach", "compare"])
def test_on_a_phone_and_in_the_dark(site, view):
    page = site(view, viewport={"width": 360, "height": 740}, color_scheme="dark")
    page.locator("main h2").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    named = "node => Boolean(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim())"
    for tag in ("audio", "canvas", "input", "button", "meter"):
        for node in page.locator(f"main {tag}").all():
            assert node.evaluate(named), node.evaluate("node => node.outerHTML")


def test_clips_outlive_a_look_at_another_tab(site, tmp_path):
    from playwright.sync_api import expect

    page = site("teach")
    page.get_by_label("Name of class 1").fill("four")
    page.get_by_label("Who speaks").fill("Ana")
    page.locator(".teach-kind input[type=file]").first.set_input_files(as_wav(DATA / "01" / "4_01_0.ogg", tmp_path))
    expect(page.locator(".teach-kind li")).to_have_count(1)
    for name in ("Compare", "Teach"):
        page.get_by_role("tab", name=name).click()
        page.locator("main h2").wait_for()
    expect(page.locator(".teach-kind li")).to_have_count(1)
