"""Teaches the textbook baseline on texts with one label or several; see `hearfelt.models.textbook`.

``hearfelt train recipes/textbook-goemotions.toml`` trains it and scores its test split once. Vocabulary and
weights come from the training texts, the epoch and the thresholds from the development texts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hearfelt.datasets import dialogue
from hearfelt.errors import CorpusError, unknown_name
from hearfelt.evaluation import metrics
from hearfelt.language.words.goemotions import LABELS
from hearfelt.models import textbook
from hearfelt.models.textbook import TextbookModel, TextbookOptions, Vocabulary
from hearfelt.training import engine, runfolder
from hearfelt.training.devices import Device
from hearfelt.training.dialogue.base import Setting, parts
from hearfelt.training.dialogue.options import DialogueData
from hearfelt.training.dialogue.run import read as dialogues
from hearfelt.training.engine import Step
from hearfelt.training.files import atomic, write_json
from hearfelt.training.recipe import LoopOptions
from hearfelt.training.watch import How, Report
from hearfelt.training.words import scores, tune

Array = npt.NDArray[Any]

GOEMOTIONS = "goemotions"


@dataclass(frozen=True)
class TextbookRecipe:
    """Everything that decides what a run of the textbook baseline learns.

    Args:
        kind: says in a TOML file that it is a recipe of this kind.
        data: ``goemotions`` (several labels a text), a known corpus of dialogue (each line by itself), or
            none where ``--data`` names a user's own table of dialogue.
        loop: Adam where ``weight_decay`` is 0; ``average`` 0 keeps the weights as they are; ``patience`` and
            the best epoch are judged on the development texts.
    """

    kind: str = textbook.KIND
    name: str = "textbook"
    version: str = "1"
    seed: int = 1
    data: DialogueData = field(default_factory=lambda: DialogueData((GOEMOTIONS,)))
    network: TextbookOptions = field(default_factory=TextbookOptions)
    loop: LoopOptions = field(
        default_factory=lambda: LoopOptions(
            epochs=12, batch=64, weight_decay=0.0, warm_up=0.1, average=0.0, bf16=False, patience=3
        )
    )

    def __post_init__(self) -> None:
        if self.kind != textbook.KIND:
            raise unknown_name("kind of a recipe for the textbook model", self.kind, (textbook.KIND,))


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts and what is said of them.

    Args:
        texts: ``n`` of them.
        targets: 0 or 1, float32 ``(n, n_labels)``; one 1 a row where labels exclude one another.
        groups: of which conversation each is, for intervals; each its own where empty.
    """

    texts: tuple[str, ...]
    targets: Array
    groups: tuple[str, ...] = ()


class TextLesson(engine.Lesson):
    """Word ids to labels by binary cross-entropy; judged by macro-F1 on texts set apart."""

    def __init__(
        self, network: torch.nn.Module, ids: Sequence[list[int]], train: Texts, recipe: TextbookRecipe
    ) -> None:
        super().__init__()
        self.network = network
        self.ids, self.recipe = ids, recipe
        self.targets = torch.from_numpy(np.asarray(train.targets, np.float32))
        self.steps = sum(1 for _ in self._order(0))
        self.dev: Texts | None = None
        self.model: TextbookModel | None = None

    def judged_on(self, dev: Texts, model: TextbookModel) -> None:
        """Judge epochs by how ``model``, which holds the network, does on these texts."""
        self.dev, self.model, self.judges = dev, model, True

    def _order(self, epoch: int) -> Iterator[list[int]]:
        chance = random.Random(f"{self.recipe.seed}/{epoch}")
        return tune.batches([len(row) for row in self.ids], self.recipe.loop.batch, chance)

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for part in self._order(epoch):
            padded, lengths = textbook.pad([self.ids[place] for place in part])
            yield padded, lengths, self.targets[part]

    def forward(self, batch: tuple[Tensor, Tensor, Tensor], device: Device) -> Step:
        padded, lengths, targets = batch
        with device.autocast():
            logits = self.network(padded, lengths)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
        return Step(loss.sum(dim=1).mean(), len(targets))

    def score(self) -> dict[str, float]:
        if self.dev is None or self.model is None:
            return super().score()
        found = self.model.predict_proba(self.dev.texts)
        if self.model.multi:
            said = found > scores.thresholds(self.dev.targets, found)
            return {"score": float(scores.f1(self.dev.targets, said).mean())}
        return {
            "score": metrics.f1(self.dev.targets.argmax(1).tolist(), found.argmax(1).tolist(), "weighted")
        }


def learn(
    recipe: TextbookRecipe,
    labels: Sequence[str],
    train: Texts,
    dev: Texts | None,
    folder: Path,
    report: Report,
    *,
    multi: bool,
    how: How | None = None,
) -> TextbookModel:
    """The model that has learnt the training texts.

    Args:
        dev: choose the epoch and, where ``multi``, the thresholds; None keeps the last epoch and 0.5.
        folder: gets ``checkpoint.pt`` (gone on from where present) and ``log.jsonl``.

    Raises:
        CorpusError: no training texts.
        RunError: see `hearfelt.training.engine.fit`.
    """
    if not train.texts:
        raise CorpusError("there are no training texts: nothing can be learnt")
    how = how or How()
    torch.set_num_threads(recipe.loop.threads)
    torch.manual_seed(recipe.seed)
    vocabulary = Vocabulary.of(train.texts, recipe.network.min_count)
    network = textbook.network(recipe.network, len(vocabulary), len(labels))
    facts = runfolder.describe(recipe) | {"name": recipe.name, "version": recipe.version}
    model = TextbookModel(network, vocabulary, labels, recipe.network, multi=multi, card=facts)
    ids = [vocabulary.ids(text, recipe.network.max_words) for text in train.texts]
    lesson = TextLesson(network, ids, train, recipe)
    if dev is not None:
        lesson.judged_on(dev, model)
    engine.fit(lesson, recipe.loop, folder, how.watchers(report, folder), how.device)
    if multi and dev is not None:
        model.thresholds = tuple(
            float(cut) for cut in scores.thresholds(dev.targets, model.predict_proba(dev.texts))
        )
    return model


class Row:
    """A row of the table of dialogue models; see `hearfelt.training.dialogue.base.DialogueModel`."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.classes_ = setting, setting.labels

    def fit(self, lines: Sequence[dialogue.Line]) -> Row:
        """Learn from the training lines, each by itself; the epoch is chosen on the dev lines."""
        setting = self.setting
        train, dev = (of_lines(part, self.classes_) for part in parts(lines))
        recipe = TextbookRecipe(seed=setting.recipe.seed)
        folder = setting.folder / textbook.KIND
        self._model = learn(
            recipe, self.classes_, train, dev, folder, setting.report, multi=False, how=setting.how
        )
        return self

    def predict_proba(self, lines: Sequence[dialogue.Line]) -> Array:
        """Scores that sum to 1."""
        return self._model.predict_proba([line.text for line in lines])


def measured(model: TextbookModel, test: Texts) -> dict[str, Any]:
    """Scores on texts that chose nothing, with 95 % intervals."""
    found = model.predict_proba(test.texts)
    if model.multi:
        said = model.said(test.texts).astype(float)
        return {
            "texts": len(test.texts),
            "macro_f1": _round(scores.f1(test.targets, said).mean()),
            "macro_f1_ci95": [_round(end) for end in scores.interval(test.targets, said)],
            "macro_f1_at_0.3": _round(scores.f1(test.targets, found > 0.3).mean()),
            "macro_f1_at_0.5": _round(scores.f1(test.targets, found > 0.5).mean()),
        }
    gold, answers = test.targets.argmax(1), found.argmax(1)
    groups = test.groups or tuple(map(str, range(len(gold))))

    def weighted(truth: Array, said: Array) -> float:
        return metrics.f1(truth, said, "weighted")

    return {
        "texts": len(test.texts),
        "accuracy": _round(metrics.accuracy(gold, answers)),
        "weighted_f1": _round(weighted(gold, answers)),
        "weighted_f1_ci95": [_round(end) for end in metrics.bootstrap(weighted, gold, answers, groups)],
        "macro_f1": _round(metrics.f1(gold, answers)),
        "ece": _round(metrics.ece(found, gold)),
    }


def material(recipe: TextbookRecipe, source: str) -> tuple[tuple[str, ...], Mapping[str, Texts], bool]:
    """Labels, texts by split (train, dev, test), and whether a text may have several labels.

    Args:
        source: the folder that holds ``text/``, or a table where the recipe names no corpus.

    Raises:
        OptionError, CorpusError: an unknown corpus, or one whose table does not hold together.
    """
    if recipe.data.corpora == (GOEMOTIONS,):
        splits = tune.load(Path(source) / "text" / "goemotions" / "goemotions.parquet")
        return LABELS, {name: Texts(part.texts, part.targets) for name, part in splits.items()}, True
    table = dialogues(recipe, source)
    return table.labels, {name: of_lines(table.part(name), table.labels) for name in dialogue.SPLITS}, False


def of_lines(lines: Sequence[dialogue.Line], labels: Sequence[str]) -> Texts:
    """The labelled lines of dialogues, each by itself."""
    lines = [line for line in lines if line.label is not None]
    targets = np.zeros((len(lines), len(labels)), np.float32)
    for row, line in enumerate(lines):
        targets[row, list(labels).index(str(line.label))] = 1
    return Texts(tuple(line.text for line in lines), targets, tuple(line.dialogue for line in lines))


def _round(value: Any) -> float:
    return round(float(value), 4)


def train(recipe: TextbookRecipe, source: str, out: Path, report: Report, how: How) -> None:
    """Learn, score the test split once, save: a run of the kind ``textbook`` of ``hearfelt train``.

    ``out/final`` is the model, ``out/scores.json`` its figures, ``out/table.md`` the same for people.

    Raises:
        HearfeltError: a recipe, data, a disk or a loss that does not hold together; what was done stays.
    """
    labels, splits, multi = material(recipe, source)
    runfolder.open_folder(recipe, out)
    model = learn(recipe, labels, splits["train"], splits["dev"], out, report, multi=multi, how=how)
    figures = measured(model, splits["test"])
    model.card = model.card | {"scores": figures, "corpora": list(recipe.data.corpora) or [source]}
    model.save(out / "final")
    write_json(out / "scores.json", figures)
    names = [name for name in figures if not name.endswith("ci95")]
    with atomic(out / "table.md") as part:
        part.write_text(
            f"| {' | '.join(names)} |\n|{'---|' * len(names)}\n"
            f"| {' | '.join(str(figures[name]) for name in names)} |\n",
            encoding="utf-8",
        )
