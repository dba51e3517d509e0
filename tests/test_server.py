"""The JSON API, over HTTP on a real server: answers as for files, limits, errors that tell nothing, and what is no speech."""

import base64
import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile as sf
import uvicorn
from run_script import one_line_error, run_script
from test_speech import no_speech_sounds, words

import voicecam
from voicecam import audio
from voicecam.audio import Signal
from voicecam.errors import AudioError
from voicecam.explanation import training_ranges
from voicecam.features import features
from voicecam.network import recordings
from voicecam.network.classifier import load_classifier
from voicecam.server.analysis import Explainer
from voicecam.server.app import make_app
from voicecam.server.decoding import Decoder
from voicecam.server.sounds import SHIFTS

ROOT = Path(__file__).parent.parent
VOICE = ROOT / "voicecam" / "models" / "voice"
WEB = ROOT / "voicecam" / "web"
RATE = 16_000
RAW = {"content-type": "application/octet-stream"}


@contextmanager
def running(*served, port=0, site=None, token=None, **settings):
    """A real server of these models, and of a static site, on a port of this computer, a free one for 0; gives its address.

    settings : of uvicorn
    """
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(("127.0.0.1", port))
    server = uvicorn.Server(
        uvicorn.Config(make_app(*served, site=site, token=token), **{"log_level": "warning", "server_header": False, **settings})
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    until = time.monotonic() + 120
    while not server.started and time.monotonic() < until:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        door.close()


@pytest.fixture(scope="module")
def explainer():
    classifier = load_classifier(VOICE)
    narrow = {"mean": [0] * 20, "low": [-1e-9] * 20, "high": [1e-9] * 20, "outside": {"median": 4, "most": 9}, "speakers": 7}
    bands = training_ranges.TrainingRanges(("a",) * 20, {"female": narrow})
    return Explainer(classifier, bands)


@pytest.fixture(scope="module")
def client(explainer):
    with running(explainer) as address, httpx.Client(base_url=address, timeout=120) as client:
        yield client


def spoken(i=0):
    return np.concatenate([np.zeros(RATE // 4), words()[i], np.zeros(RATE // 4)]).astype(np.float32)


def wav(samples, rate=RATE, **options):
    buffer = io.BytesIO()
    sf.write(buffer, samples, rate, **{"format": "WAV", "subtype": "FLOAT", **options})
    return buffer.getvalue()


def send(client, data, name="x.wav", path="/api/classify"):
    return client.post(path, files={"file": (name, data)})


def said(answer):
    """The error of a refused request: one line that names nothing of this computer."""
    text = answer.json()["error"]
    assert list(answer.json()) == ["error"]
    assert "\n" not in text
    assert not any(part in answer.text for part in (str(ROOT), "/proc", "/tmp", "Traceback", "site-packages", ".py", "secret")), (
        text
    )
    return text


def test_file_raw_samples_and_command_line_agree(client, explainer, tmp_path):
    for i in range(4):
        samples = spoken(i)
        (tmp_path / "x.wav").write_bytes(wav(samples))
        by_file = recordings.predict_file(explainer.classifier, tmp_path / "x.wav")
        answers = [
            send(client, wav(samples)),
            send(client, wav(np.stack([samples, samples], axis=1))),
            client.post(f"/api/classify?rate={RATE}", content=samples.astype("<f4").tobytes(), headers=RAW),
        ]
        for answer in answers:
            found = answer.json()
            assert answer.status_code == 200
            assert found["prediction"] == by_file.prediction
            assert found["probabilities"] == pytest.approx(by_file.probabilities, abs=1e-3)
            assert sum(found["probabilities"].values()) == pytest.approx(1)
            assert [w["start"] for w in found["windows"]] == pytest.approx([w.start for w in by_file.windows], abs=1e-6)


def test_what_is_no_wav_is_read(client):
    for kind, subtype in (("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("WAV", "GSM610"), ("AU", "G721_32")):
        assert send(client, wav(spoken(), format=kind, subtype=subtype)).json()["label"] is not None


def test_the_explanation_is_about_the_window(client, explainer):
    samples = spoken(0)
    found = send(client, wav(samples)).json()
    config, told = explainer.classifier.model.config, found["explanation"]
    picture = np.array(told["picture"]["values"])
    assert (
        picture.shape
        == (config.n_rows, config.n_frames)
        == (len(told["picture"]["rows"]["values"]), len(told["picture"]["columns"]["values"]))
    )
    by_hand = recordings.predict_recording(explainer.classifier, Signal(samples, RATE))
    np.testing.assert_allclose(picture, by_hand.matrix, atol=2e-3)
    assert (np.array(told["map"]["values"]) > 0).any()
    assert 0 <= told["start"] < told["end"] <= len(samples) / RATE + 1e-6


def test_the_sounds_add_up_and_their_scores_are_those_of_the_files_that_are_played(client, explainer):
    told, config = send(client, wav(spoken(0)), path="/api/sounds").json(), explainer.classifier.model.config
    sounds = {name: sf.read(io.BytesIO(base64.b64decode(data))) for name, data in told["sounds"].items()}
    assert {(len(x), rate) for x, rate in sounds.values()} == {(config.n_samples, config.sample_rate)}
    parts = np.stack([sounds["evidence"][0], sounds["rest"][0]], axis=1)
    weights, *_ = np.linalg.lstsq(parts, sounds["window"][0], rcond=None)  # the levels by which each was made louder
    assert np.abs(parts @ weights - sounds["window"][0]).max() < 0.02
    assert (weights > 0).all()
    scores, alone = told["scores"], replace(config, centre=False)
    for name, (samples, rate) in sounds.items():  # the file that is played, through features, network and temperature
        matrix = features(audio.prepare(Signal(samples.astype(np.float32), rate), alone), config).matrix
        p = explainer.classifier.model.probabilities(matrix[None])[0]
        assert scores[name] == pytest.approx(p[explainer.classifier.model.classes.index(told["label"])], abs=5e-3), name
    assert scores["evidence"] > scores["rest"]
    assert 0 <= scores["shifted_rest"] <= 1
    assert f"shifted by chance (mean of {SHIFTS})" in told["words"]
    silent = send(client, wav(no_speech_sounds()["tone of 220 Hz"]), path="/api/sounds")
    assert (silent.status_code, said(silent)) == (422, "no speech in this recording, so there is no evidence to hear")


def test_bands_have_limits_numbers_and_the_training_clips_of_their_class(client):
    """The listener knows the range of one class alone."""
    found = send(client, wav(spoken(0))).json()
    bands = found["explanation"]["bands"]
    assert len(bands["names"]) == len(bands["limits"]) == len(bands["values"]) == 20
    assert all(low < high for low, high in bands["limits"])
    assert np.isfinite(bands["values"]).all()
    assert np.abs(bands["values"]).max() > 0.05
    assert bands["names"][int(np.argmax(bands["values"]))] in bands["words"]
    assert (bands["training"] or {}).get("speakers") == (7 if found["label"] == "female" else None)


def test_the_waveform_is_that_of_the_recording(client):
    samples = spoken(1)
    wave = send(client, wav(samples)).json()["waveform"]
    assert wave["seconds"] == pytest.approx(len(samples) / RATE)
    assert max(wave["high"]) == pytest.approx(samples.max(), abs=1e-3)
    assert min(wave["low"]) == pytest.approx(samples.min(), abs=1e-3)
    quiet = int(0.2 * RATE / len(samples) * len(wave["high"]))
    assert max(wave["high"][:quiet]) == 0


def test_what_is_no_speech_has_no_class(client):
    sounds = no_speech_sounds()
    for name in ("zeros", "tone of 220 Hz", "tone of 1000 Hz", "white noise 0.1", "white noise 0.001", "click"):
        for answer in (
            send(client, wav(sounds[name])),
            client.post(f"/api/classify?rate={RATE}", content=sounds[name].astype("<f4").tobytes(), headers=RAW),
        ):
            found = answer.json()
            assert (found["prediction"], found["label"], found["probabilities"], found["explanation"]) == (
                "no speech",
                None,
                {},
                None,
            )


def test_the_pitch_moves_as_asked(client):
    f0 = {step: send(client, wav(spoken(2)), path=f"/api/shift?semitones={step}").json()["f0"] for step in (-5, 0, 7)}
    assert 12 * np.log2(f0[7] / f0[0]) == pytest.approx(7, abs=1)
    assert 12 * np.log2(f0[-5] / f0[0]) == pytest.approx(-5, abs=1)
    answer = send(client, wav(no_speech_sounds()["tone of 220 Hz"]), path="/api/shift?semitones=1")
    assert (answer.status_code, said(answer)) == (422, "no speech in this recording, so there is no pitch to move")
    assert send(client, wav(spoken(2)), path="/api/shift?semitones=13").status_code == 422


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 422, "0 bytes"),
        (b"I am a text, and not a sound.\n" * 100, 422, "not readable as sound"),
        (b"\0" * 21_000_000, 413, "larger than 20 MB"),
        (wav(np.zeros(0)), 422, "0.00 s"),
        (wav(np.full(RATE, np.nan)), 422, "NaN"),
        (wav(0.1 * np.ones((RATE * 61, 1))), 422, "more than 60 s of sound"),
        (wav(0.1 * np.ones((8_000 * 59, 60)), 8_000, subtype="PCM_U8")[:19_999_999], 422, ""),
        (wav(spoken())[:9_000], 422, "truncated"),
    ],
    ids=["empty", "text", "too large", "no samples", "NaN", "too long", "many channels", "truncated"],
)
def test_files_that_cannot_be_used(client, data, status, words):
    answer = send(client, data, name="secret-name.wav")
    assert answer.status_code == status
    assert words in said(answer)


def test_requests_that_cannot_be_used(client):
    one = b"\0" * 4
    for answer, status in (
        (client.post("/api/classify", content=one), 415),
        (client.post("/api/classify", content=one, headers=RAW), 422),
        (client.post("/api/classify?rate=7", content=one, headers=RAW), 422),
        (client.post("/api/classify?rate=secret", content=one, headers=RAW), 422),
        (client.post("/api/classify?rate=8000", content=one + b"\0", headers=RAW), 422),
        (client.post("/api/classify?rate=8000", content=b"", headers=RAW), 422),
        (client.post("/api/classify?rate=8000", content=b"\0" * 4 * 8_000 * 61, headers=RAW), 422),
        (client.post("/api/classify", files={"other": ("x.wav", one)}), 422),
        (client.post("/api/classify", content=one, headers={"content-type": "multipart/form-data"}), 422),
        (client.post("/api/classify", content=one, headers={"content-type": "multipart/form-data; boundary=x"}), 422),
        (client.post("/api/shift", files={"file": ("x.wav", wav(spoken()))}), 422),
        (client.get("/api/classify"), 405),
        (client.get("/nothing"), 404),
        (client.get("/static/../server/app.py"), 404),
        (client.get("/static/%2e%2e/server/app.py"), 404),
        (client.post("/api/classify", content=one, headers={"origin": "http://evil.example"}), 403),
    ):
        assert answer.status_code == status, answer.text
        said(answer)
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_a_body_without_a_length_is_cut_off(client):
    def endless():
        for _ in range(100):
            yield b"\0" * 1_000_000

    try:
        answer = client.post("/api/classify?rate=48000", content=endless(), headers=RAW)
    except httpx.WriteError:
        return  # cut off while it still sent: as good
    assert answer.status_code == 413


def test_a_bug_tells_nothing(explainer, caplog):
    """A listener without a classifier breaks every request: the person hears one line, the terminal the rest."""
    import voicecam.server.app as app

    broken = app.analysis.analyse
    app.analysis.analyse = lambda *_: Path("/secret/file.py").read_text()
    try:
        with running(explainer) as address:
            answer = send(httpx.Client(base_url=address, timeout=60), wav(spoken()))
    finally:
        app.analysis.analyse = broken
    assert answer.status_code == 500
    assert "terminal" in said(answer)
    assert "/secret/file.py" in caplog.text


def test_headers_and_pages_are_strict_and_local(client):
    for path in ("/", "/api", "/api/model", "/api/openapi.json", "/static/app.js", "/nothing"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
    for path in ("/", "/api"):
        text = client.get(path).text
        assert "://" not in text.replace("http://127.0.0.1:8000/api/classify", "")
        assert " style=" not in text
        assert "<script>" not in text
    for file in (path for path in WEB.rglob("*") if path.suffix in (".js", ".css", ".html")):
        assert "://" not in file.read_text(), file


def test_the_api_describes_itself(client):
    schema, page = client.get("/api/openapi.json").json(), client.get("/api").text
    assert set(schema["paths"]) == {"/api/model", "/api/classify", "/api/sounds", "/api/shift"}
    answer = schema["paths"]["/api/classify"]["post"]["responses"]
    told = set(answer["200"]["content"]["application/json"]["schema"]["properties"])
    assert told == set(send(client, wav(spoken())).json())
    for path in ("/api/sounds", "/api/shift?semitones=0"):
        answer = schema["paths"][path.split("?")[0]]["post"]["responses"]["200"]["content"]["application/json"]
        assert set(answer["schema"]["properties"]) == set(send(client, wav(spoken()), path=path).json()), path
    for word in ("/api/classify", "/api/shift", "semitones", "413", "probabilities"):
        assert word in page
    json.dumps(schema, allow_nan=False)


def test_many_at_once_get_the_answer_of_one(client):
    data = [wav(spoken(i)) for i in range(4)]
    alone = [send(client, one).json() for one in data]
    with ThreadPoolExecutor(12) as pool:
        together = list(pool.map(lambda i: send(client, data[i % 4]), range(24)))
    assert {answer.status_code for answer in together} == {200}
    for i, answer in enumerate(together):
        found = answer.json()
        assert found["probabilities"] == pytest.approx(alone[i % 4]["probabilities"], abs=1e-6)
        assert found["explanation"]["map"]["values"] == alone[i % 4]["explanation"]["map"]["values"], "maps mixed up"


def test_the_decoder_survives_a_hang_and_a_crash():
    decoder = Decoder(timeout=60)
    try:
        decoder.start()
        first = decoder._process
        first.kill()
        first.join()
        assert decoder.decode(wav(spoken())).rate == RATE
        decoder._timeout = 0.0
        with pytest.raises(AudioError, match="took more than"):
            decoder.decode(wav(0.1 * np.random.default_rng(0).standard_normal(RATE * 50)))
        decoder._timeout = 60
        np.testing.assert_array_equal(decoder.decode(wav(spoken())).samples, audio.from_samples(spoken(), RATE).samples)
    finally:
        decoder.close()


def test_ranges_belong_to_one_model_and_one_format(tmp_path):
    drops = np.array([[0.0, 2.0], [2.0, 4.0], [10.0, 0.0], [5.0, 5.0]])
    facts = training_ranges.summarise(drops, ["f", "f", "f", "m"], ["A", "A", "B", "C"])
    assert facts["f"]["mean"] == [5.5, 1.5], "the mean of A's mean (1, 3) and B's (10, 0)"
    assert (facts["f"]["speakers"], facts["f"]["clips"], facts["m"]["speakers"]) == (2, 3, 1)
    (tmp_path / "model.safetensors").write_bytes(b"one")
    path = training_ranges.write_ranges(tmp_path, ("x", "y"), facts, ["made"])
    assert training_ranges.load_ranges(tmp_path).of("f") == facts["f"]
    assert training_ranges.load_ranges(tmp_path).of("nobody") is None
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in stored.items() if key != "format"}))
    assert training_ranges.load_ranges(tmp_path) is None, "an older file holds the narrower range of speakers' means"
    path.write_text(json.dumps(stored))
    (tmp_path / "model.safetensors").write_bytes(b"another")
    assert training_ranges.load_ranges(tmp_path) is None


# ---- several models


@pytest.fixture(scope="module")
def both(explainer, spoken_run):
    """A server with the picture network and a model of system A."""
    embedding = Explainer(load_classifier(spoken_run / "fold1"), name="embedding")
    with running(explainer, embedding) as address, httpx.Client(base_url=address, timeout=120) as client:
        yield client, embedding


def test_every_model_says_its_verdict_and_the_named_one_explains(both, explainer, client):
    asked, embedding = both
    data = wav(spoken(0))
    (by_hand, other) = (recordings.predict_recording(one.classifier, Signal(spoken(0), RATE)) for one in (explainer, embedding))
    first, second = (send(asked, data, path=f"/api/classify{query}").json() for query in ("", "?model=embedding"))
    for found in (first, second):
        assert [one["model"] for one in found["verdicts"]] == ["voice", "embedding"]
        for verdict, said in zip(found["verdicts"], (by_hand, other)):
            assert (verdict["prediction"], verdict["label"]) == (said.prediction, said.label)
            assert verdict["probability"] == pytest.approx(said.probability, abs=1e-3)
    alone = send(client, data).json()
    assert first | {"verdicts": 0} == alone | {"verdicts": 0}, "a second model changes nothing of the first one's answer"
    assert alone["verdicts"] == first["verdicts"][:1]
    assert second["probabilities"] == pytest.approx(other.probabilities, abs=1e-3)
    assert [w["end"] for w in second["windows"]] == pytest.approx([w.end for w in other.windows], abs=1e-6)


def test_a_speech_model_is_explained_by_its_sound(both):
    asked, embedding = both
    told = send(asked, wav(spoken(0)), path="/api/classify?model=embedding").json()["explanation"]
    why = voicecam.VoiceModel(embedding.classifier.model).explain(Signal(spoken(0), RATE))
    np.testing.assert_allclose(told["map"]["values"], why.map, atol=2e-3)
    assert "no Grad-CAM" in told["map"]["words"]
    band, step = np.unravel_index(why.map.argmax(), why.map.shape)
    low, high = told["map"]["limits"][band]
    assert f"{low:.0f} to {high:.0f} Hz from {0.32 * step:.2f} to {0.32 * step + 0.32:.2f} s" in told["map"]["words"]
    assert told["map"]["edges"]["columns"] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(told["picture"]["values"], why.prediction.log_mel, atol=0.02)
    np.testing.assert_allclose(told["bands"]["values"], why.bands()["drop"], atol=0.02)
    assert "without it" in told["bands"]["words"]


def test_the_other_questions_go_to_the_named_model(both):
    asked, embedding = both
    data = wav(spoken(2))
    moved = [send(asked, data, path=f"/api/shift?semitones=-4{query}").json() for query in ("", "&model=embedding")]
    assert moved[0]["probabilities"] != moved[1]["probabilities"]
    assert moved[0]["f0"] == pytest.approx(moved[1]["f0"])
    refused = send(asked, data, path="/api/sounds?model=embedding")
    assert refused.status_code == 422
    assert "no mel energies" in said(refused)
    unknown = send(asked, data, path="/api/classify?model=secret")
    assert (unknown.status_code, said(unknown)) == (422, "model: not known; use one of voice, embedding")
    silent = send(asked, wav(np.zeros(RATE)), path="/api/classify?model=embedding").json()
    nothing = {"prediction": "no speech", "label": None, "probability": None}
    assert silent["verdicts"] == [{"model": "voice", **nothing}, {"model": "embedding", **nothing}]
    facts = [asked.get(f"/api/model{query}").json() for query in ("", "?model=embedding")]
    assert [one["name"] for one in facts] == ["voice", "embedding"]
    assert all(one["models"] == ["voice", "embedding"] for one in facts)
    assert [one["features"] for one in facts] == ["logmel", "encoder"]
    assert facts[1]["threshold"] == embedding.classifier.threshold


def test_serve_takes_several_models(spoken_run, tmp_path):
    command = [sys.executable, ROOT / "scripts" / "serve.py", "--port", "0", "--model", VOICE, "--model", spoken_run / "fold1"]
    with subprocess.Popen(list(map(str, command)), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().split()[1]
            assert address.startswith("http://127.0.0.1:")
            assert "token" not in address, "nobody else can reach it"
            found = httpx.get(f"{address}api/model?model=speech", timeout=120).json()
        finally:
            server.terminate()
    assert (found["name"], found["models"]) == ("speech", ["voice", "speech"])
    status, _, error = run_script("serve", "--model", VOICE, "--model", tmp_path / "none", cwd=tmp_path)
    one_line_error(status, error)
    assert "none: no saved model" in error


def policy(text):
    """A Content-Security-Policy by its directives."""
    return {name: sorted(rest) for name, *rest in (part.split() for part in text.split(";"))}


def test_the_live_page_is_served_where_there_is_a_site_by_its_own_policy(explainer, tmp_path):
    source = ROOT / "voicecam" / "web" / "index.html"
    site = tmp_path / "site"
    (site / "vendor").mkdir(parents=True)
    (site / "index.html").write_bytes(source.read_bytes())
    (site / "service-worker.js").write_text("// works\n")
    (site / "vendor" / "x.wasm").write_bytes(b"\0asm")
    (site / "vendor" / "x.mjs").write_text("export const x = 1;\n")
    (tmp_path / "secret.txt").write_text("secret")
    (site / "out.txt").symlink_to(tmp_path / "secret.txt")
    with running(explainer, site=site) as address, httpx.Client(base_url=address, timeout=120) as client:
        page = client.get("/live/")
        assert (page.status_code, page.content) == (200, source.read_bytes())
        own = re.search(r'Content-Security-Policy" content="([^"]+)"', page.text)[1]
        found = page.headers["content-security-policy"]
        assert policy(found) == policy(own) | {"frame-ancestors": ["'none'"]}
        assert "'wasm-unsafe-eval'" in found
        assert client.get("/live").headers["location"] == f"{address}/live/"
        wasm, module = client.get("/live/vendor/x.wasm"), client.get("/live/vendor/x.mjs")
        assert (wasm.content, wasm.headers["content-type"]) == (b"\0asm", "application/wasm")
        assert "javascript" in module.headers["content-type"]
        assert wasm.headers["content-security-policy"] == found
        for path in ("/", "/api", "/static/app.js", "/livewire"):
            assert "wasm" not in client.get(path).headers["content-security-policy"]
        for path in ("/live/none.js", "/live/out.txt", "/live/%2e%2e/secret.txt"):
            assert client.get(path).status_code == 404
            assert "secret" not in client.get(path).text
        assert client.get("/live/", headers={"origin": "http://elsewhere.example"}).status_code == 403
        assert 'name="backend" content="server browser"' in client.get("/").text
        assert client.get("/static/vendor/x.wasm").content == b"\0asm"
        worker = client.get("/static/engine/worker.js")
        assert (worker.status_code, worker.headers["content-security-policy"]) == (200, found), "networks run in the worker"
        assert client.get("/static/vendor/%2e%2e/out.txt").status_code == 404


def test_without_a_site_there_is_no_live_page_and_no_link(client, explainer, tmp_path):
    (tmp_path / "index.html").write_text("no site")
    with running(explainer, site=tmp_path) as address:
        for asked in (client, httpx.Client(base_url=address, timeout=120)):
            assert asked.get("/live/").status_code == 404
            assert asked.get("/static/vendor/x.mjs").status_code == 404
            assert 'name="backend" content="server"' in asked.get("/").text


def test_models_are_named_after_their_folders_and_runs():
    from voicecam.commands.serve import _names

    places = ["voicecam/models/voice", "results/A-demo/fold1", "results/A-demo/fold2", "other/voice", "voice"]
    assert _names([Path(place) for place in places]) == ["voice", "A-demo", "A-demo-2", "voice-2", "voice-3"]
