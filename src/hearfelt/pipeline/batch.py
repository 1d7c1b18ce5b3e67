"""Many recordings: which ones, under what name, with which transcript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hearfelt.errors import AudioError, TranscriptError

_AUDIO = ".wav .flac .ogg .oga .opus .mp3 .aif .aiff .au .caf .w64 .m4a .aac .amr .wma .ac3 .mka"
_VIDEO = ".webm .mp4 .mkv .mov .avi .3gp"
SUFFIXES = frozenset(f"{_AUDIO} {_VIDEO}".split())
"""Endings that a folder is searched for; a file that is named itself may end in anything."""
TRANSCRIPT_SUFFIXES = (".srt", ".vtt", ".TextGrid", ".json", ".txt")


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to be heard: its file, a unique name for its results, its transcript."""

    source: Path
    name: str
    transcript: Path | None = None


def jobs(sources: Sequence[Path], transcript: Path | None = None) -> list[Job]:
    """The recordings among files and folders, in a stable order, each with a name of its own.

    Args:
        sources: files, and folders that are searched with everything below them.
        transcript: a transcript file for one recording, or a folder of transcripts named like the recordings.

    Raises:
        AudioError: a folder holds no recording.
        TranscriptError: one transcript file was given for several recordings.
    """
    found: list[tuple[Path, str]] = []
    for source in sources:
        if source.is_dir():
            inside = sorted(p for p in source.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise AudioError(f"{source} holds no recording; looked for {' '.join(sorted(SUFFIXES))}")
            found += [(path, path.relative_to(source).as_posix()) for path in inside]
        else:
            found.append((source, source.name))
    if transcript is not None and transcript.is_file() and len(found) > 1:
        raise TranscriptError(
            f"{transcript} is one transcript, but {len(found)} recordings were given; "
            "give a folder of transcripts named like the recordings"
        )
    names = _unique([name for _, name in found])
    return [
        Job(path, name, _transcript_of(own, transcript))
        for (path, own), name in zip(found, names, strict=True)
    ]


def _unique(names: Sequence[str]) -> list[str]:
    """Names told apart by a number; a name that somebody has of their own is never made up for another."""
    own = set(names)
    count: dict[str, int] = {}
    unique = []
    for name in names:
        count[name] = count.get(name, 0) + 1
        while count[name] > 1 and f"{name}-{count[name]}" in own:
            count[name] += 1
        unique.append(name if count[name] == 1 else f"{name}-{count[name]}")
        own.add(unique[-1])
    return unique


def _transcript_of(name: str, transcript: Path | None) -> Path | None:
    if transcript is None or not transcript.is_dir():
        return transcript
    stem = transcript / Path(name).with_suffix("")
    # Not stem.with_suffix: that takes the ".v2" off "call.v2".
    named = (stem.with_name(f"{stem.name}{suffix}") for suffix in TRANSCRIPT_SUFFIXES)
    return next((path for path in named if path.is_file()), None)
