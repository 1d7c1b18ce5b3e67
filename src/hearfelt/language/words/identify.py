"""Which language a text is in, or that one cannot tell.

The guess is py3langid's naive Bayes over byte n-grams (Lui and Baldwin: langid.py. ACL 2012), restricted to
`LANGUAGES` so that a sentence of three words is not taken for one of a hundred rare ones.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

LANGUAGES: Mapping[str, str] = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
"""ISO 639-1 code to English name of each language that is told apart."""

MIN_CONFIDENCE = 0.5
"""Below this a guess is no answer. On GoEmotions dev no sentence of three or more words passes it as another
language than English (``python benchmarks/words.py``)."""

MAX_CHARACTERS = 4000
"""As much of a text as is looked at."""

_SHORT = """
a again all alright am and are awesome bad bye can cool course damn dear do done don't enough er exactly
fine for from fuck go god good goodbye got great guess guys ha haha happy hate have hello help hey hi hmm
how i i'm is it it's just know later let like little look lot love man maybe me mean more morning much my
never nice no nope not nothing now of off oh ok okay one please really right sad see seriously shit so
sorry stop sure thank thanks that that's the there they think this time to too uh um very wait was way we
welcome well what when where who why will with wonderful wow yeah yep yes you you're your yup
"""

ENGLISH_SHORT = frozenset(_SHORT.split())
"""Words so short or so common that no guess can be made from them alone, taken for English where nothing
speaks against it."""

_URL = re.compile(r"https?://\S+|\[[A-Z]+\]")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？\n])\s*")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def words(text: str) -> list[str]:
    """The words of a text: runs of letters, apostrophes inside kept."""
    return _WORD.findall(text)


def count(text: str) -> int:
    """How many words a text has; Chinese is written without spaces, so two characters count as one."""
    han = sum("\u4e00" <= c <= "\u9fff" for c in text)
    if not han:
        return len(words(text))
    return len(words(re.sub("[\u4e00-\u9fff]", " ", text))) + (han + 1) // 2


def code(language: str | None) -> str | None:
    """The ISO 639-1 code of a language given as a code, tag or English name ("en-US", "English")."""
    if not language or not language.strip():
        return None
    plain = re.split(r"[-_]", language.strip().lower())[0]
    names = {name.lower(): key for key, name in LANGUAGES.items()}
    return names.get(plain, {"nb": "no", "nn": "no", "iw": "he", "in": "id", "cmn": "zh"}.get(plain, plain))


def name(language: str) -> str:
    """A language for a sentence: its English name where known, else its code."""
    return LANGUAGES.get(language, language)


def latin_share(text: str) -> float:
    """Share of the letters that are Latin; 0 where there are no letters."""
    letters = [c for c in text[:MAX_CHARACTERS] if c.isalpha()]
    latin = sum(c.isascii() or unicodedata.name(c, "").startswith("LATIN") for c in letters)
    return latin / len(letters) if letters else 0.0


def han_share(text: str) -> float:
    """Share of the letters that are Chinese characters; 0 where there are no letters, or where there are
    Japanese or Korean ones: those languages use Chinese characters too.
    """
    letters = [c for c in text[:MAX_CHARACTERS] if c.isalpha()]
    names = [unicodedata.name(c, "") for c in letters]
    if any(name.startswith(("HIRAGANA", "KATAKANA", "HANGUL")) for name in names):
        return 0.0
    han = sum(name.startswith("CJK UNIFIED") for name in names)
    return han / len(letters) if letters else 0.0


def guess(text: str) -> tuple[str | None, float]:
    """The likeliest language of a text and how sure that is; ``(None, 0)`` where there are no letters."""
    sentences = _SENTENCE_END.split(_URL.sub(" ", text[:MAX_CHARACTERS]))
    plain = " ".join(dict.fromkeys(sentences)).strip()  # a sentence said a hundred times counts once
    if not any(c.isalpha() for c in plain):
        return None, 0.0
    language, confidence = _identifier().classify(plain)
    return str(language), float(confidence)


def identify(text: str, *, min_confidence: float = MIN_CONFIDENCE) -> str | None:
    """ISO 639-1 code of a text's language, or None where the guess is less sure than ``min_confidence``."""
    language, confidence = guess(text)
    return language if confidence >= min_confidence else None


def plainly_english(text: str) -> bool:
    """Whether every word of a short text is one of `ENGLISH_SHORT`."""
    found = {word.lower().replace("’", "'") for word in words(text)}
    return 0 < len(found) <= 6 and found <= ENGLISH_SHORT


@functools.lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
