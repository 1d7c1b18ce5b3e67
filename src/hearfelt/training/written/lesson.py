"""The lesson of a model that writes: the likelihood of its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hearfelt.errors import CorpusError, OptionError
from hearfelt.evaluation import metrics
from hearfelt.models import writers
from hearfelt.models.networks import table
from hearfelt.models.scratch import tokens
from hearfelt.models.speech_llm import lm, prompt
from hearfelt.models.writer import Writer
from hearfelt.training import engine, inner, inputs
from hearfelt.training.devices import Device
from hearfelt.training.engine import Step
from hearfelt.training.networks import material as networks
from hearfelt.training.watch import How, Report
from hearfelt.training.written import material as materials
from hearfelt.training.written import sound
from hearfelt.training.written.material import Batch, Material, Teaching
from hearfelt.training.written.recipe import ScratchRecipe, SpeechLlmRecipe, WrittenRecipe

Scores = npt.NDArray[np.float32]
_MEASURED = 400
"""Clips from which a network takes the statistics of its input."""


def hears_waveform(recipe: WrittenRecipe) -> bool:
    """Whether sounds are heard instead of log-mels."""
    if isinstance(recipe, ScratchRecipe):
        return False
    table.options_of(recipe.sound.kind, **recipe.sound.options)
    return table.NETWORKS[recipe.sound.kind][1].input == "waveform"


def plan(
    recipe: WrittenRecipe, material: Material, indices: Sequence[int], place: str
) -> tuple[Any, dict[str, Tensor]]:
    """What makes the network again (options, labels, vocabulary as plain data), and weights to begin with.

    Args:
        indices: the clips to learn from, from whose texts a vocabulary is made.
        place: ``fold3`` or ``final``; see `sound.chosen`.
    """
    labels = list(recipe.data.labels)
    if isinstance(recipe, ScratchRecipe):
        captions = [material.answer(i, recipe).caption for i in indices]
        words = tokens.words_of(captions)
        kept = tokens.Vocabulary(tuple(labels), words, recipe.network.multi_label)
        read = "" if recipe.network.hears == "sound" else _vocabulary(recipe, material, indices)
        return writers.scratch_plan(recipe.features.n_mels, recipe.network, kept, read), {}
    hears, state = sound.chosen(recipe.sound, recipe.features, place)
    if hears.frozen and not hears.source and hears.kind != "encoder":
        raise OptionError(
            "sound.frozen = true with random weights would hear nothing: name a trained run by sound.source, "
            "or set sound.frozen = false"
        )
    read = "" if recipe.lm.source else _vocabulary(recipe, material, indices)
    made = writers.speech_llm_plan(
        recipe.features.n_mels, hears, recipe.adapter, recipe.lm, recipe.prompt, labels, read
    )
    return made, state


def _vocabulary(recipe: WrittenRecipe, material: Material, indices: Sequence[int]) -> str:
    """The words of the training clips, and those of every answer and prompt, as a tokenizer's JSON."""
    texts = [material.examples[i].text or "" for i in indices]
    texts += [sentence for sentences in material.sentences.values() for sentence in sentences]
    if isinstance(recipe, SpeechLlmRecipe):
        fixed = prompt.texts(tuple(recipe.data.labels), recipe.prompt)
        fixed += [material.answer(i, recipe).caption for i in indices]
        fixed += [", ".join(material.given(i).cues) for i in indices] if recipe.prompt.cues else []
        # What is always written must be known, however many other words there are.
        return lm.vocabulary(
            [*texts, *(fixed * (2 + len(texts) // max(1, len(fixed))))], recipe.lm.vocabulary
        )
    return lm.vocabulary(texts, recipe.network.vocabulary)


def learn(
    recipe: WrittenRecipe,
    material: Material,
    indices: Sequence[int],
    folder: Path,
    report: Report,
    how: How | None = None,
    place: str = "final",
) -> tuple[Writer, Any]:
    """Learn from the clips at ``indices``: the network with averaged weights, and the plan it is made from.

    Args:
        recipe: names its labels.
        folder: gets ``checkpoint.pt`` (gone on from where present) and ``log.jsonl``.

    Raises:
        CorpusError: clips without a label.
        RunError: see `hearfelt.training.engine.fit`.
    """
    how = how or How()
    bare = [i for i in indices if not material.examples[i].gold]
    if bare:
        raise CorpusError(
            f"{len(bare)} of {len(indices)} clips have no label, the first is "
            f"{material.examples[bare[0]].file}: label them or leave them out"
        )
    torch.set_num_threads(recipe.loop.threads)
    torch.manual_seed(recipe.seed)
    made, state = plan(recipe, material, indices, place)
    network = writers.build(made)
    if state:
        writers.begin(network, state)
    network.smoothing = recipe.loop.smoothing
    learnt, judged = list(indices), list[int]()
    if recipe.loop.patience:
        learnt, judged = inner.split(material.examples, indices, recipe.loop.validation, recipe.seed)
    _measure(network, material, learnt, recipe.seed)
    kept = None
    if network.frozen and isinstance(recipe, SpeechLlmRecipe):
        network.eval()
        kept = materials.keep(network, material, learnt, recipe)
        report(f"kept what the frozen encoder hears of {len(learnt)} clips in {len(kept.versions)} epochs")
    elif isinstance(recipe, ScratchRecipe) and all(
        c % 8 == 0 for c in (recipe.network.stem, *recipe.network.channels)
    ):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # see training.loop
    lesson = WrittenLesson(network, Teaching(recipe, material, learnt, kept), judged)
    engine.fit(lesson, recipe.loop, folder, how.watchers(report, folder), how.device)
    return network, made


def _measure(network: Writer, material: Material, indices: Sequence[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    sample = random.choice(indices, min(len(indices), _MEASURED), replace=False).tolist()
    if not material.waveform:
        network.measure(*inputs.pad([material.heard(i) for i in sample]))


class WrittenLesson(engine.Lesson):
    """A network that writes, on clips of one label, or several."""

    def __init__(self, network: Writer, teaching: Teaching, judged: Sequence[int] = ()) -> None:
        super().__init__()
        self.network: Writer = network
        self.teaching, self.judged = teaching, list(judged)
        self.steps, self.judges = teaching.steps, bool(judged)

    def batches(self, epoch: int) -> Iterator[Batch]:
        return self.teaching.batches(epoch)

    def forward(self, batch: Batch, device: Device) -> Step:
        weight = self.teaching.recipe.teach.rest_weight
        with device.autocast():
            steps, lengths = (
                (batch.x, batch.lengths) if batch.heard else self.network.hear(batch.x, batch.lengths)
            )
            label, rest = self.network.losses(steps, lengths, batch.given, batch.answers)
            if float(batch.share.min()) < 1:
                others = self.network.losses(steps, lengths, batch.given, batch.other_answers)
                label = batch.share * label + (1 - batch.share) * others[0]
                rest = batch.share * rest + (1 - batch.share) * others[1]
        figures = {"loss_label": float(label.detach().mean()), "loss_rest": float(rest.detach().mean())}
        return Step((label + weight * rest).mean(), len(batch.lengths), figures)

    def score(self) -> dict[str, float]:
        """UAR on the clips set apart; of several labels a clip, macro-F1."""
        found = scores(self.network, self.teaching.material, self.judged)
        gold = [self.teaching.material.answer(i, self.teaching.recipe).labels for i in self.judged]
        if self.network.multi_label:
            truth = np.array([[label in one for label in self.network.labels] for one in gold])
            return {"score": metrics.multilabel_f1(truth, found > 0)}
        named = [self.network.labels[i] for i in found.argmax(axis=1)]
        return {"score": metrics.uar([one[0] for one in gold], named)}


@torch.no_grad()
def scores(network: Writer, material: Material, indices: Sequence[int], batch: int = 32) -> Scores:
    """The score of each label of the clips at ``indices``, whole, in order, ``(n, n_labels)``."""
    found = np.empty((len(indices), len(network.labels)), dtype=np.float32)
    for part, steps, lengths in _heard(network, material, indices, batch):
        given = [material.given(indices[i]) for i in part]
        found[part] = network.scores(steps, lengths, given).float().cpu().numpy()
    return found


@torch.no_grad()
def written(network: Writer, material: Material, indices: Sequence[int], batch: int = 32) -> list[Any]:
    """What is written of the clips at ``indices``, in order: `hearfelt.models.written.Answer`."""
    found: list[Any] = [None] * len(indices)
    for part, steps, lengths in _heard(network, material, indices, batch):
        said = network.write(steps, lengths, [material.given(indices[i]) for i in part])
        for row, one in zip(part, said, strict=True):
            found[row] = one
    return found


def _heard(
    network: Writer, material: Material, indices: Sequence[int], batch: int
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Positions, steps and lengths of clips of like length."""
    device = next(network.parameters()).device
    order = sorted(range(len(indices)), key=lambda i: material.size(indices[i]))
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        heard = [material.heard(indices[i]) for i in part]
        x, lengths = (networks.padded if material.waveform else inputs.pad)(heard)
        yield part, *network.hear(x.to(device), lengths.to(device))
