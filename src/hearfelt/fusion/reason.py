"""The verdict in plain language, in English or Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hearfelt.labels import DISPLAY
from hearfelt.language.words.goemotions import EKMAN
from hearfelt.types import Evidence

LANGUAGES = ("en", "zh")

MAX_CUES = 3
MAX_QUOTES = 2
MAX_QUOTE_CHARACTERS = 60
FINE_LEAST = 0.1
"""A finer label with a lower score was hardly seen, and is not shown."""
LITTLE = 0.4
"""A source whose reliability lies below this is said to count little."""

SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "comma": ", ",
        "semicolon": "; ",
        "or": " or ",
        "quote": "'{}'",
        "because": " ({})",
        "voice": "voice",
        "words": "words",
        "llm": "language model",
        "points": "{who} {verb} to {label}{because}",
        "agree": "voice and words agree",
        "lean": "voice leans to {voice}, words to {words}{because}",
        "disagree": "voice says {voice}, words say {words}{because}: they disagree",
        "conflict": "the language model finds that voice and words disagree",
        "little": "{who} {verb} little here",
        "uncertain": "too close to call: {labels}",
        "unsure": "not sure enough to name one",
        "nothing": "nothing to go by: no voice model and no words gave evidence here",
        "unreliable": "nothing to go by: no source is reliable here",
    },
    "zh": {
        "comma": "，",
        "semicolon": "；",
        "or": "或",
        "quote": "“{}”",
        "because": "（{}）",
        "voice": "声音",
        "words": "话语",
        "llm": "语言模型",
        "points": "{who}指向{label}{because}",
        "agree": "声音与话语一致",
        "lean": "声音偏向{voice}，话语偏向{words}{because}",
        "disagree": "声音表现{voice}，话语表达{words}{because}：两者矛盾",
        "conflict": "语言模型认为声音与话语矛盾",
        "little": "{who}在此参考价值低",
        "uncertain": "难以区分：{labels}",
        "unsure": "把握不足，无法确定",
        "nothing": "没有依据：此处声音模型和话语都没有给出证据",
        "unreliable": "没有依据：此处没有可靠的来源",
    },
}

VERBS = {
    "voice": ("points", "counts"),
    "words": ("point", "count"),
    "llm": ("points", "counts"),
}


@dataclass(frozen=True)
class Side:
    """What one family of sources says: its label, its mean reliability, its evidence."""

    label: str
    reliability: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Why:
    """All that a reason tells."""

    language: str
    label: str
    label_set: tuple[str, ...]
    abstained: bool
    conflict: bool
    cues: tuple[str, ...]
    families: Mapping[str, Side]


def sentence(why: Why) -> str:
    """The reason: "fast, high pitch; words point to anger ('unacceptable'); voice and words agree"."""
    say, show = SENTENCES[why.language], DISPLAY[why.language]
    parts = [_cues(why.cues, why.language)]
    voice, words = why.families.get("voice"), why.families.get("words")
    if voice and words:
        because = _because(words, why.language)
        pair = {
            "voice": show.get(voice.label, voice.label),
            "words": show.get(words.label, words.label),
            "because": because,
        }
        if voice.label == words.label:
            parts += [_points("words", words, why.language), say["agree"]]
        else:
            # the language model's own finding of a conflict is told with its verdict below
            parts.append(say["disagree" if why.conflict else "lean"].format(**pair))
    elif voice or words:
        name = "voice" if voice else "words"
        parts.append(_points(name, why.families[name], why.language))
    for name, side in why.families.items():
        if name not in ("voice", "words"):
            parts += _other(name, side, why.language)
    for name, side in why.families.items():
        if side.reliability < LITTLE:
            parts.append(
                say["little"].format(who=say.get(name, name), verb=VERBS.get(name, VERBS["voice"])[1])
            )
    if why.abstained:
        labels = [show.get(label, label) for label in why.label_set]
        few = 1 < len(labels) < 4
        parts.append(say["uncertain"].format(labels=_either(labels, why.language)) if few else say["unsure"])
    return say["semicolon"].join(part for part in parts if part)


def nothing(there_was_some: bool, cues: Sequence[str], language: str) -> str:
    """The reason of an estimate without any usable evidence."""
    say = SENTENCES[language]
    parts = [_cues(cues, language), say["unreliable" if there_was_some else "nothing"]]
    return say["semicolon"].join(part for part in parts if part)


def _cues(cues: Sequence[str], language: str) -> str:
    return SENTENCES[language]["comma"].join(cues[:MAX_CUES])


def _points(name: str, side: Side, language: str) -> str:
    say = SENTENCES[language]
    return say["points"].format(
        who=say.get(name, name),
        verb=VERBS.get(name, VERBS["voice"])[0],
        label=DISPLAY[language].get(side.label, side.label),
        because=_because(side, language),
    )


def _other(name: str, side: Side, language: str) -> list[str]:
    """A language model's verdict, its own sentence where it gives one, and the conflict it found."""
    parts = [_points(name, side, language)]
    notes = [evidence.note.strip().rstrip(".。") for evidence in side.evidence if evidence.note.strip()]
    if notes:
        parts = [f"{parts[0]}{'：' if language == 'zh' else ': '}{notes[0]}"]
    if any(evidence.details.get("conflict") for evidence in side.evidence):
        parts.append(SENTENCES[language]["conflict"])
    return parts


def _because(side: Side, language: str) -> str:
    """The words that a source leans on, or the finer label it saw, in brackets; empty where it gives none.

    They stand in the details of the evidence: ``words``, quotes; ``goemotions``, label to score. Quotes speak
    for the label of the evidence itself: calibration may have moved the side to another, which they do not
    explain.
    """
    say = SENTENCES[language]
    for evidence in side.evidence:
        quotes = [q for q in evidence.details.get("words", ()) if isinstance(q, str) and q.strip()]
        if quotes and evidence.emotion.label == side.label:
            shown = [say["quote"].format(_short(q.strip())) for q in quotes[:MAX_QUOTES]]
            return say["because"].format(say["comma"].join(shown))
        fine = evidence.details.get("goemotions")
        if isinstance(fine, Mapping) and language == "en":
            within = [label for label in fine if EKMAN.get(label) == side.label]
            top = max(within, key=lambda label: fine[label], default=side.label)
            if top not in (side.label, "joy") and fine[top] >= FINE_LEAST:
                return say["because"].format(top)
    return ""


def _short(text: str) -> str:
    return text if len(text) <= MAX_QUOTE_CHARACTERS else text[: MAX_QUOTE_CHARACTERS - 1].rstrip() + "…"


def _either(labels: Sequence[str], language: str) -> str:
    say = SENTENCES[language]
    return say["comma"].join(labels[:-1]) + say["or"] + labels[-1]
