"""The language models one can name, and what each name makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hearfelt.language.base import ChatModel


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """Options of `make`; a back end takes those that concern it.

    Args:
        url: address of the OpenAI-style server.
        key_env: environment variable that holds its key.
        key_file: file that holds its key.
        timeout_s: how long one answer of a server may take.
        requests_per_minute: at most so many requests to a server begin within any minute; None for no limit.
        stream: whether a server's answer comes piece by piece.
        download: whether weights that are not on this machine may be downloaded.
        device: where weights run: ``cpu``, ``cuda``, or ``auto``, a GPU where there is one.
        seed: for a model that draws its answers.
    """

    url: str = "http://localhost:8080/v1"
    key_env: str = "OPENAI_API_KEY"
    key_file: Path | None = None
    timeout_s: float = 60.0
    requests_per_minute: int | None = None
    stream: bool = False
    download: bool = False
    device: str = "auto"
    seed: int = 0


def _server(name: str, options: BackendOptions) -> ChatModel:
    from hearfelt.language.chat.openai import ChatOptions, OpenAIChat

    asked = ChatOptions(
        timeout_s=options.timeout_s,
        requests_per_minute=options.requests_per_minute,
        seed=options.seed,
        stream=options.stream,
    )
    return OpenAIChat(name, options.url, key_env=options.key_env, key_file=options.key_file, options=asked)


def _transformers(name: str, options: BackendOptions) -> ChatModel:
    from hearfelt.language.chat.local import LocalOptions, TransformersChat

    return TransformersChat(name, LocalOptions(device=options.device, download=options.download))


PREFIXES: Mapping[str, Callable[[str, BackendOptions], ChatModel]] = {"transformers": _transformers}
"""What stands before a colon to what it makes of the rest; a name without any of them is one on a server."""


def make(name: str, options: BackendOptions = BackendOptions()) -> ChatModel:
    """The language model of a name.

    ``transformers:FOLDER`` (or a name on the hub) runs in this process. Any other ``NAME`` is a model that
    the server at ``options.url`` knows; it may hold colons: ``qwen3:8b``.

    Raises:
        OptionError: no name, no address, a key file that cannot be used, no such device.
        MissingExtraError: the model runs in this process and a library for that is not installed.
        ModelError: no model in that folder or of that name.
    """
    prefix, colon, rest = name.strip().partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix](rest, options)
    return _server(name, options)
