"""Who learns and who is asked: the folds of a recipe's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hearfelt.datasets import splits
from hearfelt.datasets.splits import Split
from hearfelt.errors import OptionError
from hearfelt.training.recipe import ProtocolOptions
from hearfelt.types import Example


def folds(protocol: ProtocolOptions, examples: Sequence[Example], data: Path | str) -> list[Split]:
    """The folds of a protocol over a table; none for ``none``.

    With ``loso`` and ``emobox`` the clips of all corpora but `ProtocolOptions.corpus` are learnt from in
    every fold.

    Args:
        data: what the table was read from; ``emobox`` looks for ``emobox/<corpus>`` there, else for the fold
            files themselves.

    Raises:
        OptionError: a protocol of one corpus, several corpora, and no word which.
        CorpusError: too few speakers, fold files that are missing or name absent clips.
    """
    kind = protocol.kind
    if kind == "none":
        return []
    if kind == "speaker_folds":
        return splits.speaker_folds(examples, protocol.folds, protocol.seed)
    if kind == "clip_folds":
        return splits.group_folds(examples, protocol.folds, "file", protocol.seed)
    if kind == "official":
        return splits.official(examples)
    corpus = _corpus(protocol, list(dict.fromkeys(e.corpus for e in examples)))
    own = [i for i, e in enumerate(examples) if e.corpus == corpus]
    other = tuple(i for i, e in enumerate(examples) if e.corpus != corpus)
    chosen = [examples[i] for i in own]
    if kind == "loso":
        found = splits.leave_one_speaker_out(chosen)
    else:
        lists = Path(data) / "emobox" / corpus
        found = splits.emobox(chosen, lists if lists.is_dir() or not Path(data).is_dir() else Path(data))
    return [
        Split(f.name, tuple(sorted((*other, *(own[i] for i in f.train)))), tuple(own[i] for i in f.test))
        for f in found
    ]


def _corpus(protocol: ProtocolOptions, corpora: Sequence[str]) -> str:
    corpus = protocol.corpus
    if not corpus and len(corpora) == 1:
        corpus = corpora[0]
    if corpus not in corpora:
        raise OptionError(
            f"the protocol {protocol.kind} holds out speakers of one corpus, and the recipe names "
            f"{corpus or 'none'}: set protocol.corpus to one of {', '.join(corpora)}"
        )
    return corpus
