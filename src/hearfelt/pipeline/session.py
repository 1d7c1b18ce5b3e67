"""Hearing as it comes: sound goes in block by block, estimates come out, memory stays bounded.

A file and a live stream go through the same session, and however the sound is cut the estimates are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hearfelt.audio.denoise import Denoiser
from hearfelt.audio.vad import VoiceActivity
from hearfelt.errors import AudioError
from hearfelt.pipeline.buffer import Envelope, Tail
from hearfelt.pipeline.build import Parts
from hearfelt.pipeline.utterance import Conversation, understand
from hearfelt.pipeline.words import GivenWords, turns
from hearfelt.transcribers import given
from hearfelt.types import Audio, Estimate, Event, FloatArray, Segment, Transcript, Waveform, Word

STEP_S = 0.5
"""Speech is looked for in steps of this length, counted from the start, so that blocks do not matter."""


class _Channel:
    """What is remembered of one channel."""

    def __init__(self, channel: int, speaker: str | None, parts: Parts) -> None:
        rate = parts.sample_rate_hz
        self.channel = channel
        self.speaker = speaker
        self.vad = VoiceActivity(parts.options.vad)
        self.denoiser = Denoiser() if parts.options.denoise else None
        self.tail = Tail(rate, channel, keep_s=parts.options.vad.max_utterance_s + 5.0)
        self.envelope = Envelope(rate, channel)
        self.waiting: list[FloatArray] = []

    def take(self, samples: FloatArray) -> None:
        self.waiting.append(self.denoiser.push(samples) if self.denoiser else samples)

    def ready(self) -> int:
        return sum(len(part) for part in self.waiting)

    def step(self, n_samples: int) -> list[Segment]:
        """Moves on by a number of samples; the utterances that ended meanwhile."""
        joined = np.concatenate(self.waiting) if self.waiting else np.zeros(0, np.float32)
        now, self.waiting = joined[:n_samples], [joined[n_samples:]]
        start_s = self.tail.end_s
        self.tail.push(now)
        self.envelope.push(now)
        return self.vad.push(Audio(now, self.tail.sample_rate_hz, self.channel, start_s))


class Session:
    """One conversation heard as it comes.

    Args:
        parts: the models, from `pipeline.build.build`.
        speakers: speaker of each channel; its length is the number of channels.
        transcript: the words, where they are known beforehand.
    """

    def __init__(
        self, parts: Parts, speakers: Sequence[str | None], transcript: Transcript | None = None
    ) -> None:
        self.parts = parts
        self.conversation = Conversation(language=parts.options.speech_language)
        self._channels = [_Channel(i, name, parts) for i, name in enumerate(speakers)]
        self._given = GivenWords(transcript, speakers) if transcript else None
        if transcript:
            self.conversation.language = transcript.language or self.conversation.language
            if self.conversation.language is None and parts.words:
                self.conversation.language = parts.words.dialogue_language([transcript.text])
            self.conversation.word_reliability = given.reliability(transcript)
        self._step = round(STEP_S * parts.sample_rate_hz)
        self._sequence = 0
        self._heard: list[Word] = []
        self._closed = False

    def push(self, block: Sequence[Audio]) -> list[Event]:
        """Takes the next sound of every channel, in order, at the models' sample rate.

        Returns:
            The utterances that ended meanwhile.

        Raises:
            AudioError: another number of channels or another rate than the session was opened with.
        """
        if len(block) != len(self._channels):
            raise AudioError(
                f"a block of {len(block)} channels came to a session of {len(self._channels)}; "
                "open a session for each recording"
            )
        for channel, audio in zip(self._channels, block, strict=True):
            if audio.sample_rate_hz != self.parts.sample_rate_hz:
                raise AudioError(
                    f"a block at {audio.sample_rate_hz} Hz came to a session at "
                    f"{self.parts.sample_rate_hz} Hz; resample it first"
                )
            channel.take(audio.samples)
        return self._advance(last=False)

    def close(self) -> list[Event]:
        """The utterances still open at the end; afterwards the session takes no more sound."""
        if self._closed:
            return []
        self._closed = True
        for channel in self._channels:
            if channel.denoiser:
                channel.waiting.append(channel.denoiser.close())
        return self._advance(last=True)

    @property
    def words(self) -> tuple[Word, ...]:
        """The words heard so far."""
        return tuple(self._heard)

    @property
    def lost_words(self) -> int:
        """How many words of the given transcript no utterance took."""
        return len(self._given.lost) if self._given else 0

    @property
    def waveforms(self) -> tuple[Waveform, ...]:
        """The outline of each channel."""
        return tuple(channel.envelope.close(channel.speaker) for channel in self._channels)

    def _advance(self, last: bool) -> list[Event]:
        events: list[Event] = []
        while min(channel.ready() for channel in self._channels) >= self._step:
            found = [segment for channel in self._channels for segment in channel.step(self._step)]
            events += self._understand(found)
        if last:
            found = [s for channel in self._channels for s in channel.step(channel.ready())]
            found += [s for channel in self._channels for s in channel.vad.close()]
            events += self._understand(found)
        return events

    def _understand(self, found: list[Segment]) -> list[Event]:
        events = []
        for segment in sorted(found, key=lambda s: (s.end_s, s.channel)):
            for estimate in self._estimates(segment):
                events.append(Event(estimate, self._sequence))
                self._sequence += 1
        return events

    def _estimates(self, segment: Segment) -> list[Estimate]:
        channel = self._channels[segment.channel]
        if self._given:
            words: Sequence[Word] = self._given.take(segment)
        else:
            words = list(self.parts.transcriber.transcribe(channel.tail.cut(segment.start_s, segment.end_s)))
            self.conversation.language = self.conversation.language or self.parts.transcriber.language
            self.conversation.word_reliability = self.parts.transcriber.reliability
        self._heard.extend(words)
        return [
            understand(channel.tail.cut(turn.start_s, turn.end_s), turn, said, self.parts, self.conversation)
            for turn, said in turns(segment, words, channel.speaker)
        ]
