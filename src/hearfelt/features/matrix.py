"""From clips to a matrix: one row of features a clip, measured once and kept on disk.

The cache is a folder of small npz files for each feature space. Rows are added while they are measured, each
file is whole or not there, and several processes may share the folder: what was measured before a kill is not
measured again. A row belongs to the file's path, size and time of change, and to the segment.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hearfelt.errors import AudioError, FeatureError, InputError, OptionError, unknown_name
from hearfelt.features.base import Extractor, Joined
from hearfelt.features.shards import Shards
from hearfelt.types import Audio, Example, FloatArray, Segment

Input = Example | Audio | Path | str
Report = Callable[[str], None]

SAMPLE_RATE_HZ = 16000
POLICIES = ("refuse", "nan")
_FLUSH_S = 10.0
"""Seconds of measuring that a kill may cost."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Features of clips.

    Args:
        values: float32 ``(n, n_dims)``.
        names: one a dimension.
        space: the feature space.
        missing: position of a clip to why it, or some of its values, could not be measured; those are NaN.
    """

    values: FloatArray
    names: tuple[str, ...]
    space: str
    missing: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class _Clip:
    """Where a sound is: a file, and which part and channel of it."""

    file: str
    start_s: float | None = None
    end_s: float | None = None
    channel: int = 0

    def read(self) -> Audio:
        from hearfelt import audio

        sound = audio.read(Path(self.file), sample_rate_hz=SAMPLE_RATE_HZ, channels=[self.channel])[0]
        if self.start_s is None or self.end_s is None:
            return sound
        return sound.cut(self.start_s, self.end_s)

    def key(self) -> str | None:
        """What the cache knows it by; None where there is no such file (reading it says why)."""
        try:
            facts = Path(self.file).stat()
        except OSError:
            return None
        place = Path(self.file).resolve()
        return f"{place}|{facts.st_size}|{facts.st_mtime_ns}|{self.start_s}|{self.end_s}|{self.channel}"

    def __str__(self) -> str:
        part = "" if self.start_s is None else f" from {self.start_s:.2f} s to {self.end_s:.2f} s"
        return self.file + part


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    values: FloatArray | None
    names: tuple[str, ...] = ()
    problem: str = ""


def silent(_: str) -> None:
    """A report that nobody reads."""


def matrix(
    inputs: Sequence[Input],
    extractor: Extractor,
    *,
    cache: Path | None = None,
    report: Report = silent,
    processes: int = 1,
    unmeasurable: str = "refuse",
) -> FloatArray:
    """The values of `measure`: float32 ``(n, n_dims)``, one row an input, in order."""
    return measure(
        inputs, extractor, cache=cache, report=report, processes=processes, unmeasurable=unmeasurable
    ).values


def measure(
    inputs: Sequence[Input],
    extractor: Extractor,
    *,
    cache: Path | None = None,
    report: Report = silent,
    processes: int = 1,
    unmeasurable: str = "refuse",
) -> Measured:
    """Features of clips. Files are read at 16 kHz, the channel of the segment (else the first).

    Args:
        inputs: examples of a table, sounds, or sound files. Sounds are measured anew each time.
        extractor: gives one row a sound. The parts of a `Joined` one are cached each for itself.
        cache: folder for what was measured; None keeps nothing. Space and options tell extractors apart.
        report: gets a sentence now and then: progress with time left, and what could not be measured.
        processes: how many measure side by side (the extractor must then be picklable).
        unmeasurable: what happens to a clip that cannot be read or measured, and to a value that is NaN or
            infinite: "refuse" raises, "nan" reports it and leaves NaN for a model to impute.

    Raises:
        FeatureError: a clip cannot be read or measured (the message names it), no clip can, or the
            extractor gives several frames a clip.
        OptionError: an unknown policy, or ``processes`` below 1.
    """
    if unmeasurable not in POLICIES:
        raise unknown_name("policy for clips that cannot be measured", unmeasurable, POLICIES)
    if processes < 1:
        raise OptionError(f"processes={processes}: use at least 1")
    if isinstance(extractor, Joined):
        more = {"cache": cache, "report": report, "processes": processes, "unmeasurable": unmeasurable}
        return _side_by_side([measure(inputs, part, **more) for part in extractor.parts])  # type: ignore[arg-type]
    rows = _rows(inputs, extractor, cache, report, processes, unmeasurable)
    return _joined(inputs, rows, extractor.space, report)


def segment_of(source: Input) -> Segment:
    """The stretch of speech that an input is, as evidence names it."""
    if isinstance(source, Audio):
        return Segment(source.start_s, source.end_s, None, source.channel)
    speaker = None
    if isinstance(source, Example):
        if source.segment is not None:
            return source.segment
        speaker = source.speaker
    from hearfelt import audio

    path = Path(source.file if isinstance(source, Example) else source)
    with contextlib.suppress(AudioError):
        return Segment(0.0, audio.probe(path).duration_s or 0.0, speaker)
    return Segment(0.0, 0.0, speaker)  # a file that could not be read: whoever measured it has said so


def _rows(
    inputs: Sequence[Input],
    extractor: Extractor,
    cache: Path | None,
    report: Report,
    processes: int,
    unmeasurable: str,
) -> list[_Row]:
    """A row an input: from the cache, or measured. One clip that is listed twice is measured once."""
    sounds = [_sound(item) for item in inputs]
    keys = [sound.key() if isinstance(sound, _Clip) else None for sound in sounds]
    shelf = Shards(cache, extractor, report) if cache is not None else None
    known: dict[str, _Row] = {}
    if shelf is not None:
        known = {key: _Row(*found) for key in keys if key and (found := shelf.get(key))}
    todo: dict[str | int, _Clip | Audio] = {}
    for index, (sound, key) in enumerate(zip(sounds, keys, strict=True)):
        if key not in known:
            todo.setdefault(key or index, sound)
    fresh: dict[str | int, _Row] = {}
    started = flushed = time.monotonic()
    try:
        for name, row in zip(todo, _measured(list(todo.values()), extractor, processes), strict=True):
            row = _checked(row, _place(todo[name], name), unmeasurable)
            fresh[name] = row
            if shelf is not None and isinstance(name, str) and row.values is not None and not row.problem:
                shelf.put(name, row.values, row.names)
            if time.monotonic() - flushed > _FLUSH_S:
                flushed = time.monotonic()
                left = math.ceil((flushed - started) / len(fresh) * (len(todo) - len(fresh)))
                report(f"{extractor.space}: {len(fresh)} of {len(todo)} clips measured, {left} s left")
                if shelf is not None:
                    shelf.flush()
    finally:
        if shelf is not None:
            shelf.flush()
    return [known[key] if key in known else fresh[key or index] for index, key in enumerate(keys)]


def _sound(item: Input) -> _Clip | Audio:
    if isinstance(item, Audio):
        return item
    if isinstance(item, Example):
        if item.segment is None:
            return _Clip(item.file)
        return _Clip(item.file, item.segment.start_s, item.segment.end_s, item.segment.channel)
    return _Clip(str(item))


def _place(sound: _Clip | Audio, name: str | int) -> str:
    return str(sound) if isinstance(sound, _Clip) else f"sound {name}"


def _measured(sounds: list[_Clip | Audio], extractor: Extractor, processes: int) -> Iterator[_Row]:
    if processes == 1 or len(sounds) < 2:
        yield from (_one(extractor, sound) for sound in sounds)
        return
    # Spawned, not forked: a fork of a process with threads (torch, BLAS) may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(sounds)), mp_context=context) as pool:
        try:
            yield from pool.map(partial(_one, extractor), sounds, chunksize=8)
        except BrokenProcessPool:
            raise FeatureError(
                f"a process that measured {extractor.space} ended abruptly, perhaps for lack of memory: "
                "what was measured is in the cache; use processes=1"
            ) from None


def _one(extractor: Extractor, sound: _Clip | Audio) -> _Row:
    try:
        features = extractor(sound.read() if isinstance(sound, _Clip) else sound)
    except InputError as error:
        return _Row(None, problem=str(error))
    values = np.asarray(features.values, dtype=np.float32)
    if len(values) != 1:
        return _Row(None, problem=f"{features.space} gives {len(values)} frames, a matrix needs one row")
    names = features.names or tuple(f"{features.space}/{i}" for i in range(values.shape[1]))
    return _Row(values[0], names)


def _checked(row: _Row, place: str, unmeasurable: str) -> _Row:
    """The row with its problem, if any, put in words; refused where the policy says so."""
    problem = row.problem
    if row.values is not None:
        bad = np.flatnonzero(~np.isfinite(row.values))
        if len(bad) == 0:
            return row
        first = ", ".join(row.names[i] for i in bad[:3])
        problem = f"{len(bad)} of its {len(row.values)} values are NaN or infinite, such as {first}"
        row.values[bad] = np.nan
    problem = f"{place} cannot be measured: {problem}"
    if unmeasurable == "refuse":
        raise FeatureError(
            f"{problem}; leave the clip out (hearfelt data check finds all of them), or measure with "
            "unmeasurable='nan' (in a recipe: model.unmeasurable=\"impute\")"
        )
    return _Row(row.values, row.names, problem)


def _joined(inputs: Sequence[Input], rows: list[_Row], space: str, report: Report) -> Measured:
    missing = {index: row.problem for index, row in enumerate(rows) if row.problem}
    for problem in missing.values():
        report(f"{problem}; its values are NaN")
    sample = next((row for row in rows if row.values is not None), None)
    if sample is None:
        if inputs:
            raise FeatureError(f"none of {len(inputs)} clips can be measured, the first: {missing[0]}")
        return Measured(np.zeros((0, 0), dtype=np.float32), (), space, {})
    blank = np.full(len(sample.names), np.nan, dtype=np.float32)
    values = np.stack([blank if row.values is None else row.values for row in rows])
    return Measured(values, sample.names, space, missing)


def _side_by_side(parts: list[Measured]) -> Measured:
    missing: dict[int, str] = {}
    for part in parts:
        missing |= part.missing
    return Measured(
        np.concatenate([part.values for part in parts], axis=1),
        tuple(name for part in parts for name in part.names),
        "+".join(part.space for part in parts),
        missing,
    )
