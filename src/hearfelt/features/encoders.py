"""Pretrained speech encoders: loading by name or folder, and their hidden states (torch and transformers).

wav2vec 2.0 (arXiv:2006.11477), HuBERT (arXiv:2106.07447), WavLM (arXiv:2110.13900), data2vec
(arXiv:2202.03555) and the encoder of Whisper (arXiv:2212.04356). What they have learnt from, and whether it
may be used, is for the card of the weights to say.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hearfelt.errors import FeatureError, MissingExtraError, ModelError
from hearfelt.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor, nn

SAMPLE_RATE_HZ = 16000

NAMES: Mapping[str, str] = {
    "wav2vec2-base": "facebook/wav2vec2-base",
    "wav2vec2-large-robust": "facebook/wav2vec2-large-robust",
    "hubert-base": "facebook/hubert-base-ls960",
    "hubert-large": "facebook/hubert-large-ll60k",
    "wavlm-base": "microsoft/wavlm-base",
    "wavlm-base-plus": "microsoft/wavlm-base-plus",
    "wavlm-large": "microsoft/wavlm-large",
    "data2vec-base": "facebook/data2vec-audio-base",
    "data2vec-large": "facebook/data2vec-audio-large",
    "whisper-tiny": "openai/whisper-tiny",
    "whisper-base": "openai/whisper-base",
    "whisper-small": "openai/whisper-small",
    "whisper-large-v3": "openai/whisper-large-v3",
}
"""Short names to the names that their makers published the weights under."""

WAVEFORM_TYPES = ("wav2vec2", "hubert", "wavlm", "data2vec-audio")
TYPES = (*WAVEFORM_TYPES, "whisper")
"""The architectures, as ``model_type`` in ``config.json``."""

_HOP = 160


@dataclass(frozen=True, eq=False)
class Encoder:
    """A loaded encoder.

    Args:
        name: as it was asked for.
        network: the torch module, in evaluation mode, on the CPU.
        model_type: one of `TYPES`.
        normalise: whether each sound is brought to mean 0 and variance 1 first.
        width: size of a hidden state.
        n_layers: Transformer layers; there is one hidden state more, the input of the first.
    """

    name: str
    network: nn.Module
    model_type: str
    normalise: bool
    width: int
    n_layers: int

    @property
    def min_samples(self) -> int:
        """The shortest sound that gives a step."""
        if self.model_type == "whisper":
            return 1
        config, size = self._config, 1
        for kernel, stride in reversed(list(zip(config.conv_kernel, config.conv_stride, strict=True))):
            size = (size - 1) * stride + kernel
        return int(size)

    @property
    def max_samples(self) -> int | None:
        """The longest sound that fits in one pass (Whisper: 30 s); None where there is no bound."""
        return 2 * _HOP * self._config.max_source_positions if self.model_type == "whisper" else None

    @property
    def _config(self) -> Any:
        return self.network.config

    def steps(self, lengths: Tensor) -> Tensor:
        """How many steps sounds of these lengths (in samples) give, int64 ``(batch,)``."""
        if self.model_type == "whisper":
            return (lengths + 2 * _HOP - 1) // (2 * _HOP)
        for kernel, stride in zip(self._config.conv_kernel, self._config.conv_stride, strict=True):
            lengths = (lengths - kernel) // stride + 1
        return lengths

    def fingerprint(self) -> str:
        """A short hash of the shapes and of some values of the weights: unlike weights, unlike features."""
        digest = hashlib.sha256(self.model_type.encode())
        for name, value in self.network.state_dict().items():
            part = value.detach().cpu().reshape(-1)[:64].float().numpy()
            digest.update(f"{name}{tuple(value.shape)}".encode() + part.tobytes())
        return digest.hexdigest()[:10]


def load_encoder(name: str | Path) -> Encoder:
    """The encoder in a folder (``config.json`` and weights, as transformers saves them) or of a name.

    A name is one of `NAMES` or ``owner/model``; its weights are taken from the local cache of
    huggingface_hub, and fetched where they are not there and the machine may go online.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ModelError: no such folder or name, weights that cannot be had, or another architecture.
    """
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        missing = (error.name or "transformers").split(".")[0]
        raise MissingExtraError(f"the encoder {name}", missing, "train") from None
    place = _place(str(name))
    try:
        config = transformers.AutoConfig.from_pretrained(place)
        if config.model_type not in TYPES:
            raise ModelError(
                f"the encoder {name} is of type {config.model_type!r}; known types: {', '.join(TYPES)}"
            )
        with quiet():
            network = transformers.AutoModel.from_pretrained(place, config=config)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = (str(error).strip() or repr(error)).splitlines()[0]
        raise ModelError(
            f"the encoder {name} cannot be loaded ({first}): give a folder with config.json and "
            "model.safetensors, or fetch it once while online"
        ) from None
    if config.model_type == "whisper":
        network = network.get_encoder()
    network.eval()
    layers = config.encoder_layers if config.model_type == "whisper" else config.num_hidden_layers
    normalise = config.model_type != "whisper" and _normalises(place, transformers)
    return Encoder(str(name), network, config.model_type, normalise, int(config.hidden_size), int(layers))


def hidden_states(
    encoder: Encoder, samples: Tensor, lengths: Tensor, network: nn.Module | None = None
) -> tuple[tuple[Tensor, ...], Tensor]:
    """The hidden states of a batch; gradients flow unless the caller forbids it.

    Args:
        samples: float32 ``(batch, n_samples)`` at 16 kHz, zeros behind each sound's end.
        lengths: int64 ``(batch,)``, samples of each sound.
        network: called instead of ``encoder.network``, such as one that LoRA has wrapped.

    Returns:
        ``n_layers + 1`` tensors ``(batch, n_steps, width)``, and the steps of each sound, int64 ``(batch,)``;
        what lies behind them is padding.

    Raises:
        FeatureError: a sound that is too short or too long for the encoder.
    """
    import torch

    longest, shortest = int(lengths.max()), int(lengths.min())
    if shortest < encoder.min_samples or (encoder.max_samples and longest > encoder.max_samples):
        raise FeatureError(
            f"sounds of {shortest} to {longest} samples do not fit the encoder {encoder.name}: it takes "
            f"{encoder.min_samples} to {encoder.max_samples or 'any number of'} samples at a time"
        )
    module = network if network is not None else encoder.network
    inside = torch.arange(samples.shape[1], device=samples.device)[None, :] < lengths[:, None]
    if encoder.model_type == "whisper":
        frames = _log_mel(encoder, samples).to(samples.device)
        states = module(frames, output_hidden_states=True).hidden_states
    else:
        if encoder.normalise:
            samples = _standard(samples, inside)
        # One sound, or sounds of one length, need no mask; those that share a batch do.
        mask = None if bool(inside.all()) else inside.long()
        with warnings.catch_warnings():
            # WavLM as transformers has it gives torch masks of two types.
            warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
            states = module(samples, attention_mask=mask, output_hidden_states=True).hidden_states
    steps = encoder.steps(lengths).clamp(max=states[0].shape[1])
    return tuple(states), steps


def _place(name: str) -> str:
    """What transformers should be asked for.

    Raises:
        ModelError: neither a folder nor a name.
    """
    if Path(name).is_dir():
        if not (Path(name) / "config.json").is_file():
            raise ModelError(f"{name} holds no encoder: a folder has config.json and model.safetensors")
        return name
    if name in NAMES:
        return NAMES[name]
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return name
    raise ModelError(
        f"unknown encoder {name!r}: it is no folder; known names: {', '.join(NAMES)}, or owner/model"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' bars and notes on standard error."""
    from transformers.utils import logging as library_logging

    logging: Any = library_logging  # its functions are not typed
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _normalises(place: str, transformers: Any) -> bool:
    """What ``preprocessor_config.json`` says; the library's own default (yes) where there is none."""
    own = Path(place) / "preprocessor_config.json"
    if Path(place).is_dir():
        if not own.is_file():
            return True
        return bool(json.loads(own.read_text(encoding="utf-8")).get("do_normalize", True))
    try:
        return bool(transformers.AutoFeatureExtractor.from_pretrained(place).do_normalize)
    except (OSError, ValueError):
        return True


def _standard(samples: Tensor, inside: Tensor) -> Tensor:
    """Mean 0 and variance 1 of each sound (over its own samples), zeros behind its end."""
    count = inside.sum(dim=1, keepdim=True)
    samples = samples * inside
    away = (samples - samples.sum(dim=1, keepdim=True) / count) * inside
    return away / ((away**2).sum(dim=1, keepdim=True) / count + 1e-7).sqrt()


def _log_mel(encoder: Encoder, samples: Tensor) -> Tensor:
    """Whisper's own log-mel frames, padded with silence to the length that the encoder expects."""
    import torch
    import transformers

    size = encoder.max_samples or 0
    make: Any = transformers.WhisperFeatureExtractor  # not typed
    extract = make(feature_size=encoder._config.num_mel_bins)
    extract.n_samples, extract.nb_max_frames = size, size // _HOP
    rows: list[FloatArray] = [np.asarray(row, dtype=np.float32) for row in samples.detach().cpu().numpy()]
    found = extract(rows, sampling_rate=SAMPLE_RATE_HZ, return_tensors="np", padding="max_length")
    return torch.from_numpy(np.asarray(found["input_features"], dtype=np.float32))
