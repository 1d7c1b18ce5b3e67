"""The only place that knows the full cast: options in, parts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearfelt import transcribers
from hearfelt.audio import vad
from hearfelt.errors import OptionError, unknown_name
from hearfelt.features.cues import Population
from hearfelt.features.frames import FrameFeatures
from hearfelt.fusion.combine import Fuser, FusionOptions
from hearfelt.fusion.learned import Calibration
from hearfelt.language.words.readers import Readers
from hearfelt.language.words.schemes import GOEMOTIONS
from hearfelt.language.words.text import TextModel, TextOptions
from hearfelt.models import writing
from hearfelt.models.onnx import VoiceModel, VoiceOptions
from hearfelt.models.writing import WriterModel
from hearfelt.pipeline import weights
from hearfelt.pipeline.options import RecognizerOptions
from hearfelt.transcribers.auto import choose
from hearfelt.transcribers.base import Transcriber
from hearfelt.types import Component

if TYPE_CHECKING:
    from hearfelt.language.judge import Examples, Judge

NONE = "none"
_FUSION = weights.SHIPPED / "fusion"
_POPULATION = Component(
    "features",
    "population",
    "1",
    "Apache-2.0",
    "aggregates of EmoDB (CC BY 4.0), RAVDESS and nEMO (CC BY-NC-SA 4.0): "
    "twelve means and deviations; no recording can be recovered",
)


@dataclass
class Parts:
    """The models of a recognizer, loaded once and used many times."""

    options: RecognizerOptions
    voice: VoiceModel | WriterModel | None
    words: Readers | None
    judge: Judge | None
    fuser: Fuser
    population: Population
    frames: FrameFeatures
    sample_rate_hz: int = 16000
    notices: tuple[str, ...] = ()
    """What the reader of any report of these parts must know."""

    @cached_property
    def transcriber(self) -> Transcriber:
        """Who turns speech into words; loaded on first use, since a given transcript needs none."""
        return self._transcriber_and_note[0]

    @cached_property
    def _transcriber_and_note(self) -> tuple[Transcriber, str]:
        options = self.options
        if self.words is None and self.judge is None and options.transcriber == "auto":
            return transcribers.build(NONE), "no words are needed, so none were transcribed"
        if options.transcriber == "auto":
            return choose(language=options.speech_language)
        asked = {"model": options.transcriber_model, "language": options.speech_language}
        known = options.transcriber == "whisper"  # `build` refused what the others do not take
        fields = {name: value for name, value in asked.items() if value is not None and known}
        return transcribers.build(options.transcriber, **fields), ""

    def components(self, given: str | None) -> tuple[Component, ...]:
        """Everything that has a say, with versions and licences.

        Args:
            given: which transcript was given, None where a transcriber was used.
        """
        found = [vad.component(), _POPULATION]
        if self.voice:
            found.append(_from_card("voice", self.voice.card))
        if self.words:
            found += [_from_card("words", model.card) for model in self.words.models]
        if given:
            found.append(Component("transcriber", "given", note=given))
        else:
            transcriber, note = self._transcriber_and_note
            found.append(Component("transcriber", transcriber.name, note=note))
        if self.judge:
            url = getattr(self.judge.chat, "url", None)  # never with a password
            note = f"asked at {url}" if url else "runs in this process"
            found.append(Component("llm", self.options.llm or "", note=note))
            examples = getattr(self.judge, "examples", None)
            if examples is not None:
                found.append(
                    Component("examples", Path(self.options.examples or "").name, note=examples.about)
                )
        found.append(_from_card("fusion", self.fuser.card))
        return tuple(found)


def build(options: RecognizerOptions | None = None) -> Parts:
    """Loads what the options ask for.

    Raises:
        OptionError: a name is not known, or the transcriber does not take what it was given.
        ModelError: a weights folder is missing or broken.
        LicenceError: the profile may not use the weights.
    """
    options = options or RecognizerOptions()
    _check_transcriber(options)
    voice: VoiceModel | WriterModel | None = None
    words = None
    if options.voice_name != NONE:
        folder = weights.find(options.voice_name, "voice", writing.KINDS)
        card = weights.card(folder)
        weights.allow(card, options.profile)
        voice = _voice(folder, card, options)
    own = _own_labels(options, voice.labels) if voice else ()
    if own:
        _check_alone(options, own)
    elif options.words != NONE:
        words = Readers([_reader(name, options) for name in weights.texts(options.words)])
    weights.allow(weights.card(_FUSION), options.profile)
    return Parts(
        options=options,
        voice=voice,
        words=words,
        judge=_judge(options),
        fuser=_alone(options, own) if own else _fuser(options, words),
        population=Population.load(),
        frames=FrameFeatures(),
        notices=_notices(options, voice.labels, own) if voice else (),
    )


def _voice(folder: Path, card: Mapping[str, Any], options: RecognizerOptions) -> VoiceModel | WriterModel:
    """The voice model in a folder.

    Raises:
        ModelError: it is broken.
        OptionError: a precision that it does not come in.
    """
    name, asked = options.voice_name, VoiceOptions(precision=options.voice_precision)
    if card["kind"] in writing.KINDS:
        if asked.precision != VoiceOptions().precision:
            raise OptionError(f"the voice model {name} has float32 weights alone, none in {asked.precision}")
        return WriterModel.load(folder)
    return VoiceModel.load(folder, asked)


def _own_labels(options: RecognizerOptions, labels: Sequence[str]) -> tuple[str, ...]:
    """The labels of a voice model that is asked alone, so that none of them is lost; else nothing.

    A model that knows labels beside those of the fusion is joined with others only where one is named.
    """
    known = set(weights.card(_FUSION)["labels"])
    named = options.words not in ("auto", NONE) or options.llm is not None
    if set(labels) <= known or (named and set(labels) & known):
        return ()
    return tuple(labels)


def _notices(options: RecognizerOptions, labels: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """Which labels or sources have no say, where a voice model knows labels beside those of the fusion."""
    known = weights.card(_FUSION)["labels"]
    more = [label for label in labels if label not in known]
    if not more or not set(labels) & set(known):
        return ()
    what = f"the voice model {options.voice_name}"
    if not own:
        return (
            f"{', '.join(more)} of {what} had no say: it was joined with other sources over "
            f"{', '.join(known)}; name no text and no language model to hear all its labels",
        )
    if options.words == NONE:
        return ()
    return (
        f"the words had no say: {what} knows {', '.join(more)}, which no text model does; name a text model "
        f"(--words words) to join both over {', '.join(known)}",
    )


def _check_alone(options: RecognizerOptions, labels: Sequence[str]) -> None:
    """Refuses what says nothing of the labels of a voice model asked alone; ``words="auto"`` gives way."""
    asked = {"the text model": options.words, "the language model": options.llm or "auto"}
    other = [f"{what} {name}" for what, name in asked.items() if name not in ("auto", NONE)]
    if options.neutral_prior is not None and "neutral" not in labels:
        other.append("neutral_prior")
    if other:
        raise OptionError(
            f"the voice model {options.voice_name} knows {', '.join(labels)}, which no other source does, so "
            f"it is asked alone: leave out {' and '.join(other)}"
        )


def _alone(options: RecognizerOptions, labels: Sequence[str]) -> Fuser:
    """Verdicts over the labels of the one voice model."""
    return Fuser(FusionOptions(**_fusion_options(options, labels)), Calibration.of_one(labels))


def _reader(name: str, options: RecognizerOptions) -> TextModel:
    folder = weights.find(name, "words")
    weights.allow(weights.card(folder), options.profile)
    return TextModel.load(folder, TextOptions(explain=True))


def _fuser(options: RecognizerOptions, words: Readers | None) -> Fuser:
    """Fusion was fitted on text models of GoEmotions; those of other corpora know other shares of labels."""
    fuser = Fuser.load(_FUSION, **_fusion_options(options, weights.card(_FUSION)["labels"]))
    for model in words.models if words else ():
        if model.scheme is not GOEMOTIONS:
            learned = fuser.calibration.with_unmeasured(model.source, model.card.get("prior", ()))
            fuser = Fuser(fuser.options, learned)
    return fuser


def _check_transcriber(options: RecognizerOptions) -> None:
    """Refuses a transcriber that is not known, and what it would not heed."""
    name, model, language = options.transcriber, options.transcriber_model, options.speech_language
    known = ["auto", *(back_end for back_end in reversed(transcribers.BACK_ENDS) if back_end != "given")]
    if name == "given":
        raise OptionError(
            f"{unknown_name('transcriber', name, known)}; a transcript you have is given with --transcript"
        )
    if name not in known:
        raise unknown_name("transcriber", name, known)
    if name == "sphinx" and language not in (None, "en"):
        raise OptionError(
            f"the transcriber 'sphinx' does not know the language {language!r}; it knows English only (en); "
            "take --transcriber whisper"
        )
    if model is not None and name != "whisper":
        raise OptionError(
            f"the transcriber {name!r} takes no model, but {model!r} was given; take --transcriber whisper"
        )


def _fusion_options(options: RecognizerOptions, labels: Sequence[str]) -> dict[str, Any]:
    """Fields of `FusionOptions` that the user chose, for verdicts over these labels."""
    chosen: dict[str, Any] = {"coverage": options.coverage}
    if options.max_risk is not None:
        chosen["max_risk"] = options.max_risk
    if options.neutral_prior is not None:
        rest = (1 - options.neutral_prior) / (len(labels) - 1)
        chosen["prior"] = {label: options.neutral_prior if label == "neutral" else rest for label in labels}
    return chosen


def _judge(options: RecognizerOptions) -> Judge | None:
    if options.llm is None:
        return None
    from hearfelt.language.chat.backends import BackendOptions, make
    from hearfelt.language.judge import Judge, JudgeOptions, Panel

    asked = BackendOptions(
        url=options.llm_url,
        key_env=options.llm_key_env,
        key_file=Path(options.llm_key_file) if options.llm_key_file else None,
        timeout_s=options.llm_timeout_s,
        requests_per_minute=options.llm_requests_per_minute,
        stream=options.llm_stream,
        download=options.llm_download,
        device=options.llm_device,
    )
    chat = make(options.llm, asked)
    mask = {"remote": None, "always": True, "never": False}[options.llm_mask]
    chosen = JudgeOptions(mode=options.llm_mode, mask=mask, replay=options.replay)
    chosen = chosen if options.llm_cache else replace(chosen, cache=None)
    if options.prompts == 1 and options.examples is None:
        return Judge(chat, chosen)
    return Panel(chat, chosen, prompts=options.prompts, examples=_examples(options, chosen.labels))


def _examples(options: RecognizerOptions, labels: Sequence[str]) -> Examples | None:
    """The labelled utterances that are shown to a language model."""
    if options.examples is None:
        return None
    from hearfelt.language.judge import ShotOptions, open_table

    chosen = ShotOptions(options.shots, options.balanced_shots)
    return open_table(Path(options.examples), labels, chosen, keep=options.llm_cache)


def _from_card(kind: str, card: Mapping[str, Any]) -> Component:
    note = str(card.get("dimensions", ""))
    return Component(
        kind,
        str(card.get("name", "")),
        str(card.get("version", "")),
        str(card.get("licence", "")),
        note,
    )
