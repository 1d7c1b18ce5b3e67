"""Transcripts in JSON: our own, Whisper's verbose_json, OpenAI's, whisperX's, a list of segments."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from hearfelt.errors import TranscriptError
from hearfelt.transcribers.spread import spread
from hearfelt.transcribers.subtitles import check_times
from hearfelt.types import Transcript, Word, from_dict

_ACCEPTED = (
    'our own transcript {"words": [{"text", "start_s", "end_s"}]}, Whisper or whisperX '
    '{"segments": [{"start", "end", "text", "words"}]}, OpenAI {"words": [{"word", "start", "end"}]}'
)
_LANGUAGES = {
    "english": "en", "chinese": "zh", "german": "de", "french": "fr", "spanish": "es", "italian": "it",
    "japanese": "ja", "korean": "ko", "portuguese": "pt", "russian": "ru", "dutch": "nl", "polish": "pl",
    "turkish": "tr", "arabic": "ar", "hindi": "hi", "mandarin": "zh", "cantonese": "yue", "swedish": "sv",
    "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip
"""Whisper writes the name of a language where one wants its code."""


def parse(text: str) -> Transcript:
    """The transcript in a JSON text. Times are needed; see `plain_text` for JSON without them.

    Raises:
        TranscriptError: it is not JSON, of no known shape, or a time in it is wrong.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TranscriptError(f"the transcript is not JSON: {error}") from None
    if isinstance(data, list):
        data = {"segments": data}
    if not isinstance(data, dict):
        raise TranscriptError(f"the JSON holds no transcript; accepted: {_ACCEPTED}")
    if isinstance(data.get("transcript"), dict):
        data = data["transcript"]  # one of our own reports
    return _transcript(data)


def plain_text(text: str) -> str | None:
    """The text of OpenAI's short answer ``{"text": …}``, which has no times; None for any other JSON."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or any(key in data for key in ("segments", "words", "transcript")):
        return None
    return data["text"] if isinstance(data.get("text"), str) else None


def _transcript(data: Mapping[str, Any]) -> Transcript:
    words = data.get("words")
    if _is_list(words) and words and isinstance(words[0], dict) and "start_s" in words[0]:
        return _own(data)
    language = _language(data.get("language"))
    segments = data.get("segments")
    if _is_list(segments) and segments:
        has_words = any(isinstance(s, dict) and s.get("words") for s in segments)
        if has_words or not (_is_list(words) and words):
            found = [w for i, s in enumerate(segments, 1) for w in _segment(s, f"segment {i}")]
            return Transcript(tuple(found), language, "given/json")
    if _is_list(words) and words:
        return Transcript(tuple(_timed_words(words, None, None, None, "")), language, "given/json")
    if _is_list(words) or _is_list(segments):
        return Transcript((), language, "given/json")
    raise TranscriptError(f"the JSON holds no transcript; accepted: {_ACCEPTED}")


def _own(data: Mapping[str, Any]) -> Transcript:
    keys = {"words", "language", "transcriber"}
    try:
        transcript = from_dict(Transcript, {key: data[key] for key in keys & set(data)})
    except (ValueError, TypeError, KeyError) as error:
        raise TranscriptError(f"the transcript does not hold together: {error}") from None
    for index, word in enumerate(transcript.words, 1):
        if not isinstance(word.text, str):
            raise TranscriptError(f"word {index} has no text, but {word.text!r}")
        _number(word.start_s, f"the start of word {index}")
        _number(word.end_s, f"the end of word {index}")
        check_times(f"word {index}", word.start_s, word.end_s)
    return transcript


def _segment(data: Any, what: str) -> list[Word]:
    if not isinstance(data, dict):
        raise TranscriptError(f"{what} is no object but {str(data)[:40]!r}; accepted: {_ACCEPTED}")
    start_s = _number(_first(data, "start", "start_s"), f"the start of {what}")
    end_s = _number(_first(data, "end", "end_s"), f"the end of {what}")
    check_times(what, start_s, end_s)
    speaker = _first(data, "speaker", "speaker_id")
    name = str(speaker) if speaker is not None else None
    words = data.get("words")
    if _is_list(words) and words:
        return _timed_words(words, start_s, end_s, name, f" of {what}")
    log_probability = data.get("avg_logprob")
    sure = math.exp(min(0.0, log_probability)) if isinstance(log_probability, float) else None
    return spread(str(data.get("text") or ""), start_s, end_s, speaker=name, confidence=sure)


def _timed_words(
    items: Sequence[Any], start_s: float | None, end_s: float | None, speaker: str | None, where: str
) -> list[Word]:
    """A recogniser's words. One without times (whisperX on figures) lies between its neighbours."""
    texts: list[str] = []
    times: list[tuple[float, float] | None] = []
    others: list[tuple[float | None, Any]] = []
    for index, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise TranscriptError(f"word {index}{where} is no object but {str(item)[:40]!r}")
        texts.append(str(_first(item, "word", "text", "punctuated_word") or "").strip())
        begin, end = _first(item, "start", "start_s"), _first(item, "end", "end_s")
        if begin is None or end is None:
            times.append(None)
        else:
            pair = (
                _number(begin, f"the start of word {index}{where}"),
                _number(end, f"the end of word {index}{where}"),
            )
            check_times(f"word {index}{where}", *pair)
            times.append(pair)
        who = _first(item, "speaker", "speaker_id")
        others.append((_confidence(_first(item, "probability", "score", "confidence")), who))
    laid = _fill(times, start_s, end_s)
    return [
        Word(text, *pair, sure, str(who) if who is not None else speaker)
        for text, pair, (sure, who) in zip(texts, laid, others, strict=True)
        if text
    ]


def _fill(
    times: Sequence[tuple[float, float] | None], start_s: float | None, end_s: float | None
) -> list[tuple[float, float]]:
    """Times for the words that have none, equal shares of the gap they stand in."""
    result: list[tuple[float, float]] = []
    index = 0
    while index < len(times):
        known = times[index]
        if known is not None:
            result.append(known)
            index += 1
            continue
        stop = index
        while stop < len(times) and times[stop] is None:
            stop += 1
        following = times[stop] if stop < len(times) else None
        left = result[-1][1] if result else (start_s if start_s is not None else 0.0)
        right = following[0] if following else (end_s if end_s is not None else left)
        right = max(left, right)
        step = (right - left) / (stop - index)
        result.extend((left + step * n, left + step * (n + 1)) for n in range(stop - index))
        index = stop
    return result


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise TranscriptError(f"{what} is {value!r}; wanted seconds from the start of the recording")
    return float(value)


def _confidence(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return min(1.0, max(0.0, float(value)))


def _first(data: Mapping[str, Any], *keys: str) -> Any:
    return next((data[key] for key in keys if data.get(key) is not None), None)


def _language(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    name = value.strip().lower()
    return _LANGUAGES.get(name, name.split("-")[0] if len(name.split("-")[0]) in (2, 3) else None)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
