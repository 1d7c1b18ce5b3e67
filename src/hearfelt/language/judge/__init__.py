"""The judge: what is asked, in which ways, at what cost, and what is accepted.

The names below are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hearfelt.language.judge.budget import Budget, BudgetOptions, Metered
    from hearfelt.language.judge.examples import Examples, ShotOptions, open_table
    from hearfelt.language.judge.judge import Judge, JudgeOptions
    from hearfelt.language.judge.panel import Panel
    from hearfelt.language.judge.question import JudgeItem, QuestionOptions, Shot, Turn

_HOMES = {
    "Budget": "budget",
    "BudgetOptions": "budget",
    "Examples": "examples",
    "Judge": "judge",
    "JudgeItem": "question",
    "JudgeOptions": "judge",
    "Metered": "budget",
    "Panel": "panel",
    "QuestionOptions": "question",
    "Shot": "question",
    "ShotOptions": "examples",
    "Turn": "question",
    "open_table": "examples",
}

__all__ = [
    "Budget",
    "BudgetOptions",
    "Examples",
    "Judge",
    "JudgeItem",
    "JudgeOptions",
    "Metered",
    "Panel",
    "QuestionOptions",
    "Shot",
    "ShotOptions",
    "Turn",
    "open_table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
