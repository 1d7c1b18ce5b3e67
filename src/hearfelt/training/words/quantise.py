"""Writes the fine-tuned encoder as an ONNX graph with int8 weights, node by node.

The graph reads ``input_ids`` int64 ``(1, n_tokens)`` and gives ``logits`` float32 ``(1, 28)``. One text at a
time: no padding and no mask, so a text's scores never depend on its neighbours. Weights are symmetric int8
with one scale a column (the embedding table: one a row); activations are quantised as they come (dynamic
quantisation, ``DynamicQuantizeLinear`` and ``MatMulInteger``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

OPSET = 20


def quantize(weight: Array, axis: int, bits: int) -> tuple[Array, Array]:
    """Symmetric integers and their scales (kept along ``axis``) for a float matrix.

    ``bits`` 7 keeps the sum of two products inside 16 bits, which processors with AVX2 but without VNNI need.
    """
    top = 2 ** (bits - 1) - 1
    scale = np.maximum(np.abs(weight).max(axis=1 - axis, keepdims=True), 1e-12) / top
    whole = np.clip(np.rint(weight / scale), -top, top).astype(np.int8)
    return whole, scale.astype(np.float32)


class Graph:
    """Collects nodes and initializers."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.quantized: dict[str, tuple[str, str, str]] = {}

    def constant(self, name: str, value: Array) -> str:
        """A named constant."""
        from onnx import numpy_helper

        self.initializers.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """One node with one output."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def integers(self, value: str) -> tuple[str, str, str]:
        """Activations as uint8 with their scale and zero point, made once however often they are used."""
        from onnx import helper

        if value not in self.quantized:
            outputs = [f"{value}.q", f"{value}.scale", f"{value}.zero"]
            self.nodes.append(helper.make_node("DynamicQuantizeLinear", [value], outputs))
            self.quantized[value] = (outputs[0], outputs[1], outputs[2])
        return self.quantized[value]

    def linear(self, value: str, name: str, weight: Array, bias: Array) -> str:
        """``value @ weight + bias`` with weight ``(inputs, outputs)``."""
        if not self.bits:
            product = self.add("MatMul", [value, self.constant(f"{name}.w", weight)], f"{name}.product")
        else:
            whole, scale = quantize(weight, 1, self.bits)
            activations, step, zero = self.integers(value)
            weights = self.constant(f"{name}.w", whole)
            no_shift = self.constant(f"{name}.zero", np.array(0, np.int8))
            summed = self.add("MatMulInteger", [activations, weights, zero, no_shift], f"{name}.sum")
            as_float = self.add("Cast", [summed], f"{name}.float", to=1)
            scales = self.constant(f"{name}.scale", scale.reshape(-1))
            both = self.add("Mul", [step, scales], f"{name}.step")
            product = self.add("Mul", [as_float, both], f"{name}.product")
        return self.add("Add", [product, self.constant(f"{name}.b", bias)], f"{name}.out")

    def domains(self) -> list[Any]:
        """Operator sets beside the standard one."""
        return []

    def rows(self, table: Array) -> str:
        """The rows of the embedding table at ``input_ids``, as float32."""
        if not self.bits:
            return self.add("Gather", [self.constant("table", table), "input_ids"], "words")
        # 8 bits whatever the matrices use: these are looked up, never multiplied as integers.
        whole, scale = quantize(table, 0, 8)
        rows = self.add("Gather", [self.constant("table", whole), "input_ids"], "rows")
        steps = self.add("Gather", [self.constant("table.scale", scale), "input_ids"], "row_scales")
        as_float = self.add("Cast", [rows], "rows.float", to=1)
        return self.add("Mul", [as_float, steps], "words")

    def normed(self, value: str, name: str, weights: Mapping[str, Array], key: str, epsilon: float) -> str:
        """Layer normalisation."""
        scale = self.constant(f"{name}.gamma", weights[f"{key}.weight"])
        shift = self.constant(f"{name}.beta", weights[f"{key}.bias"])
        return self.add("LayerNormalization", [value, scale, shift], name, axis=-1, epsilon=epsilon)


def _embed(graph: Graph, weights: Mapping[str, Array], max_tokens: int, epsilon: float) -> str:
    words = graph.rows(weights["embeddings.word_embeddings.weight"])
    places = weights["embeddings.position_embeddings.weight"][:max_tokens]
    places = places + weights["embeddings.token_type_embeddings.weight"][0]
    shape = graph.add("Shape", ["input_ids"], "shape")
    length = graph.add("Slice", [shape, graph.constant("one", np.array([1])), "two"], "length")
    begin = graph.constant("begin", np.array([0]))
    here = graph.add("Slice", [graph.constant("places", places), begin, length, begin], "here")
    graph.constant("two", np.array([2]))
    return graph.normed(
        graph.add("Add", [words, here], "embedded"), "x", weights, "embeddings.LayerNorm", epsilon
    )


def _layer(
    graph: Graph, value: str, index: int, weights: Mapping[str, Array], heads: int, epsilon: float
) -> str:
    own, key = f"l{index}", f"encoder.layer.{index}"
    hidden = weights[f"{key}.output.dense.weight"].shape[0]
    parts = [f"{key}.attention.self.{part}" for part in ("query", "key", "value")]
    matrix = np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1)
    shift = np.concatenate([weights[f"{part}.bias"] for part in parts])
    joined = graph.linear(value, f"{own}.qkv", matrix, shift)
    shape = graph.constant(f"{own}.shape", np.array([0, 0, 3, heads, hidden // heads]))
    split = graph.add("Reshape", [joined, shape], f"{own}.split")
    turned = graph.add("Transpose", [split], f"{own}.turned", perm=[2, 0, 3, 1, 4])
    picked = []
    for place, name in enumerate("qkv"):
        at = graph.constant(f"{own}.at_{name}", np.array(place))
        picked.append(graph.add("Gather", [turned, at], f"{own}.{name}", axis=0))
    query, keys, values = picked
    across = graph.add("Transpose", [keys], f"{own}.keys", perm=[0, 1, 3, 2])
    score = graph.add("MatMul", [query, across], f"{own}.score")
    root = graph.constant(f"{own}.root", np.array((hidden / heads) ** -0.5, np.float32))
    share = graph.add("Softmax", [graph.add("Mul", [score, root], f"{own}.scaled")], f"{own}.share", axis=-1)
    seen = graph.add("MatMul", [share, values], f"{own}.seen")
    back = graph.add("Transpose", [seen], f"{own}.back", perm=[0, 2, 1, 3])
    flat = graph.add(
        "Reshape", [back, graph.constant(f"{own}.flat", np.array([0, 0, hidden]))], f"{own}.attended"
    )
    dense = f"{key}.attention.output"
    out = graph.linear(flat, f"{own}.o", weights[f"{dense}.dense.weight"].T, weights[f"{dense}.dense.bias"])
    first = graph.add("Add", [out, value], f"{own}.first")
    middle = graph.normed(first, f"{own}.mid", weights, f"{dense}.LayerNorm", epsilon)
    up = f"{key}.intermediate.dense"
    wide = graph.linear(middle, f"{own}.up", weights[f"{up}.weight"].T, weights[f"{up}.bias"])
    bent = graph.add("Gelu", [wide], f"{own}.gelu")
    down = f"{key}.output"
    low = graph.linear(bent, f"{own}.down", weights[f"{down}.dense.weight"].T, weights[f"{down}.dense.bias"])
    second = graph.add("Add", [low, middle], f"{own}.second")
    return graph.normed(second, f"{own}.end", weights, f"{down}.LayerNorm", epsilon)


def write(
    file: Path,
    bert: Mapping[str, Array],
    head: Mapping[str, Array],
    *,
    layers: int,
    heads: int,
    max_tokens: int,
    epsilon: float = 1e-12,
    bits: int = 8,
    graph: Graph | None = None,
) -> None:
    """Writes the graph.

    Args:
        file: where to.
        bert: the encoder's state, names as in transformers' ``BertModel``, as numpy arrays.
        head: ``weight`` ``(n_labels, hidden)`` and ``bias``.
        max_tokens: longest text it will be given; later positions are not kept.
        bits: 8 or 7 for integer matrices, 0 for a float32 graph to compare with.
        graph: collects the nodes its own way, such as `hearfelt.training.words.fourbit.FourBits`.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = graph or Graph(bits)
    value = _embed(graph, bert, max_tokens, epsilon)
    for index in range(layers):
        value = _layer(graph, value, index, bert, heads, epsilon)
    mean = graph.add("ReduceMean", [value, graph.constant("tokens_axis", np.array([1]))], "mean", keepdims=0)
    weight, bias = graph.constant("head.w", head["weight"]), graph.constant("head.b", head["bias"])
    graph.add("Gemm", [mean, weight, bias], "logits", transB=1)
    built = helper.make_graph(
        graph.nodes,
        "words",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(head["bias"])])],
        graph.initializers,
    )
    model = helper.make_model(
        built,
        opset_imports=[helper.make_opsetid("", OPSET), *graph.domains()],
        ir_version=9,
        producer_name="hearfelt",
    )
    onnx.checker.check_model(model)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model.SerializeToString())
