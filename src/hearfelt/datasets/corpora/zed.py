"""ZED: found speech in which one stretch of each clip is emotional; what lies around it is neutral."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hearfelt.datasets.corpora.base import Corpus
from hearfelt.datasets.corpora.sounds import Sound, the_file
from hearfelt.datasets.files import read_json
from hearfelt.errors import CorpusError
from hearfelt.types import Example, Segment

_EMOTIONS = {"angry": "anger", "happy": "happiness", "neutral": "neutral", "sad": "sadness"}


def _listing(folder: Path, sounds: Sequence[Sound]) -> Iterator[Example]:
    path = the_file(folder, "ZED.json")
    by_end = {sound.relative: str(sound.path) for sound in sounds}
    try:
        for name, clip in read_json(path).items():
            # The table writes "datafolder" where the corpus lies.
            relative = PurePosixPath(clip["wav"].partition("datafolder/")[2] or clip["wav"]).with_suffix("")
            file = by_end.get(str(relative), relative.name)
            for start_s, end_s, emotion in _stretches(name, clip, path):
                yield Example(
                    file=file,
                    gold=emotion,
                    segment=Segment(start_s, end_s),
                    text=clip.get("transcription") or None,
                )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"{path} is not the table of ZED ({error!r}): restore it") from None


def _stretches(name: str, clip: dict[str, Any], path: Path) -> Iterator[tuple[float, float, str]]:
    """The emotional stretches of a clip and the neutral ones around them."""
    at = 0.0
    for mark in sorted(clip["emotion"], key=lambda mark: float(mark["start"])):
        if mark["emo"] not in _EMOTIONS:
            raise CorpusError(
                f"{path} labels {name} {mark['emo']!r}; known: {', '.join(_EMOTIONS)}: restore it"
            )
        if mark["start"] > at:
            yield at, float(mark["start"]), "neutral"
        yield float(mark["start"]), float(mark["end"]), _EMOTIONS[mark["emo"]]
        at = float(mark["end"])
    if float(clip["duration"]) > at:
        yield at, float(clip["duration"]), "neutral"


CORPUS = Corpus(
    name="zed",
    title="ZED",
    about="180 found clips, one emotional stretch each, 4 classes; speakers are not told apart",
    language="en",
    licence="CC BY-NC 4.0",
    citation="Y. Wang et al.: Speech Emotion Diarization: Which Emotion Appears When? ASRU 2023",
    pattern=r"[^/]+(?:/[^/]+)*",
    shape="what ZED.json lists",
    emotions=_EMOTIONS,
    listing=_listing,
)
