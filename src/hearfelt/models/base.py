"""What every model that learns can do, in scikit-learn's manners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hearfelt.types import Audio, Evidence, Example, FloatArray

Input = Example | Audio | Path | str
"""One utterance: an example of a table, a sound, or a sound file."""


class Model(Protocol):
    """A model: `fit` learns, `predict` answers, `save` writes a folder of weights and a readable JSON.

    ``__init__`` only stores options. Attributes that are learnt end in an underscore.
    """

    classes_: tuple[str, ...]
    """The labels, in the order of the columns of `predict_proba`."""

    def fit(self, examples: Sequence[Example]) -> Model:
        """Learn from labelled examples; returns itself."""
        ...

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Probabilities, shape ``(n_inputs, n_labels)``."""
        ...

    def predict(self, inputs: Sequence[Input]) -> list[Evidence]:
        """Evidence of each input, in order."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model; the module's ``load`` reads it again."""
        ...
