"""Wordings and examples from the options to the parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.errors import OptionError
from hearfelt.fusion import reliability
from hearfelt.language.judge import Panel
from hearfelt.pipeline.build import build
from hearfelt.pipeline.options import RecognizerOptions


def test_wordings_and_examples_need_a_language_model() -> None:
    with pytest.raises(OptionError, match="prompts is 3, but no language model is named; name one with llm"):
        RecognizerOptions(prompts=3)
    with pytest.raises(OptionError, match="examples is table, but no language model is named"):
        RecognizerOptions(examples="table")
    with pytest.raises(OptionError, match="4 wordings were asked for; take 1 to 3"):
        build(RecognizerOptions(llm="tiny", prompts=4, voice="none", words="none"))


def test_wordings_and_examples_make_a_panel_and_stand_in_the_report(tmp_path: Path) -> None:
    table = tmp_path / "shots.csv"
    table.write_text("text,label\nGo away,angry\nHello,neutral\n", encoding="utf-8")
    options = RecognizerOptions(
        llm="tiny",
        prompts=2,
        examples=str(table),
        shots=1,
        balanced_shots=True,
        voice="none",
        llm_cache=False,
    )
    parts = build(options)
    assert isinstance(parts.judge, Panel) and parts.judge.prompts == 2
    assert parts.judge.options.cache is None
    (component,) = [c for c in parts.components(given="x") if c.kind == "examples"]
    assert component.name == "shots.csv"
    assert component.note == (
        "2 labelled utterances (anger 1, neutral 1), 1 shown each time, balanced over labels"
    )


def test_answers_that_lie_apart_weigh_less() -> None:
    steady, apart = (reliability.llm(5, spread=spread) for spread in (0.0, 0.4))
    assert apart == pytest.approx(0.6 * steady)
    assert reliability.llm(5, spread=1.5) == 0 and reliability.llm(5, spread=-1) == steady
