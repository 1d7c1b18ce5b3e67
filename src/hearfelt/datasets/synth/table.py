"""A table of texts becomes a folder of sounds with a manifest that tells how each was made."""

from __future__ import annotations

import csv
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hearfelt.datasets import manifest
from hearfelt.datasets.synth import files
from hearfelt.datasets.synth.base import Voice, checked_intensity, checked_text
from hearfelt.datasets.synth.build import SynthOptions, voice
from hearfelt.errors import CorpusError, HearfeltError, MissingExtraError, OptionError, SpeechError
from hearfelt.labels import canonical

PATHS = ("speech", "prosody_from", "prosody_reference")
CHOICES = ("engine", "voice", "speaker", "align", "gender", "language", *PATHS)
COLUMNS = ("text", "emotion", "intensity", "seed", "licence", *CHOICES)
"""The columns of a table; ``emotion`` is needed, and ``text`` where no recording speaks."""
PROVENANCE = ("engine", "engine_version", "voice", "rules", "seed", "source", "provenance")
"""The columns of the manifest beyond those of every manifest."""
MANIFEST = "manifest.csv"
_GIVE_UP = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, ready to be spoken."""

    number: int
    text: str
    emotion: str
    intensity: float
    seed: int
    voice: Voice
    licence: str
    source: str

    @property
    def provenance(self) -> dict[str, Any]:
        """Everything that shapes the sound, and the text."""
        return {"text": self.text, **self.voice.provenance(self.emotion, self.intensity, self.seed)}

    @property
    def file(self) -> str:
        """A name that changes with whatever shapes the sound."""
        facts = {**self.provenance, "emotion": self.emotion, "intensity": self.intensity, "seed": self.seed}
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
        speaker = "".join(c if c.isalnum() or c in "-_" else "_" for c in self.voice.speaker)
        return f"{speaker}-{self.emotion}-{key}.wav"


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one line.

    Args:
        file: the sound; None where there is none.
        fresh: False where it was there already.
        error: why there is none.
    """

    number: int
    file: Path | None = None
    fresh: bool = False
    error: HearfeltError | None = None


def count(path: Path) -> int:
    """How many lines a table has below its header.

    Raises:
        CorpusError: it cannot be read, or has a column that is not known.
    """
    return len(_lines(path))


def make(path: Path, out: Path, options: SynthOptions | None = None, seed: int = 0) -> Iterator[Made]:
    """Make the sounds of a table, line by line; what is there already is not made again.

    A line that cannot be made is yielded with its error, and the others are made. The manifest is written at
    the end, also when the caller stops early: it lists every sound of this table that is there.

    Args:
        path: CSV with `COLUMNS`; file names in it are relative to its folder.
        out: folder of the sounds and of ``manifest.csv``.
        options: what a line does not say itself.
        seed: another seed makes other takes of lines that name none.

    Raises:
        CorpusError: the table cannot be read, or the folder holds the sounds of another table.
        SpeechError: the server failed three lines in a row.
        MissingExtraError: a library is missing.
    """
    lines = _lines(path)
    _own_folder(out, path)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"--out {out} is no folder that can be made ({error.strerror or error}): name another"
        ) from None
    voices: dict[SynthOptions, Voice] = {}
    planned: dict[str, Row] = {}
    failed = []
    for number, line in enumerate(lines, start=2):
        try:
            row = _row(number, line, path, options or SynthOptions(), seed, voices)
            if row.file in planned:
                raise CorpusError(f"it is the same as line {planned[row.file].number}: give it another seed")
            planned[row.file] = row
        except MissingExtraError:
            raise
        except HearfeltError as error:
            failed.append(Made(number, error=CorpusError(f"{path.name}, line {number}: {error}")))
    try:
        yield from failed
        yield from _speak(planned, out, path)
    finally:
        there = [_listed(name, row) for name, row in planned.items() if (out / name).is_file()]
        if there:
            files.write_table(there, (*manifest.COLUMNS, *PROVENANCE), out / MANIFEST)


def _speak(planned: Mapping[str, Row], out: Path, path: Path) -> Iterator[Made]:
    in_a_row = 0
    for name, row in planned.items():
        if (out / name).is_file():
            yield Made(row.number, out / name)
            continue
        try:
            sound = row.voice.speak(row.text, row.emotion, row.intensity, row.seed)
            files.write_sound(sound, out / name, row.provenance)
        except SpeechError as error:
            in_a_row += 1
            if in_a_row == _GIVE_UP:
                raise SpeechError(
                    f"stopped after {_GIVE_UP} lines in a row ({error}); run the same command again to go on"
                ) from None
            yield Made(row.number, error=SpeechError(f"{path.name}, line {row.number}: {error}"))
        except HearfeltError as error:
            yield Made(row.number, error=CorpusError(f"{path.name}, line {row.number}: {error}"))
        else:
            in_a_row = 0
            yield Made(row.number, out / name, fresh=True)


def _lines(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise CorpusError(f"the table {path} is not there: give a CSV file with the columns text and emotion")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restkey="")
            names = [name.strip() for name in reader.fieldnames or ()]
            lines = [{(k or "").strip(): v for k, v in line.items()} for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} is not a UTF-8 CSV table ({error}): save it as one") from None
    if "emotion" not in names or not {"text", "speech"} & set(names):
        raise CorpusError(
            f"{path} has the columns {', '.join(names) or 'none'}: it needs emotion, and text or speech"
        )
    if unknown := sorted(set(names) - set(COLUMNS)):
        raise CorpusError(f"{path} has the column {unknown[0]!r}; known: {', '.join(COLUMNS)}")
    if not lines:
        raise CorpusError(f"{path} has no lines below its header: give at least one")
    return lines


def _row(
    number: int,
    line: Mapping[str, str],
    path: Path,
    options: SynthOptions,
    seed: int,
    voices: dict[SynthOptions, Voice],
) -> Row:
    if line.get(""):
        raise CorpusError("it has more cells than the header: put texts with commas in quotes")
    given: dict[str, Any] = {name: line[name].strip() for name in CHOICES if (line.get(name) or "").strip()}
    given |= {name: path.parent / given[name] for name in PATHS if name in given}
    chosen = replace(options, **given)
    if chosen not in voices:
        voices[chosen] = voice(chosen)
    speaks = voices[chosen]
    emotion = canonical(line.get("emotion") or "")
    text = line.get("text") or ""
    if not chosen.speech:
        text = checked_text(text)
    own = (line.get("seed") or "").strip()
    drawn = zlib.crc32("\x1f".join((text, emotion, speaks.speaker, str(seed))).encode())
    intensity = checked_intensity(_number(line.get("intensity") or "1", "intensity"))
    row = Row(
        number,
        text,
        emotion,
        intensity,
        int(_number(own, "seed")) if own else drawn,
        speaks,
        line.get("licence") or "",
        f"{path.name}:{number}",
    )
    speaks.provenance(row.emotion, row.intensity, row.seed)  # refuses what it cannot express
    return row


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise OptionError(f"{name} is {text!r}: it must be a number") from None


def _listed(name: str, row: Row) -> dict[str, Any]:
    """A line of the manifest."""
    facts = row.provenance
    return {
        "file": name,
        "speaker": row.voice.speaker,
        "gender": row.voice.gender or "",
        "language": row.voice.language or "",
        "text": row.text,
        "corpus": "synth",
        "licence": row.licence,
        "intensity": f"{row.intensity:g}",
        "gold": row.emotion,
        "engine": facts["engine"],
        "engine_version": facts["engine_version"],
        "voice": facts["voice"],
        "rules": facts.get("rules", ""),
        "seed": row.seed,
        "source": row.source,
        "provenance": json.dumps(facts, sort_keys=True, ensure_ascii=False),
    }


def _own_folder(out: Path, path: Path) -> None:
    """Refuses a folder whose manifest came from another table, which this one would overwrite."""
    older = out / MANIFEST
    if not older.is_file():
        return
    try:
        with older.open(newline="", encoding="utf-8") as stream:
            first = next(csv.DictReader(stream), {})
    except (UnicodeDecodeError, csv.Error):
        first = {}
    source = str(first.get("source") or "").rpartition(":")[0]
    if source != path.name:
        raise CorpusError(
            f"{out} already holds a manifest of {source or 'something else'}: "
            f"give {path.name} a folder of its own"
        )
