"""``hearfelt features``: the measures of a recording as a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.errors import MissingExtraError, OptionError, unknown_name

if TYPE_CHECKING:
    from hearfelt.types import Audio, Features

LEVELS = ("functionals", "frames")


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
    from hearfelt.pipeline import batch

    if level not in LEVELS:
        raise unknown_name("level", level, LEVELS)
    if out is not None and out.suffix.lower() not in (".csv", ".parquet"):
        raise OptionError(f"--out {out} ends in {out.suffix!r}; write a .csv or a .parquet file")
    rows: list[dict[str, Any]] = []
    header: list[str] | None = None
    parquet = out is not None and out.suffix.lower() == ".parquet"
    stream = sys.stdout if out is None or parquet else _create(out)
    for job in batch.jobs(recordings):
        for row in _rows(job.source, level, segments):
            if parquet:
                rows.append(row)
                continue
            if header is None:
                header = list(row)
                stream.write(",".join(header) + "\n")
            stream.write(",".join(_cell(value) for value in row.values()) + "\n")
    if parquet and out is not None:
        _write_parquet(rows, out)
    elif stream is not sys.stdout:
        stream.close()
    return 0


def _rows(source: Path, level: str, segments: bool) -> Any:
    from hearfelt import audio
    from hearfelt.audio import vad
    from hearfelt.features.frames import FrameFeatures
    from hearfelt.features.functionals import Functionals

    extractor = Functionals() if level == "functionals" else FrameFeatures()
    for channel in audio.read(source):
        parts = [channel]
        if segments:
            parts = [channel.cut(s.start_s, s.end_s) for s in vad.detect(channel)]
        for part in parts:
            yield from _table(str(source), part, extractor(part), level)


def _table(file: str, part: Audio, measured: Features, level: str) -> Any:
    names = measured.names or tuple(f"feature_{i}" for i in range(measured.values.shape[1]))
    for i, values in enumerate(measured.values.tolist()):
        start_s = part.start_s + (i * measured.hop_s if level == "frames" else 0.0)
        end_s = start_s + measured.hop_s if level == "frames" else part.end_s
        place = {
            "file": file,
            "channel": part.channel,
            "start_s": round(start_s, 4),
            "end_s": round(end_s, 4),
        }
        yield {**place, **dict(zip(names, values, strict=True))}


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text


def _create(path: Path) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8", newline="")


def _write_parquet(rows: list[dict[str, Any]], out: Path) -> None:
    try:
        import pandas as pd
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingExtraError("writing Parquet", "pandas with pyarrow", "frame") from None
    out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(out, index=False)
