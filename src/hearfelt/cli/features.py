"""``hearfelt features``: the measures of a recording as a table."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.cli.analyze import in_one_line
from hearfelt.errors import (
    AudioError,
    FeatureError,
    InputError,
    MissingExtraError,
    OptionError,
    unknown_name,
)

if TYPE_CHECKING:
    from hearfelt.types import Audio, Features, Segment

LEVELS = ("functionals", "frames")
BLOCK_S = 10.0
UTTERANCE_S = 30.0
"""Sound that is kept for cutting utterances out: the longest has 12 s and is known a block later."""
ROW_GROUP = 20_000

Row = dict[str, Any]


def features(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings, videos, or folders of them.")],
    level: Annotated[
        str, typer.Option(help="functionals: 88 eGeMAPS measures a row; frames: one row every 10 ms.")
    ] = "functionals",
    segments: Annotated[
        bool, typer.Option("--segments", help="One row an utterance instead of one a channel.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .csv or .parquet. [default: CSV on standard output]")
    ] = None,
) -> int:
    """Measure pitch, loudness, formants, voice quality and spectrum."""
    from hearfelt.cli.progress import Progress
    from hearfelt.pipeline import batch

    if level not in LEVELS:
        raise unknown_name("level", level, LEVELS)
    todo = batch.jobs(recordings)
    failed = 0
    with _table(out) as table, Progress(len(todo)) as progress:
        for job in todo:
            try:
                for row in _rows(job.source, level, segments, progress):
                    table.add(row)
            except BrokenPipeError:
                raise  # nobody reads any more: that is the end of all of them
            except Exception as error:
                if len(todo) == 1:
                    raise
                failed += 1
                progress.say(f"hearfelt: {in_one_line(error, job.source)}")
            progress.finish()
        if failed:
            progress.say(f"hearfelt: {failed} of {len(todo)} recordings failed; the others are measured")
    return 2 if failed else 0


def _rows(source: Path, level: str, segments: bool, progress: Any) -> Iterator[Row]:
    """The rows of a recording, channel after channel, in memory that does not grow with its sound.

    Raises:
        HearfeltError: it cannot be read or measured, or breaks off; what was measured before stands.
    """
    from hearfelt import audio

    info = audio.probe(source)
    progress.start(str(source), (info.duration_s or 0.0) * info.channels)
    broken = ""
    for channel in range(info.channels):
        # One channel at a time keeps its rows together; decoding again costs little beside measuring.
        with audio.open(source, channels=[channel]) as recording:
            blocks = _watched(recording.blocks(BLOCK_S), channel * (info.duration_s or 0.0), progress)
            yield from _of_utterances(source, blocks, level) if segments else _of_all(source, blocks, level)
            broken = recording.broken
    if broken:
        raise AudioError(f"{source}: {broken}; the table covers what could be read")


def _watched(blocks: Iterator[list[Audio]], before_s: float, progress: Any) -> Iterator[Audio]:
    for (block,) in blocks:
        yield block
        progress.at(before_s + block.end_s)


def _of_all(source: Path, blocks: Iterator[Audio], level: str) -> Iterator[Row]:
    """A channel as a whole: a row a frame as they become certain, or one row of functionals at its end."""
    import numpy as np

    from hearfelt.features.frames import FrameFeatures
    from hearfelt.features.functionals import Functionals
    from hearfelt.types import Features

    extractor = FrameFeatures()
    kept: list[Features] = []
    done, end_s, channel = 0, 0.0, 0

    def certain() -> Iterator[Features]:
        nonlocal end_s, channel
        for block in blocks:
            end_s, channel = block.end_s, block.channel
            yield extractor.push(block)
        yield extractor.close()

    for measured in certain():
        if level == "frames":
            yield from _labelled(source, channel, measured, start_s=done * measured.hop_s)
        else:
            kept.append(measured)
        done += len(measured.values)
    if done == 0:
        raise FeatureError(f"{source}: {end_s:.3f} s are too short to measure; give at least 0.02 s of sound")
    if kept:
        values = np.concatenate([part.values for part in kept])
        frames = Features(values, kept[0].names, kept[0].hop_s, kept[0].space)
        yield from _labelled(source, channel, Functionals.measure(frames), end_s=end_s)


def _of_utterances(source: Path, blocks: Iterator[Audio], level: str) -> Iterator[Row]:
    """The utterances of a channel, each measured by itself."""
    from hearfelt.audio.vad import VoiceActivity
    from hearfelt.features.frames import FrameFeatures
    from hearfelt.features.functionals import Functionals
    from hearfelt.pipeline.buffer import Tail

    extractor = FrameFeatures() if level == "frames" else Functionals()
    activity = VoiceActivity()
    tail: Tail | None = None

    def measured(found: list[Segment]) -> Iterator[Row]:
        for segment in found:
            assert tail is not None, "an utterance comes after its sound"
            part = tail.cut(segment.start_s, segment.end_s)
            end_s = None if level == "frames" else part.end_s
            yield from _labelled(source, part.channel, extractor(part), part.start_s, end_s)

    for block in blocks:
        tail = tail or Tail(block.sample_rate_hz, block.channel, UTTERANCE_S)
        tail.push(block.samples)
        yield from measured(activity.push(block))
    yield from measured(activity.close())


def _labelled(
    source: Path, channel: int, measured: Features, start_s: float = 0.0, end_s: float | None = None
) -> Iterator[Row]:
    """Rows with their place; without an end they are frames that follow on each other."""
    names = measured.names or tuple(f"feature_{i}" for i in range(measured.values.shape[1]))
    for i, values in enumerate(measured.values.tolist()):
        begin_s = start_s + (i * measured.hop_s if end_s is None else 0.0)
        place = {
            "file": str(source),
            "channel": channel,
            "start_s": round(begin_s, 4),
            "end_s": round(begin_s + measured.hop_s if end_s is None else end_s, 4),
        }
        yield {**place, **dict(zip(names, values, strict=True))}


def _table(out: Path | None) -> _Csv | _Parquet:
    """Where the rows go, tried before anything is measured.

    Raises:
        OptionError: the ending is neither .csv nor .parquet.
        InputError: the file cannot be made.
        MissingExtraError: Parquet was asked for and pyarrow is not installed.
    """
    if out is None:
        return _Csv(None)
    ending = out.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise OptionError(f"--out {out} ends in {out.suffix!r}; write a .csv or a .parquet file")
    if out.is_dir():
        raise InputError(f"--out {out} is a folder; name a file in it")
    return _Csv(out) if ending == ".csv" else _Parquet(out)


class _Beside:
    """A file that is written beside its place and moved there at the end, so that it is never half a table.

    What was measured before something went wrong is kept; where nothing was, an older file stays.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
        except OSError as error:
            raise InputError(
                f"--out {out} cannot be written ({error.strerror or error}); "
                "name a file that can be made and written"
            ) from error

    def close(self, full: bool) -> None:
        if full:
            self.path.replace(self.out)
        self.path.unlink(missing_ok=True)


class _Csv:
    """Rows as CSV, in a file or on standard output."""

    def __init__(self, out: Path | None) -> None:
        self._beside = None if out is None else _Beside(out)
        self._stream = (
            self._beside.path.open("w", encoding="utf-8", newline="") if self._beside else sys.stdout
        )
        self._begun = False

    def __enter__(self) -> _Csv:
        return self

    def __exit__(self, *_: object) -> None:
        if self._beside:
            self._stream.close()
            self._beside.close(self._begun)

    def add(self, row: Row) -> None:
        if not self._begun:
            self._stream.write(",".join(row) + "\n")
            self._begun = True
        self._stream.write(",".join(_cell(value) for value in row.values()) + "\n")


class _Parquet:
    """Rows as Parquet, in groups, so that a long table never lies in memory."""

    def __init__(self, out: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingExtraError("writing Parquet", "pyarrow", "frame") from None
        self._arrow: Any = pyarrow
        self._beside = _Beside(out)
        self._writer: Any = None
        self._rows: list[Row] = []

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._flush()
        finally:
            if self._writer:
                self._writer.close()
            self._beside.close(self._writer is not None)

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        table = self._arrow.Table.from_pylist(self._rows)
        if self._writer is None:
            self._writer = self._arrow.parquet.ParquetWriter(self._beside.path, table.schema)
        self._writer.write_table(table)
        self._rows = []


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text
