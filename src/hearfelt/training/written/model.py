"""A model that writes as a saved model, and in scikit-learn's manners."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from hearfelt.errors import ModelError
from hearfelt.models import writers
from hearfelt.models.base import Input
from hearfelt.models.onnx import read_card
from hearfelt.models.scratch.network import Scratch
from hearfelt.models.writer import Writer, probabilities
from hearfelt.models.writing import answered
from hearfelt.models.written import Answer
from hearfelt.training import export, runfolder, table
from hearfelt.training.estimator import Learner, example_of, recipe_of, segment_of
from hearfelt.training.files import write_json, write_state
from hearfelt.training.watch import How, Report
from hearfelt.training.written import lesson, material
from hearfelt.training.written.material import Material
from hearfelt.training.written.recipe import ScratchRecipe, SpeechLlmRecipe, WrittenRecipe
from hearfelt.types import Evidence, Example, FloatArray

RECIPES: dict[str, type[Any]] = {"speech-llm": SpeechLlmRecipe, "scratch": ScratchRecipe}


def learnt(
    recipe: WrittenRecipe,
    clips: Material,
    indices: Sequence[int],
    folder: Path,
    report: Report,
    how: How | None = None,
) -> Writer:
    """The network of a folder: trained and kept, or read where it was finished before."""
    if not (folder / writers.FILE).is_file():
        network, plan = lesson.learn(recipe, clips, indices, folder, report, how, folder.name)
        write_state(folder / writers.FILE, writers.packed(network, plan))
    return writers.load(folder)[0]


class Spoken(nn.Module):
    """A Transformer from nothing as the runner of shipped weights wants one: logits, and ratings."""

    def __init__(self, network: Scratch, n_mels: int) -> None:
        super().__init__()
        self.network = network
        self.options = SimpleNamespace(n_mels=n_mels, dimensions=network.options.dimensions)
        self.n_functionals = 0

    def answers(self, *inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits ``(batch, n_labels)``, and arousal, valence, dominance ``(batch, 3)`` or None."""
        return self.network.answers(*inputs)


def runs_as_voice(network: Writer) -> bool:
    """Whether ``hearfelt analyze`` can run it without torch: it hears and does not read, one label a clip."""
    return isinstance(network, Scratch) and not network.reads and not network.multi_label


def write(network: Writer, recipe: WrittenRecipe, folder: Path, *, onnx: bool = True) -> None:
    """Write ``model.json``, and ``model.onnx`` where `runs_as_voice`; ``network.pt`` is there.

    Args:
        onnx: False leaves the export out: a fold's model is read by torch.

    Raises:
        ModelError: what was exported does not give what torch gives.
    """
    voice = onnx and runs_as_voice(network)
    if voice:
        spoken = Spoken(network, recipe.features.n_mels)  # type: ignore[arg-type]
        export.export(spoken, folder / "model.onnx")  # type: ignore[arg-type]
    card = runfolder.card(recipe, recipe.name, "voice" if voice else recipe.kind, network.labels) | {
        "writes": recipe.kind,
        "parameters": network.n_parameters,
        "learnt_parameters": network.n_learnt,
        "multi_label": network.multi_label,
    }
    write_json(folder / "model.json", card)


class WrittenClassifier(Learner[WrittenRecipe, Writer]):
    """A speech-LLM, or the Transformer from nothing (`hearfelt.models.base.Model`), from labelled examples.

    >>> from hearfelt.training.written.model import WrittenClassifier
    >>> model = WrittenClassifier(SpeechLlmRecipe()).fit(examples)  # doctest: +SKIP
    >>> model.write(["a.wav"])[0].caption  # doctest: +SKIP

    Args:
        recipe, folder, cache, report: see `Learner`.
        how: where it learns.
    """

    plan_: dict[str, Any]

    def __init__(
        self,
        recipe: WrittenRecipe | None = None,
        *,
        folder: Path | None = None,
        cache: Path | None = None,
        report: Report | None = None,
        how: How | None = None,
    ) -> None:
        super().__init__(recipe or SpeechLlmRecipe(), folder, cache, report)
        self.how = how

    def fit(self, examples: Sequence[Example]) -> WrittenClassifier:
        """Learn to write the answer of each example; returns itself.

        Raises:
            CorpusError: examples without a label, fewer than two labels, or clips that cannot be measured.
        """
        labels = self.recipe.data.labels or table.labels_of(examples)
        data = dataclasses.replace(self.recipe.data, labels=labels, relabel={}, drop=())
        self.recipe_ = dataclasses.replace(self.recipe, data=data)
        clips, rows = self._clips(examples), range(len(examples))
        with self._place() as folder:
            self.network_, self.plan_ = lesson.learn(self.recipe_, clips, rows, folder, self.report, self.how)
        self.classes_ = tuple(labels)
        return self

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Likelihood of each label among all, ``(n_inputs, n_labels)``, in the order of ``classes_``."""
        found = lesson.scores(self._fitted(), self._clips(inputs), range(len(inputs)))
        return probabilities(torch.from_numpy(found), self._fitted().multi_label).numpy()

    def write(self, inputs: Sequence[Input]) -> list[Answer]:
        """What the model writes of each input: label, levels of the dimensions, caption."""
        return lesson.written(self._fitted(), self._clips(inputs), range(len(inputs)))

    def predict(self, inputs: Sequence[Input]) -> list[Evidence]:
        """Evidence of each input: its emotion, with the dimensions that were written where there are any."""
        network = self._fitted()
        rows, answers = self.predict_proba(inputs), self.write(inputs)
        source = f"{self.recipe_.kind}/{self.recipe_.name}"
        return [
            Evidence(
                source,
                segment_of(one),
                answered(network.labels, row, said, network.multi_label),
                note=said.caption,
            )
            for one, row, said in zip(inputs, rows, answers, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write ``network.pt`` (no weights of others in it) and ``model.json``."""
        network = self._fitted()
        folder.mkdir(parents=True, exist_ok=True)
        write_state(folder / writers.FILE, writers.packed(network, self.plan_))
        write(network, self.recipe_, folder)

    @classmethod
    def load(cls, folder: Path) -> WrittenClassifier:
        """The model that `save` or a run wrote.

        Raises:
            ModelError: the folder holds none.
        """
        card = read_card(Path(folder), ("kind", "recipe", "labels"))
        writes = card.get("writes")
        if writes not in RECIPES:
            raise ModelError(f"{folder} holds a model of kind {card['kind']!r}, which writes nothing")
        recipe = recipe_of(RECIPES[writes], card, folder)
        model = cls(recipe)
        model.recipe_ = recipe
        model.network_, model.plan_ = writers.load(Path(folder))
        model.classes_ = model.network_.labels
        return model

    def _clips(self, inputs: Sequence[Input]) -> Material:
        waveform = lesson.hears_waveform(self.recipe_)
        examples = [example_of(one) for one in inputs]
        return material.measured(self.recipe_, examples, self.cache, self.report, 1, waveform)
