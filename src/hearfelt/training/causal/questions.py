"""Dialogues as instructions: what is asked about a turn, and what the right answer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hearfelt.datasets.dialogue import Line, grouped

VERSION = "1"
"""Of the wordings below; it is in the card, and a model is asked as it was taught."""

EMOTION, SPEAKER = "emotion", "speaker"

_ASKED: Mapping[str, Mapping[str, str]] = {
    "en": {
        EMOTION: "Read the conversation and name the emotion of its last turn. Answer with one of: {labels}.",
        SPEAKER: "Read the conversation and say who speaks its last turn. Answer with one of: {labels}.",
        "conversation": "Conversation:",
        "answer": "Answer:",
    },
    "zh": {
        EMOTION: "阅读对话，指出最后一句话的情绪。只回答其中之一：{labels}。",
        SPEAKER: "阅读对话，指出最后一句话是谁说的。只回答其中之一：{labels}。",
        "conversation": "对话：",
        "answer": "回答：",
    },
}

NO_WORDS = "N/A"
"""What stands in place of the words where a question has to be free of content."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one turn.

    Args:
        task: `EMOTION` or `SPEAKER`.
        line: position of the turn among the lines that were given.
        turns: speaker and words, the one in question last.
        choices: the possible answers.
        answer: the right one; None where it is not known.
        language: ``en`` or ``zh``, of the instruction.
    """

    task: str
    line: int
    turns: tuple[tuple[str, str], ...]
    choices: tuple[str, ...]
    answer: str | None
    language: str = "en"

    def text(self, window: int, words: str | None = None) -> str:
        """The instruction with at most ``window`` turns before the last one.

        Args:
            words: what the last turn shall say instead.
        """
        asked = _ASKED[self.language]
        shown = self.turns[max(0, len(self.turns) - 1 - window) :]
        if words is not None:
            shown = (*shown[:-1], (shown[-1][0], words))
        said = "\n".join(f"{speaker}: {text}" for speaker, text in shown)
        head = asked[self.task].format(labels=", ".join(self.choices))
        return f"{head}\n{asked['conversation']}\n{said}\n{asked['answer']}"


def emotions(lines: Sequence[Line], labels: Sequence[str], window: int) -> list[Question]:
    """One question a line, in the order of the lines; speakers are letters in the order they come in."""
    found: dict[int, Question] = {}
    for group in grouped(lines):
        for place, position in enumerate(group):
            shown = [lines[i] for i in group[max(0, place - window) : place + 1]]
            found[position] = Question(
                EMOTION,
                position,
                tuple(zip(_letters(shown), (_plain(line.text) for line in shown), strict=True)),
                tuple(labels),
                lines[position].label,
                _language(lines[position]),
            )
    return [found[position] for position in range(len(lines))]


def speakers(lines: Sequence[Line], window: int) -> list[Question]:
    """Who says a turn? Asked where the speaker is known and has spoken before in the window."""
    found = []
    for group in grouped(lines):
        for place, position in enumerate(group):
            shown = [lines[i] for i in group[max(0, place - window) : place + 1]]
            before = {line.speaker for line in shown[:-1]}
            if not shown[-1].speaker or shown[-1].speaker not in before or len(before) < 2:
                continue
            letters = _letters(shown)
            turns = [(letter, _plain(line.text)) for letter, line in zip(letters, shown, strict=True)]
            turns[-1] = ("?", turns[-1][1])
            choices = tuple(dict.fromkeys(letters[:-1]))
            found.append(
                Question(SPEAKER, position, tuple(turns), choices, letters[-1], _language(lines[position]))
            )
    return found


def _letters(shown: Sequence[Line]) -> list[str]:
    """A letter for each speaker; those beyond Z are numbered."""
    names = list(dict.fromkeys(line.speaker for line in shown))
    letters = {name: chr(65 + i) if i < 26 else f"S{i + 1}" for i, name in enumerate(names)}
    return [letters[line.speaker] for line in shown]


def _plain(text: str) -> str:
    """Words on one line: a line break would end the turn."""
    return " ".join(text.split())


def _language(line: Line) -> str:
    return "zh" if line.language == "zh" else "en"
