"""Wordings and examples from the options to the parts."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from hearfelt.errors import OptionError
from hearfelt.fusion import reliability
from hearfelt.labels import EKMAN7
from hearfelt.language.judge import Panel
from hearfelt.language.words.readers import Readers
from hearfelt.language.words.text import TextModel
from hearfelt.pipeline import build as building
from hearfelt.pipeline.build import build
from hearfelt.pipeline.offline import Recognizer
from hearfelt.pipeline.options import RecognizerOptions
from hearfelt.types import Transcript, Word

from ..language.words.test_readers import chinese_model


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


def test_a_text_model_of_another_corpus_is_not_read_as_the_english_one(
    example_call: Path, tmp_path: Path
) -> None:
    samples, rate = soundfile.read(str(example_call), frames=4 * 16000)
    soundfile.write(str(tmp_path / "short.wav"), samples[:, 0], rate)
    recognizer = Recognizer(voice="none")
    shipped = recognizer.parts.fuser.calibration.sources
    assert shipped == building._fuser(RecognizerOptions(), Readers([TextModel.load()])).calibration.sources
    own = chinese_model("sadness")
    own.card = {**own.card, "prior": [1 / 7] * 7}  # type: ignore[dict-item]
    recognizer.parts.words = Readers([TextModel.load(), own])
    recognizer.parts.fuser = building._fuser(RecognizerOptions(coverage=0.8), recognizer.parts.words)
    assert recognizer.parts.fuser.options.coverage == 0.8
    read = recognizer.parts.fuser.calibration.source("words/zh")
    assert len(read.bias) == len(EKMAN7) and len(set(read.bias)) == 1 and not read.fitted
    said = Transcript((Word("我真的很难过", 0.5, 3.5),), "zh", "given")
    warnings = recognizer.analyze(tmp_path / "short.wav", transcript=said).warnings
    assert (
        "the text model 'zh' was not measured in fusion: it has half a vote, and confidence and label sets "
        "are those of other text models"
    ) in warnings
    english = Transcript((Word("I am so glad!", 0.5, 3.5),), "en", "given")
    assert not any(
        "not measured in fusion" in one
        for one in recognizer.analyze(tmp_path / "short.wav", transcript=english).warnings
    )
