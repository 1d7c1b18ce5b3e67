"""A transcript one already has: SRT, WebVTT, TextGrid, JSON or plain text."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hearfelt.errors import TranscriptError, unknown_name
from hearfelt.transcribers import jsons, subtitles
from hearfelt.transcribers.spread import over_segments, spread
from hearfelt.transcribers.textgrid import textgrid
from hearfelt.types import Audio, Segment, Transcript, Word

FORMATS = ("srt", "vtt", "textgrid", "json", "text")
"""What `load` reads."""

EXTENSIONS: Mapping[str, str] = {
    ".srt": "srt",
    ".vtt": "vtt",
    ".webvtt": "vtt",
    ".textgrid": "textgrid",
    ".json": "json",
    ".txt": "text",
    ".text": "text",
}
"""The end of a file's name to its format; any other file is looked into."""

RELIABILITY: Mapping[str, float] = {"srt": 1.0, "vtt": 1.0, "textgrid": 1.0, "json": 1.0, "text": 0.5}
"""Trust in a given transcript by format: plain text has no times, so a word may sit elsewhere."""

LATE_S = 1.0
"""A word that starts this much after the end of the recording belongs to another one."""


def load(source: str | Path, format: str | None = None, *, duration_s: float | None = None) -> Transcript:
    """The transcript in a file or in a text.

    Args:
        source: a path, or the transcript itself: a `str` with a line break, or one that begins as JSON.
        format: one of `FORMATS`; by the file's extension, else by its content, where None.
        duration_s: length of the recording. Plain text needs it: its words are spread over it. With it, words
            beyond the end are refused.

    Returns:
        A `Transcript` whose ``transcriber`` is ``given/FORMAT``; words sorted by time.

    Raises:
        TranscriptError: the file is missing, empty, not text, of no known format, has no cues, ends a cue
            before it starts, or runs past the recording.
        OptionError: ``format`` is not one of `FORMATS`.
    """
    if format is not None and format not in FORMATS:
        raise unknown_name("transcript format", format, FORMATS)
    if isinstance(source, str) and ("\n" in source or source.lstrip()[:1] in ("{", "[")):
        return _parse(source, format or sniff(source), "the transcript", duration_s)
    path = Path(source)
    text = _read(path)
    name = str(path)
    found = format or EXTENSIONS.get(path.suffix.lower())
    if found is None:
        found = sniff(text)
        if found == "text" and path.suffix:
            raise TranscriptError(
                f"{name} has the unknown extension {path.suffix!r} and does not look like a transcript; "
                f"known: {', '.join(EXTENSIONS)}; or say which of {', '.join(FORMATS)} it is"
            )
    return _parse(text, found, name, duration_s)


def sniff(text: str) -> str:
    """The format of a transcript by what stands in it; ``text`` where nothing tells."""
    head = text.lstrip("\ufeff \t\r\n")[:4000]
    if head.startswith("WEBVTT"):
        return "vtt"
    if head.startswith(('File type = "oo', '"oo', "ooBinaryFile")):
        return "textgrid"
    if head[:1] in ("{", "["):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return "json" if head[:1] == "{" else "text"
        return "json"
    return "srt" if "-->" in head else "text"


def reliability(transcript: Transcript) -> float:
    """How far the words of a given transcript may be trusted to be where it says, in [0, 1]."""
    _, _, name = transcript.transcriber.partition("given/")
    return RELIABILITY.get(name, 1.0)


def over_speech(transcript: Transcript, segments: Sequence[Segment]) -> Transcript:
    """A plain text laid anew over the speech that was found; any other transcript stays as it is."""
    if transcript.transcriber != "given/text":
        return transcript
    return replace(transcript, words=tuple(over_segments(transcript.words, segments)))


@dataclass(frozen=True, slots=True)
class GivenOptions:
    """Options of `Given`: the arguments of `load`."""

    path: str | Path
    format: str | None = None
    duration_s: float | None = None


class Given:
    """A transcriber that reads what somebody else has heard. The file is read at once, so it fails early."""

    Options = GivenOptions
    languages: tuple[str, ...] = ()

    def __init__(self, options: GivenOptions) -> None:
        self.options = options
        self.transcript = load(options.path, options.format, duration_s=options.duration_s)
        self.name = self.transcript.transcriber
        self.language = self.transcript.language
        self.reliability = reliability(self.transcript)

    def transcribe(self, audio: Audio) -> Iterator[Word]:
        """The words whose middle lies in the sound and that name no other channel."""
        for word in self.transcript.words:
            middle = (word.start_s + word.end_s) / 2
            if audio.start_s <= middle < audio.end_s and word.channel in (None, audio.channel):
                yield word


def _parse(text: str, format: str, name: str, duration_s: float | None) -> Transcript:
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise TranscriptError(f"{name} is empty; wanted a transcript in one of {', '.join(FORMATS)}")
    try:
        transcript = _read_format(text, format, duration_s)
    except TranscriptError as error:
        raise TranscriptError(f"{name}: {error}") from None
    if not transcript.words:
        raise TranscriptError(f"{name} holds no words as {format}: give another file or another format")
    words = sorted(transcript.words, key=lambda word: word.start_s)
    return replace(transcript, words=tuple(_within(words, name, duration_s)))


def _read_format(text: str, format: str, duration_s: float | None) -> Transcript:
    if format == "json":
        spoken = jsons.plain_text(text)
        return jsons.parse(text) if spoken is None else _plain(spoken, duration_s)
    if format == "text":
        return _plain(text, duration_s)
    readers: dict[str, Callable[[str], list[Word]]] = {
        "srt": subtitles.srt,
        "vtt": subtitles.vtt,
        "textgrid": textgrid,
    }
    return Transcript(tuple(readers[format](text)), None, f"given/{format}")


def _plain(text: str, duration_s: float | None) -> Transcript:
    if duration_s is None:
        raise TranscriptError("plain text has no times: give duration_s, the length of the recording")
    return Transcript(tuple(spread(text, 0.0, duration_s)), None, "given/text")


def _within(words: Sequence[Word], name: str, duration_s: float | None) -> Iterator[Word]:
    for word in words:
        if duration_s is None or word.end_s <= duration_s:
            yield word
        elif word.start_s > duration_s + LATE_S:
            raise TranscriptError(
                f"{name}: {word.text!r} starts at {word.start_s:.1f} s, but the recording ends at "
                f"{duration_s:.1f} s; is it the transcript of another recording?"
            )
        else:
            yield replace(word, start_s=min(word.start_s, duration_s), end_s=duration_s)


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise TranscriptError(f"no transcript at {path}: check the path") from None
    except OSError as error:
        raise TranscriptError(f"the transcript {path} cannot be read: {error.strerror}") from None
    return decode(data, str(path))


def decode(data: bytes, name: str) -> str:
    """Bytes as text: UTF-8 or UTF-16, with or without a byte order mark.

    Raises:
        TranscriptError: they are in neither; the message names the first wrong byte and the way out.
    """
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif len(data) > 3 and data[:2].count(0) == 1 and data[2:4].count(0) == 1:
        encoding = "utf-16-be" if data[0] == 0 else "utf-16-le"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TranscriptError(
            f"{name} is not {'UTF-8' if encoding == 'utf-8-sig' else 'UTF-16'} "
            f"(byte {error.start} is 0x{data[error.start]:02x}); if it is Latin-1, convert it: "
            f"iconv -f LATIN1 -t UTF-8 {name} > converted"
        ) from None
    if "\0" in text:
        raise TranscriptError(
            f"{name} is not text (byte {text.index(chr(0))} is 0): give a transcript, not a sound"
        )
    return text
