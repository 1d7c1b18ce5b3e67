"""A whole recording: what was felt and said, by whom, and what was used to find out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hearfelt.types.emotion import Estimate
from hearfelt.types.words import Transcript

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class TurningPoint:
    """Where a speaker's mood changed: which dimension, from what level to what."""

    time_s: float
    dimension: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class SpeakerSummary:
    """One speaker over a whole recording.

    Args:
        shares: label (or "uncertain") to share of talk time; they sum to 1 where there is speech.
        course: ``(time_s, arousal, valence)`` of each utterance's middle, in order.
        interruptions: how often this speaker began while another was speaking and went on.
    """

    speaker: str
    channel: int
    utterances: int
    talk_s: float
    shares: Mapping[str, float]
    course: tuple[tuple[float, float, float], ...] = ()
    turning_points: tuple[TurningPoint, ...] = ()
    interruptions: int = 0
    words: int = 0
    arousal: float | None = None
    valence: float | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A part that had a say: its kind ("voice", "words", "transcriber", "llm", "vad"), version, licence."""

    kind: str
    name: str
    version: str = ""
    licence: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waveform:
    """Outline of one channel for drawing: the peak of each of equally long steps, in [0, 1]."""

    channel: int
    speaker: str | None
    step_s: float
    peaks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was put to a language model, what it cost and what came of it.

    Args:
        model: its name.
        policy: ``always``, ``uncertain`` or ``never``.
        below: the confidence below which an utterance was asked; None for another policy.
        utterances: all of the recording: asked, answered from the cache, and not asked.
        asked: put to the model now: answered or failed.
        cached: answered from the disk, as an earlier run was.
        not_asked: how many were not, by why: ``sure`` (the policy), ``never``, ``no_words``, ``budget``,
            ``breaker`` (it failed too often), ``replay`` (no answer is kept), ``interrupted``.
        changed: verdicts (`Estimate.label`, "uncertain" included) that are other than without it.
        requests: questions that went out, repairs included.
        tokens: read and written.
        tokens_estimated: True where some were estimated from the length because the server did not count.
        seconds: during which at least one question was under way.
    """

    model: str
    policy: str = "always"
    below: float | None = None
    utterances: int = 0
    asked: int = 0
    answered: int = 0
    cached: int = 0
    failed: int = 0
    not_asked: Mapping[str, int] = field(default_factory=dict)
    changed: int = 0
    requests: int = 0
    tokens: int = 0
    tokens_estimated: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """A whole recording: what was felt, said and used; ``asked`` is None without a language model."""

    file: str
    duration_s: float
    estimates: tuple[Estimate, ...] = ()
    transcript: Transcript = field(default_factory=Transcript)
    speakers: tuple[SpeakerSummary, ...] = ()
    silence_s: float = 0.0
    overlap_s: float = 0.0
    components: tuple[Component, ...] = ()
    warnings: tuple[str, ...] = ()
    waveforms: tuple[Waveform, ...] = ()
    created: str = ""
    version: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    asked: Asked | None = None

    def to_frame(self) -> pandas.DataFrame:
        """One row an estimate, MultiIndex ``file, start, end`` (timedelta), as opensmile gives it.

        Columns: speaker, channel, emotion, confidence, label_set, abstained, conflict, arousal, valence,
        dominance, text, reason, then one column a label with its probability.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from hearfelt.errors import MissingExtraError

        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("Report.to_frame", "pandas", "frame") from None
        rows = []
        for e in self.estimates:
            row: dict[str, Any] = {
                "speaker": e.segment.speaker,
                "channel": e.segment.channel,
                "emotion": e.label,
                "confidence": e.confidence,
                "label_set": ", ".join(e.label_set),
                "abstained": e.abstained,
                "conflict": e.conflict,
                "arousal": e.emotion.arousal,
                "valence": e.emotion.valence,
                "dominance": e.emotion.dominance,
                "text": e.text,
                "reason": e.reason,
            }
            row.update(zip(e.emotion.labels, e.emotion.probabilities, strict=True))
            rows.append(row)
        index = pd.MultiIndex.from_arrays(
            [
                [self.file] * len(rows),
                pd.to_timedelta([e.segment.start_s for e in self.estimates], unit="s"),
                pd.to_timedelta([e.segment.end_s for e in self.estimates], unit="s"),
            ],
            names=["file", "start", "end"],
        )
        return pd.DataFrame(rows, index=index)
