"""A network in scikit-learn's manners: ``fit``, ``predict_proba``, ``predict``, ``save``, ``load``."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from hearfelt.errors import MissingExtraError, ModelError, OptionError
from hearfelt.labels import felt
from hearfelt.models.base import Input
from hearfelt.training import measure, table
from hearfelt.training.recipe import Recipe, from_table
from hearfelt.training.watch import Report, silent
from hearfelt.types import Audio, Evidence, Example, FloatArray, Segment

if TYPE_CHECKING:
    from hearfelt.models.neural import VoiceNetwork
    from hearfelt.training.inputs import Clips


R = TypeVar("R")
N = TypeVar("N")


class Learner(Generic[R, N]):
    """What models that learn by a recipe have in common.

    Args:
        recipe: what to build and how to learn.
        folder: gets the checkpoint and the losses; a fit that was killed goes on there. None keeps nothing.
        cache: keeps what is measured of the sounds, so that folds over the same clips measure it once.
        report: told after every epoch.
    """

    classes_: tuple[str, ...]
    network_: N
    recipe_: R

    def __init__(
        self, recipe: R, folder: Path | None = None, cache: Path | None = None, report: Report | None = None
    ) -> None:
        self.recipe, self.folder, self.cache, self.report = recipe, folder, cache, report or silent

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """Where a fit keeps its checkpoint."""
        with tempfile.TemporaryDirectory() as scratch:
            yield self.folder or Path(scratch)

    def _fitted(self) -> N:
        if not hasattr(self, "network_"):
            raise ModelError("this model has learnt nothing yet: call fit(examples) first")
        return self.network_


class NeuralClassifier(Learner[Recipe, Any]):
    """The network of a recipe, learnt from any labelled examples.

    >>> from hearfelt.training.estimator import NeuralClassifier
    >>> model = NeuralClassifier(epochs=3)
    >>> model.fit(examples).predict_proba(["a.wav"])  # doctest: +SKIP

    Args:
        recipe: what to build and how to learn; the defaults of `Recipe` where None. Its labels are those of
            the examples, its corpora are not read.
        folder, cache, report: see `Learner`.
        workers: processes that measure log-mels.
        changes: keys of the recipe's ``loop`` to set, and ``seed``, such as ``epochs=3``.
    """

    network_: VoiceNetwork

    def __init__(
        self,
        recipe: Recipe | None = None,
        *,
        folder: Path | None = None,
        cache: Path | None = None,
        report: Report | None = None,
        workers: int = 1,
        **changes: Any,
    ) -> None:
        from hearfelt.training.changes import changed

        dotted = {key if key == "seed" or "." in key else f"loop.{key}": v for key, v in changes.items()}
        super().__init__(changed(recipe or Recipe(), dotted), folder, cache, report)
        self.workers = workers

    def fit(self, examples: Sequence[Example]) -> NeuralClassifier:
        """Learn from examples with a gold label; returns itself.

        Raises:
            CorpusError: no label or only one, or clips that cannot be measured.
            MissingExtraError: torch is not installed.
        """
        loop = _loop()
        self.classes_ = table.labels_of(examples)
        data = dataclasses.replace(self.recipe.data, labels=self.classes_, relabel={}, drop=())
        self.recipe_ = dataclasses.replace(self.recipe, data=data)
        clips = self._clips(examples)
        with self._place() as folder:
            self.network_ = loop.train(self.recipe_, clips, range(len(examples)), folder, self.report)
        return self

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Probabilities, shape ``(n_inputs, n_labels)``, in the order of ``classes_``."""
        loop = _loop()
        logits = loop.logits(self._fitted(), self._clips(inputs), range(len(inputs)))
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)

    def predict(self, inputs: Sequence[Input]) -> list[Evidence]:
        """Evidence of each input, in order."""
        answers = self.predict_proba(inputs)
        source = f"voice/{self.recipe_.name}"
        return [
            Evidence(source, segment_of(one), felt(self.classes_, row.tolist()))
            for one, row in zip(inputs, answers)
        ]

    def save(self, folder: Path) -> None:
        """Write ``network.pt``, ``model.onnx`` and ``model.json``: a weights folder of this package."""
        from hearfelt.training import run

        folder.mkdir(parents=True, exist_ok=True)
        run.save_network(self._fitted(), self.recipe_, folder, self.recipe_.name)

    @classmethod
    def load(cls, folder: Path) -> NeuralClassifier:
        """The model that `save` wrote.

        Raises:
            ModelError: the folder holds none.
        """
        from hearfelt.models.onnx import read_card
        from hearfelt.training import run

        recipe = recipe_of(Recipe, read_card(Path(folder)), folder)
        model = cls(recipe)
        model.recipe_, model.classes_ = recipe, recipe.data.labels
        model.network_ = run.load_network(recipe, Path(folder))
        return model

    def _clips(self, inputs: Sequence[Input]) -> Clips:
        from hearfelt.training import inputs as batches

        measured = measure.logmels(
            inputs, self.recipe_.features, cache=self.cache, report=self.report, workers=self.workers
        )
        return batches.gather([example_of(one) for one in inputs], self.classes_, measured)


def recipe_of(kind: type[R], card: Mapping[str, Any], folder: Path) -> R:
    """The recipe in the card of a saved model.

    Raises:
        ModelError: there is none, or one that this version does not know.
    """
    try:
        return from_table(kind, json.loads(json.dumps(_given(card["recipe"]))))
    except (KeyError, OptionError) as error:
        raise ModelError(f"{folder} was not saved by a recipe of this version: {error}") from None


def _given(stored: Any) -> Any:
    """A stored recipe without the keys that are None: TOML has none of those."""
    if isinstance(stored, dict):
        return {key: _given(value) for key, value in stored.items() if value is not None}
    return stored


def segment_of(source: Input) -> Segment:
    """The stretch that an input is."""
    if isinstance(source, Audio):
        return Segment(source.start_s, source.end_s, None, source.channel)
    if isinstance(source, Example) and source.segment is not None:
        return source.segment
    from hearfelt import audio

    path = source.file if isinstance(source, Example) else source
    return Segment(0.0, audio.probe(Path(path)).duration_s or 0.0)


def example_of(source: Input) -> Example:
    """An input as an example, without a label where it brings none."""
    return source if isinstance(source, Example) else Example(measure.name(source), None)


def _loop() -> Any:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("a network", "torch", "train") from None
    from hearfelt.training import loop

    return loop
