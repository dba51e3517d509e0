"""Sound as other microphones, rooms and lines would carry it: for training clips, and for the robustness table.

Pure functions on mono samples, float, shape (n_samples,), at `rate` Hz; each returns a new float32 array, as long as it was
but for `change_speed` and `cut`, and every event stays where it was. A result may pass full scale; audio.prepare sets the level
afterwards. Reads and writes no files. All raise AudioError for samples or settings that cannot be worked with.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from voicecam import audio
from voicecam.audio.interrupts import interrupt_waits
from voicecam.audio.pitch import shift_pitch
from voicecam.audio.signal import Signal
from voicecam.audio.written import sound_bytes
from voicecam.errors import AudioError

LINE_RATE = 8_000  # Hz; a telephone line's, ITU-T G.711
LINE_BAND = (300.0, 3400.0)  # Hz; what a telephone line carries
SPEECH_DBFS = -26.0  # dB re full scale, RMS; ITU-T P.56's usual speech level
LOWEST_HZ = 60.0  # Hz; below it a random microphone curve stays level: speech has nothing there
MP3_DELAY = 576 + 529  # samples; what LAME and then a decoder put before the sound where the file has no room to say so
MP3_KBPS = {  # kbit/s that MPEG audio layer III knows, by the lowest sample rate in Hz they hold from
    32_000: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    16_000: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    8_000: (8, 16, 24, 32, 40, 48, 56, 64),
}
MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # Hz


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """How often `augment` takes each step, as a share of the clips, and how far it goes; a pair is a range, drawn evenly."""

    pitch_share: float = 0.5  # half: excitement moves a voice's pitch far, and its formants hardly
    semitones: tuple[float, float] = (-4.0, 6.0)  # up more than down: from tired to angry, as the same person speaks
    speed_share: float = 0.7  # most clips: with few speakers, pitch would else be learned by heart
    speed: float = 0.06  # no unit, each way; more moves pitch and formants towards those of other people
    room_share: float = 0.35  # a third: most recordings of corpora are dry, most others are not
    rt60: tuple[float, float] = (0.1, 0.8)  # s; from a car to a lecture room
    direct_db: tuple[float, float] = (-3.0, 15.0)  # dB, direct to reverberant; from across the room to near the mouth
    curve_share: float = 0.8  # nearly all: no two microphones are alike, and the curve marks the corpus
    curve_db: float = 3.0  # dB, standard deviation of the microphone's curve at points an octave apart
    tilt_db: float = 4.0  # dB per octave, each way; a muffled or a thin microphone
    noise_share: float = 0.6
    snr_db: tuple[float, float] = (3.0, 35.0)  # dB; from a bar to a quiet office
    slope: tuple[float, float] = (0.0, 2.0)  # no unit; power falls as 1 / f to this: 0 is white, 1 pink, 2 brown
    babble_share: float = 0.3  # of the noisy clips; the rest gets coloured noise
    voices: tuple[int, int] = (3, 7)  # of a babble: fewer would be a second speaker, more are plain noise
    band_share: float = 0.35
    low_hz: tuple[float, float] = (60.0, 320.0)  # Hz; lower edge, from a wind filter's to a telephone's
    high_hz: tuple[float, float] = (3_000.0, 7_500.0)  # Hz; upper edge, from a telephone's to that of 16 kHz recordings
    codec_share: float = 0.15
    peak: tuple[float, float] = (0.2, 0.95)  # of full scale before a codec: its noise depends on the level
    most_kbps: int = 64  # kbit/s; above it MP3 changes speech too little to matter


STANDARD = Degradation()
DEGRADATIONS = {
    "voice": STANDARD,  # who speaks stays: pitch and speed move little
    "word": Degradation(  # what is said stays: voices may become anybody's, and lines poor
        pitch_share=0.8, semitones=(-8.0, 8.0), speed_share=0.9, speed=0.25, noise_share=0.7, band_share=0.5, codec_share=0.3
    ),
}


def noise(samples: np.ndarray, rate: int, *, snr_db: float, rng: np.random.Generator, slope: float = 0.0) -> np.ndarray:
    """The samples with Gaussian noise `snr_db` dB below them, by RMS over the whole clip, exactly.

    slope : its power falls as 1 / f ** slope above 40 Hz; 0 is white, 1 pink, 2 brown
    """
    n = next_fast_len(_checked(samples).size, real=True)
    spectrum = rfft(rng.standard_normal(n, dtype=np.float32))
    fall = np.maximum(rfftfreq(n, 1 / rate), 40.0) ** (-slope / 2)
    return _mixed(samples, irfft(spectrum * fall, n)[: len(samples)], snr_db)


def babble(samples: np.ndarray, others: Sequence[np.ndarray], *, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """The samples with the voices of `others` together `snr_db` dB below them, by RMS over the whole clip, exactly.

    others : clips of the same rate, (n,) each; brought to one level, begun at a random place and repeated to the length
    """
    if not len(others):
        raise AudioError("babble: no other clips; give one or more")
    crowd = np.zeros(_checked(samples).size)
    for voice in others:
        crowd += np.resize(np.roll(voice, rng.integers(len(voice))), len(crowd)) / _rms(voice)
    return _mixed(samples, crowd, snr_db)


def room(samples: np.ndarray, rate: int, *, rt60: float, direct_to_reverberant_db: float, rng: np.random.Generator) -> np.ndarray:
    """The samples in a room: the direct sound as it was, then echoes that fade.

    The impulse response is Polack's (1988): Gaussian noise with an exponential decay, 60 dB down after `rt60` s, where it
    ends; it sets in 1 to 10 ms after the direct sound, whose energy is `direct_to_reverberant_db` dB above its own.
    """
    from scipy.signal import fftconvolve  # here, because importing it takes half a second

    length = round(rt60 * rate)
    if length < 1:
        raise AudioError(f"room: RT60 of {rt60:g} s; give more than 0")
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail *= 10 ** (-direct_to_reverberant_db / 20) / np.linalg.norm(tail)
    gap = np.zeros(rng.integers(rate // 1000, rate // 100))
    response = np.concatenate([[1.0], gap, tail]).astype(np.float32)
    return fftconvolve(_checked(samples), response)[: len(samples)].astype(np.float32)


def equalise(samples: np.ndarray, rate: int, *, tilt_db: float, curve_db: float, rng: np.random.Generator) -> np.ndarray:
    """The samples through another microphone's frequency response.

    tilt_db : dB per octave around 1 kHz
    curve_db : standard deviation in dB of random points, about an octave apart from 60 Hz up, with straight lines between
    Phases stay, so nothing moves in time.
    """
    n = next_fast_len(_checked(samples).size + rate // 10, real=True)  # 0.1 s of zeros keeps the end out of the beginning
    octaves = np.log2(np.maximum(rfftfreq(n, 1 / rate), LOWEST_HZ) / 1000)
    points = np.linspace(octaves[0], octaves[-1], round(octaves[-1] - octaves[0]))
    gain_db = tilt_db * octaves + np.interp(octaves, points, rng.normal(0, curve_db, len(points)))
    return irfft(rfft(samples, n) * 10 ** (gain_db / 20), n)[: len(samples)].astype(np.float32)


def band_limit(
    samples: np.ndarray, rate: int, *, low_hz: float | None = None, high_hz: float | None = None, order: int = 4
) -> np.ndarray:
    """The samples with only what lies between the edges, by Butterworth filters of `order`; None leaves that side open."""
    from scipy.signal import butter, sosfilt

    edges = [edge for edge in (low_hz, high_hz) if edge is not None]
    if any(not 0 < edge < rate / 2 for edge in edges) or edges != sorted(edges):
        raise AudioError(
            f"band {low_hz} to {high_hz} Hz at {rate} Hz: 0 < low < high < half the rate must hold; change the edges"
        )
    filtered = _checked(samples)
    for edge, kind in ((low_hz, "highpass"), (high_hz, "lowpass")):
        if edge is not None:
            filtered = sosfilt(butter(order, edge, kind, fs=rate, output="sos"), filtered)
    return filtered.astype(np.float32)


def telephone(samples: np.ndarray, rate: int) -> np.ndarray:
    """The samples as a telephone line carries them: at the usual speech level, 300 to 3400 Hz, 8 kHz, mu-law (ITU-T G.711)."""
    speech = band_limit(level(samples, SPEECH_DBFS), rate, low_hz=LINE_BAND[0], high_hz=LINE_BAND[1])
    return _line(speech, rate, "ULAW")


def mp3_kbps(rate: int) -> tuple[int, ...]:
    """Constant bit rates in kbit/s that MP3 has at `rate` Hz, lowest first."""
    if rate not in MP3_RATES:
        raise AudioError(f"MP3 at {rate} Hz: there is none; resample to one of {', '.join(map(str, MP3_RATES))} Hz")
    return next(rates for lowest, rates in MP3_KBPS.items() if rate >= lowest)


def mp3(samples: np.ndarray, rate: int, kbps: int) -> np.ndarray:
    """The samples through MP3 at a constant `kbps` kbit/s, one of mp3_kbps(rate), by LAME and mpg123 inside libsndfile."""
    rates = mp3_kbps(rate)
    if kbps not in rates:
        raise AudioError(f"MP3 of {kbps} kbit/s at {rate} Hz: there is none; use one of {', '.join(map(str, rates))}")
    compression = (rates[-1] - kbps) / (rates[-1] - rates[0])  # libsndfile turns it back into kbit/s; it refuses 1.0
    decoded = _coded(samples, rate, format="MP3", bitrate_mode="CONSTANT", compression_level=min(compression, 0.99))
    start = MP3_DELAY if len(decoded) > len(samples) else 0  # libsndfile cuts the delay off where the file tells it
    return _fitted(decoded[start:], len(samples))


def change_speed(samples: np.ndarray, factor: float) -> np.ndarray:
    """The samples played `factor` times as fast, shape (n / factor,): pitch, formants and tempo move together.

    Keep it within 6 % for labels that a voice's pitch tells: beyond that the sound is that of another kind of speaker.
    """
    if not factor > 0:
        raise AudioError(f"speed {factor:g}: must be above 0")
    return soxr.resample(_checked(samples), factor, 1.0, quality="MQ").astype(np.float32)


def level(samples: np.ndarray, dbfs: float) -> np.ndarray:
    """The samples at an RMS of `dbfs` dB re full scale, lower where the peak would pass it; see audio.set_level."""
    return audio.set_level(Signal(_checked(samples), LINE_RATE), dbfs).samples  # the rate plays no part


def cut(samples: np.ndarray, rate: int, seconds: float) -> np.ndarray:
    """The loudest stretch of `seconds` s, shape (seconds * rate,). Raises AudioError for a clip that is shorter."""
    n = round(seconds * rate)
    if not 0 < n <= _checked(samples).size:
        raise AudioError(f"{len(samples) / rate:.2f} s of sound: no stretch of {seconds:g} s in it; ask for less")
    return audio.fit_length(Signal(_checked(samples), rate), n).samples.copy()


def augment(
    samples: np.ndarray, rate: int, pool: Sequence[np.ndarray], rng: np.random.Generator, *, how: Degradation = STANDARD
) -> np.ndarray:
    """A training clip as it might have been spoken and recorded elsewhere: pitch, speed, room, microphone, noise, band and codec,
    each by chance.

    pool : training clips of the same rate, for babble; without any, noise is always coloured noise
    The length changes with pitch and speed. Some 5 ms for a clip of 2 s.
    """
    sound = _checked(samples).copy()
    if rng.random() < how.pitch_share:
        sound = shift_pitch(sound, rate, rng.uniform(*how.semitones))
    if rng.random() < how.speed_share:
        sound = change_speed(sound, rng.uniform(1 - how.speed, 1 + how.speed))
    if rng.random() < how.room_share:
        sound = room(sound, rate, rt60=rng.uniform(*how.rt60), direct_to_reverberant_db=rng.uniform(*how.direct_db), rng=rng)
    if rng.random() < how.curve_share:
        sound = equalise(sound, rate, tilt_db=rng.uniform(-how.tilt_db, how.tilt_db), curve_db=how.curve_db, rng=rng)
    if rng.random() < how.noise_share:
        sound = _some_noise(sound, rate, pool, rng, how)
    if rng.random() < how.band_share:
        sound = _some_band(sound, rate, rng, how)
    if rng.random() < how.codec_share:
        sound = _some_codec(sound, rate, rng, how)
    return sound


def _some_noise(
    samples: np.ndarray, rate: int, pool: Sequence[np.ndarray], rng: np.random.Generator, how: Degradation
) -> np.ndarray:
    """Babble or coloured noise."""
    snr_db = rng.uniform(*how.snr_db)
    if len(pool) and rng.random() < how.babble_share:
        voices = rng.integers(len(pool), size=rng.integers(how.voices[0], how.voices[1] + 1))
        return babble(samples, [pool[i] for i in voices], snr_db=snr_db, rng=rng)
    return noise(samples, rate, snr_db=snr_db, rng=rng, slope=rng.uniform(*how.slope))


def _some_band(samples: np.ndarray, rate: int, rng: np.random.Generator, how: Degradation) -> np.ndarray:
    """An upper edge, a lower edge or both, each of its own steepness."""
    kind = rng.integers(3)
    if kind != 1:
        high_hz = min(rng.uniform(*how.high_hz), 0.47 * rate)  # low rates end before the range does
        samples = band_limit(samples, rate, high_hz=high_hz, order=int(rng.integers(2, 6)))
    if kind != 0:
        samples = band_limit(samples, rate, low_hz=rng.uniform(*how.low_hz), order=int(rng.integers(1, 5)))
    return samples


def _some_codec(samples: np.ndarray, rate: int, rng: np.random.Generator, how: Degradation) -> np.ndarray:
    """A line (mu-law or GSM's full rate), MP3 at a low rate, or Vorbis at its lowest, at a random level."""
    samples = samples * np.float32(rng.uniform(*how.peak) / max(float(np.abs(samples).max()), 1e-9))
    kind = rng.integers(3)
    if kind == 0:
        return _line(samples, rate, str(rng.choice(["ULAW", "GSM610"])))
    if kind == 1:
        return mp3(samples, rate, int(rng.choice([kbps for kbps in mp3_kbps(rate) if kbps <= how.most_kbps])))
    return _fitted(_coded(samples, rate, format="OGG", subtype="VORBIS", compression_level=1.0), len(samples))


def _line(samples: np.ndarray, rate: int, coding: str) -> np.ndarray:
    """The samples at 8 kHz through a speech codec of libsndfile's, and back."""
    narrow = audio.resample(Signal(samples, rate), LINE_RATE).samples
    heard = _coded(narrow, LINE_RATE, format="WAV", subtype=coding)
    return _fitted(audio.resample(Signal(heard, LINE_RATE), rate).samples, len(samples))


def _coded(samples: np.ndarray, rate: int, **how: Any) -> np.ndarray:
    """What comes back from a sound file in memory; `how` goes to soundfile.write. Samples beyond full scale would be cut
    off, so a louder clip is turned down on its way in and up again on its way out."""
    loudest = max(float(np.abs(_checked(samples)).max()), 1.0)
    file = io.BytesIO(sound_bytes(samples / np.float32(loudest), rate, **how))
    with interrupt_waits():
        return sf.read(file, dtype="float32")[0] * np.float32(loudest)


def _mixed(samples: np.ndarray, disturbance: np.ndarray, snr_db: float) -> np.ndarray:
    """samples + disturbance, the latter scaled to lie `snr_db` dB below."""
    gain = _rms(samples) / _rms(disturbance) * 10 ** (-snr_db / 20)
    return (samples + gain * disturbance).astype(np.float32)


def _rms(samples: np.ndarray) -> float:
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    if not rms > 0:
        raise AudioError("digital silence: no signal-to-noise ratio can be set; leave the clip out")
    return rms


def _fitted(samples: np.ndarray, n: int) -> np.ndarray:
    """The first `n` samples, with zeros where there are fewer."""
    return np.pad(samples[:n], (0, max(0, n - len(samples)))).astype(np.float32)


def _checked(samples: np.ndarray) -> np.ndarray:
    """The samples as float32. Raises AudioError for none, and for several channels."""
    if np.ndim(samples) != 1 or not len(samples):
        raise AudioError(f"samples of shape {np.shape(samples)}: must be one channel, (n_samples,); see audio.from_samples")
    return np.asarray(samples, dtype=np.float32)
