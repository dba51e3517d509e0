"""The recorder: what it decides, and a known sound played into a virtual PulseAudio microphone and recorded from it."""

import os
import re
import shutil
import subprocess
import sys
import time
from ctypes.util import find_library
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from scipy.signal import correlate
from test_speech import words

from voicecam import audio
from voicecam.audio import Signal
from voicecam.audio.microphone import Device, find_device
from voicecam.audio.recorder import EndpointDetector, meter, save, warnings_of
from voicecam.corpora import open_corpus
from voicecam.errors import AudioError

ROOT = Path(__file__).parent.parent
RATE = 48_000
NEEDED = ("pulseaudio", "pactl", "paplay")
MISSING = [name for name in NEEDED if not shutil.which(name)]


def blocks(samples, rate=RATE):
    step = round(0.05 * rate)
    return [Signal(np.asarray(samples[i : i + step], np.float32), rate) for i in range(0, len(samples), step)]


def spoken(before=0.6, after=3.0, rate=RATE):
    """A word with near-silence around, and where it ends in s."""
    word = audio.resample(Signal(words()[0], 16_000), rate).samples
    sound = np.concatenate([np.zeros(round(before * rate)), word, np.zeros(round(after * rate))])
    noise = 1e-4 * np.random.default_rng(1).standard_normal(len(sound))
    return (sound + noise).astype(np.float32), before + len(word) / rate


def stops_at(samples):
    over, seen = EndpointDetector(), 0.0
    for block in blocks(samples):
        seen += block.seconds
        if over(block):
            return seen
    return None


@pytest.mark.parametrize("before", [0.0, 0.6, 4.0])
def test_it_stops_when_the_word_is_over_and_not_before(before):
    samples, end = spoken(before)
    assert end + 0.6 < stops_at(samples) < end + 1.5


def test_it_waits_while_nobody_speaks():
    rng = np.random.default_rng(2)
    samples = 0.01 * rng.standard_normal(4 * RATE)
    samples[RATE] = 0.9  # a click
    assert stops_at(samples) is None


def test_the_meter_moves_with_the_peak():
    shown = [meter(Signal(np.array([0.0, value], np.float32), RATE)) for value in (0.0, 0.001, 0.1, 0.5, 1.0)]
    assert [line.count("#") for line in shown] == [0, 0, 20, 27, 30]
    assert "-20 dBFS" in shown[2]
    assert "-6 dBFS" in shown[3]
    assert [("CLIP" in line) for line in shown] == [False] * 4 + [True]
    assert len({len(line) for line in shown}) == 1, "a shorter line would leave scraps of the longer one"


@pytest.mark.parametrize(
    ("gain", "heard", "expected"),
    [(1, True, []), (0, False, ["silent"]), (0.02, True, ["soft"]), (20, True, ["clipped"]), (1, False, ["no speech"])],
)
def test_warnings(gain, heard, expected):
    samples = np.clip(gain * words()[0], -1, 1)
    found = warnings_of(Signal(samples, RATE), heard=heard)
    assert [line.split(":")[0].split(" (")[0].removesuffix(" was heard; is it the right device?") for line in found] == expected


def test_saving_overwrites_nothing(tmp_path):
    now, signal = datetime(2026, 5, 4, 13, 2, 1), Signal(np.linspace(-1, 1, 16_000, dtype=np.float32), 16_000)
    paths = [save(signal, tmp_path, word="a/b", name="Ada L", now=now) for _ in range(3)]
    assert [path.name for path in paths] == [f"Ada-L_a-b_20260504T130201{end}.wav" for end in ("", "-2", "-3")]
    info = sf.info(paths[0])
    assert (info.samplerate, info.subtype, info.channels, info.frames) == (48_000, "PCM_16", 1, 48_000)


def test_recordings_sorted_into_classes_have_people_for_speakers(tmp_path):
    """Of two women and two men who say the same two words: words must not become speakers, whatever the script."""
    now, signal = datetime(2026, 5, 4, 13, 2, 1), Signal(np.zeros(1600, np.float32), 16_000)
    for label, names in (("female", ("Анна", "Zoë")), ("male", ("محمد", "日本"))):
        for name in names:
            for word in ("seven", "да", "七"):
                save(signal, tmp_path / label, word=word, name=name, now=now)
    corpus = open_corpus(tmp_path)
    assert set(corpus.clips["speaker"]) == {"Анна", "Zoë", "محمد", "日本"}
    assert corpus.remarks == ("4 speakers (from file names): Zoë (3 clips), Анна (3), محمد (3), 日本 (3)",)
    assert corpus.note == ""


@pytest.mark.slow
def test_the_verdict_comes_before_the_offer_to_play(tmp_path):
    """At a terminal: what follows a recording, with --classify and without it, and the answers of somebody who sits there."""
    sf.write(tmp_path / "said.wav", words()[0], 16_000, subtype="PCM_16")
    code = (
        "import argparse, sys; from pathlib import Path; from voicecam import audio; from voicecam.commands import record\n"
        "path = Path(sys.argv[1])\n"
        "for classify in (True, False):\n"
        "    print('=' * 20, flush=True)\n"
        "    record.after(argparse.Namespace(play=False, classify=classify), path, audio.read(path))"
    )
    ours, theirs = os.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path / "said.wav")]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    os.write(ours, b"n\n" + b"y\nn\n")
    said = b""
    while part := _read(ours):
        said += part
    assert process.wait(60) == 0
    _, *texts = said.decode().split("=" * 20)
    assert all(text.index("s of speech") < text.index("play it back?") for text in texts)
    assert ["classify it?" in text for text in texts] == [False, True]


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other end is closed
        return b""


DEVICES = [
    Device(0, "Built-in", "ALSA", 2, 48_000, False),
    Device(1, "USB Mic", "ALSA", 1, 48_000, True),
    Device(2, "USB Mic 2", "ALSA", 1, 48_000, False),
    Device(3, "Monitor of Built-in Output", "Pulse", 2, 48_000, False),
]


def test_devices_go_by_name():
    assert find_device(None, DEVICES).index == 1
    assert find_device("built-in", DEVICES).index == 0
    assert find_device("usb mic", DEVICES).index == 1, "a whole name wins over parts"
    assert find_device("mic 2", DEVICES).index == 2
    with pytest.raises(AudioError, match="several devices fit; use one of: USB Mic; USB Mic 2"):
        find_device("usb", DEVICES)
    with pytest.raises(AudioError, match="no such device; use one of: Built-in; USB Mic"):
        find_device("phone", DEVICES)
    assert [device.listens_to_output for device in DEVICES] == [False, False, False, True]


def run(*options, env=None, **kwargs):
    command = [sys.executable, str(ROOT / "scripts" / "record_wav.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, check=False, **kwargs)


@pytest.mark.parametrize(
    ("failure", "says"),
    [("OSError('PortAudio library not found')", "PortAudio is not installed; Linux: .*macOS: .*Windows: "),
     ("ImportError", "-m pip install sounddevice$")],
)  # fmt: skip
def test_without_portaudio_one_line_says_what_to_install(tmp_path, failure, says):
    (tmp_path / "sounddevice.py").write_text(f"raise {failure}")
    done = run("--list", env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert re.search(says, done.stderr)


@pytest.fixture(scope="module")
def pulse(tmp_path_factory):
    """Environment of a PulseAudio whose one microphone hears what is played."""
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)} (Debian: pulseaudio, pulseaudio-utils)")
    if find_library("portaudio") is None:
        pytest.skip("PortAudio is not installed (Debian: libportaudio2)")
    home = tmp_path_factory.mktemp("pulse")
    places = {name: str(home) for name in ("XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH", "HOME")}
    env = {**os.environ, **places, "PULSE_SERVER": f"unix:{home}/native", "PYTHONPATH": str(ROOT)}
    modules = ["module-native-protocol-unix", "module-null-sink sink_name=mic rate=48000 channels=1", "module-always-sink"]
    options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"]
    server = subprocess.Popen(
        ["pulseaudio", *options, *(part for module in modules for part in ("-L", module))],
        env=env,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(100):
            if subprocess.run(["pactl", "info"], env=env, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        else:
            server.kill()
            pytest.fail(f"pulseaudio is installed and does not start: {server.communicate()[1][-500:]}")
        subprocess.run(["pactl", "set-default-sink", "mic"], env=env, check=True)
        subprocess.run(["pactl", "set-default-source", "mic.monitor"], env=env, check=True)
        listed = run("--list", env=env)
        assert listed.returncode == 0, listed.stderr
        if "pulse" not in listed.stdout:
            pytest.skip("PortAudio has no PulseAudio device here (Debian: libasound2-plugins)")
        yield env
    finally:
        server.terminate()
        server.wait(10)


def start(pulse, *options):
    """The recorder, once it said "speak now"."""
    command = [sys.executable, "-u", str(ROOT / "scripts" / "record_wav.py"), "--device", "pulse", "--countdown", "1", *options]
    process = subprocess.Popen(command, env=pulse, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("speak now"):
            return process
    raise AssertionError(f"never began: {said} {process.stderr.read()}")


def play(pulse, path):
    return subprocess.Popen(["paplay", "--device=mic", str(path)], env=pulse)


def best_correlation(recorded, source):
    """Highest correlation of the source with a stretch of the recording, and where the stretch starts in samples."""
    start = int(np.argmax(correlate(recorded, source, mode="valid", method="fft")))
    return float(np.corrcoef(recorded[start : start + len(source)], source)[0, 1]), start


def test_what_is_played_is_what_is_recorded(pulse, tmp_path):
    samples, _ = spoken(before=0.0, after=0.0)
    with_silence = np.pad(samples, (RATE, 4 * RATE))
    sf.write(tmp_path / "said.wav", with_silence, RATE, subtype="PCM_16")
    recording = start(pulse, "--folder", str(tmp_path / "out"), "--seconds", "20", "--word", "seven", "--name", "esp eak")
    player = play(pulse, tmp_path / "said.wav")
    out, err = recording.communicate(timeout=60)
    player.terminate()
    player.wait(10)
    assert recording.returncode == 0, err
    (path,) = (tmp_path / "out").iterdir()
    assert re.fullmatch(r"esp-eak_seven_\d{8}T\d{6}\.wav", path.name)
    assert "wrote" in out
    assert "warning: by its name" not in out
    recorded, rate = sf.read(path)
    assert rate == RATE
    correlation, at = best_correlation(recorded, samples)
    assert correlation > 0.95
    assert len(recorded) - at - len(samples) < 2 * RATE, "it must stop by itself soon after the word"


def test_ctrl_c_keeps_what_was_recorded(pulse, tmp_path):
    recording = start(pulse, "--folder", str(tmp_path), "--seconds", "60")
    time.sleep(4)  # on a busy machine the first block can come 1 s late
    recording.send_signal(2)
    out, err = recording.communicate(timeout=60)
    assert recording.returncode == 0, err
    (path,) = tmp_path.iterdir()
    assert 0.5 < sf.info(path).duration < 10
    assert "warning: silent" in out


def test_nothing_from_before_speak_now_is_kept(pulse, tmp_path):
    """A tone sounds during the countdown and ends when the recorder says that it starts."""
    time_ = np.arange(30 * RATE) / RATE
    sf.write(tmp_path / "tone.wav", 0.3 * np.sin(2 * np.pi * 500 * time_), RATE, subtype="PCM_16")
    player = play(pulse, tmp_path / "tone.wav")
    recording = start(pulse, "--folder", str(tmp_path / "out"), "--seconds", "2")
    player.kill()  # heard no longer than the sound system's own buffer
    player.wait(10)
    _, err = recording.communicate(timeout=60)
    assert recording.returncode == 0, err
    (path,) = (tmp_path / "out").iterdir()
    recorded, _ = sf.read(path)
    assert len(recorded) == 2 * RATE
    loud = np.flatnonzero(np.abs(recorded) > 0.01)
    assert len(loud) == 0 or loud[-1] < 0.5 * RATE
