"""The textbook baseline as a model: its vocabulary, its scores, its folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import ModelError, OptionError
from hearfelt.models.textbook import (
    PADDING,
    UNKNOWN,
    TextbookModel,
    TextbookOptions,
    Vocabulary,
    network,
    pad,
    words,
)

torch = pytest.importorskip("torch")

TEXTS = ("I love the sea", "I hate the rain", "the sea is calm", "the rain is cold", "no")
LABELS = ("calm", "love", "hate")


def made(**options: object) -> TextbookModel:
    """A model with random weights."""
    torch.manual_seed(0)
    sizes = TextbookOptions(embedding=8, hidden=6, min_count=1, **options)  # type: ignore[arg-type]
    vocabulary = Vocabulary.of(TEXTS, sizes.min_count)
    return TextbookModel(network(sizes, len(vocabulary), len(LABELS)), vocabulary, LABELS, sizes, multi=True)


def test_words_are_lower_case_and_signs_and_characters_count() -> None:
    assert words("Don't STOP, 你好!") == ["don't", "stop", ",", "你", "好", "!"]


def test_a_vocabulary_knows_its_training_texts_alone() -> None:
    known = Vocabulary.of(TEXTS, 2)
    assert known.words == ("the", "i", "is", "rain", "sea")  # by count, then by the alphabet
    assert known.ids("the ocean", 10) == [2, UNKNOWN]
    assert known.ids("", 10) == [UNKNOWN]
    assert len(known.ids("the " * 100, 7)) == 7
    assert len(known) == 7


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.sampled_from([*TEXTS, "the", "sea sea sea sea sea sea", "", "wholly unknown words"]),
        min_size=1,
        max_size=9,
    ),
    st.integers(1, 5),
    st.booleans(),
)
def test_a_score_never_depends_on_the_neighbours(texts: list[str], batch: int, both_ways: bool) -> None:
    model = made(bidirectional=both_ways, layers=2)
    together = model.logits(texts, batch)
    alone = np.concatenate([model.logits([text], 1) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_padding_is_never_read() -> None:
    model = made()
    ids, lengths = pad([[2, 3], [4, 5, 6, 7]])
    assert ids[0].tolist() == [2, 3, PADDING, PADDING]
    other = ids.clone()
    other[0, 2:] = 5
    with torch.no_grad():
        model.network.eval()
        assert torch.equal(model.network(ids, lengths), model.network(other, lengths))


def test_scores_of_one_label_sum_to_one_and_of_several_do_not_have_to() -> None:
    model = made()
    assert not np.allclose(model.predict_proba(TEXTS).sum(axis=1), 1)
    model.multi = False
    np.testing.assert_allclose(model.predict_proba(TEXTS).sum(axis=1), 1, atol=1e-6)
    assert model.said(TEXTS).sum(axis=1).tolist() == [1] * len(TEXTS)


def test_thresholds_decide_what_is_said() -> None:
    model = made()
    scores = model.predict_proba(TEXTS)
    model.thresholds = (0.0, 1.0, float(np.median(scores[:, 2])))
    said = model.said(TEXTS)
    assert said[:, 0].all() and not said[:, 1].any() and 0 < said[:, 2].sum() < len(TEXTS)


def test_a_saved_model_answers_the_same(tmp_path: Path) -> None:
    model = made(bidirectional=True)
    model.thresholds = (0.1, 0.2, 0.3)
    model.save(tmp_path / "model")
    again = TextbookModel.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert (again.labels, again.multi, again.thresholds) == (LABELS, True, (0.1, 0.2, 0.3))
    assert {file.name for file in (tmp_path / "model").iterdir()} == {
        "weights.npz",
        "words.json",
        "model.json",
    }
    assert json.loads((tmp_path / "model" / "model.json").read_text(encoding="utf-8"))["kind"] == "textbook"


def test_a_broken_or_foreign_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    made().save(folder)
    (folder / "words.json").write_text('["one"]', encoding="utf-8")
    with pytest.raises(ModelError, match=r"the model in .*model is broken \(.*\): train it again"):
        TextbookModel.load(folder)
    (folder / "model.json").write_text('{"name": "x", "kind": "voice", "labels": ["a"]}', encoding="utf-8")
    with pytest.raises(ModelError, match="a model of kind 'voice': this reads 'textbook'"):
        TextbookModel.load(folder)


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [("hidden", 0, "hidden=0: it must be at least 1"), ("dropout", 1.0, "dropout=1.0: a share from 0")],
)
def test_wrong_options_are_named(option: str, value: float, text: str) -> None:
    with pytest.raises(OptionError, match=text):
        TextbookOptions(**{option: value})  # type: ignore[arg-type]
