"""What a network says of the sounds that a map makes: the evidence alone and the rest alone, beside maps that know no network.

The measures are those of listenable maps (Parekh et al. 2022, "Listen to Interpret"; Paissan et al. 2024, "Listenable Maps for
Audio Classifiers"), asked of the sounds as they are played. Makes no map of a network and plays nothing.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import softmax

from voicecam.audio import Signal
from voicecam.errors import ExplainError
from voicecam.evaluation.intervals import over_speakers
from voicecam.explanation.audible import Audible, split_by_maps
from voicecam.explanation.bandstop import window_logits
from voicecam.network import Model

OWN, SHIFTED, LOUDEST = "mel gradients", "the same map, shifted", "the loudest cells"  # maps whose sounds are asked about
SHIFTS = 3  # random shifts of a map; the scores of their sounds are averaged
MEASURES = {  # name -> whether it is a share of clips
    "average_increase": True,
    "average_drop": False,
    "average_gain": False,
    "fidelity_in": True,
    "rest_kept": True,
    "faithfulness": False,
    "evidence": False,
    "rest": False,
}
OTHERS = {"shifted": SHIFTED, "loudest": LOUDEST}  # what OWN is held against
PARTS = (("evidence", "the evidence alone", 1), ("rest", "the rest alone", -1))  # measure, in words, the better sign
Probabilities = Callable[[Sequence[Signal]], np.ndarray]


def sound_probabilities(model: Model) -> Probabilities:
    """The model as it is asked about sounds: windows of config.n_samples -> probabilities, float (signal, class), at its
    temperature; through its own features, as `bandstop.window_logits` prepares them."""
    logits = window_logits(model)
    return lambda signals: softmax(logits(list(signals)).astype(np.float64) / model.temperature, axis=1)


def shifted(map: np.ndarray, *, n: int = SHIFTS, seed: int = 0) -> list[np.ndarray]:
    """The map (h, w) moved along both axes by chance, n times; what leaves at one end comes in at the other.

    It keeps its values, so its positive mass, and its shapes; only where they lie is left to chance. Of the places of a map with
    more than one cell its own is left out.
    """
    h, w = map.shape
    places = np.random.default_rng(seed).permutation(np.arange(min(1, h * w - 1), h * w))
    return [np.roll(map, divmod(int(places[i % len(places)]), w), axis=(0, 1)) for i in range(n)]


def loudest(map: np.ndarray, log_mel: np.ndarray) -> np.ndarray:
    """The map's values (h, w) dealt out anew by the loudness of the cells, `log_mel` (h, w) in dB: the highest to the loudest.

    What sounds like evidence because it is loud is in this one too.
    """
    found = np.empty(map.size)
    found[np.argsort(log_mel, axis=None, kind="stable")] = np.sort(map, axis=None)
    return found.reshape(map.shape)


def part_probabilities(probabilities: Probabilities, parts: Sequence[Audible]) -> np.ndarray:
    """Probabilities by the evidence and by the rest of each, as they are played, float (part, 2, class), in one question."""
    found = probabilities([sound for part in parts for sound in (part.evidence, part.rest)])
    return found.reshape(len(parts), 2, -1)  # (part * 2, class) -> (part, 2, class)


def measures(clip: np.ndarray, parts: np.ndarray) -> dict[str, np.ndarray]:
    """The MEASURES of each clip, float (clip,), for the class that the network names in the clip itself.

    clip : probabilities, float (clip, class); parts : of its evidence and its rest, float (clip, 2, class)
    With p, e, r the probabilities of that class by the clip, its evidence and its rest:
        average_increase (AI): 1 where e > p. average_drop (AD): max(0, p - e) / p (both Chattopadhay et al. 2018).
        average_gain (AG): max(0, e - p) / (1 - p) (Zhang et al. 2023, Opti-CAM); NaN where p is 1.
        fidelity_in (Fid-In): 1 where the evidence alone is classified as the clip (Paissan et al. 2024).
        rest_kept: 1 where the rest alone is. faithfulness (FF): p - r, the fall without the evidence (Parekh et al. 2022).
        evidence, rest: e and r.
    High is good but for average_drop, rest_kept and rest. Raises ExplainError for shapes that do not fit.
    """
    if clip.ndim != 2 or parts.shape != (len(clip), 2, clip.shape[1]):
        raise ExplainError(
            f"probabilities {clip.shape} of clips and {parts.shape} of parts; give (clip, class), (clip, 2, class)"
        )
    named, at = clip.argmax(axis=1), np.arange(len(clip))
    p, (e, r) = clip[at, named], parts[at, :, named].T
    kept = parts.argmax(axis=2) == named[:, None]  # (clip, 2)
    room = np.where(p < 1, 1 - p, np.nan)
    return {
        "average_increase": (e > p).astype(float),
        "average_drop": np.maximum(0, p - e) / p,
        "average_gain": np.maximum(0, e - p) / room,
        "fidelity_in": kept[:, 0].astype(float),
        "rest_kept": kept[:, 1].astype(float),
        "faithfulness": p - r,
        "evidence": e,
        "rest": r,
    }


def clip_scores(
    model: Model, signals: Sequence[Signal], maps: np.ndarray, log_mel: np.ndarray, target: np.ndarray, speakers: Sequence[str]
) -> pd.DataFrame:
    """The MEASURES of every clip, one row for each map of OWN, SHIFTED (mean over SHIFTS) and LOUDEST.

    signals : prepared windows; maps : float (clip, n_mels, n_frames), over mel energies; log_mel : dB, same shape
    target : int (clip,), classes that the maps are for. Clips that the network names otherwise are left out, since the measures
        are about the class that it names; so are clips with a blank map.
    Returns columns map, clip, speaker, class, probability (of the class, by the clip itself), MEASURES.
    """
    ask, rows = sound_probabilities(model), []
    whole = ask(signals)
    for i in map(int, np.flatnonzero((whole.argmax(axis=1) == target) & (maps > 0).any(axis=(1, 2)))):
        made = {OWN: [maps[i]], SHIFTED: shifted(maps[i], seed=i), LOUDEST: [loudest(maps[i], log_mel[i])]}
        maps_of = [one for some in made.values() for one in some]
        parts = part_probabilities(ask, split_by_maps(signals[i], maps_of, model.config))
        found = pd.DataFrame(measures(np.repeat(whole[[i]], len(parts), axis=0), parts))
        found = found.groupby(np.repeat(list(made), [len(some) for some in made.values()]), sort=False).mean()
        about = {"clip": i, "speaker": speakers[i], "class": model.classes[target[i]], "probability": whole[i, target[i]]}
        rows.append(found.rename_axis("map").reset_index().assign(**about))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["map", "clip", "speaker", *MEASURES])


def score_table(clips: pd.DataFrame) -> pd.DataFrame:
    """One row per map of what `clip_scores` gave: map, clips, speakers, and each of MEASURES with _low and _high, means over
    speakers with 95 % intervals; and MEASURE_over_shifted, MEASURE_over_loudest: OWN less the other on the same clips."""
    of = {name: table.set_index("clip") for name, table in clips.groupby("map", sort=False)}
    rows = []
    for name, table in of.items():
        row = {"map": name, "clips": len(table), "speakers": table["speaker"].nunique()}
        for measure, share in MEASURES.items():
            row |= _named(measure, over_speakers(table[measure], table["speaker"], share=share))
            if name == OWN:
                for word, other in OTHERS.items():
                    gap = table[measure] - of[other][measure]
                    row |= _named(f"{measure}_over_{word}", over_speakers(gap, table["speaker"]))
        rows.append(row)
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["map", *MEASURES])


def score_sentences(table: pd.DataFrame) -> list[str]:
    """What `score_table` found, in plain words; also where a map that knows no network does as well."""
    if table.empty:
        return ["No clip was left to ask the network about."]
    by = table.set_index("map")
    own = by.loc[OWN]
    return [
        f"The network was asked about these sounds, of {own['clips']:.0f} tested clips of {own['speakers']:.0f} speakers that it "
        f"classified correctly. The evidence alone is classified as the clip in {_shares(by, 'fidelity_in')}, the rest alone in "
        f"{_shares(by, 'rest_kept')}.",
        *(_compared(own, measure, part, sign) for measure, part, sign in PARTS),
    ]


def clip_note(rows: pd.DataFrame) -> str:
    """What stands under a clip's players, of its rows of `clip_scores`."""
    by = rows.set_index("map")
    own, other = by.loc[OWN], by.loc[SHIFTED]
    return scores_note(own["class"], own["probability"], own[["evidence", "rest"]], other[["evidence", "rest"]], SHIFTS)


def scores_note(label: str, clip: float, own: Sequence[float], other: Sequence[float], n: int) -> str:
    """The network's scores for the sounds of one clip in words.

    clip, own, other : probability of `label` by the clip, by (evidence, rest), and by those of `n` shifted maps in the mean
    """
    (e, r), (e_other, r_other) = own, other
    poor = [word for word, worse in (("evidence", e <= e_other), ("rest", r >= r_other)) if worse]
    doubt = f" By the {' and the '.join(poor)} the map does no better here than a shifted one." if poor else ""
    return (
        f"The network's probability of {label}: the clip {_two(clip)}; the evidence alone {_two(e)}, the rest alone {_two(r)}; "
        f"with the map shifted by chance (mean of {n}) {_two(e_other)} and {_two(r_other)}.{doubt}"
    )


def _two(p: float) -> str:
    """A probability with two digits; 1 and 0 are kept for certainty, which a network does not have."""
    return ">0.99" if 0.995 <= p < 1 else "<0.01" if 0 < p < 0.005 else f"{p:.2f}"


def _compared(own: pd.Series, measure: str, part: str, sign: int) -> str:
    """Whether a part does better than with the other maps; sign : 1 where a high probability of the class is better, else -1."""
    said = []
    for word, other in OTHERS.items():
        value, *ends = (own[f"{measure}_over_{word}{end}"] for end in ("", "_low", "_high"))
        spread = "" if np.isnan(ends).any() else " [{:+.2f}, {:+.2f}]".format(*ends)
        better = min(sign * end for end in ends) > 0  # False where there is no interval
        said.append(f"{value:+.2f}{spread} against {other} ({'better' if better else 'NOT shown to be better'})")
    return f"Probability of the class by {part}, difference: {'; '.join(said)}."


def _shares(by: pd.DataFrame, measure: str) -> str:
    """ "96 % [90, 99] (the same map, shifted: 80 %; the loudest cells: 98 %)" """
    own, others = by.loc[OWN], [f"{name}: {100 * row[measure]:.0f} %" for name, row in by.drop(OWN).iterrows()]
    low, high = own[f"{measure}_low"], own[f"{measure}_high"]
    ends = "" if np.isnan(low) else f" [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * own[measure]:.0f} %{ends} ({'; '.join(others)})"


def _named(name: str, found: dict[str, float]) -> dict[str, float]:
    return {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}
