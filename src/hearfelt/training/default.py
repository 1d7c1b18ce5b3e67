"""The recipe for a user's own corpus: the voice model, with labels and protocol taken from the data."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets import splits
from hearfelt.errors import CorpusError, unknown_name
from hearfelt.training import changes, table
from hearfelt.training.kinds import KINDS, Plan
from hearfelt.training.recipe import (
    DataOptions,
    FunctionalsOptions,
    LoopOptions,
    ProtocolOptions,
)
from hearfelt.training.watch import Report
from hearfelt.types import Example

MOST_FOLDS = 5
HEARD = 13_440
"""Clips that are learnt from, each counted as often as it is heard: as many as recipes/open.toml takes."""


def plan(source: str, settings: Mapping[str, Any], report: Report) -> Plan:
    """The recipe that suits a corpus, with some dotted keys set, and what was found said aloud.

    Args:
        settings: ``kind`` chooses another kind than ``voice``.

    Raises:
        CorpusError: nothing that can be learnt from.
        OptionError: a key or value that a recipe does not take.
    """
    given = dict(settings)
    kind = given.pop("kind", "voice")
    if kind not in KINDS:
        raise unknown_name("kind of recipe", kind, KINDS)
    options = KINDS[kind].options
    if not KINDS[kind].clips:
        return Plan(kind, changes.changed(options(name=_name(source)), given), {})
    asked = changes.changed(options(data=DataOptions(corpora=(), labels=())), given).data
    examples = table.read(asked, source)
    labels = asked.labels or table.labels_of(examples)
    data = DataOptions(corpora=(), labels=labels, relabel=asked.relabel, drop=asked.drop)
    parts: dict[str, Any] = {"name": _name(source), "protocol": _protocol(examples, report)}
    if kind != "classical":
        parts["loop"] = _loop(len(examples))
    if kind == "voice":
        data = dataclasses.replace(data, per_epoch=dict(Counter(e.corpus for e in examples)))
        parts["functionals"] = FunctionalsOptions(use=True, copies=2)  # clean clips alone make it mind noise
    counts = Counter(str(e.gold) for e in examples)
    report(f"{len(examples)} clips: " + ", ".join(f"{counts[name]} {name}" for name in labels))
    return Plan(kind, changes.changed(options(data=data, **parts), given), {})


def _name(source: str) -> str:
    name = Path(source.rpartition(":")[2] or source).resolve().stem
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "mine"


def _loop(n_clips: int) -> LoopOptions:
    """Few clips are heard more often, and averaged over fewer steps."""
    epochs = max(16, min(60, math.ceil(HEARD / n_clips)))
    return LoopOptions(epochs=epochs, average=0.995 if n_clips > 1500 else 0.97)


def _protocol(examples: Sequence[Example], report: Report) -> ProtocolOptions:
    """Speakers held out where they are known and there are enough; else clips, and a warning."""
    bare = sum(not e.speaker for e in examples)
    speakers = {(e.corpus, e.speaker) for e in examples if e.speaker}
    if not bare:
        for folds in range(min(MOST_FOLDS, len(speakers)), 1, -1):
            chosen = ProtocolOptions("speaker_folds", folds)
            try:
                splits.check(examples, splits.speaker_folds(examples, folds, chosen.seed))
            except CorpusError:
                continue
            report(f"{len(speakers)} speakers in {folds} folds: no speaker is both learnt from and judged")
            return chosen
    if bare:
        why = f"{bare} of {len(examples)} clips name no speaker"
    elif len(speakers) < 2:
        why = "there is one speaker only"
    else:
        why = "no dealing of the speakers leaves every label in training"
    fewest = min(Counter(e.gold for e in examples).values())
    folds = max(2, min(MOST_FOLDS, fewest))
    report(
        f"WARNING: {why}: clips are held out instead of speakers, so that the scores say nothing of people "
        "who were not heard; put the clips of each speaker into a folder (LABEL/SPEAKER/clip.wav) or fill in "
        "the column speaker"
    )
    return ProtocolOptions("clip_folds", folds)
