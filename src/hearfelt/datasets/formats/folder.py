"""A folder per class: ``anger/ana/1.wav``; the folder below the class, where there is one, is the speaker.

The classes may lie in parts: ``train/anger/ana/1.wav``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hearfelt.datasets.corpora.sounds import Sound, find
from hearfelt.datasets.formats.base import ReadOptions
from hearfelt.errors import CorpusError
from hearfelt.types import Example

_PARTS = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
}


def recognises(path: Path) -> bool:
    """A folder that has folders with sound files in them."""
    return path.is_dir() and any("/" in sound.relative for sound in find(path))


def read(path: Path, options: ReadOptions) -> list[Example]:
    """Examples of a folder per class.

    Raises:
        CorpusError: no folder, no sound files in it, sound files beside the classes, empty ones, or a class
            of an unknown name.
    """
    if not path.is_dir():
        raise CorpusError(f"{path} is not a folder: give one that holds a folder per class, such as anger/")
    sounds = find(path)
    if not sounds:
        raise CorpusError(f"{path} holds no sound files: put them into a folder per class, such as anger/")
    sounds = _usable(path, sounds, options)
    tops = {sound.relative.split("/")[0].lower() for sound in sounds}
    in_parts = tops <= set(_PARTS)
    examples = []
    for sound in sounds:
        folders = sound.relative.split("/")[:-1]
        split = _PARTS[folders.pop(0).lower()] if in_parts else None
        if not folders:
            raise CorpusError(f"{sound.path} lies in no folder of a class: put it into one, such as anger/")
        examples.append(
            Example(
                file=str(sound.path),
                gold=options.named(folders[0], f"the folder {path / folders[0]}"),
                speaker=folders[1] if len(folders) > 1 else None,
                corpus=options.corpus,
                split=split,
            )
        )
    return sorted(examples, key=lambda example: example.file)


def _usable(path: Path, sounds: Sequence[Sound], options: ReadOptions) -> list[Sound]:
    """Sounds that lie in the folder of a class and hold something."""
    loose = [sound for sound in sounds if "/" not in sound.relative]
    empty = [sound for sound in sounds if sound.path.stat().st_size == 0]
    if loose:
        lie = "sound file lies" if len(loose) == 1 else "sound files lie"
        options.wrong(
            f"{len(loose)} {lie} in {path} itself, the first is {loose[0].path.name}: "
            "put them into the folder of their class"
        )
    if empty:
        are = "sound file in {} is" if len(empty) == 1 else "sound files in {} are"
        options.wrong(f"{len(empty)} {are.format(path)} empty, the first is {empty[0].path}: copy them again")
    return [sound for sound in sounds if "/" in sound.relative and sound.path.stat().st_size]
