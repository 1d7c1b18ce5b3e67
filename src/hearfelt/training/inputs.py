"""From sound files to batches: log-mels measured once and kept on disk, then drawn, changed and padded."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from hearfelt.datasets import augment
from hearfelt.datasets.augment import AugmentOptions
from hearfelt.features.logmel import LogMelOptions
from hearfelt.training import measure, table
from hearfelt.training.measure import Measured, Report
from hearfelt.training.recipe import DataOptions, LoopOptions, Recipe
from hearfelt.types import Example, FloatArray


@dataclass(frozen=True, eq=False)
class Clips:
    """A table of examples and their log-mels.

    Args:
        values: float16, the log-mels of all clips one after another, shape ``(n_frames, n_mels)``.
        starts: where each clip begins, and at the end where the last one ends, shape ``(n_clips + 1,)``.
        targets: index of each clip's label.
        allowed: corpus to the labels it has, bool ``(n_labels,)``.
        durations_s: length of each recording before trimming.
        dimensions: rated arousal, valence, dominance, NaN where there is no rating, shape ``(n_clips, 3)``.
        functionals: mel functionals, shape ``(n_clips, n_dims)``; no columns where the recipe uses none.
    """

    examples: tuple[Example, ...]
    labels: tuple[str, ...]
    values: npt.NDArray[np.float16]
    starts: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    allowed: dict[str, npt.NDArray[np.bool_]]
    durations_s: FloatArray
    dimensions: FloatArray
    functionals: FloatArray

    def logmel(self, index: int) -> FloatArray:
        """One clip, float32 ``(n_frames, n_mels)``."""
        return self.values[self.starts[index] : self.starts[index + 1]].astype(np.float32)

    def length(self, index: int) -> int:
        """Frames of one clip."""
        return int(self.starts[index + 1] - self.starts[index])


@dataclass(frozen=True, eq=False)
class Batch:
    """What the network gets: log-mels padded to one length, and up to two targets a clip (mixup).

    ``dimensions`` ``(batch, 3)`` are mixed already; NaN where one of the two clips was not rated.
    """

    logmel: torch.Tensor
    lengths: torch.Tensor
    targets: torch.Tensor
    allowed: torch.Tensor
    other_targets: torch.Tensor
    other_allowed: torch.Tensor
    share: torch.Tensor
    dimensions: torch.Tensor


def load(recipe: Recipe, data: Path | str, cache: Path, report: Report, workers: int = 1) -> Clips:
    """All clips of a recipe's data, log-mels measured or taken from the cache.

    Raises:
        CorpusError: a corpus is missing or broken, or a label is neither learnt, mapped nor dropped.
    """
    return measured(recipe, table.read(recipe.data, data), cache, report, workers)


def measured(
    recipe: Recipe, examples: Sequence[Example], cache: Path | None, report: Report, workers: int = 1
) -> Clips:
    """The clips of a table that was read before.

    Raises:
        CorpusError: clips that cannot be measured, or fewer than two labels.
    """
    found = table.labels_of(examples)
    heard = measure.logmels(examples, recipe.features, cache=cache, report=report, workers=workers)
    labels = recipe.data.labels or found
    return gather(examples, labels, heard, functionals=recipe.functionals.use)


def gather(
    examples: Sequence[Example], labels: tuple[str, ...], measured: Measured, functionals: bool = False
) -> Clips:
    """A table and what was measured of it; the target of a clip without a label is 0 and means nothing."""
    return Clips(
        examples=tuple(examples),
        labels=labels,
        values=np.concatenate(measured.values),
        starts=np.concatenate(([0], np.cumsum([len(one) for one in measured.values]))).astype(np.int64),
        targets=np.array([labels.index(e.gold) if e.gold else 0 for e in examples], dtype=np.int64),
        allowed=_allowed(examples, labels),
        durations_s=measured.seconds,
        dimensions=np.array([_rated(e) for e in examples], dtype=np.float32).reshape(-1, 3),
        functionals=measured.functionals[:, : None if functionals else 0],
    )


def _rated(example: Example) -> list[float]:
    values = (example.arousal, example.valence, example.dominance)
    return [math.nan if value is None else value for value in values]


def _allowed(examples: Sequence[Example], labels: Sequence[str]) -> dict[str, npt.NDArray[np.bool_]]:
    present: dict[str, set[str | None]] = defaultdict(set)
    for example in examples:
        present[example.corpus].add(example.gold)
    return {corpus: np.array([label in golds for label in labels]) for corpus, golds in present.items()}


def draw(
    clips: Clips, indices: Sequence[int], options: DataOptions, random: np.random.Generator
) -> list[int]:
    """The clips of one epoch: of each corpus as many as `DataOptions.per_epoch` says, evenly over its labels.

    A label with too few clips repeats them, each as often as the others within one.
    """
    groups: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index in indices:
        groups[clips.examples[index].corpus][int(clips.targets[index])].append(index)
    chosen: list[int] = []
    for corpus, by_label in sorted(groups.items()):
        wanted = options.per_epoch.get(corpus)
        if wanted is None:
            chosen += [index for members in by_label.values() for index in members]
            continue
        for members in by_label.values():
            count = round(wanted / len(by_label))
            rounds = [random.permutation(members) for _ in range(-(-count // len(members)))]
            chosen += [int(i) for i in np.concatenate(rounds)[:count]]
    return chosen


def steps(clips: Clips, indices: Sequence[int], recipe: Drawable) -> int:
    """Batches of an epoch, an upper bound."""
    count = len(draw(clips, indices, recipe.data, np.random.default_rng(0)))
    return -(-count // recipe.loop.batch) + 1


@dataclass(frozen=True, eq=False)
class Drawn:
    """Changed log-mels of a batch, each perhaps mixed with another clip's.

    Args:
        own, other: positions of each clip and of the one mixed in.
        shares: how much of each is the clip itself, float32 ``(batch,)``.
    """

    logmels: list[FloatArray]
    own: list[int]
    other: list[int]
    shares: FloatArray


def epoch(clips: Clips, indices: Sequence[int], recipe: Recipe, epoch_number: int) -> Iterator[Batch]:
    """Batches of one epoch. All chance comes from the recipe's seed and the epoch's number."""
    for drawn in batches(clips, indices, recipe, epoch_number):
        yield _batch(clips, drawn)


def batches(clips: Clips, indices: Sequence[int], recipe: Drawable, epoch_number: int) -> Iterator[Drawn]:
    """The clips of an epoch's batches, changed and mixed; chance as in `epoch`."""
    random = np.random.default_rng([recipe.seed, epoch_number])
    steps = augment.build(recipe.augment, recipe.features.hop_ms / 1000)
    chosen = [int(i) for i in random.permutation(draw(clips, indices, recipe.data, random))]
    size, longest = recipe.loop.batch, round(recipe.loop.max_s * 1000 / recipe.features.hop_ms)
    for first in range(0, len(chosen), _POOL * size):
        pool = chosen[first : first + _POOL * size]
        changed = [_cut(augment.apply(steps, clips.logmel(i), random), longest, random) for i in pool]
        lengths = [len(logmel) for logmel in changed]
        groups = np.split(np.argsort(lengths, kind="stable"), range(size, len(pool), size))
        for group in (groups[i] for i in random.permutation(len(groups))):
            if len(group) > 1:
                yield _mixed(pool, changed, group, recipe.augment.mixup, random)


class Drawable(Protocol):
    """What `batches` reads of a recipe."""

    @property
    def seed(self) -> int: ...
    @property
    def data(self) -> DataOptions: ...
    @property
    def features(self) -> LogMelOptions: ...
    @property
    def augment(self) -> AugmentOptions: ...
    @property
    def loop(self) -> LoopOptions: ...


_POOL = 16
"""Batches that are drawn, changed and sorted by length together, so that a batch needs little padding."""


def _mixed(
    pool: Sequence[int],
    changed: Sequence[FloatArray],
    group: npt.NDArray[np.int64],
    alpha: float,
    random: np.random.Generator,
) -> Drawn:
    """A batch of the clips at ``group`` of the pool, each mixed with one from anywhere in the pool."""
    own = [pool[i] for i in group]
    if not alpha:
        return Drawn([changed[i] for i in group], own, own, np.ones(len(group), dtype=np.float32))
    shares = random.beta(alpha, alpha, len(group)).astype(np.float32)
    shares = np.maximum(shares, 1 - shares)
    others = random.integers(0, len(pool), len(group))
    mixed = [
        augment.mixup(changed[a], changed[b], float(share))
        for a, b, share in zip(group, others, shares, strict=True)
    ]
    return Drawn(mixed, own, [pool[i] for i in others], shares)


def _cut(logmel: FloatArray, longest: int, random: np.random.Generator) -> FloatArray:
    if len(logmel) <= longest:
        return logmel
    first = int(random.integers(0, len(logmel) - longest + 1))
    return logmel[first : first + longest]


def pad(logmels: Sequence[FloatArray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mels of unlike length as ``(batch, frames, n_mels)`` and their lengths.

    The common length is a multiple of 32: fewer shapes, for each of which the CPU kernels are made anew.
    """
    lengths = [len(logmel) for logmel in logmels]
    padded = np.zeros((len(logmels), -(-max(lengths) // 32) * 32, logmels[0].shape[1]), dtype=np.float32)
    for row, logmel in enumerate(logmels):
        padded[row, : len(logmel)] = logmel
    return torch.from_numpy(padded), torch.tensor(lengths)


def _batch(clips: Clips, drawn: Drawn) -> Batch:
    padded, lengths = pad(drawn.logmels)
    share = drawn.shares[:, None]
    rated = share * clips.dimensions[drawn.own] + (1 - share) * clips.dimensions[drawn.other]

    def allowed(indices: list[int]) -> torch.Tensor:
        return torch.from_numpy(np.stack([clips.allowed[clips.examples[i].corpus] for i in indices]))

    return Batch(
        padded,
        lengths,
        torch.from_numpy(clips.targets[drawn.own]),
        allowed(drawn.own),
        torch.from_numpy(clips.targets[drawn.other]),
        allowed(drawn.other),
        torch.from_numpy(drawn.shares),
        torch.from_numpy(rated),
    )
