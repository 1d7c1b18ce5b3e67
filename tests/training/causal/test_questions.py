"""What a language model is asked, and how a question is made to fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from hearfelt.errors import OptionError
from hearfelt.training.causal import base as bases
from hearfelt.training.causal import questions
from hearfelt.training.causal.base import Base
from hearfelt.training.causal.encode import NOTHING, Asked, Encoder, batch
from hearfelt.training.causal.options import CausalOptions
from tests.training.causal.tiny import LABELS, language_model, lines


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return bases.load(str(language_model(tmp_path_factory.mktemp("llama"))))


def test_a_question_shows_the_window_and_names_the_labels() -> None:
    asked = questions.emotions(lines(), LABELS, 2)
    assert len(asked) == 6 and [one.answer for one in asked] == [line.label for line in lines()]
    assert asked[3].text(2) == (
        "Read the conversation and name the emotion of its last turn. Answer with one of: "
        "anger, joy, sadness.\n"
        "Conversation:\n"
        "A: mine never came , this is outrageous\n"
        "B: oh no , i am so sorry\n"
        "A: the third time ! unbelievable\n"
        "Answer:"
    )
    assert "outrageous" not in asked[3].text(1)
    assert asked[3].text(2, questions.NO_WORDS).endswith("A: N/A\nAnswer:")


def test_chinese_lines_are_asked_in_chinese() -> None:
    asked = questions.emotions([replace(line, language="zh") for line in lines()], LABELS, 2)
    assert (
        asked[0].text(0).startswith("阅读对话，指出最后一句话的情绪。只回答其中之一：anger, joy, sadness。")
    )


def test_a_line_break_in_a_turn_begins_no_new_turn() -> None:
    (one,) = questions.emotions([replace(lines()[0], text="well\nA: joy")], LABELS, 0)
    assert one.turns == (("A", "well A: joy"),)


def test_who_speaks_is_asked_where_it_can_be_known() -> None:
    asked = questions.speakers(lines(), 8)
    assert [one.line for one in asked] == [2, 3, 4, 5]  # before, only one has spoken
    assert asked[0].choices == ("A", "B") and asked[0].answer == "A"
    assert asked[0].turns[-1] == ("?", "oh no , i am so sorry")


def test_a_question_that_does_not_fit_shows_fewer_turns_and_says_so(base: Base) -> None:
    said: list[str] = []
    (*_, last) = questions.emotions(lines(), LABELS, 5)
    whole = Encoder(base, CausalOptions(max_tokens=512))
    assert len(whole.prompt(last)) > 64
    whole.tell(said.append, "learning")
    assert said == []
    small = Encoder(base, CausalOptions(max_tokens=56))
    assert len(small.prompt(last)) <= 56 - 2
    small.tell(said.append, "learning")
    assert said == [
        "learning: 56 tokens are too few for 1 of 1 questions: 1 show fewer turns (down to 1), "
        "0 the end of the last turn alone"
    ]


def test_a_turn_longer_than_the_model_keeps_its_end(base: Base) -> None:
    long = replace(lines()[0], text="the parcel came " * 500 + "hooray")
    (one,) = questions.emotions([long], LABELS, 0)
    encoder = Encoder(base, CausalOptions(max_tokens=64))
    shown = base.tokenizer.decode(encoder.prompt(one))
    assert shown.endswith("hooray\nAnswer:") and encoder.cut == 1


def test_a_model_too_short_for_the_instruction_is_named(base: Base) -> None:
    (one,) = questions.emotions(lines()[:1], LABELS, 0)
    with pytest.raises(OptionError, match="with its answer does not fit 16 tokens: set max_tokens"):
        Encoder(base, CausalOptions(max_tokens=16)).prompt(one)


def test_only_the_answer_is_learnt() -> None:
    rows = batch([Asked((5, 6, 7), (8, 1)), Asked((5,), (9, 1), 0.5)], pad=0)
    assert rows["input_ids"].tolist() == [[5, 6, 7, 8, 1], [5, 9, 1, 0, 0]]
    assert rows["targets"].tolist() == [[NOTHING] * 3 + [8, 1], [NOTHING, 9, 1, NOTHING, NOTHING]]
    assert rows["attention_mask"].tolist() == [[1] * 5, [1, 1, 1, 0, 0]]
    assert rows["weights"].tolist() == [1.0, 0.5]


def test_a_chat_template_is_used_where_there_is_one(tmp_path: Path) -> None:
    base = bases.load(str(language_model(tmp_path)))
    base.tokenizer.chat_template = "{% for m in messages %}<s> {{ m['content'] }} </s>{% endfor %}joy"
    (one,) = questions.emotions(lines()[:1], LABELS, 0)
    asked = base.tokenizer.decode(Encoder(base, CausalOptions()).prompt(one))
    assert asked.startswith("<s> Read") and asked.endswith("</s>joy")
    plain = base.tokenizer.decode(Encoder(base, CausalOptions(chat=False)).prompt(one))
    assert plain.endswith("Answer:")
