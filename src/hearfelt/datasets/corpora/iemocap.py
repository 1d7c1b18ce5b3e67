"""IEMOCAP: two actors a session, in scripts and improvisations; at least three people labelled each turn.

Labels stand in ``dialog/EmoEvaluation/*.txt``: a line a turn with its times, the label of the majority and
the mean ratings of valence, activation and dominance on 1 to 5, then a line an evaluator. What the actors say
of themselves (C-F1, C-M1) is not counted among the votes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hearfelt.datasets import votes
from hearfelt.datasets.cells import from_scale
from hearfelt.datasets.corpora.base import SEXES, Corpus
from hearfelt.datasets.corpora.sounds import Sound, lines
from hearfelt.errors import CorpusError, OptionError
from hearfelt.types import Example, Segment

_SCALE = "1..5"
_EMOTIONS = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "oth": "other",
    "sad": "sadness",
    "sur": "surprise",
}
_NO_AGREEMENT = "xxx"
_HEARD = {
    "Anger": "anger",
    "Disgust": "disgust",
    "Excited": "excitement",
    "Fear": "fear",
    "Frustration": "frustration",
    "Happiness": "happiness",
    "Neutral": "neutral",
    "Neutral state": "neutral",
    "Other": "other",
    "Sadness": "sadness",
    "Surprise": "surprise",
}
_TURN = re.compile(
    r"\[(?P<start>[\d.]+) - (?P<end>[\d.]+)\]\s+(?P<turn>\S+)\s+(?P<emotion>\w+)\s+"
    r"\[(?P<valence>[\d.]+), *(?P<arousal>[\d.]+), *(?P<dominance>[\d.]+)\]"
)
_VOTE = re.compile(r"C-(?P<rater>E\w*):\s*(?P<labels>[^(]*)")


def _listing(folder: Path, sounds: Sequence[Sound]) -> Iterator[Example]:
    tables = sorted(folder.rglob("EmoEvaluation/Ses*.txt"))
    if not tables:
        raise CorpusError(
            f"{folder} holds no dialog/EmoEvaluation/Ses*.txt: give the folder of the whole IEMOCAP release"
        )
    cut = {sound.path.stem for sound in sounds}
    texts = _texts(folder)
    for path in tables:
        turn: re.Match[str] | None = None
        heard: list[tuple[str, str]] = []
        for line in [*lines(path), "[end]"]:
            if line.startswith("["):
                if turn is not None:
                    yield _example(turn, heard, path, cut, texts)
                turn, heard = _TURN.match(line), []
            elif match := _VOTE.match(line):
                heard += [
                    (match["rater"], _label(name, path))
                    for name in match["labels"].split(";")
                    if name.strip()
                ]


def _example(
    turn: re.Match[str], heard: list[tuple[str, str]], path: Path, cut: set[str], texts: dict[str, str]
) -> Example:
    name = turn["turn"]
    if turn["emotion"] not in {*_EMOTIONS, _NO_AGREEMENT}:
        raise CorpusError(
            f"{path} labels {name} {turn['emotion']!r}; known: {', '.join(_EMOTIONS)}: restore it"
        )
    dialogue, _, end = name.rpartition("_")
    gender = end[0]
    speaker = f"{name[:5]}{gender}"
    given = tuple(vote for _, vote in heard)
    try:
        arousal, valence, dominance = (
            from_scale(float(turn[axis]), _SCALE) for axis in ("arousal", "valence", "dominance")
        )
    except (ValueError, OptionError) as error:
        raise CorpusError(f"{path}: {name}: {error}") from None
    # The release has the turns cut out; without them the dialogue and the place in it will do.
    segment = None if name in cut else Segment(float(turn["start"]), float(turn["end"]), speaker)
    return Example(
        file=name if segment is None else dialogue,
        gold=_EMOTIONS.get(turn["emotion"]),
        segment=segment,
        speaker=speaker,
        gender=SEXES.get(gender),
        text=texts.get(name),
        votes=given,
        raters=tuple(rater for rater, _ in heard),
        soft=votes.shares(given) or None,
        arousal=arousal,
        valence=valence,
        dominance=dominance,
        scale=_SCALE,
    )


def _label(name: str, path: Path) -> str:
    if name.strip() not in _HEARD:
        raise CorpusError(f"{path} has the vote {name.strip()!r}; known: {', '.join(_HEARD)}: restore it")
    return _HEARD[name.strip()]


def _texts(folder: Path) -> dict[str, str]:
    """Turn to its words: lines such as ``Ses01F_impro01_F000 [006.2901-008.2357]: words``."""
    texts = {}
    for path in sorted(folder.rglob("transcriptions/Ses*.txt")):
        for line in lines(path):
            if match := re.match(r"(Ses\w+) \[[\d. -]+\]:\s*(.*)", line):
                texts[match[1]] = match[2].strip()
    return texts


CORPUS = Corpus(
    name="iemocap",
    title="IEMOCAP",
    about="10039 turns of 10 actors in dialogues, 10 classes, votes, valence, activation and dominance",
    language="en",
    licence="research only",
    citation="C. Busso et al.: IEMOCAP: Interactive emotional dyadic motion capture database. Language "
    "Resources and Evaluation 42(4), 2008",
    pattern=r"Ses\d\d[FM]_(?:impro|script)\w+",
    shape="Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
    emotions=_EMOTIONS,
    utterances=10039,
    listing=_listing,
)
