"""What the language model reads before it writes, and how an answer is spelt."""

from __future__ import annotations

from dataclasses import dataclass

from hearfelt.models.written import AXES, LEVELS, Answer, Given


@dataclass(frozen=True)
class PromptOptions:
    """The prompt. The embeddings of the sound stand between ``before`` and ``words_name``.

    Args:
        before, after: text before the sound, and at the end, where the answer begins.
        words_name, cues_name: what stands before the words and the cues; a clip without them has neither.
        words: the words are read.
        cues: the cues are read.
        max_words: words of a clip that are read, the last ones where there are more.
        dimensions: the levels of arousal, valence and dominance are written after the label.
        caption: a short description is written at the end.
    """

    before: str = "sound :"
    words_name: str = "words :"
    cues_name: str = "voice :"
    after: str = "emotion :"
    words: bool = False
    cues: bool = False
    max_words: int = 60
    dimensions: bool = True
    caption: bool = False


def after_sound(given: Given, options: PromptOptions) -> str:
    """The text between the sound and the answer."""
    parts = []
    if options.words and given.words.strip():
        said = given.words.split()[-options.max_words :]
        parts.append(f"{options.words_name} {' '.join(said)}")
    if options.cues and given.cues:
        parts.append(f"{options.cues_name} {', '.join(given.cues)}")
    return "\n".join([*parts, options.after])


def rest(answer: Answer, options: PromptOptions) -> str:
    """What is written after the label; empty where nothing is."""
    parts = []
    if options.dimensions and None not in answer.levels:
        levels = zip(AXES, answer.levels, strict=True)
        parts.append(" , ".join(f"{axis} {LEVELS[place]}" for axis, place in levels if place is not None))
    if options.caption and answer.caption:
        parts.append(answer.caption)
    return "".join(f" . {part}" for part in parts)


def read_back(text: str) -> tuple[tuple[int | None, int | None, int | None], str]:
    """Levels and caption in what was written after a label; a level that was not written is None."""
    levels: list[int | None] = []
    left = " ".join(text.lower().split())
    for axis in AXES:
        named = left.partition(f"{axis} ")[2]
        fits = [place for place, word in enumerate(LEVELS) if named.startswith(word)]
        levels.append(fits[0] if fits else None)
    parts = [part.strip() for part in left.split(" . ")]
    caption = next((part for part in reversed(parts) if part and not part.startswith(AXES)), "")
    return (levels[0], levels[1], levels[2]), caption.strip(" .")


def texts(labels: tuple[str, ...], options: PromptOptions) -> list[str]:
    """Every text that a vocabulary must be able to spell, whatever the data."""
    fixed = [options.before, options.words_name, options.cues_name, options.after, *LEVELS, *AXES, ". , :"]
    return [*fixed, *labels]
