"""A language model as a rater: it is asked about each row of a table, and what it says is kept as a vote."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearfelt.errors import ChatError, HearfeltError, NotAskedError
from hearfelt.language.judge import Judge, JudgeItem, Turn
from hearfelt.language.judge.question import language_of
from hearfelt.pipeline.pool import Pool
from hearfelt.types import Emotion, Evidence, Segment

if TYPE_CHECKING:
    from hearfelt.datasets.annotated import AnnotatedTable
    from hearfelt.pipeline.build import Parts
    from hearfelt.types import Audio

HISTORY = 50
"""Turns before that are offered; the judge tells as many as fit its window."""


@dataclass
class Outcome:
    """How it went.

    Attributes:
        labelled: rows that got a vote.
        silent: rows without words, which are not asked about.
        unanswered: row to why it got no answer.
        stopped: why it asked no more before the end; empty where it asked about all.
        kept: how many answers came from the cache.
        usage: tokens, as the server counts them.
        unheard: why how many sounds could not be heard.
    """

    labelled: int = 0
    silent: int = 0
    unanswered: dict[int, str] = field(default_factory=dict)
    stopped: str = ""
    kept: int = 0
    usage: Counter[str] = field(default_factory=Counter)
    unheard: Counter[str] = field(default_factory=Counter)


class Ears:
    """What the sound of a row adds: cues in words, and what a voice model says.

    Args:
        parts: models of the pipeline; its voice model may be None.
        use_cues: whether cues are told.
    """

    def __init__(self, parts: Parts, *, use_cues: bool = True) -> None:
        from hearfelt.features.cues import Baseline

        self.parts = parts
        self.use_cues = use_cues
        self._new = Baseline
        self._baselines: dict[str, Any] = {}

    def hear(self, item: JudgeItem, clip: Audio, who: str) -> JudgeItem:
        """The item with what its sound says.

        Args:
            who: names the speaker; what is heard first is the measure for what comes later.
        """
        from dataclasses import replace

        from hearfelt.features import cues

        parts = self.parts
        told: tuple[str, ...] = ()
        if self.use_cues:
            measures = cues.measures(parts.frames(clip))
            baseline = self._baselines.setdefault(who, self._new()) if who else None
            asked_in = language_of(item)
            found = cues.describe(measures, baseline, parts.population, asked_in, compare="both")
            told = tuple(cue.text for cue in found)
            if baseline is not None:
                baseline.update(measures)
        voice: Emotion | None = None
        confidence: float | None = None
        if parts.voice is not None:
            (evidence,) = parts.voice.predict([clip])
            if evidence.reliability > 0:
                voice = evidence.emotion
                confidence = parts.fuser.fuse([evidence], segment=item.segment).confidence
        return replace(item, cues=told, voice=voice, voice_confidence=confidence)


def items(
    table: AnnotatedTable, ears: Ears | None, language: str | None, outcome: Outcome
) -> Iterator[JudgeItem | None]:
    """What is known of each row, None where it has no words.

    Rows with the same dialogue are its turns in order; rows without one stand alone.
    """
    turns: dict[str, deque[Turn]] = {}
    roles: dict[str, dict[str, str]] = {}
    for row in range(len(table.rows)):
        text, speaker, dialogue = (table.cell(row, name) for name in ("text", "speaker", "dialogue"))
        before = turns.setdefault(dialogue, deque(maxlen=HISTORY)) if dialogue else deque()
        known = roles.setdefault(dialogue, {}) if dialogue else {}
        if speaker and table.cell(row, "role"):
            known[speaker] = table.cell(row, "role")
        item = JudgeItem(
            _segment(table, row),
            text,
            history=tuple(before),
            language=table.cell(row, "language") or language,
            roles=dict(known),
        )
        before.append(Turn(speaker or None, text))
        if ears is not None and table.cell(row, "file"):
            try:
                clip = _clip(table, row, ears.parts.sample_rate_hz)
                who = f"{table.cell(row, 'corpus')}/{speaker}" if speaker else ""
                item = ears.hear(item, clip, who)
            except HearfeltError as error:
                outcome.unheard[str(error)] += 1
        yield item if text else None


def label(
    table: AnnotatedTable,
    judge: Judge,
    asked: Iterator[JudgeItem | None],
    outcome: Outcome,
    *,
    at_once: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Puts the judge's vote on each row of the table, as it comes.

    Stops asking where the judge leaves a failing server alone; what is kept from an earlier run still counts.

    Args:
        at_once: how many questions may be under way.
        progress: called with the number of rows that are done.
    """
    waiting: deque[tuple[int, Future[Evidence] | None]] = deque()

    def settle() -> None:
        row, future = waiting.popleft()
        _settle(table, judge.source, row, future, outcome)
        progress(row + 1)

    pool = Pool(at_once)
    try:
        for row, item in enumerate(asked):
            future = None
            if item is not None:
                # Prepared in order, so that marks of personal data are the same each time.
                question = judge.prepare(item)
                kept = judge.recall(question)
                future = _done(kept) if kept is not None else None
                if future is None and outcome.stopped:
                    future = _failed(NotAskedError("breaker", outcome.stopped))
                future = future or pool.submit(partial(judge.ask, question))
            waiting.append((row, future))
            while waiting and (len(waiting) >= 2 * at_once or _over(waiting[0][1])):
                settle()
        while waiting:
            settle()
    finally:
        pool.close()


def _settle(
    table: AnnotatedTable, rater: str, row: int, future: Future[Evidence] | None, outcome: Outcome
) -> None:
    table.vote(row, rater, None)
    if future is None:
        outcome.silent += 1
        return
    try:
        evidence = future.result()
    except ChatError as error:
        if isinstance(error, NotAskedError) and error.why == "breaker":
            outcome.stopped = outcome.stopped or str(error)
        outcome.unanswered[row] = str(error)
        return
    table.vote(row, rater, evidence.emotion.label)
    outcome.labelled += 1
    outcome.kept += bool(evidence.details["cached"])
    if not evidence.details["cached"]:
        outcome.usage.update(evidence.details["usage"])


def _over(future: Future[Evidence] | None) -> bool:
    return future is None or future.done()


def _done(evidence: Evidence) -> Future[Evidence]:
    future: Future[Evidence] = Future()
    future.set_result(evidence)
    return future


def _failed(error: ChatError) -> Future[Evidence]:
    future: Future[Evidence] = Future()
    future.set_exception(error)
    return future


def _segment(table: AnnotatedTable, row: int) -> Segment:
    """Start and end of a row, 0 where it has none, and its speaker."""
    speaker = table.cell(row, "speaker") or None
    try:
        start_s, end_s = (float(table.cell(row, name).replace(",", ".")) for name in ("start", "end"))
        return Segment(start_s, end_s, speaker)
    except ValueError:
        return Segment(0.0, 0.0, speaker)


def _clip(table: AnnotatedTable, row: int, sample_rate_hz: int) -> Audio:
    """The sound of a row: its channel where it names one, else the mean of all."""
    from hearfelt import audio
    from hearfelt.datasets.quality.sound import samples_of
    from hearfelt.types import Audio, Example

    path = table.path.parent / table.cell(row, "file")
    segment = _segment(table, row)
    cut = segment if segment.end_s > segment.start_s else None
    sounds = audio.read(Path(path), sample_rate_hz=sample_rate_hz)
    return Audio(samples_of(Example(str(path), None, cut), sounds), sample_rate_hz)


def short_list(reasons: Sequence[str], most: int = 3) -> str:
    """The most frequent of some sentences, with how often they came."""
    counted = Counter(reasons).most_common(most)
    return "; ".join(f"{sentence} ({count})" if count > 1 else sentence for sentence, count in counted)
