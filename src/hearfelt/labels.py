"""Emotion labels: the sets, what other people call them, and where each lies in arousal and valence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hearfelt.errors import unknown_name
from hearfelt.types import Emotion

EKMAN7 = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
"""The Ekman six and neutral: the label set of every verdict (alphabetical, as the field sorts it)."""

CPED13 = (
    "happy",
    "grateful",
    "relaxed",
    "positive-other",
    "neutral",
    "anger",
    "sadness",
    "fear",
    "depress",
    "disgust",
    "astonished",
    "worried",
    "negative-other",
)
"""The emotions of CPED, Chinese dialogues (Chen et al. 2022, arXiv:2205.14727), in the order of the paper."""

CANONICAL = (*EKMAN7, "boredom", "calm", "contempt")
"""Every label that a report has a word and a colour for."""

FURTHER = (
    "amusement",
    "apology",
    "assertiveness",
    "concern",
    "encouragement",
    "excitement",
    "frustration",
    "nervousness",
    "sleepiness",
    "other",
)
"""Labels that only some corpora have; ``other`` is a rater's own word for none of the corpus's labels."""

ALIASES: Mapping[str, str] = {
    **{label: label for label in (*CANONICAL, *FURTHER)},
    **dict.fromkeys(("angry", "ang", "mad", "wut", "ärger", "生气", "愤怒"), "anger"),
    **dict.fromkeys(("disgusted", "dis", "ekel", "厌恶"), "disgust"),
    **dict.fromkeys(("fearful", "fea", "scared", "anxiety", "angst", "恐惧", "害怕"), "fear"),
    **dict.fromkeys(("happy", "hap", "joy", "joyful", "freude", "高兴", "快乐", "开心"), "happiness"),
    **dict.fromkeys(("neu", "neutrality", "no emotion", "中性", "中立"), "neutral"),
    **dict.fromkeys(("sad", "trauer", "悲伤", "难过"), "sadness"),
    **dict.fromkeys(("surprised", "sur", "pleasant surprise", "ps", "惊讶", "吃惊"), "surprise"),
    **dict.fromkeys(("bored", "boredem", "langeweile", "无聊"), "boredom"),
    **dict.fromkeys(("relaxed", "平静"), "calm"),
    **dict.fromkeys(("amused", "amu"), "amusement"),
    **dict.fromkeys(("excited", "exc"), "excitement"),
    **dict.fromkeys(("frustrated", "fru"), "frustration"),
    **dict.fromkeys(("sleepy",), "sleepiness"),
    **dict.fromkeys(("contemptuous", "con"), "contempt"),
    **dict.fromkeys(("oth",), "other"),
}
"""What other corpora and tools call a label, in lower case, to the name used here."""

DIMENSIONS_SOURCE = (
    "J. A. Russell, A. Mehrabian: Evidence for a three-factor theory of emotions. "
    "Journal of Research in Personality 11 (1977) 273-294"
)

DIMENSIONS: Mapping[str, tuple[float, float, float]] = {
    # label: (arousal, valence, dominance); the paper's order is pleasure, arousal, dominance
    "anger": (0.59, -0.51, 0.25),
    "disgust": (0.35, -0.60, 0.11),
    "fear": (0.60, -0.64, -0.43),
    "happiness": (0.51, 0.81, 0.46),
    "neutral": (0.0, 0.0, 0.0),
    "sadness": (-0.27, -0.63, -0.33),
    "surprise": (0.67, 0.40, -0.13),
    "boredom": (-0.62, -0.65, -0.33),
}
"""Where each label lies: mean ratings of the adjectives angry, … (`DIMENSIONS_SOURCE`); neutral is 0."""

DISPLAY: Mapping[str, Mapping[str, str]] = {
    "en": {label: label for label in (*CANONICAL, "uncertain")},
    "zh": {
        "anger": "愤怒",
        "disgust": "厌恶",
        "fear": "恐惧",
        "happiness": "高兴",
        "neutral": "中性",
        "sadness": "悲伤",
        "surprise": "惊讶",
        "boredom": "无聊",
        "calm": "平静",
        "contempt": "轻蔑",
        "uncertain": "不确定",
    },
}
"""The word for a label in a language of the reports."""


def canonical(label: str) -> str:
    """The name used here for a label of any corpus or tool.

    Raises:
        OptionError: the label is not known; the message lists the known ones.
    """
    try:
        return ALIASES[label.strip().lower()]
    except KeyError:
        raise unknown_name("emotion label", label, (*CANONICAL, *FURTHER)) from None


def dimensions(labels: Sequence[str], probabilities: Sequence[float]) -> tuple[float, float, float]:
    """Arousal, valence and dominance expected under class probabilities, each in [-1, 1].

    No rater gave these: they are the probability-weighted published coordinates of the labels
    (`DIMENSIONS_SOURCE`), and whoever shows them must say so.

    Raises:
        OptionError: a label has no published coordinates.
    """
    total = sum(probabilities) or 1.0
    sums = [0.0, 0.0, 0.0]
    for label, probability in zip(labels, probabilities, strict=True):
        if label not in DIMENSIONS:
            raise unknown_name("label with arousal and valence", label, DIMENSIONS)
        for axis, value in enumerate(DIMENSIONS[label]):
            sums[axis] += probability * value / total
    return sums[0], sums[1], sums[2]


def emotion(labels: Sequence[str], probabilities: Sequence[float]) -> Emotion:
    """An `Emotion` whose dimensions are derived from its probabilities by `dimensions`."""
    arousal, valence, dominance = dimensions(labels, probabilities)
    return Emotion(tuple(labels), tuple(float(p) for p in probabilities), arousal, valence, dominance)


def felt(labels: Sequence[str], probabilities: Sequence[float]) -> Emotion:
    """An emotion; its dimensions are derived where all labels have published coordinates."""
    if all(label in DIMENSIONS for label in labels):
        return emotion(labels, probabilities)
    return Emotion(tuple(labels), tuple(float(p) for p in probabilities))
