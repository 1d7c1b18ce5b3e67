"""One utterance understood: what the voice, the words and the language model say, fused into an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from hearfelt.audio import quality
from hearfelt.errors import ChatError, FeatureError
from hearfelt.features import cues
from hearfelt.fusion import reliability
from hearfelt.language.question import JudgeItem, Turn, language_of
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
    asked: int = 0
    answered: int = 0
    last_failure: str = ""
    roles: dict[str, str] = field(default_factory=dict)

    def baseline(self, segment: Segment) -> cues.Baseline:
        """The running baseline of a segment's speaker."""
        return self.baselines.setdefault((segment.speaker, segment.channel), cues.Baseline())

    def warn(self, sentence: str) -> None:
        """Keeps a warning once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def understand(
    clip: Audio, segment: Segment, words: Sequence[Word], parts: Parts, conversation: Conversation
) -> Estimate:
    """The verdict on one utterance.

    Args:
        clip: its sound.
        segment: its times, speaker and channel.
        words: what was said in it.
        parts: the models to ask.
        conversation: what was heard before; this utterance is added to it.
    """
    text = join_words(words)
    vocal_cues, compared = _vocal_cues(clip, text, segment, parts, conversation)
    evidence = [*_voice(clip, segment, parts), *_words(text, words, segment, parts, conversation)]
    evidence += _judge(text, words, segment, compared, evidence, parts, conversation)
    estimate = parts.fuser.fuse(
        evidence, segment=segment, text=text, cues=vocal_cues, language=parts.options.language
    )
    conversation.turns.append(Turn(segment.speaker, text))
    return estimate


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


def _voice(clip: Audio, segment: Segment, parts: Parts) -> list[Evidence]:
    if parts.voice is None:
        return []
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
    weight = reliability.words(len(words), _confidence(words))
    return [replace(evidence, reliability=weight * conversation.word_reliability)]


def _confidence(words: Sequence[Word]) -> float | None:
    """The transcriber's mean confidence; None where it gives none."""
    heard = [word.confidence for word in words if word.confidence is not None]
    return float(np.mean(heard)) if heard else None


def _judge(
    text: str,
    words: Sequence[Word],
    segment: Segment,
    vocal_cues: tuple[str, ...],
    evidence: Sequence[Evidence],
    parts: Parts,
    conversation: Conversation,
) -> list[Evidence]:
    if parts.judge is None:
        return []
    if not words:  # an answer about no words has no weight: it would only cost
        conversation.warn("utterances without words were not put to the language model")
        return []
    if conversation.asked == 0:
        parts.judge.reset()  # a server that was down in the recording before may be back
    by_kind = {item.source.split("/")[0]: item for item in evidence}
    sure = {kind: parts.fuser.fuse([item], segment=segment).confidence for kind, item in by_kind.items()}
    voice, read = by_kind.get("voice"), by_kind.get("words")
    item = JudgeItem(
        segment=segment,
        text=text,
        cues=vocal_cues,
        history=tuple(conversation.turns[-HISTORY:]),
        voice=voice.emotion if voice else None,
        words=read.emotion if read else None,
        language=conversation.language,
        roles=conversation.roles,
        voice_confidence=sure.get("voice"),
        words_confidence=sure.get("words"),
    )
    conversation.asked += 1
    try:
        answer = parts.judge.judge(item)
    except ChatError as error:
        conversation.last_failure = str(error)
        return []
    conversation.answered += 1
    weight = reliability.llm(
        len(words),
        _confidence(words),
        repaired=bool(answer.details.get("repaired")),
        spread=answer.details.get("spread", {}).get("distance", 0.0),
    )
    return [replace(answer, reliability=weight * conversation.word_reliability)]
