"""A recording in, a report out."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import hearfelt
from hearfelt import audio
from hearfelt.audio.vad import VoiceActivity
from hearfelt.errors import AudioError, ChatError, HearfeltError, OptionError
from hearfelt.pipeline import summary
from hearfelt.pipeline.build import Parts, build
from hearfelt.pipeline.options import RecognizerOptions
from hearfelt.pipeline.session import Session
from hearfelt.pipeline.speakers import names_and_roles, place_speakers, same_sound
from hearfelt.transcribers import given
from hearfelt.types import Component, Estimate, Report, Segment, Transcript

Source = str | Path | bytes | BinaryIO
Speakers = Sequence[str] | Mapping[str, str]
"""The speaker of each channel, as ``name`` or ``name=role``; or speaker to role."""


class Analysis:
    """One recording being heard: iterate to get the estimates as they come, then take the report.

    The report can be taken at any time; it holds what was found so far, so that a recording that breaks off
    or is interrupted loses nothing.
    """

    def __init__(
        self,
        parts: Parts,
        source: Source,
        transcript: Transcript | str | Path | None = None,
        speakers: Speakers | None = None,
    ) -> None:
        self.parts = parts
        self.name = str(source) if isinstance(source, str | Path) else "recording"
        with ExitStack() as opened:  # whatever fails below, the recording is closed
            sound = audio.open(source, sample_rate_hz=parts.sample_rate_hz)
            self._recording = opened.enter_context(sound)
            self._channels = self._recording.info.channels
            self._warnings: list[str] = []
            named = speakers and not isinstance(speakers, Mapping)
            if self._channels == 2 and not named and not hasattr(source, "read") and same_sound(source):
                opened.close()  # a mono recording in a stereo container is one voice, not two
                sound = audio.open(source, sample_rate_hz=parts.sample_rate_hz, channels=[0])
                self._recording = opened.enter_context(sound)
                self._channels = 1
                self.warn("both channels hold the same sound; it was heard as one channel")
            self._prepare(source, transcript, speakers)
            self._open = opened.pop_all()

    def _prepare(
        self,
        source: Source,
        transcript: Transcript | str | Path | None,
        speakers: Speakers | None,
    ) -> None:
        self.info = self._recording.info
        self.heard_s = 0.0
        self.estimates: list[Estimate] = []
        self._given = transcript is not None
        self._transcript = _load_transcript(transcript, self.info.duration_s)
        if self._transcript and not hasattr(source, "read"):  # a stream can be heard only once
            segments = _speech(source, self.parts) if self._transcript.transcriber == "given/text" else []
            self._transcript = given.over_speech(self._transcript, segments)
        names = self._speakers(source, speakers)
        self._session = Session(self.parts, names, self._transcript, self._roles)

    def __enter__(self) -> Analysis:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def __iter__(self) -> Iterator[Estimate]:
        """The estimates, in the order in which the utterances ended."""
        for block in self._recording.blocks():
            events = self._session.push(block)
            self.heard_s = block[0].end_s
            for event in events:
                self.estimates.append(event.estimate)
                yield event.estimate
        for event in self._session.close():
            self.estimates.append(event.estimate)
            yield event.estimate

    def give_up(self) -> Iterator[Estimate]:
        """The utterances that still wait for a language model, as they stand: for whoever was interrupted."""
        for event in self._session.give_up():
            self.estimates.append(event.estimate)
            yield event.estimate

    def warn(self, sentence: str) -> None:
        """Adds a warning to the report."""
        self._warnings.append(sentence)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader of the report must know."""
        found = [
            *self.parts.notices,
            *self._warnings,
            *self._recording.warnings,
            *self._session.conversation.warnings,
        ]
        asking = self._session.conversation.asking
        found += asking.notices if asking else []
        lost = self._session.lost_words
        if lost:
            one = lost == 1
            lie = "1 word of the transcript lies" if one else f"{lost} words of the transcript lie"
            found.append(f"{lie} where no speech was found and {'was' if one else 'were'} left out")
        if not self.estimates:
            found.append("no speech was found in the recording")
        return tuple(dict.fromkeys(found))

    def failure(self) -> HearfeltError | None:
        """What of this analysis did not work although it ran to its end; None where all is well.

        The report holds all that was found; the error is for whoever must know that it is not the whole.
        """
        if self._recording.broken:
            return AudioError(f"{self.name}: {self._recording.broken}; the report covers what could be read")
        if not self.estimates:
            peak = max((max(w.peaks, default=0.0) for w in self._session.waveforms), default=0.0)
            return AudioError(
                f"{self.name}: no speech was found in {self.heard_s:.1f} s (the loudest sample is {peak:.3f} "
                "of full scale); give a recording of somebody speaking, loud enough to hear"
            )
        asking = self._session.conversation.asking
        if asking is not None and asking.in_vain:
            return ChatError(f"{asking.last_failure}; the report stands without the language model")
        return None

    @property
    def components(self) -> tuple[Component, ...]:
        """What has a say in this analysis."""
        given_name = self._transcript.transcriber if self._given and self._transcript else None
        return self.parts.components(given_name)

    def report(self) -> Report:
        """What was found so far, as a whole."""
        estimates = tuple(sorted(self.estimates, key=lambda e: (e.segment.start_s, e.segment.channel)))
        duration_s = max(self.heard_s, 0.0)
        silence_s, overlap_s = summary.silence_and_overlap([e.segment for e in estimates], duration_s)
        words = tuple(sorted(self._session.words, key=lambda w: w.start_s))
        transcript = self._transcript or Transcript(
            words, self._session.conversation.language, self.components_transcriber()
        )
        return Report(
            file=self.name,
            duration_s=duration_s,
            estimates=estimates,
            transcript=transcript,
            speakers=summary.speakers(estimates),
            silence_s=silence_s,
            overlap_s=overlap_s,
            components=self.components,
            warnings=self.warnings,
            waveforms=self._session.waveforms,
            created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            version=hearfelt.__version__,
            options=self.parts.options.public(),
            asked=self._session.asked,
        )

    def components_transcriber(self) -> str:
        """Name of whoever heard the words."""
        return next((c.name for c in self.components if c.kind == "transcriber"), "none")

    def _speakers(self, source: Source, speakers: Speakers | None) -> list[str | None]:
        channels = self._channels
        given_names, self._roles = names_and_roles({} if speakers is None else speakers, channels)
        if speakers is not None and given_names is not None:
            names: list[str | None] = [name or None for name in given_names]
            if len(names) != channels:
                raise OptionError(
                    f"{len(names)} speakers ({', '.join(speakers)}) were named for a recording of {channels} "
                    f"channel{'s' * (channels != 1)}; name one speaker a channel"
                )
            self._rename(source, names)
            return names
        if channels == 1:
            return [None]
        placed: Sequence[str | None] = [None] * channels
        if self._transcript and isinstance(source, str | Path):
            placed = place_speakers(source, self._transcript, channels)
        return [name or f"channel {i + 1}" for i, name in enumerate(placed)]

    def _rename(self, source: Source, names: Sequence[str | None]) -> None:
        """Gives the words the user's names where the transcript has as many, but others (S1, S2)."""
        if not self._transcript or not isinstance(source, str | Path):
            return
        theirs = {word.speaker.lower() for word in self._transcript.words if word.speaker}
        if theirs & {name.lower() for name in names if name}:
            return
        placed = place_speakers(source, self._transcript, len(names))
        ours = {old: new for old, new in zip(placed, names, strict=True) if old and new}
        words = tuple(
            replace(word, speaker=ours.get(word.speaker or "", word.speaker))
            for word in self._transcript.words
        )
        self._transcript = replace(self._transcript, words=words)


class Recognizer:
    """Models loaded once and used many times.

    Args:
        options: what to load; keyword arguments set single fields instead.

    >>> recognizer = Recognizer(words="none")
    >>> report = recognizer.analyze("examples/call/call.flac")
    >>> report.duration_s > 30
    True

    Raises:
        HearfeltError: an option, a model or a licence does not fit; the message says what does.
    """

    def __init__(self, options: RecognizerOptions | None = None, **fields: Any) -> None:
        if options is not None and fields:
            raise OptionError("give either options or single fields, not both")
        self.parts = build(options or _options(fields))

    @property
    def options(self) -> RecognizerOptions:
        """What the recognizer was made of."""
        return self.parts.options

    def open(
        self,
        source: Source,
        *,
        transcript: Transcript | str | Path | None = None,
        speakers: Speakers | None = None,
    ) -> Analysis:
        """A recording to be heard step by step: iterate over it, then take its ``report()``."""
        return Analysis(self.parts, source, transcript, speakers)

    def analyze(
        self,
        source: Source,
        *,
        transcript: Transcript | str | Path | None = None,
        speakers: Speakers | None = None,
        on_estimate: Callable[[Estimate], object] | None = None,
    ) -> Report:
        """The report on a recording.

        Args:
            source: path, bytes or binary file of any format that soundfile or PyAV reads, or a video.
            transcript: the words, where they are known: a file (SRT, VTT, TextGrid, JSON, text) or a value.
            speakers: the speaker of each channel, ``name`` or ``name=role``; or a mapping of speaker to role.
            on_estimate: called with each estimate as it comes.

        Raises:
            AudioError, TranscriptError, OptionError: what was given cannot be used.
        """
        with self.open(source, transcript=transcript, speakers=speakers) as analysis:
            for estimate in analysis:
                if on_estimate:
                    on_estimate(estimate)
            return analysis.report()

    def session(self, speakers: Sequence[str | None] = (None,)) -> Session:
        """A live conversation: push sound, get events."""
        return Session(self.parts, speakers)


def analyze(
    source: Source,
    *,
    transcript: Transcript | str | Path | None = None,
    speakers: Speakers | None = None,
    **options: Any,
) -> Report:
    """The report on one recording; to hear many, make a `Recognizer` once.

    Args:
        source: path, bytes or binary file.
        transcript: the words, where they are known.
        speakers: the speaker of each channel, ``name`` or ``name=role``; or a mapping of speaker to role.
        options: fields of `RecognizerOptions`.
    """
    return Recognizer(**options).analyze(source, transcript=transcript, speakers=speakers)


def _options(fields: dict[str, Any]) -> RecognizerOptions:
    known = RecognizerOptions.__dataclass_fields__
    unknown = [name for name in fields if name not in known]
    if unknown:
        raise OptionError(f"unknown option {', '.join(unknown)}; known: {', '.join(known)}")
    return RecognizerOptions(**fields)


def _speech(source: Source, parts: Parts) -> list[Segment]:
    """Where somebody speaks in a recording, over all channels: heard beforehand, for words without times."""
    finders: list[VoiceActivity] = []
    found: list[Segment] = []
    for block in audio.blocks(source, sample_rate_hz=parts.sample_rate_hz):
        finders = finders or [VoiceActivity(parts.options.vad) for _ in block]
        for finder, sound in zip(finders, block, strict=True):
            found += finder.push(sound)
    found += [segment for finder in finders for segment in finder.close()]
    return sorted(found, key=lambda segment: (segment.start_s, segment.channel))


def _load_transcript(
    transcript: Transcript | str | Path | None, duration_s: float | None
) -> Transcript | None:
    if transcript is None or isinstance(transcript, Transcript):
        return transcript
    return given.load(transcript, duration_s=duration_s)
