"""Matrices in blocks of 4 bits in the ONNX graph, as they lie in a packed file: nothing is rounded again.

Products are onnxruntime's own operator ``MatMulNBits``; rows of the embedding table are looked up as bytes
and taken apart by standard operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.training.words.packed import BLOCK, TABLE, numbers
from hearfelt.training.words.quantise import Graph

Array = npt.NDArray[Any]

DOMAIN = "com.microsoft"


class FourBits(Graph):
    """A graph whose embedding table and lower layers keep their 4-bit blocks.

    Args:
        bits: of all other matrices.
        blocks: by the names of transformers' ``BertModel``, as `hearfelt.training.words.packed.Packed`
            has them; the embedding table with the rows that are kept.
        layers: lowest layers whose matrices are in ``blocks``.
    """

    def __init__(self, bits: int, blocks: Mapping[str, Array], layers: int) -> None:
        super().__init__(bits)
        self.table = blocks[TABLE]
        self.matrices: dict[str, Array] = {}
        for number in range(layers):
            place = f"encoder.layer.{number}"
            three = [f"{place}.attention.self.{part}.weight" for part in ("query", "key", "value")]
            self.matrices |= {
                f"l{number}.qkv": np.concatenate([blocks[name] for name in three]),
                f"l{number}.o": blocks[f"{place}.attention.output.dense.weight"],
                f"l{number}.up": blocks[f"{place}.intermediate.dense.weight"],
                f"l{number}.down": blocks[f"{place}.output.dense.weight"],
            }

    def domains(self) -> list[Any]:
        """onnxruntime's own operators."""
        from onnx import helper

        return [helper.make_opsetid(DOMAIN, 1)]

    def rows(self, table: Array) -> str:
        """The rows of the table at ``input_ids``: bytes to halves, to numbers, times their scales."""
        columns = self.table.shape[1]
        flat = self.table["pairs"].reshape(len(self.table), columns, BLOCK // 2)
        found = self.add("Gather", [self.constant("table", flat), "input_ids"], "rows")
        low = self.add("BitwiseAnd", [found, self.constant("table.mask", np.array(15, np.uint8))], "rows.low")
        four = self.constant("table.four", np.array(4, np.uint8))
        high = self.add("BitShift", [found, four], "rows.high", direction="RIGHT")
        both = self.add("Concat", [low, high], "rows.both", axis=-1)
        as_float = self.add("Cast", [both], "rows.float", to=1)
        middle = self.constant("table.middle", np.array(8, np.float32))
        whole = self.add("Sub", [as_float, middle], "rows.whole")
        scales = self.table["scale"].astype(np.float16)[..., None]
        steps = self.add("Gather", [self.constant("table.scale", scales), "input_ids"], "rows.steps")
        wide = self.add("Cast", [steps], "rows.scales", to=1)
        values = self.add("Mul", [whole, wide], "rows.values")
        shape = self.constant("table.shape", np.array([0, 0, columns * BLOCK]))
        return self.add("Reshape", [values, shape], "words")

    def linear(self, value: str, name: str, weight: Array, bias: Array) -> str:
        """``value @ weight + bias``, in the blocks of ``name`` where there are any."""
        if name not in self.matrices:
            return super().linear(value, name, weight, bias)
        blocks = self.matrices[name]
        whole = numbers(blocks).reshape(*blocks.shape, BLOCK)
        pairs = whole[..., 0::2] | (whole[..., 1::2] << 4)  # the operator wants neighbours in a byte
        half = self.constant(f"{name}.half", blocks["scale"].astype(np.float16).reshape(-1))
        scale = self.add("Cast", [half], f"{name}.scale", to=1)  # kept at half the size, widened on loading
        product = self.add(
            "MatMulNBits",
            [value, self.constant(f"{name}.w", pairs.astype(np.uint8)), scale],
            f"{name}.product",
            domain=DOMAIN,
            K=blocks.shape[1] * BLOCK,
            N=len(blocks),
            bits=4,
            block_size=BLOCK,
        )
        return self.add("Add", [product, self.constant(f"{name}.b", bias)], f"{name}.out")
