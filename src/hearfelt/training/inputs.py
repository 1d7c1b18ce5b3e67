"""From sound files to batches: log-mels measured once and kept on disk, then drawn, changed and padded."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from hearfelt import audio
from hearfelt.datasets import augment, corpora, manifest
from hearfelt.errors import CorpusError, FeatureError
from hearfelt.features import melfunctionals
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.training.files import atomic
from hearfelt.training.recipe import DataOptions, Recipe
from hearfelt.types import Example, FloatArray

Report = Callable[[str], None]


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
    functionals: FloatArray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

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


def load(recipe: Recipe, data: Path, cache: Path, report: Report) -> Clips:
    """All clips of a recipe's corpora, log-mels measured or taken from the cache.

    Raises:
        CorpusError: a corpus is missing or broken, or a label is neither learnt, mapped nor dropped.
    """
    examples: list[Example] = []
    values, lengths, durations, measured = [], [], [], []
    for name in recipe.data.corpora:
        table = corpora.read(name, data)
        stored = _measured(name, table, recipe.features, cache, report)
        position = {e.file: i for i, e in enumerate(table)}
        kept = manifest.relabel(
            table, mapping=recipe.data.relabel, drop=recipe.data.drop, labels=recipe.data.labels
        )
        starts = np.concatenate(([0], np.cumsum(stored["lengths"])))
        for example in kept:
            i = position[example.file]
            values.append(stored["values"][starts[i] : starts[i + 1]])
            lengths.append(int(stored["lengths"][i]))
            durations.append(float(stored["durations_s"][i]))
            measured.append(stored["functionals"][i])
        examples += kept
    wanted = None if recipe.functionals.use else 0
    return Clips(
        examples=tuple(examples),
        labels=recipe.data.labels,
        values=np.concatenate(values),
        starts=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        targets=np.array([recipe.data.labels.index(str(e.gold)) for e in examples], dtype=np.int64),
        allowed=_allowed(examples, recipe.data.labels),
        durations_s=np.array(durations, dtype=np.float32),
        dimensions=np.array([_rated(e) for e in examples], dtype=np.float32).reshape(-1, 3),
        functionals=np.stack(measured)[:, :wanted],
    )


def _rated(example: Example) -> list[float]:
    values = (example.arousal, example.valence, example.dominance)
    return [math.nan if value is None else value for value in values]


def _allowed(examples: Sequence[Example], labels: Sequence[str]) -> dict[str, npt.NDArray[np.bool_]]:
    present: dict[str, set[str | None]] = defaultdict(set)
    for example in examples:
        present[example.corpus].add(example.gold)
    return {corpus: np.array([label in golds for label in labels]) for corpus, golds in present.items()}


def _measured(
    name: str, table: Sequence[Example], options: LogMelOptions, cache: Path, report: Report
) -> dict[str, npt.NDArray[np.generic]]:
    stamp = [[Path(e.file).name, Path(e.file).stat().st_size] for e in table]
    key = hashlib.sha256(
        json.dumps([dataclasses.asdict(options), melfunctionals.SPACE, stamp]).encode()
    ).hexdigest()[:12]
    path = cache / f"{name}-{key}.npz"
    if path.is_file():
        with np.load(path) as stored:
            return {part: stored[part] for part in stored.files}
    extract, found, durations, functionals = LogMel(options), [], [], []
    for number, example in enumerate(table):
        if number % 200 == 0:
            report(f"{name}: log-mel of clip {number} of {len(table)}")
        try:
            sound = audio.read(Path(example.file), sample_rate_hz=options.sample_rate_hz)[0]
            frames = extract(sound).values
            found.append(frames.astype(np.float16))
            functionals.append(_functionals(frames, options))
        except FeatureError as error:
            raise CorpusError(f"{example.file} cannot be learnt from: {error}") from None
        durations.append(sound.duration_s)
    stored = {
        "values": np.concatenate(found),
        "lengths": np.array([len(f) for f in found]),
        "durations_s": np.array(durations),
        "functionals": np.stack(functionals),
    }
    cache.mkdir(parents=True, exist_ok=True)
    with atomic(path) as part, part.open("wb") as stream:
        np.savez(stream, **stored)
    return stored


def _functionals(logmel: FloatArray, options: LogMelOptions) -> FloatArray:
    """Mel functionals of one clip; none where its log-mels have too few bins for them."""
    if options.n_mels < melfunctionals.MIN_MELS:
        return np.zeros(0, dtype=np.float32)
    return melfunctionals.functionals(logmel, options.hop_ms / 1000)


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


def epoch(clips: Clips, indices: Sequence[int], recipe: Recipe, epoch_number: int) -> Iterator[Batch]:
    """Batches of one epoch. All chance comes from the recipe's seed and the epoch's number."""
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
                yield _mixed(clips, pool, changed, group, recipe.augment.mixup, random)


_POOL = 16
"""Batches that are drawn, changed and sorted by length together, so that a batch needs little padding."""


def _mixed(
    clips: Clips,
    pool: Sequence[int],
    changed: Sequence[FloatArray],
    group: npt.NDArray[np.int64],
    alpha: float,
    random: np.random.Generator,
) -> Batch:
    """A batch of the clips at ``group`` of the pool, each mixed with one from anywhere in the pool."""
    if not alpha:
        own = [pool[i] for i in group]
        return _batch(clips, [changed[i] for i in group], own, own, np.ones(len(group), dtype=np.float32))
    shares = random.beta(alpha, alpha, len(group)).astype(np.float32)
    shares = np.maximum(shares, 1 - shares)
    others = random.integers(0, len(pool), len(group))
    mixed = [
        augment.mixup(changed[a], changed[b], float(share))
        for a, b, share in zip(group, others, shares, strict=True)
    ]
    return _batch(clips, mixed, [pool[i] for i in group], [pool[i] for i in others], shares)


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


def _batch(
    clips: Clips, logmels: list[FloatArray], group: list[int], partners: list[int], shares: FloatArray
) -> Batch:
    padded, lengths = pad(logmels)
    share = shares[:, None]
    rated = share * clips.dimensions[group] + (1 - share) * clips.dimensions[partners]

    def allowed(indices: list[int]) -> torch.Tensor:
        return torch.from_numpy(np.stack([clips.allowed[clips.examples[i].corpus] for i in indices]))

    return Batch(
        padded,
        lengths,
        torch.from_numpy(clips.targets[group]),
        allowed(group),
        torch.from_numpy(clips.targets[partners]),
        allowed(partners),
        torch.from_numpy(shares),
        torch.from_numpy(rated),
    )
