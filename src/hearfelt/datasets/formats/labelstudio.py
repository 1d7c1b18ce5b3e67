"""Label Studio's JSON export: audio, choices of each annotator, labelled regions.

Both exports are read: JSON, with all annotations of a task, and JSON-MIN, with one a row. What annotators
chose for a whole clip are the votes on it; regions that several marked alike (to 10 ms) are one example.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from hearfelt.datasets import votes
from hearfelt.datasets.files import is_there, read_json
from hearfelt.datasets.formats.base import Locator, ReadOptions
from hearfelt.datasets.manifest import check_files
from hearfelt.errors import CorpusError
from hearfelt.types import Example, Segment

_SOUND = ("audio", "sound", "wav", "file", "url")
_PLAIN = ("speaker", "gender", "language", "text")
_KINDS = ("choices", "labels")
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")

Place = tuple[float, float, int] | None
"""Start and end in steps of 10 ms, and channel; None for a whole clip."""


def recognises(path: Path) -> bool:
    """A JSON file that holds a list of tasks with a sound."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    try:
        tasks = read_json(path)
    except CorpusError:
        return False
    return (
        isinstance(tasks, list)
        and bool(tasks)
        and isinstance(tasks[0], dict)
        and _sound(tasks[0].get("data", tasks[0])) is not None
    )


def read(path: Path, options: ReadOptions) -> list[Example]:
    """Examples of an export: gold by the majority of the votes, None where they tie.

    Raises:
        CorpusError: it is no export, a task without sound, an unknown choice, or a missing sound file.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise CorpusError(f"{path} is no export of Label Studio: export the project as JSON")
    try:
        examples = _examples(tasks, path, options)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"{path} is no export of Label Studio ({error!r}): export it as JSON") from None
    if not examples:
        raise CorpusError(f"{path} has {len(tasks)} tasks and no choice in them: annotate them first")
    return check_files(examples, path, options.problems)


def _examples(tasks: list[dict[str, Any]], path: Path, options: ReadOptions) -> list[Example]:
    locate = Locator(options.audio or path.parent)
    found: dict[tuple[str, Place], list[tuple[str, str]]] = defaultdict(list)
    facts: dict[str, dict[str, Any]] = {}
    for number, task in enumerate(tasks, start=1):
        where = f"{path.name}, task {task.get('id', number)}"
        data = task.get("data", task)
        sound = _sound(data)
        if sound is None:
            raise CorpusError(f"{where} has no sound: its data need one of {', '.join(_SOUND)}")
        file = _file(sound, locate)
        facts[file] = data
        for rater, place, choice in _choices(task):
            found[file, place].append((rater, options.named(choice, where)))
    return [_example(file, place, pairs, facts[file], options) for (file, place), pairs in found.items()]


def _example(
    file: str, place: Place, pairs: list[tuple[str, str]], data: dict[str, Any], options: ReadOptions
) -> Example:
    plain = {name: str(data[name]) for name in _PLAIN if isinstance(data.get(name), str | int) and data[name]}
    given = tuple(vote for _, vote in pairs)
    speaker = plain.get("speaker")
    return Example(
        file=file,
        gold=votes.majority(given),
        segment=Segment(place[0], place[1], speaker, place[2]) if place else None,
        corpus=options.corpus,
        votes=given,
        raters=tuple(rater for rater, _ in pairs) if all(rater for rater, _ in pairs) else (),
        soft=votes.shares(given),
        speaker=speaker,
        gender=plain.get("gender"),
        language=plain.get("language"),
        text=plain.get("text"),
    )


def _choices(task: dict[str, Any]) -> Iterator[tuple[str, Place, str]]:
    """Annotator, place and label of everything that was chosen in a task."""
    if "data" not in task:  # JSON-MIN
        rater = str(task.get("annotator") or "")
        for name, value in task.items():
            if name in _PLAIN or name in _SOUND:
                continue
            if isinstance(value, dict) and "choices" in value:
                yield from ((rater, None, choice) for choice in value["choices"])
            elif isinstance(value, list):
                for region in value:
                    if isinstance(region, dict) and "labels" in region:
                        yield from ((rater, _place(region), label) for label in region["labels"])
            elif name in ("emotion", "choice", "sentiment", "label") and isinstance(value, str):
                yield rater, None, value
        return
    for annotation in task.get("annotations") or []:
        if annotation.get("was_cancelled"):
            continue
        who = annotation.get("completed_by")
        rater = str((who.get("email") or who.get("id") if isinstance(who, dict) else who) or "")
        for result in annotation.get("result") or []:
            if result.get("type") in _KINDS:
                value = result.get("value") or {}
                yield from ((rater, _place(value), name) for name in value.get(result["type"]) or [])


def _place(value: dict[str, Any]) -> Place:
    if "start" not in value or "end" not in value:
        return None
    return round(float(value["start"]), 2), round(float(value["end"]), 2), int(value.get("channel") or 0)


def _sound(data: Any) -> str | None:
    if not isinstance(data, dict):
        return None
    return next((data[name] for name in _SOUND if isinstance(data.get(name), str)), None)


def _file(sound: str, locate: Locator) -> str:
    """The file of a URL or path; uploads carry eight digits and a hyphen before their name."""
    address = urlsplit(sound)
    name = unquote(address.query.partition("d=")[2] or address.path)
    if address.scheme or name.startswith("/data/"):
        name = name.rpartition("/")[2] if "/upload/" in name or address.scheme else name
    file = locate(name)
    if not is_there(Path(file)) and _UPLOADED.match(Path(name).name):
        file = locate(_UPLOADED.sub("", Path(name).name))
    return file
