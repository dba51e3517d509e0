"""Band-stop and deletion on many clips: beside each filter transformed for each clip, as it was; and beside the network's passes
alone, which are their floor. The numbers are held to each other first."""

from dataclasses import replace

import numpy as np
import torch
from measure import in_turn, keep, row, value
from scipy.fft import irfft, next_fast_len, rfft

from voicecam import audio
from voicecam.audio import Signal
from voicecam.config import DEMO, SHIPPED_MODEL
from voicecam.data.dataset import signal_matrix
from voicecam.explanation import bands, bandstop, faithful, filters
from voicecam.network import Model, load_model

CLIPS, ROUNDS = 48, 5


def main() -> None:
    """Measure, print and keep."""
    torch.set_num_threads(1)
    model = load_model(SHIPPED_MODEL)
    signals = [audio.load(path, model.config) for path in sorted((DEMO / "data").rglob("*.ogg"))[:CLIPS]]
    target = np.arange(CLIPS) % 2
    keep("bands", [*stops(model, signals, target), deletion(model, signals, target)])


def stops(model: Model, signals: list[Signal], target: np.ndarray) -> list[dict]:
    """Rows on band-stop in third-octaves."""
    limits, ask = bands.band_set("third-octaves", model.config).limits, bandstop.window_logits(model)
    pictures = model.input(np.zeros((len(limits) + 1, model.config.n_rows, model.config.n_frames), np.float32))

    def alone() -> None:
        with torch.inference_mode():
            for _ in signals:
                model.network(pictures)

    ways = {
        "now": lambda: bandstop.measure_drops(ask, signals, limits, target, contrast=1 - target),
        "before": lambda: before(model, signals, limits, target),
        "network": alone,
    }
    apart = float(np.abs(ways["now"]() - ways["before"]()).max())
    if apart > 1e-4:
        raise SystemExit(f"band-stop: drops differ by {apart:.1e}")
    took = in_turn(ways, rounds=ROUNDS)
    share = float(np.median(took["network"] / took["now"]))
    ceiling = float(np.median(took["before"] / took["network"]))
    work = f"band-stop of {CLIPS} clips in {len(limits)} bands"
    note = (
        f"same drops within {apart:.0e}; the network's passes alone are {share:.2f} of it, so {ceiling:.1f} times is the ceiling"
    )
    rest = (took["before"] - took["network"]), (took["now"] - took["network"])
    return [
        row(work, "each filter transformed for each clip", "3 times", took["before"], took["now"], note=note, least=3),
        row(f"{work}, but the network", "the same", "3 times", *rest, note="filters, levels and spectra", least=3),
    ]


def before(model: Model, signals: list[Signal], limits: tuple, target: np.ndarray) -> np.ndarray:
    """Drops as they were measured: each filter transformed for each clip, each picture made by itself."""
    drops = []
    for i, signal in enumerate(signals):
        at = np.flatnonzero(signal.samples)
        span = slice(at[0], at[-1] + 1)
        part, taps = signal.samples[span].astype(np.float64), [filters._band_pass(signal.rate, *pair) for pair in limits]
        n = next_fast_len(len(part) + max(map(len, taps)), real=True)
        spectrum, changed = rfft(part, n), np.zeros((len(limits), len(signal.samples)), np.float32)
        for band, one in enumerate(taps):
            centred = np.roll(np.pad(one, (0, n - len(one))), -(len(one) // 2))
            changed[band, span] = signal.samples[span] - irfft(spectrum * rfft(centred), n)[: len(part)]
        heard = [signal, *(Signal(samples, signal.rate) for samples in changed)]
        config = replace(model.config, centre=False)
        logits = model.logits(np.stack([signal_matrix(one, config) for one in heard])).astype(np.float64)
        scores = logits[:, target[i]] - logits[:, 1 - target[i]]
        drops.append(scores[0] - scores[1:])
    return np.array(drops)


def deletion(model: Model, signals: list[Signal], target: np.ndarray) -> dict:
    """The row on deletion, insertion and ROAD: what share of it the network's passes are."""
    matrices = np.stack([signal_matrix(signal, model.config) for signal in signals])
    inputs, speakers, layer = model.input(matrices), [str(i) for i in range(CLIPS)], model.stage("layer4")
    asked = {"methods": ["hires-cam"], "layer": layer, "contrast": 1 - target, "road_clips": 4}
    passes = 3 * 2 * (faithful.STEPS - 1) + 2  # of three maps: the method's, random cells, the picture itself
    scores = faithful.class_scores(model.network, target)
    ways = {
        "now": lambda: faithful.faithfulness(model.network, inputs, target, speakers, **asked),
        "network": lambda: [scores(inputs) for _ in range(passes)],
    }
    took = in_turn(ways, rounds=3)
    share = float(np.median(took["network"] / took["now"]))
    note = "each pass asks of another picture, so there is none to save; its passes are the floor"
    return value("deletion and insertion", f"{share:.2f} of the time is the network's passes", "3 times", met=False, note=note)


if __name__ == "__main__":
    main()
