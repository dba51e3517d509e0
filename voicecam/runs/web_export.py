"""A saved picture network -> a folder that a browser can run: network.onnx, from samples to logits and maps, and model.json.

Features, network and maps are one graph, so that a browser has no features of its own. What comes before and after, level,
windows, temperature and threshold, is a few lines in voicecam/web/engine.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from voicecam.config import PICTURE_NETWORKS, Config, map_choice
from voicecam.errors import ModelError
from voicecam.explanation.bands import band_limits, band_set
from voicecam.explanation.cells import cell_edges
from voicecam.explanation.training_ranges import BANDS, load_ranges
from voicecam.features import SMALLEST_POWER, SMALLEST_SPREAD, cepstrum, mel_bands
from voicecam.files import write_bytes, write_json
from voicecam.network import Model, to_input
from voicecam.network.classifier import load_classifier
from voicecam.network.model import stages_of
from voicecam.network.onnx_file import Graph
from voicecam.network.onnx_graph import to_graph
from voicecam.network.traceable import traceable

OUTPUTS = ("logits", "maps", "vector", "picture")
METHODS = ("hires-cam", "grad-cam", "grad-cam++")  # of maps that a graph can hold: what DEFAULT_MAPS has


def export_web(folder: Path, out: Path, *, name: str = "") -> Path:
    """Write network.onnx and, last, model.json of a saved picture network into `out`; returns the folder.

    folder : a saved model; name : what pages call it, by default the folder's name
    network.onnx takes windows as audio.prepare leaves them, float32, and gives float32:
        samples (clip, config.n_samples); averaged (clip, config.n_mels), 0 to 1: how far each mel band is moved to the average
        training clip, see band_occlusion; unrounded (clip, 1): 0 rounds grey levels as for a picture, 1 does not, as for bands
        logits (clip, class); maps (clip, class, h, w), raw, of each class by the method of config.DEFAULT_MAPS, for the class's
        logit less the other one's where there are two; vector (clip, width), the last stage's mean over the picture;
        picture (clip, row, frame), grey levels 0 to 255
    Raises ModelError for a network on no picture, or one whose picture is that of mfcc-2020.
    """
    classifier = load_classifier(folder)
    model = classifier.model
    if model.arch not in PICTURE_NETWORKS or model.config.of_sound or model.config.features == "mfcc-2020":
        raise ModelError(
            f"{folder}: {model.described} cannot be exported; give a picture network with recipe mfcc, logmel or voice"
        )
    whole = _Whole(model)
    shapes = {"samples": (model.config.n_samples,), "averaged": (model.config.n_mels,), "unrounded": (1,)}
    waves = _waves(model.config)
    graph = to_graph(whole, shapes, OUTPUTS, [(waves, partial(_write_waves, model.config))])
    with torch.no_grad():
        samples, averaged, unrounded = (torch.rand(1, *shape) - 0.5 for shape in shapes.values())
        _, maps, vector, _ = whole(samples, averaged, unrounded, waves)
    out.mkdir(parents=True, exist_ok=True)
    write_bytes(out / "network.onnx", graph.to_bytes(f"voicecam {model.described}, label {model.label}"))
    described = _description(
        model, threshold=classifier.threshold, name=name or Path(folder).name, rows=maps.shape[2], columns=maps.shape[3]
    )
    if (ranges := load_ranges(folder)) is not None:  # a clip's bands are held against those of single training clips
        described["bands"]["training"] = ranges.classes
    write_json(out / "model.json", {**described, "vectorSize": vector.shape[1]})
    return out


def _description(model: Model, *, threshold: float, name: str, rows: int, columns: int) -> dict[str, Any]:
    """What model.json holds: all that a page needs to use network.onnx."""
    config = model.config
    method, layer = map_choice(model.arch, config.features)
    bands, mel = band_set(BANDS, config), band_set("mel", config).limits
    shares = [[max(0.0, min(b, high) - max(a, low)) / (b - a) for a, b in mel] for low, high in bands.limits]
    return {
        "name": name,
        "label": model.label,
        "arch": model.arch,
        "classes": list(model.classes),
        "config": config.to_dict(),
        "rate": config.sample_rate,
        "windowSamples": config.n_samples,
        "window": config.window,
        "hop": config.hop,
        "frames": config.n_frames,
        "temperature": model.temperature,
        "threshold": threshold,
        "scale": model.scale.to_dict(),
        "bands": {"names": list(bands.names), "limits": [list(pair) for pair in bands.limits], "shares": shares},
        "mel": [list(pair) for pair in mel],
        "method": method,
        "layer": layer,
        "mapRows": rows,
        "mapColumns": columns,
        "mapLimits": [list(pair) for pair in band_limits(rows, config)],
        "mapEdges": {  # of the cells, as shares of the picture from its lower left corner
            "rows": (cell_edges(rows, config.image_rows) / config.image_rows).tolist(),
            "columns": (cell_edges(columns, config.image_columns) / config.image_columns).tolist(),
        },
        "licence": model.meta.get("licence"),
    }


class _Whole:
    """Samples -> logits, maps, vector and picture, in torch: what the graph is traced from. Arguments as in `export_web`."""

    def __init__(self, model: Model):
        self.config, n = model.config, len(model.classes)
        self.slopes = list(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]) if n == 2 else torch.eye(n))  # of each class's score
        self.body, self.head = traceable(model.network)
        self.method, layer = map_choice(model.arch, model.config.features)
        self.layer = stages_of(model.arch)[layer]
        self.low, self.high = (
            torch.tensor(values, dtype=torch.float32)[:, None] for values in (model.scale.low, model.scale.high)
        )
        self.middle = ((self.low + self.high) / 2).double()
        self.mel = torch.from_numpy(mel_bands(model.config).T.astype(np.float64))
        eye = np.eye(model.config.n_mels)
        logmel = model.config.features == "logmel"
        self.basis = None if logmel else torch.from_numpy(cepstrum(eye, model.config))  # (n_mels, row)
        self.back = None if self.basis is None else torch.linalg.pinv(self.basis)
        shape = (model.config.n_rows, model.config.n_frames), (model.config.image_rows, model.config.image_columns)
        self.stretch = None if shape[0] == shape[1] else [_stretch(a, b) for a, b in zip(*shape)]

    def __call__(
        self, samples: torch.Tensor, averaged: torch.Tensor, unrounded: torch.Tensor, waves: torch.Tensor
    ) -> list[torch.Tensor]:
        """Arguments and results of the graph; waves : see `_waves`."""
        decibels = _floored(self._decibels(samples, waves), self.config)  # (clip, frame, band)
        moved = _floored(decibels + averaged.double()[:, None, :] * self._to_average(decibels), self.config)
        matrix = self._matrix(moved)[0].float().transpose(1, 2)  # (clip, row, frame)
        grey = (matrix - self.low) / (self.high - self.low) * 255
        whole = torch.round(grey)
        grey = torch.clamp(whole + unrounded[:, :, None] * (grey - whole), 0, 255)
        logits, maps, vector = self._seen(self._input(grey))
        return [logits, maps, vector, grey]

    def _decibels(self, samples: torch.Tensor, waves: torch.Tensor) -> torch.Tensor:
        """As features.mel_decibels, (clip, frame, band); each frame's transform is a product with cosines and sines,
        in float64, or sums in another order would move cells over the borders of grey levels."""
        x = samples * self.config.full_scale
        x = torch.cat([x[:, :1], x[:, 1:] - self.config.pre_emphasis * x[:, :-1]], dim=1)
        frames = x.unfold(1, self.config.window, self.config.hop).double()  # (clip, frame, sample)
        parts = torch.matmul(frames, waves)  # (clip, frame, 2 bins)
        squares, bins = parts * parts, waves.shape[1] // 2
        mel = torch.matmul(squares[:, :, :bins] + squares[:, :, bins:], self.mel)
        decibels = torch.log(torch.clamp(mel, min=SMALLEST_POWER)) * (10 / float(np.log(10)))
        return decibels.float().double()  # as features have them

    def _matrix(self, decibels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | float]:
        """As features.window_matrix, (clip, frame, row), and the spread that it was divided by."""
        rows = decibels if self.basis is None else torch.matmul(decibels, self.basis)
        if self.config.normalise == "mean":
            return rows - rows.mean(dim=1, keepdim=True), 1.0
        if self.config.normalise != "window":
            return rows, 1.0
        centred = rows - rows.mean(dim=(1, 2), keepdim=True)
        spread = torch.clamp(torch.sqrt((centred * centred).mean(dim=(1, 2), keepdim=True)), min=SMALLEST_SPREAD)
        return centred / spread, spread

    def _to_average(self, decibels: torch.Tensor) -> torch.Tensor:
        """What the average training clip has more than this one, dB, as mel_gradients.baseline has it."""
        matrix, spread = self._matrix(decibels)
        gap = (self.middle.T - matrix) * spread
        return gap if self.back is None else torch.matmul(gap, self.back)

    def _input(self, grey: torch.Tensor) -> torch.Tensor:
        """As network.to_input; the stretch is a matrix for each side."""
        if self.stretch is None:
            return to_input(grey, self.config)
        rows, columns = self.stretch
        return to_input(torch.matmul(torch.matmul(rows, grey), columns.T), self.config)

    def _seen(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits, the maps of all classes, and the last stage's mean."""
        with torch.enable_grad():
            at = self.body[: self.layer + 1](inputs).detach().requires_grad_()
            last = self.body[self.layer + 1 :](at)
            logits = self.head(last)
            maps = []
            for slope in self.slopes:
                gradient = torch.autograd.grad(logits, at, slope.expand(len(logits), -1), retain_graph=True)[0]
                maps.append(_map(at, gradient, self.method))
        return logits.detach(), torch.stack(maps, dim=1), last.detach().mean(dim=(2, 3))


def _map(a: torch.Tensor, g: torch.Tensor, method: str) -> torch.Tensor:
    """Map (clip, h, w) of activations and gradients (clip, channel, h, w), the formulas of explanation.cams in torch."""
    a = a.detach()
    if method == "hires-cam":
        return (g * a).sum(dim=1)
    if method == "grad-cam":
        return (g.mean(dim=(2, 3), keepdim=True) * a).sum(dim=1)
    if method != "grad-cam++":
        raise ModelError(f"maps by {method}: cannot be exported; {', '.join(METHODS)} can")
    rising = torch.relu(g)
    weights = (rising / (2 + a.sum(dim=(2, 3), keepdim=True) * rising)).sum(dim=(2, 3), keepdim=True)
    return (weights * a).sum(dim=1)


def _floored(decibels: torch.Tensor, config: Config) -> torch.Tensor:
    return torch.maximum(decibels, decibels.amax(dim=(1, 2), keepdim=True) - config.floor_db)


def _waves(config: Config) -> torch.Tensor:
    """Hann-weighted cosines and sines, float64 (window, 2 bins): a frame times them is its transform."""
    place = np.arange(config.window)[:, None] * np.arange(config.window // 2 + 1) % config.window
    return torch.from_numpy(np.concatenate([wave[place] for wave in _turn(config)], axis=1) * _hann(config))


def _write_waves(config: Config, graph: Graph) -> str:
    """`_waves` made in the graph from one turn of each wave: a megabyte less to load."""
    n, k = np.arange(config.window)[:, None], np.arange(config.window // 2 + 1)
    place = graph.node("Mod", graph.node("Mul", graph.constant(n), graph.constant(k)), graph.constant(config.window))
    both = graph.node("Concat", *(graph.node("Gather", graph.constant(wave), place) for wave in _turn(config)), axis=1)
    return graph.node("Mul", both, graph.constant(_hann(config)))


def _turn(config: Config) -> list[np.ndarray]:
    """One turn of a cosine and of a sine, float64 (window,) each."""
    angle = 2 * np.pi * np.arange(config.window) / config.window
    return [np.cos(angle), np.sin(angle)]


def _hann(config: Config) -> np.ndarray:
    """Periodic Hann window, float64 (window, 1), of the values that features have in float32."""
    return (
        (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(config.window) / config.window)).astype(np.float32).astype(np.float64)[:, None]
    )


def _stretch(length: int, size: int) -> torch.Tensor:
    """The bilinear stretch along one side as a matrix, float32 (size, length)."""
    return F.interpolate(torch.eye(length)[None], size=size, mode="linear", align_corners=False)[0].T
