"""The only place that knows the full cast: options in, parts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hearfelt import transcribers
from hearfelt.audio import vad
from hearfelt.features.cues import Population
from hearfelt.features.frames import FrameFeatures
from hearfelt.fusion.combine import Fuser
from hearfelt.language.judge import Judge
from hearfelt.language.text import TextModel, TextOptions
from hearfelt.models.onnx import VoiceModel
from hearfelt.pipeline import weights
from hearfelt.pipeline.options import RecognizerOptions
from hearfelt.transcribers.auto import choose
from hearfelt.transcribers.base import Transcriber
from hearfelt.types import Component

NONE = "none"


@dataclass
class Parts:
    """The models of a recognizer, loaded once and used many times."""

    options: RecognizerOptions
    voice: VoiceModel | None
    words: TextModel | None
    judge: Judge | None
    fuser: Fuser
    population: Population
    frames: FrameFeatures
    sample_rate_hz: int = 16000

    @cached_property
    def transcriber(self) -> Transcriber:
        """Who turns speech into words; loaded on first use, since a given transcript needs none."""
        return self._transcriber_and_note[0]

    @cached_property
    def _transcriber_and_note(self) -> tuple[Transcriber, str]:
        options = self.options
        if self.words is None and self.judge is None and options.transcriber == "auto":
            return transcribers.build(NONE), "no words are needed, so none were transcribed"
        if options.transcriber == "auto":
            return choose(language=options.speech_language)
        asked = {"model": options.transcriber_model, "language": options.speech_language}
        known = (
            options.transcriber == "whisper"
        )  # the others have neither models nor languages to choose from
        fields = {name: value for name, value in asked.items() if value is not None and known}
        return transcribers.build(options.transcriber, **fields), ""

    def components(self, given: str | None) -> tuple[Component, ...]:
        """Everything that has a say, with versions and licences.

        Args:
            given: which transcript was given, None where a transcriber was used.
        """
        found = [vad.component()]
        if self.voice:
            found.append(_from_card("voice", self.voice.card))
        if self.words:
            found.append(_from_card("words", self.words.card))
        if given:
            found.append(Component("transcriber", "given", note=given))
        else:
            transcriber, note = self._transcriber_and_note
            found.append(Component("transcriber", transcriber.name, note=note))
        if self.judge:
            found.append(Component("llm", self.options.llm or "", note=f"asked at {self.options.llm_url}"))
        found.append(_from_card("fusion", self.fuser.card))
        return tuple(found)


def build(options: RecognizerOptions | None = None) -> Parts:
    """Loads what the options ask for.

    Raises:
        OptionError: a name is not known.
        ModelError: a weights folder is missing or broken.
        LicenceError: the profile may not use the weights.
    """
    options = options or RecognizerOptions()
    voice = words = None
    if options.voice != NONE:
        folder = weights.find(options.voice, "voice")
        weights.allow(weights.card(folder), options.profile)
        voice = VoiceModel.load(folder)
    if options.words != NONE:
        folder = weights.find(options.words, "words")
        weights.allow(weights.card(folder), options.profile)
        words = TextModel.load(folder, TextOptions(explain=True))
    fusion: dict[str, float] = {"coverage": options.coverage}
    if options.max_risk is not None:
        fusion["max_risk"] = options.max_risk
    return Parts(
        options=options,
        voice=voice,
        words=words,
        judge=_judge(options),
        fuser=Fuser.load(weights.SHIPPED / "fusion", **fusion),
        population=Population.load(),
        frames=FrameFeatures(),
    )


def _judge(options: RecognizerOptions) -> Judge | None:
    if options.llm is None:
        return None
    from hearfelt.language.chat import OpenAIChat

    return Judge(OpenAIChat(options.llm, options.llm_url, key_env=options.llm_key_env))


def _from_card(kind: str, card: Mapping[str, Any]) -> Component:
    note = str(card.get("dimensions_note", ""))
    return Component(
        kind,
        str(card.get("name", "")),
        str(card.get("version", "")),
        str(card.get("licence", "")),
        note,
    )
