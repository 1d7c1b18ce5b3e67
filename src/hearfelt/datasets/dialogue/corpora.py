"""Known corpora of dialogue, each from the one table of its folder ``text/NAME``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hearfelt.datasets.dialogue.base import MEASURES, Dialogues, Line, check, deal, ordered
from hearfelt.datasets.rows import filled, rows_of
from hearfelt.errors import CorpusError, unknown_name
from hearfelt.labels import CPED13

DEV_SHARE = 0.15
"""Of the training dialogues, for choices, where a corpus has no part for them."""

_PARTS = {"train": "train", "dev": "dev", "valid": "train", "test": "test"}


@dataclass(frozen=True)
class DialogueCorpus:
    """How a corpus is laid out and what may be done with it.

    Args:
        file: under the folder of data.
        columns: what we call a thing to the column that holds it.
        labels: in the order of its publication.
        protocol: of its split.
        dealt_dev: whether a part for choices is dealt out of its training dialogues.
    """

    name: str
    file: str
    columns: Mapping[str, str]
    labels: tuple[str, ...]
    language: str
    measures: tuple[str, ...]
    protocol: str
    licence: str
    shippable: bool
    citation: str
    dealt_dev: bool = False


_PLAIN = {
    "dialogue": "dialogue_id",
    "number": "utterance_id",
    "speaker": "speaker",
    "text": "text",
    "label": "emotion",
    "split": "split",
}

MELD = DialogueCorpus(
    name="meld",
    file="text/meld/meld_erc.parquet",
    columns=_PLAIN,
    labels=("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger"),
    language="en",
    measures=MEASURES,
    protocol=(
        "MELD, official split (train 9,989 lines, dev 1,109, test 2,610); dialogues held out, but train and "
        "test share the series and its speakers, and 331 test lines have the text of some training line"
    ),
    licence="GPL-3.0; the words of a TV series: measure only",
    shippable=False,
    citation="Poria et al., ACL 2019, arXiv:1810.02508",
)

EMORYNLP = DialogueCorpus(
    name="emorynlp",
    file="text/emorynlp/emorynlp.parquet",
    columns=_PLAIN,
    labels=("Joyful", "Mad", "Peaceful", "Neutral", "Sad", "Powerful", "Scared"),
    language="en",
    measures=(),
    protocol=(
        "EmoryNLP, split of declare-lab/MELD (train 7,551 lines, dev 954, test 984); scenes held out, but "
        "train and test share the series and its speakers, and "
        "166 test lines have the text of some training line"
    ),
    licence="Apache-2.0; the words of a TV series: measure only",
    shippable=False,
    citation="Zahiri and Choi, AAAI workshops 2018, arXiv:1708.04299",
)

CPED = DialogueCorpus(
    name="cped",
    file="text/cped/cped_valid_test.parquet",
    columns={
        "dialogue": "Dialogue_ID",
        "number": "Utterance_ID",
        "speaker": "Speaker",
        "text": "Utterance",
        "label": "Emotion",
        "split": "split",
    },
    labels=CPED13,
    language="zh",
    measures=(),
    protocol=(
        "CPED, learnt from its VALID part (the training part is not at hand): 85 % of its 934 dialogues to "
        "learn from, 15 % for choices, dealt by seed 0; tested on the official test part (27,438 lines), "
        "whose dialogues and TV series are held out; 1,727 test lines have the text of some line of the "
        "valid part. Not comparable with results learnt from CPED's train"
    ),
    licence="Apache-2.0",
    shippable=True,
    citation="Chen et al. 2022, arXiv:2205.14727",
    dealt_dev=True,
)

CORPORA: Mapping[str, DialogueCorpus] = {corpus.name: corpus for corpus in (MELD, EMORYNLP, CPED)}
"""Name to corpus."""


def read_corpus(name: str, data: Path) -> Dialogues:
    """A known corpus.

    Args:
        data: the folder that holds ``text/``.

    Raises:
        OptionError: an unknown name.
        CorpusError: its table is missing or not as it should be.
        MissingExtraError: pyarrow is not installed.
    """
    if name not in CORPORA:
        raise unknown_name("corpus of dialogue", name, CORPORA)
    corpus = CORPORA[name]
    path = data / corpus.file
    if not path.is_file():
        raise CorpusError(
            f"no table of {name} at {path}: set HEARFELT_DATA (or --folder) to the folder that holds text/"
        )
    names, rows = rows_of(path)
    missing = sorted({*corpus.columns.values(), *corpus.measures} - set(names))
    if missing:
        raise CorpusError(f"{path} lacks the columns {', '.join(missing)}: restore the table of {name}")
    lines = [_line(corpus, row, f"{path.name}, row {number}") for number, row in enumerate(rows, start=1)]
    if corpus.dealt_dev:
        learnt = deal([line for line in lines if line.split == "train"], [("dev", DEV_SHARE)], seed=0)
        lines = learnt + [line for line in lines if line.split != "train"]
    return check(
        Dialogues(
            corpus.name,
            ordered(lines),
            corpus.labels,
            corpus.measures,
            corpus.protocol,
            corpus.licence,
            corpus.shippable,
        )
    )


def _line(corpus: DialogueCorpus, row: Mapping[str, Any], where: str) -> Line:
    cells = {name: row[column] for name, column in corpus.columns.items()}
    empty = [corpus.columns[name] for name, value in cells.items() if not filled(value)]
    if empty:
        raise CorpusError(f"{where} has nothing in {', '.join(empty)}: restore the table of {corpus.name}")
    for name, known in (("label", corpus.labels), ("split", tuple(_PARTS))):
        if cells[name] not in known:
            raise CorpusError(f"{where} has the {name} {cells[name]!r}; known: {', '.join(known)}")
    # MELD numbers the dialogues of each part anew, so the part is in the name.
    number = str(cells["number"]).rpartition("_")[2]
    measures = tuple(float(row[name]) if row[name] is not None else float("nan") for name in corpus.measures)
    return Line(
        dialogue=f"{cells['split']}/{cells['dialogue']}",
        number=int(number),
        speaker=str(cells["speaker"]),
        text=str(cells["text"]),
        label=str(cells["label"]),
        split=_PARTS[cells["split"]],
        measures=measures,
        language=corpus.language,
    )
