"""Against a server that nobody here wrote: ``transformers serve``, with a tiny model that learnt one answer.

The command stands in ``tests/README.md``.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hearfelt.errors import ChatError
from hearfelt.language.chat.local import LocalOptions, TransformersChat
from hearfelt.language.chat.openai import ChatOptions, OpenAIChat
from hearfelt.language.judge import Judge, JudgeItem, JudgeOptions
from hearfelt.types import Segment

from .. import tiny_causal

pytestmark = pytest.mark.slow
PYTHON = os.environ.get("HEARFELT_SERVE_PYTHON", sys.executable)
LABELS = ("anger", "neutral")
ITEM = JudgeItem(Segment(0.0, 2.0, "b"), "Not again!", ("louder than usual",))
ANSWER = json.dumps(
    {
        "probabilities": {"anger": 0.75, "neutral": 0.25},
        "arousal": 0.5,
        "valence": -0.5,
        "words": ["Not again"],
        "cues": [],
        "sarcasm": False,
        "conflict": False,
        "reason": "It happens again.",
    }
)
SCHEMA = JudgeOptions(cache=None, labels=LABELS)


def learn(folder: Path) -> None:
    """Teaches the model in a folder to give `ANSWER` to the question about `ITEM`, and to nothing else."""
    import torch

    chat = TransformersChat(str(folder), LocalOptions(device="cpu"))
    prompt = chat._prompt(Judge(chat, SCHEMA).messages(ITEM))
    answer = [*chat.tokenizer.encode(ANSWER, add_special_tokens=False), chat.tokenizer.eos_token_id]
    ids = torch.tensor([prompt + answer])
    targets = ids.clone()
    targets[:, : len(prompt)] = -100
    optimizer = torch.optim.Adam(chat.model.parameters(), lr=1e-2)
    for _ in range(400):
        loss = chat.model(input_ids=ids, labels=targets).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.01:
            break
    else:
        pytest.fail(f"the tiny model has not learnt its answer: loss {loss.item():.3f}")
    chat.model.save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("served")
    tiny_causal.save(found, context=8192, spread=0.02)
    learn(found)
    return found


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    probe = [PYTHON, "-c", "import fastapi, openai, transformers, uvicorn"]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip(f"{PYTHON} has no transformers[serving]: see tests/README.md")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [PYTHON, "-m", "transformers.cli.transformers", "serve", "--host", "127.0.0.1"]
    log = folder.parent / "serve.log"
    with log.open("w", encoding="utf-8") as written:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--device", "cpu", str(folder)],
            stdout=written,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def wait_for(health: str, process: subprocess.Popen[Any], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            if httpx.get(health, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(1)
    pytest.fail(f"transformers serve did not start: {log.read_text(encoding='utf-8')[-2000:]}")


@pytest.mark.parametrize("stream", [False, True])
def test_its_answer_becomes_evidence(url: str, folder: Path, stream: bool) -> None:
    chat = OpenAIChat(str(folder), url, options=ChatOptions(stream=stream, timeout_s=300))
    evidence = Judge(chat, SCHEMA).judge(ITEM)
    assert evidence.emotion.probabilities == pytest.approx((0.75, 0.25))
    assert (evidence.note, evidence.details["words"]) == ("It happens again.", ["Not again"])
    assert evidence.details["repaired"] is False
    assert evidence.details["usage"]["prompt_tokens"] > 500


def test_in_this_process_the_same_weights_say_the_same(url: str, folder: Path) -> None:
    here = TransformersChat(str(folder), LocalOptions(device="cpu"))
    messages = Judge(here, SCHEMA).messages(ITEM)
    there = OpenAIChat(str(folder), url, options=ChatOptions(timeout_s=300)).chat(messages)
    alone = here.chat(messages)
    assert json.loads(alone.text) == json.loads(there.text) == json.loads(ANSWER)
    assert alone.usage["prompt_tokens"] == there.usage["prompt_tokens"]
    bound = Judge(here, SCHEMA).judge(ITEM)
    assert bound.emotion.label == "anger"


def test_it_gives_no_log_probabilities_and_says_so(url: str, folder: Path) -> None:
    chat = OpenAIChat(str(folder), url, options=ChatOptions(timeout_s=300))
    with pytest.raises(
        ChatError, match="gives no log-probabilities, so it cannot be asked in the way 'score'"
    ):
        Judge(chat, JudgeOptions(cache=None, labels=LABELS, mode="score")).judge(ITEM)


def test_another_model_is_refused(url: str) -> None:
    with pytest.raises(ChatError, match=r"knows no model 'no/such'.*: check --llm and --llm-url"):
        OpenAIChat("no/such", url).chat([{"role": "user", "content": "Hello?"}])
