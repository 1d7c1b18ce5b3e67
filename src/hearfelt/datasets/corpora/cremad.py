"""CREMA-D: twelve sentences by 91 actors, with what the crowd heard in them.

The gold label is what the actor meant. Listeners who only hear a clip name it in 40.9 % of the cases (Cao et
al. 2014), so the votes of those listeners are kept beside it.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path

from hearfelt.datasets import votes
from hearfelt.datasets.corpora.base import SEXES, Corpus
from hearfelt.datasets.corpora.sounds import maybe_file, rows
from hearfelt.errors import CorpusError
from hearfelt.types import Example

_HEARD = {"A": "anger", "D": "disgust", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness"}
_VOICE_ONLY = "1"


def _finish(folder: Path, examples: list[Example]) -> list[Example]:
    """Adds the gender of the actors, and the votes of those who only heard a clip."""
    genders = {}
    if people := maybe_file(folder, "VideoDemographics.csv"):
        genders = {row["ActorID"]: SEXES.get(row["Sex"]) for row in rows(people, "ActorID", "Sex")}
    heard = _responses(folder) or _tabulated(folder)
    found = []
    for example in examples:
        pairs = heard.get(Path(example.file).stem, [])
        given = tuple(vote for _, vote in pairs)
        found.append(
            dataclasses.replace(
                example,
                gender=genders.get(example.speaker or ""),
                votes=given,
                raters=tuple(rater for rater, _ in pairs if rater),
                soft=votes.shares(given) or None,
            )
        )
    return found


def _responses(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Clip to its raters and their votes, from the single responses."""
    path = maybe_file(folder, "finishedResponses.csv")
    heard: dict[str, list[tuple[str, str]]] = defaultdict(list)
    if path is not None:
        for row in rows(path, "localid", "queryType", "clipName", "respEmo"):
            if row["queryType"].strip() == _VOICE_ONLY:
                heard[Path(row["clipName"]).stem].append((row["localid"], _label(row["respEmo"], path)))
    return heard


def _tabulated(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Clip to its votes without names, from the table of counts."""
    path = maybe_file(folder, "tabulatedVotes.csv")
    heard: dict[str, list[tuple[str, str]]] = {}
    if path is not None:
        for row in rows(path, "fileName", *_HEARD):
            # The first column is 100000 times the kind of stimulus, plus the number of the clip.
            if not next(iter(row.values())).startswith(_VOICE_ONLY):
                continue
            try:
                counts = [(label, int(row[code])) for code, label in _HEARD.items()]
            except ValueError:
                raise CorpusError(
                    f"{path} has no whole number of votes for {row['fileName']}: restore it"
                ) from None
            heard[Path(row["fileName"]).stem] = [("", label) for label, n in counts for _ in range(n)]
    return heard


def _label(code: str, path: Path) -> str:
    if code.strip() not in _HEARD:
        raise CorpusError(f"{path} has the response {code!r}; known: {', '.join(_HEARD)}: restore it")
    return _HEARD[code.strip()]


CORPUS = Corpus(
    name="cremad",
    title="CREMA-D",
    about="7442 utterances of 91 actors, 6 classes, votes of 2443 raters",
    language="en",
    licence="ODbL 1.0",
    citation="H. Cao et al.: CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset. IEEE Transactions "
    "on Affective Computing 5(4), 2014",
    pattern=r"(?P<speaker>\d{4})_[A-Z]{3}_(?P<emotion>[A-Z]{3})_(?P<intensity>[A-Z]{1,2})",
    shape="1001_DFA_ANG_XX.wav",
    emotions={
        "ANG": "anger",
        "DIS": "disgust",
        "FEA": "fear",
        "HAP": "happiness",
        "NEU": "neutral",
        "SAD": "sadness",
    },
    intensities={"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"},
    utterances=7442,
    finish=_finish,
)
