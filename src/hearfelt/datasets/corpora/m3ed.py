"""M3ED: dialogues of Chinese TV series, in official parts; three annotators may name several emotions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets import votes
from hearfelt.datasets.corpora.base import SEXES, Corpus
from hearfelt.datasets.corpora.sounds import Sound, lines, maybe_file, the_file
from hearfelt.datasets.files import read_json
from hearfelt.errors import CorpusError
from hearfelt.types import Example

_EMOTIONS = {
    "Anger": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Neutral": "neutral",
    "Sad": "sadness",
    "Surprise": "surprise",
}


def _listing(folder: Path, sounds: Sequence[Sound]) -> Iterator[Example]:
    path = the_file(folder, "annotation.json", "M3ED_Annotation.json")
    parts: dict[str, str] = {}
    for part, name in (("train", "train"), ("dev", "val"), ("test", "test")):
        table = maybe_file(folder, f"movie_list_{name}.txt")
        parts |= {line.strip(): part for line in lines(table)} if table else {}
    try:
        for movie, scenes in read_json(path).items():
            for scene in scenes.values():
                for turn, said in scene["Dialog"].items():
                    yield _example(movie, scene.get("SpeakerInfo", {}), turn, said, parts.get(movie), path)
    except (AttributeError, KeyError, TypeError) as error:
        raise CorpusError(f"{path} is not M3ED's annotation ({error!r}): restore it") from None


def _example(
    movie: str, people: dict[str, Any], turn: str, said: dict[str, Any], part: str | None, path: Path
) -> Example:
    who = people.get(said["Speaker"], {})
    annotation = said["EmoAnnotation"]
    heard = [
        (rater, _label(name, path))
        for rater, names in sorted(annotation.items())
        if rater.startswith("EmoAnnotator")
        for name in _names(names)
    ]
    given = tuple(vote for _, vote in heard)
    gold = _names(annotation["final_main_emo"])
    return Example(
        file=f"{said['Speaker']}_{turn}",
        gold=_label(gold[0], path) if gold else None,
        speaker=f"{movie}_{who.get('Name') or said['Speaker']}",
        gender=SEXES.get(str(who.get("Gender", "")).strip()),
        text=said.get("Text") or None,
        split=part,
        votes=given,
        raters=tuple(rater for rater, _ in heard),
        soft=votes.shares(given) or None,
    )


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, list) else str(value or "").split(",")
    return [str(name).strip() for name in names if str(name).strip()]


def _label(name: str, path: Path) -> str:
    if name not in _EMOTIONS:
        raise CorpusError(f"{path} has the emotion {name!r}; known: {', '.join(_EMOTIONS)}: restore it")
    return _EMOTIONS[name]


CORPUS = Corpus(
    name="m3ed",
    title="M3ED",
    about="24449 turns of Chinese TV dialogues, 7 classes, votes of 3 annotators, official parts",
    language="zh",
    licence="research only",
    citation="J. Zhao et al.: M3ED: Multi-modal Multi-scene Multi-label Emotional Dialogue Database. ACL "
    "2022",
    pattern=r"[^/]+_[^/]+",
    shape="modality_speech/A_hunlian_1_1.wav beside annotation.json",
    emotions=_EMOTIONS,
    listing=_listing,
)
