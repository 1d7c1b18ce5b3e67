"""Emozionalmente: Italian sentences by a crowd, heard and named by another one.

The gold label is what the speaker meant; the votes are what five listeners a clip heard.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from hearfelt.datasets import votes
from hearfelt.datasets.corpora.base import SEXES, Corpus
from hearfelt.datasets.corpora.sounds import Sound, maybe_file, rows, the_file
from hearfelt.errors import CorpusError
from hearfelt.types import Example

_EMOTIONS = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happiness",
    "neutrality": "neutral",
    "sadness": "sadness",
    "surprise": "surprise",
}
_RATER = ("evaluator", "username", "user", "rater")


def _listing(folder: Path, sounds: Sequence[Sound]) -> Iterator[Example]:
    samples = the_file(folder, "samples.csv")
    people, genders = maybe_file(folder, "users.csv"), {}
    if people is not None:
        genders = {row["username"]: SEXES.get(row["gender"]) for row in rows(people, "username", "gender")}
    heard: dict[str, list[tuple[str, str]]] = defaultdict(list)
    evaluations = maybe_file(folder, "evaluations.csv")
    if evaluations is not None:
        for row in rows(evaluations, "file_name", "emotion_recognized"):
            rater = next((row[name] for name in _RATER if row.get(name)), "")
            heard[row["file_name"]].append((rater, _label(row["emotion_recognized"], evaluations)))
    for row in rows(samples, "file_name", "actor", "emotion_expressed"):
        pairs = heard[row["file_name"]]
        given = tuple(vote for _, vote in pairs)
        yield Example(
            file=Path(row["file_name"]).stem,
            gold=_label(row["emotion_expressed"], samples),
            speaker=row["actor"] or None,
            gender=genders.get(row["actor"]),
            text=row.get("sentence") or None,
            votes=given,
            raters=tuple(rater for rater, _ in pairs) if all(rater for rater, _ in pairs) else (),
            soft=votes.shares(given) or None,
        )


def _label(name: str, path: Path) -> str:
    if name not in _EMOTIONS:
        raise CorpusError(f"{path} has the emotion {name!r}; known: {', '.join(_EMOTIONS)}: restore it")
    return _EMOTIONS[name]


CORPUS = Corpus(
    name="emozionalmente",
    title="Emozionalmente",
    about="6902 utterances of 431 amateurs, 7 classes, 5 votes each",
    language="it",
    licence="CC BY 4.0",
    citation="F. Catania et al.: Emozionalmente: a crowdsourced corpus of simulated emotional speech in "
    "Italian. Zenodo 2022",
    pattern=r"[^/]+",
    shape="audio/1638456245.wav beside metadata/samples.csv",
    emotions=_EMOTIONS,
    utterances=6902,
    listing=_listing,
)
