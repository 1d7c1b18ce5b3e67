"""Sounds and tables that are whole or not there."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearfelt.errors import InputError, OptionError
from hearfelt.types import Audio

FORMATS = {".wav": "WAV", ".flac": "FLAC"}


def checked_sound_path(path: Path) -> Path:
    """A path that a sound can be written to.

    Raises:
        OptionError: it is a folder, or ends in neither .wav nor .flac.
    """
    if path.is_dir():
        raise OptionError(f"--out {path} is a folder: name a .wav or .flac file in it, or give a --table")
    if path.suffix.lower() not in FORMATS:
        raise OptionError(f"--out {path} ends in {path.suffix!r}: write a .wav or a .flac file")
    return path


def write_sound(sound: Audio, path: Path, provenance: Mapping[str, Any]) -> None:
    """A 16-bit sound file; how it was made stands in its comment, so that it never passes for a recording.

    Raises:
        InputError: it cannot be written; nothing half stays behind.
    """
    import soundfile

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(
            part, "w", sound.sample_rate_hz, 1, "PCM_16", format=FORMATS[path.suffix.lower()]
        ) as file:
            file.software = "hearfelt synth"
            file.comment = json.dumps({"synthetic": True, **provenance}, ensure_ascii=True)
            file.write(sound.samples)
        part.replace(path)
    except (OSError, soundfile.LibsndfileError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path} cannot be written ({reason}): name a file that can be made, on a disk with room"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    """A CSV file, written beside its place and moved there.

    Raises:
        InputError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}): make room or name another folder"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
