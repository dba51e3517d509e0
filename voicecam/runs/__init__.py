"""A run: one folder in results/, filled step by step: train, evaluate, explain. Each step appears whole and is done once."""

from voicecam.runs.explaining import explain_run, random_twin
from voicecam.runs.folder import PARTS, Say, Settings, fold_places, open_run, read_predictions, read_split, start_run
from voicecam.runs.scoring import evaluate_run
from voicecam.runs.shipping import ship
from voicecam.runs.training import predict, run_dataset, run_splits, train_run

__all__ = [
    "PARTS",
    "Say",
    "Settings",
    "evaluate_run",
    "explain_run",
    "fold_places",
    "open_run",
    "predict",
    "random_twin",
    "read_predictions",
    "read_split",
    "run_dataset",
    "run_splits",
    "ship",
    "start_run",
    "train_run",
]
