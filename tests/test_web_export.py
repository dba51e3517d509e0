"""What a browser runs says what Python says: logits, maps, bands and verdicts, on recordings, by onnxruntime.

Python's features are float32 sums in another order, so one cell of a picture in some tens of thousands lies on the border of two
grey levels and falls to the other side. Such windows are counted, and held to what one grey level can do.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from voicecam import audio, features
from voicecam.audio import Signal, degrade
from voicecam.config import DEMO, map_choice, recipe
from voicecam.corpora import open_corpus
from voicecam.errors import ModelError
from voicecam.explanation.band_occlusion import occluded_bands
from voicecam.explanation.bands import band_set
from voicecam.explanation.methods import attribute, other_of_two
from voicecam.features.image import Scale
from voicecam.network import Model, build, save_model
from voicecam.network.classifier import clip_features, load_classifier
from voicecam.network.onnx_file import Graph

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


RECORDINGS = int(os.environ.get("VOICECAM_RECORDINGS", "40"))  # make torture asks of 400


def recordings(n, seed=3):
    """Every second one as it is, the others degraded; some shorter and some longer than a window."""
    corpus, rng = open_corpus(DEMO), np.random.default_rng(seed)
    names = rng.choice(corpus.clips["path"].to_numpy(), n, replace=False)
    found = []
    for i, name in enumerate(names):
        samples, rate = (one := audio.read(corpus.root / name)).samples, one.rate
        if i % 8 == 3:
            samples = np.concatenate([samples, audio.read(corpus.root / names[i - 1]).samples])
        if i % 2:
            samples = degrade.noise(samples, rate, snr_db=rng.uniform(5, 30), rng=rng)
        if i % 4 == 2:
            samples = degrade.telephone(samples, rate)
        found.append(Signal(samples.astype(np.float32), rate))
    return found


def session(folder):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(folder / "network.onnx", settings)


def run(network, windows, averaged=None, unrounded=0.0):
    """logits, maps, vector, picture of prepared windows (n, samples)."""
    n = network.get_inputs()[1].shape[1]
    averaged = np.zeros((1, n), np.float32) if averaged is None else averaged
    return network.run(None, {"samples": windows, "averaged": averaged, "unrounded": np.full((1, 1), unrounded, np.float32)})


def windows_of(signal, config):
    """The prepared windows that the classifier's matrices are made of, float32 (n, samples)."""
    if config.windows == "loudest":
        return audio.prepare(signal, config).samples[None]
    whole = audio.prepare_whole(signal, config).samples
    starts = features.window_starts(1 + (len(whole) - config.window) // config.hop, config)
    return np.stack([whole[start * config.hop :][: config.n_samples] for start in starts])


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def compare(folder, out, signals):
    """Differences of each window: cells of another grey level, logits, and the map's over its peak; and of clips' verdicts."""
    from voicecam.runs.web_export import export_web

    classifier, network = load_classifier(folder), session(export_web(folder, out))
    model, rows, other = classifier.model, [], 0
    said = json.loads((out / "model.json").read_text())
    method, layer = map_choice(model.arch, model.config.features)
    assert (said["method"], said["layer"]) == (method, layer)
    for signal in signals:
        clip = clip_features(signal, model.config)
        logits, maps, _, pictures = run(network, windows_of(signal, model.config))
        grey, wanted = model.scale.to_gray(clip.matrices), model.logits(clip.matrices)
        best = wanted.argmax(axis=1)
        how = {"method": method, "layer": model.stage(layer), "contrast": other_of_two(best, len(model.classes))}
        reference = attribute(model.network, model.input(clip.matrices), best, **how)
        for i in range(len(logits)):
            cells = np.abs(pictures[i] - grey[i])
            peak = np.abs(reference[i]).max()
            apart = np.abs(maps[i, best[i]] - reference[i]).max() / peak
            rows.append((int((cells > 0.5).sum()), cells.max(), np.abs(logits[i] - wanted[i]).max(), apart))
        p = softmax(logits.astype(np.float64).mean(axis=0) / said["temperature"])
        verdict = said["classes"][int(p.argmax())] if p.max() >= said["threshold"] else "uncertain"
        other += verdict != classifier.classify(signal, clip=clip).prediction
    return np.array(rows), other


@pytest.mark.parametrize("name", ["voice", "digits"])
def test_shipped_models_say_the_same_on_recordings(name, tmp_path):
    found, other = compare(ROOT / "voicecam" / "models" / name, tmp_path, recordings(RECORDINGS))
    assert len(found) >= RECORDINGS
    assert other == 0
    same = found[:, 0] == 0
    assert same.mean() > 0.85
    assert found[same, 2].max() < 1e-4
    assert found[same, 3].max() < 1e-3
    assert found[:, 0].max() <= 5
    assert found[:, 1].max() < 1.001, "one grey level"
    assert found[:, 2].max() < 0.02


KINDS = [
    ("small", recipe("voice"), 2),
    ("small", recipe("mfcc", image_rows=64, image_columns=64), 3),
    ("fine", recipe("logmel", image_rows=64, image_columns=96), 3),
    ("resnet18", recipe("logmel", image_rows=64, image_columns=64), 2),
    ("resnet18", recipe("mfcc", image_rows=64, image_columns=64), 4),
    ("efficientnet-lite0", recipe("logmel", image_rows=64, image_columns=64), 2),
]


@pytest.mark.parametrize(("arch", "config", "n"), KINDS, ids=[f"{a}-{c.features}-{n}" for a, c, n in KINDS])
def test_networks_of_every_kind_with_random_weights(arch, config, n, tmp_path):
    import torch

    torch.manual_seed(5)
    network = build(arch, n)
    for part in network.modules():  # running means as training leaves them: not 0 and 1
        if isinstance(part, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            part.running_mean.uniform_(-0.1, 0.1)
            part.running_var.uniform_(0.8, 1.2)
            torch.nn.init.uniform_(part.weight, 0.9, 1.1)
            torch.nn.init.uniform_(part.bias, -0.05, 0.1)
    signals = recordings(6, seed=8)
    matrices = np.concatenate([clip_features(signal, config).matrices for signal in signals])
    low, high = matrices.min(axis=(0, 2)) - 1, matrices.max(axis=(0, 2)) + 1
    scale = Scale(tuple(map(float, low)), tuple(map(float, high)))
    model = Model(network.eval(), arch, "word", tuple("abcdef"[:n]), config, scale, {"temperature": 1.5, "threshold": 0.6})
    save_model(tmp_path / "saved", model)
    found, other = compare(tmp_path / "saved", tmp_path / "web", signals)
    same = found[:, 0] == 0
    assert same.sum() >= 4
    assert found[same, 2].max() < 1e-4
    assert found[same, 3].max() < 1e-3
    assert other == 0


@pytest.mark.parametrize("name", ["voice", "digits"])
def test_bands_are_worth_the_same(name, tmp_path):
    from voicecam.runs.web_export import export_web

    folder = ROOT / "voicecam" / "models" / name
    classifier = load_classifier(folder)
    model, network = classifier.model, session(export_web(folder, tmp_path))
    said = json.loads((tmp_path / "model.json").read_text())
    shares = np.concatenate([np.zeros((1, model.config.n_mels)), said["bands"]["shares"]]).astype(np.float32)
    for signal in recordings(6, seed=11):
        clip = clip_features(signal, model.config)
        logits = run(network, windows_of(signal, model.config)[:1], shares, 1.0)[0]
        best = int(logits[0].argmax())
        against = other_of_two(np.array([best]), len(model.classes))
        score = logits[:, best] - (0 if against is None else logits[:, against[0]])
        bands = band_set("third-octaves", model.config)
        wanted = occluded_bands(model, clip.log_mel(0)[None], bands, np.array([best]), contrast=against)[0]
        assert said["bands"]["names"] == list(bands.names)
        assert np.abs((score[0] - score[1:]) - wanted).max() < 1e-3


def test_what_cannot_be_exported_is_refused(tmp_path):
    from voicecam.runs.web_export import export_web

    with pytest.raises(ModelError, match="cannot be exported"):
        export_web(ROOT / "voicecam" / "models" / "voice-embedding", tmp_path)


def test_large_constants_come_back_whole_in_half_the_bytes_where_that_loses_nothing(tmp_path):
    halves = np.linspace(-4, 4, 2048, dtype=np.float16).astype(np.float32)[None]
    wholes = halves + np.float32(1e-6)
    sizes = []
    for values in (halves, wholes):
        graph = Graph()
        graph.output(graph.node("Add", graph.input("x", ("n", 2048)), graph.constant(values)), "y", ("n", 2048))
        (tmp_path / "network.onnx").write_bytes(graph.to_bytes("test"))
        (found,) = session(tmp_path).run(None, {"x": np.zeros((1, 2048), np.float32)})
        assert (found == values).all()
        sizes.append((tmp_path / "network.onnx").stat().st_size)
    assert sizes[1] - sizes[0] > 4000


def test_a_graph_written_by_hand_computes(tmp_path):
    graph = Graph()
    x = graph.input("x", ("n", 2))
    y = graph.node("Add", graph.node("MatMul", x, graph.constant(np.array([[1, 2], [3, -4]], np.float32))), graph.constant(-0.5))
    graph.output(graph.node("Concat", y, x, axis=1), "y", ("n", 4))
    (tmp_path / "network.onnx").write_bytes(graph.to_bytes("test"))
    (found,) = session(tmp_path).run(None, {"x": np.array([[1, 1], [0, 2]], np.float32)})
    assert found.tolist() == [[3.5, -2.5, 1, 1], [5.5, -8.5, 0, 2]]
