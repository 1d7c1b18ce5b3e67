"""A language model as a row of the table: asked for each line, with what was said before, nothing learnt."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from hearfelt.datasets.dialogue import Dialogues, Line, grouped
from hearfelt.errors import ChatError, NotAskedError
from hearfelt.language.judge import Judge, JudgeItem, Turn
from hearfelt.training.dialogue import report
from hearfelt.training.dialogue.cues import Cues
from hearfelt.training.watch import Report, span
from hearfelt.types import FloatArray, Segment

WORDS = {
    "duration": ("shorter", "longer"),
    "avg_intensity": ("quieter", "louder"),
    "intensity_variation": ("loudness steadier", "loudness more uneven"),
    "avg_pitch": ("pitch lower", "pitch higher"),
    "pitch_std": ("pitch flatter", "pitch more varied"),
    "pitch_range": ("pitch range narrower", "pitch range wider"),
    "articulation_rate": ("slower", "faster"),
    "mean_hnr": ("rougher or breathier voice", "clearer voice"),
}
"""What a vocal measure below and above the speaker's own is called."""

DEVIATIONS = 1.0
"""From the speaker's own, from where on a measure is worth a word."""


class Asked:
    """A zero-shot row.

    Args:
        judge: asks; its labels are the corpus's.
        cues: measures in words, learnt on training lines; None tells words alone.

    Attributes:
        usage_: tokens read and written in all calls of `predict_proba`, as the server counts them.
        failures_: lines without a usable answer; they get equal probabilities.
    """

    def __init__(self, judge: Judge, tell: Report, cues: Cues | None = None) -> None:
        self.judge, self.cues, self.tell = judge, cues, tell
        self.classes_ = judge.options.labels
        self.usage_: dict[str, int] = {}
        self.failures_ = 0

    def fit(self, lines: Sequence[Line]) -> Asked:
        """Nothing is learnt."""
        return self

    def predict_proba(self, lines: Sequence[Line]) -> FloatArray:
        """Probabilities ``(n_lines, n_labels)``.

        Raises:
            ChatError: not one line got a usable answer, or the model failed so often that it is left alone:
                lines that were never asked would count as wrong ones.
        """
        found = np.full((len(lines), len(self.classes_)), 1 / len(self.classes_), np.float32)
        heard = None if self.cues is None else self.cues.transform(lines)
        began, done, last = time.monotonic(), 0, ""
        for group in grouped(lines):
            history: list[Turn] = []
            for i in group:
                cues = () if heard is None or self.cues is None else in_words(self.cues.names, heard[i])
                try:
                    evidence = self.judge.judge(_item(lines[i], tuple(history), cues))
                    found[i] = evidence.emotion.probabilities
                    for name, count in evidence.details.get("usage", {}).items():
                        self.usage_[name] = self.usage_.get(name, 0) + int(count)
                except NotAskedError:
                    kept = self.judge.options.cache is not None and done > self.failures_
                    more = f" (after {done} of {len(lines)} lines; run it again to go on)" if kept else ""
                    raise ChatError(f"{last}{more}") from None
                except ChatError as error:
                    self.failures_ += 1
                    last = str(error)
                history.append(Turn(lines[i].speaker or None, lines[i].text))
                done += 1
                if done % 50 == 0:
                    left = (time.monotonic() - began) / done * (len(lines) - done)
                    self.tell(f"{self.judge.source}: {done} of {len(lines)} lines, {span(left)} left")
        if self.failures_ == len(lines):
            raise ChatError(last)
        return found


def row(
    table: Dialogues, judge: Judge, limit: int | None, tell: Report, *, cues: bool = False
) -> dict[str, Any]:
    """The figures of a language model on the test part, or on its first whole dialogues up to a limit.

    No line is asked for choices, so no temperature is fitted.

    Raises:
        ChatError: the model gave no usable answer.
    """
    lines = first_dialogues(table.part("test"), limit)
    heard = Cues(table.measures).fit(table.part("train")) if cues else None
    model, began = Asked(judge, tell, heard), time.monotonic()
    found = model.predict_proba(lines)
    seconds = time.monotonic() - began
    figures = report.scores(model.classes_, None, (lines, found))
    whole = len(lines) == len(table.part("test"))
    part = "whole test part" if whole else f"first {len(lines)} test lines"
    failed = f", {model.failures_} without a usable answer" if model.failures_ else ""
    tokens = sum(n for name, n in model.usage_.items() if name in ("prompt_tokens", "completion_tokens"))
    return figures | {
        "predict_s": seconds,
        "tokens": tokens,
        "usage": model.usage_,
        "failures": model.failures_,
        "protocol": f"zero-shot, {part}{failed}",
    }


def first_dialogues(lines: Sequence[Line], limit: int | None) -> list[Line]:
    """Whole dialogues from the first on, until there are at least ``limit`` lines; all where None."""
    found: list[Line] = []
    for group in grouped(lines):
        if limit is not None and len(found) >= limit:
            break
        found += [lines[i] for i in group]
    return found


def in_words(names: Sequence[str], inputs: FloatArray) -> tuple[str, ...]:
    """The measures of a line (a row of `Cues.transform`) that stand out from the speaker's own, in words."""
    own = inputs[len(names) : 2 * len(names)]
    order = sorted(range(len(names)), key=lambda i: -abs(own[i]))
    return tuple(
        f"{'much ' if abs(own[i]) >= 2 * DEVIATIONS else ''}{WORDS[names[i]][int(own[i] > 0)]} than usual"
        for i in order
        if abs(own[i]) >= DEVIATIONS
    )


def _item(line: Line, history: tuple[Turn, ...], cues: tuple[str, ...]) -> JudgeItem:
    segment = Segment(0.0, 1.0, line.speaker or None)
    return JudgeItem(segment, line.text, cues=cues, history=history, language=line.language or None)
