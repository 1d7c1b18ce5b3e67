"""Stress tests: does a recogniser hold when the sound changes and the emotion does not?

In the spirit of A. Derington et al.: Testing Speech Emotion Recognition Machine Learning Models
(arXiv:2312.06270): each test changes the sound in one way, asks again, and compares with the answers before.
An *invariance* is a change that nobody hears as another emotion, or hears at all; *robustness* is about what
rooms, telephones and networks do. The bars that a test is held to are ours, and are options.

Any callable can be tested; it gets sounds and gives labels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hearfelt.datasets.augment import codecs, copies
from hearfelt.datasets.augment.base import Change
from hearfelt.datasets.augment.codecs import Codec
from hearfelt.datasets.augment.noise import AddNoise
from hearfelt.datasets.augment.rooms import Room
from hearfelt.datasets.augment.voice import Tempo
from hearfelt.datasets.augment.waveform import (
    BandLimit,
    Clip,
    DCOffset,
    Dropouts,
    Gain,
    Pad,
    Polarity,
    Resample,
    TimeShift,
)
from hearfelt.errors import CorpusError, ModelError
from hearfelt.evaluation import compare, metrics
from hearfelt.evaluation.compare import Difference, Interval
from hearfelt.evaluation.markdown import grid
from hearfelt.types import Audio, Example, to_dict

Predict = Callable[[Sequence[Audio]], Sequence[str]]
"""A recogniser: a label for each sound, in order."""

Report = Callable[[str], None]

_BATCH = 64


@dataclass(frozen=True)
class Stress:
    """One test.

    Args:
        kind: ``invariance`` or ``robustness``.
        max_loss: UAR may fall by so much.
        max_changed: so large a share of the answers may change.
    """

    name: str
    kind: str
    change: Change
    max_loss: float = 0.05
    max_changed: float = 0.20


@dataclass(frozen=True)
class StressRow:
    """What a test found.

    Args:
        clips: how many sounds were asked about.
        uar_before, uar_after: of the sounds as they are, and changed.
        change: UAR after less before; its interval over speakers, and p (see `compare.paired`).
        changed: share of the answers that changed, and its interval over speakers.
    """

    name: str
    kind: str
    clips: int
    uar_before: float
    uar_after: float
    change: Difference
    changed: Interval
    max_loss: float
    max_changed: float

    @property
    def passed(self) -> bool:
        """Whether both bars are kept."""
        return self.change.value >= -self.max_loss and self.changed.value <= self.max_changed


def suite() -> list[Stress]:
    """The tests that are run where none are named; codecs that this FFmpeg lacks are left out.

    Babble is made of clips of other speakers among the examples; rooms need the extra ``augment``.
    """
    invariances: dict[str, Change] = {
        "10 dB softer": Gain(-10.0),
        "6 dB louder": Gain(6.0),
        "sign turned": Polarity(),
        "offset of 0.01": DCOffset(0.01),
        "10 ms later": TimeShift(0.01),
        "half a second of silence around": Pad(0.5, 0.5),
        "white noise at 60 dB SNR": AddNoise(60.0, ("white",)),
        "through 44.1 kHz": Resample((44100,)),
    }
    noises = {
        f"{noise} noise at {snr_db} dB SNR" if noise != "babble" else f"babble at {snr_db} dB SNR": AddNoise(
            float(snr_db), (noise,)
        )
        for noise in ("white", "pink", "babble")
        for snr_db in (20, 10)
    }
    there = codecs.available()
    coders = {
        ("g711_mulaw", 64): "G.711 µ-law",
        ("amr_nb", 12.2): "AMR narrowband, 12.2 kbit/s",
        ("opus", 16): "Opus, 16 kbit/s",
        ("mp3", 32): "MP3, 32 kbit/s",
        ("aac", 32): "AAC, 32 kbit/s",
    }
    robust: dict[str, Change] = {
        **noises,
        "room, RT60 0.3 s, 1 m": Room(0.3, 1.0, rooms=8),
        "room, RT60 0.6 s, 2 m": Room(0.6, 2.0, rooms=8),
        "telephone band, 300 to 3400 Hz": BandLimit(300, 3400),
        "nothing above 4 kHz": Resample((8000,)),
        **{title: Codec((name,), kbps) for (name, kbps), title in coders.items() if there[name]},
        "1 % of samples clipped": Clip(0.01),
        "10 % of samples clipped": Clip(0.1),
        "5 % of packets lost": Dropouts(0.05),
        "10 % faster": Tempo(1.1),
        "10 % slower": Tempo(1 / 1.1),
    }
    tests = [Stress(name, "invariance", change, max_changed=0.05) for name, change in invariances.items()]
    return tests + [Stress(name, "robustness", change) for name, change in robust.items()]


def run(
    predict: Predict,
    examples: Sequence[Example],
    changes: Sequence[Stress] | None = None,
    seed: int = 0,
    *,
    sample_rate_hz: int = 16000,
    samples: int = 1000,
    report: Report | None = None,
) -> list[StressRow]:
    """Asks about the sounds as they are and after each change.

    A changed sound depends on its clip, the test's name and the seed alone (babble also on who else is in the
    table). Intervals are over speakers; clips of unknown speakers count as of one speaker each.

    Args:
        predict: gets up to 64 sounds at once, at ``sample_rate_hz``.
        changes: the tests; those of `suite` where None.
        samples: draws of speakers for an interval.
        report: called with a sentence after each test.

    Raises:
        CorpusError: no examples, or one without a label.
        AudioError: a file that cannot be read.
        ModelError: the recogniser gives another number of answers than it was asked for.
    """
    if not examples:
        raise CorpusError("there are no examples to test with: give a table of labelled clips")
    for example in examples:
        if example.gold is None:
            raise CorpusError(f"{example.file} has no label, which a test needs: label it or leave it out")
    tests = suite() if changes is None else list(changes)
    sounds = [copies.sound(example, sample_rate_hz) for example in examples]
    gold = np.array([str(example.gold) for example in examples])
    speakers = np.array([f"{e.corpus}/{e.speaker or e.file}" for e in examples])
    before = _asked(predict, sounds)
    others, rows = copies.Others(examples), []
    for number, test in enumerate(tests, start=1):
        own_seed = zlib.crc32(f"{seed}/{test.name}".encode())
        changed = [
            copies.changed(
                sound, test.change.with_clips(others.of(example)), copies.chance(example, 0, own_seed)
            )
            for sound, example in zip(sounds, examples, strict=True)
        ]
        rows.append(_row(test, gold, before, _asked(predict, changed), speakers, samples))
        if report:
            report(f"{number} of {len(tests)}: {test.name}: UAR {100 * rows[-1].uar_after:.1f}")
    return rows


def table(rows: Sequence[StressRow]) -> str:
    """The rows as a Markdown table, a heading for each kind; figures in percent, changes in points."""
    parts = []
    for kind in dict.fromkeys(row.kind for row in rows):
        of_kind = [row for row in rows if row.kind == kind]
        head = ("change", "UAR", "difference", "95 %", "answers changed", "95 %", "bars", "")
        cells = [
            (
                row.name,
                f"{100 * row.uar_after:.1f}",
                f"{100 * row.change.value:+.1f}",
                _ends(row.change, "+.1f"),
                f"{100 * row.changed.value:.1f}",
                _ends(row.changed, ".1f"),
                f"-{100 * row.max_loss:.0f}, {100 * row.max_changed:.0f}",
                "passed" if row.passed else "failed",
            )
            for row in of_kind
        ]
        passed = sum(row.passed for row in of_kind)
        first = of_kind[0]
        parts.append(
            f"### {kind.capitalize()}: {passed} of {len(of_kind)} passed\n\n"
            f"UAR as recorded {100 * first.uar_before:.1f}, {first.clips} clips.\n\n" + grid(head, cells)
        )
    return "\n\n".join(parts) + "\n"


def as_dict(rows: Sequence[StressRow]) -> list[dict[str, Any]]:
    """The rows as plain JSON data."""
    return [{**to_dict(row), "passed": row.passed} for row in rows]


def spread(examples: Sequence[Example], count: int, seed: int = 0) -> list[Example]:
    """At most ``count`` examples, drawn evenly over labels and, within a label, over speakers."""
    random = np.random.default_rng(seed)
    queues: dict[tuple[str, str], list[Example]] = {}
    for i in random.permutation(len(examples)):
        example = examples[i]
        key = (str(example.gold), f"{example.corpus}/{example.speaker}")
        queues.setdefault(key, []).append(example)
    by_label: dict[str, list[list[Example]]] = {}
    for (label, _), queue in sorted(queues.items(), key=lambda item: item[0]):
        by_label.setdefault(label, []).append(queue)
    chosen: list[Example] = []
    while len(chosen) < count and by_label:
        for label in list(by_label):
            if len(chosen) == count:
                break
            queue = by_label[label].pop(0)
            chosen.append(queue.pop())
            if queue:
                by_label[label].append(queue)
            if not by_label[label]:
                del by_label[label]
    return chosen


def _asked(predict: Predict, sounds: Sequence[Audio]) -> np.ndarray[Any, np.dtype[np.str_]]:
    answers: list[str] = []
    for first in range(0, len(sounds), _BATCH):
        part = sounds[first : first + _BATCH]
        found = list(predict(part))
        if len(found) != len(part):
            raise ModelError(f"the recogniser gave {len(found)} answers to {len(part)} sounds: give one each")
        answers += [str(answer) for answer in found]
    return np.array(answers)


def _row(test: Stress, gold: Any, before: Any, after: Any, speakers: Any, samples: int) -> StressRow:
    difference = compare.paired(gold, after, before, speakers, names=("uar",), samples=samples)["uar"]
    moved = (after != before).astype(np.float64)
    return StressRow(
        test.name,
        test.kind,
        len(gold),
        metrics.uar(gold, before),
        metrics.uar(gold, after),
        difference,
        compare.interval(lambda rows: float(moved[rows].mean()), speakers, samples=samples),
        test.max_loss,
        test.max_changed,
    )


def _ends(value: Difference | Interval, form: str) -> str:
    if value.low is None or value.high is None:
        return "–"
    return f"[{100 * value.low:{form}}, {100 * value.high:{form}}]"
