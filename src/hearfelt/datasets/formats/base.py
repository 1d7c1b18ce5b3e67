"""What all formats share: options, how sound files are found, how labels are named."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hearfelt.datasets.cells import Label
from hearfelt.datasets.corpora.sounds import find
from hearfelt.datasets.files import is_there
from hearfelt.errors import CorpusError, OptionError
from hearfelt.labels import canonical


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a source of labels is read.

    Args:
        audio: folder of the sound files; where the labels lie if None.
        label: names every label; an `OptionError` of it becomes a `CorpusError` that names the place.
        scale: what arousal, valence and dominance are given on, such as ``1..5``; in [-1, 1] if None.
        corpus: name of the corpus for rows that name none.
        split: name of a fold or part to read, where the source has several.
        problems: where there is a list, clips that cannot be used are left out and a sentence about them is
            added to it; else they are an error.
    """

    audio: Path | None = None
    label: Label = canonical
    scale: str | None = None
    corpus: str = ""
    split: str | None = None
    problems: list[str] | None = None

    def wrong(self, sentence: str) -> None:
        """Some clips cannot be used.

        Raises:
            CorpusError: all of them are wanted.
        """
        if self.problems is None:
            raise CorpusError(sentence)
        self.problems.append(sentence)

    def named(self, label: object, where: str) -> str:
        """The name used here for a label.

        Raises:
            CorpusError: it is not known.
        """
        try:
            return self.label(str(label))
        except OptionError as error:
            raise CorpusError(f"{where}: {error}") from None


class Locator:
    """Finds the sound files that labels name, wherever the user keeps them now.

    A path is taken as it is where it is there, then below the folder, then the file of that name below the
    folder; of several the one whose path ends most like the one that was named.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_stem: dict[str, list[Path]] | None = None

    def __call__(self, name: str) -> str:
        """The path of a sound file; below the folder, as named, where there is none."""
        plain = Path(name.replace("\\", "/"))
        for path in (self._folder / plain, self._folder / plain.name):
            if is_there(path):
                return str(path)
        if self._by_stem is None:
            self._by_stem = defaultdict(list)
            for sound in find(self._folder) if self._folder.is_dir() else ():
                self._by_stem[sound.path.stem].append(sound.path)
        found = self._by_stem.get(plain.stem, [])
        ends = [_common_end(plain.parent, path.parent) for path in found]
        if not found or ends.count(max(ends)) > 1:
            return str(self._folder / plain)
        return str(found[ends.index(max(ends))])


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line of a JSON Lines file; empty lines are passed over.

    Raises:
        CorpusError: the file cannot be read, or a line is no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read ({error}): restore it") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CorpusError(f"{path.name}, line {number} is no JSON ({error}): correct it") from None
        if not isinstance(row, dict):
            raise CorpusError(f"{path.name}, line {number} is no JSON object: write one a line")
        yield number, row


def _common_end(one: Path, other: Path) -> int:
    same = 0
    for a, b in zip(reversed(one.parts), reversed(other.parts)):
        if a != b:
            break
        same += 1
    return same
