"""hearfelt hears what people feel: who felt what, when, how sure that is, and on what evidence.

>>> import hearfelt
>>> report = hearfelt.analyze("examples/call/call.flac")  # doctest: +SKIP

The public names are loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hearfelt.errors import HearfeltError
    from hearfelt.models.classical import ClassicalModel
    from hearfelt.pipeline.offline import Recognizer, analyze
    from hearfelt.pipeline.options import RecognizerOptions
    from hearfelt.training.estimator import NeuralClassifier
    from hearfelt.training.networks.model import TaskClassifier
    from hearfelt.training.saved import load_model
    from hearfelt.types import (
        Audio,
        Emotion,
        Estimate,
        Evidence,
        Features,
        Report,
        Segment,
        Transcript,
        Word,
        from_dict,
        to_dict,
    )

__version__ = "0.1.0"

_HOMES = {
    "HearfeltError": "hearfelt.errors",
    "analyze": "hearfelt.pipeline.offline",
    "Recognizer": "hearfelt.pipeline.offline",
    "RecognizerOptions": "hearfelt.pipeline.options",
    "ClassicalModel": "hearfelt.models.classical",
    "NeuralClassifier": "hearfelt.training.estimator",
    "TaskClassifier": "hearfelt.training.networks.model",
    "load_model": "hearfelt.training.saved",
    **dict.fromkeys(
        (
            "Audio",
            "Emotion",
            "Estimate",
            "Evidence",
            "Features",
            "Report",
            "Segment",
            "Transcript",
            "Word",
            "from_dict",
            "to_dict",
        ),
        "hearfelt.types",
    ),
}

__all__ = [
    "Audio",
    "ClassicalModel",
    "Emotion",
    "Estimate",
    "Evidence",
    "Features",
    "HearfeltError",
    "NeuralClassifier",
    "Recognizer",
    "RecognizerOptions",
    "Report",
    "Segment",
    "TaskClassifier",
    "Transcript",
    "Word",
    "__version__",
    "analyze",
    "from_dict",
    "load_model",
    "to_dict",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'hearfelt' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
