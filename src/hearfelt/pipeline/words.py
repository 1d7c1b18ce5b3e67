"""Which words belong to which utterance, and who says them, when a transcript is given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hearfelt.types import Segment, Transcript, Word

REACH_S = 1.0
"""How far before the speech that was found a word's middle may lie and still belong to it."""
AHEAD_S = 0.5
"""How far after it, unless somebody speaks there again."""
SHORTEST_TURN_S = 0.1
"""A shorter stretch holds too little sound to be heard as a turn of its own."""


class GivenWords:
    """Hands the words of a given transcript to the utterances of a channel, each word once.

    The time for all utterances together grows with the number of words, not with its product with theirs.

    Args:
        transcript: all words with their times.
        speakers: the speaker of each channel, None where it is not known.
    """

    def __init__(self, transcript: Transcript, speakers: Sequence[str | None]) -> None:
        self.language = transcript.language
        self._all = transcript.words
        self._free = [True] * len(self._all)
        names = {name.lower(): channel for channel, name in enumerate(speakers) if name}
        self._order: list[list[int]] = [[] for _ in speakers]
        self._next = [0] * len(speakers)
        for number in sorted(range(len(self._all)), key=lambda i: _middle(self._all[i])):
            word = self._all[number]
            channel = word.channel
            if channel is None and word.speaker is not None:
                channel = names.get(word.speaker.lower())
            known = channel is not None and 0 <= channel < len(speakers)
            for order in [self._order[channel]] if known and channel is not None else self._order:
                order.append(number)

    def take(self, segment: Segment, ahead_s: float = AHEAD_S) -> list[Word]:
        """The words of an utterance; what was already handed out is not handed out again.

        Args:
            segment: the utterance; those of a channel must come in order.
            ahead_s: how far after its end a word may lie; 0 where the next utterance begins right there.
        """
        order, at = self._order[segment.channel], self._next[segment.channel]
        taken = []
        while at < len(order):
            number = order[at]
            middle = _middle(self._all[number])
            if middle >= segment.end_s + ahead_s:
                break
            at += 1
            if middle >= segment.start_s - REACH_S and self._free[number]:
                self._free[number] = False
                taken.append(self._all[number])
        self._next[segment.channel] = at
        return taken

    @property
    def lost(self) -> list[Word]:
        """Words that no utterance took."""
        return [word for word, free in zip(self._all, self._free, strict=True) if free]


def _middle(word: Word) -> float:
    return (word.start_s + word.end_s) / 2


def turns(segment: Segment, words: Sequence[Word], default: str | None) -> list[tuple[Segment, list[Word]]]:
    """An utterance cut where the speaker changes, as the transcript tells it.

    Returns:
        Segments in order that cover the utterance, each with its speaker and words; one, with the default
        speaker, where the transcript names nobody. Every word stands in exactly one. Words that leave their
        speaker less than `SHORTEST_TURN_S`, such as those from outside the utterance, join a neighbour.
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
    cuts = [segment.start_s]
    for (_, left), (_, right) in pairwise(runs):
        middle = (left[-1].end_s + right[0].start_s) / 2
        cuts.append(min(max(middle, cuts[-1]), segment.end_s))
    cuts.append(segment.end_s)
    long = [end - start >= SHORTEST_TURN_S for start, end in pairwise(cuts)]
    if True not in long or not runs:
        speaker = max(runs, key=lambda run: len(run[1]))[0] if runs else None
        return [(Segment(segment.start_s, segment.end_s, speaker or default, segment.channel), list(words))]
    found: list[tuple[str | None, float, list[Word]]] = []
    early: list[Word] = []
    for (speaker, run), start_s, enough in zip(runs, cuts, long, strict=False):
        if not enough and not found:
            early += run
        elif found and (not enough or found[-1][0] == (speaker or default)):
            found[-1][2].extend(run)
        else:
            found.append((speaker or default, start_s if found else segment.start_s, [*early, *run]))
            early = []
    ends = [*(start_s for _, start_s, _ in found[1:]), segment.end_s]
    return [
        (Segment(start_s, end_s, speaker, segment.channel), said)
        for (speaker, start_s, said), end_s in zip(found, ends, strict=True)
    ]
