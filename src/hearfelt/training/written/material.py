"""What a model that writes learns from: sounds, words, cues, and the answer of each clip."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hearfelt.features import cues as vocal
from hearfelt.features.frames import FrameFeatures
from hearfelt.models.writer import Writer
from hearfelt.models.written import Answer, Given, answer
from hearfelt.training import inputs, measure
from hearfelt.training.files import write_json
from hearfelt.training.networks import material as networks
from hearfelt.training.watch import Report
from hearfelt.training.written.recipe import ScratchRecipe, SpeechLlmRecipe, WrittenRecipe
from hearfelt.types import Example, FloatArray


@dataclass(frozen=True, eq=False)
class Material(networks.Material):
    """The clips of a table.

    Args:
        cues: what stands out in each voice; empty tuples where it is not measured.
        sentences: label to sentences; where given, each training clip is read with one of its label, drawn
            anew each time, instead of its own text.
    """

    cues: tuple[tuple[str, ...], ...] = ()
    sentences: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def given(self, index: int) -> Given:
        """What is read of a clip when it is judged."""
        return Given(self.examples[index].text or "", self.cues[index] if self.cues else ())

    def taught(self, index: int, recipe: WrittenRecipe, random: np.random.Generator) -> Given:
        """What is read of a clip when it is learnt from."""
        one, teach = self.given(index), recipe.teach
        own = self.sentences.get(self.examples[index].gold or "", ())
        if own:
            one = dataclasses.replace(one, words=own[int(random.integers(len(own)))])
        luck = random.random()
        if luck < teach.words_drop:
            return dataclasses.replace(one, words="")
        if luck < teach.words_drop + teach.sound_drop and one.words:
            return dataclasses.replace(one, sound=False)
        return one

    def answer(self, index: int, recipe: WrittenRecipe) -> Answer:
        """What is to be written of a clip."""
        example = self.examples[index]
        writes = recipe.network.caption if isinstance(recipe, ScratchRecipe) else recipe.prompt.caption
        labels: tuple[str, ...] = (example.gold or "",)
        if isinstance(recipe, ScratchRecipe) and recipe.network.multi_label and example.soft:
            labels = tuple(name for name, share in example.soft.items() if share >= recipe.teach.min_share)
        return answer(
            labels,
            (example.arousal, example.valence, example.dominance),
            intensity=example.intensity,
            cues=self.cues[index] if self.cues and recipe.teach.cues else (),
            caption=writes,
        )


def measured(
    recipe: WrittenRecipe,
    examples: Sequence[Example],
    cache: Path | None,
    report: Report,
    workers: int = 1,
    waveform: bool = False,
) -> Material:
    """Log-mels of a table, and the cues of each voice where they are read or written.

    Raises:
        CorpusError: clips that cannot be measured.
    """
    heard = measure.logmels(examples, recipe.features, cache=cache, report=report, workers=workers)
    labels = tuple(sorted({str(e.gold) for e in examples if e.gold}))
    asked = recipe.teach.cues or (isinstance(recipe, SpeechLlmRecipe) and recipe.prompt.cues)
    found = cues(examples, cache, report) if asked else ()
    return Material(inputs.gather(examples, labels, heard), waveform, found)


def cues(examples: Sequence[Example], cache: Path | None, report: Report) -> tuple[tuple[str, ...], ...]:
    """What stands out in each voice, against people at large; kept in the cache."""
    rows = [
        [Path(e.file).name, None if e.segment is None else [e.segment.start_s, e.segment.end_s]]
        for e in examples
    ]
    key = hashlib.sha256(json.dumps([sorted(vocal.MEASURES), rows]).encode()).hexdigest()[:16]
    path = None if cache is None else cache / f"cues-{key}.json"
    if path is not None and path.is_file():
        return tuple(tuple(row) for row in json.loads(path.read_text(encoding="utf-8")))
    extract, found = FrameFeatures(), []
    for number, example in enumerate(examples, 1):
        sound = measure.sound(example, networks.SAMPLE_RATE_HZ)
        found.append(tuple(cue.text for cue in vocal.describe(vocal.measures(extract(sound)))))
        if number % 200 == 0:
            report(f"cues of {number} of {len(examples)} clips")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, found)
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Batch:
    """Clips padded to one length, each perhaps mixed with another (mixup).

    Args:
        x, lengths: log-mels, sounds, or (``heard``) steps that were kept.
        given: what is read of each clip.
        answers, other_answers: of the clip, and of the one mixed in.
        share: how much of each place is the clip itself, ``(batch,)``.
    """

    x: Tensor
    lengths: Tensor
    given: tuple[Given, ...]
    answers: tuple[Answer, ...]
    other_answers: tuple[Answer, ...]
    share: Tensor
    heard: bool


class Teaching:
    """Batches of some clips.

    Args:
        kept: what a frozen encoder hears.
    """

    def __init__(
        self, recipe: WrittenRecipe, material: Material, indices: Sequence[int], kept: Kept | None = None
    ) -> None:
        self.recipe, self.material, self.indices, self.kept = recipe, material, list(indices), kept

    @property
    def steps(self) -> int:
        """Batches of an epoch, an upper bound."""
        return inputs.steps(self.material.clips, self.indices, self.recipe)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch; all chance comes from the recipe's seed and the epoch's number."""
        random = np.random.default_rng([self.recipe.seed, epoch, 1])
        if self.kept is not None:
            yield from self._kept(epoch, random, self.kept)
        elif self.material.waveform:
            for x, lengths, group in networks.sounds(self.material, self.indices, self.recipe, epoch):
                yield self._batch(x, lengths, group, group, np.ones(len(group), dtype=np.float32), random)
        else:
            for drawn in inputs.batches(self.material.clips, self.indices, self.recipe, epoch):
                x, lengths = inputs.pad(drawn.logmels)
                yield self._batch(x, lengths, drawn.own, drawn.other, drawn.shares, random)

    def _kept(self, epoch: int, random: np.random.Generator, kept: Kept) -> Iterator[Batch]:
        rows = kept.versions[epoch % len(kept.versions)]
        chosen, size = random.permutation(len(rows)), self.recipe.loop.batch
        for first in range(0, len(chosen) - 1, size):
            group = [rows[i] for i in chosen[first : first + size]]
            x = torch.nn.utils.rnn.pad_sequence([row.steps.float() for row in group], batch_first=True)
            lengths = torch.tensor([len(row.steps) for row in group])
            shares = np.array([row.share for row in group], dtype=np.float32)
            own, other = [row.own for row in group], [row.other for row in group]
            yield self._batch(x, lengths, own, other, shares, random, heard=True)

    def _batch(
        self,
        x: Tensor,
        lengths: Tensor,
        own: list[int],
        other: list[int],
        shares: FloatArray,
        random: np.random.Generator,
        heard: bool = False,
    ) -> Batch:
        return Batch(
            x,
            lengths,
            tuple(self.material.taught(i, self.recipe, random) for i in own),
            tuple(self.material.answer(i, self.recipe) for i in own),
            tuple(self.material.answer(i, self.recipe) for i in other),
            torch.from_numpy(shares),
            heard,
        )


@dataclass(frozen=True, eq=False)
class Heard:
    """What a frozen encoder hears of a clip, changed and perhaps mixed with another as in training.

    Args:
        steps: float16 ``(steps, width)``.
        own, other, share: as of `hearfelt.training.inputs.Drawn`.
    """

    steps: Tensor
    own: int
    other: int
    share: float


@dataclass(frozen=True, eq=False)
class Kept:
    """What a frozen encoder hears in some epochs, which are learnt from in turn."""

    versions: tuple[tuple[Heard, ...], ...]


@torch.no_grad()
def keep(network: Writer, material: Material, indices: Sequence[int], recipe: SpeechLlmRecipe) -> Kept:
    """What ``sound.copies`` epochs of the clips at ``indices`` sound like to the encoder.

    The changes and the mixup are those that the encoder itself learnt under: it knows the clips as they are
    by heart, and what it says of them would be learnt as if it were always so sure.
    """
    versions: list[tuple[Heard, ...]] = []
    for number in range(1 if material.waveform else recipe.sound.copies):
        rows: list[Heard] = []
        if material.waveform:
            for x, lengths, group in networks.sounds(material, indices, recipe, number):
                heard = zip(_hear(network, x, lengths), group, strict=True)
                rows += [Heard(steps, i, i, 1.0) for steps, i in heard]
        else:
            for drawn in inputs.batches(material.clips, indices, recipe, number):
                steps = _hear(network, *inputs.pad(drawn.logmels))
                mixed = zip(steps, drawn.own, drawn.other, drawn.shares.tolist(), strict=True)
                rows += [Heard(*row) for row in mixed]
        versions.append(tuple(rows))
    return Kept(tuple(versions))


def _hear(network: Writer, x: Tensor, lengths: Tensor) -> list[Tensor]:
    """The steps of some sounds, each float16 ``(steps, width)``."""
    device = next(network.parameters()).device
    steps, counts = network.hear(x.to(device), lengths.to(device))
    return [row[:count].cpu().half() for row, count in zip(steps, counts.tolist(), strict=True)]
