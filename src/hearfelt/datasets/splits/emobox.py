"""EmoBox's fold files, read and written (Ma et al., arXiv:2406.07162): ``<corpus>_test_fold_<n>.jsonl``."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hearfelt.datasets.files import atomic
from hearfelt.datasets.splits.base import Split, stem
from hearfelt.errors import CorpusError
from hearfelt.types import Example


def emobox(examples: Sequence[Example], folder: Path) -> list[Split]:
    """EmoBox's fold files of one corpus; ``_valid_fold_`` files become the dev part.

    Raises:
        CorpusError: no fold files, a clip that the table lacks, or a clip in two parts of a fold.
    """
    corpus = _corpus(folder)
    position = {key: i for i, key in enumerate(keys(examples))}
    splits = []
    tests = folder.glob(f"{corpus}_test_fold_*.jsonl")
    for path in sorted(tests, key=lambda path: (len(path.stem), path.stem)):
        fold = path.stem.rsplit("_", 1)[1]
        test = _indices(path, corpus, position)
        train = _indices(path.with_name(f"{corpus}_train_fold_{fold}.jsonl"), corpus, position)
        valid = path.with_name(f"{corpus}_valid_fold_{fold}.jsonl")
        dev = _indices(valid, corpus, position) if valid.is_file() else ()
        for other, name in ((train, "training"), (dev, "validation")):
            if set(test) & set(other):
                raise CorpusError(
                    f"EmoBox fold {fold} of {corpus} has clips in both {name} and test: restore it"
                )
        splits.append(Split(f"fold {fold}", train, test, dev))
    if not splits:
        raise CorpusError(
            f"{folder} holds no {corpus}_test_fold_*.jsonl: give the EmoBox folder of the corpus, "
            "such as emobox/ravdess"
        )
    return splits


def write_emobox(examples: Sequence[Example], splits: Sequence[Split], folder: Path, corpus: str) -> None:
    """Write splits as EmoBox's fold files, which `emobox` reads again; folds are counted from 1.

    Each file is written beside its place and then moved there.

    Raises:
        CorpusError: the folder cannot be made or written.
    """
    names = keys(examples)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, split in enumerate(splits, start=1):
            for part, chosen in (("train", split.train), ("test", split.test), ("valid", split.dev)):
                if chosen or part != "valid":
                    rows = [_row(examples[i], names[i], corpus) for i in chosen]
                    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                    with atomic(folder / f"{corpus}_{part}_fold_{number}.jsonl") as file:
                        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CorpusError(
            f"fold files cannot be written to {folder} ({error.strerror or error}): name another folder"
        ) from None


def keys(examples: Sequence[Example]) -> list[str]:
    """A name for each example: its file's, with folder and place in the file where others share that."""
    names = [stem(e) for e in examples]
    if max(Counter(names).values(), default=1) > 1:
        folder = os.path.commonpath([Path(e.file).parent for e in examples])
        whole = [Path(os.path.relpath(e.file, folder)).with_suffix("").as_posix() for e in examples]
        shared = {name for name, count in Counter(names).items() if count > 1}
        names = [w if n in shared else n for n, w in zip(names, whole, strict=True)]
        shared = {name for name, count in Counter(names).items() if count > 1}
        names = [
            f"{n}@{e.segment.start_s:.3f}-{e.segment.end_s:.3f}" if n in shared and e.segment else n
            for n, e in zip(names, examples, strict=True)
        ]
    return names


def _corpus(folder: Path) -> str:
    """The name that the fold files begin with: the folder's, or the only one there is."""
    if any(folder.glob(f"{folder.name}_test_fold_*.jsonl")):
        return folder.name
    found = {path.stem.rsplit("_test_fold_", 1)[0] for path in folder.glob("*_test_fold_*.jsonl")}
    return found.pop() if len(found) == 1 else folder.name


def _indices(path: Path, corpus: str, position: dict[str, int]) -> tuple[int, ...]:
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        listed = [(str(row["key"]).removeprefix(f"{corpus}-"), Path(row.get("wav", "")).stem) for row in rows]
    except FileNotFoundError:
        raise CorpusError(f"the EmoBox fold file {path} is missing: restore it") from None
    except OSError as error:
        raise CorpusError(
            f"the EmoBox fold file {path} cannot be read ({error.strerror}): restore it"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(
            f"the EmoBox fold file {path} has a line that is no JSON object with a key ({error}): restore it"
        ) from None
    # The keys of SAVEE are not its file names; then the name of the file decides.
    names = [key if key in position else file if file in position else key for key, file in listed]
    absent = [name for name in names if name not in position]
    if absent:
        raise CorpusError(
            f"{path.name} names {len(absent)} clip{'' if len(absent) == 1 else 's'} that {corpus} lacks, "
            f"the first is {absent[0]}: "
            "restore the corpus or take the fold file that belongs to it"
        )
    return tuple(sorted(position[name] for name in names))


def _row(example: Example, name: str, corpus: str) -> dict[str, str | None]:
    return {
        "key": f"{corpus}-{name}",
        "dataset": corpus,
        "wav": example.file,
        "type": "raw",
        "task": "category",
        "emo": example.gold,
        "speaker": example.speaker,
    }
