"""The table a recipe learns from: known corpora of a data folder, or whatever the user has."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets import corpora, formats, manifest, votes
from hearfelt.datasets.formats import ReadOptions
from hearfelt.errors import CorpusError, OptionError
from hearfelt.labels import canonical
from hearfelt.training.recipe import DataOptions
from hearfelt.types import Example, to_dict


def read(options: DataOptions, data: Path | str, *, unlabelled: bool = False) -> list[Example]:
    """The examples to learn from, relabelled.

    Args:
        data: the folder that holds ``audio/<corpus>`` where the recipe names corpora; else what
            `hearfelt.datasets.read` takes: a folder per class, a table, ``NAME:PATH``.
        unlabelled: keep clips without a gold label; other columns may teach something.

    Raises:
        CorpusError: a corpus is missing or broken, or a label is neither learnt, mapped nor dropped.
    """
    if options.corpora:
        parts = [corpora.read(name, Path(data)) for name in options.corpora]
    else:
        parts = [own(data, options)]
    found: list[Example] = []
    for part in parts:
        wanted = options.labels or [options.relabel.get(e.gold, e.gold) for e in part if e.gold]
        kept = [e for e in votes.label(part) if e.gold] if not unlabelled else votes.label(part)
        labelled = manifest.relabel(kept, mapping=options.relabel, drop=options.drop, labels=wanted)
        bare = [e for e in kept if e.gold is None]
        found += [_softened(e, options) for e in (*labelled, *bare)]
    if not found:
        raise CorpusError(f"{data} holds no labelled clip to learn from: label some, or drop fewer labels")
    return found


def own(data: Path | str, options: DataOptions) -> list[Example]:
    """A user's own corpus: anything that `hearfelt.datasets.read` takes, or a known one below HEARFELT_DATA.

    Labels are named as everywhere here; one that is known nowhere is taken as it is where the recipe learns,
    maps or drops it. Clips that name no corpus are of one called like the folder or table.

    Raises:
        CorpusError: nothing is there, it is broken, or it has a label that neither hearfelt nor the recipe
            knows.
    """
    if str(data) in corpora.CORPORA and not Path(data).exists():
        return corpora.read(str(data), Path(os.environ.get("HEARFELT_DATA", "../shared/data")))
    name, path = formats.recognise(data)
    if name in corpora.CORPORA:
        return corpora.read_folder(name, path)
    known = {*options.labels, *options.relabel, *options.drop}

    def named(label: str) -> str:
        try:
            return label if label in known else canonical(label)
        except OptionError as error:
            raise OptionError(
                f"{error}; learn it by data.labels, or map it by data.relabel, or leave it out by data.drop"
            ) from None

    found = formats.FORMATS[name].read(path, ReadOptions(label=named))
    return [e if e.corpus else dataclasses.replace(e, corpus=path.resolve().stem) for e in found]


def _softened(example: Example, options: DataOptions) -> Example:
    """The soft label with the names to learn; shares of labels that are not learnt are taken out."""
    if not example.soft or not (options.relabel or options.drop or options.labels):
        return example
    shares: dict[str, float] = {}
    for label, share in example.soft.items():
        label = options.relabel.get(label, label)
        if label not in options.drop and (not options.labels or label in options.labels):
            shares[label] = shares.get(label, 0.0) + share
    total = sum(shares.values())
    soft = {label: share / total for label, share in shares.items()} if total > 0 else None
    return dataclasses.replace(example, soft=soft)


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


def facts(examples: Sequence[Example], data: Path | str) -> dict[str, Any]:
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
