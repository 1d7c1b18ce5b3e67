"""Recipes of the kinds ``speech-llm`` and ``scratch``: one TOML file each; unknown keys are refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from hearfelt.datasets.augment import AugmentOptions
from hearfelt.errors import OptionError, unknown_name
from hearfelt.features.logmel import LogMelOptions
from hearfelt.models.scratch.network import ScratchOptions
from hearfelt.models.speech_llm.adapters import AdapterOptions
from hearfelt.models.speech_llm.lm import LmOptions
from hearfelt.models.speech_llm.prompt import PromptOptions
from hearfelt.models.speech_llm.sound import SoundOptions
from hearfelt.training.recipe import DataOptions, LoopOptions, ProtocolOptions


@dataclass(frozen=True)
class TeachOptions:
    """What is taught beside the label, and how.

    Args:
        rest_weight: of the loss of what is written after the label: the mean over its tokens.
        cues: what stands out in each voice is measured, and written in the caption. Prompts that read cues
            measure them anyway.
        words_drop, sound_drop: share of training clips whose words, or whose sound, are withheld, so that the
            model answers from either alone; never both.
        min_share: a clip has a label (where it may have several) with at least this share of its votes.
    """

    rest_weight: float = 0.3
    cues: bool = False
    words_drop: float = 0.0
    sound_drop: float = 0.0
    min_share: float = 0.3

    def __post_init__(self) -> None:
        if min(self.words_drop, self.sound_drop) < 0 or self.words_drop + self.sound_drop > 1:
            raise OptionError(
                f"words_drop={self.words_drop}, sound_drop={self.sound_drop}: shares from 0 that are 1 "
                "together at most"
            )
        if self.rest_weight < 0 or not 0 < self.min_share <= 1:
            raise OptionError(
                f"rest_weight={self.rest_weight}, min_share={self.min_share}: a weight from 0, a share in "
                "(0, 1]"
            )


def _any_data() -> DataOptions:
    return DataOptions(corpora=(), labels=())


def _trimmed() -> LogMelOptions:
    return LogMelOptions(trim_db=40.0)


@dataclass(frozen=True)
class SpeechLlmRecipe:
    """Everything that decides what a speech-LLM learns.

    Args:
        kind: says in a TOML file that it is a recipe of this kind.
    """

    kind: str = "speech-llm"
    name: str = "speech-llm"
    version: str = "1"
    seed: int = 1
    data: DataOptions = field(default_factory=_any_data)
    features: LogMelOptions = field(default_factory=_trimmed)
    sound: SoundOptions = field(default_factory=SoundOptions)
    adapter: AdapterOptions = field(default_factory=AdapterOptions)
    lm: LmOptions = field(default_factory=LmOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)
    teach: TeachOptions = field(default_factory=TeachOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    loop: LoopOptions = field(default_factory=LoopOptions)
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)

    def __post_init__(self) -> None:
        if self.kind != "speech-llm":
            raise unknown_name("kind of a recipe for speech-LLMs", self.kind, ("speech-llm",))


@dataclass(frozen=True)
class ScratchRecipe:
    """Everything that decides what the Transformer from nothing learns.

    Args:
        kind: says in a TOML file that it is a recipe of this kind.
    """

    kind: str = "scratch"
    name: str = "scratch"
    version: str = "1"
    seed: int = 1
    data: DataOptions = field(default_factory=_any_data)
    features: LogMelOptions = field(default_factory=_trimmed)
    network: ScratchOptions = field(default_factory=ScratchOptions)
    teach: TeachOptions = field(default_factory=TeachOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    loop: LoopOptions = field(default_factory=LoopOptions)
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)

    def __post_init__(self) -> None:
        if self.kind != "scratch":
            raise unknown_name("kind of a recipe for a Transformer from nothing", self.kind, ("scratch",))


WrittenRecipe = SpeechLlmRecipe | ScratchRecipe
