"""What every model of dialogue offers, and what it is built with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hearfelt.datasets.dialogue import Dialogues, Line
from hearfelt.training.dialogue.options import DialogueRecipe
from hearfelt.training.watch import How, Report, say
from hearfelt.types import FloatArray

if TYPE_CHECKING:
    from hearfelt.training.dialogue.encoded import Encoders
    from hearfelt.training.dialogue.together import Pairs


class DialogueModel(Protocol):
    """A row of the table.

    Attributes:
        classes_: the labels, in the order of its probabilities; set by ``fit`` at the latest.
    """

    classes_: tuple[str, ...]

    def fit(self, lines: Sequence[Line]) -> Any:
        """Learn from the lines of the part ``train``, choose by those of ``dev``; lines without a label are
        context alone. ``test`` is not among them. A second call goes on where a killed one was.
        """
        ...

    def predict_proba(self, lines: Sequence[Line]) -> FloatArray:
        """Probabilities ``(n_lines, n_labels)``; a line's context is what the same call says before it.

        Labels of the lines are not looked at.
        """
        ...


@dataclass(frozen=True, eq=False)
class Setting:
    """What a model is built with.

    Args:
        recipe: its options.
        labels: of the corpus.
        measures: names of the vocal measures of its lines; none where it has none.
        folder: of the run; a model keeps its checkpoints in a folder of its own there.
    """

    recipe: DialogueRecipe
    labels: tuple[str, ...]
    measures: tuple[str, ...]
    folder: Path
    report: Report = say
    how: How = field(default_factory=How)

    @classmethod
    def of(cls, recipe: DialogueRecipe, table: Dialogues, folder: Path, **more: Any) -> Setting:
        """For a table of dialogues."""
        return cls(recipe, table.labels, table.measures, folder, **more)

    @cached_property
    def encoders(self) -> Encoders:
        """The encoders of lines, which all models of a run share."""
        from hearfelt.training.dialogue.encoded import Encoders

        return Encoders(self)

    @cached_property
    def pairs(self) -> Pairs:
        """The encoders that learn together with context networks, which models of a run share."""
        from hearfelt.training.dialogue.together import Pairs

        return Pairs(self)

    def targets(self, lines: Sequence[Line]) -> np.ndarray:
        """The number of each line's label, -1 where it has none, int64 ``(n_lines,)``."""
        at = {label: number for number, label in enumerate(self.labels)}
        return np.array([-1 if line.label is None else at[line.label] for line in lines], np.int64)


def parts(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The lines to learn from and those for choices."""
    return [line for line in lines if line.split == "train"], [line for line in lines if line.split == "dev"]
