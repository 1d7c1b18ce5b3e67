"""What a run of low-rank adapters on a causal language model needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from hearfelt.errors import OptionError, unknown_name
from hearfelt.training.recipe import LoopOptions

KIND = "causal"
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class CausalLoop(LoopOptions):
    """The optimisation; ``batch`` counts questions, ``accumulate`` batches make a step together."""

    epochs: int = 3
    batch: int = 8
    learning_rate: float = 2e-4
    weight_decay: float = 0.0
    warm_up: float = 0.1
    average: float = 0.0
    clip_norm: float = 1.0
    accumulate: int = 2


@dataclass(frozen=True)
class CausalOptions:
    """The model and how it is asked.

    Args:
        base: a folder of a Hugging Face causal language model, or its name on the hub (found in the local
            cache, else loaded from there).
        base_licence: licence of the base, for the card; only you know it.
        rank, alpha, dropout: of the adapters (Hu et al., "LoRA", ICLR 2022); their product is scaled by
            ``alpha / rank``.
        targets: names of the linear layers that get one; empty takes all but the output.
        window: turns before the one in question that are shown, at most.
        max_tokens: of a question with its answer; the window shrinks until it fits.
        speaker_weight: weight of the side task "who says the last turn?" beside the emotion; 0 leaves it out
            (InstructERC, Lei et al., arXiv:2309.11911).
        normalise: divide the log-likelihood of a label by its number of tokens.
        calibrate: subtract what each label scores where the words are taken away (contextual calibration,
            Zhao et al., ICML 2021).
        chat: put the question into the tokenizer's chat template where it has one.
        precision: of the base's weights: ``auto`` is bfloat16 on a GPU, else float32.
        checkpointing: compute activations again in the backward pass: slower, far less memory.
        parts: checkpoints an epoch; a run that was killed goes on from the last one.
        loop: batches, steps, rates.
    """

    base: str = ""
    base_licence: str = "unknown"
    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    targets: tuple[str, ...] = ()
    window: int = 8
    max_tokens: int = 512
    speaker_weight: float = 0.0
    normalise: bool = False
    calibrate: bool = False
    chat: bool = True
    precision: str = "auto"
    checkpointing: bool = False
    parts: int = 1
    loop: CausalLoop = field(default_factory=CausalLoop)

    def __post_init__(self) -> None:
        if self.rank < 1 or self.window < 0 or self.max_tokens < 16 or self.parts < 1:
            raise OptionError(
                f"rank={self.rank}, window={self.window}, max_tokens={self.max_tokens}, parts={self.parts}: "
                "at least 1, 0, 16 and 1"
            )
        if not self.speaker_weight >= 0 or not 0 <= self.dropout < 1 or self.alpha < 1:
            raise OptionError(
                f"speaker_weight={self.speaker_weight}, dropout={self.dropout}, alpha={self.alpha}: a weight "
                "from 0 up, a dropout in 0 to 1, an alpha from 1 up"
            )
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
