"""Log-mels of a table of examples: measured once, kept on disk, by several processes where asked for."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hearfelt import audio
from hearfelt.errors import AudioError, CorpusError, FeatureError
from hearfelt.features import melfunctionals
from hearfelt.features.logmel import FLOOR, LogMel, LogMelOptions
from hearfelt.models.base import Input
from hearfelt.training.files import atomic
from hearfelt.types import Audio, Example, FloatArray

Report = Callable[[str], None]
Half = npt.NDArray[np.float16]

SHARD = 200
"""Clips that are measured and stored together: what a broken clip or a kill can cost."""


def sound(source: Input, sample_rate_hz: int) -> Audio:
    """The sound of one utterance: an example's segment and channel, a sound, or a whole file's first channel.

    Raises:
        AudioError: a file that cannot be read.
        CorpusError: a segment outside its file.
    """
    if isinstance(source, Audio):
        return source
    if not isinstance(source, Example):
        return audio.read(Path(source), sample_rate_hz=sample_rate_hz)[0]
    segment = source.segment
    channels = audio.read(Path(source.file), sample_rate_hz=sample_rate_hz)
    if segment is None:
        return channels[0]
    if segment.channel >= len(channels):
        raise CorpusError(
            f"{source.file} has {len(channels)} channels, the table asks for channel {segment.channel} "
            "(counted from 0): mend its row"
        )
    part = channels[segment.channel].cut(segment.start_s, segment.end_s)
    if not len(part.samples):
        raise CorpusError(
            f"{source.file} ends at {channels[0].end_s:.2f} s, the table asks for {segment.start_s} to "
            f"{segment.end_s} s: mend its row"
        )
    return part


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of the sounds of a table.

    Args:
        values: log-mels of each, float16 ``(n_frames, n_mels)``.
        seconds: length of each before trimming, ``(n,)``.
        functionals: mel functionals, ``(n, n_dims)``; no columns where the log-mels have too few bins.
    """

    values: list[Half]
    seconds: FloatArray
    functionals: FloatArray


def logmels(
    inputs: Sequence[Input],
    options: LogMelOptions,
    *,
    cache: Path | None = None,
    report: Report | None = None,
    workers: int = 1,
) -> Measured:
    """Log-mels, functionals and lengths of the inputs, in order.

    What is measured is written to ``cache`` in shards, so that nothing is measured twice, even after a stop.

    Raises:
        CorpusError: clips that cannot be read or measured: how many, the first of them and why.
    """
    if any(isinstance(one, Audio) for one in inputs):
        cache = None  # sounds have no name by which to find them again
    shards = [inputs[first : first + SHARD] for first in range(0, len(inputs), SHARD)]
    parts: list[Measured] = []
    broken: list[str] = []
    for number, (part, errors) in enumerate(_shards(shards, options, cache, workers)):
        parts.append(part)
        broken += errors
        if report and len(shards) > 1:
            report(f"log-mels of {min(len(inputs), (number + 1) * SHARD)} of {len(inputs)} clips")
    if broken or not parts:
        raise CorpusError(
            f"{len(broken)} of {len(inputs)} clips cannot be learnt from, the first is {broken[0]}; "
            "mend them or take them out of the table"
            if broken
            else "there are no clips: give at least one"
        )
    return Measured(
        [values for part in parts for values in part.values],
        np.concatenate([part.seconds for part in parts]),
        np.concatenate([part.functionals for part in parts]),
    )


_Shard = tuple[Measured, list[str]]


def _shards(
    shards: Sequence[Sequence[Input]], options: LogMelOptions, cache: Path | None, workers: int
) -> Iterator[_Shard]:
    one = functools.partial(_shard, options=options, cache=cache)
    if workers < 2 or len(shards) < 2:
        yield from map(one, shards)
        return
    # Started afresh, not forked: a fork copies the locks of torch's threads as they happen to stand.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(one, shards)


def _shard(inputs: Sequence[Input], options: LogMelOptions, cache: Path | None) -> _Shard:
    path = None if cache is None else cache / f"logmel-{_key(inputs, options)}.npz"
    if path is not None and path.is_file():
        with np.load(path) as stored:
            values = np.split(stored["values"], np.cumsum(stored["lengths"])[:-1])
            return Measured(values, stored["seconds"], stored["functionals"]), []
    extract, found, seconds, functionals, broken = LogMel(options), [], [], [], []
    for one in inputs:
        try:
            heard = sound(one, options.sample_rate_hz)
            frames = extract(heard).values
            functionals.append(_functionals(frames, options))
        except (AudioError, FeatureError, CorpusError) as error:
            broken.append(f"{name(one)} ({error})")
            continue
        found.append(frames.astype(np.float16))
        seconds.append(heard.duration_s)
    if broken:
        return Measured([], np.zeros(0, np.float32), np.zeros((0, 0), np.float32)), broken
    part = Measured(found, np.array(seconds, np.float32), np.stack(functionals))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as beside, beside.open("wb") as stream:
            np.savez(
                stream,
                values=np.concatenate(found),
                lengths=np.array([len(values) for values in found]),
                seconds=part.seconds,
                functionals=part.functionals,
            )
    return part, []


def _functionals(logmel: FloatArray, options: LogMelOptions) -> FloatArray:
    """Mel functionals of one clip; none where its log-mels have too few bins for them."""
    if options.n_mels < melfunctionals.MIN_MELS:
        return np.zeros(0, dtype=np.float32)
    return melfunctionals.functionals(logmel, options.hop_ms / 1000)


def name(source: Input) -> str:
    """What to call an input in a sentence."""
    if isinstance(source, Example):
        return source.file
    return f"a sound of {source.duration_s:.2f} s" if isinstance(source, Audio) else str(source)


def _key(inputs: Sequence[Input], options: LogMelOptions) -> str:
    rows = []
    for one in inputs:
        path, segment = Path(name(one)), one.segment if isinstance(one, Example) else None
        stamp = path.stat() if path.is_file() else None
        size = None if stamp is None else (stamp.st_size, stamp.st_mtime_ns)
        where = None if segment is None else (segment.start_s, segment.end_s, segment.channel)
        rows.append([path.name, size, where])
    return hashlib.sha256(
        json.dumps([dataclasses.asdict(options), FLOOR, melfunctionals.SPACE, rows]).encode()
    ).hexdigest()[:16]
