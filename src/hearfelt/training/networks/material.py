"""What a network with tasks learns from: log-mels or sounds, functionals, and a target a task."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hearfelt.errors import CorpusError, OptionError
from hearfelt.models.networks.heads import Task
from hearfelt.training import inputs, measure
from hearfelt.training.inputs import Clips
from hearfelt.training.networks import targets
from hearfelt.training.networks.recipe import NetworkRecipe
from hearfelt.training.watch import Report
from hearfelt.types import Example, FloatArray

SAMPLE_RATE_HZ = 16000
_POOL = 16


@dataclass(frozen=True, eq=False)
class Batch:
    """Clips padded to one length, each perhaps mixed with another (mixup).

    Args:
        x: log-mels ``(batch, frames, n_mels)`` or sounds ``(batch, samples)``.
        lengths: int64 ``(batch,)``.
        functionals: ``(batch, n_functionals)``, or None.
        targets, other_targets: by task; of the clip itself and of the one mixed in.
        allowed, other_allowed: by task, bool ``(batch, n_labels)``.
        share: how much of each place is the clip itself, ``(batch,)``.
    """

    x: Tensor
    lengths: Tensor
    functionals: Tensor | None
    targets: dict[str, Tensor]
    other_targets: dict[str, Tensor]
    allowed: dict[str, Tensor]
    other_allowed: dict[str, Tensor]
    share: Tensor


@dataclass(frozen=True, eq=False)
class Material:
    """The clips of a table.

    Args:
        clips: log-mels, functionals and lengths.
        waveform: whether the network hears sounds instead of log-mels; they are read anew each time.
    """

    clips: Clips
    waveform: bool

    @property
    def examples(self) -> tuple[Example, ...]:
        """The table."""
        return self.clips.examples

    def heard(self, index: int) -> FloatArray:
        """What the network hears of a clip: ``(n_frames, n_mels)`` or ``(n_samples,)``."""
        if not self.waveform:
            return self.clips.logmel(index)
        return measure.sound(self.examples[index], SAMPLE_RATE_HZ).samples

    def size(self, index: int) -> float:
        """How long a clip is, in any unit: to sort by."""
        return float(self.clips.durations_s[index] if self.waveform else self.clips.length(index))

    def functionals(self, indices: Sequence[int]) -> Tensor:
        """Functionals of some clips."""
        return torch.from_numpy(self.clips.functionals[list(indices)])


def measured(
    recipe: NetworkRecipe,
    examples: Sequence[Example],
    cache: Path | None,
    report: Report,
    workers: int = 1,
    waveform: bool = False,
) -> Material:
    """Log-mels and functionals of a table.

    Raises:
        CorpusError: clips that cannot be measured.
        OptionError: functionals are asked for, and the log-mels have too few bins for them.
    """
    heard = measure.logmels(examples, recipe.features, cache=cache, report=report, workers=workers)
    if recipe.network.functionals and not heard.functionals.shape[1]:
        raise OptionError(
            f"features.n_mels = {recipe.features.n_mels} are too few bins for functionals: use 20 or more, "
            "or set network.functionals = ''"
        )
    labels = tuple(sorted({str(e.gold) for e in examples if e.gold}))
    fused = bool(recipe.network.functionals)
    return Material(inputs.gather(examples, labels, heard, functionals=fused), waveform)


class Teaching:
    """Batches of some clips, with the targets of some tasks.

    Args:
        indices: the clips to learn from.
    """

    def __init__(
        self, recipe: NetworkRecipe, tasks: Sequence[Task], material: Material, indices: Sequence[int]
    ) -> None:
        self.recipe, self.tasks, self.material, self.indices = recipe, tuple(tasks), material, list(indices)
        self.targets = targets.targets(tasks, recipe.tasks, material.examples)
        self.allowed = {
            task.name: _allowed(self.targets[task.name], material.examples, self.indices)
            for task in tasks
            if task.name == "emotion" and task.kind == "single"
        }
        self._taught = self.targets | self._whole_texts()
        self._drawn = _drawable(recipe, material, self.indices)

    def _whole_texts(self) -> dict[str, npt.NDArray[Any]]:
        """Texts of clips that are not cut to ``loop.max_s``; those of others no longer fit what is heard."""
        if "characters" not in self.targets:
            return {}
        texts, longest_s = self.targets["characters"].copy(), self.recipe.loop.max_s
        hop_s = self.recipe.features.hop_ms / 1000
        clips = self.material.clips
        for row in range(len(texts)):
            heard_s = clips.durations_s[row] if self.material.waveform else clips.length(row) * hop_s
            if heard_s > longest_s:
                texts[row] = -1
        return {"characters": texts}

    @property
    def steps(self) -> int:
        """Batches of an epoch, an upper bound."""
        return inputs.steps(self.material.clips, self.indices, self._drawn)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch; all chance comes from the recipe's seed and the epoch's number."""
        if self.material.waveform:
            for x, lengths, group in sounds(self.material, self.indices, self._drawn, epoch):
                yield self._batch(x, lengths, group, group, np.ones(len(group), dtype=np.float32))
            return
        for drawn in inputs.batches(self.material.clips, self.indices, self._drawn, epoch):
            x, lengths = inputs.pad(drawn.logmels)
            yield self._batch(x, lengths, drawn.own, drawn.other, drawn.shares)

    def _batch(
        self, x: Tensor, lengths: Tensor, own: list[int], other: list[int], shares: FloatArray
    ) -> Batch:
        def of(indices: list[int], table: dict[str, npt.NDArray[Any]]) -> dict[str, Tensor]:
            return {name: torch.from_numpy(values[indices]) for name, values in table.items()}

        share = torch.from_numpy(shares)
        functionals = None
        if self.recipe.network.functionals:
            mixed = share[:, None] * self.material.functionals(own)
            functionals = mixed + (1 - share[:, None]) * self.material.functionals(other)
        return Batch(
            x,
            lengths,
            functionals,
            of(own, self._taught),
            of(other, self._taught),
            of(own, self.allowed),
            of(other, self.allowed),
            share,
        )


def sounds(
    material: Material, indices: Sequence[int], recipe: inputs.Drawable, epoch: int
) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
    """Sounds of an epoch's batches, their lengths, and which clips they are.

    They are cut to ``loop.max_s`` and else left as they are.
    """
    random = np.random.default_rng([recipe.seed, epoch])
    drawn = inputs.draw(material.clips, indices, recipe.data, random)
    chosen = [int(i) for i in random.permutation(drawn)]
    size, longest = recipe.loop.batch, round(recipe.loop.max_s * SAMPLE_RATE_HZ)
    for first in range(0, len(chosen), _POOL * size):
        pool = sorted(chosen[first : first + _POOL * size], key=material.size)
        groups = [pool[start : start + size] for start in range(0, len(pool), size)]
        for number in random.permutation(len(groups)):
            group = groups[number]
            if len(group) < 2:
                continue
            x, lengths = padded([_cut(material.heard(i), longest, random) for i in group])
            yield x, lengths, group


def padded(sounds: Sequence[FloatArray]) -> tuple[Tensor, Tensor]:
    """Sounds of unlike length as ``(batch, samples)`` and their lengths."""
    lengths = [len(sound) for sound in sounds]
    x = np.zeros((len(sounds), max(lengths)), dtype=np.float32)
    for row, sound in enumerate(sounds):
        x[row, : len(sound)] = sound
    return torch.from_numpy(x), torch.tensor(lengths)


def _cut(sound: FloatArray, longest: int, random: np.random.Generator) -> FloatArray:
    if len(sound) <= longest:
        return sound
    first = int(random.integers(0, len(sound) - longest + 1))
    return sound[first : first + longest]


def _allowed(
    target: npt.NDArray[Any], examples: Sequence[Example], indices: Sequence[int]
) -> npt.NDArray[np.bool_]:
    """Of each clip the labels that its corpus has in training, ``(n_clips, n_labels)``."""
    n_labels = int(target.max(initial=0)) + 1
    rows = np.zeros((len(examples), n_labels), dtype=bool)
    corpora = np.array([e.corpus for e in examples])
    for corpus in np.unique(corpora):
        own = [i for i in indices if examples[i].corpus == corpus and target[i] >= 0]
        rows[np.ix_(corpora == corpus, np.unique(target[own]))] = True
    return rows


def _drawable(recipe: NetworkRecipe, material: Material, indices: Sequence[int]) -> NetworkRecipe:
    """The recipe with ``sampling`` written out as clips an epoch, and without crops where words are spelt."""
    data, augment = recipe.data, recipe.augment
    if recipe.sampling == "even":
        if any(not e.gold for e in material.examples):
            raise CorpusError(
                "sampling = 'even' draws evenly over labels, and some clips have none: use 'each'"
            )
        counts = {e.corpus: 0 for e in material.examples}
        for index in indices:
            counts[material.examples[index].corpus] += 1
        data = dataclasses.replace(data, per_epoch=counts | dict(data.per_epoch))
    if any(task.name == "characters" for task in recipe.tasks):
        augment = dataclasses.replace(augment, crop_p=0.0)
    return dataclasses.replace(recipe, data=data, augment=augment)
