"""What a row may look at: never a test label, never a later line, never a later measure."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from hearfelt.datasets.dialogue import Line, read_table
from hearfelt.training import changes
from hearfelt.training.dialogue import models
from hearfelt.training.dialogue.base import Setting
from hearfelt.training.dialogue.cues import Cues
from hearfelt.training.dialogue.marks import marks
from hearfelt.training.dialogue.options import DialogueRecipe, TextOptions
from hearfelt.training.dialogue.shift import Shift
from hearfelt.training.dialogue.text import LineModel, label_weights
from tests.training.dialogue.test_run import KEYS


@pytest.mark.parametrize("name", ["text", "context+cues", "together+cues"])
def test_a_line_depends_on_what_was_said_before_and_on_nothing_else(
    name: str, tmp_path: Path, own_table: Path, tiny_bert: Path
) -> None:
    keys = KEYS | {"text.start": str(tiny_bert), "context.members": 1, "context.loop.epochs": 2}
    keys |= {"together.loop.epochs": 2}
    recipe = changes.changed(DialogueRecipe(), keys)
    table = read_table(own_table)
    model = models.build(name, Setting.of(recipe, table, tmp_path, report=lambda line: None))
    model.fit([line for line in table.lines if line.split != "test"])
    test = list(table.part("test"))
    before = model.predict_proba(test)
    bare = [dataclasses.replace(line, label=None) for line in test]
    np.testing.assert_array_equal(model.predict_proba(bare), before)
    other = [
        dataclasses.replace(test[2], text="i hate this", measures=(90.0, 300.0)) if i == 2 else line
        for i, line in enumerate(test)
    ]
    after = model.predict_proba(other)
    changed = np.abs(after - before).max(axis=1) > 1e-6
    assert not changed[:2].any() and not changed[4:].any()
    assert changed[2]
    assert changed[3] == (name != "text")  # the line after hears it, except where lines stand alone
    shuffled = [test[i] for i in (3, 1, 0, 2, *range(4, len(test)))]
    np.testing.assert_allclose(model.predict_proba(shuffled)[[2, 1, 3, 0]], before[:4], atol=1e-5)


def line(number: int, loud: float, split: str = "test", speaker: str = "ana", dialogue: str = "d") -> Line:
    return Line(dialogue, number, speaker, "yes", None, split, (loud,))


def test_measures_learn_their_scale_from_training_lines_alone() -> None:
    learnt = [line(i, loud, "train") for i, loud in enumerate((50.0, 60.0, 70.0))]
    cues = Cues(["avg_intensity"]).fit([*learnt, line(9, 1e6)])
    assert (cues.mean_[0], cues.deviation_[0]) == (60.0, pytest.approx(math.sqrt(200 / 3)))
    found = cues.transform([line(0, 60.0), line(1, math.nan), line(2, 1e9)])
    assert found[0].tolist() == [0.0, 0.0, 0.0]
    assert found[1].tolist() == [0.0, 0.0, 1.0]
    assert found[2, 0] == 4.0


def test_a_speaker_is_held_against_what_came_before() -> None:
    cues = Cues(["avg_intensity"], prior=1.0).fit(
        [line(i, x, "train", "bob") for i, x in enumerate((50, 70))]
    )
    said = [line(0, 70.0), line(1, 70.0), line(2, 70.0)]
    own = cues.transform(said)[:, 1]
    assert own.tolist() == pytest.approx([1.0, 1 - 1 / 2, 1 - 2 / 3])
    longer = cues.transform([*said, line(3, 10.0)])
    np.testing.assert_array_equal(longer[:3, 1], own)  # what comes later changes nothing


def test_labels_weigh_one_on_average() -> None:
    targets = np.array([0] * 8 + [1] * 2)
    weights = label_weights(targets, 3, 0.5)
    assert weights[targets].mean() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(2)
    assert weights[2] == 0


def test_a_shift_is_chosen_on_dev_and_small_where_it_does_not_matter() -> None:
    targets = np.array([0, 0, 1, 1])
    sure = np.array([[5.0, 0], [5, 0], [0, 5], [0, 5]], np.float32)
    assert Shift().fit(sure, targets, targets).strength_ == 0
    learnt = np.array([0] * 9 + [1])
    tilted = sure + np.array([0, 6], np.float32)  # as if label 1 had been favoured
    shift = Shift().fit(tilted, targets, learnt)
    assert shift.strength_ > 0
    assert shift.apply(tilted).argmax(axis=1).tolist() == targets.tolist()


def test_marks_see_capitals_and_wide_punctuation() -> None:
    found = marks([Line("d", 0, "", text, None, "test") for text in ("NO!!", "去吗？")])
    assert found[0, 1:].tolist() == [1.0, 2.0, 0.0, 0.0, 0.0]
    assert found[1, 3] == 1.0


def test_an_encoder_says_what_the_bert_it_began_from_says(tiny_bert: Path) -> None:
    import transformers

    model = LineModel(TextOptions(start=str(tiny_bert), frozen_layers=1, max_tokens=16), 3, seed=1)
    texts = ["what a lovely day", "no"]
    vectors, _ = model.predict(texts)
    bert = transformers.BertModel.from_pretrained(tiny_bert, add_pooling_layer=False).eval()
    for text, vector in zip(texts, vectors, strict=True):
        ids = torch.tensor([model.ids([text])[0]])
        with torch.no_grad():
            expected = bert(input_ids=ids).last_hidden_state.mean(1)[0].numpy()
        np.testing.assert_allclose(vector, expected, atol=5e-3)  # the frozen layers are kept in 16 bits


def test_an_encoder_says_how_much_it_cannot_read(tiny_bert: Path) -> None:
    model = LineModel(TextOptions(start=str(tiny_bert), max_tokens=16), 3, seed=1)
    assert model.unknown(["yes no"]) == 0
    assert model.unknown(["yes 好 no 吗"]) == 0.5


def test_a_long_line_keeps_its_beginning_and_its_end(tiny_bert: Path) -> None:
    model = LineModel(TextOptions(start=str(tiny_bert), max_tokens=8), 3, seed=1)
    ids = model.ids(["yes " + "day " * 50 + "no"])[0]
    whole = model.ids(["yes"])[0]
    assert len(ids) == 8
    assert ids[:2] == whole[:2]
    assert ids[-2] == model.ids(["no"])[0][1]


def test_the_shipped_text_model_can_be_learnt_on() -> None:
    pytest.importorskip("onnx")
    import onnx
    from onnx import numpy_helper

    from hearfelt.language.words.text import WEIGHTS, TextModel
    from hearfelt.training.words import dequantise

    parts = {p.name: p for p in onnx.load(str(WEIGHTS / "model.onnx")).graph.initializer}
    head, bias = (numpy_helper.to_array(parts[name]) for name in ("head.w", "head.b"))
    state, heads = dequantise.encoder(WEIGHTS / "model.onnx")
    assert heads == 12 and len(state) == 5 + 6 * 16
    model = LineModel(TextOptions(start="words", frozen_layers=6), 3, seed=1)
    text = "I am so happy for you!"
    vectors, _ = model.predict([text])
    said, meant = TextModel.load().logits(text), vectors[0] @ head.T + bias
    assert int(said.argmax()) == int(meant.argmax())
    assert np.corrcoef(said, meant)[0, 1] > 0.99
