"""A voice model as ONNX with 8-bit weights and activations, checked against the float32 one.

Static quantisation by onnxruntime: convolutions and matrix products get signed 8-bit weights, one scale an
output channel, and activations whose ranges are measured on log-mels beforehand. Ranges that are fixed do not
depend on what else is in a batch, as those of dynamic quantisation would. Recurrent layers, normalisation and
the first steps on the log-mel stay float32, and so does all that reads functionals: their dimensions have
scales of their own, of which 8 bits over all of them would leave nothing.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt.errors import MissingExtraError, ModelError
from hearfelt.features import melfunctionals
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.models.onnx import PRECISIONS
from hearfelt.training.files import atomic
from hearfelt.types import Audio, FloatArray

FILE = PRECISIONS["int8"]
"""Name of the quantised file beside ``model.onnx``."""

KINDS = ("Conv", "MatMul", "Gemm")
"""Operators that are quantised."""


@dataclass(frozen=True)
class Bounds:
    """What a quantised model may do differently.

    Args:
        agreement: share of clips on which the most probable label must be the same, at least.
        difference: largest difference of a probability on any clip, at most.
    """

    agreement: float = 0.95
    difference: float = 0.15


@dataclass(frozen=True)
class Parity:
    """What the comparison found, as `Bounds` names it, over so many clips."""

    agreement: float
    difference: float
    clips: int


def quantise(
    model: Path,
    target: Path,
    *,
    features: LogMelOptions,
    temperature: float = 1.0,
    logmels: Sequence[FloatArray] = (),
    bounds: Bounds | None = None,
) -> Parity:
    """Write the 8-bit model.

    Args:
        model: float32 ONNX with the inputs ``logmel``, ``lengths`` and perhaps ``functionals``, and the
            output ``logits``.
        features: how log-mels are made; for made sounds and functionals.
        temperature: of the softmax under which answers are compared.
        logmels: real ones, ``(n_frames, n_mels)`` each: half of them measure the ranges, the other half are
            compared; made sounds are compared too. Without any, made sounds do both.
        bounds: what may differ.

    Raises:
        ModelError: answers differ by more than ``bounds``; no file is left behind.
        MissingExtraError: onnx is not installed.
    """
    bounds = bounds or Bounds()
    made = made_logmels(features, 24)
    ranges, asked = [*logmels[::2], *made[:4]], [*logmels[1::2], *made[4:]]
    if not len(logmels):
        ranges, asked = made[::2], made[1::2]
    hop_s = features.hop_ms / 1000
    with atomic(target) as part:
        _quantise(model, part, inputs_of(model, ranges, hop_s))
        found = parity(model, part, inputs_of(model, asked, hop_s), temperature)
        if not (found.agreement >= bounds.agreement and found.difference <= bounds.difference):
            raise ModelError(
                f"the int8 model gives the same label on {100 * found.agreement:.1f} % of {found.clips} "
                f"clips and probabilities that differ by up to {found.difference:.3f}; accepted are at least "
                f"{100 * bounds.agreement:.1f} % and at most {bounds.difference:.3f}: nothing was written, "
                "publish float32 alone"
            )
    return found


def of_run(out: Path, model: Path, facts: Mapping[str, Any], target: Path) -> dict[str, Any]:
    """`quantise` the final model of a run by the log-mels that its cache holds.

    Returns:
        What ``model.json`` says of it.
    """
    features = LogMelOptions(**facts["features"]["options"])
    logmels = cached_logmels(out.parent / "cache", features.n_mels)
    found = quantise(
        model, target, features=features, temperature=float(facts["temperature"]), logmels=logmels
    )
    bounds = Bounds()
    return {
        "file": target.name,
        "mb": round(target.stat().st_size / 1e6, 1),
        "clips": found.clips,
        "sounds": "clips, real ones of the run and made ones" if logmels else "made sounds",
        "agreement": round(found.agreement, 4),
        "largest_difference": round(found.difference, 4),
        "accepted": {"agreement": bounds.agreement, "largest_difference": bounds.difference},
    }


def _quantise(model: Path, target: Path, given: Sequence[Mapping[str, Any]]) -> None:
    try:
        import onnx
        from onnxruntime import quantization
    except ImportError:
        raise MissingExtraError("an int8 model", "onnx", "train") from None

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest = iter(given)

        def get_next(self) -> Any:
            return next(self.rest, None)

    with _quiet(), tempfile.TemporaryDirectory() as scratch:
        # Its own scratch files go beside the model it is given: give it a copy.
        copy = Path(scratch) / "model.onnx"
        copy.write_bytes(model.read_bytes())
        quantization.quantize_static(
            str(copy),
            str(target),
            Reader(),
            op_types_to_quantize=list(KINDS),
            nodes_to_exclude=_float(onnx.load(copy)),
            per_channel=True,
            # 7-bit weights: processors with AVX2 but without VNNI add two products in 16 bits.
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )


def _float(model: Any) -> list[str]:
    """Names of the nodes that stay float32.

    Those that make what is added beyond the end of a clip (`hearfelt.training.lean`) give zero on every clip
    that ranges are measured on: as 8 bits they would be zero always.
    """
    padding = [node.name for node in model.graph.node if "/padding." in node.name]
    return _behind(model, "functionals") + padding


def _behind(model: Any, name: str) -> list[str]:
    """Names of all nodes that what is called ``name`` reaches; nodes stand in the order they run."""
    reached, found = {name}, []
    for node in model.graph.node:
        if reached & set(node.input):
            reached |= set(node.output)
            found.append(node.name)
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime's quantiser gives advice through the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def parity(model: Path, other: Path, given: Sequence[Mapping[str, Any]], temperature: float = 1.0) -> Parity:
    """How far two models differ on the same inputs, one clip each."""
    one, two = (_answers(path, given, temperature) for path in (model, other))
    same = float((one.argmax(axis=1) == two.argmax(axis=1)).mean())
    worst = float(np.abs(one - two).max())
    return Parity(same, worst if np.isfinite(worst) else float("inf"), len(given))


def _answers(path: Path, given: Sequence[Mapping[str, Any]], temperature: float) -> FloatArray:
    session = _session(path)
    logits = np.concatenate([session.run(["logits"], dict(one))[0] for one in given]) / temperature
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def inputs_of(model: Path, logmels: Sequence[FloatArray], hop_s: float) -> list[dict[str, Any]]:
    """What a model is given for each log-mel: one clip, its length, and functionals where it reads them."""
    reads = [one.name for one in _session(model).get_inputs()]
    found = []
    for logmel in logmels:
        frames = np.asarray(logmel, dtype=np.float32)
        given: dict[str, Any] = {"logmel": frames[None], "lengths": np.array([len(frames)], dtype=np.int64)}
        if "functionals" in reads:
            given["functionals"] = melfunctionals.functionals(frames, hop_s)[None]
        found.append(given)
    return found


def made_logmels(features: LogMelOptions, count: int, seed: int = 0) -> list[FloatArray]:
    """Log-mels of made sounds: harmonic tones that glide, with noise, at levels 30 dB apart."""
    random, extract, rate = np.random.default_rng(seed), LogMel(features), features.sample_rate_hz
    found = []
    for _ in range(count):
        seconds = np.arange(int(rate * random.uniform(0.5, 3.0))) / rate
        pitch = random.uniform(80, 350) * 2 ** (random.uniform(-0.5, 0.5) * seconds / seconds[-1])
        turns = 2 * np.pi * np.cumsum(pitch) / rate
        slope = random.uniform(0.5, 2.0)
        sound = sum(np.sin(n * turns) / n**slope for n in range(1, 20))
        sound = sound * (0.6 + 0.4 * np.sin(2 * np.pi * random.uniform(1, 6) * seconds))
        sound = sound + random.uniform(0.001, 0.3) * random.standard_normal(len(seconds))
        level = 10 ** random.uniform(-2.0, -0.5)
        samples = (level * sound / np.abs(sound).max()).astype(np.float32)
        found.append(extract(Audio(samples, rate)).values)
    return found


def cached_logmels(cache: Path, n_mels: int, most: int = 64) -> list[FloatArray]:
    """Some log-mels that a run has measured, evenly over its cache; none where there is none."""
    shards = sorted(cache.glob("logmel-*.npz"))
    found: list[FloatArray] = []
    each = -(-most // len(shards)) if shards else 0
    for path in shards[:: max(1, len(shards) // most)]:
        with contextlib.suppress(OSError, ValueError, KeyError), np.load(path) as stored:
            if stored["values"].shape[1] != n_mels:
                continue
            clips = np.split(stored["values"], np.cumsum(stored["lengths"])[:-1])
            step = max(1, len(clips) // each)
            found += [np.asarray(one, dtype=np.float32) for one in clips[::step][:each]]
    return found[:most]
