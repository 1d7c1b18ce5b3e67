"""The losses of the tasks and their weighted sum; a missing target gives no gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hearfelt.errors import CorpusError
from hearfelt.models.networks.heads import STEP_LENGTHS, Task
from hearfelt.models.neural import ccc_loss, masked_cross_entropy


@dataclass(frozen=True, eq=False)
class Mixed:
    """The other clip of each place in a batch made by mixup (Zhang et al., arXiv:1710.09412).

    Args:
        targets: of the other clips, by task.
        share: ``(batch,)`` in [0, 1]: how much of each place is the clip itself; the rest is the other's.
        allowed: of the other clips, by task.
    """

    targets: Mapping[str, Tensor]
    share: Tensor
    allowed: Mapping[str, Tensor] = field(default_factory=dict)


def total(
    outputs: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    tasks: Sequence[Task],
    *,
    allowed: Mapping[str, Tensor] | None = None,
    mixed: Mixed | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """The sum of the tasks' losses, each times its weight, and each loss before that.

    A loss is the mean over the clips (for ``multi`` the entries) that have a target, weighed by class
    weights. A task that no clip of the batch has a target for adds nothing and is not reported.

    Args:
        outputs: what `EmotionNetwork` answers.
        targets: by task, in the shapes of `hearfelt.models.networks.heads`; a task may be absent.
        allowed: by task, bool ``(batch, n_labels)``: the labels that the corpus of a clip has; the softmax
            spans these only. Read by ``single`` and ``soft``.
        mixed: where clips were mixed. Losses are mixed as the clips were; ratings are mixed before the loss.

    Raises:
        CorpusError: a clip's label is not among those its corpus is allowed.
    """
    allowed = allowed or {}
    loss = torch.zeros((), device=next(iter(outputs.values())).device)
    reported: dict[str, float] = {}
    for task in tasks:
        if task.name not in targets:
            continue
        if task.kind == "dimensions":
            found = _ratings_loss(outputs[task.name], targets[task.name], task, mixed)
        else:
            found = _mean_loss(outputs, targets, task, allowed.get(task.name), mixed)
        if found is not None:
            loss = loss + task.weight * found
            reported[task.name] = float(found.detach())
    return loss, reported


def _mean_loss(
    outputs: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    task: Task,
    allowed: Tensor | None,
    mixed: Mixed | None,
) -> Tensor | None:
    parts = [(targets[task.name], allowed, 1.0 if mixed is None else mixed.share)]
    if mixed is not None:
        parts.append((mixed.targets[task.name], mixed.allowed.get(task.name), 1 - mixed.share))
    above, below = [], []
    for target, known_labels, share in parts:
        each, weight = clip_losses(task, outputs, target, known_labels)
        above.append((share * weight * each).sum())
        below.append((share * weight).sum())
    weight_sum = torch.stack(below).sum()
    return torch.stack(above).sum() / weight_sum if weight_sum > 0 else None


def _ratings_loss(output: Tensor, ratings: Tensor, task: Task, mixed: Mixed | None) -> Tensor | None:
    if mixed is not None:
        share = mixed.share[:, None]
        ratings = share * ratings + (1 - share) * mixed.targets[task.name]
    rated = (~torch.isnan(ratings)).sum(dim=0)
    return ccc_loss(output, ratings) if bool((rated > 1).any()) else None


def clip_losses(
    task: Task, outputs: Mapping[str, Tensor], target: Tensor, allowed: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The loss of each clip and its weight in the mean, both ``(batch,)``; both 0 without a target.

    For all kinds but ``dimensions``, whose loss is one of the whole batch.
    """
    output = outputs[task.name]
    if task.kind == "single":
        return _single(task, output, target, allowed)
    if task.kind == "multi":
        return _multi(task, output, target)
    if task.kind == "soft":
        return _soft(output, target, allowed)
    return _ctc(output, outputs[STEP_LENGTHS], target)


def _single(task: Task, logits: Tensor, target: Tensor, allowed: Tensor | None) -> tuple[Tensor, Tensor]:
    known = target >= 0
    target = target.clamp(min=0)
    if allowed is None:
        allowed = torch.ones_like(logits, dtype=torch.bool)
    elif bool((known & ~allowed.gather(1, target[:, None])[:, 0]).any()):
        raise CorpusError(
            f"task {task.name!r}: a clip has a label that its corpus is not allowed: let `allowed` hold each "
            "label the corpus has"
        )
    allowed = allowed | ~known[:, None]
    if task.loss == "focal":
        each = focal_loss(logits, target, task.focal_gamma, allowed)
    else:
        each = masked_cross_entropy(logits, target, allowed, task.smoothing)
    weight = known.float()
    if task.class_weights:
        weight = weight * logits.new_tensor(task.class_weights, dtype=torch.float32)[target]
    return torch.where(known, each, 0.0), weight


def focal_loss(logits: Tensor, target: Tensor, gamma: float, allowed: Tensor | None = None) -> Tensor:
    """``-(1 - p)^gamma log p`` of the right label's p, shape ``(batch,)`` (arXiv:1708.02002, eq. 4).

    Args:
        target: int64 ``(batch,)``.
        allowed: bool ``(batch, n_labels)``: the labels that the softmax spans; None for all.
    """
    logits = logits.float()
    if allowed is not None:
        logits = logits.masked_fill(~allowed, float("-inf"))
    log_p = torch.log_softmax(logits, dim=1).gather(1, target[:, None])[:, 0]
    return -((1 - log_p.exp()).clamp(min=1e-8) ** gamma) * log_p


def _multi(task: Task, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    known = ~torch.isnan(target)
    truth = torch.where(known, target.float(), 0.0)
    present = logits.new_tensor(task.class_weights, dtype=torch.float32) if task.class_weights else None
    each = functional.binary_cross_entropy_with_logits(
        logits.float(), truth, pos_weight=present, reduction="none"
    )
    if task.loss == "focal":
        p = torch.sigmoid(logits.float())
        missed = truth * (1 - p) + (1 - truth) * p
        each = missed.clamp(min=1e-8) ** task.focal_gamma * each
    count = known.sum(dim=1)
    return (each * known).sum(dim=1) / count.clamp(min=1), count / known.shape[1]


def _soft(logits: Tensor, target: Tensor, allowed: Tensor | None) -> tuple[Tensor, Tensor]:
    """Kullback-Leibler divergence from the soft label to the answer."""
    known = ~torch.isnan(target).any(dim=1)
    shares = torch.where(known[:, None], target.float(), 0.0)
    if allowed is not None:
        logits = logits.float().masked_fill(~allowed, float("-inf"))
        shares = shares * allowed
    known = known & (shares.sum(dim=1) > 0)
    shares = shares / shares.sum(dim=1, keepdim=True).clamp(min=1e-12)
    log_q = torch.log_softmax(logits.float(), dim=1)
    log_q = torch.where(shares > 0, log_q, 0.0)
    return (torch.xlogy(shares, shares) - shares * log_q).sum(dim=1), known.float()


def _ctc(logits: Tensor, step_lengths: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """CTC a character (Graves et al. 2006); a text that has too many characters for its steps counts 0."""
    lengths = (target >= 0).sum(dim=1)
    log_p = torch.log_softmax(logits.float(), dim=2).transpose(0, 1)
    each = functional.ctc_loss(
        log_p, target.clamp(min=0), step_lengths, lengths, blank=0, reduction="none", zero_infinity=True
    )
    known = lengths > 0
    return torch.where(known, each / lengths.clamp(min=1), 0.0), known.float()


def balanced(targets: Sequence[int], n_labels: int) -> tuple[float, ...]:
    """Class weights ``n / (n_labels * count)``: each label weighs the same in sum, as in scikit-learn.

    Args:
        targets: indices of labels; -1, a missing one, is not counted.

    Raises:
        CorpusError: a label has no clip.
    """
    known = np.asarray(targets, dtype=np.int64)
    counts = np.bincount(known[known >= 0], minlength=n_labels)
    if not counts.all():
        raise CorpusError(
            f"label number {int(counts.argmin())} of {n_labels} has no clip to learn from: take it out of "
            "the labels, or add clips"
        )
    return tuple((counts.sum() / (n_labels * counts)).tolist())
