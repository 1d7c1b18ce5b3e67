"""Hearing as it comes: sound goes in block by block, estimates come out, memory stays bounded.

A file and a live stream go through the same session, and however the sound is cut the estimates are the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from hearfelt.audio.denoise import Denoiser
from hearfelt.audio.vad import VoiceActivity
from hearfelt.errors import AudioError
from hearfelt.pipeline.asking import Asking
from hearfelt.pipeline.buffer import Envelope, Tail
from hearfelt.pipeline.build import Parts
from hearfelt.pipeline.utterance import Conversation, Heard, asking, hear
from hearfelt.pipeline.words import AHEAD_S, GivenWords, turns
from hearfelt.transcribers import given
from hearfelt.types import Asked, Audio, Event, FloatArray, Segment, Transcript, Waveform, Word

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
        self._new: list[FloatArray] = []
        self._held = np.zeros(0, np.float32)
        self._at = 0  # what of the held sound was already heard
        self.ready = 0
        """Samples that wait to be heard."""

    def take(self, samples: FloatArray) -> None:
        self._add(self.denoiser.push(samples) if self.denoiser else samples)

    def finish(self) -> None:
        """No more sound will come."""
        if self.denoiser:
            self._add(self.denoiser.close())

    def _add(self, samples: FloatArray) -> None:
        self._new.append(samples)
        self.ready += len(samples)

    def step(self, n_samples: int) -> list[Segment]:
        """Moves on by a number of samples; the utterances that ended meanwhile."""
        if self._new:  # joined once a push, however many steps it holds
            self._held, self._at = np.concatenate([self._held[self._at :], *self._new]), 0
            self._new = []
        now = self._held[self._at : self._at + n_samples]
        self._at += len(now)
        self.ready -= len(now)
        if self._at == len(self._held):
            self._held, self._at = np.zeros(0, np.float32), 0
        start_s = self.tail.end_s
        self.tail.push(now)
        self.envelope.push(now)
        return self.vad.push(Audio(now, self.tail.sample_rate_hz, self.channel, start_s))

    def silent_after_s(self, segment: Segment, found: Sequence[Segment]) -> float:
        """How long nobody speaks after an utterance, as far as known now; 0 where it was cut in mid-speech.

        Args:
            segment: an utterance of this channel.
            found: what was found together with it.
        """
        later = [s.start_s for s in found if s.channel == self.channel and s.start_s >= segment.end_s]
        if self.vad.open:
            later.append(self.vad.open.start_s)
        return max(0.0, min(later, default=np.inf) - segment.end_s)


class Session:
    """One conversation heard as it comes.

    Args:
        parts: the models, from `pipeline.build.build`.
        speakers: speaker of each channel; its length is the number of channels.
        transcript: the words, where they are known beforehand.
        roles: speaker to role, such as ``{"ana": "agent"}``, for the language model.
    """

    def __init__(
        self,
        parts: Parts,
        speakers: Sequence[str | None],
        transcript: Transcript | None = None,
        roles: Mapping[str, str] | None = None,
    ) -> None:
        self.parts = parts
        self.conversation = Conversation(language=parts.options.speech_language, roles=dict(roles or {}))
        self._channels = [_Channel(i, name, parts) for i, name in enumerate(speakers)]
        self._given = GivenWords(transcript, speakers) if transcript else None
        if transcript:
            self.conversation.language = transcript.language or self.conversation.language
            if self.conversation.language is None and parts.words:
                self.conversation.language = parts.words.dialogue_language([transcript.text])
            self.conversation.word_reliability = given.reliability(transcript)
        self.conversation.asking = self._asking(speakers, transcript)
        self._waiting: deque[Heard] = deque()
        self._step = round(STEP_S * parts.sample_rate_hz)
        self._sequence = 0
        self._heard: list[Word] = []
        self._closed = False

    def push(self, block: Sequence[Audio]) -> list[Event]:
        """Takes the next sound of every channel, in order, at the models' sample rate.

        Returns:
            The utterances that ended meanwhile, in order. Those that wait for a language model come with a
            later block, or with `close`: the sound does not wait.

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
        return self._advance()

    def close(self) -> list[Event]:
        """The utterances still open at the end; afterwards the session takes no more sound.

        Waits for the language model; interrupted, it goes on where it was.
        """
        if not self._closed:
            self._closed = True
            for channel in self._channels:
                channel.finish()
            self._hear_on(last=True)
        events = self._concluded(wait=True)
        if self.conversation.asking:
            self.conversation.asking.close()
        return events

    def give_up(self) -> list[Event]:
        """The utterances that still wait for a language model, with what it has said; waits no more."""
        events = self._concluded(now=True)
        if self.conversation.asking:
            self.conversation.asking.close()
        return events

    @property
    def asked(self) -> Asked | None:
        """What was put to a language model so far; None where there is none."""
        return self.conversation.asking.account() if self.conversation.asking else None

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

    def _advance(self) -> list[Event]:
        self._hear_on(last=False)
        return self._concluded()

    def _hear_on(self, last: bool) -> None:
        while min(channel.ready for channel in self._channels) >= self._step:
            found = [segment for channel in self._channels for segment in channel.step(self._step)]
            self._understand(found)
        if last:
            found = []
            for channel in self._channels:
                while channel.ready:
                    found += channel.step(min(channel.ready, self._step))
            found += [s for channel in self._channels for s in channel.vad.close()]
            self._understand(found)

    def _understand(self, found: list[Segment]) -> None:
        for segment in sorted(found, key=lambda s: (s.end_s, s.channel)):
            ahead_s = min(AHEAD_S, self._channels[segment.channel].silent_after_s(segment, found))
            self._waiting.extend(self._hear(segment, ahead_s))

    def _concluded(self, *, wait: bool = False, now: bool = False) -> list[Event]:
        """The verdicts that are ready, in order, up to the first that is not; with ``wait`` all of them."""
        events = []
        while self._waiting and (wait or now or self._waiting[0].ready):
            estimate = self._waiting[0].conclude(self.parts, self.conversation, now=now)
            self._waiting.popleft()  # after the wait, so that an interrupt loses nothing
            events.append(Event(estimate, self._sequence))
            self._sequence += 1
        return events

    def _asking(self, speakers: Sequence[str | None], transcript: Transcript | None) -> Asking | None:
        asker = asking(self.parts, [name for name in speakers if name])
        if asker is not None and transcript is not None:
            for name in dict.fromkeys(word.speaker for word in transcript.words if word.speaker):
                asker.learn_speaker(name)
            asker.learn(transcript.text)
        return asker

    def _hear(self, segment: Segment, ahead_s: float) -> list[Heard]:
        channel = self._channels[segment.channel]
        if self._given:
            words: Sequence[Word] = self._given.take(segment, ahead_s)
        else:
            words = list(self.parts.transcriber.transcribe(channel.tail.cut(segment.start_s, segment.end_s)))
            self.conversation.language = self.conversation.language or self.parts.transcriber.language
            self.conversation.word_reliability = self.parts.transcriber.reliability
        self._heard.extend(words)
        return [
            hear(channel.tail.cut(turn.start_s, turn.end_s), turn, said, self.parts, self.conversation)
            for turn, said in turns(segment, words, channel.speaker)
        ]
