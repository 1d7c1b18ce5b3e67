"""Every model by name: one table for benchmarks, the command line and Python.

>>> from hearfelt.training import systems
>>> model = systems.make("svm", cache="runs/features")
>>> model.fit(examples).predict_proba(["a.wav"])  # doctest: +SKIP

A name is a row of `SYSTEMS`, or one of the shapes of `SHAPES`: a classical model on any feature set
(``mlp@encoder:FOLDER``, ``svm@functionals+mel``), several models as one (``average:svm+forest``,
``stacking:svm+voice``), a speech encoder (``encoder:FOLDER``), a speech-LLM on a causal language model
(``speech-llm:FOLDER``), or a folder with weights (``weights:FOLDER``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hearfelt.errors import MissingExtraError, OptionError, unknown_name
from hearfelt.models import classical
from hearfelt.models.base import Input
from hearfelt.types import Example, FloatArray

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
WRITERS = ("speech-llm", "scratch")
"""Kinds of models that write their answer."""


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
        name: a row of `SYSTEMS`, or a name of one of the `SHAPES`.
        options: ``seed``, ``normalise`` (classical models, and ensembles of them), ``cache``, ``report``,
            ``workers``, and whatever else its builder takes.

    Raises:
        OptionError: an unknown name (the known ones are listed), or an option that the model does not take.
    """
    if name in SYSTEMS:
        return SYSTEMS[name](**options)
    kind, at, features = name.partition("@")
    if at and ":" not in kind:
        return _classical(kind, features)(**options)
    prefix, colon, rest = name.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix](rest, **options)
    raise unknown_name("model", name, [*SYSTEMS, *SHAPES])


def _classical(kind: str, features: str | None = None) -> Callable[..., System]:
    """Builder of a classical model, on another feature set where one is given."""

    def build(**options: Any) -> System:
        if kind not in classical.CLASSICAL:
            raise unknown_name("classical model", kind, classical.CLASSICAL)
        if features is None:
            return classical.make(kind, **options)
        _check_features(features)
        model = classical.make(kind, features=features, **options)
        model.name = f"{kind}@{features}"
        return model

    return build


def _check_features(names: str) -> None:
    """Refuse an unknown feature set before anything is measured."""
    from hearfelt.features.base import ENCODER, EXTRACTORS

    for part in names.split("+"):
        if part not in EXTRACTORS and not part.startswith(ENCODER):
            raise unknown_name("feature set", part, (*EXTRACTORS, f"{ENCODER}FOLDER"))


JOINED = ("svm", "svm-mel", "forest")
"""What ``average`` and ``stacking`` join where no members are named."""


def _ensemble(combine: str) -> Callable[..., System]:
    """Builder of several models as one; members are any systems, with ``+`` between."""

    def build(members: str = "+".join(JOINED), **options: Any) -> System:
        from hearfelt.models.ensemble import Ensemble, EnsembleOptions

        what = "stacking" if combine == "stacking" else "average"
        names = members.split("+")
        if len(names) < 2 or len(set(names)) < len(names) or not all(names):
            raise OptionError(f"{what}:{members} joins no two models: write {what}:svm+forest, each once")

        def factory(name: str) -> Callable[[], Any]:
            return lambda: make(name, **options)

        factories = {name: factory(name) for name in names}
        for one in factories.values():
            one()  # an unknown name or option is refused now, not when it is to learn
        chosen = EnsembleOptions(combine=combine, seed=int(options.get("seed") or 0))
        found = Ensemble(factories, chosen, name=what, report=options.get("report"))
        found.cache = options.get("cache")
        return found

    return build


class Shipped:
    """A weights folder that is judged as it is: `fit` learns nothing.

    Args:
        folder: a name of shipped weights or a folder with ``model.json``: a voice model, or what a classical
            model or an ensemble has saved.
        options: fields of `hearfelt.models.onnx.VoiceOptions`; ``seed`` is not read, as nothing is drawn.

    Raises:
        OptionError: an option that it does not take.
        ModelError: the folder holds no model, or one of another kind.
    """

    def __init__(self, folder: str | Path, **options: Any) -> None:
        options.pop("seed", None)
        named = WEIGHTS / str(folder)
        self.folder = named if named.is_dir() else Path(folder)
        self.model = _read(self.folder, options)
        self.classes_: tuple[str, ...] = getattr(self.model, "classes_", None) or self.model.labels

    def fit(self, examples: Sequence[Example]) -> Shipped:
        """Nothing is learnt; returns itself."""
        return self

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Probabilities, shape ``(n_inputs, n_labels)``."""
        if hasattr(self.model, "predict_proba"):
            answers: FloatArray = self.model.predict_proba(inputs)
            return answers
        from hearfelt.training import measure

        rate = int(self.model.card["sample_rate_hz"])
        heard = self.model.predict([measure.sound(one, rate) for one in inputs])
        rows = [evidence.emotion.probabilities for evidence in heard]
        return np.array(rows, dtype=np.float32).reshape(-1, len(self.classes_))

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora the weights have learnt from: a test on their speakers means nothing."""
        from hearfelt.models.onnx import read_card

        return tuple(read_card(self.folder, ()).get("corpora", ()))


def _read(folder: Path, options: dict[str, Any]) -> Any:
    """The model in a folder by the kind that its card names."""
    import dataclasses

    from hearfelt.models.onnx import VoiceModel, VoiceOptions, read_card

    card = read_card(folder, ("kind",))
    kind = card["writes"] if "writes" in card and (folder / "network.pt").is_file() else card["kind"]
    if kind not in ("classical", "classical-multi", "ensemble", "network", *WRITERS):
        known = [field.name for field in dataclasses.fields(VoiceOptions)]
        _check_options(f"weights:{folder.name}", options, known)
        return VoiceModel.load(folder, VoiceOptions(**options))
    _check_options(f"weights:{folder.name}", options, ())
    if kind == "network":
        return _load_network(folder)
    if kind in WRITERS:
        from hearfelt.training.written.model import WrittenClassifier

        return WrittenClassifier.load(folder)
    if kind in ("classical", "classical-multi"):
        return classical.load(folder)
    from hearfelt.models import ensemble

    return ensemble.load(folder, {"voice": _load_network, "network": _load_network})


def _load_network(folder: Path) -> Any:
    """A network that was a member of an ensemble, or whose run gave no ONNX."""
    from hearfelt.models.onnx import read_card

    if "tasks" in read_card(folder, ()):
        from hearfelt.training.networks.model import TaskClassifier

        return TaskClassifier.load(folder)
    from hearfelt.training.estimator import NeuralClassifier

    return NeuralClassifier.load(folder)


def _check_options(name: str, options: Mapping[str, Any], known: Sequence[str]) -> None:
    for key, value in options.items():
        if key not in known:
            raise OptionError(
                f"{name.removeprefix('weights:')} does not take {key}={value}: leave it out, or judge it by "
                "itself"
            )


def _voice(**options: Any) -> System:
    from hearfelt.training.estimator import NeuralClassifier

    if "normalise" in options:
        _check_options("voice", {"normalise": options["normalise"]}, ())
    return NeuralClassifier(**options)


def _network(kind: str) -> Callable[..., System]:
    """Builder of a network of `hearfelt.models.networks.table` that learns the emotion of a clip."""

    def build(**options: Any) -> System:
        return _task_classifier(kind, {}, options)

    return build


def _encoder(source: str, **options: Any) -> System:
    """A speech encoder as a network: ``FOLDER`` or ``NAME``, and after an ``@`` what of it learns."""
    name, _, tuning = source.partition("@")
    return _task_classifier("encoder", {"source": name, "tuning": tuning or "frozen"}, options)


def _task_classifier(kind: str, fixed: Mapping[str, Any], options: dict[str, Any]) -> System:
    """A network with one task.

    Args:
        fixed: options of the trunk.
        options: ``cache``, ``report``, ``folder``; ``seed`` and keys of the recipe's ``loop`` such as
            ``epochs``, or of other sections with a dot, such as ``network.dropout``.
    """
    if "normalise" in options:
        _check_options(kind, {"normalise": options["normalise"]}, ())
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError(f"the network {kind}", "torch", "train") from None
    from hearfelt.models.networks import table
    from hearfelt.training.changes import changed
    from hearfelt.training.networks.model import TaskClassifier
    from hearfelt.training.networks.recipe import NetworkRecipe, TrunkChoice

    table.options_of(kind, **fixed)  # an unknown option is refused now, not when it is to learn
    runtime, dotted = _told(options)
    recipe = changed(NetworkRecipe(name=kind, network=TrunkChoice(kind, fixed)), dotted)
    return TaskClassifier(recipe, **runtime)


def _told(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of how a network learns, and keys of its recipe: those of ``loop`` by their bare name."""
    runtime = {key: options[key] for key in ("report", "folder") if key in options}
    cache = options.get("cache")
    runtime["cache"] = None if cache is None else Path(cache)
    keys = {
        key: value for key, value in options.items() if key not in ("report", "folder", "cache", "workers")
    }
    return runtime, {k if k == "seed" or "." in k else f"loop.{k}": value for k, value in keys.items()}


def _writer(kind: str) -> Callable[..., System]:
    """Builder of a model that writes: a speech-LLM with a language model of its own, or the Transformer."""

    def build(**options: Any) -> System:
        return _written(kind, {}, options)

    return build


def _speech_llm(source: str, **options: Any) -> System:
    """A speech-LLM whose language model is the causal one in a folder, learnt by LoRA."""
    if not source:
        raise OptionError(
            "speech-llm: names no folder: write speech-llm:FOLDER, with a causal language model"
        )
    return _written("speech-llm", {"lm.source": source}, options)


def _written(kind: str, fixed: Mapping[str, Any], options: Mapping[str, Any]) -> System:
    if "normalise" in options:
        _check_options(kind, {"normalise": options["normalise"]}, ())
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError(f"the model {kind}", "torch", "train") from None
    from hearfelt.training.changes import changed
    from hearfelt.training.written.model import RECIPES, WrittenClassifier

    runtime, dotted = _told(options)
    return WrittenClassifier(changed(RECIPES[kind](), {**fixed, **dotted}), **runtime)


def _shipped(name: str) -> Callable[..., System]:
    return lambda **options: Shipped(name, **options)


SYSTEMS: Mapping[str, Callable[..., System]] = {
    **{name: _classical(name) for name in classical.CLASSICAL},
    "average": _ensemble("log-mean"),
    "stacking": _ensemble("stacking"),
    "voice": _voice,
    **{
        name: _network(name)
        for name in ("cnn", "recurrent", "transformer", "conformer", "cnn-stats", "cnn-gru-stats", "fused")
    },
    **{name: _writer(name) for name in WRITERS},
    **{name: _shipped(name) for name in ("base", "open") if (WEIGHTS / name).is_dir()},
}
"""Name to builder: `hearfelt.models.classical.CLASSICAL` (``svm`` is linear, ``svm-both`` fuses features),
models joined, the network of a recipe, those of `hearfelt.models.networks.table`, the models that write, and
the shipped weights."""

PREFIXES: Mapping[str, Callable[..., System]] = {
    "average": _ensemble("log-mean"),
    "stacking": _ensemble("stacking"),
    "encoder": _encoder,
    "speech-llm": _speech_llm,
    "weights": Shipped,
}
"""What stands before the colon of ``PREFIX:REST`` to builder."""

SHAPES = (
    "MODEL@FEATURES",
    "average:A+B",
    "stacking:A+B",
    "encoder:FOLDER@TUNING",
    "speech-llm:FOLDER",
    "weights:FOLDER",
)
"""Names that are made up of others."""
