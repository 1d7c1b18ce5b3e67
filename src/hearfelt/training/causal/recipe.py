"""The recipe of a run of the kind ``causal``."""

from __future__ import annotations

from dataclasses import dataclass, field

from hearfelt.errors import unknown_name
from hearfelt.training.causal.options import KIND, CausalOptions
from hearfelt.training.dialogue.options import DialogueData


@dataclass(frozen=True)
class CausalRecipe:
    """Everything that decides what a run learns.

    Args:
        kind: says in a TOML file that it is a recipe of this kind.
        data: the corpus of dialogue; none where ``--data`` names a table.
    """

    kind: str = KIND
    name: str = KIND
    version: str = "1"
    seed: int = 1
    data: DialogueData = field(default_factory=DialogueData)
    model: CausalOptions = field(default_factory=CausalOptions)

    def __post_init__(self) -> None:
        if self.kind != KIND:
            raise unknown_name("kind of a recipe for causal language models", self.kind, (KIND,))
