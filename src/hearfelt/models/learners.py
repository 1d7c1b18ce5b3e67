"""The table of classical learners: their options, and the scikit-learn estimator of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hearfelt.errors import MissingExtraError, OptionError, unknown_name

BALANCES = ("weights", "sampling", "none")
NORMALISATIONS = ("none", "train-speakers", "own-speakers")
CALIBRATIONS = ("auto", "always", "never")
TARGETS = ("gold", "soft", "multi")
DIMENSION_LEARNERS = ("auto", "ridge", "svr", "derived")


@dataclass(frozen=True)
class ClassicalOptions:
    """How a classical model learns.

    Args:
        kind: one of `KINDS`.
        features: name of the feature set, as `hearfelt.features.base.extractor` takes it; + joins several.
        C: inverse strength of regularisation of the SVMs and logistic regression; None takes the kind's own.
        min_leaf: clips in a leaf of a tree, a forest or boosting, at least.
        neighbours: of kNN.
        trees: of the forest; rounds of boosting are ``rounds``.
        rounds: of boosting; passes over the data of the MLP are at most ``rounds`` too.
        hidden: units of the MLP's hidden layers.
        alpha: weight decay of the MLP.
        standardise: mean 0 and variance 1 of each dimension over the training clips.
        normalise: "none"; "train-speakers" takes each training speaker's own mean away (a speaker who is new
            gets the mean of them); "own-speakers" brings every speaker to mean 0 and variance 1, test
            speakers too, over the clips that are asked about together. The last one needs speakers at test
            time, and its scores belong in a table of their own.
        balance: of classes: "weights"; "sampling" (clips of rare classes are repeated); "none". kNN and the
            MLP, which take no weights, sample for "weights".
        target: "gold" label; "soft" repeats a clip for each label with its share of the votes as weight;
            "multi" learns one yes or no a label (`hearfelt.models.multilabel`).
        share: "multi": the share of the votes from which on a clip has a label.
        calibrate: probabilities by a temperature (Guo et al., arXiv:1706.04599; "multi": Platt's sigmoid)
            that is fitted on held-out speakers of the training part: "always", "never", or "auto": where
            there are two speakers or more.
        tune: choose the kind's parameter (C, min_leaf, neighbours, alpha) by UAR on held-out speakers of the
            training part.
        inner_folds: folds of speakers for calibrating and tuning.
        dimensions: arousal, valence, dominance by "ridge" regression or "svr" on rated clips, or "derived"
            from the labels; "auto" is ridge where clips are rated.
        unmeasurable: clips that cannot be measured: "refuse", or "impute" the training medians.
        seed: of everything that draws.
    """

    kind: str = "svm-linear"
    features: str = "functionals"
    C: float | None = None
    min_leaf: int = 2
    neighbours: int = 10
    trees: int = 300
    rounds: int = 100
    hidden: tuple[int, ...] = (128,)
    alpha: float = 1.0
    standardise: bool = True
    normalise: str = "none"
    balance: str = "weights"
    target: str = "gold"
    share: float = 0.3
    calibrate: str = "auto"
    tune: bool = False
    inner_folds: int = 4
    dimensions: str = "auto"
    unmeasurable: str = "refuse"
    seed: int = 0

    def __post_init__(self) -> None:
        for what, value, known in (
            ("classical model", self.kind, tuple(KINDS)),
            ("normalisation", self.normalise, NORMALISATIONS),
            ("balance", self.balance, BALANCES),
            ("target", self.target, TARGETS),
            ("calibration", self.calibrate, CALIBRATIONS),
            ("learner of dimensions", self.dimensions, DIMENSION_LEARNERS),
            ("policy for clips that cannot be measured", self.unmeasurable, ("refuse", "impute")),
        ):
            if value not in known:
                raise unknown_name(what, value, known)
        object.__setattr__(self, "hidden", tuple(self.hidden))
        small = {name: getattr(self, name) for name in ("min_leaf", "neighbours", "trees", "rounds")}
        for name, number in small.items():
            if number < 1:
                raise OptionError(f"{name}={number}: use at least 1")
        if (self.C is not None and self.C <= 0) or self.alpha < 0 or not 0 < self.share <= 1:
            raise OptionError(
                f"C={self.C}, alpha={self.alpha}, share={self.share}: C must be above 0, alpha at least 0, "
                "share above 0 and at most 1"
            )
        if self.inner_folds < 2:
            raise OptionError(f"inner_folds={self.inner_folds}: use at least 2")


@dataclass(frozen=True)
class Kind:
    """A row of `KINDS`.

    Args:
        build: the scikit-learn estimator of some options.
        parameter: the option that ``tune`` chooses, from ``grid``.
        weights: whether it takes a weight a clip.
        C: the C that works where the options give none.
    """

    build: Callable[[ClassicalOptions], Any]
    parameter: str
    grid: tuple[float, ...]
    weights: bool = True
    C: float = 1.0


def _tree(options: ClassicalOptions) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(min_samples_leaf=options.min_leaf, random_state=options.seed)


def _forest(options: ClassicalOptions) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        options.trees, min_samples_leaf=options.min_leaf, random_state=options.seed, n_jobs=1
    )


def _boosting(options: ClassicalOptions) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=options.rounds,
        max_leaf_nodes=8,
        max_features=0.1,
        min_samples_leaf=options.min_leaf,
        early_stopping=False,
        random_state=options.seed,
    )


def _svm(kernel: str) -> Callable[[ClassicalOptions], Any]:
    def build(options: ClassicalOptions) -> Any:
        from sklearn.svm import SVC

        return SVC(kernel=kernel, C=strength(options), break_ties=True, random_state=options.seed)

    return build


def _logistic(options: ClassicalOptions) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength(options), max_iter=1000, random_state=options.seed)


def _knn(options: ClassicalOptions) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(options.neighbours, weights="distance", algorithm="brute")


def _mlp(options: ClassicalOptions) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        options.hidden, alpha=options.alpha, max_iter=options.rounds, random_state=options.seed
    )


_STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)

KINDS: Mapping[str, Kind] = {
    "tree": Kind(_tree, "min_leaf", (1, 2, 5, 10, 20)),
    "forest": Kind(_forest, "min_leaf", (1, 2, 5)),
    "boosting": Kind(_boosting, "min_leaf", (2, 5, 20)),
    "svm-linear": Kind(_svm("linear"), "C", _STRENGTHS, C=0.01),
    "svm-rbf": Kind(_svm("rbf"), "C", (0.3, 1.0, 3.0, 10.0, 30.0), C=3.0),
    "logistic": Kind(_logistic, "C", _STRENGTHS, C=0.01),
    "knn": Kind(_knn, "neighbours", (3, 5, 10, 20), weights=False),
    "mlp": Kind(_mlp, "alpha", (0.01, 0.1, 1.0, 10.0), weights=False),
}
"""Name to learner. Boosting is scikit-learn's ``HistGradientBoostingClassifier``."""


def strength(options: ClassicalOptions) -> float:
    """The C that is used."""
    return KINDS[options.kind].C if options.C is None else options.C


def with_parameter(options: ClassicalOptions, value: float) -> ClassicalOptions:
    """The options with the kind's tuned parameter set."""
    name = KINDS[options.kind].parameter
    changes: dict[str, Any] = {name: int(value) if name in ("min_leaf", "neighbours") else value}
    return replace(options, **changes)


def require_sklearn(kind: str) -> None:
    """MissingExtraError where scikit-learn is not installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise MissingExtraError(f"the model {kind}", "scikit-learn", "train") from None
