"""Which words belong to which utterance, and who says them, when a transcript is given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hearfelt.types import Segment, Transcript, Word

REACH_S = 1.0
"""How far outside the speech that was found a word's middle may lie and still belong to it."""


class GivenWords:
    """Hands the words of a given transcript to the utterances of a channel, each word once.

    Args:
        transcript: all words with their times.
        speakers: the speaker of each channel, None where it is not known.
    """

    def __init__(self, transcript: Transcript, speakers: Sequence[str | None]) -> None:
        self.language = transcript.language
        names = {name.lower(): channel for channel, name in enumerate(speakers) if name}
        self._waiting: dict[int, list[Word]] = {channel: [] for channel in range(len(speakers))}
        for word in sorted(transcript.words, key=lambda w: w.start_s + w.end_s):
            channel = word.channel
            if channel is None and word.speaker is not None:
                channel = names.get(word.speaker.lower())
            channels = [channel] if channel in self._waiting else list(self._waiting)
            for c in channels:
                if c is not None:
                    self._waiting[c].append(word)
        self._taken: set[int] = set()
        self._all = transcript.words

    def take(self, segment: Segment) -> list[Word]:
        """The words of an utterance; what was already handed out is not handed out again."""
        waiting = self._waiting.get(segment.channel, [])
        taken, kept = [], []
        for word in waiting:
            middle = (word.start_s + word.end_s) / 2
            if id(word) in self._taken:
                continue
            if segment.start_s - REACH_S <= middle < segment.end_s + REACH_S / 2:
                taken.append(word)
            elif middle >= segment.start_s - REACH_S:
                kept.append(word)
        self._waiting[segment.channel] = kept
        self._taken.update(id(word) for word in taken)
        return taken

    @property
    def lost(self) -> list[Word]:
        """Words that no utterance took."""
        return [word for word in self._all if id(word) not in self._taken]


def turns(segment: Segment, words: Sequence[Word], default: str | None) -> list[tuple[Segment, list[Word]]]:
    """An utterance cut where the speaker changes, as the transcript tells it.

    Returns:
        Segments in order that cover the utterance, each with its speaker and words; one, with the default
        speaker, where the transcript names nobody.
    """
    runs: list[tuple[str | None, list[Word]]] = []
    for word in words:
        speaker = word.speaker or (runs[-1][0] if runs else None)
        if speaker and default and speaker.lower() == default.lower():
            speaker = default  # as the user spells it
        if runs and runs[-1][0] == speaker:
            runs[-1][1].append(word)
        else:
            runs.append((speaker, [word]))
    if not runs:
        return [(Segment(segment.start_s, segment.end_s, default, segment.channel), [])]
    cuts = [segment.start_s]
    for (_, left), (_, right) in pairwise(runs):
        middle = (left[-1].end_s + right[0].start_s) / 2
        cuts.append(min(max(middle, cuts[-1]), segment.end_s))
    cuts.append(segment.end_s)
    return [
        (Segment(start, end, speaker or default, segment.channel), run)
        for (speaker, run), start, end in zip(runs, cuts, cuts[1:])
        if end > start
    ]
