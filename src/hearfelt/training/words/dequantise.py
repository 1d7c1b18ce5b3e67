"""Reads the encoder of a shipped text model back out of its ONNX file, to learn on from it.

The inverse of `hearfelt.training.words.quantise.write`, up to the rounding to 7 or 8 bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import MissingExtraError, ModelError

Array = npt.NDArray[Any]


def encoder(path: Path) -> tuple[dict[str, Array], int]:
    """The encoder's state, names as in transformers' ``BertModel``, float32, and its number of heads.

    Raises:
        ModelError: no such file, or a graph of another make.
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise MissingExtraError("learning on from the shipped text model", "onnx", "train") from None
    try:
        graph = onnx.load(str(path)).graph
        parts = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        return _state(parts), int(parts["l0.shape"][3])
    except (OSError, KeyError, IndexError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path} holds no text model to learn on from ({error}): reinstall hearfelt"
        ) from None
    except Exception as error:
        if type(error).__name__ != "DecodeError":  # protobuf's own
            raise
        raise ModelError(f"{path} is no ONNX file ({error}): reinstall hearfelt") from None


def _state(parts: dict[str, Array]) -> dict[str, Array]:
    table = parts["table"]
    if "table.scale" in parts:
        table = table.astype(np.float32) * parts["table.scale"]
    hidden = table.shape[1]
    state = {
        "embeddings.word_embeddings.weight": table,
        # The graph holds the sum of both.
        "embeddings.position_embeddings.weight": parts["places"],
        "embeddings.token_type_embeddings.weight": np.zeros((1, hidden), np.float32),
        "embeddings.LayerNorm.weight": parts["x.gamma"],
        "embeddings.LayerNorm.bias": parts["x.beta"],
    }
    number = 0
    while f"l{number}.shape" in parts:
        own, key = f"l{number}", f"encoder.layer.{number}"
        joined, shift = _matrix(parts, f"{own}.qkv").T, parts[f"{own}.qkv.b"]
        for place, name in enumerate(("query", "key", "value")):
            rows = slice(place * hidden, (place + 1) * hidden)
            state[f"{key}.attention.self.{name}.weight"] = joined[rows]
            state[f"{key}.attention.self.{name}.bias"] = shift[rows]
        for name, place_of in (
            ("o", "attention.output.dense"),
            ("up", "intermediate.dense"),
            ("down", "output.dense"),
        ):
            state[f"{key}.{place_of}.weight"] = _matrix(parts, f"{own}.{name}").T
            state[f"{key}.{place_of}.bias"] = parts[f"{own}.{name}.b"]
        for name, place_of in (("mid", "attention.output.LayerNorm"), ("end", "output.LayerNorm")):
            state[f"{key}.{place_of}.weight"] = parts[f"{own}.{name}.gamma"]
            state[f"{key}.{place_of}.bias"] = parts[f"{own}.{name}.beta"]
        number += 1
    return {name: np.array(value, np.float32) for name, value in state.items()}


def _matrix(parts: dict[str, Array], name: str) -> Array:
    """A matrix ``(inputs, outputs)`` as floats."""
    weight = parts[f"{name}.w"]
    scale = parts.get(f"{name}.scale")
    return weight if scale is None else weight.astype(np.float32) * scale
