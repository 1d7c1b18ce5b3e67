"""The language models one can name, and what each name makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hearfelt.errors import OptionError
from hearfelt.language.base import ChatModel
from hearfelt.web.address import public_url


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
        OptionError: no name, no address, a key file that cannot be used, no such device, or an option that
            the back end would not heed.
        MissingExtraError: the model runs in this process and a library for that is not installed.
        ModelError: no model in that folder or of that name.
    """
    prefix, colon, rest = name.strip().partition(":")
    if colon and prefix in PREFIXES:
        _refuse(_OF_SERVERS, options, f"{name} runs in this process: that is for a model on a server")
        return PREFIXES[prefix](rest, options)
    _refuse(_OF_WEIGHTS, options, f"{name!r} is a model on a server: that is for transformers:FOLDER")
    return _server(name, options)


_OF_SERVERS = ("url", "key_file", "requests_per_minute", "stream")
_OF_WEIGHTS = ("device", "download")


def _refuse(names: Sequence[str], options: BackendOptions, why: str) -> None:
    """Refuses what was chosen in vain.

    Raises:
        OptionError: one of these options is not as it comes.
    """
    for name in names:
        value = getattr(options, name)
        if value != getattr(BackendOptions(), name):
            shown = public_url(value) if name == "url" else value
            raise OptionError(f"llm_{name} is {shown}, but {why}")
