"""A recipe: one TOML file that says everything a run needs; unknown keys are refused."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hearfelt.datasets.augment import AugmentOptions
from hearfelt.datasets.toml import parse_toml
from hearfelt.errors import OptionError, unknown_name
from hearfelt.features.logmel import LogMelOptions
from hearfelt.labels import EKMAN7

T = TypeVar("T")


@dataclass(frozen=True)
class DataOptions:
    """What is learnt.

    Args:
        corpora: names from `hearfelt.datasets.corpora.CORPORA`; empty where the data is the user's own.
        labels: the labels of the network, in the order of its outputs; empty takes those of the data, sorted.
        relabel: label of a corpus to the label to learn.
        drop: labels whose clips are left out.
        per_epoch: clips drawn from each corpus in an epoch, evenly over its labels; a corpus that is not
            named gives each of its clips once.
    """

    corpora: tuple[str, ...] = ("emodb", "ravdess", "nemo")
    labels: tuple[str, ...] = EKMAN7
    relabel: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    per_epoch: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ProtocolOptions:
    """How the recipe is judged.

    Args:
        kind: ``speaker_folds`` (all corpora together), ``loso`` (leave one speaker out), ``emobox`` (fold
            files), ``official`` (the column ``split``), ``clip_folds`` (clips are dealt, so that speakers are
            in training and test: says nothing of people who were not heard) or ``none`` (nothing is held
            out: a run that others start from).
        folds: how many folds ``speaker_folds`` and ``clip_folds`` make.
        seed: deals the speakers or clips.
        corpus: whose speakers are held out, with ``loso`` and ``emobox``; all other corpora are learnt from
            in every fold. May be left out where there is one corpus.
    """

    kind: str = "speaker_folds"
    folds: int = 4
    seed: int = 1
    corpus: str = ""

    def __post_init__(self) -> None:
        kinds = ("speaker_folds", "loso", "emobox", "official", "clip_folds", "none")
        if self.kind not in kinds:
            raise unknown_name("protocol", self.kind, kinds)


@dataclass(frozen=True)
class FunctionalsOptions:
    """The linear model on mel functionals beside the networks.

    Args:
        use: whether there is one.
        l2: strength of its penalty, half the sum of squared weights beside the mean loss of a clip.
        weights: of its logits beside the networks' mean; the one of least log loss on speakers that were not
            heard is taken, for a fold from the other folds.
        absent: as `LoopOptions.absent`, of the linear model.
        copies: changed copies of each clip that it also learns from. They are changed as the networks' clips
            are, but not cut short, masked or mixed.
    """

    use: bool = False
    l2: float = 0.01
    absent: float = 0.1
    weights: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
    copies: int = 0

    def __post_init__(self) -> None:
        if not self.l2 > 0 or not self.weights or min(self.weights) < 0:
            raise OptionError(
                f"l2={self.l2}, weights={self.weights}: a penalty above 0 and weights from 0 up"
            )
        if not 0 <= self.absent <= 1:
            raise OptionError(f"absent={self.absent}: a share lies in 0 to 1")
        if self.copies < 0:
            raise OptionError(f"copies={self.copies}: 0 or more changed copies of a clip")


@dataclass(frozen=True)
class NetworkChoice:
    """Size of the network; becomes a `hearfelt.models.neural.NetworkOptions`.

    Args:
        stem: channels of the first convolution, which halves time and frequency.
        channels: of each residual block.
        width: size of the vector of a step, after the GRU.
        attention: hidden size of the attentive pooling.
        dropout: before the last layer, and on the steps that enter the GRU at half the rate.
        floor_db: power this far under the loudest bin is lifted to there: hides how quiet the room was.
        level_db: how far the level of a clip may lie from that of the training data before its effect fades.
        dimensions: also learn arousal, valence and dominance from ratings.
    """

    stem: int = 24
    channels: tuple[int, ...] = (24, 48, 96, 192)
    width: int = 192
    attention: int = 64
    dropout: float = 0.3
    floor_db: float = 70.0
    level_db: float = 10.0
    dimensions: bool = False


@dataclass(frozen=True)
class LoopOptions:
    """The optimisation: AdamW under a one-cycle schedule (Smith, arXiv:1708.07120), weights averaged.

    Args:
        epochs: all of them are run, unless ``patience`` stops early.
        batch: clips a step, times ``accumulate``.
        learning_rate: the highest of the cycle.
        weight_decay: of AdamW, on matrices alone.
        warm_up: share of the steps in which the learning rate rises.
        smoothing: label smoothing.
        average: decay a step of the running average of the weights (Polyak averaging), which is what is kept.
        clip_norm: gradients are scaled down to this norm.
        bf16: compute in bfloat16 where that is safe and the processor can; elsewhere in float32.
        max_s: training clips are cut to this length.
        threads: of torch, on a CPU.
        dimension_weight: of the CCC loss beside the cross-entropy; read where the network has ``dimensions``.
        absent: share of the loss in which a clip also says that labels its corpus lacks are wrong.
        accumulate: batches whose gradients make one step together.
        patience: epochs without a better score on validation speakers after which learning stops; 0 sets
            no speakers apart and learns for all epochs.
        validation: share of the training speakers who are set apart where ``patience`` is above 0.
    """

    epochs: int = 30
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: float = 0.25
    smoothing: float = 0.1
    average: float = 0.995
    clip_norm: float = 5.0
    bf16: bool = True
    max_s: float = 3.2
    threads: int = 1
    dimension_weight: float = 1.0
    absent: float = 0.0
    accumulate: int = 1
    patience: int = 0
    validation: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.absent <= 1:
            raise OptionError(f"absent={self.absent}: a share lies in 0 to 1")
        if self.epochs < 1 or self.batch < 2:
            raise OptionError(
                f"epochs={self.epochs}, batch={self.batch}: at least 1 epoch and 2 clips a batch"
            )
        if not self.dimension_weight >= 0:
            raise OptionError(f"dimension_weight={self.dimension_weight}: it must be 0 or more")
        if not 0 < self.validation < 1:
            raise OptionError(f"validation={self.validation}: a share lies between 0 and 1")
        if self.accumulate < 1 or self.patience < 0:
            raise OptionError(
                f"accumulate={self.accumulate}, patience={self.patience}: at least 1 batch, at least 0 epochs"
            )


@dataclass(frozen=True)
class FinishOptions:
    """A second, short course that begins where the first one ended: `LoopOptions`, but for what stands here.

    Args:
        epochs: 0 leaves it out.
        learning_rate: the highest of its cycle.
        average: decay a step of the running average of its weights.
        absent: share of the loss in which a clip also says that labels its corpus lacks are wrong.
    """

    epochs: int = 0
    learning_rate: float = 4e-4
    average: float = 0.99
    absent: float = 0.1

    def __post_init__(self) -> None:
        if self.epochs < 0 or not 0 <= self.absent <= 1:
            raise OptionError(
                f"finish: epochs={self.epochs}, absent={self.absent}: 0 or more epochs, a share in 0 to 1"
            )


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run learns.

    Args:
        seed: of the first network; the next one of an ensemble has the next seed.
        members: networks whose logits are averaged.
        start: name of a run in the same folder whose final networks are where learning begins; empty: from
            random weights.
    """

    name: str = "base"
    version: str = "1"
    seed: int = 1
    members: int = 1
    start: str = ""
    data: DataOptions = field(default_factory=DataOptions)
    features: LogMelOptions = field(default_factory=lambda: LogMelOptions(trim_db=40.0))
    network: NetworkChoice = field(default_factory=NetworkChoice)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    loop: LoopOptions = field(default_factory=LoopOptions)
    finish: FinishOptions = field(default_factory=FinishOptions)
    functionals: FunctionalsOptions = field(default_factory=FunctionalsOptions)
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)

    def __post_init__(self) -> None:
        if self.members < 1:
            raise OptionError(f"members={self.members}: at least 1 network is needed")


def load(path: Path) -> Recipe:
    """The recipe of a voice model in a TOML file; errors as in `read`."""
    return read(Recipe, path)


def read(kind: type[T], path: Path) -> T:
    """A recipe of any kind in a TOML file.

    A file may begin with ``extends = "other.toml"`` (relative to itself): it then says only what differs.

    Raises:
        OptionError: no such file, no valid TOML, an unknown key, or a value of the wrong type.
        MissingExtraError: Python 3.10 without tomli.
    """
    return from_table(kind, table_of(path))


def table_of(path: Path, below: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The table of a file over that of the one it extends, section by section; errors as in `read`.

    Args:
        below: the files on the way here, which it must not extend.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise OptionError(f"there is no recipe {path}: see the folder recipes/ for examples") from None
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the recipe {path} is not valid TOML: {error}") from None
    table = parse_toml(text, f"the recipe {path}")
    parent = table.pop("extends", None)
    if parent is None:
        return table
    if not isinstance(parent, str) or path.resolve() in below:
        raise OptionError(
            f"the recipe {path} extends {parent!r}: name another recipe file that ends somewhere"
        )
    under = table_of(path.parent / parent, (*below, path.resolve()))
    for key, value in table.items():
        both = isinstance(value, dict) and isinstance(under.get(key), dict)
        under[key] = under[key] | value if both else value
    return under


def from_table(kind: type[T], table: Mapping[str, Any], where: str = "") -> T:
    """An options dataclass from a TOML table.

    Raises:
        OptionError: an unknown key (the known ones are listed), or a value of the wrong type.
    """
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in hints:
            raise unknown_name(f"key in the recipe{where}", key, hints)
        values[key] = _value(hints[key], value, f"{where} [{key}]" if isinstance(value, dict) else where, key)
    return kind(**values)


def _in_toml(hint: Any, key: str) -> str:
    """What a value has to be, in the words of a recipe's writer."""
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is tuple:
        tables = bool(arguments) and dataclasses.is_dataclass(arguments[0])
        return f"a list of tables [[{key}]]" if tables else f"a list, {key} = [...]"
    if dataclasses.is_dataclass(hint) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return f"a table [{key}]"
    return f"of type {getattr(hint, '__name__', hint)}"


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return from_table(hint, value, where)
    if hint is Any:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _value(next(a for a in arguments if a is not type(None)), value, where, key)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(arguments[0], item, where, key) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, dict):
        return {name: _value(arguments[1], item, where, name) for name, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(hint, type) or type(value) is not hint:
        raise OptionError(f"the recipe{where} sets {key} to {value!r}: it must be {_in_toml(hint, key)}")
    return value
