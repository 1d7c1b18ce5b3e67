"""Praat TextGrids beside their sound files: the intervals of a tier called emotion.

``Anna - emotion`` is what Anna felt; a tier ``Anna - text`` (or words, utterances) has what she said. A
TextGrid with one interval tier needs no name for it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hearfelt.datasets.corpora.sounds import ENDINGS
from hearfelt.datasets.formats.base import Locator, ReadOptions
from hearfelt.datasets.manifest import check_files
from hearfelt.errors import CorpusError, MissingExtraError
from hearfelt.types import Example, Segment

_EMOTION = re.compile(r"(?:(?P<speaker>.+?)\s*[-_/:|.]\s*)?(?:emotions?|emo|affect|label)", re.IGNORECASE)
_TEXT = re.compile(
    r"(?:(?P<speaker>.+?)\s*[-_/:|.]\s*)?(?:text|words?|utterances?|sentences?|transcript\w*|ort)",
    re.IGNORECASE,
)


def recognises(path: Path) -> bool:
    """A TextGrid, or a folder of them."""
    if path.is_dir():
        return any(_grids(path))
    return path.suffix.lower() == ".textgrid"


def read(path: Path, options: ReadOptions) -> list[Example]:
    """Examples of a TextGrid or of all below a folder; the sound file has the same name.

    Raises:
        CorpusError: no TextGrid, a broken one, one without a tier of emotions, an unknown label, or no sound
            file of its name.
        MissingExtraError: praatio is not installed.
    """
    try:
        from praatio import textgrid
    except ImportError:
        raise MissingExtraError("reading TextGrids", "praatio", "data") from None
    grids = _grids(path) if path.is_dir() else [path]
    if not grids or not grids[0].is_file():
        raise CorpusError(f"{path} holds no TextGrid: give a .TextGrid file or a folder of them")
    locate = Locator(options.audio or (path if path.is_dir() else path.parent))
    examples = []
    for file in grids:
        try:
            grid = textgrid.openTextgrid(str(file), includeEmptyIntervals=False)
        except Exception as error:  # the library raises whatever its parsers stumble over
            raise CorpusError(
                f"{file} cannot be read as a TextGrid ({error}): save it again in Praat"
            ) from None
        examples += _examples(grid, file, _sound(file, locate), options)
    if not examples:
        raise CorpusError(f"the tiers of emotions in {path} are empty: label some intervals")
    return check_files(examples, path, options.problems)


def _examples(grid: Any, file: Path, sound: str, options: ReadOptions) -> list[Example]:
    intervals = {tier.name: tier for tier in grid.tiers if type(tier).__name__ == "IntervalTier"}
    tiers = {name: match["speaker"] for name in intervals if (match := _EMOTION.fullmatch(name.strip()))}
    if not tiers and len(intervals) == 1:
        tiers = dict.fromkeys(intervals)
    if not tiers:
        raise CorpusError(
            f"{file} has the tiers {', '.join(grid.tierNames) or 'none'}: call the labelled one emotion"
        )
    texts = {
        match["speaker"]: intervals[name] for name in intervals if (match := _TEXT.fullmatch(name.strip()))
    }
    found = []
    for name, speaker in tiers.items():
        said = texts.get(speaker, texts.get(None))
        for start_s, end_s, mark in intervals[name].entries:
            if not mark.strip():
                continue
            segment = Segment(float(start_s), float(end_s), speaker)
            found.append(
                Example(
                    file=sound,
                    gold=options.named(mark, f"{file.name}, tier {name}, {start_s:g} s"),
                    segment=segment,
                    speaker=speaker,
                    text=_words(said, segment) if said is not None and name not in texts else None,
                    corpus=options.corpus,
                )
            )
    return sorted(found, key=lambda example: example.segment.start_s if example.segment else 0.0)


def _words(tier: Any, segment: Segment) -> str | None:
    """What a tier says inside a segment: the intervals whose middle lies there."""
    words = [
        mark.strip()
        for start_s, end_s, mark in tier.entries
        if segment.start_s <= (start_s + end_s) / 2 < segment.end_s and mark.strip()
    ]
    return " ".join(words) or None


def _sound(grid: Path, locate: Locator) -> str:
    beside = (grid.with_suffix(ending) for ending in ENDINGS)
    return next((str(path) for path in beside if path.is_file()), "") or locate(f"{grid.stem}.wav")


def _grids(folder: Path) -> list[Path]:
    return sorted(
        p for p in folder.rglob("*") if p.suffix.lower() == ".textgrid" and not p.name.startswith(".")
    )
