"""An evaluated run of a speech model -> maps of some of its test clips by band and time, beside those of random weights.

What runs.explaining does for networks on pictures. A map costs a hundred passes of the model, so a part of the clips is
explained.
"""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voicecam.data.dataset import Dataset
from voicecam.errors import AudioError, ExplainError
from voicecam.explanation.bands import Bands, band_shares, bands_by_class
from voicecam.explanation.listening import (
    N_STEPS,
    OCCLUSION,
    heard_window,
    occlusion_beside_random,
    on_samples,
    random_head,
    sound_bands,
)
from voicecam.explanation.waveform_gradients import integrated_gradients_map
from voicecam.files import write_bytes, write_json, write_text
from voicecam.progress import Log, Progress
from voicecam.runs.fold_clips import FoldClips, clips_of_run

CLIPS, CLIPS_FULL = 48, 240  # that are explained


def explain_sound_run(
    folder: Path,
    dataset: Dataset,
    wanted: dict[str, str],
    *,
    place: Path,
    method: str,
    target: str,
    full: bool = False,
    log: Log = print,
    progress: Progress = lambda items, total: items,
) -> dict[str, Any]:
    """Maps of about CLIPS tested clips, classes and speakers alike: cams.npz, bands_by_class.csv and, last, explanation.json.

    wanted : what explanation.json says of how they were made
    The control is the same head with random weights on the same encoder; a model that was fine-tuned whole, with all its weights
    random.
    """
    bands, folds = sound_bands(dataset.config), clips_of_run(folder, dataset, CLIPS_FULL if full else CLIPS, target)
    total = sum(len(clips.table) for clips in folds)
    log(
        f"maps of {total} tested clips by {wanted['method'].lower()} of the sound: {len(bands.limits)} bands, {N_STEPS} stretches"
    )
    rows: list[dict[str, Any]] = []
    maps, controls = [], []
    jobs = [(clips, i) for clips in folds for i in range(len(clips.table))]
    asked: dict[int, Any] = {}
    for clips, i in progress(jobs, len(jobs)):
        if clips.number not in asked:
            asked = {clips.number: _Asked(clips)}  # one fold's networks at a time
        found = asked[clips.number].maps(i, method, bands)
        if found is not None:
            maps.append(found[0])
            controls.append(found[1])
            rows.append(clips.table.iloc[i].to_dict())
    if not rows:
        raise ExplainError(f"{folder}: none of {total} tested clips can be explained; look at their sound files")
    return _write(place, np.stack(maps), np.stack(controls), pd.DataFrame(rows), bands, wanted)


class _Asked:
    """A fold's network and the same with random weights."""

    def __init__(self, clips: FoldClips):
        self.clips = clips
        self.random = random_head(clips.model, seed=clips.number)

    def maps(self, i: int, method: str, bands: Bands) -> tuple[np.ndarray, np.ndarray] | None:
        """Map and control of a clip, float (band, step) each; None where it can no longer be read."""
        clips, config = self.clips, self.clips.model.config
        target, contrast = int(clips.target[i]), None if clips.contrast is None else int(clips.contrast[i])
        try:
            samples = heard_window((clips.paths or ())[i], config)
        except (AudioError, OSError):
            return None
        place: dict[str, Any] = {"samples": samples, "rate": config.sample_rate, "limits": bands.limits, "steps": N_STEPS}
        if method == OCCLUSION:
            return occlusion_beside_random(clips.model, self.random, samples, target=target, contrast=contrast)
        networks = [on_samples(clips.model), on_samples(replace(clips.model, network=self.random))]
        if networks[0] is None or networks[1] is None:
            raise ExplainError(f"integrated gradients: {config.encoder} runs outside of torch; use method {OCCLUSION}")
        first, second = (integrated_gradients_map(net, **place, target=target, contrast=contrast)[0] for net in networks if net)
        return first, second


def _write(
    place: Path, maps: np.ndarray, controls: np.ndarray, table: pd.DataFrame, bands: Bands, wanted: dict[str, str]
) -> dict[str, Any]:
    arrays = {name: table[name].to_numpy(dtype=str) for name in ("path", "speaker", "true", "predicted")}
    buffer = BytesIO()
    np.savez_compressed(buffer, maps=maps, random_weights_maps=controls, fold=table["fold"].to_numpy(), **arrays)
    write_bytes(place / "cams.npz", buffer.getvalue())
    shares, null = band_shares(maps), band_shares(controls)
    right = (table["true"] == table["predicted"]).to_numpy()
    found = bands_by_class(shares, null, list(table["true"]), list(table["speaker"]), bands, right=right)
    write_text(place / "bands_by_class.csv", found.to_csv(index=False, float_format="%.6g"))
    blank = np.isnan(shares[:, 0])
    facts = {
        **wanted,
        "grid": list(maps.shape[1:]),
        "clips": len(table),
        "blank": {name: int(blank[(table["true"] == name).to_numpy()].sum()) for name in sorted(table["true"].unique())},
        "random_weights_blank": int(np.isnan(null[:, 0]).sum()),
        "shuffled_labels_clips": 0,
    }
    write_json(place / "explanation.json", facts)
    return facts
