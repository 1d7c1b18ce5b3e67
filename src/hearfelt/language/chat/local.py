"""A language model in this process: any folder or hub name of a causal language model, by transformers."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hearfelt.errors import ChatError, ContextError, MissingExtraError, ModelError, OptionError
from hearfelt.language.base import Message, Reply, Score
from hearfelt.language.chat.constrained import Vocabulary, Writer, least_tokens

_HEAD_BYTES = 1 << 20

LEAST_SHARE = 1e-9
"""What is left at least to a choice that begins another, however surely the model goes on."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Options of `TransformersChat`.

    Args:
        device: where it runs: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:1``.
        dtype: numbers it computes with: ``auto`` (bfloat16 on a GPU that knows it, else float16 there;
            float32 on the CPU), or the name of one.
        download: whether weights that are not on this machine may be downloaded.
        max_tokens: tokens of free text in one answer.
        max_context_tokens: how much it may read and write together; None for what the weights were made for.
    """

    device: str = "auto"
    dtype: str = "auto"
    download: bool = False
    max_tokens: int = 400
    max_context_tokens: int | None = None


class TransformersChat:
    """A causal language model in this process; its answers are the likeliest, never drawn.

    Messages go through the model's chat template; without one they are a plain text that ends in ``Answer:``.
    Whatever in a message looks like one of the model's control tokens is defused, so that nothing said in a
    recording can end a message or begin another. No code of a model's folder is ever run.

    Args:
        name: a folder, or a name on the hub.

    Raises:
        MissingExtraError: transformers or torch is not installed.
        OptionError: no such device or type of numbers.
        ModelError: no model there, or none that writes.
    """

    supports_schema = True
    supports_score = True
    supports_logprobs = True
    local = True

    def __init__(self, name: str, options: LocalOptions = LocalOptions()) -> None:
        self._torch = _torch()
        self.options = options
        self.device = _device(options.device, self._torch)
        self._dtype = _dtype(options.dtype, self.device, self._torch)
        self.tokenizer, self.model = _load(name, options, self._dtype, self.device)
        self.name = Path(name).name if Path(name).is_dir() else name
        if not _Walk(self.model, [0], self.device).keeps:
            raise ModelError(
                f"{name!r} holds no language model that writes word by word (it is a "
                f"{type(self.model).__name__}): take a causal one, such as Llama, Qwen or GPT"
            )
        self.max_context_tokens = _context(self.model.config, self.tokenizer, options.max_context_tokens)
        self.identity: Mapping[str, Any] = {
            "transformers": self.name,
            "weights": _fingerprint(name, self.model.config),
            "dtype": str(self._dtype).removeprefix("torch."),
            "max_tokens": options.max_tokens,
        }
        self._vocabulary: Vocabulary | None = None
        self._lock = threading.Lock()
        self._control = _control_tokens(self.tokenizer)

    def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        choices: Sequence[str] | None = None,
    ) -> Reply:
        """The likeliest answer, within the schema where one is given; or how likely each choice is.

        Raises:
            ContextError: messages and answer together are longer than what the model can read.
            ChatError: the memory does not suffice, or its tokens cannot spell the schema.
        """
        with self._lock, self._torch.inference_mode(), _out_of_memory(self.name, self.device):
            prompt = self._prompt(messages)
            if choices is not None:
                return self._choose(prompt, choices)
            if schema is not None:
                return self._fill(prompt, schema)
            return self._write(prompt)

    def _choose(self, prompt: list[int], choices: Sequence[str]) -> Reply:
        lead = "" if self.tokenizer.chat_template else " "
        ids = [self.tokenizer.encode(lead + choice, add_special_tokens=False) for choice in choices]
        self._check(prompt, max(len(one) for one in ids))
        scores = _likelihoods(_Walk(self.model, prompt, self.device), ids)
        best = max(range(len(choices)), key=lambda index: scores[index][0])
        usage = {"prompt_tokens": len(prompt), "completion_tokens": sum(len(one) for one in ids)}
        return Reply(choices[best], usage=usage, finish_reason="stop", scores=scores)

    def _fill(self, prompt: list[int], schema: Mapping[str, Any]) -> Reply:
        if self._vocabulary is None:
            self._vocabulary = Vocabulary(self.tokenizer, self.model.config.get_text_config().vocab_size)
        self._check(prompt, least_tokens(schema, self._vocabulary) + self.options.max_tokens)
        writer = Writer(self._vocabulary, _Walk(self.model, prompt, self.device), self.options.max_tokens)
        value = writer.answer(schema)
        usage = {"prompt_tokens": len(prompt), "completion_tokens": writer.n_tokens}
        return Reply(json.dumps(value, ensure_ascii=False), usage=usage, finish_reason="stop")

    def _write(self, prompt: list[int]) -> Reply:
        self._check(prompt, self.options.max_tokens)
        walk = _Walk(self.model, prompt, self.device)
        ends = _ends(self.model, self.tokenizer)
        ids: list[int] = []
        reason = "length"
        while len(ids) < self.options.max_tokens:
            token = walk.best()
            if token in ends:
                reason = "stop"
                break
            ids.append(token)
            walk.append([token])
        text = str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip()
        if not text:
            raise ChatError(f"{self.name} answered with nothing")
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(ids)}
        return Reply(text, usage=usage, finish_reason=reason)

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        """The messages as tokens, up to where the answer begins."""
        plain = [{"role": one["role"], "content": defused(one["content"], self._control)} for one in messages]
        if not self.tokenizer.chat_template:
            text = "\n\n".join(one["content"] for one in plain) + "\n\nAnswer:"
            return list(self.tokenizer.encode(text))
        from jinja2 import TemplateError

        try:
            return self._templated(plain)
        except TemplateError as error:
            if [one["role"] for one in plain[:2]] != ["system", "user"]:
                raise ChatError(f"the chat template of {self.name} refuses the messages: {error}") from None
            first, second, *rest = plain  # some templates know no system message
            joined = {"role": "user", "content": f"{first['content']}\n\n{second['content']}"}
            return self._templated([joined, *rest])

    def _templated(self, messages: list[dict[str, str]]) -> list[int]:
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _check(self, prompt: Sequence[int], answer_tokens: int) -> None:
        limit = self.max_context_tokens
        if limit is not None and len(prompt) + answer_tokens > limit:
            raise ContextError(
                f"the question has {len(prompt)} tokens and its answer may have {answer_tokens}, "
                f"together too long for {self.name}, which reads {limit} tokens"
            )


class _Walk:
    """A model amid its answer: tokens are read when the next one is asked for, all new ones at once."""

    def __init__(self, model: Any, prompt: Sequence[int], device: str) -> None:
        self._model, self._device = model, device
        self._unread = list(prompt)
        self._cache: Any = None
        self._logits: Any = None
        known = inspect.signature(model.forward).parameters
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        self._kept = "cache" if "cache" in known else "past_key_values"  # its name until transformers 5.23

    @property
    def keeps(self) -> bool:
        """Whether the model keeps what it has read, as those do that write word by word."""
        import torch

        with torch.inference_mode():
            ids = torch.tensor([self._unread], device=self._device)
            return self._model(input_ids=ids, use_cache=True).get(self._kept) is not None

    def append(self, ids: Sequence[int]) -> None:
        """Tokens that stand in the answer now."""
        self._unread.extend(ids)

    def best(self, allowed: Any = None) -> int:
        """The likeliest next token of those allowed."""
        logits = self.logits()
        if allowed is not None:
            logits = logits.masked_fill(~allowed.to(logits.device), float("-inf"))
        return int(logits.argmax())

    def logits(self) -> Any:
        """The scores of the next token, ``(vocabulary,)``."""
        if self._unread:
            import torch

            ids = torch.tensor([self._unread], device=self._device)
            out = self._model(input_ids=ids, use_cache=True, **{self._kept: self._cache}, **self._last)
            self._cache, self._logits, self._unread = out[self._kept], out.logits[0, -1].float(), []
        return self._logits

    def branches(self, ids: Any, mask: Any) -> Any:
        """The scores after each token of several continuations, ``(n, length, vocabulary)``; ends the walk.

        Args:
            ids: ``(n, length)``, filled up at the right.
            mask: ``(n, length)``, 1 for a token and 0 for filling.
        """
        import torch

        self.logits()
        read = self._cache.get_seq_length()
        self._cache.batch_repeat_interleave(len(ids))
        before = torch.ones((len(ids), read), dtype=mask.dtype, device=mask.device)
        out = self._model(
            input_ids=ids,
            attention_mask=torch.cat([before, mask], dim=1),
            use_cache=True,
            **{self._kept: self._cache},
        )
        return out.logits.float()


def _likelihoods(walk: _Walk, choices: Sequence[Sequence[int]]) -> tuple[Score, ...]:
    """The log-likelihood of each choice: the prompt is read once, all choices in one batch behind it.

    Where a choice begins another ("happy", "happy and surprised"), its likelihood is that of an answer that
    does not go on to the other: all choices exclude one another, and no token has to mark an end.
    """
    import torch

    first = torch.log_softmax(walk.logits(), dim=-1)
    sums = [float(first[ids[0]]) for ids in choices]
    longest = max(len(ids) for ids in choices)
    if longest > 1:
        device = first.device
        padded = [[*ids[:-1], *[ids[0]] * (longest - len(ids))] for ids in choices]
        mask = [[1] * (len(ids) - 1) + [0] * (longest - len(ids)) for ids in choices]
        logits = walk.branches(torch.tensor(padded, device=device), torch.tensor(mask, device=device))
        steps = torch.log_softmax(logits, dim=-1)
        for row, ids in enumerate(choices):
            sums[row] += sum(float(steps[row, at, token]) for at, token in enumerate(ids[1:]))
        for row, ids in enumerate(choices):
            size = len(ids)
            goes_on = {
                other[size]: float(steps[at, size - 1, other[size]].exp())
                for at, other in enumerate(choices)
                if len(other) > size and list(other[:size]) == list(ids)
            }
            sums[row] += math.log(max(1 - sum(goes_on.values()), LEAST_SHARE))
    return tuple((value, len(ids)) for value, ids in zip(sums, choices, strict=True))


def defused(text: str, control: Sequence[str]) -> str:
    """A text in which nothing is a control token of the model any more; it reads the same to a person."""
    for token in control:
        if token in text:
            harmless = token.translate(_HARMLESS)
            text = text.replace(token, harmless if harmless != token else f"{token[0]} {token[1:]}")
    return text


_HARMLESS = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")"})


def _control_tokens(tokenizer: Any) -> tuple[str, ...]:
    """Texts that become control tokens, longest first."""
    added = [str(token) for token in tokenizer.get_added_vocab()]
    return tuple(sorted({*map(str, tokenizer.all_special_tokens), *added} - {""}, key=len, reverse=True))


def _torch() -> Any:
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("a language model in process", error.name or "transformers", "llm") from None
    return torch


def _device(name: str, torch: Any) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise OptionError(f"unknown device {name!r}; known: auto, cpu, cuda, cuda:1")
    if kind == "cuda" and not torch.cuda.is_available():
        raise OptionError(f"device {name!r} was asked for, but this machine has no GPU; take 'cpu' or 'auto'")
    return name


def _dtype(name: str, device: str, torch: Any) -> Any:
    if name == "auto":
        if device == "cpu":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    known = ("float32", "bfloat16", "float16")
    if name not in known:
        raise OptionError(f"unknown type of numbers {name!r}; known: auto, {', '.join(known)}")
    return getattr(torch, name)


def _load(name: str, options: LocalOptions, dtype: Any, device: str) -> tuple[Any, Any]:
    """Tokenizer and model.

    Raises:
        ModelError: see `TransformersChat`.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(name).expanduser()
    if not name.strip() or (folder.exists() and not (folder / "config.json").is_file()):
        raise ModelError(
            f"{name!r} holds no language model: a folder with a config.json and weights is needed"
        )
    found = {"local_files_only": folder.exists() or not options.download, "trust_remote_code": False}
    source = str(folder) if folder.exists() else name
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(source, **found)
            with _out_of_memory(name, device):
                model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, **found)
                model = model.to(device).eval()
    except (OSError, ValueError, KeyError, ImportError) as error:
        if not folder.exists() and not options.download:
            raise ModelError(
                f"the language model {name!r} is not on this machine: name a folder, or allow the download"
            ) from None
        why = " ".join(str(error).split())[:200]
        raise ModelError(f"{name!r} is no language model that can be loaded: {why}") from None
    return tokenizer, model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No bars and no advice of transformers while it loads."""
    from transformers import utils

    logging: Any = utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def _out_of_memory(name: str, device: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise ChatError(f"the memory of {device} does not suffice for {name}: take a smaller model") from None


def _context(config: Any, tokenizer: Any, asked: int | None) -> int | None:
    inner = config.get_text_config()
    limits = [asked, getattr(inner, "max_position_embeddings", None), tokenizer.model_max_length]
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < 10**8]
    return min(known) if known else None


def _ends(model: Any, tokenizer: Any) -> set[int]:
    named = [getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id]
    flat = [token for one in named for token in (one if isinstance(one, list) else [one])]
    return {token for token in flat if isinstance(token, int)}


def _fingerprint(name: str, config: Any) -> str:
    """What tells these weights from others: the hub's revision, or the ends of the files."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return str(getattr(config, "_commit_hash", None) or "unknown")
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in (".json", ".safetensors", ".bin", ".jinja", ".model"):
            digest.update(f"{file.name} {file.stat().st_size} ".encode())
            with file.open("rb") as handle:
                digest.update(handle.read(_HEAD_BYTES))
                handle.seek(max(0, file.stat().st_size - _HEAD_BYTES))
                digest.update(handle.read(_HEAD_BYTES))
    return digest.hexdigest()[:16]
