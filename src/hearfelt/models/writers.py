"""The models that write, made from a plan: plain data that says what they are made of. And their weights."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from hearfelt.errors import ModelError
from hearfelt.models.networks.base import frozen_names
from hearfelt.models.networks.encoders import Encoder
from hearfelt.models.scratch import tokens
from hearfelt.models.scratch.network import Scratch, ScratchOptions
from hearfelt.models.scratch.tokens import Vocabulary
from hearfelt.models.speech_llm import lm, sound
from hearfelt.models.speech_llm.adapters import AdapterOptions
from hearfelt.models.speech_llm.lm import LmOptions
from hearfelt.models.speech_llm.network import SpeechLlm
from hearfelt.models.speech_llm.prompt import PromptOptions
from hearfelt.models.speech_llm.sound import SoundOptions
from hearfelt.models.writer import Writer

T = TypeVar("T")
Plan = Mapping[str, Any]
FILE = "network.pt"


def scratch_plan(n_mels: int, network: ScratchOptions, written: Vocabulary, read: str) -> dict[str, Any]:
    """A Transformer from nothing.

    Args:
        read: the tokenizer of what is read, as JSON; empty where nothing is.
    """
    return {
        "kind": "scratch",
        "n_mels": n_mels,
        "network": dataclasses.asdict(network),
        "labels": list(written.labels),
        "written": written.to_json(),
        "vocabulary": read,
    }


def speech_llm_plan(
    n_mels: int,
    hears: SoundOptions,
    adapter: AdapterOptions,
    language: LmOptions,
    prompt: PromptOptions,
    labels: Sequence[str],
    vocabulary: str,
) -> dict[str, Any]:
    """A speech-LLM.

    Args:
        vocabulary: the tokenizer of a language model with random weights, as JSON; else empty.
    """
    parts: dict[str, Any] = {"sound": hears, "adapter": adapter, "lm": language, "prompt": prompt}
    plain = {name: dataclasses.asdict(part) for name, part in parts.items()}
    return {"kind": "speech-llm", "n_mels": n_mels, **plain, "labels": list(labels), "vocabulary": vocabulary}


def build(plan: Plan) -> Writer:
    """The network of a plan; a language model or encoder of others brings its weights, all else is random."""
    if plan["kind"] == "scratch":
        options = _options(ScratchOptions, plan["network"])
        read = lm.made_words(plan["vocabulary"]) if plan["vocabulary"] else None
        return Scratch(plan["n_mels"], tokens.of_json(plan["written"]), options, read)
    hears = _options(SoundOptions, plan["sound"])
    language, words = lm.load(_options(LmOptions, plan["lm"]), plan["vocabulary"])
    return SpeechLlm(
        sound.build(hears, plan["n_mels"]),
        language,
        words,
        plan["labels"],
        _options(AdapterOptions, plan["adapter"]),
        _options(PromptOptions, plan["prompt"]),
        frozen=hears.is_frozen,
    )


def _options(kind: type[T], table: Mapping[str, Any]) -> T:
    """An options dataclass from plain data, in which tuples may have become lists."""
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def begin(network: Writer, trunk: Mapping[str, Tensor]) -> None:
    """The weights of a trained trunk go into the speech encoder of a speech-LLM.

    Raises:
        ModelError: they are of another shape.
    """
    assert isinstance(network, SpeechLlm)
    try:
        network.sound.load_state_dict(dict(trunk))
    except RuntimeError as error:
        raise ModelError(f"the trained network does not fit the trunk of the recipe: {error}") from None


def state(network: Writer) -> dict[str, Tensor]:
    """What has to be kept: all but the frozen weights of a language model or speech encoder of others."""
    others: tuple[str, ...] = ("language.",)
    if isinstance(network, SpeechLlm) and isinstance(network.sound, Encoder):
        others = ("language.", "sound.")
    frozen = {name for name in frozen_names(network) if name.startswith(others)}
    return {name: value for name, value in network.state_dict().items() if name not in frozen}


def packed(network: Writer, plan: Plan) -> dict[str, Any]:
    """What ``network.pt`` holds."""
    return {"plan": json.dumps(plan, ensure_ascii=False), "state": state(network)}


def load(folder: Path) -> tuple[Writer, dict[str, Any]]:
    """The network in a folder, in evaluation mode, and its plan.

    Raises:
        ModelError: there is none, or it does not fit its plan.
    """
    path = Path(folder) / FILE
    try:
        stored = torch.load(path, weights_only=True)
        plan: dict[str, Any] = json.loads(stored["plan"])
        weights = stored["state"]
    except FileNotFoundError:
        raise ModelError(f"there is no {FILE} in {folder}: train the model first") from None
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path} holds no model that writes ({error}): train it anew") from None
    network = build(plan)
    left = network.load_state_dict(weights, strict=False)
    missing = set(left.missing_keys) - (set(network.state_dict()) - set(state(network)))
    if left.unexpected_keys or missing:
        odd = sorted([*left.unexpected_keys, *missing])
        raise ModelError(f"{path} does not fit what it says of itself ({odd[0]}): train it anew")
    return network.eval(), plan
