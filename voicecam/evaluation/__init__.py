"""Tables of predictions -> scores, calibration, decisions, comparisons and groups, with intervals over speakers.

Knows nothing of networks: predictions come as a table, from wherever.
"""

from voicecam.evaluation.calibration import (
    BINS,
    at_temperature,
    brier,
    calibration,
    calibration_error,
    fit_temperature,
    reliability,
)
from voicecam.evaluation.compare import compare
from voicecam.evaluation.corpora import corpora_of, corpus_scores, corpus_table, over_corpora
from voicecam.evaluation.decision import (
    NEVER,
    UNCERTAIN,
    abstention,
    area_under_risk,
    calibrate,
    check_classes,
    choose_threshold,
    confidence_and_right,
    cross_calibrate,
    decide,
    guarantee,
    risk_coverage,
    speakers_needed,
)
from voicecam.evaluation.groups import per_group
from voicecam.evaluation.intervals import Interval
from voicecam.evaluation.scores import BASELINES, baseline_predictions, evaluate, per_speaker, prediction_table, worst_mistakes
from voicecam.evaluation.tables import all_corpora, all_scores, all_tables

__all__ = [
    "BASELINES",
    "BINS",
    "NEVER",
    "UNCERTAIN",
    "Interval",
    "abstention",
    "all_corpora",
    "all_scores",
    "all_tables",
    "area_under_risk",
    "at_temperature",
    "baseline_predictions",
    "brier",
    "calibrate",
    "calibration",
    "calibration_error",
    "check_classes",
    "choose_threshold",
    "compare",
    "confidence_and_right",
    "corpora_of",
    "corpus_scores",
    "corpus_table",
    "cross_calibrate",
    "decide",
    "evaluate",
    "fit_temperature",
    "guarantee",
    "over_corpora",
    "per_group",
    "per_speaker",
    "prediction_table",
    "reliability",
    "risk_coverage",
    "speakers_needed",
    "worst_mistakes",
]
