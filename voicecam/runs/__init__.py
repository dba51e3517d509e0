"""A run: one folder in results/, filled step by step: train, evaluate, explain. Each step appears whole and is done once."""

from voicecam.runs.check_files import FULL, CheckSizes, check_version, read_summary, read_table
from voicecam.runs.controls import label_shuffled_model, randomised_model
from voicecam.runs.explaining import EXPLANATIONS, explain_run, explanation_place, explanation_places, run_maps
from voicecam.runs.folder import PARTS, Settings, fold_places, open_run, read_predictions, read_split, start_run, write_split
from voicecam.runs.scoring import evaluate_run
from voicecam.runs.shipping import rescore, ship
from voicecam.runs.training import check_arch, predict, recalibrate, run_dataset, run_learner, run_splits, train_run

__all__ = [
    "EXPLANATIONS",
    "FULL",
    "PARTS",
    "CheckSizes",
    "Settings",
    "check_arch",
    "check_version",
    "evaluate_run",
    "explain_run",
    "explanation_place",
    "explanation_places",
    "fold_places",
    "label_shuffled_model",
    "open_run",
    "predict",
    "randomised_model",
    "read_predictions",
    "read_split",
    "read_summary",
    "read_table",
    "recalibrate",
    "rescore",
    "run_dataset",
    "run_learner",
    "run_maps",
    "run_splits",
    "ship",
    "start_run",
    "train_run",
    "write_split",
]
