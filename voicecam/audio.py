"""File -> Signal: read, mix down, centre, resample, fit the length, set the level. Finds no speech, computes no features."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from voicecam.config import Config
from voicecam.errors import AudioError, SilentError

SILENCE_DBFS = -70.0  # dB re full scale; a peak below this is some ten steps of a 16-bit file: no recording, only its noise


@dataclass(frozen=True)
class Signal:
    """One channel of sound.

    samples : float32 array, shape (n_samples,), range [-1, 1]
    rate : samples per second, in Hz
    """

    samples: np.ndarray
    rate: int

    @property
    def seconds(self) -> float:
        """Duration in s."""
        return len(self.samples) / self.rate


def load(path: Path, config: Config) -> Signal:
    """Read `path` and make it ready for `features`: mono, `config.sample_rate`, `config.seconds`, `config.level_dbfs`.

    Returns a Signal of shape (config.n_samples,). Raises AudioError when the file cannot be used.
    """
    return prepare(read(path), config)


def prepare(signal: Signal, config: Config) -> Signal:
    """Centre, resample, fit and level a Signal as `config` says, to one window of `config.n_samples`."""
    fitted = fit_length(_at_rate(signal, config), config.n_samples, pad=config.pad)
    return fitted if config.level_dbfs is None else set_level(fitted, config.level_dbfs)


def prepare_whole(signal: Signal, config: Config) -> Signal:
    """Like `prepare`, but a longer signal keeps all it has: at least `config.n_samples` samples."""
    resampled = _at_rate(signal, config)
    whole = fit_length(resampled, max(config.n_samples, len(resampled.samples)), pad=config.pad)
    return whole if config.level_dbfs is None else set_level(whole, config.level_dbfs)


def read(path: Path) -> Signal:
    """Read a sound file (WAV, FLAC, OGG, MP3 and whatever soundfile reads) at its own rate, mixed down to one channel.

    Integer and float files of one recording give the same samples.
    Raises AudioError for a missing, empty, truncated or silent file, for NaN or infinite samples, and for anything that
    is not sound.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the path")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: 0 bytes; record or copy it again")
    _refuse_truncated_wav(path)
    try:
        with sf.SoundFile(path) as file:
            promised, rate = file.frames, file.samplerate
            samples = file.read(dtype="float32", always_2d=True)  # (sample, channel)
    except (sf.LibsndfileError, RuntimeError, TypeError) as reason:  # TypeError: a .raw file, which has no header
        raise AudioError(f"{path}: not readable as sound ({_one_line(reason)}); use WAV, FLAC, OGG or MP3") from None
    if len(samples) < promised:
        raise AudioError(f"{path}: truncated, {len(samples)} of {promised} samples are there; copy it again")
    return from_samples(samples, rate, name=str(path))


def from_samples(samples: np.ndarray, rate: int, *, name: str = "recording") -> Signal:
    """A Signal from raw samples.

    samples : float array in [-1, 1] or integer array (scaled by its type's range), shape (n,) or (n, channels)
    rate : Hz
    name : how error messages call it
    Raises AudioError when there are no samples or any is NaN or infinite, SilentError when all are silent.
    """
    samples = np.asarray(samples)
    if samples.size == 0:
        raise AudioError(f"{name}: 0.00 s of sound; record it again")
    if samples.dtype.kind == "i":
        samples = samples / -float(np.iinfo(samples.dtype).min)
    if samples.ndim == 2:
        samples = samples.mean(axis=1)  # (sample, channel) -> (sample,)
    bad = int(np.count_nonzero(~np.isfinite(samples)))
    if bad:
        raise AudioError(f"{name}: {bad} of {len(samples)} samples are NaN or infinite; export it again")
    signal = Signal(samples.astype(np.float32), rate)
    peak = _dbfs(float(np.abs(centre(signal).samples).max()))
    if peak < SILENCE_DBFS:
        raise SilentError(
            f"{name}: silent, peak {peak:.0f} dBFS (needs {SILENCE_DBFS:.0f}); record louder or check the microphone"
        )
    return signal


def centre(signal: Signal) -> Signal:
    """The signal without its constant offset (DC), which cheap sound cards add."""
    return Signal((signal.samples - signal.samples.mean(dtype=np.float64)).astype(np.float32), signal.rate)


def resample(signal: Signal, rate: int) -> Signal:
    """The signal at `rate` Hz, by soxr's high-quality filter; unchanged where it has that rate already."""
    if signal.rate == rate:
        return signal
    return Signal(soxr.resample(signal.samples, signal.rate, rate, quality="HQ").astype(np.float32), rate)


def fit_length(signal: Signal, n_samples: int, *, pad: str = "silence") -> Signal:
    """Fit to exactly `n_samples`: a longer signal keeps the stretch of that length with the most energy (the earliest
    such); a shorter one stands in the middle of silence or, with pad="repeat", is said again until the end.
    Nothing is random: position jitter belongs to training."""
    samples = signal.samples
    missing = n_samples - len(samples)
    if missing < 0:
        start = _loudest_start(samples, n_samples)
        return Signal(samples[start : start + n_samples], signal.rate)
    if pad == "repeat":
        return Signal(np.resize(samples, n_samples), signal.rate)
    return Signal(np.pad(samples, (missing // 2, missing - missing // 2)), signal.rate)


def set_level(signal: Signal, level_dbfs: float) -> Signal:
    """Scale so that the RMS over the samples that are not digital zero is `level_dbfs` dB re full scale; lower where the
    peak would pass full scale. Zeros are left out so that padding does not change the level."""
    sounding = signal.samples[signal.samples != 0]
    if not len(sounding):
        raise AudioError("0.00 s of sound left after fitting; record louder or give a longer length")
    rms = float(np.sqrt(np.mean(np.square(sounding, dtype=np.float64))))
    gain = min(10 ** (level_dbfs / 20) / rms, 1 / float(np.abs(sounding).max()))
    return Signal((signal.samples * gain).astype(np.float32), signal.rate)


def _at_rate(signal: Signal, config: Config) -> Signal:
    """The signal at config.sample_rate, without a constant offset where `config.centre` says so."""
    return resample(centre(signal) if config.centre else signal, config.sample_rate)


def loudest_start(signal: Signal, seconds: float) -> float:
    """Where the loudest stretch of that length starts, in s; 0 for a shorter signal."""
    length = round(seconds * signal.rate)
    return _loudest_start(signal.samples, length) / signal.rate if length < len(signal.samples) else 0.0


def _loudest_start(samples: np.ndarray, length: int) -> int:
    """Start of the stretch of `length` samples with the most energy."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    return int(np.argmax(energy[length:] - energy[:-length]))


def _refuse_truncated_wav(path: Path) -> None:
    """Raise AudioError when a RIFF WAV promises more data than the file holds; libsndfile would read the rest in silence."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        while len(chunk := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":
                missing = length - (size - file.tell())
                if missing > 0 and length < 0x7FFFFFFF:  # larger: written by a stream that did not know its length
                    raise AudioError(f"{path}: truncated, {missing} of {length} data bytes are missing; copy it again")
                return
            file.seek(length + length % 2, 1)


def _dbfs(value: float) -> float:
    """Amplitude in dB re full scale; -inf for zero."""
    return 20 * float(np.log10(value)) if value > 0 else float("-inf")


def _one_line(reason: Exception) -> str:
    return " ".join(str(reason).split()).rstrip(".")
