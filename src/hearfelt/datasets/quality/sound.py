"""What each example sounds like: hash, level, clipping, offset and a fingerprint, measured once and kept."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt import audio
from hearfelt.audio import quality
from hearfelt.audio.frames import frame
from hearfelt.audio.resample import resample
from hearfelt.datasets.quality.near import BANDS, fingerprint
from hearfelt.errors import AudioError, InputError
from hearfelt.types import Audio, Example, FloatArray

VERSION = 1
"""Counts up when a measure changes, so that older stored ones are measured again."""

RATE_HZ = 16000
_FRAME_S, _ACTIVE_DB = 0.02, 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Measures of one example; only ``problem`` is set where it cannot be read.

    Args:
        hash: of the decoded samples, in 16 bit, channels averaged: the same in every lossless container.
        sample_rate_hz, channels: as stored in the file.
        peak: largest absolute sample, in [0, 1].
        clipped: share of samples in runs at full scale (`hearfelt.audio.quality.clipping`).
        level_dbfs: level of the frames within 30 dB of the loudest, so that pauses do not count.
        snr_db: as `hearfelt.audio.quality.snr_db`.
        dc_offset: mean of the samples; it is taken out before level and noise are measured.
        fingerprint: int8 ``(n_frames, 16)``, see `hearfelt.datasets.quality.near`.
        problem: why it cannot be read; empty where it can.
    """

    hash: str | None = None
    duration_s: float = 0.0
    sample_rate_hz: int = 0
    channels: int = 0
    peak: float = 0.0
    clipped: float = 0.0
    level_dbfs: float = quality.SILENCE_DBFS
    snr_db: float = 0.0
    dc_offset: float = 0.0
    fingerprint: npt.NDArray[np.int8] | None = None
    problem: str = ""


class Store:
    """Measures kept in a file of JSON lines, so that a check that was stopped goes on where it was.

    A measure belongs to a path, size and time of change: a file that was changed is measured again. A line
    that is broken, such as the last one after a kill, counts as missing.

    Args:
        path: the file; its folder is made. None keeps nothing.

    Raises:
        InputError: the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known: dict[str, dict[str, Any]] = {}
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as stream:
                stream.seek(0)
                lines = stream.read().split(b"\n")
                if lines[-1]:
                    stream.write(b"\n")
        except OSError as error:
            raise InputError(
                f"measures cannot be kept in {path} ({error.strerror or error}): name another --cache"
            ) from None
        for line in lines:
            try:
                row = json.loads(line)
                self._known[row.pop("key")] = row
            except (ValueError, KeyError, AttributeError, TypeError):
                continue

    def get(self, key: str) -> Measured | None:
        """What was measured under a key, None where nothing was."""
        row = self._known.get(key)
        try:
            return None if row is None else _unpacked(row)
        except (ValueError, TypeError, zlib.error):
            return None

    def put(self, key: str, measured: Measured) -> None:
        """Keep a measure, on disk at once.

        Raises:
            InputError: the disk is full or the file cannot be written.
        """
        if self.path is None:
            return
        row = _packed(measured)
        self._known[key] = row
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"key": key} | row) + "\n")
        except OSError as error:
            raise InputError(
                f"measures cannot be kept in {self.path} ({error.strerror or error}): make room or name "
                "another --cache; what is measured so far is kept"
            ) from None


def measure(examples: Iterable[Example], store: Store | None = None) -> Iterator[Measured]:
    """Listen to each example, in order; one that cannot be read has its ``problem`` set."""
    store = store or Store(None)
    opened: tuple[str, list[Audio], audio.AudioInfo] | None = None
    for example in examples:
        key = _key(example)
        known = store.get(key) if key else None
        if known is not None:
            yield known
            continue
        try:
            if opened is None or opened[0] != example.file:
                opened = (example.file, *_read(example.file))
            measured = _measured(example, opened[1], opened[2])
        except AudioError as error:
            opened = None
            yield Measured(problem=str(error))
            continue
        if key:
            store.put(key, measured)
        yield measured


def hashes(examples: Sequence[Example], store: Store | None = None) -> list[str | None]:
    """Hash of each example's decoded samples, None for one that cannot be read."""
    return [measured.hash for measured in measure(examples, store)]


def samples_of(example: Example, sounds: Sequence[Audio]) -> FloatArray:
    """The channels' mean over the example's segment, shape ``(n_samples,)``; its channel where it names one.

    Raises:
        AudioError: the segment begins after the end of its file.
    """
    segment = example.segment
    rate = sounds[0].sample_rate_hz
    if segment is None:
        return _mean([sound.samples for sound in sounds])
    chosen = [sounds[segment.channel]] if 0 < segment.channel < len(sounds) else sounds
    first, last = round(segment.start_s * rate), round(segment.end_s * rate)
    cut = _mean([sound.samples[first:last] for sound in chosen])
    if not len(cut):
        raise AudioError(
            f"{example.file} ends at {sounds[0].end_s:.2f} s, before its segment at {segment.start_s:.2f} s: "
            "mend start and end of its row"
        )
    return cut


def _mean(channels: Sequence[FloatArray]) -> FloatArray:
    mean: FloatArray = np.mean(channels, axis=0, dtype=np.float32)
    return mean


def _read(file: str) -> tuple[list[Audio], audio.AudioInfo]:
    info = audio.probe(file)
    return audio.read(file, sample_rate_hz=info.sample_rate_hz), info


def _measured(example: Example, sounds: Sequence[Audio], info: audio.AudioInfo) -> Measured:
    samples = samples_of(example, sounds)
    rate = sounds[0].sample_rate_hz
    whole = np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2")
    offset = float(samples.mean(dtype=np.float64))
    centred = (samples - offset).astype(np.float32)
    frames = np.mean(np.square(frame(centred, *[round(_FRAME_S * rate)] * 2), dtype=np.float64), axis=1)
    active = frames[frames >= frames.max(initial=0.0) * 10 ** (-_ACTIVE_DB / 10)]
    power = float(active.mean()) if len(active) else float(np.mean(np.square(centred, dtype=np.float64)))
    at_16k = samples if rate == RATE_HZ else resample(samples, rate, RATE_HZ)
    return Measured(
        hash=hashlib.sha256(f"{rate}:".encode() + whole.tobytes()).hexdigest()[:32],
        duration_s=round(len(samples) / rate, 6),
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        peak=float(np.abs(samples).max()),
        clipped=quality.clipping(samples),
        level_dbfs=max(quality.SILENCE_DBFS, 10 * float(np.log10(power + 1e-20))),
        snr_db=quality.snr_db(Audio(centred, rate)),
        dc_offset=offset,
        fingerprint=fingerprint(at_16k),
    )


def _key(example: Example) -> str:
    """Where the measure of an example is kept; empty where its file is not there."""
    try:
        found = Path(example.file).stat()
    except OSError:
        return ""
    s = example.segment
    place = None if s is None else (s.start_s, s.end_s, s.channel)
    return json.dumps([VERSION, str(Path(example.file).absolute()), found.st_size, found.st_mtime_ns, place])


def store_path(folder: Path, examples: Sequence[Example]) -> Path:
    """The file in a cache folder that belongs to the corpus: one for the folder its files lie in."""
    common = os.path.commonpath([Path(e.file).absolute().parent for e in examples])
    return folder / f"quality-{hashlib.sha256(common.encode()).hexdigest()[:16]}.jsonl"


def _packed(measured: Measured) -> dict[str, Any]:
    row = asdict(measured)
    prints = row.pop("fingerprint")
    text = "" if prints is None else base64.b64encode(zlib.compress(prints.tobytes())).decode("ascii")
    return row | {"fingerprint": text}


def _unpacked(row: dict[str, Any]) -> Measured:
    raw = zlib.decompress(base64.b64decode(row["fingerprint"])) if row["fingerprint"] else b""
    prints = np.frombuffer(raw, dtype=np.int8).reshape(-1, BANDS) if raw else None
    return Measured(**(row | {"fingerprint": prints}))
