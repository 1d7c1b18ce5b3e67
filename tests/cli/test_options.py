"""Options that several verbs share are the same in all of them."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from hearfelt.cli.app import app
from hearfelt.cli.options import BACKEND, WORDINGS, backend_options
from hearfelt.errors import OptionError
from hearfelt.language.chat.backends import BackendOptions

VERBS = (("analyze",), ("data", "label"), ("benchmark", "dialogue"))


def helps(verb: tuple[str, ...]) -> dict[str, str]:
    """Option to its line in ``--help``."""
    command: Any = typer.main.get_command(app)
    for name in verb:
        command = command.commands[name]
    return {option: p.help for p in command.params for option in p.opts if option.startswith("--")}


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_reach_a_language_model_by_the_same_options(verb: tuple[str, ...]) -> None:
    found = helps(verb)
    shared = BACKEND.table if verb[0] == "benchmark" else BACKEND.table + WORDINGS.table
    for name, _, text in shared:
        assert found["--" + name.replace("_", "-")] == text
    assert "--llm" in found and "--llm-mode" in found


def test_what_is_given_reaches_the_back_end_and_the_rest_keeps_its_default() -> None:
    arguments: dict[str, Any] = {name: None for name, _, _ in BACKEND.table}
    arguments |= {"llm_stream": False, "llm_key_env": "A_KEY", "other": 1}
    assert BACKEND.taken(arguments) == BackendOptions(key_env="A_KEY")
    assert arguments == {"other": 1}


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan")])
def test_no_time_for_an_answer_is_refused(seconds: float) -> None:
    with pytest.raises(OptionError, match=r"--llm-timeout-s is .*; it must be above 0, such as 60"):
        backend_options({"llm_timeout_s": seconds})


def test_how_examples_are_shown_needs_examples() -> None:
    with pytest.raises(OptionError, match="--shots is for labelled examples: name a table of them by --exam"):
        WORDINGS.taken({"prompts": None, "examples": None, "shots": 3, "balanced_shots": False})
    with pytest.raises(OptionError, match="--balanced-shots is for labelled examples"):
        WORDINGS.taken({"prompts": 2, "examples": None, "shots": None, "balanced_shots": True})
    some = WORDINGS.taken({"prompts": 2, "examples": "t.csv", "shots": 3, "balanced_shots": False})
    assert (some.prompts, some.examples, some.shots) == (2, "t.csv", 3)
