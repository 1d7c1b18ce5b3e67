"""Splits by any group, official, EmoBox and cross-corpus ones, and the card of each."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.datasets import corpora, splits
from hearfelt.datasets.splits import Split
from hearfelt.errors import CorpusError, OptionError
from hearfelt.types import Example, Segment


def table(
    speakers: int = 4, labels: tuple[str, ...] = ("anger", "sadness"), corpus: str = "made"
) -> list[Example]:
    """Every speaker says every one of three sentences with every label."""
    return [
        Example(
            f"{corpus}/{s}/{label}-{t}.wav",
            label,
            speaker=f"{s:02}",
            gender="female" if s % 2 else "male",
            text=f"Sentence {t}.",
            corpus=corpus,
        )
        for s in range(speakers)
        for label in labels
        for t in range(3)
    ]


def test_any_column_can_be_held_out() -> None:
    examples = table()
    by_text = splits.leave_one_group_out(examples, "text")
    assert [s.name for s in by_text] == ["text sentence 0", "text sentence 1", "text sentence 2"]
    assert all(len(s.test) == 8 for s in by_text)
    by_gender = splits.leave_one_group_out(examples, "gender")
    assert {examples[i].gender for i in by_gender[0].test} == {"female"}
    assert {examples[i].gender for i in by_gender[0].train} == {"male"}


def test_groups_that_are_missing() -> None:
    examples = table()
    examples[3] = dataclasses.replace(examples[3], gender=None)
    with pytest.raises(
        CorpusError,
        match=r"1 of 24 examples name no gender, the first is made/0/sadness-0\.wav: fill in the column",
    ):
        splits.leave_one_group_out(examples, "gender")
    with pytest.raises(CorpusError, match="1 corpus cannot be both learnt from and held out: use at least 2"):
        splits.leave_one_group_out(examples, "corpus")
    with pytest.raises(OptionError, match="unknown column to group by 'mood'; known: speaker, text, gender"):
        splits.leave_one_group_out(examples, "mood")


@given(speakers=st.integers(2, 9), folds=st.integers(2, 5), seed=st.integers(0, 99), rows=st.integers(5, 60))
@settings(max_examples=40, deadline=None)
def test_group_folds_test_everything_once_and_keep_groups_apart(
    speakers: int, folds: int, seed: int, rows: int
) -> None:
    random = np.random.default_rng(seed)
    examples = [
        Example(f"{i}.wav", str(random.choice(["anger", "fear"])), speaker=str(random.integers(speakers)))
        for i in range(rows)
    ]
    if len({e.speaker for e in examples}) < folds:
        return
    made = splits.group_folds(examples, folds, seed=seed)
    assert sorted(i for s in made for i in s.test) == list(range(rows))
    assert all(s.test and s.train for s in made)
    assert all(splits.speaker_overlap(examples, s) == 0 for s in made)
    assert made == splits.group_folds(examples, folds, seed=seed)


def test_group_folds_are_as_even_as_scikit_learns() -> None:
    model_selection = pytest.importorskip("sklearn.model_selection")
    random = np.random.default_rng(5)
    leaning = random.dirichlet([0.5, 0.5, 0.5], 30)
    labels = ("anger", "fear", "sadness")
    examples = [
        Example(f"{i}.wav", labels[random.choice(3, p=leaning[s])], speaker=str(s))
        for i, s in enumerate(random.integers(30, size=600))
    ]

    def unevenness(tests: list[list[int]]) -> float:
        counts = np.array(
            [[Counter(examples[i].gold for i in test)[label] for label in labels] for test in tests]
        )
        return float((counts / counts.sum(axis=0)).std(axis=0).mean())

    ours = unevenness([list(s.test) for s in splits.group_folds(examples, 5)])
    folds = model_selection.StratifiedGroupKFold(5).split(
        np.zeros(600), [e.gold for e in examples], [e.speaker for e in examples]
    )
    theirs = unevenness([list(test) for _, test in folds])
    dealt = unevenness([list(s.test) for s in splits.speaker_folds(examples, 5)])
    assert ours <= theirs + 0.005
    assert ours < dealt / 2


def test_official_parts() -> None:
    parts = ["Train", "train", "validation", "test1", "test2", "test2"]
    examples = [Example(f"{i}.wav", "anger", split=part) for i, part in enumerate(parts)]
    assert splits.official(examples) == [
        Split("official test1", (0, 1), (3,), (2,)),
        Split("official test2", (0, 1), (4, 5), (2,)),
    ]
    with pytest.raises(CorpusError, match="the column split has the parts train: it needs train and test"):
        splits.official(examples[:2])
    with pytest.raises(CorpusError, match=r"6\.wav has no split; known: train, dev, test: fill in"):
        splits.official([*examples, Example("6.wav", "anger")])
    with pytest.raises(CorpusError, match=r"6\.wav has the split 'left'; known: train, dev, test"):
        splits.official([*examples, Example("6.wav", "anger", split="left")])


def test_cross_corpus_on_the_shared_labels() -> None:
    examples = table(2, ("anger", "sadness", "fear"), "one") + table(2, ("anger", "sadness", "calm"), "two")
    made = splits.cross_corpus(examples, ["one"], ["two"])
    assert made.name == "one → two"
    assert {(examples[i].corpus, examples[i].gold) for i in made.train} == {
        ("one", "anger"),
        ("one", "sadness"),
    }
    assert {(examples[i].corpus, examples[i].gold) for i in made.test} == {
        ("two", "anger"),
        ("two", "sadness"),
    }
    assert [s.name for s in splits.leave_one_corpus_out(examples)] == ["two → one", "one → two"]
    with pytest.raises(OptionError, match="unknown corpus 'three'; known: one, two"):
        splits.cross_corpus(examples, ["one"], ["three"])
    with pytest.raises(CorpusError, match="one cannot be both learnt from and tested on"):
        splits.cross_corpus(examples, ["one"], ["one", "two"])
    strangers = table(2, ("calm", "anger"), "one") + table(2, ("fear", "anger"), "two")
    with pytest.raises(CorpusError, match="one and two share 1 labels: use corpora that share at least 2"):
        splits.cross_corpus(strangers, ["one"], ["two"])
    with pytest.raises(CorpusError, match="1 corpus cannot be both learnt from and held out"):
        splits.leave_one_corpus_out(table())


def test_fold_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    examples = table()  # file names repeat from folder to folder
    examples += [Example("made/long.wav", "anger", Segment(t, t + 1.0), "9") for t in (0.0, 1.0)]
    made = splits.group_folds(examples, 3)
    made[0] = dataclasses.replace(made[0], train=made[0].train[2:], dev=made[0].train[:2])
    splits.write_emobox(examples, made, tmp_path / "made", "made")
    back = splits.emobox(examples, tmp_path / "made")
    assert [(s.train, s.test, s.dev) for s in back] == [(s.train, s.test, s.dev) for s in made]
    assert splits.emobox(examples, (tmp_path / "made").rename(tmp_path / "other")) == back
    row = json.loads((tmp_path / "other" / "made_test_fold_1.jsonl").read_text().splitlines()[0])
    assert row["emo"] == examples[made[0].test[0]].gold
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match=r"fold files cannot be written to .*file .*: name another folder"):
        splits.write_emobox(examples, made, tmp_path / "file", "made")


def test_ten_folds_come_in_their_order(tmp_path: Path) -> None:
    examples = table(11)
    made = splits.leave_one_speaker_out(examples)
    splits.write_emobox(examples, made, tmp_path / "made", "made")
    assert [s.test for s in splits.emobox(examples, tmp_path / "made")] == [s.test for s in made]


def test_splits_of_which_nothing_can_be_learnt() -> None:
    examples = table(2)
    splits.check(examples, splits.leave_one_speaker_out(examples))
    with pytest.raises(
        CorpusError, match="all 3 training examples of x are labelled anger: a classifier needs"
    ):
        splits.check(examples, [Split("x", (0, 1, 2), (3,))])
    with pytest.raises(CorpusError, match="the test part of x is empty: use another kind of split"):
        splits.check(examples, [Split("x", (0, 3), ())])
    with pytest.raises(CorpusError, match="x tests fear, which its training part lacks: drop the label"):
        splits.check([*examples, Example("f.wav", "fear")], [Split("x", (0, 3), (12,))])
    with pytest.raises(
        CorpusError, match=r"1 of the 2 examples in the test part of x have no label, the first is f\.wav"
    ):
        splits.check([*examples, Example("f.wav", None)], [Split("x", (0, 3), (1, 12))])


def test_card_of_a_clean_split() -> None:
    examples = table()
    made = splits.leave_one_speaker_out(examples)
    card = splits.card(examples, made, "leave one speaker out", seeds=[3], hashes=[e.file for e in examples])
    assert card.speaker_independent
    assert card.speaker_overlap == 0
    assert card.statement == "speaker-independent: no test speaker is in training"
    assert card.sentences() == (
        "Protocol: leave one speaker out, 4 folds.",
        "Exact duplicates: no test clip is in training too.",
        "Sentences: 100% of the test clips say one that is in training too.",
        "Seeds: 3.",
        "The weights had learnt from: nothing.",
    )
    assert card.labels == {
        "train": {"anger": (9, 9), "sadness": (9, 9)},
        "test": {"anger": (3, 3), "sadness": (3, 3)},
    }
    assert json.loads(json.dumps(card.to_dict()))["speaker_independent"] is True


def test_card_is_loud() -> None:
    examples = table()
    made = splits.leave_one_group_out(examples, "text")
    hashes = [None if i == 1 else "same" if i in (0, 2) else str(i) for i in range(24)]
    card = splits.card(examples, made, "leave one text out", seen=["made", "made", "x"], hashes=hashes)
    assert not card.speaker_independent
    assert card.statement == (
        "SPEAKER-DEPENDENT: 4 of 4 test speakers are also in training; "
        "SEEN BEFORE: the weights learnt from made"
    )
    assert card.text_overlap == 0
    assert card.duplicates == 2
    assert "Exact duplicates: 2 test clips are in training too." in card.sentences()
    nameless = [dataclasses.replace(examples[0], speaker=None), *examples[1:]]
    card = splits.card(nameless, made, "leave one text out")
    assert not card.speaker_independent
    assert card.statement.startswith("SPEAKERS UNKNOWN: 1 examples name no speaker, so test speakers may be")
    assert "Exact duplicates: not looked for." in card.sentences()


def test_who_is_in_the_dev_part_counts_as_heard() -> None:
    examples = table(3)
    made = [Split("x", tuple(range(6)), tuple(range(12, 18)), (6, 7, 12))]
    assert splits.card(examples, made, "x").shared_speakers == 1


def test_card_names_labels_that_a_test_part_lacks() -> None:
    examples = [e for e in table() if (e.speaker, e.gold) != ("00", "sadness")]
    card = splits.card(examples, splits.leave_one_speaker_out(examples), "leave one speaker out")
    assert card.labels["test"]["sadness"] == (0, 3)
    assert "Labels: some test parts lack sadness." in card.sentences()


@pytest.mark.parametrize(
    ("corpus", "folds", "shared"), [("emodb", 5, 10), ("ravdess", 6, 0), ("savee", 4, 0)]
)
def test_cards_of_the_real_emobox_folds(data_dir: Path, corpus: str, folds: int, shared: int) -> None:
    """EmoBox's folds of EmoDB share all ten speakers; those of RAVDESS and SAVEE hold them out."""
    if not (data_dir / "emobox" / corpus).is_dir():
        pytest.skip("no EmoBox folds in the data folder")
    examples = corpora.read(corpus, data_dir)
    made = splits.emobox(examples, data_dir / "emobox" / corpus)
    splits.check(examples, made)
    card = splits.card(examples, made, "EmoBox folds")
    assert (card.folds, card.shared_speakers, card.speaker_independent) == (folds, shared, shared == 0)
    if shared:
        assert card.statement == "SPEAKER-DEPENDENT: 10 of 10 test speakers are also in training"
    assert (card.text_overlap is None) == (corpus == "savee")
