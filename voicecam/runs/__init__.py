"""A run: one folder in results/, filled step by step: train, evaluate, explain. Each step appears whole and is done once."""

from voicecam.runs.check_job import Effort
from voicecam.runs.checks import FULL, check_run, check_version, read_facts, read_table
from voicecam.runs.explaining import explain_run, explanation_place, run_maps
from voicecam.runs.folder import PARTS, Say, Settings, fold_places, open_run, read_predictions, read_split, start_run
from voicecam.runs.nulls import random_twin, shuffled_twin
from voicecam.runs.scoring import evaluate_run
from voicecam.runs.shipping import rescore, ship
from voicecam.runs.training import predict, recalibrate, run_dataset, run_learner, run_splits, train_run

__all__ = [
    "FULL",
    "PARTS",
    "Effort",
    "Say",
    "Settings",
    "check_run",
    "check_version",
    "evaluate_run",
    "explain_run",
    "explanation_place",
    "fold_places",
    "open_run",
    "predict",
    "random_twin",
    "read_facts",
    "read_predictions",
    "read_split",
    "read_table",
    "recalibrate",
    "rescore",
    "run_dataset",
    "run_learner",
    "run_maps",
    "run_splits",
    "ship",
    "shuffled_twin",
    "start_run",
    "train_run",
]
