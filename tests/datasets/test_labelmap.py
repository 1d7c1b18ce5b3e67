from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearfelt.datasets import corpora, labelmap
from hearfelt.datasets.labelmap import LabelMap
from hearfelt.errors import CorpusError, OptionError
from hearfelt.labels import CANONICAL, DIMENSIONS, EKMAN7, FURTHER
from hearfelt.language.words.goemotions import EKMAN, LABELS
from hearfelt.types import Example


@pytest.mark.parametrize("name", ["ekman7", "four", "valence", "emobox"])
def test_every_label_of_every_corpus_has_a_row(name: str) -> None:
    table = labelmap.load(name).table
    assert set(table) == {*CANONICAL, *FURTHER}
    assert {label for corpus in corpora.CORPORA.values() for label in corpus.labels} <= set(table)


def test_what_the_maps_give() -> None:
    assert labelmap.names() == ["ekman7", "emobox", "four", "goemotions-ekman", "valence"]
    assert labelmap.load("ekman7").targets == EKMAN7
    assert all(labelmap.load("ekman7")(label) == label for label in EKMAN7)
    assert labelmap.load("four").targets == ("anger", "happiness", "neutral", "sadness")
    sign = {"positive": 1, "negative": -1, "neutral": 0}
    for label, target in labelmap.load("valence").table.items():
        if target and label in DIMENSIONS:
            assert DIMENSIONS[label][1] * sign[target] >= 0
    assert labelmap.load("goemotions-ekman").table == {label: EKMAN[label] for label in LABELS}


def test_the_emobox_names_are_those_of_its_own_maps(data_dir: Path) -> None:
    ours = set(labelmap.load("emobox").targets)
    paths = sorted((data_dir / "emobox").glob("*/label_map.json"))
    if not paths:
        pytest.skip("no EmoBox folders in the data folder")
    for path in paths:
        assert set(json.loads(path.read_text()).values()) <= ours


def test_gold_votes_and_shares_are_renamed_together() -> None:
    kept = Example(
        "a.wav",
        "excitement",
        votes=("excitement", "happiness", "fear"),
        raters=("x", "y", "z"),
        soft={"excitement": 0.25, "happiness": 0.25, "fear": 0.5},
    )
    examples = [kept, Example("b.wav", "fear"), Example("c.wav", None, votes=("fear",), soft={"fear": 1.0})]
    one, three = labelmap.load("four").apply(examples)
    assert (one.gold, one.votes, one.raters) == ("happiness", ("happiness", "happiness"), ("x", "y"))
    assert one.soft == {"happiness": 1.0}
    assert (three.file, three.gold, three.votes, three.soft) == ("c.wav", None, (), None)


def test_a_map_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("source,target\nstressed,stress\nanger,stress\nmusic,\n", encoding="utf-8")
    mine = labelmap.load(path)
    assert (mine("Stressed"), mine("wut"), mine("music"), mine.targets) == (
        "stress",
        "stress",
        None,
        ("stress",),
    )
    with pytest.raises(OptionError, match="map mine has no 'calm'; known: stressed, anger, music: add a row"):
        mine("calm")
    with pytest.raises(CorpusError, match=r"a\.wav: the label map mine has no 'calm'"):
        mine.apply([Example("a.wav", "calm")])
    assert LabelMap("x", {"a": "b"}).apply([Example("a.wav", "a")]) == [Example("a.wav", "b")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from,to\na,b\n", "needs the columns source and target"),
        ("source,target\na,b\na,c\n", "names 'a' twice, line 3"),
        ("source,target\n,b\n", "has a row without a source, line 2"),
    ],
)
def test_says_what_is_wrong_with_a_map(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        labelmap.load(path)
    path.write_bytes(b"source,target\n\xe4,b\n")
    with pytest.raises(CorpusError, match="cannot be read"):
        labelmap.load(path)
    with pytest.raises(OptionError, match="unknown label map 'ekman8'; known: ekman7, emobox, four"):
        labelmap.load("ekman8")
