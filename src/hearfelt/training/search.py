"""``hearfelt search``: Optuna tries recipes and judges them on held-out training speakers.

A trial learns from some of the training speakers of one fold and is judged on the others; the test speakers
of that fold are never heard, so that the fold's score stays honest. The speakers of the other folds were
training speakers here: a score of theirs by the found recipe is a little too good.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hearfelt.datasets import splits
from hearfelt.datasets.splits import Split
from hearfelt.errors import MissingExtraError, OptionError, RunError
from hearfelt.evaluation import protocols
from hearfelt.training import changes, deal, kinds, runfolder, scored
from hearfelt.training.files import atomic, write_json
from hearfelt.training.kinds import Plan, Runner
from hearfelt.training.watch import How, Report, named
from hearfelt.types import Example

if TYPE_CHECKING:
    import optuna

STORAGE = "search.db"
BEST = "best.toml"


@dataclass(frozen=True)
class Choice:
    """What one key may be: one of ``choices``, or a number from ``low`` to ``high``.

    Args:
        step: distance of the numbers; whole numbers go by 1 where None.
        log: draw evenly over the logarithm.
    """

    key: str
    choices: tuple[Any, ...] = ()
    low: int | float = 0
    high: int | float = 1
    step: float | None = None
    log: bool = False

    def ask(self, trial: optuna.Trial) -> Any:
        """A value for a trial. Optuna keeps plain values alone, so choices are asked for by their text."""
        if self.choices:
            texts = [json.dumps(choice) for choice in self.choices]
            return json.loads(trial.suggest_categorical(self.key, texts))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.key, self.low, self.high, step=int(self.step or 1), log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True)
class Space:
    """The table ``[search]`` of a recipe.

    Args:
        choices: the keys to search over.
        folds: parts that the training speakers are dealt into; each judges once in a trial.
        seed: of Optuna's sampler and of the dealing.
    """

    choices: tuple[Choice, ...]
    folds: int = 2
    seed: int = 1


def space(table: Mapping[str, Any]) -> Space:
    """The search space of a table such as ``"loop.learning_rate" = { low = 1e-4, high = 1e-2, log = true }``.

    Raises:
        OptionError: no key to search over, or one that is described wrongly.
    """
    settings, found = {}, []
    for key, value in _flat(table):
        if key in ("folds", "seed"):
            settings[key] = value
        else:
            found.append(_choice(key, value))
    if not found:
        raise OptionError(
            "the recipe names nothing to search over: write a table [search] with keys such as "
            '"loop.learning_rate" = { low = 1e-4, high = 1e-2, log = true }, '
            '"loop.batch" = { choices = [16, 32] }'
        )
    for key, value in settings.items():
        if type(value) is not int or value < (2 if key == "folds" else 0):
            raise OptionError(f"[search] sets {key} to {value!r}: give a whole number, at least 2 folds")
    return Space(tuple(found), **settings)


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Quoted dotted keys and nested tables alike."""
    for key, value in table.items():
        if isinstance(value, Mapping) and not {"choices", "low", "high"} & set(value):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _choice(key: str, value: Any) -> Choice:
    wrong = OptionError(
        f"[search] describes {key} by {value!r}: write {{ choices = [...] }} or {{ low = …, high = … }} with "
        "step or log = true beside it"
    )
    if not isinstance(value, Mapping) or set(value) - {"choices", "low", "high", "step", "log"}:
        raise wrong
    if "choices" in value:
        if set(value) != {"choices"} or not isinstance(value["choices"], list) or not value["choices"]:
            raise wrong
        return Choice(key, tuple(value["choices"]))
    numbers: list[Any] = [value.get("low"), value.get("high"), value.get("step", 1)]
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise wrong
    low, high, step = numbers
    log = value.get("log", False)
    if not (low < high and step > 0 and isinstance(log, bool)) or (log and ("step" in value or low <= 0)):
        raise wrong
    if type(low) is not type(high):
        low, high = float(low), float(high)
    return Choice(key, (), low, high, value.get("step"), log)


@dataclass(frozen=True)
class Search:
    """What `search` is asked for.

    Args:
        out: the search's folder: ``search.db``, ``trials/``, ``trials.json``, ``best.toml``.
        trials: how many there shall be at the end, those of earlier calls with them.
        fold: whose training speakers are used.
    """

    out: Path
    trials: int = 20
    fold: int = 0
    how: How = field(default_factory=How)


def search(plan: Plan, data: str, order: Search, report: Report) -> Path:
    """Search; goes on where an earlier call in the same folder was stopped. The path of the best recipe.

    Raises:
        OptionError: no search space, or a fold that the protocol lacks.
        MissingExtraError: Optuna is not installed.
        CorpusError, RunError: as in training.
    """
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("hearfelt search", "optuna", "train") from None
    if order.trials < 1:
        raise OptionError(f"--trials {order.trials}: give at least 1")
    chosen, runner = space(plan.search), kinds.KINDS[plan.kind].load()
    for choice in chosen.choices:  # an unknown key is refused before anything is learnt
        first = choice.choices[0] if choice.choices else choice.low
        changes.changed(plan.recipe, {choice.key: first})
    examples = runner.read(plan.recipe, data)
    recipe = runner.filled(plan.recipe, examples)
    inner = inner_splits(recipe, examples, data, order.fold, chosen)
    runfolder.open_folder(recipe, order.out)
    runfolder.note_data(order.out, plan.kind, examples, data, order.how.device)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = _study(order.out, plan.search, order.fold, chosen)
    judge = _Judge(plan.kind, recipe, examples, inner, runner, order, chosen, report)
    _again(study)
    while (done := len(_finished(study))) < order.trials:
        trial = study.ask()
        value = judge(trial)
        study.tell(trial, value)
        best = max(t.value or 0.0 for t in _finished(study))
        shown = ", ".join(f"{key}={value}" for key, value in judge.values.items())
        report(f"trial {done + 1}/{order.trials}: UAR {value:.4f} by {shown}; the best has {best:.4f}")
    return _write(study, plan.kind, recipe, order, chosen)


def inner_splits(
    recipe: Any, examples: Sequence[Example], data: Path | str, fold: int, chosen: Space
) -> list[Split]:
    """Splits within the training part of a fold, over positions in ``examples``; no test clip is in any.

    Raises:
        OptionError: no such fold.
        CorpusError: too few training speakers.
    """
    folds = deal.folds(recipe.protocol, examples, data)
    if folds and not 0 <= fold < len(folds):
        raise OptionError(f"there is no fold {fold}: the protocol has {len(folds)}, counted from 0")
    learnt = list(folds[fold].train) if folds else list(range(len(examples)))
    part = [examples[i] for i in learnt]
    if recipe.protocol.kind == "clip_folds":
        dealt = splits.group_folds(part, chosen.folds, "file", chosen.seed)
    else:
        dealt = splits.speaker_folds(part, chosen.folds, chosen.seed)
    splits.check(part, dealt)
    return [Split(s.name, tuple(learnt[i] for i in s.train), tuple(learnt[i] for i in s.test)) for s in dealt]


class _Judge:
    """The mean UAR of a trial's recipe over the inner splits; what is finished is not done again."""

    def __init__(
        self,
        kind: str,
        recipe: Any,
        examples: Sequence[Example],
        inner: Sequence[Split],
        runner: Runner,
        order: Search,
        chosen: Space,
        report: Report,
    ) -> None:
        self.kind, self.recipe, self.examples, self.inner = kind, recipe, examples, inner
        self.runner, self.order, self.space, self.report = runner, order, chosen, report
        self.values: dict[str, Any] = {}

    def __call__(self, trial: optuna.Trial) -> float:
        self.values = {choice.key: choice.ask(trial) for choice in self.space.choices}
        recipe = changes.changed(self.recipe, self.values)
        text = kinds.to_toml(self.kind, recipe)
        folder = self.order.out / "trials" / hashlib.sha256(text.encode()).hexdigest()[:12]
        path = folder / "score.json"
        if path.is_file():
            return float(json.loads(path.read_text(encoding="utf-8"))["uar"])
        folder.mkdir(parents=True, exist_ok=True)
        cache = self.order.out.parent / "cache"
        material = self.runner.measure(recipe, self.examples, cache, self.report, self.order.how.workers)
        each = [self._one(recipe, material, split, folder, n) for n, split in enumerate(self.inner)]
        uar = float(np.mean(each))
        write_json(path, {"uar": uar, "uar_of_parts": each, "values": self.values})
        return uar

    def _one(self, recipe: Any, material: Any, split: Split, folder: Path, number: int) -> float:
        path = folder / f"part{number}" / "heldout.npz"
        if path.is_file():
            return scored.uar(protocols.load(path))
        path.parent.mkdir(exist_ok=True)
        told = named(self.report, f"trial {folder.name}, part {number}")
        held = self.runner.judged(recipe, material, split, path.parent, told, self.order.how)
        with atomic(path) as part, part.open("wb") as stream:
            held.save(stream)
        return scored.uar(held)


def _study(out: Path, table: Mapping[str, Any], fold: int, chosen: Space) -> optuna.Study:
    import optuna

    path = out / STORAGE
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        name = f"fold {fold}: {json.dumps(table, sort_keys=True)}"
        known = [study.study_name for study in optuna.get_all_study_summaries(storage)]
        if known and name not in known:
            raise OptionError(
                f"{out} holds a search over another space or fold: give another --out, or remove that folder"
            )
        done = len(optuna.load_study(study_name=name, storage=storage).trials) if known else 0
        # A sampler that begins anew with the same seed would draw what it drew before.
        sampler = optuna.samplers.TPESampler(seed=chosen.seed + done)
        return optuna.create_study(
            study_name=name, storage=storage, sampler=sampler, direction="maximize", load_if_exists=True
        )
    except OptionError:
        raise
    except Exception as error:  # sqlalchemy has a family of its own
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(f"{path} cannot be used ({why}): give another --out, or remove the file") from None


def _again(study: optuna.Study) -> None:
    """What was interrupted is tried again."""
    import optuna

    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params)


def _finished(study: optuna.Study) -> list[Any]:
    import optuna

    return list(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)))


def _write(study: optuna.Study, kind: str, recipe: Any, order: Search, chosen: Space) -> Path:
    known = {choice.key: bool(choice.choices) for choice in chosen.choices}

    def values(trial: Any) -> dict[str, Any]:
        return {key: json.loads(v) if known[key] else v for key, v in trial.params.items()}

    finished = sorted(_finished(study), key=lambda trial: -(trial.value or 0.0))
    write_json(order.out / "trials.json", [{"uar": t.value, "values": values(t)} for t in finished])
    best = finished[0]
    comment = (
        f"Found by hearfelt search among {len(finished)} trials: UAR {best.value:.4f}, the mean over "
        f"{chosen.folds} parts of the training speakers of fold {order.fold}.\n"
        f"The test speakers of fold {order.fold} had no say; those of the other folds had."
    )
    with atomic(order.out / BEST) as part:
        text = kinds.to_toml(kind, changes.changed(recipe, values(best)), comment)
        part.write_text(text, encoding="utf-8")
    return order.out / BEST
