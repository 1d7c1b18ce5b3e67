"""The table a recipe learns from: known corpora of a data folder, or whatever the user has."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets import corpora, manifest
from hearfelt.errors import CorpusError
from hearfelt.training.recipe import DataOptions
from hearfelt.types import Example, to_dict


def read(options: DataOptions, data: Path) -> list[Example]:
    """The examples to learn from, relabelled.

    Args:
        data: the folder that holds ``audio/<corpus>`` where the recipe names corpora; else what
            `hearfelt.datasets.read` takes: a folder per class, a table, a known corpus.

    Raises:
        CorpusError: a corpus is missing or broken, or a label is neither learnt, mapped nor dropped.
    """
    if options.corpora:
        parts = [corpora.read(name, data) for name in options.corpora]
    else:
        parts = [_own(data)]
    found: list[Example] = []
    for part in parts:
        wanted = options.labels or [str(options.relabel.get(str(e.gold), str(e.gold))) for e in part]
        found += manifest.relabel(part, mapping=options.relabel, drop=options.drop, labels=wanted)
    if not found:
        raise CorpusError(f"{data} holds no labelled clip to learn from: label some, or drop fewer labels")
    return found


def _own(data: Path) -> list[Example]:
    from hearfelt.datasets import corpora as known  # readers: datasets.read

    return known.read(data.name, data.parent.parent)


def labels_of(examples: Sequence[Example]) -> tuple[str, ...]:
    """The gold labels of a table, sorted.

    Raises:
        CorpusError: an example without one, or fewer than two labels.
    """
    bare = [e.file for e in examples if e.gold is None]
    if bare:
        raise CorpusError(
            f"{len(bare)} of {len(examples)} clips have no label, the first is {bare[0]}: "
            "label them or leave them out"
        )
    labels = tuple(sorted({str(e.gold) for e in examples}))
    if len(labels) < 2:
        raise CorpusError(
            f"the {len(examples)} clips have the labels {', '.join(labels) or 'none'}: "
            "a model needs at least two to tell apart"
        )
    return labels


def facts(examples: Sequence[Example], data: Path) -> dict[str, Any]:
    """What a run says of its data: where it was, a hash of the table, and counts by corpus."""
    return {
        "source": str(data),
        "sha256": digest(examples),
        "clips": len(examples),
        "corpora": {name: _corpus([e for e in examples if e.corpus == name]) for name in _corpora(examples)},
    }


def digest(examples: Sequence[Example]) -> str:
    """SHA-256 over all rows in order; of a file its name and size count, not where its folder is."""
    state = hashlib.sha256()
    for example in examples:
        path = Path(example.file)
        size = path.stat().st_size if path.is_file() else -1
        row = to_dict(example) | {"file": path.name, "size": size}
        state.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode())
    return state.hexdigest()


def _corpora(examples: Sequence[Example]) -> list[str]:
    return list(dict.fromkeys(e.corpus for e in examples))


def _corpus(examples: Sequence[Example]) -> dict[str, Any]:
    return {
        "clips": len(examples),
        "speakers": len({e.speaker for e in examples if e.speaker}),
        "languages": sorted({e.language for e in examples if e.language}),
        "licences": sorted({e.licence for e in examples if e.licence}),
        "labels": dict(sorted(Counter(str(e.gold) for e in examples).items())),
    }
