"""Changed copies of the examples of a table: in memory, or as a folder of files with a table.

A copy keeps the label, the speaker, the corpus and the split of its original. Make copies of training
speakers only; where a table with copies is split, split by speaker, so that no model is judged on a copy of
what it learnt.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt import audio
from hearfelt.datasets import manifest
from hearfelt.datasets.augment import changes as descriptions
from hearfelt.datasets.augment.base import Change
from hearfelt.datasets.files import atomic
from hearfelt.errors import AudioError, CorpusError, InputError, OptionError
from hearfelt.types import Audio, Example

Report = Callable[[str], None]

MANIFEST = "manifest.csv"
PROVENANCE = ("source", "source_start", "source_end", "copy", "seed", "changes")
"""Columns beside those of the manifest: where a copy comes from and what makes it again."""

_OTHERS = 200
_TOLD = 100
"""Clips after which progress is reported again."""


def sound(example: Example, sample_rate_hz: int = 16000) -> Audio:
    """The sound of one example: its segment and channel, or the first channel of its file.

    Raises:
        AudioError: a file that cannot be read.
        CorpusError: a segment or channel that the file does not have.
    """
    channels = audio.read(Path(example.file), sample_rate_hz=sample_rate_hz)
    segment = example.segment
    if segment is None:
        return channels[0]
    if segment.channel >= len(channels):
        raise CorpusError(
            f"{example.file} has {len(channels)} channels, not channel {segment.channel} (counted from 0)"
        )
    part = channels[segment.channel].cut(segment.start_s, segment.end_s)
    if not len(part.samples):
        raise CorpusError(
            f"{example.file} ends at {channels[0].end_s:.2f} s, before the segment from "
            f"{segment.start_s} to {segment.end_s} s"
        )
    return part


def copies(
    examples: Sequence[Example], change: Change, n: int = 1, seed: int = 0, sample_rate_hz: int = 16000
) -> Iterator[tuple[Example, Audio]]:
    """Each example ``n`` times, each time changed anew.

    A copy depends on its example, its number and the seed, not on its place in the table; babble also on who
    else is in the table: it is made of clips of other speakers.

    Raises:
        AudioError, CorpusError: a file that cannot be read, or is shorter than its segment.
        OptionError: ``n`` is no positive number.
    """
    if n < 1:
        raise OptionError(f"n={n}: make at least 1 copy")
    others = Others(examples)
    for example in examples:
        heard = sound(example, sample_rate_hz)
        for number in range(n):
            yield (
                example,
                changed(heard, change.with_clips(others.of(example)), chance(example, number, seed)),
            )


def changed(heard: Audio, change: Change, seeds: Sequence[int]) -> Audio:
    """A sound with a change made by the chance of these seeds; it starts at 0 s."""
    samples = change(heard.samples, heard.sample_rate_hz, np.random.default_rng(seeds))
    return Audio(samples, heard.sample_rate_hz, heard.channel)


def write(
    examples: Sequence[Example],
    change: Change,
    out: Path,
    n: int = 1,
    seed: int = 0,
    *,
    sample_rate_hz: int = 16000,
    report: Report | None = None,
) -> list[Example]:
    """Copies as 16-bit FLAC files in a folder with ``manifest.csv``; returns them as examples.

    Files that are there already, made of the same sound by the same change and seed, are kept: what was
    stopped goes on. A folder that holds copies of another description is refused.

    Args:
        report: called with a sentence now and then.

    Raises:
        CorpusError: examples that cannot be read or changed (how many, the first and why); the table of the
            others is written first.
        InputError: the folder cannot be written, or holds something else.
        OptionError: as in `copies`.
    """
    if n < 1:
        raise OptionError(f"n={n}: make at least 1 copy")
    plan = {"seed": seed, "changes": descriptions.to_table(change), "sample_rate_hz": sample_rate_hz}
    _own(out, json.dumps(plan, sort_keys=True))
    others = Others(examples)
    made: list[Example] = []
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    began = time.monotonic()
    try:
        for position, example in enumerate(examples):
            if report and position and position % _TOLD == 0:
                left_s = (time.monotonic() - began) / position * (len(examples) - position)
                report(f"{position} of {len(examples)} clips copied, {left_s:.0f} s left")
            try:
                found = _files(example, change.with_clips(others.of(example)), out, n, seed, sample_rate_hz)
            except (AudioError, CorpusError) as error:
                failed.append(f"{example.file} ({error})")
                continue
            for number, path in enumerate(found):
                made.append(dataclasses.replace(example, file=str(path), segment=None))
                rows.append(_provenance(example, number, plan))
    finally:
        if made:
            _table(made, rows, out / MANIFEST)
    if failed:
        raise CorpusError(
            f"{len(failed)} of {len(examples)} examples could not be copied, the first is {failed[0]}; "
            f"{out / MANIFEST} lists the copies of the others"
        )
    return made


class Others:
    """For each example the files of other speakers, at most 200 of them, spread over the table."""

    def __init__(self, examples: Sequence[Example]) -> None:
        by_speaker: dict[tuple[str, str], list[str]] = defaultdict(list)
        for example in examples:
            by_speaker[_who(example)].append(example.file)
        self._found: dict[tuple[str, str], tuple[str, ...]] = {}
        self._by_speaker = by_speaker

    def of(self, example: Example) -> tuple[str, ...]:
        """Files of other speakers."""
        who = _who(example)
        if who not in self._found:
            own = set(self._by_speaker[who])  # a dialogue holds several speakers in one file
            files = sorted({f for theirs in self._by_speaker.values() for f in theirs} - own)
            self._found[who] = tuple(files[:: -(-len(files) // _OTHERS) or 1])
        return self._found[who]


def _who(example: Example) -> tuple[str, str]:
    return example.corpus, example.speaker or example.file


def chance(example: Example, number: int, seed: int) -> list[int]:
    """The seeds of one copy of an example: they do not depend on where the corpus lies."""
    return [seed, number, zlib.crc32(_name(example).encode())]


def _name(example: Example) -> str:
    """What tells an example apart within its corpus, wherever the corpus lies."""
    part = example.segment
    where = "" if part is None else f"@{part.channel}:{part.start_s:.3f}-{part.end_s:.3f}"
    return f"{example.corpus}/{Path(example.file).name}{where}"


def _files(example: Example, change: Change, out: Path, n: int, seed: int, sample_rate_hz: int) -> list[Path]:
    """The files of an example's copies, made where they are not there yet."""
    import soundfile

    stat = Path(example.file).stat() if Path(example.file).is_file() else None
    stamp = [example.file, None if stat is None else stat.st_size, _name(example)]
    key = zlib.crc32(json.dumps(stamp).encode())
    paths = [out / f"{Path(example.file).stem}-{key:08x}-{number}.flac" for number in range(n)]
    if all(path.is_file() for path in paths):
        return paths
    heard = sound(example, sample_rate_hz)
    for number, path in enumerate(paths):
        if path.is_file():
            continue
        copy = changed(heard, change, chance(example, number, seed))
        try:
            with atomic(path) as part:
                soundfile.write(part, copy.samples, sample_rate_hz, "PCM_16", format="FLAC")
        except (OSError, soundfile.LibsndfileError) as error:
            raise _cannot_write(path, error) from None
    return paths


def _own(out: Path, plan: str) -> None:
    """Make the folder and note what it holds, or refuse it where that is something else."""
    note = out / ".augment.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if note.is_file():
            if note.read_text(encoding="utf-8") != plan:
                raise InputError(
                    f"{out} holds copies made by other changes or another seed: name another folder"
                )
            return
        if (out / MANIFEST).exists():
            raise InputError(f"{out} holds a {MANIFEST} of something else: name another folder")
        note.write_text(plan, encoding="utf-8")
    except OSError as error:
        raise _cannot_write(out, error) from None


def _provenance(example: Example, number: int, plan: dict[str, Any]) -> dict[str, Any]:
    part = example.segment
    return {
        "source": example.file,
        "source_start": "" if part is None else part.start_s,
        "source_end": "" if part is None else part.end_s,
        "copy": number,
        "seed": plan["seed"],
        "changes": json.dumps(plan["changes"], ensure_ascii=False),
    }


def _table(made: Sequence[Example], rows: Sequence[dict[str, Any]], path: Path) -> None:
    """The manifest of the copies, file names relative to it, with the provenance of each."""
    try:
        with atomic(path) as part:
            manifest.write(made, part, audio=path.parent)
            with part.open(newline="", encoding="utf-8") as stream:
                written = list(csv.DictReader(stream))
            with part.open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, (*written[0], *PROVENANCE))
                writer.writeheader()
                writer.writerows({**row, **facts} for row, facts in zip(written, rows, strict=True))
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    return InputError(f"{path} cannot be written ({reason}): make room, or name another folder")
