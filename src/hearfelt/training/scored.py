"""Answers for held-out clips, joined and scored: ``heldout.npz`` and ``scores.json``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.datasets.splits import Split
from hearfelt.errors import OptionError
from hearfelt.evaluation import metrics, protocols
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.training.files import atomic, write_json
from hearfelt.types import Example


def unfinished(
    folds: Sequence[Split], out: Path, only: Sequence[int], done: str
) -> Iterator[tuple[int, Split, Path]]:
    """Number, split and folder of each fold that is still to be learnt.

    Args:
        only: these folds alone; all where it is empty.
        done: the file that a fold writes last.
    """
    for number, split in enumerate(folds):
        folder = out / f"fold{number}"
        if (not only or number in only) and not (folder / done).is_file():
            yield number, split, folder


def held_out(
    examples: Sequence[Example],
    labels: Sequence[str],
    logits: npt.NDArray[Any],
    fold: int,
    *,
    gold: Sequence[str] | None = None,
    durations_s: npt.NDArray[Any] | None = None,
) -> HeldOut:
    """What a model said of clips that it has not heard.

    Args:
        logits: ``(n_clips, n_labels)``.
        gold: where the examples' own labels are not what was learnt.
        durations_s: zeros where None.
    """
    return HeldOut(
        file=np.array([Path(e.file).name for e in examples]),
        corpus=np.array([e.corpus for e in examples]),
        speaker=np.array([e.speaker or "" for e in examples]),
        gender=np.array([e.gender or "" for e in examples]),
        gold=np.array([e.gold or "" for e in examples] if gold is None else gold),
        labels=np.array(labels),
        logits=logits,
        duration_s=np.zeros(len(examples), dtype=np.float32) if durations_s is None else durations_s,
        fold=np.full(len(examples), fold, dtype=np.int64),
    )


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
