"""File -> Signal: read, mix down, centre, resample, fit the length, set the level. Finds no speech, computes no features."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soxr

from voicecam.audio.containers import kind_of, missing_bytes
from voicecam.audio.decoders import DecodeError, PyAVMissingError, Stream, open_stream
from voicecam.config import Config
from voicecam.errors import AudioError, SilentError
from voicecam.files import shown

SILENCE_DBFS = -70.0  # dB re full scale; a peak below this is some ten steps of a 16-bit file: no recording, only its noise
PIECE = 2**22  # samples; of long recordings, what is computed in one go


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


@dataclass(frozen=True)
class Limits:
    """How much of a file is read before it is refused, whatever its header says.

    seconds : s of sound; as much is classified in less than 1.5 GB
    samples : over all channels; what takes time to decode
    rates : lowest and highest, in Hz; a rate that no recording has makes gigabytes of a few samples
    """

    seconds: float = 45 * 60.0
    samples: int = 4 * 3600 * 2 * 48_000
    rates: tuple[int, int] = (2_000, 768_000)  # speech needs the first, converters end at the second


ANY = Limits()
CLIP = Limits(seconds=600.0, samples=600 * 2 * 48_000)  # of a corpus; several are worked on at once


def load(path: Path, config: Config) -> Signal:
    """Read `path` and make it ready for `features`: mono, `config.sample_rate`, `config.seconds`, `config.level_dbfs`.

    Returns a Signal of shape (config.n_samples,). Raises AudioError when the file cannot be used.
    """
    return prepare(read(path), config)


def prepare(signal: Signal, config: Config) -> Signal:
    """Centre, resample, fit and level a Signal as `config` says, to one window of `config.n_samples`."""
    fitted = fit_length(_at_rate(signal, config), config.n_samples, pad=config.pad)
    return fitted if config.level_dbfs is None else set_level(fitted, config.level_dbfs, own=config.centre)


def prepare_whole(signal: Signal, config: Config) -> Signal:
    """Like `prepare`, but a longer signal keeps all it has: at least `config.n_samples` samples."""
    resampled = _at_rate(signal, config)
    whole = fit_length(resampled, max(config.n_samples, len(resampled.samples)), pad=config.pad)
    return whole if config.level_dbfs is None else set_level(whole, config.level_dbfs, own=config.centre)


def hann(n: int) -> np.ndarray:
    """Periodic Hann window, float64 (n,): copies of it, half of it apart, add up to 1."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)


def read(path: Path, *, rate: int | None = None, limits: Limits = ANY) -> Signal:
    """Read a sound file, mixed down to one channel: WAV, FLAC, Ogg, MP3, AIFF, AU, W64, CAF and NIST; where PyAV is installed
    also MP4 (m4a, 3gp), WebM, AAC, AMR and WMA.

    rate : Hz to resample to while reading, so that a long file at a high rate takes little memory; None keeps the file's own
    Integer and float files of one recording give the same samples. Files are read to their end, or until they pass a limit: what
    a header says is compared with what is there, never believed.
    Raises AudioError for a missing, empty, truncated or silent file, for NaN or infinite samples, for anything that is not sound,
    and beyond the limits; OSError for a file that may not be read.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{shown(path)}: no such file; check the path")
    with open(path, "rb") as file:
        return _read(file, shown(path), rate, limits)


def read_bytes(data: bytes, *, name: str = "recording", limits: Limits = ANY) -> Signal:
    """The sound in a file's bytes, as `read` reads a file. name : how error messages call it. Raises AudioError."""
    return _read(io.BytesIO(data), name, None, limits)


def _read(file: BinaryIO, name: str, rate: int | None, limits: Limits) -> Signal:
    signals = [*file_blocks(file, name, rate, limits)]
    samples, end, found = np.empty(sum(len(one.samples) for one in signals), np.float32), 0, signals[0].rate
    signals.reverse()
    while signals:  # each is given up when it is copied: nothing is held twice
        block = signals.pop().samples
        samples[end : end + len(block)] = block
        end += len(block)
    return Signal(samples, found)


def file_blocks(file: BinaryIO, name: str, rate: int | None, limits: Limits) -> Iterator[Signal]:
    """What a file holds, block by block, at `rate` or at its own. Raises AudioError."""
    if not file.read(1):
        raise AudioError(f"{name}: 0 bytes; record or copy it again")
    kind = kind_of(file)
    if kind is None:
        raise AudioError(f"{name}: not readable as sound (no format that is read here); use WAV, FLAC, OGG or MP3")
    if missing := missing_bytes(file, kind):
        raise AudioError(f"{name}: truncated, {missing} byte{'s' * (missing != 1)} or more missing at its end; copy it again")
    got, stream = _Got(), None
    try:
        with open_stream(file, kind) as stream:
            _refuse_rate(stream.rate, limits, name)
            for block in _resampled(got.mono(stream, limits, name), stream.rate, rate or stream.rate):
                yield Signal(block, rate or stream.rate)
    except PyAVMissingError as reason:
        raise AudioError(f"{name}: {reason}, which is not installed; run: pip install av") from None
    except DecodeError as reason:
        where = "truncated or damaged" if stream else "not readable as sound"
        raise AudioError(f"{name}: {where} ({reason}); copy it again, or use WAV, FLAC, OGG or MP3") from None
    if stream.promised is not None and got.n < stream.promised:
        raise AudioError(f"{name}: truncated, {got.n} of {stream.promised} samples are there; copy it again")
    got.refuse(name)


class _Got:
    """What was read so far, for the checks: samples, how many are bad, and their range."""

    def __init__(self) -> None:
        self.n = self.bad = 0
        self.low, self.high, self.sum = np.inf, -np.inf, 0.0

    def take(self, samples: np.ndarray) -> None:
        """Count the next samples of one channel."""
        self.n += len(samples)
        total = float(samples.sum(dtype=np.float64))  # of float32: not finite only where one of them is not
        if not np.isfinite(total):
            self.bad += len(samples) - int(np.count_nonzero(np.isfinite(samples)))
        elif len(samples):
            self.low, self.high = min(self.low, float(samples.min())), max(self.high, float(samples.max()))
            self.sum += total

    def mono(self, stream: Stream, limits: Limits, name: str) -> Iterator[np.ndarray]:
        """The stream's blocks mixed down, float32 (n,), counted. Raises AudioError at the limit."""
        for block in stream.blocks:
            samples = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)  # (sample, channel) -> (sample,)
            self.take(samples)
            if self.n > limits.seconds * stream.rate:
                raise AudioError(f"{name}: more than {limits.seconds:g} s of sound, the most that is read; cut it")
            if self.n * block.shape[1] > limits.samples:
                raise AudioError(f"{name}: more than {limits.samples} samples over all channels, the most that are read; cut it")
            yield samples

    def refuse(self, name: str) -> None:
        """Raise AudioError where there is nothing, or nothing finite; SilentError where nothing sounds."""
        if not self.n:
            raise AudioError(f"{name}: 0.00 s of sound; record it again")
        if self.bad:
            raise AudioError(f"{name}: {self.bad} of {self.n} samples are NaN or infinite; export it again")
        mean = self.sum / self.n
        peak = _dbfs(max(self.high - mean, mean - self.low))
        if peak < SILENCE_DBFS:
            raise SilentError(
                f"{name}: silent, peak {peak:.0f} dBFS (needs {SILENCE_DBFS:.0f}); record louder or check the microphone"
            )


def _refuse_rate(rate: int, limits: Limits, name: str) -> None:
    low, high = limits.rates
    if not low <= rate <= high:
        raise AudioError(f"{name}: {rate} samples a second, {low} to {high} are read; export it again")


def _resampled(blocks: Iterator[np.ndarray], old: int, new: int) -> Iterator[np.ndarray]:
    """The blocks at another rate, as `resample` gives the whole. A constant offset would ring at both ends: it is set aside."""
    if old == new:
        yield from blocks
        return
    stream, offset = soxr.ResampleStream(old, new, 1, dtype="float32", quality="HQ"), None
    for block in blocks:
        offset = block.mean(dtype=np.float64).astype(np.float32) if offset is None else offset
        yield stream.resample_chunk(block - offset) + offset
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True) + (offset or np.float32(0))


def from_samples(samples: np.ndarray, rate: int, *, name: str = "recording") -> Signal:
    """A Signal from raw samples.

    samples : float array in [-1, 1] or integer array (scaled by its type's range), shape (n,) or (n, channels)
    rate : Hz
    name : how error messages call it
    Raises AudioError when there are no samples or any is NaN or infinite, SilentError when all are silent.
    """
    samples = np.asarray(samples)
    if samples.dtype.kind == "i":
        samples = samples / -float(np.iinfo(samples.dtype).min)
    if samples.ndim == 2 and samples.size:
        samples = samples.mean(axis=1)  # (sample, channel) -> (sample,)
    got = _Got()
    got.take(samples.ravel())
    got.refuse(name)
    return Signal(samples.astype(np.float32), rate)


def centre(signal: Signal) -> Signal:
    """The signal without its constant offset (DC), which cheap sound cards add."""
    mean = signal.samples.mean(dtype=np.float64)
    centred = np.subtract(signal.samples, mean, out=np.empty(len(signal.samples), np.float32), casting="same_kind")
    return Signal(centred, signal.rate)


def resample(signal: Signal, rate: int) -> Signal:
    """The signal at `rate` Hz, by soxr's high-quality filter; unchanged where it has that rate already."""
    if signal.rate == rate:
        return signal
    return Signal(soxr.resample(signal.samples, signal.rate, rate, quality="HQ").astype(np.float32), rate)


def fit_length(signal: Signal, n_samples: int, *, pad: str = "silence") -> Signal:
    """Fit to exactly `n_samples`: a longer signal keeps the stretch of that length with the most energy (the earliest
    such); a shorter one stands in the middle of silence or, with pad="end", before it, or, with "repeat", is said again until
    the end.
    Nothing is random: position jitter belongs to training."""
    samples = signal.samples
    missing = n_samples - len(samples)
    if missing < 0:
        start = _loudest_start(samples, n_samples)
        return Signal(samples[start : start + n_samples], signal.rate)
    if not missing:
        return signal
    if pad == "repeat":
        return Signal(np.resize(samples, n_samples), signal.rate)
    if pad == "end":
        return Signal(np.pad(samples, (0, missing)), signal.rate)
    return Signal(np.pad(samples, (missing // 2, missing - missing // 2)), signal.rate)


def set_level(signal: Signal, level_dbfs: float, *, own: bool = False) -> Signal:
    """Scale so that the RMS over the samples that are not digital zero is `level_dbfs` dB re full scale; lower where the
    peak would pass full scale. Zeros are left out so that padding does not change the level.

    own : the samples are the caller's own copy and are overwritten, which saves the memory of another
    """
    sounding = int(np.count_nonzero(signal.samples))
    if not sounding:
        raise AudioError("0.00 s of sound left after fitting; record louder or give a longer length")
    energy = sum(float(np.square(part, dtype=np.float64).sum()) for part in _pieces(signal.samples))
    peak = max(float(signal.samples.max()), -float(signal.samples.min()))
    gain = min(10 ** (level_dbfs / 20) / (energy / sounding) ** 0.5, 1 / peak)
    scaled = np.multiply(signal.samples, gain, out=signal.samples if own else None)
    return Signal(scaled.astype(np.float32, copy=False), signal.rate)


def _pieces(samples: np.ndarray, more: int = 0) -> Iterator[np.ndarray]:
    """PIECE samples, and `more` of the next, at a time: what is computed of them in float64 must not take 8 bytes of each."""
    for start in range(0, len(samples) - more, PIECE):
        yield samples[start : start + PIECE + more]


def _at_rate(signal: Signal, config: Config) -> Signal:
    """The signal at config.sample_rate, without a constant offset where `config.centre` says so."""
    return resample(centre(signal) if config.centre else signal, config.sample_rate)


def loudest_start(signal: Signal, seconds: float) -> float:
    """Where the loudest stretch of that length starts, in s; 0 for a shorter signal."""
    length = round(seconds * signal.rate)
    return _loudest_start(signal.samples, length) / signal.rate if length < len(signal.samples) else 0.0


def _loudest_start(samples: np.ndarray, length: int) -> int:
    """Start of the stretch of `length` samples with the most energy."""
    best, most, start = 0, -1.0, 0
    for part in _pieces(samples, more=length - 1):
        energy = np.concatenate([[0.0], np.cumsum(np.square(part, dtype=np.float64))])
        inside = energy[length:] - energy[:-length]
        if inside.max() > most:
            best, most = start + int(np.argmax(inside)), float(inside.max())
        start += PIECE
    return best


def _dbfs(value: float) -> float:
    """Amplitude in dB re full scale; -inf for zero."""
    return 20 * float(np.log10(value)) if value > 0 else float("-inf")
