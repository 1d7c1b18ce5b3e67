"""The values that travel between the rooms: small, frozen, named from the field.

Only numpy and the standard library are used here. Times are seconds from the start of the recording,
arousal, valence and dominance lie in [-1, 1], probabilities and confidences in [0, 1].
`to_dict` and `from_dict` turn any of these values into plain JSON data and back.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
import types as _types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, Union

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas

FloatArray = npt.NDArray[np.float32]
T = TypeVar("T")

UNCERTAIN = "uncertain"
"""The label of an estimate that abstained."""


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """One channel of sound.

    Args:
        samples: float32, shape ``(n_samples,)``, in [-1, 1].
        sample_rate_hz: samples a second.
        channel: which channel of the recording this was, counted from 0.
        start_s: where the first sample stands in the recording.
    """

    samples: FloatArray
    sample_rate_hz: int
    channel: int = 0
    start_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate_hz

    @property
    def end_s(self) -> float:
        """Where the sound ends in the recording."""
        return self.start_s + self.duration_s

    def cut(self, start_s: float, end_s: float) -> Audio:
        """The part between two times of the recording, clipped to what is there."""
        first = max(0, round((start_s - self.start_s) * self.sample_rate_hz))
        last = max(first, min(len(self.samples), round((end_s - self.start_s) * self.sample_rate_hz)))
        return Audio(
            self.samples[first:last],
            self.sample_rate_hz,
            self.channel,
            self.start_s + first / self.sample_rate_hz,
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one speaker's speech."""

    start_s: float
    end_s: float
    speaker: str | None = None
    channel: int = 0

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def overlap_s(self, other: Segment) -> float:
        """Seconds that two segments share, 0 where they are apart."""
        return max(0.0, min(self.end_s, other.end_s) - max(self.start_s, other.start_s))


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Measures of a sound.

    Args:
        values: float32, shape ``(n_frames, n_dims)``; functionals have one frame.
        names: one name a dimension, or None where they have none.
        hop_s: seconds between frames; for functionals the length of the sound.
        space: name and version of the feature set, such as ``egemaps/1``.
    """

    values: FloatArray
    names: tuple[str, ...] | None
    hop_s: float
    space: str

    def __getitem__(self, name: str) -> FloatArray:
        """One named measure, shape ``(n_frames,)``; KeyError names what is there."""
        names = self.names or ()
        if name not in names:
            raise KeyError(f"{name!r} is not in {self.space}; it has {', '.join(names) or 'no names'}")
        column: FloatArray = self.values[:, names.index(name)]
        return column


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it was said; ``confidence`` is the transcriber's own, None where it gives none."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    speaker: str | None = None
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said. ``language`` is an ISO 639-1 code or None; ``transcriber`` names who heard it."""

    words: tuple[Word, ...] = ()
    language: str | None = None
    transcriber: str = "none"

    @property
    def text(self) -> str:
        """All words as one string."""
        return join_words(self.words)

    def between(self, segment: Segment) -> tuple[Word, ...]:
        """The words whose middle lies inside a segment, of its speaker and channel where words name one."""
        return ByTime(self).between(segment)


class ByTime:
    """The words of a transcript sorted once, to ask for those of many segments."""

    def __init__(self, transcript: Transcript) -> None:
        self._words = sorted(transcript.words, key=_middle)
        self._middles = [_middle(word) for word in self._words]

    def between(self, segment: Segment) -> tuple[Word, ...]:
        """As `Transcript.between`, in order of time."""
        first = bisect.bisect_left(self._middles, segment.start_s)
        last = bisect.bisect_left(self._middles, segment.end_s)
        return tuple(
            word
            for word in self._words[first:last]
            if word.speaker in (None, segment.speaker) and word.channel in (None, segment.channel)
        )


def _middle(word: Word) -> float:
    return (word.start_s + word.end_s) / 2


def join_words(words: typing.Sequence[Word]) -> str:
    """Words as a sentence: spaces between words, none between Chinese, Japanese or Thai characters."""
    text = ""
    for word in words:
        piece = word.text.strip()
        if not piece:
            continue
        text += piece if not text or (_unspaced(text[-1]) and _unspaced(piece[0])) else f" {piece}"
    return text


def _unspaced(character: str) -> bool:
    return (
        "\u0e00" <= character <= "\u0e7f"
        or "\u2e80" <= character <= "\u9fff"
        or character in "，。？！、；："
    )


@dataclass(frozen=True, slots=True)
class Emotion:
    """Probabilities over a named label set and the three dimensions.

    Args:
        labels: the label set, in a fixed order.
        probabilities: one a label; they sum to 1 unless ``multi_label``.
        arousal, valence, dominance: in [-1, 1], or None where unknown.
        multi_label: True where each probability stands for itself.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    multi_label: bool = False

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.probabilities):
            raise ValueError(f"{len(self.labels)} labels but {len(self.probabilities)} probabilities")
        if any(not math.isfinite(p) or p < -1e-6 or p > 1 + 1e-6 for p in self.probabilities):
            raise ValueError(f"probabilities must lie in [0, 1], got {self.probabilities}")

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[max(range(len(self.labels)), key=self.probabilities.__getitem__)]

    @property
    def scores(self) -> dict[str, float]:
        """Label to probability, most probable first."""
        pairs = zip(self.labels, self.probabilities, strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    def probability(self, label: str) -> float:
        """Probability of one label; 0 for a label outside the set."""
        return self.probabilities[self.labels.index(label)] if label in self.labels else 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one source says of one segment.

    Args:
        source: who says it: ``voice/base``, ``words/goemotions``, ``llm/NAME``.
        reliability: how much weight it deserves here, in [0, 1].
        note: why, for a person to read.
        details: figures behind it (plain JSON data), such as all 28 GoEmotions scores.
    """

    source: str
    segment: Segment
    emotion: Emotion
    reliability: float = 1.0
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The fused verdict on one segment.

    Args:
        emotion: fused probabilities and dimensions.
        confidence: calibrated probability that ``emotion.label`` is right.
        label_set: conformal set: holds the true label with probability ``coverage``.
        abstained: True where the risk of a wrong label was too high; ``label`` is then "uncertain".
        evidence: what the verdict rests on.
        conflict: True where the sources contradict each other.
        text: the words, empty where there are none.
        reason: the verdict in plain language.
        cues: what was heard, in words, strongest first.
    """

    segment: Segment
    emotion: Emotion
    confidence: float
    label_set: tuple[str, ...] = ()
    coverage: float = 0.9
    abstained: bool = False
    evidence: tuple[Evidence, ...] = ()
    conflict: bool = False
    text: str = ""
    reason: str = ""
    cues: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The verdict in one word."""
        return UNCERTAIN if self.abstained else self.emotion.label


@dataclass(frozen=True, slots=True)
class Event:
    """One estimate of a live stream; ``final`` is False while the utterance is still open."""

    estimate: Estimate
    sequence: int
    final: bool = True


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


@dataclass(frozen=True, slots=True)
class Alert:
    """What a policy wants somebody to know."""

    policy: str
    severity: str
    reason: str
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled stretch of speech in a corpus.

    Args:
        votes: each rater's label, in the order of the corpus; empty where it publishes none.
        gold: the label to learn.
        soft: label to share of votes, None where there are no votes.
        arousal, valence, dominance: in [-1, 1], None where nobody rated them.
        raters: who gave each vote, as long as ``votes``; empty where the corpus does not say. A rater who
            gave two labels is named twice.
        scale: what the ratings were given on before they were brought to [-1, 1], such as ``1..5``.
    """

    file: str
    gold: str | None
    segment: Segment | None = None
    speaker: str | None = None
    gender: str | None = None
    language: str | None = None
    text: str | None = None
    corpus: str = ""
    split: str | None = None
    licence: str = ""
    intensity: str | None = None
    votes: tuple[str, ...] = ()
    soft: Mapping[str, float] | None = None
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    raters: tuple[str, ...] = ()
    scale: str | None = None


def to_dict(value: Any) -> Any:
    """A value of this module as plain JSON data (dataclass to dict, tuple and array to list)."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_dict(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): to_dict(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_dict(item) for item in value]
    return value


def from_dict(kind: type[T], data: Any) -> T:
    """The value of a type of this module that `to_dict` wrote.

    Raises:
        ValueError: the data has a key that the type does not know, or lacks one it needs.
    """
    return typing.cast(T, _build(kind, data))


def _build(kind: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build_dataclass(kind, data)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, _types.UnionType):
        if data is None:
            return None
        return _build(next(a for a in arguments if a is not type(None)), data)
    if kind == FloatArray:
        return np.asarray(data, dtype=np.float32)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_build(arguments[0], item) for item in data)
        return tuple(_build(a, item) for a, item in zip(arguments, data, strict=True))
    return data


def _build_dataclass(kind: type, data: Any) -> Any:
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind)]
    unknown = sorted(set(data) - set(names))
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}; it has {', '.join(names)}")
    needed = {
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    missing = sorted(needed - set(data))
    if missing:
        raise ValueError(f"{kind.__name__} needs {', '.join(missing)}")
    return kind(**{name: _build(hints[name], data[name]) for name in names if name in data})
