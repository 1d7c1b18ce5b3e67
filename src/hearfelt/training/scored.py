"""The answers of all finished folds, joined and scored: ``heldout.npz`` and ``scores.json``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hearfelt.errors import OptionError
from hearfelt.evaluation import metrics, protocols
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.training.files import atomic, write_json


def collect(out: Path) -> HeldOut:
    """Join what the finished folds said, and write it and its scores.

    Raises:
        OptionError: no fold is finished.
    """
    parts = [protocols.load(path) for path in sorted(out.glob("fold*/heldout.npz"))]
    if not parts:
        raise OptionError(f"no fold of {out} is finished: run its folds first")
    held = protocols.join(parts)
    with atomic(out / "heldout.npz") as part, part.open("wb") as stream:
        held.save(stream)
    write_json(
        out / "scores.json", protocols.by_group(held) | {"mean_over_folds": protocols.mean_over_folds(held)}
    )
    return held


def uar(held: HeldOut) -> float:
    """UAR, the mean over corpora."""
    each = [held.where(held.corpus == corpus) for corpus in np.unique(held.corpus)]
    return float(np.mean([metrics.uar(part.gold, part.predicted) for part in each]))
