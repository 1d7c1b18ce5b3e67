"""MELD: lines of a TV series as short videos, in official parts; texts and labels stand in three tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hearfelt.datasets.corpora.base import Corpus
from hearfelt.datasets.corpora.sounds import Sound, rows, the_file
from hearfelt.errors import CorpusError
from hearfelt.types import Example

_EMOTIONS = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprise": "surprise",
}
_PARTS = ("train", "dev", "test")
_BROKEN = {("dev", "dia110_utt7"), ("train", "dia125_utt3")}
"""Clips that the distribution lists and does not have."""


def _listing(folder: Path, sounds: Sequence[Sound]) -> Iterator[Example]:
    files = {(_part(sound.relative), sound.path.stem): str(sound.path) for sound in sounds}
    for part in _PARTS:
        table = the_file(folder, f"{part}_sent_emo.csv")
        needed = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
        for number, row in enumerate(rows(table, *needed), start=2):
            clip = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
            file = files.get((part, clip))
            if file is None and (part, clip) in _BROKEN:
                continue
            if row["Emotion"] not in _EMOTIONS:
                raise CorpusError(
                    f"{table}, line {number} has the emotion {row['Emotion']!r}; "
                    f"known: {', '.join(_EMOTIONS)}: restore it"
                )
            yield Example(
                file=file or f"{part}/{clip}",
                gold=_EMOTIONS[row["Emotion"]],
                speaker=row["Speaker"] or None,
                text=row["Utterance"] or None,
                split=part,
            )


def _part(relative: str) -> str:
    """The part that a folder belongs to: train_splits, dev_splits_complete, output_repeated_splits_test."""
    folder = relative.rpartition("/")[0].rpartition("/")[2]
    return next((part for part in _PARTS if part in folder), "")


CORPUS = Corpus(
    name="meld",
    title="MELD",
    about="13708 lines of a TV series, 7 classes, official parts",
    language="en",
    licence="GPL-3.0",
    citation="S. Poria et al.: MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in "
    "Conversations. ACL 2019",
    pattern=r"[^/]*(?:train|dev|test)[^/]*/dia\d+_utt\d+",
    shape="train_splits/dia0_utt0.mp4 beside train_sent_emo.csv",
    emotions=_EMOTIONS,
    utterances=13706,
    passed_over=r"final_videos_test[^/]*",
    listing=_listing,
)
