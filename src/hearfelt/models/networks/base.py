"""The contract of the networks: a trunk hears, heads answer.

Shapes everywhere: ``x`` is float32 ``(batch, frames, n_dims)`` for trunks on frames (log-mel) and
``(batch, samples)`` for trunks on the waveform; ``lengths`` is int64 ``(batch,)``, at least 1 each. What lies
beyond the length of a clip is padding and has no effect on what evaluation mode answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from hearfelt.errors import OptionError
from hearfelt.models.networks.functionals import FunctionalFusion, FunctionalOptions
from hearfelt.models.networks.heads import Heads, Task
from hearfelt.models.networks.layers import FrameOptions, Normalise, Pool


class Trunk(nn.Module, ABC):
    """Sound to steps, steps to one vector.

    Attributes:
        input: ``logmel`` or ``waveform``, what ``x`` holds.
        width: size of a step.
        size: size of the pooled vector.
        stride: frames (or samples) from one step to the next.
    """

    input: str = "logmel"
    width: int
    size: int
    stride: int

    @abstractmethod
    def steps(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Steps ``(batch, steps, width)``, and how many of them each clip has, int64 ``(batch,)``."""

    @abstractmethod
    def pool(self, steps: Tensor, step_lengths: Tensor) -> Tensor:
        """The steps of each clip as one vector, float32 ``(batch, size)``."""

    def embed(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The vector of each clip, float32 ``(batch, size)``."""
        return self.pool(*self.steps(x, lengths))

    @abstractmethod
    def measure(self, x: Tensor, lengths: Tensor) -> None:
        """Take the statistics that normalise the input from a sample of the training data, before training.

        A trunk without such statistics takes none.
        """


class FrameTrunk(Trunk):
    """A trunk on frames: they are normalised first, then `encode` makes steps of them."""

    def __init__(self, n_dims: int, options: FrameOptions) -> None:
        super().__init__()
        self.front = Normalise(n_dims, options.own_mean)
        self.pooling = Pool(options.pooling, options.width)
        self.width, self.size = options.width, self.pooling.size

    def steps(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.encode(self.front(x, lengths), lengths)

    @abstractmethod
    def encode(self, images: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """`steps` of normalised frames ``(batch, images, frames, n_dims)`` whose padding is 0."""

    def pool(self, steps: Tensor, step_lengths: Tensor) -> Tensor:
        pooled: Tensor = self.pooling(steps, step_lengths)
        return pooled

    def measure(self, x: Tensor, lengths: Tensor) -> None:
        self.front.measure(x, lengths)


class EmotionNetwork(nn.Module):
    """A trunk with a head for each task, and functionals as a second input where asked for.

    Args:
        trunk: what hears.
        tasks: what is answered; see `hearfelt.models.networks.heads.Task`.
        dropout: on the pooled vector, before the heads.
        functionals: fuses the pooled vector with functionals of the clip; see `FunctionalOptions`.

    Raises:
        OptionError: no task, or two of the same name.
    """

    def __init__(
        self,
        trunk: Trunk,
        tasks: Sequence[Task],
        *,
        dropout: float = 0.3,
        functionals: FunctionalOptions | None = None,
    ) -> None:
        super().__init__()
        self.trunk, self.tasks = trunk, tuple(tasks)
        self.fusion = FunctionalFusion(trunk.size, functionals) if functionals else None
        size = self.fusion.size if self.fusion else trunk.size
        self.drop = nn.Dropout(dropout)
        self.heads = Heads(size, trunk.width, self.tasks)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of what `forward` takes, in order: also the inputs of the ONNX file."""
        return (self.trunk.input, "lengths", *(("functionals",) if self.fusion else ()))

    @property
    def output_names(self) -> tuple[str, ...]:
        """Keys of what `forward` gives, in order: also the outputs of the ONNX file."""
        return self.heads.output_names

    @property
    def n_parameters(self) -> int:
        """Numbers the network holds; of these, those with ``requires_grad`` are learnt."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, x: Tensor, lengths: Tensor, functionals: Tensor | None = None) -> dict[str, Tensor]:
        """The answer of each head, by the name of its task.

        Logits ``(batch, n_labels)`` for single, multi and soft labels; ratings ``(batch, n_dimensions)`` for
        dimensions; logits ``(batch, steps, 1 + n_characters)`` for CTC, and then also ``step_lengths``.

        Args:
            functionals: float32 ``(batch, n_functionals)``; NaN where one could not be measured.

        Raises:
            OptionError: functionals are missing, or given to a network that has no place for them.
        """
        if (functionals is None) != (self.fusion is None):
            raise OptionError(
                "this network fuses functionals: give them as third input"
                if self.fusion
                else "this network takes no functionals: build it with functionals=FunctionalOptions(...)"
            )
        steps, step_lengths = self.trunk.steps(x, lengths)
        pooled = self.trunk.pool(steps, step_lengths)
        if self.fusion is not None and functionals is not None:
            pooled = self.fusion(pooled, functionals)
        answers: dict[str, Tensor] = self.heads(self.drop(pooled), self.drop(steps), step_lengths)
        return answers

    def measure(self, x: Tensor, lengths: Tensor, functionals: Tensor | None = None) -> None:
        """Take the statistics that normalise the inputs from a sample of the training data."""
        self.trunk.measure(x, lengths)
        if self.fusion is not None and functionals is not None:
            self.fusion.measure(functionals)


def frozen_names(network: nn.Module) -> set[str]:
    """Names of the parameters that learn nothing, all names of those that are used twice."""
    return {name for name, p in network.named_parameters(remove_duplicate=False) if not p.requires_grad}


def learnt_state(network: nn.Module) -> dict[str, Tensor]:
    """The state of a network without its frozen parameters, such as those of a speech encoder.

    A network built alike takes it by ``load_state_dict(state, strict=False)``.
    """
    frozen = frozen_names(network)
    return {name: value for name, value in network.state_dict().items() if name not in frozen}


class Flat(nn.Module):
    """A network in evaluation mode whose answers are a tuple by ``output_names``: what an exporter takes."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        answers = self.network(*inputs)
        return tuple(answers[name] for name in self.network.output_names)

    @property
    def dynamic_axes(self) -> dict[str, dict[int, str]]:
        """Which axes of the inputs and outputs are free, as ``torch.onnx.export`` takes them."""
        axes = {name: {0: "batch"} for name in (*self.network.input_names, *self.network.output_names)}
        axes[self.network.trunk.input][1] = "time"
        for task in self.network.tasks:
            if task.kind == "ctc":
                axes[task.name][1] = "steps"
        return axes
