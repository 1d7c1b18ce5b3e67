"""Two runs over the same recording, set side by side: what each found otherwise, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hearfelt.types import Estimate, Report

SAME_S = 0.05
"""Utterances whose beginnings and ends lie no farther apart are the same."""
SAME_P = 1e-6
"""Probabilities that differ by no more are the same."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An utterance that the two runs judged otherwise: label ("uncertain" included) and confidence."""

    start_s: float
    speaker: str | None
    first: str
    second: str
    first_confidence: float
    second_confidence: float


@dataclass(frozen=True, slots=True)
class Difference:
    """What sets two reports apart.

    Args:
        matched: utterances that both have.
        only_first, only_second: utterances that one of them has.
        changed: verdicts that are other.
        moved: verdicts that are the same with other probabilities.
        most: the largest difference of a probability.
        answers_same, answers_other: answers of the language model, by their hashes.
        answers_first, answers_second: answers that only one of them has.
    """

    matched: int
    only_first: int
    only_second: int
    changed: tuple[Changed, ...]
    moved: int
    most: float
    answers_same: int
    answers_other: int
    answers_first: int
    answers_second: int

    @property
    def none(self) -> bool:
        """Whether the two are the same."""
        apart = (self.only_first, self.only_second, self.moved, self.answers_other)
        return not any((*apart, *self.changed, self.answers_first, self.answers_second))


def difference(first: Report, second: Report) -> Difference:
    """Compares two reports on the same recording, utterance by utterance."""
    pairs = list(_pairs(first, second))
    changed, moved, most = [], 0, 0.0
    answers = {"same": 0, "other": 0, "first": 0, "second": 0}
    for a, b in pairs:
        apart = max(
            (abs(a.emotion.probability(x) - b.emotion.probability(x)) for x in _labels(a, b)), default=0
        )
        most = max(most, apart)
        if a.label != b.label:
            who = a.segment.speaker
            changed.append(Changed(a.segment.start_s, who, a.label, b.label, a.confidence, b.confidence))
        elif apart > SAME_P:
            moved += 1
        one, other = _answer(a), _answer(b)
        if one and other:
            answers["same" if one == other else "other"] += 1
        elif one or other:
            answers["first" if one else "second"] += 1
    return Difference(
        matched=len(pairs),
        only_first=len(first.estimates) - len(pairs),
        only_second=len(second.estimates) - len(pairs),
        changed=tuple(changed),
        moved=moved,
        most=most,
        answers_same=answers["same"],
        answers_other=answers["other"],
        answers_first=answers["first"],
        answers_second=answers["second"],
    )


def _pairs(first: Report, second: Report) -> Iterator[tuple[Estimate, Estimate]]:
    """The same utterances of both, in order of time, each once."""

    def order(estimate: Estimate) -> tuple[int, float]:
        return estimate.segment.channel, estimate.segment.start_s

    others = sorted(second.estimates, key=order)
    at = 0
    for a in sorted(first.estimates, key=order):
        while at < len(others) and order(others[at]) < (a.segment.channel, a.segment.start_s - SAME_S):
            at += 1
        if at < len(others):
            b = others[at].segment
            near = max(abs(b.start_s - a.segment.start_s), abs(b.end_s - a.segment.end_s)) <= SAME_S
            if near and b.channel == a.segment.channel:
                yield a, others[at]
                at += 1


def _labels(a: Estimate, b: Estimate) -> set[str]:
    return {*a.emotion.labels, *b.emotion.labels}


def _answer(estimate: Estimate) -> str:
    """The hash of the language model's answer, empty where it gave none."""
    hashes = (str(e.details.get("answer", "")) for e in estimate.evidence if e.source.startswith("llm/"))
    return next(filter(None, hashes), "")
