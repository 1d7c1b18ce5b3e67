"""MSP-IMPROV: actors improvise scenes around target sentences; at least five raters a turn.

Labels stand in ``Evalution.txt`` (so it is called): a line a turn, ``UTD-IMPROV-S01A-F01-P-FM01.avi; N;
A:2.8; V:3.0; D:2.6; N:4.0;``, then a line a rater, ``P-p12; Neutral,Other; …``, and an empty one. Of what a
rater said the first list counts. Ratings are on 1 to 5.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hearfelt.datasets import votes
from hearfelt.datasets.cells import from_scale
from hearfelt.datasets.corpora.base import SEXES, Corpus
from hearfelt.datasets.corpora.sounds import Sound, lines, the_file
from hearfelt.errors import CorpusError, OptionError
from hearfelt.types import Example

_SCALE = "1..5"
_EMOTIONS = {"A": "anger", "H": "happiness", "N": "neutral", "O": "other", "S": "sadness"}
_NO_AGREEMENT = "X"
_HEARD = {
    "Angry": "anger",
    "Depressed": "sadness",
    "Disgusted": "disgust",
    "Excited": "excitement",
    "Fearful": "fear",
    "Frustrated": "frustration",
    "Happy": "happiness",
    "Neutral": "neutral",
    "Other": "other",
    "Sad": "sadness",
    "Surprised": "surprise",
}
_TURN = re.compile(
    r"UTD-(?P<clip>IMPROV-S\d\d[AHNS]-(?P<speaker>(?P<gender>[FM])\d\d)-[PRST]-\w+)\.avi\s*;(?P<rest>.*)"
)


def _listing(folder: Path, sounds: Sequence[Sound]) -> Iterator[Example]:
    path = the_file(folder, "Evalution.txt", "Evaluation.txt")
    turn: re.Match[str] | None = None
    heard: list[tuple[str, str]] = []
    for line in [*lines(path), "UTD-"]:
        if line.startswith("UTD-"):
            if turn is not None:
                yield _example(turn, heard, path)
            turn, heard = _TURN.match(line), []
        elif ";" in line:
            rater, names = (part.strip() for part in line.split(";")[:2])
            heard += [(rater, _label(name.strip(), path)) for name in names.split(",") if name.strip()]


def _example(turn: re.Match[str], heard: list[tuple[str, str]], path: Path) -> Example:
    fields = [field.strip() for field in turn["rest"].split(";")]
    if fields[0] not in {*_EMOTIONS, _NO_AGREEMENT}:
        raise CorpusError(
            f"{path} labels {turn['clip']} {fields[0]!r}; known: {', '.join(_EMOTIONS)}: restore it"
        )
    means = dict(field.split(":", 1) for field in fields[1:] if ":" in field)
    try:
        arousal, valence, dominance = (_rating(means.get(axis, "nan")) for axis in ("A", "V", "D"))
    except (ValueError, OptionError) as error:
        raise CorpusError(f"{path}: {turn['clip']}: {error}") from None
    given = tuple(vote for _, vote in heard)
    return Example(
        file=f"MSP-{turn['clip']}",
        gold=_EMOTIONS.get(fields[0]),
        speaker=turn["speaker"],
        gender=SEXES[turn["gender"]],
        votes=given,
        raters=tuple(rater for rater, _ in heard),
        soft=votes.shares(given) or None,
        arousal=arousal,
        valence=valence,
        dominance=dominance,
        scale=_SCALE,
    )


def _rating(text: str) -> float | None:
    value = float(text)
    return None if math.isnan(value) else from_scale(value, _SCALE)


def _label(name: str, path: Path) -> str:
    if name not in _HEARD:
        raise CorpusError(f"{path} has the vote {name!r}; known: {', '.join(_HEARD)}: restore it")
    return _HEARD[name]


CORPUS = Corpus(
    name="mspimprov",
    title="MSP-IMPROV",
    about="8438 turns of 12 actors, 5 classes, votes, arousal, valence and dominance",
    language="en",
    licence="research only",
    citation="C. Busso et al.: MSP-IMPROV: An Acted Corpus of Dyadic Interactions to Study Emotion "
    "Perception. IEEE Transactions on Affective Computing 8(1), 2017",
    pattern=r"MSP-IMPROV-S\d\d[AHNS]-[FM]\d\d-[PRST]-\w+",
    shape="session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav beside Evalution.txt",
    emotions=_EMOTIONS,
    utterances=8438,
    listing=_listing,
)
