"""The kinds of recipes: what a file's key ``kind`` names, which options it has, and who runs it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from hearfelt.datasets.splits import Split
from hearfelt.errors import MissingExtraError, OptionError, unknown_name
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.training import changes
from hearfelt.training.recipe import from_table, table_of
from hearfelt.training.watch import How, Report
from hearfelt.types import Example


class Runner(Protocol):
    """A module that runs recipes of one kind; ``material`` is what it measured of the clips."""

    def read(self, recipe: Any, data: Path | str) -> list[Example]:
        """The table to learn from."""
        ...

    def filled(self, recipe: Any, examples: Sequence[Example]) -> Any:
        """The recipe with the labels of the table where it names none."""
        ...

    def measure(
        self, recipe: Any, examples: Sequence[Example], cache: Path, report: Report, workers: int
    ) -> Any:
        """What is learnt from, measured once and kept in the cache."""
        ...

    def run_folds(
        self,
        recipe: Any,
        material: Any,
        folds: Sequence[Split],
        out: Path,
        report: Report,
        only: Sequence[int],
        how: How,
    ) -> Any:
        """Learn and judge each fold that is not done."""
        ...

    def run_final(self, recipe: Any, material: Any, out: Path, report: Report, how: How) -> Any:
        """Learn from all clips and write ``final/``."""
        ...

    def judged(
        self, recipe: Any, material: Any, split: Split, folder: Path, report: Report, how: How
    ) -> HeldOut:
        """What a model that has learnt from a split's training part says of its test part."""
        ...


@dataclass(frozen=True)
class Kind:
    """A row of `KINDS`.

    Args:
        about: what it learns, in a few words.
        recipe: module and name of the options dataclass.
        runner: module that runs it: a `Runner`; of a kind without clips, one whose `train` does it all.
        library: what it cannot do without, and how the package is called.
        clips: whether it learns from clips, fold by fold; else from a table of another kind, as it likes.
    """

    about: str
    recipe: tuple[str, str]
    runner: str
    library: tuple[str, str]
    clips: bool = True

    @property
    def options(self) -> type[Any]:
        """The dataclass of its recipes."""
        module, name = self.recipe
        return cast("type[Any]", getattr(import_module(module), name))

    def load(self) -> Runner:
        """Who runs it.

        Raises:
            OptionError: it does not learn from clips.
            MissingExtraError: its library is not installed.
        """
        if not self.clips:
            raise OptionError(f"there are no folds of clips in a recipe for {self.about}: use hearfelt train")
        return cast(Runner, self.module())

    def train_all(self, recipe: Any, source: str, out: Path, report: Report, how: How) -> None:
        """A whole run of a kind without clips.

        Raises:
            HearfeltError: a recipe or data that do not hold together, or its library is not installed.
        """
        self.module().train(recipe, source, out, report, how)

    def module(self) -> Any:
        """The module that runs it.

        Raises:
            MissingExtraError: its library is not installed.
        """
        module, package = self.library
        try:
            import_module(module)
        except ImportError:
            raise MissingExtraError("training", package, "train") from None
        return import_module(self.runner)


_HERE = "hearfelt.training"

KINDS: Mapping[str, Kind] = {
    "voice": Kind(
        "an ensemble of the voice network, with a linear model on functionals beside it",
        (f"{_HERE}.recipe", "Recipe"),
        f"{_HERE}.voice",
        ("torch", "torch"),
    ),
    "network": Kind(
        "any network of hearfelt.models.networks on one or several tasks",
        (f"{_HERE}.networks.recipe", "NetworkRecipe"),
        f"{_HERE}.networks.run",
        ("torch", "torch"),
    ),
    "speech-llm": Kind(
        "a speech encoder, an adapter and a causal language model that writes the label",
        (f"{_HERE}.written.recipe", "SpeechLlmRecipe"),
        f"{_HERE}.written.run",
        ("torch", "torch"),
    ),
    "scratch": Kind(
        "a compact Transformer from nothing that hears, reads, or both, and writes the label",
        (f"{_HERE}.written.recipe", "ScratchRecipe"),
        f"{_HERE}.written.run",
        ("torch", "torch"),
    ),
    "classical": Kind(
        "a feature set and a learner of scikit-learn",
        (f"{_HERE}.classical", "ClassicalRecipe"),
        f"{_HERE}.classical",
        ("sklearn", "scikit-learn"),
    ),
    "textbook": Kind(
        "the textbook baseline for words: embedding, LSTM, sigmoid",
        (f"{_HERE}.textbook", "TextbookRecipe"),
        f"{_HERE}.textbook",
        ("torch", "torch"),
        clips=False,
    ),
    "causal": Kind(
        "low-rank adapters on a causal language model that reads dialogues",
        (f"{_HERE}.causal.recipe", "CausalRecipe"),
        f"{_HERE}.causal.run",
        ("torch", "torch"),
        clips=False,
    ),
    "dialogue": Kind(
        "text models of dialogue, with what was said before and how it was said",
        (f"{_HERE}.dialogue.options", "DialogueRecipe"),
        f"{_HERE}.dialogue.run",
        ("torch", "torch"),
        clips=False,
    ),
}
"""Name to kind; a recipe that names none is ``voice``."""


@dataclass(frozen=True)
class Plan:
    """A recipe as it was asked for.

    Args:
        kind: a key of `KINDS`.
        recipe: its options.
        search: the table ``[search]`` of the file, as it stands there.
    """

    kind: str
    recipe: Any
    search: Mapping[str, Any]


def plan(path: Path, settings: Mapping[str, Any] | None = None) -> Plan:
    """A recipe of any kind, with some dotted keys set.

    Raises:
        OptionError: no such file, no valid TOML, an unknown kind or key, or a value of the wrong type.
        MissingExtraError: Python 3.10 without tomli.
    """
    table = table_of(path)
    given = dict(settings or {})
    name = given.pop("kind", table.pop("kind", "voice"))
    table.pop("kind", None)
    search = table.pop("search", {})
    if name not in KINDS:
        raise unknown_name("kind of recipe", name, KINDS)
    if not isinstance(search, dict):
        raise OptionError(f"the recipe {path} sets search to {search!r}: write a table [search]")
    options = KINDS[name].options
    if "kind" in {field.name for field in dataclasses.fields(options)}:
        table["kind"] = name
    recipe = from_table(options, table)
    return Plan(name, changes.changed(recipe, given), search)


def to_toml(kind: str, recipe: Any, comment: str = "") -> str:
    """A recipe as TOML that `plan` reads back to the same."""
    return changes.to_toml({"kind": kind} | changes.as_table(recipe), comment)
