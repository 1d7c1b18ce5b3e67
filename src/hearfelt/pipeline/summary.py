"""What a whole recording comes to: shares, course, turning points, interruptions, silence."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from hearfelt.types import Estimate, Segment, SpeakerSummary, TurningPoint

TURN_WINDOW = 3
"""Utterances on each side that a turning point compares."""
TURN_STEP = 0.3
"""Smallest change of the mean that counts as a turning point, on the scale from -1 to 1."""
INTERRUPTION_S = 0.3
"""Shortest overlap that counts as an interruption; shorter ones are the normal rush of turn-taking."""

# Thai and Lao, Burmese, Khmer, Chinese and Japanese with their punctuation; Korean is written with spaces.
_LETTERS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff"
    "\uff01-\uff0f\uff1a-\uff20\U00020000-\U0003ffff"
)
_PIECE = re.compile(rf"[{_LETTERS}]|[^\s{_LETTERS}]+")


def turning_points(course: Sequence[tuple[float, float, float]]) -> tuple[TurningPoint, ...]:
    """Where a speaker's arousal or valence changed for good.

    At each utterance the mean of the `TURN_WINDOW` utterances before is compared with the mean of as many
    from there on; a change of at least `TURN_STEP` that is the largest within a window is a turning point.

    Args:
        course: ``(time_s, arousal, valence)`` of each utterance, in order.
    """
    points: list[TurningPoint] = []
    window = TURN_WINDOW
    for column, dimension in ((1, "arousal"), (2, "valence")):
        values = np.array([row[column] for row in course], dtype=float)
        if len(values) < 2 * window:
            continue
        before = np.array([values[i - window : i].mean() for i in range(window, len(values) - window + 1)])
        after = np.array([values[i : i + window].mean() for i in range(window, len(values) - window + 1)])
        change = np.abs(after - before)
        for i in range(len(change)):
            near = change[max(0, i - window + 1) : i + window]
            if (
                change[i] >= TURN_STEP
                and change[i] == near.max()
                and change[i] > change[:i][-window:].max(initial=0)
            ):
                time_s = course[i + window][0]
                points.append(TurningPoint(time_s, dimension, float(before[i]), float(after[i])))
    return tuple(sorted(points, key=lambda point: point.time_s))


def interruptions(segments: Sequence[Segment]) -> dict[tuple[str | None, int], int]:
    """How often each speaker began while another was speaking and was still speaking when the other ended.

    Returns:
        ``(speaker, channel)`` to count, for those who did.
    """
    count: dict[tuple[str | None, int], int] = {}
    speaking: list[Segment] = []
    for second in sorted(segments, key=lambda s: (s.start_s, s.end_s)):
        speaking = [first for first in speaking if first.end_s > second.start_s]
        for first in speaking:
            other = (first.speaker, first.channel) != (second.speaker, second.channel)
            went_on = first.start_s < second.start_s and second.end_s > first.end_s
            if other and went_on and first.overlap_s(second) >= INTERRUPTION_S:
                who = (second.speaker, second.channel)
                count[who] = count.get(who, 0) + 1
                break
        speaking.append(second)
    return count


def silence_and_overlap(segments: Sequence[Segment], duration_s: float) -> tuple[float, float]:
    """Seconds in which nobody speaks, and seconds in which more than one does."""
    if not segments:
        return duration_s, 0.0
    edges = sorted([(s.start_s, 1) for s in segments] + [(s.end_s, -1) for s in segments])
    speaking, last, talk, overlap = 0, 0.0, 0.0, 0.0
    for time, change in edges:
        talk += (time - last) if speaking else 0.0
        overlap += (time - last) if speaking > 1 else 0.0
        speaking, last = speaking + change, time
    return max(0.0, duration_s - talk), overlap


def word_count(text: str) -> int:
    """How many words a text has; in scripts without spaces (Chinese, Japanese, Thai) each letter is one."""
    return sum(any(character.isalnum() for character in piece) for piece in _PIECE.findall(text))


def speakers(estimates: Sequence[Estimate]) -> tuple[SpeakerSummary, ...]:
    """One summary a speaker, in the order in which they first speak."""
    groups: dict[tuple[str, int], list[Estimate]] = {}
    for estimate in sorted(estimates, key=lambda e: e.segment.start_s):
        key = (estimate.segment.speaker or "speaker", estimate.segment.channel)
        groups.setdefault(key, []).append(estimate)
    interrupted = interruptions([e.segment for e in estimates])
    return tuple(
        _speaker(name, channel, group, interrupted.get((group[0].segment.speaker, channel), 0))
        for (name, channel), group in groups.items()
    )


def _speaker(name: str, channel: int, group: list[Estimate], interrupted: int) -> SpeakerSummary:
    durations = np.array([e.segment.duration_s for e in group])
    talk_s = float(durations.sum())
    shares: dict[str, float] = {}
    for estimate, duration in zip(group, durations, strict=True):
        shares[estimate.label] = shares.get(estimate.label, 0.0) + float(duration) / max(talk_s, 1e-9)
    course = tuple(
        (
            (e.segment.start_s + e.segment.end_s) / 2,
            float(e.emotion.arousal or 0.0),
            float(e.emotion.valence or 0.0),
        )
        for e in group
    )
    weights = durations / max(talk_s, 1e-9)
    return SpeakerSummary(
        speaker=name,
        channel=channel,
        utterances=len(group),
        talk_s=talk_s,
        shares=dict(sorted(shares.items(), key=lambda item: -item[1])),
        course=course,
        turning_points=turning_points(course),
        interruptions=interrupted,
        words=sum(word_count(e.text) for e in group),
        arousal=float(weights @ [row[1] for row in course]),
        valence=float(weights @ [row[2] for row in course]),
    )
