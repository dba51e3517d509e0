"""Networks whose attribution is known in closed form, and networks that hear one band in one half of the sound."""

import numpy as np
import pytest
import torch
from scipy.signal import firwin
from scipy.stats import spearmanr
from torch import nn

from voicecam.audio import Signal
from voicecam.errors import ExplainError
from voicecam.explanation.bands import Bands, band_shares, bands_by_class, row_profile
from voicecam.explanation.bandstop import agreement, band_stop, measure_drops
from voicecam.explanation.methods import other_of_two
from voicecam.explanation.waveform import (
    band_drops,
    mel_bands,
    occlusion_map,
    split_bands,
    stretch_weights,
    tiled,
    wave_logits,
)
from voicecam.explanation.waveform_gradients import integrated_gradients_map, noise_floor, waveform_maps
from voicecam.figures import figure, plot_band_time_map

RATE = 8_000
LIMITS = [(500.0 * i, 500.0 * (i + 1)) for i in range(8)]  # 0 to 4 kHz
STEPS = 4
HEARD = (slice(2, 4), slice(2, 4))  # bands of 1 to 2 kHz, the second half


def noise(seed=0, n=RATE):
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def tones(amplitudes, n=RATE):
    """A tone in the middle of each of the LIMITS, of so many times 0.1, with whole periods in each quarter second."""
    t = np.arange(n) / RATE
    return sum(0.1 * a * np.sin(2 * np.pi * (low + 252) * t) for a, (low, _) in zip(amplitudes, LIMITS)).astype(np.float32)


class Linear(nn.Module):
    """Class 1's logit is the projection of the sound on a waveform; class 0's is 0."""

    def __init__(self, wave):
        super().__init__()
        self.wave = nn.Parameter(torch.as_tensor(wave))

    def forward(self, x):
        return torch.stack([0 * x[:, 0], x @ self.wave], dim=1)


class Energy(nn.Module):
    """Class 1's logit is the sum of squares."""

    def forward(self, x):
        return torch.stack([0 * x[:, 0], (x**2).sum(dim=1)], dim=1)


class Hears(nn.Module):
    """Filters, ReLU and a mean over time: hears 1 to 2 kHz in the second half. With random weights it hears anything."""

    def __init__(self, *, random=False, relative=False):
        super().__init__()
        torch.manual_seed(3)
        self.filter = nn.Conv1d(1, 1, 201, padding=100, bias=False)
        if not random:
            taps = firwin(201, [1100, 1900], pass_zero=False, fs=RATE)
            self.filter.weight.data = torch.tensor(taps, dtype=torch.float32)[None, None]
        self.late, self.relative = (0.0 if not random else 1.0), relative

    def forward(self, x):
        if self.relative:  # as wav2vec2's feature extractor
            x = (x - x.mean(dim=1, keepdim=True)) / torch.sqrt(x.var(dim=1, keepdim=True) + 1e-20)
        heard = torch.relu(self.filter(x[:, None])[:, 0])
        when = torch.where(torch.arange(x.shape[1]) < x.shape[1] // 2, self.late, 1.0)
        score = 30 * (heard * when).mean(dim=1)
        return torch.stack([-score, score], dim=1)


def share_heard(found):
    positive = np.maximum(found, 0)
    return positive[HEARD].sum() / positive.sum()


@pytest.mark.parametrize("bands", [LIMITS, mel_bands(20, RATE).limits, [(0, 100), (100, 110), (110, 4000)]])
def test_band_copies_add_up_to_the_sound(bands):
    x = noise()
    parts = split_bands(x, RATE, bands)
    assert parts.shape == (len(bands), RATE)
    assert parts.dtype == np.float32
    assert np.abs(parts.sum(axis=0, dtype=np.float64) - x).max() < 1e-6


def test_a_band_copy_holds_its_band_alone():
    x = noise(n=4 * RATE)
    parts = split_bands(x, RATE, mel_bands(20, RATE).limits)
    hz = np.fft.rfftfreq(len(x), 1 / RATE)
    whole = np.abs(np.fft.rfft(x)) ** 2
    for part, (low, high) in zip(parts, mel_bands(20, RATE).limits):
        power = np.abs(np.fft.rfft(part)) ** 2
        inside, outside = (hz > low + 30) & (hz < high - 30), (hz < low - 50) | (hz > high + 50)
        assert power[inside].sum() / whole[inside].sum() == pytest.approx(1, abs=0.02)
        assert power[outside].sum() / whole.sum() < 1e-4


def test_padding_stays_silence():
    x = np.concatenate([np.zeros(1000), noise(), np.zeros(500)]).astype(np.float32)
    assert not split_bands(x, RATE, LIMITS)[:, :1000].any()
    assert not noise_floor(x)[-500:].any()


def test_mel_bands_tile_the_spectrum_and_a_gap_is_filled():
    bands = mel_bands(20, 16_000)
    edges = np.array([*(low for low, _ in bands.limits), 8000.0])
    mel = np.where(edges < 1000, edges * 3 / 200, 15 + 27 * np.log(np.maximum(edges, 1) / 1000) / np.log(6.4))  # Slaney's
    assert np.allclose(np.diff(mel), mel[-1] / 20)
    assert tiled(bands, 16_000) == bands
    found = tiled(Bands(("a", "b"), ((100, 300), (1000, 2000))), RATE)
    assert found.limits == ((0, 100), (100, 300), (300, 1000), (1000, 2000), (2000, 4000))
    assert found.names == ("rest 0-100 Hz", "a", "rest 300-1000 Hz", "b", "rest 2000-4000 Hz")


@pytest.mark.parametrize("limits", [((100, 105),), ((0, 300), (200, 400)), ((5, 100),), ((100, 5000),)])
def test_bands_that_cannot_be_are_refused(limits):
    names = tuple("ab"[: len(limits)])
    with pytest.raises(ExplainError):
        split_bands(noise(), RATE, tiled(Bands(names, limits), RATE).limits)
    with pytest.raises(ExplainError, match="without gap"):
        split_bands(noise(), RATE, [(0, 100), (200, 4000)])


def test_stretches_share_every_sample_among_them():
    weights = stretch_weights(RATE, RATE, STEPS)
    assert np.allclose(weights.sum(axis=0), 1)
    assert weights.min() >= 0
    assert (weights[1, 2041:3959] == 1).all()  # 5 ms, half a fade, from the borders at 2000 and 4000
    assert weights[1, 1999:2001] == pytest.approx([0.5, 0.5], abs=0.02)
    assert weights[0, 0] == weights[3, -1] == 1
    assert (stretch_weights(100, RATE, 1) == 1).all()
    with pytest.raises(ExplainError, match="0 stretches"):
        stretch_weights(100, RATE, 0)


@pytest.mark.parametrize("start", ["silence", "noise"])
def test_a_linear_network_has_the_projection_of_each_part(start):
    """The tone of band 3 is what the network looks for: each quarter has a^2 n / 2 of it, everything else nothing."""
    x, wave = tones([1, 2, 3, 4, 5, 6, 7, 8]), tones([0, 0, 0, 1, 0, 0, 0, 0])
    expected = np.zeros((8, STEPS))
    expected[3] = 0.1 * 0.4 / 2 * RATE / STEPS
    found, gap = integrated_gradients_map(Linear(wave), x, RATE, LIMITS, steps=STEPS, target=1, start=start)
    assert np.abs(found - expected).max() < 0.02 * expected.max()
    assert abs(gap) < 1e-3 * expected.sum()
    dropped = occlusion_map(wave_logits(Linear(wave)), x, RATE, LIMITS, steps=STEPS, target=1)
    assert np.abs(dropped - expected).max() < 0.02 * expected.max()


def test_energy_goes_to_the_band_that_has_it():
    """Parseval: orthogonal tones share the sum of squares as a^2 n / 2."""
    loud = np.array([1, 2, 3, 4, 5, 6, 7, 8])
    found, gap = integrated_gradients_map(Energy(), tones(loud), RATE, LIMITS, steps=STEPS, target=1, start="silence")
    assert np.allclose(found, ((0.1 * loud) ** 2 / 2 * RATE / STEPS)[:, None] * np.ones(STEPS), rtol=0.03, atol=0.5)
    assert abs(gap) < 1e-3 * found.sum()


def test_both_methods_find_the_planted_band_and_half_and_nothing_in_random_weights():
    x, asked = noise(), {"steps": STEPS, "target": 1, "contrast": 0}
    for network, low, high in ((Hears(), 0.9, 1.0), (Hears(random=True), 0.05, 0.4)):
        given, gap = integrated_gradients_map(network, x, RATE, LIMITS, **asked)
        dropped = occlusion_map(wave_logits(network), x, RATE, LIMITS, **asked)
        assert low < share_heard(given) <= high
        assert low < share_heard(dropped) <= high
        assert abs(gap) < 0.01 * given.sum()


def test_the_contrast_is_the_difference_and_the_other_class_has_the_other_sign():
    x, network = noise(), Hears()
    alone, _ = integrated_gradients_map(network, x, RATE, LIMITS, steps=2, target=1)
    both, _ = integrated_gradients_map(network, x, RATE, LIMITS, steps=2, target=1, contrast=0)
    other, _ = integrated_gradients_map(network, x, RATE, LIMITS, steps=2, target=0, contrast=1)
    assert np.allclose(both, 2 * alone, atol=1e-5)
    assert np.allclose(other, -both, atol=1e-5)


def test_the_map_adds_up_to_the_score_and_the_gap_says_by_how_much_it_fails():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Unflatten(1, (1, RATE)), nn.Conv1d(1, 8, 33, stride=8), nn.Tanh(), nn.Flatten(), nn.LazyLinear(3))
    x = 10 * noise()
    network(torch.zeros(1, RATE))
    with torch.no_grad():
        scores = network(torch.from_numpy(np.stack([x, noise_floor(x, seed=4)])))[:, 2].double().numpy()
    gaps = {}
    for n_steps in (1, 32):
        found, gaps[n_steps] = integrated_gradients_map(network, x, RATE, LIMITS, steps=STEPS, target=2, n_steps=n_steps, seed=4)
        assert found.sum() + gaps[n_steps] == pytest.approx(scores[0] - scores[1], abs=1e-6)
    assert abs(gaps[32]) < 1e-3 * abs(scores[0] - scores[1]) < abs(gaps[1])


def test_captum_gives_the_same():
    from captum.attr import IntegratedGradients

    torch.manual_seed(0)
    network = nn.Sequential(nn.Unflatten(1, (1, RATE)), nn.Conv1d(1, 8, 33, stride=8), nn.Tanh(), nn.Flatten(), nn.LazyLinear(2))
    x = 10 * noise()
    network(torch.zeros(1, RATE))
    explained = IntegratedGradients(network).attribute(torch.from_numpy(x)[None], target=1, n_steps=20, method="gausslegendre")
    found, _ = integrated_gradients_map(network, x, RATE, [(0, 4000)], steps=8, target=1, start="silence", n_steps=20)
    weights = stretch_weights(RATE, RATE, 8)
    assert np.allclose(found[0], weights @ explained[0].detach().numpy(), atol=1e-6)
    from_noise = IntegratedGradients(network).attribute(
        torch.from_numpy(x)[None], torch.from_numpy(noise_floor(x))[None], target=1, n_steps=200, method="gausslegendre"
    )
    found, _ = integrated_gradients_map(network, x, RATE, [(0, 4000)], steps=8, target=1, n_steps=64)
    assert np.allclose(found[0], weights @ from_noise[0].detach().numpy(), atol=1e-4)


def test_a_network_that_hears_no_level_is_refused_silence_and_served_by_noise():
    x, network = noise(), Hears(relative=True)
    asked = {"steps": STEPS, "target": 1, "contrast": 0}
    with pytest.raises(ExplainError, match="hears no levels"):
        integrated_gradients_map(network, x, RATE, LIMITS, **asked, start="silence")
    found, gap = integrated_gradients_map(network, x, RATE, LIMITS, **asked)
    more, _ = integrated_gradients_map(network, x, RATE, LIMITS, **asked, n_steps=200)
    louder, _ = integrated_gradients_map(network, 4 * x, RATE, LIMITS, **asked)
    scale = np.abs(more).max()
    assert abs(gap) < 0.02 * scale
    assert np.abs(found - more).max() < 0.03 * scale
    assert np.abs(found - louder).max() < 0.01 * scale


def test_points_even_over_the_way_would_miss_the_rise_out_of_the_noise():
    from captum.attr import IntegratedGradients

    x, network = tones([0, 0, 3, 0, 0, 0, 0, 0]), Hears(relative=True)
    origin = noise_floor(x)
    with torch.no_grad():
        scores = network(torch.from_numpy(np.stack([x, origin])))[:, 1].numpy()
    explained = IntegratedGradients(network).attribute(
        torch.from_numpy(x)[None], torch.from_numpy(origin)[None], target=1, n_steps=16, method="gausslegendre"
    )
    _, gap = integrated_gradients_map(network, x, RATE, LIMITS, steps=STEPS, target=1, n_steps=16)
    rise = scores[0] - scores[1]
    assert abs(rise - float(explained.sum())) > 0.5 * rise
    assert abs(gap) < 0.01 * rise


def falling(seed):
    """Noise that falls by 9 dB an octave from 200 Hz, as speech about does, and swells three times a second."""
    x, hz = np.fft.rfft(noise(seed)), np.fft.rfftfreq(RATE, 1 / RATE)
    swells = 1.05 + np.sin(2 * np.pi * 3 * np.arange(RATE) / RATE)
    return (np.fft.irfft(x / (np.maximum(hz, 200) / 200) ** 1.5, RATE) * swells).astype(np.float32)


def test_the_depth_of_the_noise_moves_sizes_and_not_ranks_and_noise_as_loud_as_the_sound_is_no_start():
    bands, network = mel_bands(12, RATE).limits, Hears(relative=True)
    maps, ranks = {}, {}
    x = falling(0)
    drops = band_drops(wave_logits(network), x, RATE, bands, target=1)
    for depth in (0.0, 40.0, 60.0, 80.0):
        maps[depth], _ = integrated_gradients_map(network, x, RATE, bands, steps=STEPS, target=1, floor_db=depth)
        ranks[depth] = spearmanr(maps[depth].sum(axis=1), drops).statistic
    sizes = {depth: np.abs(found).sum() for depth, found in maps.items()}
    sound = torch.from_numpy(x)[None].requires_grad_()
    network(sound)[0, 1].backward()
    product = split_bands(x, RATE, bands) * sound.grad[0].numpy() @ stretch_weights(RATE, RATE, STEPS).T
    assert np.abs(maps[80] - maps[60] - np.log(10) * product).max() < 0.03 * np.log(10) * np.abs(product).max()
    assert sizes[60] < sizes[80] < 1.5 * sizes[60]
    assert np.corrcoef(maps[40].ravel(), maps[80].ravel())[0, 1] > 0.98
    assert min(ranks[40], ranks[60], ranks[80]) > 0.9
    assert ranks[0] < 0.5


def test_one_stretch_is_the_band_stop_test_itself():
    x, network = np.concatenate([noise(), np.zeros(800, np.float32)]), Hears(relative=True)
    logits = wave_logits(network)
    drops = band_drops(logits, x, RATE, LIMITS, target=1, contrast=0)
    with torch.no_grad():
        stopped = np.stack([x, *(np.append(band_stop(x[:RATE], RATE, *band), np.zeros(800, np.float32)) for band in LIMITS)])
        score = network(torch.from_numpy(stopped)).numpy()
    assert np.allclose(drops, (score[0] - score[1:]) @ [-1, 1], atol=1e-4)
    measured = measure_drops(
        lambda signals: logits(np.stack([one.samples for one in signals])),
        [Signal(x, RATE)],
        LIMITS,
        np.array([1]),
        contrast=np.array([0]),
    )
    assert np.array_equal(drops, measured[0])
    assert np.allclose(occlusion_map(logits, x, RATE, LIMITS, steps=1, target=1, contrast=0)[:, 0], drops, atol=1e-4)
    narrow = mel_bands(20, RATE).limits
    found = occlusion_map(logits, x, RATE, narrow, steps=1, target=1, contrast=0)[:, 0]
    wanted = band_drops(logits, x, RATE, narrow, target=1, contrast=0)
    assert np.abs(found - wanted).max() < 0.05 * wanted.max()


def test_maps_of_clips_go_on_to_shares_bands_and_the_agreement_test():
    names = tuple(f"{low:.0f}" for low, _ in LIMITS)
    clips, network = [noise(seed, RATE - 100 * seed) for seed in range(6)], Hears()
    classes, speakers, target = ["m", "f"] * 3, list("aabbcc"), np.ones(6, int)
    asked = {"steps": STEPS, "target": target, "contrast": other_of_two(target, 2)}
    maps, gaps = waveform_maps(network, clips, RATE, LIMITS, method="integrated-gradients", **asked)
    falls, none = waveform_maps(wave_logits(network), clips, RATE, LIMITS, method="occlusion", **asked)
    assert maps.shape == falls.shape == (6, 8, STEPS)
    assert np.isnan(none).all()
    assert np.isfinite(gaps).all()
    assert np.allclose(falls[5], occlusion_map(wave_logits(network), clips[5], RATE, LIMITS, steps=4, target=1, contrast=0))
    table = bands_by_class(band_shares(maps), band_shares(falls), classes, speakers, Bands(names, tuple(LIMITS)))
    men = table[table["class"] == "m"]
    assert list(men["name"]) == list(names)
    assert list(men["to"]) == [high for _, high in LIMITS]
    assert set(table["unit"]) == {"Hz"}
    assert men["share"].to_numpy()[2:4].sum() > 0.9
    drops = np.stack([band_drops(wave_logits(network), clip, RATE, LIMITS, target=1, contrast=0) for clip in clips])
    silly = np.tile(np.arange(8.0), (6, 1))
    found = agreement({"ig": row_profile(maps), "occlusion": row_profile(falls), "place": silly}, drops, classes, speakers)
    best = found.set_index("method")["spearman"]
    assert best["ig"] > 0.6
    assert best["occlusion"] > 0.6
    assert best["place"] < 0.3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "cam"}, "not known"),
        ({"target": np.ones(3, int)}, "3 targets"),
        ({"target": np.array([7])}, "class"),
        ({"clips": [np.zeros(RATE, np.float32)]}, "digital silence"),
        ({"clips": [np.zeros((2, RATE), np.float32)]}, "shape"),
        ({"asked": wave_logits(Hears())}, "need a network"),
        ({"start": "grey"}, "not known"),
        ({"n_steps": 0}, "points"),
    ],
)
def test_what_cannot_be_explained_is_said(change, said):
    given = {"asked": Hears(), "clips": [noise()], "method": "integrated-gradients", "target": np.array([1]), **change}
    with pytest.raises(ExplainError, match=said):
        waveform_maps(given.pop("asked"), given.pop("clips"), RATE, LIMITS, steps=STEPS, **given)


def test_the_network_is_left_as_it_was():
    network = Hears().train()
    network.filter.weight.grad = torch.ones_like(network.filter.weight)
    waveform_maps(network, [noise()], RATE, LIMITS, method="integrated-gradients", steps=2, target=np.array([1]))
    assert network.training
    assert network.filter.weight.requires_grad
    assert (network.filter.weight.grad == 1).all()


def test_a_recurrent_network_adds_up_too():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.cells, self.head = nn.LSTM(80, 8, batch_first=True), nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.cells(20 * x.unfold(1, 80, 80))[0].mean(dim=1))

    network, x = Recurrent().train(), noise()
    with torch.no_grad():
        scores = network(torch.from_numpy(np.stack([x, noise_floor(x)]))).double().numpy() @ [-1, 1]
    found, gap = integrated_gradients_map(network, x, RATE, LIMITS, steps=STEPS, target=1, contrast=0)
    assert found.sum() == pytest.approx(scores[0] - scores[1], abs=0.02 * np.abs(found).sum())
    assert found.sum() + gap == pytest.approx(scores[0] - scores[1], abs=1e-6)


class LogitsOf(nn.Module):
    """A transformers classifier as waveform -> logits, with the zero mean and unit variance of its feature extractor."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        spread = torch.sqrt(x.var(dim=1, keepdim=True, unbiased=False) + 1e-7)
        return self.model((x - x.mean(dim=1, keepdim=True)) / spread).logits


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_a_wav2vec2_runs_through_both(norm):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    config = transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(16, 16, 16),
        conv_kernel=(10, 8, 4),
        conv_stride=(5, 8, 4),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        classifier_proj_size=16,
        num_labels=2,
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        conv_bias=norm == "layer",
    )
    network, x, bands = LogitsOf(transformers.Wav2Vec2ForSequenceClassification(config)).eval(), noise(), mel_bands(20, RATE)
    asked = {"steps": STEPS, "target": 1, "contrast": 0}
    with torch.no_grad():
        rise = np.diff(network(torch.from_numpy(np.stack([x, noise_floor(x)]))).double().numpy()) @ [1]
    found, gap = integrated_gradients_map(network, x, RATE, bands.limits, **asked, n_steps=64)
    assert found.shape == (20, STEPS)
    assert found.sum() + gap == pytest.approx(rise[0] - rise[1], abs=1e-5)
    assert abs(gap) < 0.05 * np.abs(found).sum()
    dropped = occlusion_map(wave_logits(network), x, RATE, bands.limits, **asked)
    assert dropped.shape == (20, STEPS)
    assert np.isfinite(dropped).all()
    assert dropped.any()
    with pytest.raises(ExplainError, match="hears no levels"):
        integrated_gradients_map(network, x, RATE, bands.limits, **asked, start="silence")


def test_the_figure_has_seconds_hertz_and_a_scale_around_zero():
    matrix = np.zeros((8, STEPS))
    matrix[2, 3], matrix[5, 0] = 2.0, -0.5
    ax = figure(3)[1]
    drawn = plot_band_time_map(matrix, LIMITS, 1.5, ax=ax)
    assert drawn.get_clim() == (-2, 2)
    assert np.array_equal(np.asarray(drawn.get_array()).reshape(8, STEPS), matrix)
    assert drawn.get_coordinates()[2, 3].tolist() == [1.125, 2]
    ticks = {text.get_text(): place for text, place in zip(ax.get_yticklabels(), ax.get_yticks())}
    assert ticks["1 kHz"] == 2
    assert ticks["2 kHz"] == 4
    assert ax.get_xlabel() == "time (s)"
    red, _, blue, _ = drawn.to_rgba(matrix)[2, 3]
    assert red > blue
    assert plot_band_time_map(0 * matrix, LIMITS, 1.5, ax=figure(3)[1]).get_clim() == (-1, 1)
