"""JSON Lines of SenseVoice and FunASR: ``{"key", "source", "target", "emo_target": "<|HAPPY|>", …}``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hearfelt.datasets.formats.base import Locator, ReadOptions, json_lines
from hearfelt.datasets.manifest import check_files
from hearfelt.errors import CorpusError
from hearfelt.types import Example

_TAG = re.compile(r"<\|([^|]*)\|>")
_EMOTIONS = {
    "HAPPY": "happiness",
    "SAD": "sadness",
    "ANGRY": "anger",
    "NEUTRAL": "neutral",
    "FEARFUL": "fear",
    "DISGUSTED": "disgust",
    "SURPRISED": "surprise",
}
_UNKNOWN = ("EMO_UNKNOWN", "SPECIAL_TOKEN_1", "")
_LANGUAGES = {"zh", "en", "yue", "ja", "ko"}


def recognises(path: Path) -> bool:
    """A list whose first object has a source and a target."""
    if path.suffix.lower() != ".jsonl" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        first = stream.readline()
    return '"source"' in first and ('"target"' in first or '"emo_target"' in first)


def read(path: Path, options: ReadOptions) -> list[Example]:
    """Examples of the list; tags never get into the text, and an unknown emotion is no gold label.

    Raises:
        CorpusError: a broken list, a tag that is no emotion, a sound file that is not there.
    """
    if not path.is_file():
        raise CorpusError(f"{path} is not there: give a JSON Lines file with source and emo_target")
    locate = Locator(options.audio or path.parent)
    examples = []
    for number, row in json_lines(path):
        where = f"{path.name}, line {number}"
        if not row.get("source"):
            raise CorpusError(f"{where} has no source: it needs the path of a sound file")
        text = str(row.get("target") or "")
        tags = _tags(row) + _TAG.findall(text)
        words = _TAG.sub("", text).strip()
        examples.append(
            Example(
                file=locate(str(row["source"])),
                gold=_emotion(row, tags, options, where),
                speaker=str(row["speaker"]) if row.get("speaker") else None,
                language=next((tag for tag in tags if tag in _LANGUAGES), None),
                text=words or None,
                corpus=options.corpus,
            )
        )
    if not examples:
        raise CorpusError(f"{path} lists no clips: restore it")
    return check_files(examples, path, options.problems)


def _emotion(row: dict[str, Any], tags: list[str], options: ReadOptions, where: str) -> str | None:
    given = row.get("emo_target")
    if given is None:
        given = next((tag for tag in tags if tag in _EMOTIONS), "")
    tag = str(given).strip().removeprefix("<|").removesuffix("|>")
    if tag.upper() in _UNKNOWN:
        return None
    return options.named(_EMOTIONS.get(tag.upper(), tag), where)


def _tags(row: dict[str, Any]) -> list[str]:
    return _TAG.findall(str(row.get("text_language") or ""))
