"""The recipe of a network with tasks: one TOML file; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hearfelt.datasets.augment import AugmentOptions
from hearfelt.errors import OptionError, unknown_name
from hearfelt.features.logmel import LogMelOptions
from hearfelt.training.recipe import DataOptions, LoopOptions, ProtocolOptions

TARGETS: Mapping[str, tuple[str, ...]] = {
    "emotion": ("single", "soft", "multi"),
    "dimensions": ("dimensions",),
    "gender": ("single",),
    "language": ("single",),
    "sentiment": ("single",),
    "characters": ("ctc",),
}
"""Name of a task to the kinds it may be of, the first by default."""


@dataclass(frozen=True)
class TaskChoice:
    """One ``[[tasks]]`` of a recipe; becomes a `hearfelt.models.networks.heads.Task`.

    Args:
        name: which column is learnt, one of `TARGETS`: ``emotion`` (gold label, votes), ``dimensions``
            (arousal, valence, dominance), ``gender``, ``language``, ``sentiment`` (what the shipped text
            model reads in the text column), ``characters`` (the text, by CTC).
        kind: of `TARGETS`; empty takes the first. ``soft`` learns the shares of the votes, ``multi`` each
            label with at least ``min_share`` of them; a clip without votes counts as one vote for its gold.
        labels: empty takes those of the table.
        weight: factor of this loss in the sum.
        balanced: weigh clips so that every label counts the same (kind ``single``).
        loss, focal_gamma, smoothing: see `hearfelt.models.networks.heads.Task`.
        min_share: see ``kind``.
    """

    name: str = "emotion"
    kind: str = ""
    labels: tuple[str, ...] = ()
    weight: float = 1.0
    balanced: bool = False
    loss: str = "cross-entropy"
    focal_gamma: float = 2.0
    smoothing: float = 0.0
    min_share: float = 0.3

    def __post_init__(self) -> None:
        if self.name not in TARGETS:
            raise unknown_name("task", self.name, TARGETS)
        if self.kind and self.kind not in TARGETS[self.name]:
            raise unknown_name(f"kind of the task {self.name!r}", self.kind, TARGETS[self.name])
        if not 0 < self.min_share <= 1:
            raise OptionError(f"min_share={self.min_share}: a share lies above 0 and up to 1")

    @property
    def kind_(self) -> str:
        """The kind, the default filled in."""
        return self.kind or TARGETS[self.name][0]


@dataclass(frozen=True)
class TrunkChoice:
    """What hears.

    Args:
        kind: a name of `hearfelt.models.networks.table`.
        options: of that network, such as ``{ width = 96, layers = 2 }``.
        dropout: before the heads.
        functionals: fuse the mel functionals of the clip: ``concat``, ``gated``, or empty for none.
    """

    kind: str = "cnn-stats"
    options: Mapping[str, Any] = field(default_factory=dict)
    dropout: float = 0.3
    functionals: str = ""


@dataclass(frozen=True)
class NetworkRecipe:
    """Everything that decides what a run of a network with tasks learns.

    Args:
        kind: says in a TOML file that it is a recipe of this kind.
        tasks: the first one decides which epoch is the best.
        sampling: ``each`` gives every clip once an epoch; ``even`` draws as many clips, evenly over the
            labels of each corpus. ``data.per_epoch`` goes before.
    """

    kind: str = "network"
    name: str = "network"
    version: str = "1"
    seed: int = 1
    sampling: str = "each"
    data: DataOptions = field(default_factory=lambda: DataOptions(corpora=(), labels=()))
    features: LogMelOptions = field(default_factory=lambda: LogMelOptions(trim_db=40.0))
    network: TrunkChoice = field(default_factory=TrunkChoice)
    tasks: tuple[TaskChoice, ...] = (TaskChoice(),)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    loop: LoopOptions = field(default_factory=LoopOptions)
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)

    def __post_init__(self) -> None:
        if self.kind != "network":
            raise unknown_name("kind of a recipe for networks", self.kind, ("network",))
        if self.sampling not in ("each", "even"):
            raise unknown_name("sampling", self.sampling, ("each", "even"))
        names = [task.name for task in self.tasks]
        if not names or len(set(names)) < len(names):
            raise OptionError(f"the recipe has the tasks {', '.join(names) or 'none'}: give some, each once")
