"""Frozen speech encoders as extractors: hidden states of chosen layers, pooled over time to one row.

`load_encoder` stands in `hearfelt.features.encoders`, and is also here. emotion2vec (arXiv:2312.15185) runs
through its own package, funasr.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hearfelt.errors import FeatureError, MissingExtraError, ModelError, OptionError, unknown_name
from hearfelt.features.encoders import SAMPLE_RATE_HZ, Encoder, hidden_states, load_encoder
from hearfelt.types import Audio, Features, FloatArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EmbeddingOptions", "Embeddings", "Emotion2Vec", "Encoder", "hidden_states", "load_encoder"]

LAYERS = ("last", "mean", "all")
STATISTICS = ("mean", "std")


@dataclass(frozen=True)
class EmbeddingOptions:
    """What `Embeddings` takes from an encoder.

    Args:
        layers: "last" (as EmoBox has it), "mean" of all, "all" side by side, or the number of one as text;
            layer 0 is the input of the first Transformer layer.
        statistics: over time, of each dimension: any of "mean" and "std".
        window_s: longer sounds are encoded in equal parts of at most this length (Whisper takes 30 s).
        device: torch's name of where to compute.
    """

    layers: str = "last"
    statistics: tuple[str, ...] = ("mean",)
    window_s: float = 30.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.layers not in LAYERS and not self.layers.isdigit():
            raise unknown_name("choice of layers", self.layers, (*LAYERS, "a number"))
        strange = [name for name in self.statistics if name not in STATISTICS]
        if strange or not self.statistics:
            raise unknown_name("statistic", strange[0] if strange else "", STATISTICS)
        if not self.window_s > 0:
            raise OptionError(f"window_s={self.window_s}: give a positive number of seconds")


class Embeddings:
    """One row a sound from a frozen encoder: `Embeddings("wavlm-base")(audio) -> Features`.

    Args:
        source: a folder or a name, as `load_encoder` takes it.

    Raises:
        MissingExtraError, ModelError: as of `load_encoder`.
        OptionError: a layer that the encoder does not have.
    """

    def __init__(self, source: str, options: EmbeddingOptions | None = None) -> None:
        self.source = source
        self.options = options or EmbeddingOptions()
        self.encoder = load_encoder(source)
        if self.options.layers.isdigit() and int(self.options.layers) > self.encoder.n_layers:
            raise OptionError(
                f"the encoder {source} has no layer {self.options.layers}: use 0 to {self.encoder.n_layers}"
            )
        self.encoder.network.to(self.options.device)
        self.space = f"embedding/{source.rstrip('/').rsplit('/', 1)[-1]}/{self.encoder.fingerprint()}"

    def __reduce__(self) -> tuple[type[Embeddings], tuple[str, EmbeddingOptions]]:
        return Embeddings, (self.source, self.options)

    def __call__(self, audio: Audio) -> Features:
        """The pooled states, shape ``(1, n_layers_chosen * n_statistics * width)``.

        Raises:
            FeatureError: another sample rate, samples that are not finite, or a sound that is too short.
        """
        _check(audio, self.encoder.min_samples, self.source)
        chosen = self._chosen()
        sums = [np.concatenate(parts) for parts in zip(*self._windows(audio.samples), strict=True)]
        if self.options.layers == "mean":
            sums = [np.mean(np.stack(sums), axis=0)]
        rows, names = [], []
        for layer, states in zip(chosen, sums, strict=True):
            for statistic in self.options.statistics:
                rows.append(states.mean(axis=0) if statistic == "mean" else states.std(axis=0))
                names += [f"{layer}_{statistic}_{i}" for i in range(self.encoder.width)]
        values = np.concatenate(rows).astype(np.float32)[None, :]
        return Features(values, tuple(names), audio.duration_s, self.space)

    def _chosen(self) -> list[str]:
        """Names of the layers of a row."""
        if self.options.layers == "mean":
            return ["layers"]
        if self.options.layers == "all":
            return [f"layer{i}" for i in range(self.encoder.n_layers + 1)]
        last = self.options.layers == "last"
        return [f"layer{self.encoder.n_layers if last else int(self.options.layers)}"]

    def _windows(self, samples: FloatArray) -> Iterator[list[FloatArray]]:
        """Of each part of a sound the states ``(n_steps, width)`` of each layer that is needed."""
        import torch

        longest = round(self.options.window_s * SAMPLE_RATE_HZ)
        longest = max(self.encoder.min_samples, min(longest, self.encoder.max_samples or longest))
        # A last part that is too short for a step cannot be: the parts are equal within one sample.
        for part in np.array_split(samples, -(-len(samples) // longest)):
            sound = torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32))[None]
            with torch.inference_mode():
                states, steps = hidden_states(
                    self.encoder, sound.to(self.options.device), torch.tensor([len(part)])
                )
            yield [state[0, : int(steps[0])].float().cpu().numpy() for state in self._needed(states)]

    def _needed(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if self.options.layers in ("mean", "all"):
            return states
        return (states[-1 if self.options.layers == "last" else int(self.options.layers)],)


EMOTION2VEC = ("emotion2vec_base", "emotion2vec_plus_seed", "emotion2vec_plus_base", "emotion2vec_plus_large")
"""Names of emotion2vec's weights; a folder is taken too."""


class Emotion2Vec:
    """Utterance embeddings of emotion2vec through funasr: `Emotion2Vec()(audio) -> Features` of one row.

    Raises:
        MissingExtraError: funasr is not installed.
        ModelError: the weights cannot be loaded.
    """

    def __init__(self, source: str = "emotion2vec_base") -> None:
        try:
            funasr: Any = importlib.import_module("funasr")
        except ImportError:
            raise MissingExtraError("emotion2vec", "funasr", "emotion2vec") from None
        self.source = source
        name = f"iic/{source}" if source in EMOTION2VEC else source
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # funasr prints what it does
                self._model: Any = funasr.AutoModel(model=name, disable_update=True, disable_pbar=True)
        except Exception as error:  # funasr has no error family
            raise ModelError(
                f"emotion2vec {source!r} cannot be loaded ({error}): give a folder, or one of "
                f"{', '.join(EMOTION2VEC)} while online"
            ) from None
        digest = hashlib.sha256(source.encode()).hexdigest()[:10]
        self.space = f"embedding/{source.rstrip('/').rsplit('/', 1)[-1]}/{digest}"

    def __reduce__(self) -> tuple[type[Emotion2Vec], tuple[str]]:
        return Emotion2Vec, (self.source,)

    def __call__(self, audio: Audio) -> Features:
        """The utterance's embedding, shape ``(1, width)``; errors as of `Embeddings`."""
        _check(audio, SAMPLE_RATE_HZ // 10, self.source)
        with contextlib.redirect_stdout(io.StringIO()):
            answer = self._model.generate(
                audio.samples, granularity="utterance", extract_embedding=True, disable_pbar=True
            )
        values = np.asarray(answer[0]["feats"], dtype=np.float32).reshape(1, -1)
        names = tuple(f"utterance_{i}" for i in range(values.shape[1]))
        return Features(values, names, audio.duration_s, self.space)


def embeddings(source: str, layers: str = "last") -> Embeddings | Emotion2Vec:
    """The extractor of ``encoder:SOURCE``; SOURCE may end in ``@LAYERS``, such as ``wavlm-base@mean``."""
    name, _, chosen = source.partition("@")
    if "emotion2vec" in name:
        return Emotion2Vec(name)
    return Embeddings(name, replace(EmbeddingOptions(), layers=chosen or layers))


def _check(audio: Audio, shortest: int, source: str) -> None:
    if audio.sample_rate_hz != SAMPLE_RATE_HZ:
        raise FeatureError(
            f"the encoder {source} needs {SAMPLE_RATE_HZ} Hz sound, got {audio.sample_rate_hz} Hz: "
            "resample it first"
        )
    if len(audio.samples) < shortest:
        raise FeatureError(
            f"a sound of {len(audio.samples)} samples is too short for the encoder {source}: "
            f"it needs at least {shortest}"
        )
    if not np.isfinite(audio.samples).all():
        raise FeatureError(
            f"the encoder {source} needs finite samples, got NaN or infinity: repair the recording first"
        )
