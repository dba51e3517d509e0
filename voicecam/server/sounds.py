"""A recording -> its evidence and the rest as sounds, and what the model says of each; asked for when somebody wants to hear.

Integrated gradients over the mel energies say what is evidence, see explanation.carry: not the coarser map that the page draws.
"""

from typing import Any

import numpy as np

from voicecam.audio import Signal
from voicecam.errors import ExplainError
from voicecam.explanation.audible import split_by_maps
from voicecam.explanation.mel_gradients import log_mel_attribution
from voicecam.explanation.sound_scores import part_probabilities, scores_note, shifted, sound_probabilities
from voicecam.network import recordings
from voicecam.server.analysis import MAPPING, Explainer
from voicecam.server.values import plain, wav_text
from voicecam.voice_model import targets_of

SHIFTS = 5  # of the map by chance, whose sounds the scores are held against


def hear(explainer: Explainer, signal: Signal) -> dict[str, Any]:
    """Sounds and scores of the window that speaks most for the likeliest class.

    label : that class; sounds : window, evidence and rest as WAV files in base64; scores : probability of the label by each,
        and in the mean by evidence and rest of the same map shifted by chance; both None where the map is blank; words : in words
    Raises ExplainError for a recording without speech, for a speech model, and where pictures have no way back to mel energies
    (mfcc-2020).
    """
    if explainer.classifier.model.config.of_sound:
        raise ExplainError("this model is shown no mel energies, so there is no evidence to take out of the sound")
    prediction = recordings.predict_recording(explainer.classifier, signal, name="")
    if prediction.spoken is None or prediction.log_mel is None or prediction.label is None:
        raise ExplainError("no speech in this recording, so there is no evidence to hear")
    window, label = (
        recordings.strongest_window(prediction, prediction.spoken, explainer.classifier.model.config),
        prediction.label,
    )
    found = _mel_gradients(explainer, prediction.log_mel, label)
    if not (found > 0).any():
        words = f"By mel gradients nothing in the sound speaks for {label}, so there is no evidence to hear."
        return {"label": label, "sounds": None, "scores": None, "words": words}
    parts = split_by_maps(window, [found, *shifted(found, n=SHIFTS)], explainer.classifier.model.config)
    ask, column = sound_probabilities(explainer.classifier.model), targets_of(explainer.classifier.model, label)[0][0]
    whole, scores = ask([window])[0, column], part_probabilities(ask, parts)[:, :, column]  # (map, 2)
    own, other = scores[0], scores[1:].mean(axis=0)
    names = ("window", "evidence", "rest", "shifted_evidence", "shifted_rest")
    return {
        "label": label,
        "sounds": {"window": wav_text(window), "evidence": wav_text(parts[0].evidence), "rest": wav_text(parts[0].rest)},
        "scores": dict(zip(names, plain(np.array([whole, *own, *other]), 6))),
        "words": scores_note(label, whole, own, other, SHIFTS),
    }


def _mel_gradients(explainer: Explainer, log_mel: np.ndarray, label: str) -> np.ndarray:
    """Map over mel energies in dB, both float (n_mels, n_frames), for the label."""
    target, contrast = targets_of(explainer.classifier.model, label)
    with MAPPING:
        return log_mel_attribution(explainer.mapped, log_mel[None], target, contrast=contrast)[0]
