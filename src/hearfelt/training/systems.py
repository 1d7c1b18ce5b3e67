"""Every model by name: one table for benchmarks, the command line and Python.

>>> from hearfelt.training import systems
>>> model = systems.make("voice", epochs=3)
>>> model.fit(examples).predict_proba(["a.wav"])  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hearfelt.errors import unknown_name
from hearfelt.models.base import Input
from hearfelt.types import Example, FloatArray


class System(Protocol):
    """What a benchmark asks of a model."""

    classes_: tuple[str, ...]

    def fit(self, examples: Sequence[Example]) -> System:
        """Learn from labelled examples; returns itself."""
        ...

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Probabilities, shape ``(n_inputs, n_labels)``, in the order of ``classes_``."""
        ...


def make(name: str, **options: Any) -> System:
    """A model that has learnt nothing yet (a shipped one that has).

    Args:
        name: one of `SYSTEMS`, or ``PREFIX:FOLDER`` of `PREFIXES`.
        options: of its builder, such as ``seed``.

    Raises:
        OptionError: an unknown name; the known ones are listed.
    """
    if name in SYSTEMS:
        return SYSTEMS[name](**options)
    prefix, colon, folder = name.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix](folder, **options)
    raise unknown_name("model", name, [*SYSTEMS, *(f"{prefix}:FOLDER" for prefix in PREFIXES)])


class Shipped:
    """A weights folder that is judged as it is: `fit` learns nothing.

    Args:
        folder: a name of shipped weights or a folder with ``model.json``.
    """

    def __init__(self, folder: str | Path, **options: Any) -> None:
        from hearfelt.models.onnx import VoiceModel, VoiceOptions

        named = Path(__file__).resolve().parent.parent / "weights" / str(folder)
        self.model = VoiceModel.load(named if named.is_dir() else folder, VoiceOptions(**options))
        self.classes_ = self.model.labels

    def fit(self, examples: Sequence[Example]) -> Shipped:
        """Nothing is learnt; returns itself."""
        return self

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Probabilities, shape ``(n_inputs, n_labels)``."""
        from hearfelt.training import measure

        rate = int(self.model.card["sample_rate_hz"])
        heard = self.model.predict([measure.sound(one, rate) for one in inputs])
        rows = [evidence.emotion.probabilities for evidence in heard]
        return np.array(rows, dtype=np.float32).reshape(-1, len(self.classes_))

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora the weights have learnt from: a test on their speakers means nothing."""
        return tuple(self.model.card.get("corpora", ()))


def _voice(**options: Any) -> System:
    from hearfelt.training.estimator import NeuralClassifier

    return NeuralClassifier(**options)


def _shipped(name: str) -> Callable[..., System]:
    return lambda **options: Shipped(name, **options)


SYSTEMS: Mapping[str, Callable[..., System]] = {
    "voice": _voice,
    "base": _shipped("base"),
}
"""Name to builder."""

PREFIXES: Mapping[str, Callable[..., System]] = {
    "weights": Shipped,
}
"""What stands before the colon of ``PREFIX:FOLDER`` to builder."""
