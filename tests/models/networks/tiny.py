"""Networks so small that they learn within a second, and made frames for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hearfelt.models.networks import heads
from hearfelt.models.networks.base import EmotionNetwork
from hearfelt.models.networks.functionals import FunctionalOptions
from hearfelt.models.networks.table import build

N_DIMS = 12
SIZES: dict[str, dict[str, Any]] = {
    "cnn": {"channels": (4, 8), "width": 12},
    "recurrent": {"width": 12, "channels": 4},
    "transformer": {"width": 16, "layers": 2, "heads": 2, "channels": 4},
    "conformer": {"width": 16, "layers": 2, "heads": 2, "kernel": 5, "channels": 4},
    "cnn-stats": {"width": 12, "dilations": (1, 2)},
    "cnn-gru-stats": {"stem": 4, "channels": (4, 6, 8), "width": 12, "attention": 4},
    "fused": {"width": 16, "heads": 2, "dilations": (1, 2), "layers": 1, "channels": 4},
}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in SIZES},
    "gru": ("recurrent", {"cell": "gru", "pooling": "statistics", "subsample": 1}),
    "one picture": ("conformer", {"own_mean": False, "pooling": "mean", "subsample": 2}),
    "concat": ("fused", {"fusion": "concat", "cell": "lstm"}),
    "two branches": ("fused", {"branches": ("rnn", "cnn")}),
}
EMOTION = heads.Task("emotion", labels=("anger", "joy", "neutral"))
TASKS = (EMOTION, heads.dimensions(), heads.characters("ab"))


def frames(batch: int, count: int, seed: int = 0) -> torch.Tensor:
    """Made log-mels, ``(batch, count, N_DIMS)``."""
    random = np.random.default_rng(seed)
    return torch.from_numpy((2 * random.standard_normal((batch, count, N_DIMS)) - 8).astype(np.float32))


def network(
    variant: str,
    tasks: tuple[heads.Task, ...] = TASKS,
    functionals: FunctionalOptions | None = None,
    **options: Any,
) -> EmotionNetwork:
    """A tiny network in evaluation mode, its input measured."""
    torch.manual_seed(0)
    name, more = VARIANTS[variant]
    made = EmotionNetwork(build(name, N_DIMS, **SIZES[name] | more | options), tasks, functionals=functionals)
    made.measure(frames(4, 60), torch.tensor([60, 50, 40, 30]))
    return made.eval()
