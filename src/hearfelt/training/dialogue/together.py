"""The encoder and the context network learnt together: what was said before shapes how a line is read.

A network above an encoder that has learnt the training lines by heart (its F1 is twenty points higher there)
hears too little need of context. Here both begin at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from hearfelt.datasets.dialogue import Line
from hearfelt.errors import ModelError
from hearfelt.training import engine
from hearfelt.training.devices import Device
from hearfelt.training.dialogue import context
from hearfelt.training.dialogue.base import parts
from hearfelt.training.dialogue.context import Batch, ContextNetwork, Material
from hearfelt.training.dialogue.cues import Cues
from hearfelt.training.dialogue.encoder import alike, padded_states
from hearfelt.training.dialogue.marks import marks
from hearfelt.training.dialogue.text import LineModel, Top, label_weights, scores
from hearfelt.training.engine import Step
from hearfelt.types import FloatArray

if TYPE_CHECKING:
    from hearfelt.training.dialogue.base import Setting
    from hearfelt.training.dialogue.options import DialogueRecipe


@dataclass(frozen=True, eq=False)
class Talk:
    """Whole dialogues: their lines' states in groups of about one length, and who says what after whom.

    Args:
        states: ``(n, tokens, hidden)`` with where there is no token, a group each.
        order: place of each line of ``dialogues`` in the groups put one after another, ``(n, lines)``;
            padding points behind the last.
        dialogues: their vectors are the marks alone; their logits are not there yet.
        heard: whether the vocal measures of a dialogue are heard, float32 ``(n, 1, 1)``.
    """

    states: list[tuple[Tensor, Tensor | None]]
    order: Tensor
    dialogues: Batch
    heard: Tensor


class Together(nn.Module):
    """Upper layers of the encoder, and the context network above them."""

    def __init__(self, top: Top, network: ContextNetwork) -> None:
        super().__init__()
        self.top, self.network = top, network
        self.norm = nn.LayerNorm(top.head.in_features)

    def forward(self, talk: Talk) -> tuple[Tensor, Tensor]:
        """Logits of the lines in their dialogues and by themselves, ``(n, lines, n_labels)`` each."""
        each = [self.top(states, absent) for states, absent in talk.states]
        vectors, logits = (torch.cat([one[i] for one in each]) for i in (0, 1))
        vectors = nn.functional.pad(self.norm(vectors), (0, 0, 0, 1))[talk.order]
        alone = nn.functional.pad(logits, (0, 0, 0, 1))[talk.order]
        batch = dataclasses.replace(
            talk.dialogues, vectors=torch.cat([vectors, talk.dialogues.vectors], dim=-1), logits=alone
        )
        return self.network(batch, talk.heard), alone


class TogetherLesson(engine.Lesson):
    """Dialogues to the labels of their lines, by both networks; dev dialogues say which epoch is the best."""

    judges = True

    def __init__(
        self,
        network: Together,
        recipe: DialogueRecipe,
        seed: int,
        data: tuple[Material, list[np.ndarray]],
        dev: tuple[Material, list[np.ndarray]],
    ) -> None:
        super().__init__()
        self.network: Together = network
        self.recipe, self.seed, self.data, self.dev = recipe, seed, data, dev
        targets = data[0].targets
        weights = label_weights(targets[targets >= 0], network.top.head.out_features, recipe.context.balance)
        self.weights = torch.from_numpy(weights)
        self.steps = -(-len(data[0].groups) // recipe.together.loop.batch)

    def rate(self, name: str) -> float:
        """What begins at random learns faster than the encoder."""
        return 1.0 if name.startswith("top.layers") else self.recipe.together.faster

    def batches(self, epoch: int) -> Iterator[Talk]:
        material, states = self.data
        random = np.random.default_rng([self.seed, epoch])
        lengths = [len(group) + random.uniform(-2, 2) for group in material.groups]
        groups = list(alike(lengths, self.recipe.together.loop.batch))
        for place in random.permutation(len(groups)):
            chosen = [material.groups[i] for i in groups[place]]
            heard = random.random(len(chosen)) >= self.recipe.together.deaf
            yield talk(material, states, chosen, heard)

    def forward(self, batch: Talk, device: Device) -> Step:
        with device.autocast():
            both, alone = self.network(batch)
        known = batch.dialogues.targets >= 0
        targets = batch.dialogues.targets[known]
        losses = [self._loss(one.float()[known], targets) for one in (both, alone)]
        hits = float((both[known].detach().argmax(1) == targets).float().mean())
        loss = losses[0] + self.recipe.together.alone * losses[1]
        return Step(loss, len(targets), {"in_dialogue": float(losses[0].detach()), "accuracy": hits})

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        smoothing = self.recipe.together.loop.smoothing
        return nn.functional.cross_entropy(
            logits, targets, self.weights.to(logits.device), label_smoothing=smoothing
        )

    def score(self) -> dict[str, float]:
        """Weighted F1 on dev, the mean of hearing the measures and not where there are any."""
        material, states = self.dev
        found = scores(run(self.network, material, states, heard=False), material.targets)
        if material.cues.shape[1]:
            heard = scores(run(self.network, material, states, heard=True), material.targets)
            found |= {"dev_deaf": found["score"], "dev_heard": heard["score"]}
            found["score"] = (found["score"] + heard["score"]) / 2
        return found


def talk(
    material: Material,
    states: Sequence[np.ndarray],
    dialogues: Sequence[Sequence[int]],
    heard: np.ndarray,
    groups: int = 3,
) -> Talk:
    """Some dialogues as a batch; their lines are padded within ``groups`` groups of about one length."""
    lines = [i for dialogue in dialogues for i in dialogue]
    place: dict[int, int] = {}
    padded = []
    for rows in alike([len(states[i]) for i in lines], -(-len(lines) // groups)):
        for row in rows:
            place[lines[row]] = len(place)
        padded.append(padded_states([states[lines[row]] for row in rows]))
    batch = context.batch_of(material, dialogues)
    order = np.full(tuple(batch.rows.shape), len(lines), np.int64)
    for row, dialogue in zip(order, dialogues, strict=True):
        row[: len(dialogue)] = [place[i] for i in dialogue]
    return Talk(
        padded, torch.from_numpy(order), batch, torch.from_numpy(heard.astype(np.float32))[:, None, None]
    )


@torch.no_grad()
def run(
    network: Together, material: Material, states: Sequence[np.ndarray], *, heard: bool, batch: int = 16
) -> FloatArray:
    """Logits of every line, float32 ``(n_lines, n_labels)``."""
    network.eval()
    found = np.empty((len(states), network.top.head.out_features), np.float32)
    for chosen in alike([len(group) for group in material.groups], batch):
        dialogues = [material.groups[i] for i in chosen]
        part = talk(material, states, dialogues, np.full(len(chosen), heard))
        logits, rows = network(part)[0].float().numpy(), part.dialogues.rows.numpy()
        found[rows[rows >= 0]] = logits[rows >= 0]
    return found


class Pairs:
    """Encoders learnt together with context networks, which the rows of a run share.

    They are learnt once a run, in ``together0``, ``together1`` … of its folder.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._lines: list[Line] = []
        self._cost_s = 0.0
        self._said: dict[tuple[int, bool, int], FloatArray] = {}

    def fit(self, lines: Sequence[Line]) -> Pairs:
        """Learn, or go on learning from the checkpoints.

        Raises:
            RunError: see `hearfelt.training.engine.fit`.
        """
        if list(lines) != self._lines:
            self._lines = list(lines)
            for name in ("_learnt", "_cues", "_scale"):
                self.__dict__.pop(name, None)
            self._cost_s = 0.0
            self._said.clear()
        elif "_learnt" in self.__dict__:  # another row has paid: this one costs as much
            self.setting.encoders.spared_s += self._cost_s
        _ = self._learnt
        return self

    def logits(self, lines: Sequence[Line], *, heard: bool) -> FloatArray:
        """The mean of all pairs' logits, ``(n_lines, n_labels)``.

        Args:
            heard: whether the vocal measures are.
        """
        key = (hash(tuple(lines)), heard, len(lines))
        if key not in self._said:
            found = []
            for model, network in self._learnt:
                material, states = self._material(lines, model)
                found.append(run(network, material, states, heard=heard))
            self._said[key] = np.stack(found).mean(axis=0)
        return self._said[key]

    @cached_property
    def _cues(self) -> Cues | None:
        if not self.setting.measures:
            return None
        return Cues(self.setting.measures).fit(parts(self._lines)[0])

    @cached_property
    def _scale(self) -> tuple[FloatArray, FloatArray]:
        found = marks(parts(self._lines)[0])
        return found.mean(axis=0), found.std(axis=0) + 1e-3

    def _material(self, lines: Sequence[Line], model: LineModel) -> tuple[Material, list[np.ndarray]]:
        states = model.bottom.states(model.ids([line.text for line in lines]))
        cues = np.empty((len(lines), 0), np.float32) if self._cues is None else self._cues.transform(lines)
        vectors = (marks(lines) - self._scale[0]) / self._scale[1]
        none = np.empty((len(lines), 0), np.float32)
        return context.material(lines, vectors, cues, none, self.setting.targets(lines)), states

    @cached_property
    def _learnt(self) -> list[tuple[LineModel, Together]]:
        if not self._lines:
            raise ModelError("the networks of dialogue have learnt nothing: call fit before predict_proba")
        return [self._learn(number) for number in range(self.setting.recipe.together.members)]

    def _learn(self, number: int) -> tuple[LineModel, Together]:
        setting, recipe = self.setting, self.setting.recipe
        seed = recipe.seed + number
        model = LineModel(recipe.text, len(setting.labels), seed)
        learnt, chosen = (self._material(lines, model) for lines in parts(self._lines))
        widths = (model.top.head.in_features + learnt[0].vectors.shape[1], learnt[0].cues.shape[1])
        network = Together(model.top, ContextNetwork(recipe.context, widths, len(setting.labels)))
        lesson = TogetherLesson(network, recipe, seed, learnt, chosen)
        folder = setting.folder / f"together{number}"

        def tell(text: str) -> None:
            setting.report(f"together {number}: {text}")

        how, log = setting.how, folder / "log.jsonl"
        before = len(log.read_text(encoding="utf-8").splitlines()) if log.is_file() else 0
        history = engine.fit(lesson, recipe.together.loop, folder, how.watchers(tell, folder), how.device)
        setting.encoders.spared_s += sum(epoch["s"] for epoch in history[:before])
        self._cost_s += sum(epoch["s"] for epoch in history)
        return model, network
