"""The encoders of a run, and what they say of lines, kept on disk."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hearfelt.datasets.dialogue import Line
from hearfelt.errors import ModelError
from hearfelt.training.dialogue.base import parts
from hearfelt.training.dialogue.text import LineModel
from hearfelt.training.files import atomic, write_json
from hearfelt.types import FloatArray

if TYPE_CHECKING:
    from pathlib import Path

    from hearfelt.training.dialogue.base import Setting

DONE = "learnt.json"
UNREAD = 0.2
"""Share of unknown pieces from which on a warning is due: another script gives nearly all."""


class Encoders:
    """One or several encoders of single lines, tuned on the training lines.

    They are learnt once a run (``encoder0``, ``encoder1`` … of its folder) and what they say of some lines is
    kept there, so that every model above them begins in seconds.

    Attributes:
        spared_s: seconds that what was read from disk had cost; whoever states a cost adds them.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._models: dict[int, LineModel] = {}
        self._lines: list[Line] = []
        self.spared_s = 0.0

    def __len__(self) -> int:
        return self.setting.recipe.text.members

    def folder(self, number: int) -> Path:
        """Of the ``number``-th encoder: its checkpoint, its log, what it said."""
        return self.setting.folder / f"encoder{number}"

    def fit(self, lines: Sequence[Line]) -> Encoders:
        """Learn what is not learnt yet.

        Raises:
            RunError: see `hearfelt.training.engine.fit`.
        """
        self._lines = list(lines)
        for number in range(len(self)):
            done = self.folder(number) / DONE
            if done.is_file():
                self.spared_s += _seconds(json.loads(done.read_text(encoding="utf-8"))["history"])
            else:
                self._learnt(number)
        return self

    def outputs(self, lines: Sequence[Line], number: int) -> tuple[FloatArray, FloatArray]:
        """Vectors ``(n_lines, hidden)`` and logits ``(n_lines, n_labels)`` by the ``number``-th encoder."""
        texts = [line.text for line in lines]
        stamp = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
        path = self.folder(number) / f"lines-{stamp}.npz"
        if not path.is_file():
            model, began = self._learnt(number), time.monotonic()
            vectors, logits = model.predict(texts)
            seconds = time.monotonic() - began
            with atomic(path) as part, part.open("wb") as stream:
                np.savez(stream, vectors=vectors.astype(np.float16), logits=logits, seconds=seconds)
            self.spared_s -= seconds  # they are counted while they pass
        with np.load(path) as stored:
            self.spared_s += float(stored["seconds"])
            return stored["vectors"].astype(np.float32), stored["logits"]

    def _learnt(self, number: int) -> LineModel:
        """The encoder after its last epoch, at once where its checkpoint says that it has learnt."""
        if number in self._models:
            return self._models[number]
        if not self._lines:
            raise ModelError("the encoders of dialogue have learnt nothing: call fit before predict_proba")
        setting, recipe = self.setting, self.setting.recipe
        learnt, chosen = parts(self._lines)
        model = LineModel(recipe.text, len(setting.labels), recipe.seed + number)

        def tell(text: str) -> None:
            setting.report(f"encoder {number}: {text}")

        strange = model.unknown([line.text for line in learnt[:500]])
        if strange > UNREAD:
            tell(
                f"WARNING: the encoder {recipe.text.start!r} cannot read {100 * strange:.0f} % of the "
                "pieces of these lines: set text.start to the folder of a BERT for their language"
            )
        history = model.fit(
            [line.text for line in learnt],
            setting.targets(learnt),
            [line.text for line in chosen],
            setting.targets(chosen),
            self.folder(number),
            tell,
            setting.how,
        )
        write_json(self.folder(number) / DONE, {"start": model.about, "history": history})
        self._models[number] = model
        return model


def _seconds(history: Sequence[Mapping[str, float]]) -> float:
    return sum(epoch["s"] for epoch in history)
