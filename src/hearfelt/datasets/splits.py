"""Who learns and who is asked: leave one speaker out, speaker-grouped folds, EmoBox fold files.

Every split here keeps speakers apart but those of EmoBox that do not; `speaker_overlap` tells.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hearfelt.errors import CorpusError
from hearfelt.types import Example


@dataclass(frozen=True, slots=True)
class Split:
    """Indices into a table of examples.

    Args:
        name: such as ``fold 0`` or ``speaker 03``.
        train, test: positions, ascending.
    """

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def leave_one_speaker_out(examples: Sequence[Example]) -> list[Split]:
    """One split a speaker (of a corpus), who is then the test set.

    Raises:
        CorpusError: fewer than two speakers, or an example without one.
    """
    groups = _speakers(examples)
    return [
        _split(f"speaker {speaker or corpus}", examples, {(corpus, speaker)}) for corpus, speaker in groups
    ]


def speaker_folds(examples: Sequence[Example], folds: int, seed: int = 0) -> list[Split]:
    """Speakers dealt to ``folds`` folds, so that each has its share of every corpus and gender.

    Within each corpus and gender the speakers are shuffled by ``seed`` and dealt in turn, beginning with the
    fold that has the fewest examples of the corpus so far.

    Raises:
        CorpusError: fewer speakers than folds, or an example without a speaker.
    """
    groups = _speakers(examples)
    if folds < 2 or len(groups) < folds:
        raise CorpusError(f"{len(groups)} speakers cannot fill {folds} folds: use 2 to {len(groups)}")
    random = np.random.default_rng(seed)
    strata: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for key, indices in groups.items():
        strata[key[0], examples[indices[0]].gender or ""].append(key)
    members: list[set[tuple[str, str]]] = [set() for _ in range(folds)]
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(folds))
    for (corpus, _), speakers in sorted(strata.items()):
        order = [sorted(speakers)[i] for i in random.permutation(len(speakers))]
        for start in range(0, len(order), folds):
            free = list(np.argsort(counts[corpus], kind="stable"))
            for speaker, fold in zip(order[start : start + folds], free, strict=False):
                members[fold].add(speaker)
                counts[corpus][fold] += len(groups[speaker])
    return [_split(f"fold {fold}", examples, speakers) for fold, speakers in enumerate(members)]


def emobox(examples: Sequence[Example], folder: Path) -> list[Split]:
    """EmoBox's fold files of one corpus (Ma et al., arXiv:2406.07162): ``<corpus>_test_fold_<n>.jsonl``.

    Raises:
        CorpusError: no fold files, a clip that the table lacks, or a clip in both parts of a fold.
    """
    corpus = folder.name
    position = {Path(e.file).stem: i for i, e in enumerate(examples)}
    splits = []
    for path in sorted(folder.glob(f"{corpus}_test_fold_*.jsonl")):
        fold = path.stem.rsplit("_", 1)[1]
        test = _emobox_indices(path, corpus, position)
        train = _emobox_indices(path.with_name(f"{corpus}_train_fold_{fold}.jsonl"), corpus, position)
        if set(test) & set(train):
            raise CorpusError(
                f"EmoBox fold {fold} of {corpus} has clips in both training and test: restore it"
            )
        splits.append(Split(f"fold {fold}", train, test))
    if not splits:
        raise CorpusError(
            f"{folder} holds no {corpus}_test_fold_*.jsonl: give the EmoBox folder of the corpus, "
            "such as emobox/ravdess"
        )
    return splits


def speaker_overlap(examples: Sequence[Example], split: Split) -> float:
    """Share of the test speakers who are also in the training part; 0 means speaker-independent."""
    train = {(examples[i].corpus, examples[i].speaker) for i in split.train}
    test = {(examples[i].corpus, examples[i].speaker) for i in split.test}
    return len(test & train) / len(test)


def _emobox_indices(path: Path, corpus: str, position: dict[str, int]) -> tuple[int, ...]:
    try:
        keys = [
            json.loads(line)["key"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(f"EmoBox fold file {path} cannot be read ({error!r}): restore it") from None
    names = [str(key).removeprefix(f"{corpus}-") for key in keys]
    absent = [name for name in names if name not in position]
    if absent:
        raise CorpusError(
            f"{path.name} names {len(absent)} clips that {corpus} lacks, the first is {absent[0]}: "
            "restore the corpus or take the fold file that belongs to it"
        )
    return tuple(sorted(position[name] for name in names))


def _speakers(examples: Sequence[Example]) -> dict[tuple[str, str], list[int]]:
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        if not example.speaker:
            raise CorpusError(f"{example.file} names no speaker: a speaker-independent split needs one")
        groups[example.corpus, example.speaker].append(index)
    if len(groups) < 2:
        raise CorpusError(f"{len(groups)} speaker cannot be both learnt from and held out: use at least 2")
    return dict(sorted(groups.items()))


def _split(name: str, examples: Sequence[Example], held_out: set[tuple[str, str]]) -> Split:
    test = [i for i, e in enumerate(examples) if (e.corpus, e.speaker) in held_out]
    train = [i for i, e in enumerate(examples) if (e.corpus, e.speaker) not in held_out]
    return Split(name, tuple(train), tuple(test))
