"""Hear the explanation: a map over time and frequency, laid over the sound it explains, parts it into evidence and the rest.

What is heard is the map, not the network: it shows where the map has its weight. Makes no map.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from voicecam.audio import Signal
from voicecam.audio.written import sound_bytes
from voicecam.config import Config
from voicecam.errors import ExplainError
from voicecam.explanation.bands import band_limits
from voicecam.explanation.cells import feature_centres

FULL_PERCENTILE = 75.0  # of the cells above 0: from here up a cell is wholly evidence, see split_sound
OVERLAP = 4  # steps in a window; with a Hann window the masked frames then overlap without ripple
BLOCK_S = 0.05  # s; blocks whose loudness is compared, a short vowel
SILENT_DB = 20.0  # dB below the loudest block: softer blocks are pauses and do not count
MOST_GAIN_DB = 30.0  # dB; a part further below its clip is left softer: raised to the clip's level it would be its noise
PEAK = 0.9  # of full scale; no part goes above it


@dataclass(frozen=True)
class Audible:
    """A window of sound in two parts that sound equally loud.

    evidence : what the map points at; rest : everything else
    evidence_db, rest_db : dB by which each was made louder to be compared. Without them evidence + rest is the window itself.
    """

    evidence: Signal
    rest: Signal
    evidence_db: float
    rest_db: float


def split_sound(signal: Signal, map: np.ndarray, config: Config, *, start: float = 0.0) -> Audible:
    """Part the window of a recording that a map is about into evidence and the rest.

    signal : at config.sample_rate, as audio.prepare or audio.prepare_whole gives it
    map : float (h, w), raw, row 0 lowest: of a log-mel picture any grid; of another recipe over log-mel energies
        (config.n_mels, config.n_frames), since a cepstral coefficient has no place in Hz
    start : where the map's window begins in the signal, in s

    The window's spectrogram (the features' own window length, in steps of a quarter of it) is multiplied by a mask from 0 to 1
    and turned back with its original phases. The mask is the map's positive part over its 75th percentile (of the cells above
    0), cut off at 1, straight lines between the cells' centres; outside config.f_min to config.top_hz, which the network does
    not see, it is 0. It is soft, because a threshold would make edges in the sound that no map has. The rest has the mask 1 - m,
    so before the levels are matched the parts add up to the window. Then both come to the window's loudness, or as near as a
    peak of 0.9 of full scale lets both: loudness is `active_rms`, plain power without a hearing curve. A part more than 30 dB
    softer than the window is made louder by 30 dB alone.
    The percentile was chosen on the validation speakers of the demo corpus, by maps of mel gradients (46 clips): with the 95th,
    75th, 50th and 25th the evidence alone kept the clip's class in 1.00, 0.96, 0.96 and 0.96, the rest alone in 0.39, 0.11, 0.11
    and 0.09 of them. So the 75th takes the evidence out of the rest, and makes no more of the sound evidence than that needs.
    Raises ExplainError for a map that is blank (nothing above 0), has NaN or does not fit, and a window outside the signal.
    """
    return split_by_maps(signal, [map], config, start=start)[0]


def split_by_maps(
    signal: Signal, maps: Sequence[np.ndarray], config: Config, *, start: float = 0.0, full: float = FULL_PERCENTILE
) -> list[Audible]:
    """`split_sound` of one window by several maps, faster than one by one; full : percentile from which up a cell is evidence."""
    window = _window_of(signal, config, start)
    return [
        _levelled(window, evidence, signal.rate) for evidence in _masked(window, [_scaled(map, full) for map in maps], config)
    ]


def mix(audible: Audible, share: float) -> Signal:
    """What lies between: share 0 is the rest alone, 0.5 the window as it was, 1 the evidence alone; all as loud as each other.

    Up to the middle the evidence fades in, from there the rest fades out. Raises ExplainError for a share outside 0..1.
    """
    if not 0 <= share <= 1:
        raise ExplainError(f"share {share!r}: must be from 0 (the rest) to 1 (the evidence)")
    evidence, rest = (
        part.samples / 10 ** (db / 20) for part, db in ((audible.evidence, audible.evidence_db), (audible.rest, audible.rest_db))
    )
    mixed = min(1.0, 2 * share) * evidence + min(1.0, 2 - 2 * share) * rest
    rate = audible.evidence.rate
    aim = max(active_rms(audible.evidence), active_rms(audible.rest))
    gain = min(_gain(mixed, aim, rate), PEAK / max(float(np.abs(mixed).max()), 1e-12))
    return Signal((mixed * gain).astype(np.float32), rate)


def active_rms(signal: Signal) -> float:
    """RMS of where there is sound: over blocks of 50 ms that are at most 20 dB softer than the loudest. Full scale is 1.

    A simple form of the active speech level (ITU-T P.56): pauses do not make a sound softer. 0 for digital silence.
    """
    length = max(1, round(BLOCK_S * signal.rate))
    samples = np.asarray(signal.samples, dtype=np.float64)
    blocks = np.pad(samples, (0, -len(samples) % length)).reshape(-1, length)  # (sample,) -> (block, sample)
    power = (blocks**2).mean(axis=1)  # (block,)
    return float(np.sqrt(power[power >= power.max() * 10 ** (-SILENT_DB / 10)].mean()))


def wav_bytes(signal: Signal) -> bytes:
    """The sound as a WAV file of 16 bits; turned down where its peak is above 0.9 of full scale."""
    peak = max(float(np.abs(signal.samples).max()), 1e-9)
    return sound_bytes(signal.samples * min(1.0, PEAK / peak), signal.rate)


def _window_of(signal: Signal, config: Config, start: float) -> np.ndarray:
    """The samples that the map is about, float64 (config.n_samples,)."""
    if signal.rate != config.sample_rate:
        raise ExplainError(f"signal at {signal.rate} Hz, the map is about {config.sample_rate} Hz; use audio.prepare first")
    first = round(start * signal.rate)
    if not 0 <= first <= len(signal.samples) - config.n_samples:
        raise ExplainError(
            f"window from {start:g} s of {config.seconds:g} s: the signal has {signal.seconds:.2f} s; use audio.prepare first"
        )
    return signal.samples[first : first + config.n_samples].astype(np.float64)


def _levelled(window: np.ndarray, evidence: np.ndarray, rate: int) -> Audible:
    """Evidence and what it leaves of the window, equally loud."""
    rest = window - evidence  # what the mask 1 - m leaves: the way back from the spectrogram is linear
    gains = _gains(window, [evidence, rest], rate)
    first, second = (Signal((part * gain).astype(np.float32), rate) for part, gain in zip([evidence, rest], gains))
    return Audible(first, second, *(20 * float(np.log10(gain)) for gain in gains))


def _masked(window: np.ndarray, maps: Sequence[np.ndarray], config: Config) -> np.ndarray:
    """The window's spectrogram times each scaled map's mask, as sound, float64 (map, n_samples)."""
    n, step, hann = config.window, max(1, config.window // OVERLAP), torch.hann_window(config.window, dtype=torch.float64)
    samples = torch.from_numpy(window)
    spectrum = torch.stft(samples, n, step, window=hann, center=True, pad_mode="constant", return_complex=True)  # (bin, step)
    hz, seconds = np.fft.rfftfreq(n, 1 / config.sample_rate), np.arange(spectrum.shape[1]) * step / config.sample_rate
    masks = np.stack([_mask(map, hz, seconds, config) for map in maps])  # (map, bin, step)
    return torch.istft(spectrum * torch.from_numpy(masks), n, step, window=hann, center=True, length=len(window)).numpy()


def _scaled(map: np.ndarray, full: float) -> np.ndarray:
    """The map as 0..1, float64 (h, w), 1 from the percentile `full` of its cells above 0 up."""
    map = np.asarray(map, dtype=np.float64)
    if map.ndim != 2 or not map.size or not np.isfinite(map).all():
        raise ExplainError(f"map of shape {map.shape}: must be (h, w), without NaN; give the map of one clip")
    if not (map > 0).any():
        raise ExplainError("blank map: nothing in it is above 0; choose another clip, class or method")
    return np.clip(map / np.percentile(map[map > 0], full), 0, 1)


def _mask(map: np.ndarray, hz: np.ndarray, seconds: np.ndarray, config: Config) -> np.ndarray:
    """The map at each frequency in Hz and time in s, float64 (bin, step), straight lines between the centres of its cells."""
    h, w = map.shape
    if config.features != "logmel":
        if (h, w) != (config.n_mels, config.n_frames):
            raise ExplainError(
                f"map of shape {(h, w)} over cepstral coefficients, which have no place in Hz; give one over log-mel energies, "
                f"{(config.n_mels, config.n_frames)}, see voicecam.explanation.carry"
            )
        config = replace(config, features="logmel")
    limits = band_limits(config.n_rows, config)  # of the features' own rows
    rows = np.interp(hz, [limits[0][0], *(high for _, high in limits)], np.arange(config.n_rows + 1))
    frames = (seconds * config.sample_rate - config.window / 2) / config.hop + 0.5  # 0 to n_frames over the picture's width
    places = zip((rows, frames), map.shape, (config.image_rows, config.image_columns), (config.n_rows, config.n_frames))
    at = [np.interp(where, feature_centres(cells, size, n), np.arange(cells)) for where, cells, size, n in places]
    mask = map_coordinates(map, np.meshgrid(*at, indexing="ij"), order=1)
    mask[(hz < config.f_min) | (hz > config.top_hz)] = 0
    return mask


def _gains(window: np.ndarray, parts: list[np.ndarray], rate: int) -> list[float]:
    """Factors that bring the parts to the loudness of the window, or of the one that reaches full scale first."""
    aim = active_rms(Signal(window, rate))
    peaks = [float(np.abs(part * _gain(part, aim, rate)).max()) for part in parts]
    return [_gain(part, aim, rate) * min(1.0, PEAK / max(*peaks, 1e-12)) for part in parts]


def _gain(part: np.ndarray, aim: float, rate: int) -> float:
    """Factor that brings a part to the loudness `aim`, at most MOST_GAIN_DB."""
    return min(aim / max(active_rms(Signal(part, rate)), 1e-12), 10 ** (MOST_GAIN_DB / 20))
