"""Which texts are like a text: the shipped text model's own view of a sentence, and the signs it is made of.

A sentence is the mean of the network's last layer, just before its 28 outputs; the network was trained on
emotions, so sentences felt alike lie near each other. It reads English. Beside it stands TF-IDF over n-grams
of characters (G. Salton, C. Buckley: Term-weighting approaches in automatic text retrieval, 1988). It knows
no language and alone counts for texts in other scripts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import ModelError
from hearfelt.language.judge.cache import Cache
from hearfelt.language.words import identify
from hearfelt.language.words.goemotions import normalize
from hearfelt.language.words.text import WEIGHTS

FloatArray = npt.NDArray[np.float32]

SENTENCE_WEIGHT = 0.8
"""Share of the network's view in the likeness; the rest is that of the signs. Shares from 0 to 1 are compared
by ``python benchmarks/examples.py``."""

MAX_CHARACTERS = 2000
"""So much of a text is looked at; the network reads its own window of it."""

_BLOCK = 1000
_LAYER = "mean"


class SentenceEncoder:
    """Sentences as vectors, from the last layer of a text model's network.

    Raises:
        ModelError: the folder holds no text model, or one without this layer.
    """

    def __init__(self, folder: Path = WEIGHTS) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        try:
            network = (folder / "model.onnx").read_bytes()
            self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
            card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            self._most = int(card["features"]["options"]["max_tokens"])
            self._session: Any = onnxruntime.InferenceSession(
                network + _also_output(_LAYER), settings, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # each library raises its own kinds
            raise ModelError(
                f"{folder} holds no text model whose sentences can be compared ({error}); reinstall hearfelt"
            ) from None
        self.identity = hashlib.sha256(network).hexdigest()[:16]
        self.size = int(self._session.get_outputs()[-1].shape[-1])

    def encode(self, text: str) -> FloatArray:
        """A text as a vector of length 1, shape ``(size,)``; zeros where it is not in Latin letters."""
        if identify.latin_share(text) < 0.5:
            return np.zeros(self.size, np.float32)
        ids = self._tokenizer.encode(normalize(text[:MAX_CHARACTERS])).ids
        ids = [*ids[: self._most - 1], ids[-1]] if len(ids) > self._most else ids
        (found,) = self._session.run([_LAYER], {"input_ids": np.array([ids], np.int64)})
        vector: FloatArray = found[0] / max(float(np.linalg.norm(found[0])), 1e-9)
        return vector


class Texts:
    """Many texts, to be asked for those that are like another one.

    Args:
        texts: what is searched.
        encoder: turns texts into vectors; None compares signs alone.
        cache: where vectors are kept, in blocks under the hash of their texts; no text is.
        progress: called with the number of texts that are encoded.
        sentence_weight: share of the network's view.
    """

    def __init__(
        self,
        texts: Sequence[str],
        encoder: SentenceEncoder | None = None,
        cache: Cache | None = None,
        progress: Callable[[int], None] | None = None,
        sentence_weight: float = SENTENCE_WEIGHT,
    ) -> None:
        self._encoder = encoder
        self.sentence_weight = sentence_weight
        self._grams = Grams(texts)
        self._vectors: FloatArray | None = None
        if encoder is not None:
            blocks = []
            for first in range(0, len(texts), _BLOCK):
                block = texts[first : first + _BLOCK]
                blocks.append(_encoded(block, encoder, cache))
                if progress is not None:
                    progress(first + len(block))
            self._vectors = np.concatenate(blocks) if blocks else np.zeros((0, encoder.size), np.float32)
            spread = self._vectors[np.abs(self._vectors).sum(axis=1) > 0]
            # All sentences point much the same way; what tells them apart is how they differ from the mean.
            self._mean = spread.mean(axis=0) if len(spread) > 1 else np.zeros(encoder.size, np.float32)
            self._vectors = _unit(self._vectors, self._mean)

    def likeness(self, text: str) -> FloatArray:
        """How much each text is like this one, in [-1, 1], shape ``(n_texts,)``."""
        signs = self._grams.likeness(text)
        if self._encoder is None or self._vectors is None:
            return signs
        vector = _unit(self._encoder.encode(text)[None], self._mean)[0]
        found: FloatArray = (
            self.sentence_weight * (self._vectors @ vector) + (1 - self.sentence_weight) * signs
        )
        return found


class Grams:
    """TF-IDF over n-grams of characters, kept as one list of texts for each n-gram."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.n_texts = len(texts)
        counted = [_counted(text) for text in texts]
        seen = Counter(gram for counts in counted for gram in counts)
        self._rarity = {gram: math.log((1 + len(texts)) / (1 + n)) + 1 for gram, n in seen.items()}
        place = {gram: number for number, gram in enumerate(seen)}
        weighed = [self._weighed(counts) for counts in counted]
        sizes = [len(weights) for weights in weighed]
        gram = np.array([place[g] for weights in weighed for g in weights], np.int64)
        weight = np.array([w for weights in weighed for w in weights.values()], np.float32)
        row = np.repeat(np.arange(len(texts)), sizes)
        order = np.argsort(gram, kind="stable")
        self._row, self._weight = row[order], weight[order]
        starts = np.searchsorted(gram[order], np.arange(len(seen) + 1))
        self._span = {g: (int(starts[n]), int(starts[n + 1])) for g, n in place.items()}

    def likeness(self, text: str) -> FloatArray:
        """Cosine of a text with each of the texts, in [0, 1], shape ``(n_texts,)``."""
        found = np.zeros(self.n_texts, np.float32)
        for gram, weight in self._weighed(_counted(text)).items():
            first, last = self._span.get(gram, (0, 0))
            found[self._row[first:last]] += weight * self._weight[first:last]
        return found

    def _weighed(self, counts: Counter[int]) -> dict[int, float]:
        unseen = math.log(1 + self.n_texts) + 1
        raw = {g: (1 + math.log(n)) * self._rarity.get(g, unseen) for g, n in counts.items()}
        norm = math.sqrt(sum(w * w for w in raw.values())) or 1.0
        return {gram: weight / norm for gram, weight in raw.items()}


def same(text: str) -> str:
    """What two texts have in common that count as the same one: case, spaces and marks aside."""
    return " ".join(identify.words(text.casefold())) or " ".join(text.split())


def _counted(text: str) -> Counter[int]:
    """Hashes of the n-grams of 2 to 4 characters, and of single Chinese signs, with their counts."""
    plain = f" {' '.join(text[:MAX_CHARACTERS].casefold().split())} "
    grams = [plain[i : i + n] for n in (2, 3, 4) for i in range(len(plain) - n + 1)]
    grams += [sign for sign in plain if "\u3400" <= sign <= "\u9fff"]
    return Counter(zlib.crc32(gram.encode("utf-8", "replace")) for gram in grams)


def _encoded(texts: Sequence[str], encoder: SentenceEncoder, cache: Cache | None) -> FloatArray:
    """The vectors of some texts, from the cache where they are there; shape ``(n_texts, size)``."""
    key = Cache.key({"sentences": list(texts), "encoder": encoder.identity, "layer": _LAYER})
    kept = cache.get(key) if cache is not None else None
    if kept is not None:
        try:
            raw = np.frombuffer(base64.b64decode(kept["vectors"], validate=True), np.float16)
            return raw.reshape(len(texts), encoder.size).astype(np.float32)
        except (KeyError, TypeError, ValueError):
            pass  # a broken file counts as missing
    found = np.stack([encoder.encode(text) for text in texts]).astype(np.float16)
    if cache is not None:
        cache.put(key, {"vectors": base64.b64encode(found.tobytes()).decode("ascii")})
    return found.astype(np.float32)


def _unit(vectors: FloatArray, mean: FloatArray) -> FloatArray:
    """Vectors less their mean, of length 1; what is zero stays so."""
    there = np.abs(vectors).sum(axis=1, keepdims=True) > 0
    centred = np.where(there, vectors - mean, 0.0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    found: FloatArray = (centred / np.maximum(length, 1e-9)).astype(np.float32)
    return found


def _also_output(name: str) -> bytes:
    """What to append to an ONNX file so that an inner value is an output as well.

    The format is Protocol Buffers, where a message that comes twice is merged: field 7 of a model is its
    graph, field 12 of a graph an output, field 1 of an output its name.
    """

    def field(number: int, body: bytes) -> bytes:
        return bytes([number << 3 | 2, len(body)]) + body

    return field(7, field(12, field(1, name.encode("ascii"))))
