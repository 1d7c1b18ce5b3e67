"""The linear model on functionals: multinomial logistic regression that minds which labels a corpus has."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from hearfelt.datasets import augment
from hearfelt.features import melfunctionals
from hearfelt.models.neural import Linear
from hearfelt.training.inputs import Clips
from hearfelt.training.recipe import Recipe
from hearfelt.types import FloatArray


def fit(recipe: Recipe, clips: Clips, indices: list[int]) -> Linear:
    """Least mean loss plus ``l2 / 2`` times the squared weights, by L-BFGS from zero: no chance in it.

    A clip weighs so that every corpus counts as `DataOptions.per_epoch` says (as many as it has where that
    names none) and every label of a corpus alike. As in the networks' loss, labels a corpus lacks are left
    out of the softmax but for the share `FunctionalsOptions.absent`.
    """
    values = torch.from_numpy(np.concatenate((clips.functionals[indices], *_copies(recipe, clips, indices))))
    indices = indices * (1 + recipe.functionals.copies)
    model = Linear(values.shape[1], len(clips.labels), recipe.network.level_db)
    model.gauge[melfunctionals.names().index(melfunctionals.LEVEL)] = 1
    model.level.copy_((values @ model.gauge).mean())
    model.gain.copy_(torch.from_numpy(melfunctionals.gain_direction(recipe.features.n_mels)))
    levelled = model.at_level(values)
    model.mean.copy_(levelled.mean(dim=0))
    model.scale.copy_(levelled.std(dim=0, correction=0) + 1e-6)
    x = model.standardise(values)
    targets = torch.from_numpy(clips.targets[indices])
    allowed = torch.from_numpy(np.stack([clips.allowed[clips.examples[i].corpus] for i in indices]))
    shares, absent = _shares(recipe, clips, indices), recipe.functionals.absent
    weight = torch.zeros(x.shape[1], len(clips.labels), requires_grad=True)
    bias = torch.zeros(len(clips.labels), requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=200, tolerance_grad=1e-5, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = x @ weight + bias
        own = _log_loss(logits.masked_fill(~allowed, -1e9), targets)
        total = (1 - absent) * own + absent * _log_loss(logits, targets)
        value = (shares * total).sum() + recipe.functionals.l2 / 2 * (weight**2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    model.weight.copy_(weight.detach())
    model.bias.copy_(bias.detach())
    return model.eval()


def _copies(recipe: Recipe, clips: Clips, indices: list[int]) -> list[FloatArray]:
    """Functionals of changed copies of the clips; all chance comes from the recipe's seed."""
    whole = dataclasses.replace(recipe.augment, crop_p=0, freq_masks=0, time_masks=0)
    hop_s = recipe.features.hop_ms / 1000
    steps, random = augment.build(whole, hop_s), np.random.default_rng([recipe.seed, len(indices)])
    return [
        np.stack(
            [
                melfunctionals.functionals(augment.apply(steps, clips.logmel(i), random), hop_s)
                for i in indices
            ]
        )
        for _ in range(recipe.functionals.copies)
    ]


@torch.no_grad()
def logits(model: Linear, clips: Clips, indices: list[int]) -> FloatArray:
    """Logits of the clips at ``indices``, shape ``(len(indices), n_labels)``."""
    found: FloatArray = model(torch.from_numpy(clips.functionals[indices])).numpy()
    return found


def _log_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return -torch.log_softmax(logits, dim=1).gather(1, targets[:, None])[:, 0]


def _shares(recipe: Recipe, clips: Clips, indices: list[int]) -> Tensor:
    corpora = np.array([clips.examples[i].corpus for i in indices])
    targets = clips.targets[indices]
    shares = np.zeros(len(indices))
    for corpus in np.unique(corpora):
        inside = corpora == corpus
        wanted = recipe.data.per_epoch.get(str(corpus), int(inside.sum()))
        labels, counts = np.unique(targets[inside], return_counts=True)
        each = dict(zip(labels.tolist(), counts.tolist(), strict=True))
        shares[inside] = [wanted / len(labels) / each[int(label)] for label in targets[inside]]
    return torch.from_numpy((shares / shares.sum()).astype(np.float32))
