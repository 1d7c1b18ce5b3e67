"""The lesson of the voice network: its batches, its losses, its score."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hearfelt.errors import CorpusError, ModelError
from hearfelt.evaluation import metrics
from hearfelt.models.neural import NetworkOptions, VoiceNetwork, ccc_loss, masked_cross_entropy
from hearfelt.training import engine, inner, inputs
from hearfelt.training.devices import Device
from hearfelt.training.engine import Step
from hearfelt.training.inputs import Batch, Clips
from hearfelt.training.recipe import LoopOptions, Recipe
from hearfelt.training.watch import How, Report
from hearfelt.types import FloatArray


def build(recipe: Recipe) -> VoiceNetwork:
    """The untrained network of a recipe."""
    options = NetworkOptions(n_mels=recipe.features.n_mels, **dataclasses.asdict(recipe.network))
    return VoiceNetwork(options, len(recipe.data.labels))


def train(
    recipe: Recipe,
    clips: Clips,
    indices: Sequence[int],
    folder: Path,
    report: Report,
    start: Start | None = None,
    how: How | None = None,
) -> VoiceNetwork:
    """Learn from the clips at ``indices``; the network with averaged weights, in evaluation mode.

    Args:
        folder: gets ``checkpoint.pt`` (resumed from where present) and ``log.jsonl``, one line an epoch.
        report: told after every epoch, in one line with the time left.
        start: where learning begins; random weights where None.

    Raises:
        CorpusError: the recipe asks for dimensions, and fewer than two of the clips were rated.
        ModelError: ``start`` is a network of another shape.
        RunError: see `hearfelt.training.engine.fit`.
    """
    _check_ratings(recipe, clips, indices)
    torch.set_num_threads(recipe.loop.threads)
    torch.manual_seed(recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    network = build(recipe)
    if start is not None:
        _begin(network, recipe.data.labels, start)
    if all(channels % 8 == 0 for channels in (network.options.stem, *network.options.channels)):
        # 1.4 times as fast. With other counts, oneDNN's backward kernels for AVX2 write past their arrays
        # (torch 2.13: "corrupted size vs. prev_size" with 4 channels).
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learnt, judged = list(indices), list[int]()
    if recipe.loop.patience:
        learnt, judged = inner.split(clips.examples, indices, recipe.loop.validation, recipe.seed)
    _measure_front(network, clips, learnt, recipe.seed)
    lesson = VoiceLesson(network, recipe, clips, learnt, judged)
    how = how or How()
    engine.fit(lesson, recipe.loop, folder, how.watchers(report, folder), how.device)
    return network


class VoiceLesson(engine.Lesson):
    """Log-mels to labels, and to ratings where the recipe asks for them."""

    def __init__(
        self,
        network: VoiceNetwork,
        recipe: Recipe,
        clips: Clips,
        indices: Sequence[int],
        judged: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.network: VoiceNetwork = network
        self.recipe, self.clips, self.indices, self.judged = recipe, clips, indices, judged
        self.steps = inputs.steps(clips, indices, recipe)
        self.judges = bool(judged)

    def batches(self, epoch: int) -> Iterator[Batch]:
        return inputs.epoch(self.clips, self.indices, self.recipe, epoch)

    def forward(self, batch: Batch, device: Device) -> Step:
        with device.autocast():
            logits, rated = self.network.answers(batch.logmel, batch.lengths)
        loss = _loss(logits, rated, batch, self.recipe.loop)
        known = logits.detach().float().masked_fill(~batch.allowed, float("-inf"))
        hits = float((known.argmax(dim=1) == batch.targets).float().mean())
        return Step(loss, len(batch.lengths), {"accuracy": hits})

    def score(self) -> dict[str, float]:
        """UAR on the clips set apart."""
        found = logits(self.network, self.clips, self.judged).argmax(axis=1)
        return {"score": metrics.uar(self.clips.targets[list(self.judged)].tolist(), found.tolist())}


@dataclass(frozen=True)
class Start:
    """A trained network whose weights are where another begins.

    Args:
        path: its ``network.pt``.
        labels: its labels. The outputs of labels that both know begin as they were, others by chance.
    """

    path: Path
    labels: tuple[str, ...]


def _begin(network: VoiceNetwork, labels: Sequence[str], start: Start) -> None:
    """The weights of ``start``; the front end is measured anew afterwards, on the clips at hand."""
    try:
        state = torch.load(start.path, weights_only=True)
        weight, bias = network.head.weight.detach().clone(), network.head.bias.detach().clone()
        for row, label in enumerate(labels):
            if label in start.labels:
                weight[row] = state["head.weight"][start.labels.index(label)]
                bias[row] = state["head.bias"][start.labels.index(label)]
        network.load_state_dict(state | {"head.weight": weight, "head.bias": bias})
    except (OSError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"{start.path} is no network that this one can start from ({error}): train it first, by a recipe "
            "with the same [network]"
        ) from None


def _loss(logits: Tensor, rated: Tensor | None, batch: Batch, loop: LoopOptions) -> Tensor:
    own = _clip_loss(logits, batch.targets, batch.allowed, loop)
    other = _clip_loss(logits, batch.other_targets, batch.other_allowed, loop)
    loss = (batch.share * own + (1 - batch.share) * other).mean()
    return loss if rated is None else loss + loop.dimension_weight * ccc_loss(rated, batch.dimensions)


def _clip_loss(logits: Tensor, targets: Tensor, allowed: Tensor, loop: LoopOptions) -> Tensor:
    """Cross-entropy of each clip over its corpus' labels, and in part over all of them."""
    loss = masked_cross_entropy(logits, targets, allowed, loop.smoothing)
    if not loop.absent:
        return loss
    over_all = masked_cross_entropy(logits, targets, torch.ones_like(allowed), loop.smoothing)
    return (1 - loop.absent) * loss + loop.absent * over_all


def _check_ratings(recipe: Recipe, clips: Clips, indices: Sequence[int]) -> None:
    """A head that learnt nothing must not pass for a trained one."""
    if not recipe.network.dimensions:
        return
    counts = np.isfinite(clips.dimensions[list(indices)]).sum(axis=0)
    for name, count in zip(("arousal", "valence", "dominance"), counts.tolist(), strict=True):
        if count < 2:
            raise CorpusError(
                f"{count} clips have a rating of {name}, at least 2 are needed to learn it: add the column "
                f"{name} to the manifest, or set dimensions = false in the recipe"
            )


def _measure_front(network: VoiceNetwork, clips: Clips, indices: Sequence[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    sample = random.choice(indices, min(len(indices), 400), replace=False)
    logmel, lengths = inputs.pad([clips.logmel(int(i)) for i in sample])
    mask = (torch.arange(logmel.shape[1])[None, :] < lengths[:, None]).float()[:, :, None]
    network.front.measure(logmel, mask)


@torch.no_grad()
def logits(network: VoiceNetwork, clips: Clips, indices: Sequence[int], batch: int = 32) -> FloatArray:
    """Logits of the clips at ``indices``, shape ``(len(indices), n_labels)``, in float32 and whole length."""
    order = sorted(range(len(indices)), key=lambda i: clips.length(indices[i]))
    found = np.empty((len(indices), len(clips.labels)), dtype=np.float32)
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        logmel, lengths = inputs.pad([clips.logmel(indices[i]) for i in part])
        device = next(network.parameters()).device
        found[part] = network(logmel.to(device), lengths.to(device)).float().cpu().numpy()
    return found
