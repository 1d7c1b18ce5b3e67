"""A voice from names, as the command line and tables give them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hearfelt.datasets.synth.base import Voice
from hearfelt.errors import OptionError, unknown_name

ENGINES = ("world", "espeak", "server")


@dataclass(frozen=True, slots=True)
class SynthOptions:
    """Which voice speaks.

    Args:
        engine: ``world`` (espeak-ng or a recording, changed by WORLD), ``espeak`` (espeak-ng alone) or
            ``server`` (OpenAI's ``/v1/audio/speech``).
        voice: the language for espeak-ng, as ``de``; the server's name of a voice.
        speaker: one of `speakers.SPEAKERS`, f1 where empty; a name for the manifest where a recording speaks.
        rules: CSV file of rules instead of those of the literature.
        speech: neutral recording to change, instead of espeak-ng.
        prosody_from: recording whose prosody is put on the neutral speech, instead of rules.
        prosody_reference: neutral recording of the speaker of ``prosody_from``.
        align: ``syllables`` or ``cepstrum``, see `align.pairs`.
        gender, language: of a recording or a server's voice, for the manifest.
        url, model, key_env, timeout_s, retries: of the server, see `server`.
    """

    engine: str = "world"
    voice: str = "en"
    speaker: str = ""
    rules: Path | None = None
    speech: Path | None = None
    prosody_from: Path | None = None
    prosody_reference: Path | None = None
    align: str = "syllables"
    gender: str | None = None
    language: str | None = None
    url: str | None = None
    model: str = ""
    key_env: str = "OPENAI_API_KEY"
    timeout_s: float = 60.0
    retries: int = 2

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise unknown_name("engine", self.engine, ENGINES)
        if self.prosody_reference and not self.prosody_from:
            raise OptionError(
                "a prosody reference needs a recording whose prosody it is: give --prosody-from"
            )
        if self.engine != "world" and (self.speech or self.prosody_from):
            raise OptionError(
                f"the engine {self.engine} changes no recording and transfers no prosody: use world"
            )
        if self.engine == "server" and not self.url:
            raise OptionError(
                "the engine server needs an address: give --url, such as http://localhost:8000/v1"
            )
        if self.url and self.engine != "server":
            raise OptionError(f"--url is for the engine server, not for {self.engine}: give --engine server")


def voice(options: SynthOptions) -> Voice:
    """The voice that the options name.

    Raises:
        OptionError: a name that is not known, or a file of rules that cannot be used.
        AudioError: a recording that cannot be used.
        MissingExtraError: its library is not installed.
    """
    if options.engine == "server":
        from hearfelt.datasets.synth.server import ServerOptions, ServerVoice

        limits = ServerOptions(timeout_s=options.timeout_s, retries=options.retries)
        return ServerVoice(
            options.url or "",
            options.model,
            options.voice,
            key_env=options.key_env,
            language=options.language,
            options=limits,
        )
    from hearfelt.datasets.synth import espeak, rules
    from hearfelt.datasets.synth.ruled import Neutral, Recorded, RuledVoice

    if options.engine == "espeak":
        table = rules.load(options.rules or rules.LITERATURE)
        return espeak.EspeakVoice(espeak.Spoken(options.voice, options.speaker or "f1"), table)
    neutral: Neutral
    if options.speech:
        neutral = Recorded(options.speech, options.speaker, options.gender, options.language)
    else:
        neutral = espeak.Spoken(options.voice, options.speaker or "f1")
    if options.prosody_from:
        from hearfelt.datasets.synth.transfer import TransferVoice

        return TransferVoice(neutral, options.prosody_from, options.prosody_reference, options.align)
    return RuledVoice(neutral, rules.load(options.rules or rules.LITERATURE))
