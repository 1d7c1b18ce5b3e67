"""Speakers of the training part that are set apart: to stop early on and to tune on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hearfelt.datasets import splits
from hearfelt.errors import CorpusError
from hearfelt.types import Example


def split(
    examples: Sequence[Example], indices: Sequence[int], share: float, seed: int
) -> tuple[list[int], list[int]]:
    """Positions to learn from and positions to judge by, of those at ``indices``; no speaker is in both.

    The speakers are dealt as for `splits.speaker_folds` into ``round(1 / share)`` folds (at most as many as
    there are speakers), of which one judges.

    Raises:
        CorpusError: fewer than two speakers, or a label that only the speakers set apart have.
    """
    chosen = [examples[i] for i in indices]
    speakers = len({(e.corpus, e.speaker) for e in chosen})
    if speakers < 2:
        raise CorpusError(
            f"the {len(chosen)} training clips are of {speakers} speaker: stopping early needs a second one "
            "to judge by; set loop.patience = 0, or name the speakers in the table"
        )
    folds = splits.speaker_folds(chosen, max(2, min(speakers, round(1 / share))), seed)
    fold = folds[int(np.random.default_rng(seed).integers(len(folds)))]
    lost = {chosen[i].gold for i in fold.test} - {chosen[i].gold for i in fold.train}
    if lost:
        raise CorpusError(
            f"only the speakers set apart for validation have the label {', '.join(sorted(map(str, lost)))}: "
            "set loop.patience = 0, take another seed, or drop the label"
        )
    return [indices[i] for i in fold.train], [indices[i] for i in fold.test]
