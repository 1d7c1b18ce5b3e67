from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hearfelt.errors import CorpusError
from hearfelt.evaluation import predictions
from hearfelt.types import Example, Segment

from .made import LABELS, probabilities, table


def write(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([head, *rows])
    return path


def test_probabilities_in_any_order_by_the_end_of_the_path(tmp_path: Path) -> None:
    examples = table(2, 6, files="/corpus/a/{}_{}.wav")
    p = probabilities(examples)
    rows = [(f"a/{Path(e.file).name}", *p[i], "x") for i, e in enumerate(examples)][::-1]
    path = write(tmp_path / "p.csv", ("file", "angry", "neutral", "sad", "comment"), rows)
    answers = predictions.read(path, examples)
    assert answers.labels == LABELS
    np.testing.assert_allclose(answers.probabilities, p)
    assert answers.predicted.tolist() == np.array(LABELS)[p.argmax(axis=1)].tolist()


def test_labels_segments_dimensions_and_sets(tmp_path: Path) -> None:
    examples = [
        Example("long.wav", label, Segment(start, start + 1.0, "a"), speaker="a", arousal=0.5)
        for start, label in ((0.0, "anger"), (1.5, "sadness"), (3.0, "my own"))
    ]
    rows = [
        ("long.wav", 1.5, 2.5, "sad", "0.1", "anger, sadness"),
        ("long.wav", 3.0, 4.0, "my own", "", "my own"),
        ("long.wav", 0.0, 1.0, "happy", "0.3", ""),
    ]
    head = ("file", "start", "end", "emotion", "arousal", "label_set")
    answers = predictions.read(write(tmp_path / "p.csv", head, rows), examples)
    assert answers.predicted.tolist() == ["happiness", "sadness", "my own"]
    assert answers.labels == ("anger", "happiness", "my own", "sadness")
    np.testing.assert_allclose(answers.ratings["arousal"], [0.3, 0.1, np.nan])
    assert answers.sets is not None
    assert answers.sets.sum(axis=1).tolist() == [0, 2, 1]


def test_a_label_that_is_no_label_leaves_the_word_to_the_probabilities(tmp_path: Path) -> None:
    examples = table(1, 3)
    rows = [(e.file, "uncertain", *row) for e, row in zip(examples, np.eye(3), strict=True)]
    path = write(tmp_path / "p.csv", ("file", "emotion", *LABELS), rows)
    assert predictions.read(path, examples).predicted.tolist() == list(LABELS)


@pytest.mark.parametrize(
    ("head", "rows", "words"),
    [
        (
            ("name", "label"),
            [("a", "b")],
            "has the columns name, label: it needs file, and label or a column",
        ),
        (("file", "angry"), [("0_0.wav", 1)], "it needs file, and label or a column of probabilities"),
        (("file", "label"), [], "has no rows below its header"),
        (("file", "angry", "anger"), [("0_0.wav", 1, 0)], "has two columns for one label (angry, anger)"),
        (
            ("file", "label"),
            [("0_0.wav", "anger"), ("x.wav", "anger")],
            "predicts x.wav, which the gold table",
        ),
        (("file", "label"), [("0_0.wav", "anger")] * 2, "predicts 0_0.wav twice: keep one row a clip"),
        (("file", "label"), [("0_0.wav", "anger")], "predicts 1 of the 3 clips of the gold table, the first"),
        (("file", "label"), [("0_0.wav", "")], "has no label for 0_0.wav: predict it"),
        (("file", *LABELS), [("0_0.wav", "x", 0, 1)], "gives 0_0.wav the anger 'x': it must be a number"),
        (("file", *LABELS), [("0_0.wav", "nan", 0, 1)], "NaN or infinite probabilities for 3 of 3"),
        (
            ("file", "label", "label_set"),
            [("0_0.wav", "anger", "joy")],
            "a label set with 'joy', which is none",
        ),
        (
            ("file", "label", "valence"),
            [("0_0.wav", "anger", "4.5")],
            "gives 0_0.wav the valence 4.5: ratings lie in [-1, 1], bring those of other scales there",
        ),
        (("file", "anger", "neutral"), [("0_0.wav", 1, 0)], "labels sadness are none that p.csv can answer"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, head: list[str], rows: list[tuple[object]], words: str) -> None:
    examples = table(1, 3)
    if not any(part in words for part in ("1 of the 3", "twice", "x.wav", "no rows")):
        rows = [*rows, *((e.file, *rows[0][1:]) for e in examples[1:])]  # type: ignore[misc]
    path = write(tmp_path / "p.csv", head, rows)
    with pytest.raises(CorpusError) as caught:
        predictions.read(path, examples)
    assert words in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"predictions .*none.csv cannot be read \(No such file"):
        predictions.read(tmp_path / "none.csv", table(1, 3))
    (tmp_path / "latin.csv").write_bytes(b"file,label\n\xe4.wav,anger\n")
    with pytest.raises(CorpusError, match="is not a UTF-8 CSV table"):
        predictions.read(tmp_path / "latin.csv", table(1, 3))


def test_an_end_of_a_path_that_two_clips_share_is_not_guessed(tmp_path: Path) -> None:
    examples = [dataclasses.replace(e, file=f"{i}/same.wav") for i, e in enumerate(table(1, 3))]
    path = write(tmp_path / "p.csv", ("file", "label"), [("same.wav", "anger")] * 3)
    with pytest.raises(CorpusError, match=r"predicts same.wav, which the gold table does not have"):
        predictions.read(path, examples)
