"""Who speaks on which channel and in which role, and that the language model is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hearfelt import Recognizer
from hearfelt.errors import ChatError
from hearfelt.language.chat.openai import QueueChat
from hearfelt.language.judge import Judge, JudgeOptions
from hearfelt.pipeline.speakers import names_and_roles


@pytest.mark.parametrize(
    ("given", "channels", "names", "roles"),
    [
        (["ana", "ben"], 2, ["ana", "ben"], {}),
        ([" ana = agent ", "ben"], 2, ["ana", "ben"], {"ana": "agent"}),
        (["ana=agent", "ben=customer"], 2, ["ana", "ben"], {"ana": "agent", "ben": "customer"}),
        (["ana=agent", "ben=customer"], 1, None, {"ana": "agent", "ben": "customer"}),
        (["ana=agent", "ben"], 1, ["ana", "ben"], {"ana": "agent"}),
        (["ana="], 1, ["ana"], {}),
        (["=agent", "b"], 2, ["", "b"], {}),
        ([], 2, [], {}),
        ({"ana ": " agent", "ben": ""}, 2, None, {"ana": "agent"}),
    ],
)
def test_names_and_roles(given: Any, channels: int, names: Any, roles: dict[str, str]) -> None:
    assert names_and_roles(given, channels) == (names, roles)


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(transcriber="none")


def asked(recognizer: Recognizer, call: Path, speakers: Any) -> list[dict[str, Any]]:
    """What the language model is asked about the example call, utterance by utterance."""
    queue = QueueChat([ChatError("not now")] * 2)
    recognizer.parts.judge = Judge(queue, JudgeOptions(cache=None, max_failures=9))
    recognizer.analyze(call, transcript=call.with_suffix(".srt"), speakers=speakers)
    return [json.loads(messages[1]["content"].splitlines()[1]) for messages, _ in queue.asked]


def test_the_language_model_is_told_roles_verdicts_and_what_cues_compare_with(
    recognizer: Recognizer, example_call: Path
) -> None:
    told = asked(recognizer, example_call, ["agent=staff", "customer"])
    roles = {data["utterance"]["speaker"]: data["utterance"].get("role") for data in told}
    assert roles == {"agent": "staff", "customer": None}
    assert all(turn.get("role") == roles[turn["speaker"]] for data in told for turn in data["dialogue"])
    for data in told:
        for name in ("voice_model", "words_model"):
            verdict = data[name]
            assert verdict is None or 0 < verdict["confidence"] <= 1
    cues = [cue for data in told for cue in data["vocal_cues"]]
    assert any("than usual for this speaker" in cue for cue in cues)
    assert any("than most people" in cue for cue in cues)
    assert all(" than " in cue for cue in cues)


def test_roles_alone_name_no_channel(recognizer: Recognizer, example_call: Path) -> None:
    for speakers in ({"Customer": "caller", "AGENT": "staff"}, ["customer=caller", "agent=staff", "x=y"]):
        told = asked(recognizer, example_call, speakers)
        assert {data["utterance"]["speaker"].lower(): data["utterance"]["role"] for data in told} == {
            "agent": "staff",
            "customer": "caller",
        }
