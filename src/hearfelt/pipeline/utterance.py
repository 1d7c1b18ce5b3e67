"""One utterance understood: what the voice, the words and the language model say, fused into an estimate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from hearfelt.audio import quality
from hearfelt.errors import FeatureError
from hearfelt.features import cues
from hearfelt.fusion import reliability
from hearfelt.language.judge import JudgeItem, Turn
from hearfelt.language.judge.question import language_of
from hearfelt.models.writing import WriterModel
from hearfelt.models.written import Given
from hearfelt.pipeline.asking import Answer, Asking
from hearfelt.types import Audio, Estimate, Evidence, Segment, Word, join_words

if TYPE_CHECKING:
    from hearfelt.pipeline.build import Parts

HISTORY = 50
"""Turns of the past that are offered to the language model, which takes as many as fit its window."""


@dataclass
class Conversation:
    """What has been heard so far: every speaker's own baseline, and the turns in order."""

    baselines: dict[tuple[str | None, int], cues.Baseline] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    language: str | None = None
    word_reliability: float = 1.0
    warnings: list[str] = field(default_factory=list)
    asking: Asking | None = None
    roles: dict[str, str] = field(default_factory=dict)

    def baseline(self, segment: Segment) -> cues.Baseline:
        """The running baseline of a segment's speaker."""
        return self.baselines.setdefault((segment.speaker, segment.channel), cues.Baseline())

    def warn(self, sentence: str) -> None:
        """Keeps a warning once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)


@dataclass(frozen=True, slots=True)
class Heard:
    """One utterance heard, with the language model's answer still to come.

    Args:
        words: how many, and the transcriber's mean confidence in them.
        without: the verdict without the language model.
        answer: what comes of asking it; None where there is none to ask.
    """

    words: tuple[int, float | None]
    word_reliability: float
    without: Estimate
    answer: Answer | None = None

    @property
    def ready(self) -> bool:
        """Whether the verdict needs no waiting."""
        return self.answer is None or self.answer.ready

    def conclude(self, parts: Parts, conversation: Conversation, *, now: bool = False) -> Estimate:
        """The verdict; waits for the answer.

        Args:
            now: does not wait: what has not come is given up.
        """
        if self.answer is None or conversation.asking is None:
            return self.without
        said = conversation.asking.settle(self.answer, now=now)
        if said is None:
            return self.without
        n_words, confidence = self.words
        weight = reliability.llm(
            n_words,
            confidence,
            repaired=bool(said.details.get("repaired")),
            spread=said.details.get("spread", {}).get("distance", 0.0),
        )
        said = replace(said, reliability=weight * self.word_reliability)
        found = self.without
        estimate = parts.fuser.fuse(
            [*found.evidence, said],
            segment=found.segment,
            text=found.text,
            cues=found.cues,
            language=parts.options.language,
        )
        conversation.asking.compare(found, estimate)
        return estimate


def hear(
    clip: Audio, segment: Segment, words: Sequence[Word], parts: Parts, conversation: Conversation
) -> Heard:
    """One utterance as voice and words tell it; the language model is asked, but not waited for.

    Args:
        clip: its sound.
        segment: its times, speaker and channel.
        words: what was said in it.
        parts: the models to ask.
        conversation: what was heard before; this utterance is added to it.
    """
    text = join_words(words)
    vocal_cues, compared = _vocal_cues(clip, text, segment, parts, conversation)
    evidence = [
        *_voice(clip, segment, Given(text, vocal_cues), parts),
        *_words(text, words, segment, parts, conversation),
    ]
    without = parts.fuser.fuse(
        evidence, segment=segment, text=text, cues=vocal_cues, language=parts.options.language
    )
    answer = _ask(compared, without, parts, conversation)
    conversation.turns.append(Turn(segment.speaker, text))
    return Heard((len(words), _confidence(words)), conversation.word_reliability, without, answer)


def _vocal_cues(
    clip: Audio, text: str, segment: Segment, parts: Parts, conversation: Conversation
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is unusual in this voice, in words; the speaker's baseline learns from it afterwards.

    Returns:
        In few words and the report's language; and for the language model, where there is one, in the
        language in which it is asked, with what each cue compares with.
    """
    try:
        measures = cues.measures(parts.frames(clip))
    except FeatureError:
        return (), ()  # too short to measure: there is nothing to say, and the voice model says why
    baseline = conversation.baseline(segment)
    found = cues.describe(measures, baseline, parts.population, language=parts.options.language)
    compared: list[cues.Cue] = []
    if parts.judge is not None:
        asked_in = language_of(JudgeItem(segment, text, language=conversation.language))
        compared = cues.describe(measures, baseline, parts.population, language=asked_in, compare="both")
    baseline.update(measures)
    return tuple(cue.text for cue in found), tuple(cue.text for cue in compared)


def _voice(clip: Audio, segment: Segment, given: Given, parts: Parts) -> list[Evidence]:
    if parts.voice is None:
        return []
    if isinstance(parts.voice, WriterModel):
        (evidence,) = parts.voice.predict([clip], [given])
    else:
        (evidence,) = parts.voice.predict([clip])
    if evidence.reliability == 0:  # silence, or too short: nothing was heard, however clean it is
        return [replace(evidence, segment=segment)]
    measured = quality.measure(clip)
    weight = reliability.voice(measured.snr_db, clip.duration_s, measured.clipping)
    details = {**evidence.details, "snr_db": round(measured.snr_db, 1)}
    return [replace(evidence, segment=segment, reliability=weight, details=details)]


def _words(
    text: str, words: Sequence[Word], segment: Segment, parts: Parts, conversation: Conversation
) -> list[Evidence]:
    if parts.words is None or not text:
        return []
    language = conversation.language
    (evidence,) = parts.words.predict([(text, segment)], language)
    if evidence is None:
        conversation.warn(parts.words.why_not(text, language))
        return []
    if not parts.fuser.calibration.source(evidence.source).fitted:
        name = evidence.source.removeprefix("words/")
        conversation.warn(
            f"the text model {name!r} was not measured in fusion: it has half "
            "a vote, and confidence and label sets are those of other text models"
        )
    weight = reliability.words(len(words), _confidence(words))
    return [replace(evidence, reliability=weight * conversation.word_reliability)]


def _confidence(words: Sequence[Word]) -> float | None:
    """The transcriber's mean confidence; None where it gives none."""
    heard = [word.confidence for word in words if word.confidence is not None]
    return float(np.mean(heard)) if heard else None


def _ask(
    compared: tuple[str, ...], without: Estimate, parts: Parts, conversation: Conversation
) -> Answer | None:
    """Puts an utterance to the language model where there is one."""
    conversation.asking = conversation.asking or asking(parts, ())
    if conversation.asking is None:
        return None
    if not without.text:  # an answer about no words has no weight: it would only cost
        conversation.warn("utterances without words were not put to the language model")
    segment = without.segment
    by_kind = {item.source.split("/")[0]: item for item in without.evidence}
    sure = {kind: parts.fuser.fuse([item], segment=segment).confidence for kind, item in by_kind.items()}
    voice, read = by_kind.get("voice"), by_kind.get("words")
    item = JudgeItem(
        segment=segment,
        text=without.text,
        cues=compared,
        history=tuple(conversation.turns[-HISTORY:]),
        voice=voice.emotion if voice else None,
        words=read.emotion if read else None,
        language=conversation.language,
        roles=conversation.roles,
        voice_confidence=sure.get("voice"),
        words_confidence=sure.get("words"),
    )
    return conversation.asking.ask(item, without)


def asking(parts: Parts, speakers: Iterable[str]) -> Asking | None:
    """Who puts the utterances of one recording to the language model; None where there is none."""
    if parts.judge is None:
        return None
    below = parts.options.ask_below
    return Asking(
        parts.judge, parts.options, parts.fuser.calibration.ask_below if below is None else below, speakers
    )
