"""The words of cues: how each measure is told, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """How a measure is told: above and below people at large, above and below this speaker's own level."""

    high: str
    low: str
    more: str
    less: str


_ENGLISH: Mapping[str, Phrases] = {
    "f0_semitones": Phrases("high pitch", "low pitch", "higher pitch", "lower pitch"),
    "f0_range": Phrases("lively pitch", "flat pitch", "livelier pitch", "flatter pitch"),
    "loudness_db": Phrases("loud", "quiet", "louder", "quieter"),
    "loudness_range": Phrases("strong stress", "even loudness", "stronger stress", "more even loudness"),
    "tempo": Phrases("fast", "slow", "faster", "slower"),
    "pause_share": Phrases("long pauses", "no pauses", "longer pauses", "fewer pauses"),
    "jitter": Phrases("unsteady voice", "steady voice", "less steady voice", "steadier voice"),
    "shimmer_db": Phrases("uneven voice", "even voice", "less even voice", "more even voice"),
    "hnr_db": Phrases("clear voice", "rough voice", "clearer voice", "rougher voice"),
    "spectral_balance_db": Phrases("tense, sharp voice", "soft voice", "tenser voice", "softer voice"),
    "h1_h2_db": Phrases("breathy voice", "pressed voice", "breathier voice", "more pressed voice"),
}

_CHINESE: Mapping[str, Phrases] = {
    "f0_semitones": Phrases("音调高", "音调低", "音调更高", "音调更低"),
    "f0_range": Phrases("语调起伏大", "语调平淡", "语调起伏更大", "语调更平"),
    "loudness_db": Phrases("声音响", "声音轻", "更响", "更轻"),
    "loudness_range": Phrases("重音强", "响度平稳", "重音更强", "响度更平稳"),
    "tempo": Phrases("语速快", "语速慢", "语速更快", "语速更慢"),
    "pause_share": Phrases("停顿长", "没有停顿", "停顿更长", "停顿更少"),
    "jitter": Phrases("声音发颤", "声音平稳", "声音更颤", "声音更稳"),
    "shimmer_db": Phrases("声音强弱不匀", "声音强弱均匀", "强弱更不匀", "强弱更均匀"),
    "hnr_db": Phrases("声音清亮", "声音沙哑", "声音更清亮", "声音更沙哑"),
    "spectral_balance_db": Phrases("声音紧张尖锐", "声音柔和", "声音更紧张", "声音更柔和"),
    "h1_h2_db": Phrases("气声重", "声音紧压", "气声更重", "声音更紧"),
}

WORDS: Mapping[str, Mapping[str, Phrases]] = {"en": _ENGLISH, "zh": _CHINESE}


def at_large(measure: str, z: float, language: str) -> str:
    """How a measure lies among people at large, in the fewest words: ``fast``."""
    words = WORDS[language][measure]
    return words.high if z > 0 else words.low


def against_people(measure: str, z: float, language: str) -> str:
    """The same, saying what it compares with: ``faster than most people (+1.3 sd)``."""
    words = WORDS[language][measure]
    if language == "zh":
        return f"与一般人相比{at_large(measure, z, language)}（{z:+.1f} 标准差）"
    return f"{words.more if z > 0 else words.less} than most people ({z:+.1f} sd)"


def against_self(measure: str, z: float, language: str) -> str:
    """The difference from the same speaker so far: ``faster than usual for this speaker (+1.8 sd)``."""
    words = WORDS[language][measure]
    word = words.more if z > 0 else words.less
    if language == "zh":
        return f"比该说话人平时{word}（{z:+.1f} 标准差）"
    return f"{word} than usual for this speaker ({z:+.1f} sd)"
