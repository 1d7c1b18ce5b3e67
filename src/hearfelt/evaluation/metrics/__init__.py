"""How good the answers are: recalls, F1, calibration, label sets, selective risk, curves, and intervals.

Labels are strings or integers; probabilities have shape ``(n, n_labels)`` and gold labels are then column
numbers. Everything is numpy and is checked against scikit-learn or scipy in the tests.
"""

from hearfelt.evaluation.metrics.calibration import (
    adaptive_ece,
    brier,
    classwise_ece,
    ece,
    log_loss,
    reliability,
)
from hearfelt.evaluation.metrics.dimensions import ccc, pearson, rmse
from hearfelt.evaluation.metrics.labels import (
    OF_COUNTS,
    accuracy,
    accuracy_of,
    confusion,
    f1,
    f1_of,
    recalls,
    uar,
    uar_of,
)
from hearfelt.evaluation.metrics.multilabel import hamming, lrap, multilabel_f1
from hearfelt.evaluation.metrics.resampling import bootstrap, members, redrawn
from hearfelt.evaluation.metrics.selective import (
    aurc,
    conformal_sets,
    excess_aurc,
    risk_coverage,
    set_coverage,
    set_size,
)
from hearfelt.evaluation.metrics.soft import js, kl

__all__ = [
    "OF_COUNTS",
    "accuracy",
    "accuracy_of",
    "adaptive_ece",
    "aurc",
    "bootstrap",
    "brier",
    "ccc",
    "classwise_ece",
    "conformal_sets",
    "confusion",
    "ece",
    "excess_aurc",
    "f1",
    "f1_of",
    "hamming",
    "js",
    "kl",
    "log_loss",
    "lrap",
    "members",
    "multilabel_f1",
    "pearson",
    "recalls",
    "redrawn",
    "reliability",
    "risk_coverage",
    "rmse",
    "set_coverage",
    "set_size",
    "uar",
    "uar_of",
]
