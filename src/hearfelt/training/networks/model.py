"""A network with tasks as a saved model, and in scikit-learn's manners."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from hearfelt.errors import ModelError
from hearfelt.features import melfunctionals
from hearfelt.labels import felt
from hearfelt.models.base import Input
from hearfelt.models.networks.base import EmotionNetwork, learnt_state
from hearfelt.models.networks.heads import Task, probabilities
from hearfelt.models.onnx import read_card
from hearfelt.training import export, runfolder
from hearfelt.training.estimator import Learner, example_of, recipe_of, segment_of
from hearfelt.training.files import write_json, write_state
from hearfelt.training.networks import lesson, targets
from hearfelt.training.networks import material as materials
from hearfelt.training.networks.lesson import Answers
from hearfelt.training.networks.material import Material
from hearfelt.training.networks.recipe import NetworkRecipe
from hearfelt.training.recipe import from_table
from hearfelt.training.watch import How, Report
from hearfelt.types import Evidence, Example, FloatArray


def learnt(
    recipe: NetworkRecipe,
    clips: Material,
    indices: Sequence[int],
    folder: Path,
    report: Report,
    how: How | None = None,
) -> EmotionNetwork:
    """The network of a folder: trained and kept, or read where it was finished before."""
    path = folder / "network.pt"
    if not path.is_file():
        network = lesson.learn(recipe, clips, indices, folder, report, how)
        write_state(path, {"tasks": tasks_as_json(network.tasks), "state": learnt_state(network)})
    return read(recipe, folder, clips.clips.functionals.shape[1])


def tasks_as_json(tasks: Sequence[Task]) -> str:
    """Tasks as a text that `tasks_of` reads."""
    return json.dumps([dataclasses.asdict(task) for task in tasks], ensure_ascii=False)


def tasks_of(text: str) -> tuple[Task, ...]:
    """The tasks that `tasks_as_json` wrote."""
    return tuple(from_table(Task, one) for one in json.loads(text))


def read(recipe: NetworkRecipe, folder: Path, n_functionals: int) -> EmotionNetwork:
    """The trained network in a folder.

    Raises:
        ModelError: there is none, or it is of another shape than the recipe's.
    """
    try:
        stored = torch.load(folder / "network.pt", weights_only=True)
        network = lesson.build(recipe, tasks_of(stored["tasks"]), n_functionals)
        left = network.load_state_dict(stored["state"], strict=False)
        frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
        if left.unexpected_keys or set(left.missing_keys) - frozen:
            raise KeyError((*left.unexpected_keys, *left.missing_keys)[0])
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ModelError(f"{folder} holds no network of this recipe ({error}): train it first") from None
    return network.eval()


class Spoken(nn.Module):
    """A network with tasks as the runner of shipped weights wants one: logits, and ratings where it has them.

    Args:
        network: hears log-mels and has the task ``emotion`` of one label a clip.
        n_mels: bins of a frame.
    """

    def __init__(self, network: EmotionNetwork, n_mels: int) -> None:
        super().__init__()
        self.network = network
        rates = any(task.name == "dimensions" for task in network.tasks)
        self.options = SimpleNamespace(n_mels=n_mels, dimensions=rates)

    @property
    def n_functionals(self) -> int:
        """Functionals it reads; 0 where it reads none."""
        return 0 if self.network.fusion is None else len(self.network.fusion.mean)

    @property
    def n_parameters(self) -> int:
        """Numbers it holds."""
        return self.network.n_parameters

    def answers(self, *inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits ``(batch, n_labels)``, and arousal, valence, dominance ``(batch, 3)`` or None."""
        found = self.network(*inputs)
        return found["emotion"], found.get("dimensions")


def runs_as_voice(network: EmotionNetwork) -> bool:
    """Whether ``hearfelt analyze`` can run it: on log-mels, with one emotion a clip."""
    labelled = any(task.name == "emotion" and task.kind in ("single", "soft") for task in network.tasks)
    return network.trunk.input == "logmel" and labelled


def write(network: EmotionNetwork, recipe: NetworkRecipe, folder: Path) -> None:
    """Write ``model.json``, and ``model.onnx`` where `runs_as_voice`; ``network.pt`` is there.

    Raises:
        ModelError: what was exported does not give what torch gives.
    """
    voice = runs_as_voice(network)
    if voice:
        export.export(Spoken(network, recipe.features.n_mels), folder / "model.onnx")  # type: ignore[arg-type]
    first = next((task for task in network.tasks if task.name == "emotion"), network.tasks[0])
    kind = "voice" if voice else "network"
    card = runfolder.card(recipe, recipe.name, kind, first.labels) | {
        "tasks": [dataclasses.asdict(task) for task in network.tasks],
        "n_functionals": 0 if network.fusion is None else len(network.fusion.mean),
        "parameters": network.n_parameters,
    }
    if voice and any(task.name == "dimensions" for task in network.tasks):
        card["dimensions"] = runfolder.TRAINED
    if network.fusion is not None:
        card["functionals"] = melfunctionals.SPACE
    write_json(folder / "model.json", card)


class TaskClassifier(Learner[NetworkRecipe, EmotionNetwork]):
    """A network with tasks (`hearfelt.models.base.Model`), learnt from any labelled examples.

    >>> from hearfelt.training.networks.model import TaskClassifier
    >>> model = TaskClassifier(NetworkRecipe()).fit(examples)  # doctest: +SKIP
    >>> model.answers(["a.wav"])["emotion"]  # doctest: +SKIP

    Args:
        recipe, folder, cache, report: see `Learner`.
        how: where it learns.
    """

    classes_: tuple[str, ...]
    """The emotions, or the labels of the first task where none are learnt."""

    def __init__(
        self,
        recipe: NetworkRecipe | None = None,
        *,
        folder: Path | None = None,
        cache: Path | None = None,
        report: Report | None = None,
        how: How | None = None,
    ) -> None:
        super().__init__(recipe or NetworkRecipe(), folder, cache, report)
        self.how = how

    def fit(self, examples: Sequence[Example]) -> TaskClassifier:
        """Learn every task of the recipe; returns itself.

        Raises:
            CorpusError: a task of which the examples teach nothing, or clips that cannot be measured.
        """
        named = targets.named(self.recipe.tasks, examples, self.recipe.data.labels)
        self.recipe_ = dataclasses.replace(self.recipe, tasks=named)
        clips = self._clips(examples)
        with self._place() as folder:
            rows = range(len(examples))
            self.network_ = lesson.learn(self.recipe_, clips, rows, folder, self.report, self.how)
        self.classes_ = self._task.labels
        return self

    def answers(self, inputs: Sequence[Input]) -> Answers:
        """By task: probabilities ``(n, n_labels)``, ratings ``(n, n_dimensions)``, or texts ``(n,)``."""
        said = lesson.answers(self._fitted(), self._clips(inputs), range(len(inputs)))
        for task in self._fitted().tasks:
            if task.kind != "ctc":
                said[task.name] = probabilities(task, torch.from_numpy(said[task.name])).numpy()
        return said

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Probabilities of the emotions, ``(n_inputs, n_labels)``, in the order of ``classes_``.

        Raises:
            ModelError: the first task has no labels a clip.
        """
        if self._task.kind in ("dimensions", "ctc"):
            raise ModelError(
                f"this network has learnt {self._task.name}, no labels: ask it by answers() instead"
            )
        return np.asarray(self.answers(inputs)[self._task.name], dtype=np.float32)

    def predict(self, inputs: Sequence[Input]) -> list[Evidence]:
        """Evidence of each input: its emotion, with the network's own dimensions where it has learnt them."""
        said = self.answers(inputs)
        rows = said[self._task.name]
        found = []
        for number, one in enumerate(inputs):
            emotion = felt(self.classes_, rows[number].tolist())
            if self._task.kind == "multi":
                emotion = dataclasses.replace(
                    emotion, multi_label=True, arousal=None, valence=None, dominance=None
                )
            if "dimensions" in said:
                arousal, valence, dominance = (float(v) for v in said["dimensions"][number])
                emotion = dataclasses.replace(emotion, arousal=arousal, valence=valence, dominance=dominance)
            found.append(Evidence(f"voice/{self.recipe_.name}", segment_of(one), emotion))
        return found

    def save(self, folder: Path) -> None:
        """Write ``network.pt``, ``model.json`` and, where it can be exported, ``model.onnx``."""
        network = self._fitted()
        folder.mkdir(parents=True, exist_ok=True)
        state = {"tasks": tasks_as_json(network.tasks), "state": learnt_state(network)}
        write_state(folder / "network.pt", state)
        write(network, self.recipe_, folder)

    @classmethod
    def load(cls, folder: Path) -> TaskClassifier:
        """The model that `save` or a run wrote.

        Raises:
            ModelError: the folder holds none.
        """
        card = read_card(Path(folder), ("recipe", "tasks", "n_functionals"))
        recipe = recipe_of(NetworkRecipe, card, folder)
        model = cls(recipe)
        model.recipe_ = recipe
        model.network_ = read(recipe, Path(folder), int(card["n_functionals"]))
        model.classes_ = model._task.labels
        return model

    @property
    def _task(self) -> Task:
        tasks = self._fitted().tasks
        return next((task for task in tasks if task.name == "emotion"), tasks[0])

    def _clips(self, inputs: Sequence[Input]) -> Material:
        waveform = lesson.hears_waveform(self.recipe_)
        examples = [example_of(one) for one in inputs]
        return materials.measured(self.recipe_, examples, self.cache, self.report, 1, waveform)
