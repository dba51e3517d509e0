"""Facts counted by hand on made recordings; a planted confound must be found and flagged, an unrelated one must not."""

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from scipy.signal import butter, sosfilt

from voicecam.audio import Signal
from voicecam.config import recipe
from voicecam.corpora.table import make_corpus
from voicecam.errors import ExplainError
from voicecam.explanation.confounds import audit, audit_sentences, corpus_features, recording_features
from voicecam.figures import figure
from voicecam.figures.confounds import plot_confounds

RATE = 16_000
CONFIG = recipe("logmel", seconds=1.0)


def facts_of(samples, rate=RATE):
    return recording_features(Signal(np.asarray(samples, dtype=np.float32), rate), CONFIG)


def test_facts_of_a_tone_between_two_silences():
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE // 2) / RATE)
    found = facts_of(np.concatenate([np.zeros(RATE // 10), tone, np.zeros(RATE // 5)]))
    assert found["duration_s"] == pytest.approx(0.8)
    assert found["padding"] == pytest.approx(0.2)
    assert found["edge_silence"] == pytest.approx(0.3 / 0.8, abs=0.01)
    assert found["level_dbfs"] == pytest.approx(10 * np.log10(0.125 * 5 / 8), abs=0.05)
    assert found["peak_dbfs"] == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert found["noise_dbfs"] == pytest.approx(10 * np.log10(0.125), abs=0.05), "digital zeros are no noise floor"
    assert found["clipped"] == 0
    assert found["rate_hz"] == RATE


def test_the_noise_floor_is_that_of_the_pauses(rng):
    noise = 0.001 * rng.standard_normal(RATE)  # -60 dBFS
    noise[: RATE // 2] += 0.3 * np.sin(2 * np.pi * 300 * np.arange(RATE // 2) / RATE)
    assert facts_of(noise)["noise_dbfs"] == pytest.approx(-60, abs=1.5)
    assert facts_of(noise)["padding"] == 0


def test_clipping_is_the_share_of_samples_at_full_scale():
    wave = np.clip(2 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE), -1, 1)  # at full scale for 2/3 of the time
    assert facts_of(wave)["clipped"] == pytest.approx(2 / 3, abs=0.01)


def test_the_band_limit_is_where_a_steep_filter_cuts(rng):
    noise = 0.1 * rng.standard_normal(4 * RATE)
    assert facts_of(noise)["band_hz"] == pytest.approx(8000, abs=40)
    cut = sosfilt(butter(40, 3400, output="sos", fs=RATE), noise)
    assert 3400 < facts_of(cut)["band_hz"] < 4600


@pytest.mark.parametrize("n", [1, 50, 5000])
def test_silence_and_noise_do_not_crash(rng, n):
    assert facts_of(np.zeros(n))["edge_silence"] == 1
    assert np.isfinite(list(facts_of(0.1 * rng.standard_normal(max(n, 2))).values())).all()


def test_every_clip_is_read_as_it_lies_on_disk(tmp_path, rng):
    rows = []
    for i, (rate, seconds) in enumerate([(8000, 0.5), (16_000, 1.0), (22_050, 2.0)]):
        sf.write(tmp_path / f"{i}.wav", 0.1 * rng.standard_normal(round(rate * seconds)), rate)
        rows.append({"path": f"{i}.wav", "speaker": str(i), "gender": "female", "room": f"room {i}"})
    seen = []
    found = corpus_features(
        make_corpus("made", tmp_path, rows), CONFIG, progress=lambda items, total: seen.append(total) or items
    )
    np.testing.assert_allclose(found["rate_hz"], [8000, 16_000, 22_050])
    np.testing.assert_allclose(found["duration_s"], [0.5, 1.0, 2.0])
    np.testing.assert_allclose(found["padding"], [0.5, 0, 0])
    assert list(found["room"]) == ["room 0", "room 1", "room 2"]
    assert "corpus" not in found
    assert seen == [3]


def test_matrices_have_no_recordings_to_audit(tmp_path):
    corpus = make_corpus("made", tmp_path, [{"path": "a", "speaker": "a"}], matrices=tmp_path / "m.npz")
    with pytest.raises(ExplainError, match="no recordings"):
        corpus_features(corpus, CONFIG)


@pytest.fixture
def people(rng):
    """40 speakers of two classes, 10 clips each. The second class lasts 0.6 to 1 s, the first less or more."""
    speakers = np.repeat([f"s{i:02d}" for i in range(40)], 10)
    labels = np.where(np.repeat(np.arange(40) % 2, 10) == 1, "male", "female")
    middle, outside = rng.uniform(0.6, 1.0, 400), rng.choice([0.4, 1.2], 400) + rng.uniform(-0.1, 0.1, 400)
    facts = pd.DataFrame(
        {
            "duration_s": np.where(labels == "male", middle, outside),
            "level_dbfs": rng.normal(-20, 3, 400),
            "noise_dbfs": np.repeat(rng.normal(-60, 5, 40), 10),  # each speaker's own
            "rate_hz": 16_000.0,
            "room": np.where((labels == "male") ^ (rng.random(400) < 0.2), "studio", "kitchen"),
        }
    )
    return facts, labels, speakers


def test_a_planted_confound_is_found_and_an_unrelated_one_is_not(people):
    table = audit(*people).set_index("fact")
    duration = table.loc["duration_s"]
    assert duration["balanced_accuracy"] > 0.9
    assert duration["flagged"]
    assert duration["low"] <= duration["balanced_accuracy"] <= duration["high"]
    assert table.loc["room", "balanced_accuracy"] == pytest.approx(0.8, abs=0.06)
    assert table.loc["room", "flagged"]
    assert table.loc["level_dbfs", "balanced_accuracy"] == pytest.approx(0.5, abs=0.1)
    assert not table.loc["level_dbfs", "flagged"]
    assert table.loc["noise_dbfs", "low"] < 0.5 < table.loc["noise_dbfs", "high"], "40 speakers, one value each: a wide interval"
    assert table.loc["all together", "balanced_accuracy"] > 0.9
    assert (table["chance"] == 0.5).all()


def test_what_is_the_same_in_all_clips_tells_nothing(people):
    facts, labels, speakers = people
    table = audit(facts, labels, speakers)
    row = table[table["fact"] == "rate_hz"].iloc[0]
    assert (row["balanced_accuracy"], row["low"], row["high"]) == (0.5, 0.5, 0.5)
    assert row["same"]
    assert not row["flagged"]
    said = audit_sentences(table)
    assert said[0].startswith("Warning: duration alone tells the label with")
    assert "400 clips of 40 speakers; chance 50 %" in said[0]
    assert said[-1] == "The same in all clips, so nothing to tell from: sample rate."


def test_a_known_speaker_does_not_help(rng):
    """Each speaker's own value, the labels at random: only who met the speaker could know the label."""
    labels = rng.permutation(np.repeat(["female", "male"], 15))
    facts = pd.DataFrame({"level_dbfs": np.repeat(rng.normal(-20, 5, 30), 20)})
    table = audit(facts, np.repeat(labels, 20), np.repeat(np.arange(30).astype(str), 20))
    assert table["balanced_accuracy"].iloc[0] < 0.72
    assert table["low"].iloc[0] < 0.5


def test_unknown_values_are_no_obstacle(people):
    facts, labels, speakers = people
    holes = facts.assign(duration_s=facts["duration_s"].mask(np.arange(400) % 20 == 0), level_dbfs=-np.inf)
    table = audit(holes, labels, speakers).set_index("fact")
    assert table.loc["duration_s", "balanced_accuracy"] > 0.85
    assert table.loc["level_dbfs", "same"]


def test_a_flag_that_may_be_chance_says_so_and_no_flag_says_that_too(people):
    facts, labels, speakers = people
    table = audit(facts[["level_dbfs"]], labels, speakers)
    assert audit_sentences(table)[0].startswith("No single fact of the recordings is flagged; the highest is level")
    doubtful = table.assign(flagged=True, low=0.45, balanced_accuracy=0.62, high=0.8)
    assert "level alone tells the label with 62 % [45, 80]" in audit_sentences(doubtful)[0]
    assert audit_sentences(doubtful)[0].endswith("may be chance.")


def test_the_same_seed_gives_the_same_table(people):
    facts, labels, speakers = people
    once, again = (audit(facts[["room"]], labels, speakers, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(once, again)


def test_what_cannot_be_audited_is_refused(people):
    facts, labels, speakers = people
    with pytest.raises(ExplainError, match="400 facts, 399 labels"):
        audit(facts, labels[:-1], speakers)
    with pytest.raises(ExplainError, match="1 clips have no label"):
        audit(facts, [None, *labels[1:]], speakers)
    with pytest.raises(ExplainError, match="give two or more of each"):
        audit(facts, labels, np.where(labels == "male", "one", speakers))


def test_the_figure_shows_each_fact_at_its_score(people):
    table = audit(*people)
    dots = plot_confounds(table, limit=0.6, ax=figure(3)[1])
    np.testing.assert_allclose(dots.get_offsets()[:, 0], table["balanced_accuracy"])
