"""A speech model explains a recording by the sound itself, in Python and by classify.py; and says in a line what it cannot."""

import numpy as np
import pytest
import soundfile as sf
from PIL import Image
from run_script import last_line, one_line_error, output_of

import voicecam
from voicecam import audio
from voicecam.errors import ExplainError
from voicecam.explanation.bandstop import band_stop
from voicecam.explanation.waveform import mel_bands

RATE = 16_000


@pytest.fixture(scope="module")
def model(spoken_run):
    return voicecam.load(spoken_run / "fold1")


@pytest.fixture(scope="module")
def clip(spoken_run):
    """A tested word, and three of them in a row with silence between: more speech than one window of 1.6 s."""
    paths = sorted((spoken_run.parents[1] / "clips").rglob("*.ogg")) or sorted((spoken_run.parents[1] / "clips").rglob("*.wav"))
    sounds = [audio.read(path, rate=RATE).samples for path in paths[:4]]
    long = spoken_run.parents[1] / "long.wav"
    sf.write(long, np.concatenate([part for sound in sounds for part in (sound, sound)]), RATE)
    return paths[0], long


def test_its_name_says_what_it_is_shown(model):
    assert repr(model).startswith("VoiceModel(gender: female, male; logistic on resemblyzer's vector")


def score(model, samples, label):
    """Logit of the label less the other's, through the encoder's own package."""
    import torch
    from resemblyzer.audio import wav_to_mel_spectrogram
    from resemblyzer.voice_encoder import VoiceEncoder

    encoder = VoiceEncoder("cpu", verbose=False)
    mels = torch.from_numpy(wav_to_mel_spectrogram(samples)[None, :160])
    with torch.inference_mode():
        logits = model.model.network(encoder(mels)[:, :, None])[0].numpy()
    i = model.classes.index(label)
    return logits[i] - logits[1 - i]


def stretch(k, n=25_600, steps=5, fade=160):
    """How much of each sample lies in stretch k of n samples: half cosines of 10 ms around its ends."""
    weight = np.zeros(n)
    ends = [round(n * k / steps), round(n * (k + 1) / steps)]
    weight[ends[0] : ends[1]] = 1
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
    for end, rise, there in zip(ends, (ramp, 1 - ramp), (k > 0, k < steps - 1)):
        if there:
            weight[end - fade // 2 : end + fade // 2] = rise
    return weight


@pytest.mark.parametrize("which", [0, 1], ids=["short", "long"])
def test_a_cell_is_the_fall_of_the_score_without_its_band_and_time(model, clip, which):
    why = model.explain(clip[which])
    said, window = why.prediction, why.window
    assert (why.method, why.layer, why.map.shape) == ("occlusion", "sound", (16, 5))
    assert (window.rate, len(window.samples)) == (RATE, 25_600)
    sure = [one.probabilities[said.label] for one in said.windows]
    assert said.strongest == int(np.argmax(sure))
    assert (len(sure) > 1) == bool(which)
    whole = score(model, window.samples, why.label)
    limits = mel_bands(16, RATE).limits
    top = np.unravel_index(np.abs(why.map[4:]).argmax(), (12, 5))  # bands of 100 Hz and more, whose filters' edges are alike
    for band, step in ((top[0] + 4, top[1]), (9, 0)):
        part = window.samples - band_stop(window.samples, RATE, *limits[band])
        without = (window.samples - stretch(step) * part).astype(np.float32)
        expected = whole - score(model, without, why.label)
        assert why.map[band, step] == pytest.approx(expected, abs=0.1 * np.abs(why.map).max()), (band, step)


def test_the_strongest_window_of_long_speech_is_the_one_drawn_and_explained(model, clip):
    """Its samples, encoded by the package itself, give the logits of that window of the answer."""
    said = model.classify(clip[1])
    p = said.windows[said.strongest].probabilities
    alone = score(model, said.heard().samples, said.label) / model.temperature
    assert 1 / (1 + np.exp(-alone)) == pytest.approx(p[said.label], abs=2e-3)
    picture, rows, _ = said.picture()
    assert picture.shape == (64, 158)
    assert (rows.kind, rows.unit) == ("frequency", "Hz")


def test_its_picture_has_even_cells_and_says_whose_it_is(model, clip):
    why = model.explain(clip[0])
    ax = why.plot()
    blocks = ax.collections[0].get_coordinates()
    widths, heights = np.diff(blocks[0, :, 0]), np.diff(blocks[:, 0, 1])
    assert (len(widths), len(heights)) == (5, 16)
    np.testing.assert_allclose(widths, widths[0])
    np.testing.assert_allclose(heights, heights[0])
    assert widths.sum() == pytest.approx(1.6, abs=0.03)
    assert ax.get_title() == f"{clip[0].name}: {why.label} {why.prediction.probability:.3f}"
    assert "<img" in why.prediction._repr_html_()
    assert "<img" in why._repr_html_()


def test_bands_are_taken_out_of_the_sound(model, clip):
    why = model.explain(clip[0])
    table, samples = why.bands("octaves"), why.window.samples
    whole = score(model, samples, why.label)
    expected = [whole - score(model, band_stop(samples, RATE, low, min(high, 8000)), why.label)
                for low, high in zip(table["from_hz"], table["to_hz"])]  # fmt: skip
    np.testing.assert_allclose(table["drop"], expected, atol=0.05 * np.abs(expected).max())
    thirds = why.bands()
    assert f"the band {thirds['band'][thirds['drop'].idxmax()]}: without it" in why.describe_bands()
    assert why.plot_bands().get_title().startswith("what each band is worth")


def test_random_weights_are_those_of_the_head_alone(model, clip):
    other = model.randomised(seed=3)
    assert other.classify(clip[0]).probabilities != model.classify(clip[0]).probabilities
    assert np.abs(other.explain(clip[0]).map).max() > 0
    assert other.model.config == model.model.config
    assert repr(other) == repr(model)


def test_what_makes_no_sense_is_said_in_one_line(model, clip, tmp_path):
    said = model.classify(clip[0])
    for asked in ({"layer": "layer3"}, {"method": "grad-cam"}, {"method": "hires-cam", "layer": "layer1"}):
        with pytest.raises(ExplainError, match="needs a network on pictures") as reason:
            model.explain(said, **asked)
        assert "\n" not in str(reason.value)
    with pytest.raises(ExplainError, match="no mel energies"):
        model.explain(said).sounds()
    assert model.training_ranges is None
    error = output_of("measure_bands", "--corpus", clip[0].parent, "--model", model.folder, cwd=tmp_path, status=2)
    one_line_error(2, error)
    assert "no picture" in error


def test_classify_writes_its_picture(model, clip, tmp_path):
    said = output_of("classify", clip[0], clip[1], "--model", model.folder, "--cam", "maps", cwd=tmp_path)
    assert last_line(said) == "wrote 2 pictures in maps"
    for path in clip:
        pixels = np.asarray(Image.open(tmp_path / "maps" / f"{path.stem}.png").convert("RGB")).reshape(-1, 3)
        assert len(np.unique(pixels, axis=0)) > 100


def test_silence_stops_at_the_speech_detector(model, tmp_path):
    sf.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    assert model.classify(tmp_path / "silence.wav").prediction == "no speech"
    with pytest.raises(ExplainError, match="no speech"):
        model.explain(tmp_path / "silence.wav")
