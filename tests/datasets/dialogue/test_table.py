"""A user's own table of dialogue: what is read, how it is dealt, what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hearfelt.datasets import dialogue
from hearfelt.errors import CorpusError

HEAD = "dialogue,number,speaker,text,label,split"


def table(folder: Path, header: str, *rows: str) -> Path:
    path = folder / "own.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def whole(split_of: dict[str, str]) -> list[str]:
    """Two lines a dialogue, both labels, the second line first."""
    return [
        f"{name},{number},s{number},line {number} of {name},{label},{split}"
        for name, split in split_of.items()
        for number, label in ((1, "joy"), (0, "anger"))
    ]


def test_lines_come_in_their_order(tmp_path: Path) -> None:
    path = table(tmp_path, HEAD, *whole({"a": "train", "b": "valid", "c": "test"}))
    found = dialogue.read_table(path)
    assert [(line.dialogue, line.number, line.split) for line in found.lines] == [
        (name, number, split)
        for name, split in (("a", "train"), ("b", "dev"), ("c", "test"))
        for number in (0, 1)
    ]
    assert found.lines[0] == dialogue.Line("a", 0, "s0", "line 0 of a", "anger", "train")
    assert (found.labels, found.measures, found.protocol) == (("anger", "joy"), (), "the split of the table")


def test_no_split_is_dealt_by_dialogue_and_by_the_seed(tmp_path: Path) -> None:
    rows = [row.rpartition(",")[0] for row in whole({f"d{i}": "" for i in range(20)})]
    path = table(tmp_path, HEAD.rpartition(",")[0], *rows)
    found = dialogue.read_table(path)
    part = {line.dialogue: line.split for line in found.lines}
    assert {s: list(part.values()).count(s) for s in dialogue.SPLITS} == {"train": 14, "dev": 2, "test": 4}
    assert "dealt by seed 0" in found.protocol
    assert dialogue.read_table(path) == found
    assert {line.dialogue: line.split for line in dialogue.read_table(path, seed=1).lines} != part


def test_lines_without_a_dialogue_stand_alone(tmp_path: Path) -> None:
    rows = [f"said {i},{('joy', 'anger')[i % 2]}" for i in range(40)]
    found = dialogue.read_table(table(tmp_path, "utterance,emotion", *rows))
    assert all(len(group) == 1 for group in dialogue.grouped(found.lines))


def test_no_part_for_choices_is_dealt_out_of_the_training_dialogues(tmp_path: Path) -> None:
    rows = whole({f"d{i}": "train" for i in range(10)} | {"t": "test"})
    found = dialogue.read_table(table(tmp_path, HEAD, *rows))
    parts = [line.split for line in found.lines]
    assert (parts.count("train"), parts.count("dev"), parts.count("test")) == (18, 2, 2)
    assert "for choices, dealt by seed 0" in found.protocol


def test_measures_are_read_and_unknown_ones_are_nan(tmp_path: Path) -> None:
    rows = [f"{row},210.5," for row in whole({"a": "train", "b": "dev", "c": "test"})]
    found = dialogue.read_table(table(tmp_path, f"{HEAD},avg_pitch,mean_hnr", *rows))
    assert found.measures == ("avg_pitch", "mean_hnr")
    assert found.lines[0].measures[0] == 210.5
    assert math.isnan(found.lines[0].measures[1])


def test_an_unlabelled_line_stays_as_context(tmp_path: Path) -> None:
    rows = [*whole({"a": "train", "b": "dev", "c": "test"}), "a,2,s0,and then,,train"]
    found = dialogue.read_table(table(tmp_path, HEAD, *rows))
    assert found.lines[2].label is None


SPLITS = {"a": "train", "b": "dev", "c": "test"}


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (
            "speaker,words",
            ["ana,hello"],
            r"has the columns speaker, words: a table of dialogue needs text \(or",
        ),
        (HEAD, [], "has no rows below its header"),
        (HEAD, ["a,0,s,,joy,train"], "row 1 has an empty text: write what is said"),
        (HEAD, ["a,0,s,oh,joy,training"], "row 1 has the split 'training'; known: train, dev, test, valid"),
        (
            HEAD,
            ["a,first,s,oh,joy,train"],
            "column number is 'first': number the lines of a dialogue 0, 1, 2",
        ),
        (HEAD, [*whole(SPLITS), "a,1,s,again,joy,train"], r"line 1 of dialogue 'a' twice \(and 0 others\)"),
        (HEAD, [*whole(SPLITS), "a,2,s,moved,joy,test"], "'a' of own is in train and in test"),
        (HEAD, [*whole(SPLITS), "c,2,s,new,awe,test"], "own tests awe, which no training line is labelled"),
        (HEAD, whole({"a": "train", "b": "dev"}), "no line of own in the part test has a label"),
        (
            HEAD.rpartition(",")[0],
            ["a,0,s,oh,joy", "b,0,s,oh,joy"],
            "2 dialogues cannot be dealt to test, dev",
        ),
        (f"{HEAD},avg_pitch", ["a,0,s,oh,joy,train,high"], "column avg_pitch is 'high': give a number"),
    ],
)
def test_bad_tables_are_refused_in_a_sentence(
    tmp_path: Path, header: str, rows: list[str], said: str
) -> None:
    with pytest.raises(CorpusError, match=said):
        dialogue.read_table(table(tmp_path, header, *rows))


def test_one_label_is_nothing_to_learn(tmp_path: Path) -> None:
    rows = [row.replace("anger", "joy") for row in whole(SPLITS)]
    with pytest.raises(CorpusError, match="all labelled training lines of own are 'joy'"):
        dialogue.read_table(table(tmp_path, HEAD, *rows))
