"""One phase of a fine-tuning under transformers' Trainer: loss, epochs, checkpoints. Keeps no finished phase; see finetune.py.

Importing it imports transformers (6 s). A checkpoint counts once a file COMPLETE lies in it, which is written last.
"""

import math
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import Sampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from voicecam.errors import ModelError
from voicecam.files import read_json, write_text
from voicecam.network.drawing import Clips, Draws, Sounds, class_weights
from voicecam.network.finetune import Phase, Settings, clip_scores
from voicecam.network.hub import quiet
from voicecam.network.transformer import WaveformNetwork

COMPLETE = "complete"
State = dict[str, Any]


def train_phase(
    network: WaveformNetwork,
    clips: Clips,
    train: np.ndarray,
    valid: np.ndarray,
    phase: Phase,
    number: int,
    settings: Settings,
    folder: Path,
    log: Callable[[str], None],
) -> tuple[list[dict[str, Any]], Path]:
    """Train to the end of the phase, from the last whole checkpoint in `folder` where there is one.

    Returns the history's rows and the checkpoint of the best epoch.
    """
    last = _last_checkpoint(folder)
    state = last and read_json(last / "trainer_state.json", error=ModelError, needs={"log_history": list})
    rows = epoch_rows(state, phase.name) if state else []
    if not is_over(rows, phase, settings.best):
        freeze(network, phase.frozen, clips.sounds.shape[1])
        draws = Draws(clips, train, balanced=phase.balanced, seed=(settings.seed, number))
        watch = Watch(draws, phase, settings, folder, log)
        trainer = _trainer(network, clips, draws, valid, phase, number, settings, folder, watch)
        with quiet():
            trainer.train(resume_from_checkpoint=str(last) if last else None)
        rows = epoch_rows({"log_history": trainer.state.log_history}, phase.name)
    best = best_row(rows, settings.best)
    kept = [{key: value for key, value in row.items() if key != "step"} for row in rows]
    return kept, folder / f"checkpoint-{best['step']}"


def _trainer(
    network: WaveformNetwork,
    clips: Clips,
    draws: Draws,
    valid: np.ndarray,
    phase: Phase,
    number: int,
    settings: Settings,
    folder: Path,
    watch: "Watch",
) -> Trainer:
    gpu = torch.cuda.is_available()
    args = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=phase.epochs,
        learning_rate=phase.lr,
        warmup_steps=0.1,  # a share
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulate,
        eval_strategy="epoch",
        logging_strategy="epoch",
        save_strategy="epoch",
        logging_nan_inf_filter=False,  # Watch stops at such a loss
        fp16=gpu,
        dataloader_pin_memory=gpu,
        seed=settings.seed * 1000 + number,
        remove_unused_columns=False,
        disable_tqdm=not sys.stderr.isatty(),
        report_to=["tensorboard"] if settings.tensorboard else "none",
    )
    weights = torch.ones(len(network.classes)) if phase.balanced else class_weights(clips.targets[draws.rows])
    trainer = _Trainer(
        model=network.model,
        args=args,
        train_dataset=Sounds(clips, augment=settings.augment, seed=(settings.seed, number)),
        eval_dataset=Sounds(clips, rows=valid),
        data_collator=lambda items: _batch(network, items),
        compute_loss_func=lambda outputs, labels, num_items_in_batch=None: _loss(outputs, labels, weights, num_items_in_batch),
        compute_metrics=lambda said: clip_scores(np.asarray(said.label_ids), np.asarray(said.predictions).argmax(axis=1)),
        callbacks=[watch],
    )
    trainer.draws = draws
    trainer.remove_callback(PrinterCallback)  # Watch speaks
    return trainer


class _Trainer(Trainer):
    """The Trainer with our order of training clips."""

    draws: Draws

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler:
        return self.draws


def _batch(network: WaveformNetwork, items: list[tuple[np.ndarray, int]]) -> dict[str, torch.Tensor]:
    sounds = torch.from_numpy(np.stack([sound for sound, _ in items]))  # (clip, n)
    return {**network.prepare(sounds), "labels": torch.tensor([target for _, target in items])}


def _loss(outputs: Any, labels: torch.Tensor, weights: torch.Tensor, n_clips: Any) -> torch.Tensor:
    """Weighted cross-entropy per clip; n_clips are those of all batches of a step, None those of this batch."""
    total = F.cross_entropy(outputs.logits.float(), labels, weights.to(labels.device), reduction="none").sum()
    return total / (len(labels) if n_clips is None else n_clips)


def freeze(network: WaveformNetwork, what: str, n: int) -> None:
    """Train all but `what` of the network from now on, on clips of `n` samples; frames of short ones are not masked."""
    model = network.model
    for value in model.parameters():
        value.requires_grad = True
    model.base_model.feature_extractor._requires_grad = True
    if what != "none":
        model.freeze_feature_encoder()
    if what == "encoder":
        model.freeze_base_model()
    if int(model._get_feat_extract_output_lengths(n)) < model.config.mask_time_length:
        model.config.mask_time_prob = 0.0  # SpecAugment's spans would not fit


class Watch(TrainerCallback):
    """A line per epoch, an end when patience ends, and whole checkpoints: the best epoch's and the last one."""

    def __init__(self, draws: Draws, phase: Phase, settings: Settings, folder: Path, log: Callable[[str], None]):
        self.draws, self.phase, self.settings, self.folder, self.log = draws, phase, settings, folder, log
        self.began = time.monotonic()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.draws.epoch, self.began = int((state.epoch or 0) + 1e-6), time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        ends = math.isclose(state.epoch, round(state.epoch), abs_tol=1e-9)
        if self.settings.every and state.global_step % self.settings.every == 0 and not ends:
            control.should_save = True

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        state.log_history[-1]["seconds"] = time.monotonic() - self.began
        rows = epoch_rows({"log_history": state.log_history}, self.phase.name)
        row = rows[-1]
        if not math.isfinite(row["train_loss"] + row["valid_loss"]):
            raise ModelError(f"the loss is {row['train_loss'] + row['valid_loss']}: training fell apart; take a lower --lr")
        self.log(
            f"phase {self.phase.name}, epoch {row['epoch']:2d}: loss {row['train_loss']:.3f} (training) "
            f"{row['valid_loss']:.3f} (validation), balanced accuracy {row['valid_balanced_accuracy']:.3f}, "
            f"macro F1 {row['macro_f1']:.3f} (validation), {row['seconds']:.0f} s"
        )
        if is_over(rows, self.phase, self.settings.best) and row["epoch"] < self.phase.epochs:
            self.log(f"phase {self.phase.name}: stopped, nothing better for {self.phase.patience} epochs")
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        write_text(self.folder / f"checkpoint-{state.global_step}" / COMPLETE, "")
        rows = epoch_rows({"log_history": state.log_history}, self.phase.name)
        keep = {state.global_step, best_row(rows, self.settings.best)["step"] if rows else state.global_step}
        for path in self.folder.glob("checkpoint-*"):
            if int(path.name.split("-")[1]) not in keep:
                _delete(path)


def epoch_rows(state: State, phase: str) -> list[dict[str, Any]]:
    """The history of a Trainer's state: one row per finished epoch, with the step that it ended at."""
    rows: list[dict[str, Any]] = []
    loss = float("nan")
    for entry in state["log_history"]:
        loss = entry.get("loss", loss)
        if "eval_loss" in entry:
            rows.append(
                {
                    "phase": phase,
                    "epoch": len(rows) + 1,
                    "train_loss": loss,
                    "valid_loss": entry["eval_loss"],
                    "valid_balanced_accuracy": entry["eval_balanced_accuracy"],
                    "macro_f1": entry["eval_macro_f1"],
                    "seconds": entry.get("seconds", 0.0),
                    "step": entry["step"],
                }
            )
    return rows


def best_row(rows: list[dict[str, Any]], best: str) -> dict[str, Any]:
    """The epoch with the highest score; of several, the one with the lowest loss."""
    score = "macro_f1" if best == "macro_f1" else "valid_balanced_accuracy"
    return max(rows, key=lambda row: (row[score], -row["valid_loss"]))


def is_over(rows: list[dict[str, Any]], phase: Phase, best: str) -> bool:
    """Whether all epochs ran, or patience ended."""
    return bool(rows) and (len(rows) >= phase.epochs or len(rows) - best_row(rows, best)["epoch"] >= phase.patience)


def _last_checkpoint(folder: Path) -> Path | None:
    """The last whole checkpoint; those that are not whole are deleted."""
    whole = []
    for path in folder.glob("checkpoint-*"):
        if (path / COMPLETE).is_file():
            whole.append(path)
        else:
            _delete(path)
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def _delete(checkpoint: Path) -> None:
    """Delete a checkpoint; it is no whole one any more as soon as that begins."""
    (checkpoint / COMPLETE).unlink(missing_ok=True)
    shutil.rmtree(checkpoint)
