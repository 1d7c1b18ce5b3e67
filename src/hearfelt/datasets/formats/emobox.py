"""EmoBox (Ma et al., arXiv:2406.07162): one JSON object a line, ``label_map.json``, fold files beside.

``ravdess.jsonl`` lists the corpus, ``ravdess_train_fold_1.jsonl`` and so on its folds, which
`hearfelt.datasets.splits.emobox` takes as splits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets import labelmap
from hearfelt.datasets.files import is_there, read_json, write_text
from hearfelt.datasets.formats.base import Locator, ReadOptions, json_lines
from hearfelt.datasets.manifest import check_files
from hearfelt.datasets.splits import keys
from hearfelt.errors import CorpusError
from hearfelt.types import Example

_MAP = "label_map.json"
_PARTS = {"train": "train", "valid": "dev", "test": "test"}
_ABOVE = 3
"""How many folders above the list the sound files may lie: EmoBox/data/ravdess lists EmoBox/downloads/…"""


def recognises(path: Path) -> bool:
    """A folder with a label map and lists, or one such list."""
    if path.is_dir():
        return (path / _MAP).is_file() and any(path.glob("**/*.jsonl"))
    if path.suffix.lower() != ".jsonl" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        first = stream.readline()
    return '"wav"' in first and '"emo"' in first


def read(path: Path, options: ReadOptions) -> list[Example]:
    """Examples of a corpus in EmoBox's shape.

    Args:
        path: the folder of a corpus, or one of its lists. A folder with one fold gives its parts as splits;
            one with several gives no split unless ``options.split`` names a fold, such as ``2``.
        options: ``audio`` is where the sound files lie; where None, the paths of the list count from its
            folder or from one of those above it.

    Raises:
        CorpusError: a missing or broken list, a label that is neither in the map nor known, a sound file that
            is not there.
    """
    folder = path if path.is_dir() else path.parent
    names = _label_map(folder)
    rows: list[tuple[Path, int, dict[str, Any], str | None]] = []
    for part, lists in _lists(path, options.split):
        rows += [(file, number, row, part) for file in lists for number, row in json_lines(file)]
    if not rows:
        raise CorpusError(f"{path} lists no clips: restore it")
    first = str(rows[0][2].get("wav", ""))
    locate = Locator(options.audio or _root(folder, first))
    examples = []
    for file, number, row, part in rows:
        where = f"{file.name}, line {number}"
        if not row.get("wav") or not row.get("emo"):
            raise CorpusError(f"{where} has no wav or no emo: it needs both")
        emotion = str(row["emo"])
        examples.append(
            Example(
                file=locate(str(row["wav"])),
                gold=options.named(names.get(emotion, emotion), where),
                speaker=_text(row, "speaker") or _text(row, "spk"),
                gender=_text(row, "gender"),
                language=_text(row, "lang"),
                text=_text(row, "text"),
                corpus=_text(row, "dataset") or options.corpus,
                split=part,
            )
        )
    return check_files(examples, path, options.problems)


def write(examples: Sequence[Example], path: Path) -> None:
    """Write a corpus into a folder: its list, named after the folder, and ``label_map.json``.

    `hearfelt.datasets.splits.write_emobox` adds fold files.

    Raises:
        CorpusError: an example without a label, or of a stretch of its file; a folder that cannot be written.
    """
    corpus = path.name
    names = labelmap.load("emobox")
    lines, used = [], {}
    for example, name in zip(examples, keys(examples), strict=True):
        if example.segment is not None:
            raise CorpusError(
                f"{example.file} is labelled in stretches, which EmoBox cannot hold: cut them out first"
            )
        if example.gold is None:
            raise CorpusError(f"{example.file} has no label, which EmoBox needs: label it or take it out")
        used[example.gold] = names.table.get(example.gold) or example.gold
        row = {
            "key": f"{corpus}-{name}",
            "dataset": corpus,
            "wav": example.file,
            "type": "raw",
            **_sound(example.file),
            "task": "category",
            "emo": example.gold,
            **{k: v for k, v in (("speaker", example.speaker), ("gender", example.gender)) if v},
        }
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_text(path / f"{corpus}.jsonl", "".join(lines))
    write_text(path / _MAP, json.dumps(dict(sorted(used.items())), ensure_ascii=False, indent=1) + "\n")


def _lists(path: Path, fold: str | None) -> list[tuple[str | None, list[Path]]]:
    """Name of a part to the lists it stands in."""
    if not path.is_dir():
        if not path.is_file():
            raise CorpusError(f"{path} is not there: give a folder of EmoBox, or a list of it")
        return [(None, [path])]
    folds = sorted(path.glob("**/*_test_fold_*.jsonl"))
    whole = [p for p in sorted(path.glob("*.jsonl")) if "_fold_" not in p.name]
    if fold is None and (len(folds) != 1) and whole:
        return [(None, whole)]
    if fold is None and len(folds) == 1:
        fold = folds[0].stem.rsplit("_", 1)[1]
    found = [(part, sorted(path.glob(f"**/*_{name}_fold_{fold}.jsonl"))) for name, part in _PARTS.items()]
    if not found[0][1] or not found[2][1]:
        there = ", ".join(p.stem.rsplit("_", 1)[1] for p in folds) or "none"
        raise CorpusError(f"{path} has no fold {fold}; it has {there}")
    return list(found)


def _label_map(folder: Path) -> dict[str, str]:
    for above in (folder, folder.parent):  # the folds may lie in a folder each
        if (above / _MAP).is_file():
            table = read_json(above / _MAP)
            if not isinstance(table, dict):
                raise CorpusError(f"{above / _MAP} is no label map: write it as an object, label to label")
            return {str(source): str(target) for source, target in table.items()}
    return {}


def _root(folder: Path, first: str) -> Path:
    for above in (folder, *folder.resolve().parents[:_ABOVE]):
        if is_there(above / first):
            return above
    return folder


def _sound(file: str) -> dict[str, Any]:
    """Length and rate of a sound file, where soundfile can read it."""
    import soundfile

    try:
        info = soundfile.info(file)
    except (OSError, RuntimeError):
        return {}
    length = info.frames / info.samplerate
    return {
        "sample_rate": info.samplerate,
        "num_frame": info.frames,
        "length": length,
        "channel": info.channels,
    }


def _text(row: dict[str, Any], name: str) -> str | None:
    return str(row[name]) if row.get(name) not in (None, "") else None
