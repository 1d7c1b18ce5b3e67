"""A corpus in EmoBox's shape: ``<corpus>.jsonl`` and ``label_map.json`` beside the fold files."""

from __future__ import annotations

import json
from pathlib import Path

from hearfelt.errors import CorpusError, OptionError
from hearfelt.labels import canonical
from hearfelt.types import Example


def read(folder: Path, audio: Path) -> list[Example]:
    """Examples of every line (Ma et al., arXiv:2406.07162); speakers where the lines name them.

    Args:
        folder: holds ``<its name>.jsonl`` and ``label_map.json``.
        audio: folder that the ``wav`` of a line is relative to.

    Raises:
        CorpusError: a file is missing or broken, a label is not in the map, or a sound file is not there.
    """
    corpus = folder.name
    table, names = folder / f"{corpus}.jsonl", folder / "label_map.json"
    try:
        rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines() if line.strip()]
        labels = {
            str(key): str(value) for key, value in json.loads(names.read_text(encoding="utf-8")).items()
        }
        given = [(str(row["wav"]), str(row["emo"]), row.get("speaker")) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(
            f"{folder} is no corpus of EmoBox's shape ({error!r}): it needs {table.name} with wav and emo in "
            "each line, and label_map.json"
        ) from None
    strange = sorted({label for _, label, _ in given} - set(labels))
    if strange:
        raise CorpusError(
            f"{table} has the label {strange[0]!r}, which label_map.json lacks ({', '.join(labels)}): add it"
        )
    files = [audio / wav for wav, _, _ in given]
    missing = [path for path in files if not path.is_file()]
    if missing or not given:
        first = f", the first is {missing[0]}" if missing else ""
        raise CorpusError(
            f"{len(missing)} of the {len(given)} sound files of {table} are not there{first}: give --data, "
            "the folder that its wav names start from"
        )
    return [
        Example(
            file=str(path),
            gold=_named(labels[label]),
            corpus=corpus,
            speaker=None if speaker is None else str(speaker),
        )
        for path, (_, label, speaker) in zip(files, given, strict=True)
    ]


def _named(label: str) -> str:
    """The name used here; a label that hearfelt does not know keeps its own, in lower case."""
    try:
        return canonical(label)
    except OptionError:
        return label.strip().lower()
