"""MSP-Podcast: spontaneous turns of podcasts; at least five crowd workers a turn, official parts.

``labels_consensus.csv`` has the plurality and the mean ratings on 1 to 7, ``labels_detailed.csv`` what each
worker said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from hearfelt.datasets import votes
from hearfelt.datasets.cells import from_scale
from hearfelt.datasets.corpora.base import SEXES, Corpus
from hearfelt.datasets.corpora.sounds import Sound, lines, maybe_file, rows, the_file
from hearfelt.errors import CorpusError, OptionError
from hearfelt.types import Example

_SCALE = "1..7"
_EMOTIONS = {
    "A": "anger",
    "C": "contempt",
    "D": "disgust",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "O": "other",
    "S": "sadness",
    "U": "surprise",
}
_NO_AGREEMENT = "X"
_HEARD = {
    "Angry": "anger",
    "Contempt": "contempt",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Neutral": "neutral",
    "Sad": "sadness",
    "Surprise": "surprise",
}
_RATER = ("WorkerID", "Worker", "WorkerId", "Annotator", "AnnotatorID")
_SPLITS = {"Train": "train", "Development": "dev", "Validation": "dev"}


def _listing(folder: Path, sounds: Sequence[Sound]) -> Iterator[Example]:
    path = the_file(folder, "labels_consensus.csv", "labels_concensus.csv")  # some releases misspell it
    heard = _heard(folder)
    words = maybe_file(folder, "Transcripts/*.txt")
    for row in rows(path, "FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom"):
        name = Path(row["FileName"]).stem
        if row["EmoClass"] not in {*_EMOTIONS, _NO_AGREEMENT}:
            raise CorpusError(
                f"{path} labels {name} {row['EmoClass']!r}; known: {', '.join(_EMOTIONS)}: restore it"
            )
        try:
            arousal, valence, dominance = (
                from_scale(float(row[column]), _SCALE) for column in ("EmoAct", "EmoVal", "EmoDom")
            )
        except (ValueError, OptionError) as error:
            raise CorpusError(f"{path}: {name}: {error}") from None
        text = words.with_name(f"{name}.txt") if words else None
        pairs = heard.get(name, [])
        given = tuple(vote for _, vote in pairs)
        split = row.get("Split_Set", "")
        speaker = row.get("SpkrID", "")
        yield Example(
            file=name,
            gold=_EMOTIONS.get(row["EmoClass"]),
            speaker=None if speaker.lower() in ("", "unknown") else speaker,
            gender=SEXES.get(row.get("Gender", "")),
            text=" ".join(lines(text)).strip() or None if text and text.is_file() else None,
            split=_SPLITS.get(split, split.lower()) or None,
            votes=given,
            raters=tuple(rater for rater, _ in pairs) if all(rater for rater, _ in pairs) else (),
            soft=votes.shares(given) or None,
            arousal=arousal,
            valence=valence,
            dominance=dominance,
            scale=_SCALE,
        )


def _heard(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Clip to its workers and their first choices; words of their own count as other."""
    path = maybe_file(folder, "labels_detailed.csv")
    heard: dict[str, list[tuple[str, str]]] = defaultdict(list)
    if path is not None:
        for row in rows(path, "FileName", "EmoClass_Major"):
            rater = next((row[name] for name in _RATER if row.get(name)), "")
            choice = row["EmoClass_Major"].strip()
            if choice not in _HEARD and not choice.startswith("Other"):
                raise CorpusError(
                    f"{path} has the vote {choice!r}; known: {', '.join(_HEARD)}, Other: restore it"
                )
            heard[Path(row["FileName"]).stem].append((rater, _HEARD.get(choice, "other")))
    return heard


CORPUS = Corpus(
    name="msppodcast",
    title="MSP-Podcast",
    about="spontaneous turns of podcasts, 9 classes, votes, arousal, valence and dominance, official parts",
    language="en",
    licence="research only",
    citation="R. Lotfian, C. Busso: Building Naturalistic Emotionally Balanced Speech Corpus by Retrieving "
    "Emotional Speech from Existing Podcast Recordings. IEEE Transactions on Affective Computing "
    "10(4), 2019",
    pattern=r"MSP-PODCAST_\d+_\d+(?:_\d+)?",
    shape="Audios/MSP-PODCAST_0001_0008.wav beside Labels/labels_consensus.csv",
    emotions=_EMOTIONS,
    listing=_listing,
)
