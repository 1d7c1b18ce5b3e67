"""What a recognizer is made of."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from hearfelt.audio.vad import VadOptions
from hearfelt.errors import OptionError, unknown_name
from hearfelt.web.address import public_url

PROFILES = ("research", "commercial")
LANGUAGES = ("en", "zh")
ASK = ("always", "uncertain", "never")
MASK = ("remote", "always", "never")


@dataclass(frozen=True, slots=True)
class RecognizerOptions:
    """Options of a `Recognizer`; the defaults work offline from the bare install.

    Args:
        voice: the voice model: a shipped name, a weights folder, "none", or "auto", which is "base",
            and in the commercial profile "open".
        voice_precision: "float32", or "int8", which runs the quantised file of a weights folder that has one.
        words: the text model: a shipped name, a weights folder, "none", or "auto": every shipped one, each
            for the texts in its language.
        transcriber: who turns speech into words where no transcript is given: "auto" (the best that is on
            the machine, never the network), "whisper", "sphinx" or "none".
        transcriber_model: model name or folder for "whisper"; the others have none to choose from.
        speech_language: ISO 639-1 code of what is spoken; None finds out. "sphinx" knows "en" only.
        llm: name of a language model to ask: one that the server knows, or "transformers:FOLDER" for one that
            runs in this process; None asks none.
        llm_mode: how it is asked: "schema" (a judgement with quotes and a reason), "score" (how likely each
            label is) or "explain" (a text for people).
        llm_url: address of its OpenAI-style server.
        llm_key_env: environment variable that holds the server's key.
        llm_key_file: file that holds the server's key.
        llm_timeout_s: how long one answer may take.
        llm_requests_per_minute: at most so many requests to the server begin within any minute.
        llm_stream: whether the server's answers come piece by piece.
        llm_device: where a model in this process runs: "cpu", "cuda", or "auto", a GPU where there is one.
        llm_download: whether weights that are not on this machine may be downloaded.
        llm_cache: whether its answers are kept on disk, so that a run can be repeated without it.
        prompts: in how many wordings it is asked; the verdict is the mean of the answers.
        examples: a table of labelled utterances (CSV, Parquet, JSON Lines), of which those that are like the
            utterance in question are shown to it.
        shots: how many of them.
        balanced_shots: shows one of each label before a second of any.
        llm_concurrency: how many questions may be under way at once; the report is the same for any number.
        llm_max_requests, llm_max_tokens, llm_max_seconds: the most that it may cost on one recording; once it
            is spent, the rest is judged without it. None for no limit.
        llm_mask: where personal data is masked before it is sent: "remote" (where the model is not on this
            machine), "always" or "never".
        ask: which utterances are put to it: "always" (all with words), "uncertain" (where the verdict without
            it is not sure, or voice and words contradict each other) or "never".
        ask_below: the confidence below which a verdict is not sure; None takes the shipped calibration's.
        replay: its answers come from the cache alone; no model is asked.
        denoise: suppress steady noise first; off by default because clean speech is better untouched.
        language: language of reasons and cues, "en" or "zh".
        profile: "research", or "commercial", which refuses weights that may not be used in products.
        coverage: how often the label set holds the true label; 0.5 to 0.99.
        max_risk: largest share of wrong labels among answered utterances; above it the answer is "uncertain".
            None takes the shipped calibration's.
        neutral_prior: how much of the speech is expected to be neutral, above 0 and below 1, such as 0.5 for
            calls; the other labels share the rest equally. None expects all labels equally often.
        vad: how speech is found.
    """

    voice: str = "auto"
    voice_precision: str = "float32"
    words: str = "auto"
    transcriber: str = "auto"
    transcriber_model: str | None = None
    speech_language: str | None = None
    llm: str | None = None
    llm_mode: str = "schema"
    llm_url: str = "http://localhost:8080/v1"
    llm_key_env: str = "OPENAI_API_KEY"
    llm_key_file: str | None = None
    llm_timeout_s: float = 60.0
    llm_requests_per_minute: int | None = None
    llm_stream: bool = False
    llm_device: str = "auto"
    llm_download: bool = False
    llm_cache: bool = True
    prompts: int = 1
    examples: str | None = None
    shots: int = 4
    balanced_shots: bool = False
    llm_concurrency: int = 4
    llm_max_requests: int | None = None
    llm_max_tokens: int | None = None
    llm_max_seconds: float | None = None
    llm_mask: str = "remote"
    ask: str = "always"
    ask_below: float | None = None
    replay: bool = False
    denoise: bool = False
    language: str = "en"
    profile: str = "research"
    coverage: float = 0.9
    max_risk: float | None = None
    neutral_prior: float | None = None
    vad: VadOptions = field(default_factory=VadOptions)

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise unknown_name("profile", self.profile, PROFILES)
        if self.language not in LANGUAGES:
            raise unknown_name("report language", self.language, LANGUAGES)
        if not 0.5 <= self.coverage <= 0.99:
            raise OptionError(
                f"coverage is {self.coverage}; it must be at least 0.5 and at most 0.99, such as 0.9"
            )
        if self.max_risk is not None and not 0 < self.max_risk <= 1:
            raise OptionError(f"max_risk is {self.max_risk}; it must be above 0 and at most 1, such as 0.3")
        if self.neutral_prior is not None and not 0 < self.neutral_prior < 1:
            raise OptionError(
                f"neutral_prior is {self.neutral_prior}; it must be above 0 and below 1, such as 0.5"
            )
        if not (self.llm_timeout_s > 0 and math.isfinite(self.llm_timeout_s)):
            raise OptionError(f"llm_timeout_s is {self.llm_timeout_s}; it must be above 0, such as 60")
        self._check_asking()

    def _check_asking(self) -> None:
        """Refuses what cannot be asked so."""
        if self.ask not in ASK:
            raise unknown_name("way to choose whom to ask", self.ask, ASK)
        if self.llm_mask not in MASK:
            raise unknown_name("way to mask", self.llm_mask, MASK)
        if self.ask_below is not None and not 0 <= self.ask_below <= 1:
            raise OptionError(
                f"ask_below is {self.ask_below}; it must be a confidence from 0 to 1, such as 0.6"
            )
        if not 1 <= self.llm_concurrency <= 64:
            raise OptionError(
                f"llm_concurrency is {self.llm_concurrency}; it must be from 1 to 64, such as 4"
            )
        for name in ("llm_max_requests", "llm_max_tokens", "llm_max_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise OptionError(f"{name} is {value}; it must be above 0, or left out for no limit")
        if self.llm is None:
            for name in self._changed():
                value = public_url(self.llm_url) if name == "llm_url" else getattr(self, name)
                raise OptionError(f"{name} is {value}, but no language model is named; name one with llm")
        elif self.ask_below is not None and self.ask != "uncertain":
            raise OptionError(f"ask_below needs ask to be uncertain, but it is {self.ask}; set both or none")
        for name, value, default in (
            ("shots", self.shots, 4),
            ("balanced_shots", self.balanced_shots, False),
        ):
            if self.examples is None and value != default:
                raise OptionError(f"{name} is {value}, but there are no examples; name a table with examples")
        if self.replay and not self.llm_cache:
            raise OptionError("replay takes its answers from the cache, so llm_cache must not be off")

    def _changed(self) -> list[str]:
        """The options of the language model that are not as they come; that it keeps nothing harms nobody."""
        names = [one.name for one in fields(self) if one.name.startswith("llm_") and one.name != "llm_cache"]
        names += ["ask", "ask_below", "replay", "prompts", "examples"]
        defaults = RecognizerOptions.__dataclass_fields__
        return [name for name in names if getattr(self, name) != defaults[name].default]

    @property
    def voice_name(self) -> str:
        """The voice model that "auto" stands for; any other as it is."""
        if self.voice != "auto":
            return self.voice
        return "open" if self.profile == "commercial" else "base"

    def public(self) -> dict[str, Any]:
        """The options as plain data for a report: the address without name, password and query."""
        return {**asdict(self), "llm_url": public_url(self.llm_url)}
