"""A neural voice behind OpenAI's ``POST …/v1/audio/speech`` with ``instructions``: theirs or one at home.

Text and instructions leave this machine only where the user names a remote address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hearfelt import audio
from hearfelt.datasets.synth import level
from hearfelt.datasets.synth.base import checked_intensity, checked_text
from hearfelt.errors import AudioError, OptionError, SpeechError, unknown_name
from hearfelt.types import Audio
from hearfelt.web.address import endpoint
from hearfelt.web.answer import message_of, refusal
from hearfelt.web.key import Key
from hearfelt.web.transport import BUSY, Answer, BrokenOff, Terms, Transport, whole

OWN_KEY = "HEARFELT_TTS_KEY"
"""Environment variable whose key goes to whatever server is named; looked at first."""
RATE_HZ = 16000
_TERMS = Terms(SpeechError, "sound", "--url", "allow more time with --timeout-s, or take a faster model")

MANNERS: Mapping[str, str] = {
    "neutral": "in a plain, neutral voice",
    "anger": "angrily: loud, tense and sharp, with a raised and lively pitch and hard stresses",
    "happiness": "happily: bright and lively, with a high, swinging pitch and a smile in the voice",
    "fear": "fearfully: fast, high and unsteady, with a thin, breathy, trembling voice",
    "sadness": "sadly: slow and soft, low and falling, with a weak, breathy voice",
    "disgust": "with disgust: slow and low, with a rough voice and falling endings",
    "surprise": "with surprise: a wide and steeply rising pitch, quick and fairly loud",
    "boredom": "in a bored way: slow, flat and soft, without interest",
    "calm": "calmly: soft, even and unhurried, with a relaxed voice",
    "contempt": "with contempt: low, cold and slow, looking down on the listener",
}
"""How the instructions put each emotion; the cues are those of the rules (`rules`)."""
_STRENGTHS = ((0.2, "barely"), (0.45, "slightly"), (0.75, "clearly"), (1.01, "very strongly"))


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Options of `ServerVoice`.

    Args:
        timeout_s: how long one answer may take.
        retries: how often a busy (429) or failing (5xx) server is asked again.
        backoff_s: wait before the first retry, doubled each time; ``Retry-After`` goes first.
        max_wait_s: a server that wants a longer wait is an error at once.
        max_reply_bytes: a longer answer is refused.
    """

    timeout_s: float = 60.0
    retries: int = 2
    backoff_s: float = 0.5
    max_wait_s: float = 30.0
    max_reply_bytes: int = 50_000_000


class ServerVoice:
    """A voice of a speech server.

    The key comes from the environment: `OWN_KEY`, else ``key_env``, which is only sent over https or to this
    machine. No key is ever part of a message or of the provenance.

    Args:
        url: the server: ``http://localhost:8000``, ``…/v1`` or the full ``…/audio/speech``.
        model, voice: names that the server knows.
        key_env: environment variable that holds the key.
        language: for the manifest; the text decides what is heard.

    Raises:
        OptionError: no address, or no name of a model or voice.
    """

    gender: str | None = None
    emotions: tuple[str, ...] | None = tuple(MANNERS)

    def __init__(
        self,
        url: str,
        model: str,
        voice: str,
        *,
        key_env: str = "OPENAI_API_KEY",
        language: str | None = None,
        options: ServerOptions = ServerOptions(),
    ) -> None:
        if not model.strip() or not voice.strip():
            raise OptionError("the speech server needs the name of a model and of a voice that it knows")
        call = endpoint(url, "/audio/speech", "a speech server")
        self._transport = Transport(call, options.timeout_s, options.max_reply_bytes, _TERMS)
        self.url = self._transport.url
        self.model, self.voice, self.language, self.options = model, voice, language, options
        self.speaker = f"{model}-{voice}"
        self._key = Key(OWN_KEY, key_env)

    def speak(self, text: str, emotion: str, intensity: float = 1.0, seed: int = 0) -> Audio:
        """See `base.Voice`; the seed is the server's business and is not sent.

        Raises:
            SpeechError: unreachable, too slow, wrong key, unknown model, busy for too long, or no sound.
        """
        body = {
            "model": self.model,
            "voice": self.voice,
            "input": checked_text(text),
            "instructions": instructions(emotion, intensity),
            "response_format": "wav",
        }
        attempt = 0
        while True:
            try:
                got = self._transport.request(body, self._authorization(), whole)
            except BrokenOff as error:
                if attempt >= self.options.retries:
                    raise SpeechError(str(error)) from None
                got = Answer(0)  # as good as busy
            if got.status == 200:
                return self._sound(got.body)
            if got.status and (got.status not in BUSY or attempt >= self.options.retries):
                raise self._refusal(got.status, got.body)
            backoff_s = self.options.backoff_s * 2**attempt
            self._transport.wait(got.status, got.retry_after, backoff_s, self.options.max_wait_s)
            attempt += 1

    def provenance(self, emotion: str, intensity: float = 1.0, seed: int = 0) -> Mapping[str, Any]:
        """See `base.Voice`."""
        return {
            "engine": "server",
            "engine_version": self.model,
            "voice": self.voice,
            "rules": "instructions/1",
            "parameters": {"url": self.url, "instructions": instructions(emotion, intensity)},
        }

    def _authorization(self) -> dict[str, str]:
        try:
            key = self._key.value(safe=self._transport.safe)
        except OptionError as error:
            raise SpeechError(str(error)) from None
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _refusal(self, status: int, answer: bytes) -> SpeechError:
        said = self._key.quote(message_of(answer))
        common = refusal(self.url, status, said, self._key.places, self.options.retries + 1)
        if common:
            return SpeechError(common)
        if status == 404:
            return SpeechError(
                f"{self.url} knows no model {self.model!r}, or makes no speech at that address (404){said}: "
                "check --model and --url"
            )
        return SpeechError(
            f"{self.url} refuses the text ({status}){said}: check --model, --voice and the text"
        )

    def _sound(self, answer: bytes) -> Audio:
        try:
            sound = audio.read(_with_sizes(answer), sample_rate_hz=RATE_HZ)[0]
        except AudioError:
            raise SpeechError(
                f"{self.url} answered, but with no sound{self._key.quote(message_of(answer[:300]))}: "
                "is it '/v1/audio/speech'?"
            ) from None
        samples = sound.samples.astype(np.float64)
        try:
            samples = level.trimmed(samples, RATE_HZ)
        except AudioError:
            raise SpeechError(f"{self.url} answered with silence: give another text or voice") from None
        return level.finished(samples, RATE_HZ, level.speech_dbfs(samples))


def instructions(emotion: str, intensity: float = 1.0) -> str:
    """What the server is told about the manner.

    Raises:
        OptionError: an emotion that has no words here, or an intensity outside 0 to 1.
    """
    if emotion not in MANNERS:
        raise unknown_name("emotion", emotion, MANNERS)
    share = checked_intensity(intensity)
    if emotion == "neutral" or share == 0:
        return f"Speak {MANNERS['neutral']}. Say the words exactly as they are."
    strength = next(word for limit, word in _STRENGTHS if share < limit)
    return (
        f"Speak {MANNERS[emotion]}. The emotion is {strength} audible. Say the words exactly as they are, "
        "without laughter, sobs or any other sound before or after them."
    )


def _with_sizes(answer: bytes) -> bytes:
    """A WAV that was streamed says it is endless (sizes of 0 or all ones); give it the sizes it has."""
    if answer[:4] != b"RIFF" or answer[8:12] != b"WAVE":
        return answer
    fixed = bytearray(answer)
    place = 12
    while place + 8 <= len(fixed):
        size = int.from_bytes(fixed[place + 4 : place + 8], "little")
        if fixed[place : place + 4] == b"data":
            rest = len(fixed) - place - 8
            if size == 0 or size > rest:
                fixed[place + 4 : place + 8] = rest.to_bytes(4, "little")
                fixed[4:8] = (len(fixed) - 8).to_bytes(4, "little")
            break
        place += 8 + size + size % 2
    return bytes(fixed)
