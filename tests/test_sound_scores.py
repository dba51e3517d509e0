"""What a network says of evidence and rest: measures by a second formula, and a tone that the network is known to hear."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from voicecam.audio import Signal, prepare
from voicecam.config import recipe
from voicecam.errors import ExplainError
from voicecam.explanation.audible import split_sound
from voicecam.explanation.mel_gradients import log_mel_attribution
from voicecam.explanation.sound_scores import (
    LOUDEST,
    MEASURES,
    OWN,
    SHIFTED,
    clip_note,
    clip_scores,
    loudest,
    measures,
    part_probabilities,
    score_sentences,
    score_table,
    scores_note,
    shifted,
    sound_probabilities,
)
from voicecam.features import features, log_mel_energies, row_axis
from voicecam.features.image import fit_scale
from voicecam.network import Model

CONFIG = recipe("logmel", seconds=0.5, image_rows=64, image_columns=64)
TONE, LOUD = 3000, 400  # Hz; the network hears the first, the second is louder and in every clip


class Hears(nn.Module):
    """Class a by how loud the rows around the tone are, b by how soft; middle grey is no evidence."""

    def forward(self, x):
        pixel = round((np.abs(row_axis(CONFIG).values - TONE).argmin() + 0.5) / CONFIG.n_mels * CONFIG.image_rows)
        found = 40 * (x[:, 0, pixel - 1 : pixel + 2] * 0.229 + 0.485 - 0.5).mean(dim=(1, 2))
        return torch.stack([found, -found], dim=1)


@pytest.fixture(scope="module")
def asked():
    """Clips of eight speakers, every second with the tone: signals, mel energies, maps, classes, speakers, and the network."""
    rng, signals = np.random.default_rng(0), []
    time = np.arange(CONFIG.n_samples) / CONFIG.sample_rate
    for clip in range(16):
        samples = 0.2 * np.sin(2 * np.pi * LOUD * time) + 0.002 * rng.standard_normal(len(time))
        first = int(rng.uniform(0, 0.4) * len(time))
        if clip % 2 == 0:
            samples[first : first + len(time) // 2] += 0.05 * np.sin(2 * np.pi * TONE * time[: len(time) // 2])
        signals.append(prepare(Signal(samples.astype(np.float32), CONFIG.sample_rate), CONFIG))
    scale = fit_scale(np.stack([features(signal, CONFIG).matrix for signal in signals]), CONFIG)
    model = Model(Hears(), "small", "test", ("a", "b"), CONFIG, scale, {"temperature": 2.0})
    log_mel = np.stack([log_mel_energies(signal.samples, CONFIG).T for signal in signals])
    target = np.arange(16) % 2
    maps = log_mel_attribution(model, log_mel, target, contrast=1 - target)
    return model, signals, maps, log_mel, target, [f"s{i // 2}" for i in range(16)]


def test_the_measures_by_a_second_formula(rng):
    logits = rng.normal(0, 2, (30, 3, 5))  # clip, evidence and rest
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    found = measures(p[:, 0], p[:, 1:])
    assert list(found) == list(MEASURES)
    for i, (clip, evidence, rest) in enumerate(p.tolist()):
        best = max(range(5), key=lambda c: clip[c])
        pc, oc, rc = clip[best], evidence[best], rest[best]
        expected = {
            "average_increase": float(oc > pc),
            "average_drop": 1 - min(oc / pc, 1),
            "average_gain": (min(1 - pc, oc - pc) if oc > pc else 0) / (1 - pc),
            "fidelity_in": float(all(oc >= other for other in evidence)),
            "rest_kept": float(rest.index(max(rest)) == best),
            "faithfulness": pc - rc,
            "evidence": oc,
            "rest": rc,
        }
        for name, value in expected.items():
            assert found[name][i] == pytest.approx(value, abs=1e-12), name
    sure = measures(np.array([[1.0, 0.0]]), np.array([[[1.0, 0.0], [0.2, 0.8]]]))
    assert np.isnan(sure["average_gain"]), "nothing was left to gain"
    assert sure["faithfulness"] == pytest.approx(0.8)
    with pytest.raises(ExplainError, match="of parts"):
        measures(p[:, 0], p)


def test_the_evidence_has_the_tone_that_the_network_hears_and_the_rest_has_not(asked):
    _, signals, maps, *_ = asked
    scores = clip_scores(*asked)
    by = scores[scores["class"] == "a"].groupby("map")[["evidence", "rest", "fidelity_in", "rest_kept"]].mean()
    assert scores[scores["map"] == OWN]["class"].value_counts().to_dict() == {"a": 8, "b": 8}
    assert by.loc[OWN, "evidence"] > 0.75
    assert by.loc[OWN, "rest"] < 0.3
    assert (by.loc[OWN, "fidelity_in"], by.loc[OWN, "rest_kept"]) == (1, 0)
    assert by.loc[SHIFTED, "rest"] > 0.8, "the tone is still there where a map points somewhere else"
    assert by.loc[LOUDEST, "rest"] > 0.5, "the loudest cells are those of the other tone"
    parts = split_sound(signals[0], maps[0], CONFIG)
    tone = np.exp(-2j * np.pi * TONE * np.arange(CONFIG.n_samples) / CONFIG.sample_rate)
    heard = [abs(np.sum(part.samples * tone)) for part in (parts.evidence, parts.rest)]
    assert heard[0] > 30 * heard[1]
    table = score_table(scores).set_index("map")
    assert table.loc[OWN, "rest_over_shifted_high"] < 0


def test_clips_named_otherwise_and_blank_maps_are_left_out(asked):
    model, signals, maps, log_mel, target, speakers = asked
    turned = target.copy()
    turned[:4] = 1 - turned[:4]
    blank = maps.copy()
    blank[5] = -1
    found = clip_scores(model, signals, blank, log_mel, turned, speakers)
    assert set(found["clip"]) == set(range(16)) - {0, 1, 2, 3, 5}
    none = score_table(clip_scores(model, signals, -np.abs(maps), log_mel, target, speakers))
    assert none.empty
    assert score_sentences(none) == ["No clip was left to ask the network about."]


def test_the_network_is_asked_at_its_temperature_about_the_sounds_as_they_are_played(asked):
    model, signals, maps, *_ = asked
    parts = split_sound(signals[0], maps[0], CONFIG)
    found = part_probabilities(sound_probabilities(model), [parts])
    for sound, p in zip((parts.evidence, parts.rest), found[0]):
        logits = model.logits(features(prepare(sound, replace(CONFIG, centre=False)), CONFIG).matrix[None])[0].astype(float)
        assert p[0] == pytest.approx(1 / (1 + np.exp((logits[1] - logits[0]) / 2)), abs=1e-5)


def test_a_shifted_map_is_the_same_map_elsewhere_and_the_loudest_cells_get_the_highest_values(rng):
    map, log_mel = rng.normal(size=(6, 9)), rng.normal(size=(6, 9))
    found = shifted(map, n=12, seed=3)
    for one in found:
        row, column = np.argwhere(one == map[0, 0])[0]
        assert (row, column) != (0, 0), "its own place is no shift"
        for i in range(6):
            for j in range(9):
                assert one[(i + row) % 6, (j + column) % 9] == map[i, j]
    assert len({one.tobytes() for one in found}) == 12
    dealt = loudest(map, log_mel)
    assert sorted(dealt.ravel()) == sorted(map.ravel())
    assert np.array_equal(dealt.ravel().argsort(), log_mel.ravel().argsort())


def made_scores(gap, n=12):
    """Scores of n speakers whose evidence is better than that of other maps by `gap`, give or take."""
    rng, rows = np.random.default_rng(1), []
    for clip in range(n):
        for name in (OWN, SHIFTED, LOUDEST):
            e = 0.6 + gap * (name == OWN) + rng.normal(0, 0.03)
            values = dict.fromkeys(MEASURES, 1.0) | {"evidence": e, "rest": 1 - e}
            rows.append({"map": name, "clip": clip, "speaker": f"s{clip}", "class": "a", "probability": 0.9, **values})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("gap", "poor"), [(0.3, 0), (0.0, 4), (-0.3, 4)])
def test_the_words_say_where_mel_gradients_do_no_better_than_other_maps(gap, poor):
    said = " ".join(score_sentences(score_table(made_scores(gap))))
    assert said.count("NOT shown to be better") == poor
    assert said.count("(better)") == 4 - poor


def test_the_note_under_the_players_has_the_scores_and_a_doubt_where_there_is_one():
    rows = made_scores(0.3, n=1)
    own, other = (rows[rows["map"] == name].iloc[0] for name in (OWN, SHIFTED))
    assert all(f"{value:.2f}" in clip_note(rows) for value in (own["evidence"], own["rest"], other["evidence"], other["rest"]))
    assert "no better" not in clip_note(rows)
    note = scores_note("b", 0.999, (0.5, 0.999), (0.8, 0.2), 3)
    assert ">0.99" in note
    assert "the evidence and the rest the map does no better" in note
