"""One door to every saved model: the ``final`` folder of a run, what ``save`` wrote, shipped weights.

>>> import hearfelt
>>> hearfelt.load_model("runs/mine/final").predict(["a.wav"])  # doctest: +SKIP
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hearfelt.errors import ModelError
from hearfelt.models.base import Input, Model
from hearfelt.models.onnx import VoiceModel, read_card
from hearfelt.training import measure
from hearfelt.types import Evidence, Example, FloatArray

_CLASSICAL = ("classical", "classical-multi")


def load_model(folder: Path | str) -> Model:
    """The model in a folder, whatever its kind; it answers by ``predict`` and ``predict_proba``.

    A voice model comes as its ONNX runs, without torch; a network with tasks comes with all of them.

    Raises:
        ModelError: no model, or one of a kind that judges no sound.
        MissingExtraError: what the model needs is not installed.
    """
    folder = Path(folder)
    card = read_card(folder, ("kind", "labels"))
    kind = card["kind"]
    if kind in _CLASSICAL:
        from hearfelt.models import classical

        return classical.load(folder)
    if kind == "ensemble":
        from hearfelt.models import ensemble

        return ensemble.load(folder)
    if "tasks" in card and (folder / "network.pt").is_file():
        from hearfelt.training.networks.model import TaskClassifier

        return TaskClassifier.load(folder)
    if "writes" in card and (folder / "network.pt").is_file():
        from hearfelt.training.written.model import WrittenClassifier

        return WrittenClassifier.load(folder)
    if kind == "voice":
        return Heard(folder)
    raise ModelError(f"{folder} holds a model of kind {kind!r}, which judges no sound")


class Heard:
    """A voice model as `hearfelt.models.base.Model`: it has learnt, and learns no more.

    Args:
        folder: holds ``model.onnx`` and ``model.json``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = VoiceModel.load(folder)
        self.classes_ = self.model.labels

    def fit(self, examples: Sequence[Example]) -> Heard:
        """Refused.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"{self.folder} holds weights that learn no more: train anew, by hearfelt train")

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Probabilities, shape ``(n_inputs, n_labels)``, in the order of ``classes_``."""
        rows = [evidence.emotion.probabilities for evidence in self.predict(inputs)]
        return np.array(rows, dtype=np.float32).reshape(-1, len(self.classes_))

    def predict(self, inputs: Sequence[Input]) -> list[Evidence]:
        """Evidence of each input, in order."""
        rate = int(self.model.card["sample_rate_hz"])
        return self.model.predict([measure.sound(one, rate) for one in inputs])

    def save(self, folder: Path) -> None:
        """A copy of the weights folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
