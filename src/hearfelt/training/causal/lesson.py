"""The lesson: log-likelihood of the right answers, of the emotion and of who speaks."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from hearfelt.training import engine
from hearfelt.training.causal.encode import Asked, batch, log_likelihoods
from hearfelt.training.causal.options import CausalOptions
from hearfelt.training.devices import Device
from hearfelt.training.engine import Step
from hearfelt.training.words.tune import batches


class Adapters(nn.Module):
    """The weights of a model that learn, and nothing else: this is what checkpoints hold.

    Args:
        model: with adapters (peft); its parameters are shared, not copied.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        learnt = {
            name.replace(".", "|"): value for name, value in model.named_parameters() if value.requires_grad
        }
        self.weights = nn.ParameterDict(learnt)
        self._model = [model]  # in a list: its frozen weights are none of ours

    def train(self, mode: bool = True) -> Adapters:
        """Dropout of the whole model on or off."""
        self._model[0].train(mode)
        super().train(mode)
        return self


class CausalLesson(engine.Lesson):
    """Questions with their answers.

    Args:
        model: with adapters.
        rows: all questions.
        pad: the id that fills up a batch.
    """

    def __init__(
        self, model: nn.Module, rows: Sequence[Asked], pad: int, options: CausalOptions, seed: int
    ) -> None:
        super().__init__()
        self.model = model
        self.network: Adapters = Adapters(model)
        self.rows, self.pad, self.options, self.seed = rows, pad, options, seed
        self.steps = max(len(part) for part in self._parts(0))

    def _parts(self, epoch: int) -> list[list[list[int]]]:
        """The batches of an epoch, dealt to its parts."""
        chance = random.Random(f"{self.seed}/{epoch}")
        found = list(batches([len(row) for row in self.rows], self.options.loop.batch, chance))
        return [found[part :: self.options.parts] for part in range(self.options.parts)]

    def batches(self, epoch: int) -> Iterator[dict[str, Any]]:
        whole, part = divmod(epoch, self.options.parts)
        for places in self._parts(whole)[part]:
            yield batch([self.rows[place] for place in places], self.pad)

    def forward(self, rows: dict[str, Any], device: Device) -> Step:
        with device.autocast():
            said, tokens = log_likelihoods(self.model, rows)
        each = -said / tokens
        loss = (rows["weights"] * each).mean()
        return Step(loss, len(each), {"nats_a_token": float(each.detach().mean())})
