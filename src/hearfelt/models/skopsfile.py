"""scikit-learn objects in a file that runs no code when it is read: skops, with an explicit list of types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hearfelt.errors import MissingExtraError, ModelError

TRUSTED = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)
"""Types that a file may hold beside those that skops itself trusts."""


def dump(value: Any, path: Path) -> None:
    """Write a value.

    Raises:
        MissingExtraError: skops is not installed.
        ModelError: the value has a type that `load` would refuse.
    """
    io = _skops(path)
    io.dump(value, path)
    _strange(io, path)


def load(path: Path) -> Any:
    """What `dump` wrote.

    Raises:
        MissingExtraError: skops is not installed.
        ModelError: no such file, a broken one, one with other types, or one of another scikit-learn.
    """
    io = _skops(path)
    if not path.is_file():
        raise ModelError(f"{path} is missing: restore the folder of the model")
    _strange(io, path)
    try:
        return io.load(path, trusted=list(TRUSTED))
    except Exception as error:  # whatever a file of another version of scikit-learn comes to
        raise ModelError(f"{path} cannot be read ({error}): save the model again with this version") from None


def _strange(io: Any, path: Path) -> None:
    try:
        found = [name for name in io.get_untrusted_types(file=path) if name not in TRUSTED]
    except Exception as error:  # zip, JSON and key errors: skops has no family of its own
        raise ModelError(f"{path} cannot be read ({error}): restore the folder of the model") from None
    if found:
        raise ModelError(
            f"{path} holds {', '.join(found)}, which is not among the types that a model may hold: "
            "take a model from a source you trust"
        )


def _skops(path: Path) -> Any:
    try:
        import skops.io
    except ImportError:
        raise MissingExtraError(f"the model in {path.parent}", "skops", "train") from None
    return skops.io
