"""Speech encoders with weights from elsewhere: wav2vec 2.0, HuBERT, WavLM, data2vec-audio, Whisper's encoder.

`hearfelt.features.encoders` loads them, by name or from a folder. All hear 16 kHz sound and give a step every
20 ms. What shares a batch has no effect on a clip, which as published not all of them hold:

* wav2vec 2.0, HuBERT and WavLM base normalise each channel over time (group norm); here over the clip without
  its padding.
* data2vec-audio convolves five times for its positions; here padding is silenced before each.
* Whisper hears windows of 30 s without a mask, silence after the clip included: that is how it was trained.
  A longer clip is heard window by window.

All but Whisper's can be exported to ONNX with a free batch and length.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from hearfelt.errors import MissingExtraError, OptionError, unknown_name
from hearfelt.features import encoders as pretrained
from hearfelt.models.networks.base import Trunk
from hearfelt.models.networks.layers import POOLINGS, Pool, step_mask

TUNING = ("frozen", "top", "all", "lora")
LAYERS = ("weighted", "last")

_LORA_TARGETS = ("q_proj", "v_proj")
_LORA_TARGETS_WAVLM = ("intermediate_dense", "output_dense")
"""WavLM reads the weights of its attention past their layers: an adapter there would not be heard."""


@dataclass(frozen=True)
class EncoderOptions:
    """How a speech encoder is used.

    Args:
        source: folder or name, as `hearfelt.features.encoders.load_encoder` takes it.
        tuning: what of the encoder learns. ``frozen``: nothing; ``top``: the last ``top_layers`` layers;
            ``all``: everything but the convolutions at its front; ``lora``: low-rank adapters (Hu et al.,
            arXiv:2106.09685) on queries and values, in WavLM on the feed-forward layers.
        top_layers: see ``tuning``.
        layers: ``weighted``: learnt weights over the outputs of all layers, as in SUPERB (Yang et al.,
            arXiv:2105.01051); ``last``: the last layer's output.
        width: size of a step after the linear layer behind the encoder.
        pooling: as in `FrameOptions`.
        dropout: before that linear layer.
        lora_rank, lora_alpha: size and scale of the adapters.
    """

    source: str = ""
    tuning: str = "frozen"
    top_layers: int = 2
    layers: str = "weighted"
    width: int = 256
    pooling: str = "mean"
    dropout: float = 0.1
    lora_rank: int = 8
    lora_alpha: int = 16

    def __post_init__(self) -> None:
        for what, value, known in (
            ("tuning", self.tuning, TUNING),
            ("layers", self.layers, LAYERS),
            ("pooling", self.pooling, POOLINGS),
        ):
            if value not in known:
                raise unknown_name(what, value, known)
        if not self.source:
            raise OptionError("the network 'encoder' needs a source: a folder with a model, or its name")
        if min(self.top_layers, self.width, self.lora_rank) < 1:
            raise OptionError(
                f"top_layers={self.top_layers}, width={self.width}, lora_rank={self.lora_rank}: "
                "each must be 1 or more"
            )


class Encoder(Trunk):
    """A speech encoder as a trunk on the waveform ``(batch, samples)`` at 16 kHz."""

    input = "waveform"
    stride = 320

    def __init__(self, n_dims: int, options: EncoderOptions) -> None:
        """``n_dims`` is not read: a waveform has one value a sample.

        Raises:
            MissingExtraError, ModelError: as of `hearfelt.features.encoders.load_encoder`.
            OptionError: more ``top_layers`` than the encoder has.
        """
        super().__init__()
        self.options = options
        loaded = pretrained.load_encoder(options.source)
        self.normalise, count = loaded.normalise, loaded.n_layers
        self.sound = _Whisper(loaded) if loaded.model_type == "whisper" else _Wave(loaded)
        if options.tuning == "top" and options.top_layers > count:
            raise OptionError(f"top_layers={options.top_layers}: the encoder has {count} layers")
        _tune(self.sound, options, loaded.model_type)
        self.layer_weights = nn.Parameter(torch.zeros(count + 1)) if options.layers == "weighted" else None
        self.drop = nn.Dropout(options.dropout)
        self.project = nn.Linear(loaded.width, options.width)
        self.pooling = Pool(options.pooling, options.width)
        self.width, self.size = options.width, self.pooling.size

    def train(self, mode: bool = True) -> Encoder:
        """As of any module, but a frozen encoder stays in evaluation mode."""
        super().train(mode)
        self.sound.train(mode and self.options.tuning != "frozen")
        return self

    def steps(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = x.masked_fill(~step_mask(lengths, x.shape[1]), 0.0)
        if self.normalise:
            x = standardise(x, lengths)
        # A frozen encoder keeps no graph, unless somebody asks what the sound itself did.
        learns = self.options.tuning != "frozen" or x.requires_grad
        with torch.set_grad_enabled(torch.is_grad_enabled() and learns):
            outputs, step_lengths = self.sound(x, lengths)
        if self.layer_weights is None:
            heard = outputs[-1]
        else:
            weights = torch.softmax(self.layer_weights, dim=0)
            heard = sum(weight * output for weight, output in zip(weights, outputs, strict=True))
        return self.project(self.drop(heard)), step_lengths

    def pool(self, steps: Tensor, step_lengths: Tensor) -> Tensor:
        pooled: Tensor = self.pooling(steps, step_lengths)
        return pooled

    def measure(self, x: Tensor, lengths: Tensor) -> None:
        """Nothing is measured: each clip is normalised by itself."""


def standardise(x: Tensor, lengths: Tensor) -> Tensor:
    """Each clip at mean 0 and deviation 1, as transformers prepares it; padding is 0."""
    valid = step_mask(lengths, x.shape[1])
    mean = x.sum(dim=1, keepdim=True) / lengths[:, None]
    off = (x - mean).masked_fill(~valid, 0.0)
    variance = (off**2).sum(dim=1, keepdim=True) / lengths[:, None]
    return off / torch.sqrt(variance + 1e-7)


class _Wave(nn.Module):
    """An encoder that hears the waveform through convolutions; padding is masked where it would be heard."""

    def __init__(self, loaded: pretrained.Encoder) -> None:
        super().__init__()
        self.model = cast(Any, loaded.network)
        self.loaded = loaded
        config = self.model.config
        config.apply_spec_augment, config.layerdrop = False, 0.0
        first = self.model.feature_extractor.conv_layers[0]
        if isinstance(getattr(first, "layer_norm", None), nn.GroupNorm):
            first.layer_norm = _ClipNorm(first.layer_norm)
        self._steps: Tensor | None = None
        for module in self.model.encoder.pos_conv_embed.modules():
            if isinstance(module, nn.Conv1d):
                module.register_forward_pre_hook(self._silence)

    @property
    def layers(self) -> Any:
        """The layers of self-attention; not stored, lest their weights be saved twice."""
        return self.model.encoder.layers

    def _silence(self, module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        if self._steps is None:
            return inputs
        return (inputs[0] * step_mask(self._steps, inputs[0].shape[2])[:, None],)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Outputs of all layers, the input of the first one before them, and the steps of each clip.

        A clip shorter than one step (25 ms) is heard with silence after it.
        """
        least = self.loaded.min_samples
        x = nn.functional.pad(x, (0, max(0, least - x.shape[1])))
        lengths = lengths.clamp(min=least)
        self._steps = steps = self.loaded.steps(lengths)
        config, first = self.model.config, self.model.feature_extractor.conv_layers[0]
        if isinstance(getattr(first, "layer_norm", None), _ClipNorm):
            first.layer_norm.lengths = (lengths - config.conv_kernel[0]) // config.conv_stride[0] + 1
        mask = step_mask(lengths, x.shape[1])
        with warnings.catch_warnings():
            # WavLM mixes a boolean and a float mask, of which torch warns.
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
            found = self.model(x, attention_mask=mask.long(), output_hidden_states=True)
        return _outputs(found), steps


class _ClipNorm(nn.Module):
    """The group norm of one channel a group, over the valid steps of each clip alone."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.lengths: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, steps)`` to the same shape."""
        lengths = x.new_full((len(x),), x.shape[2]).long() if self.lengths is None else self.lengths
        valid = step_mask(lengths, x.shape[2])[:, None]
        with torch.autocast(x.device.type, enabled=False):
            count = lengths[:, None, None]
            exact = x.float()
            off = exact - (exact * valid).sum(dim=2, keepdim=True) / count
            variance = ((off * valid) ** 2).sum(dim=2, keepdim=True) / count
            scaled = off / torch.sqrt(variance + self.eps)
            return (scaled * self.weight[:, None] + self.bias[:, None]).to(x.dtype)


class _Whisper(nn.Module):
    """Whisper's encoder with its own log-mel in front."""

    waves: Tensor
    filters: Tensor

    def __init__(self, loaded: pretrained.Encoder) -> None:
        super().__init__()
        from transformers.audio_utils import mel_filter_bank

        self.model = cast(Any, loaded.network)
        self.loaded = loaded
        self.samples = int(loaded.max_samples or 0)
        bins, rate = int(self.model.config.num_mel_bins), pretrained.SAMPLE_RATE_HZ
        filters = mel_filter_bank(201, bins, 0.0, rate / 2, rate, "slaney", "slaney")
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        turns = torch.outer(torch.arange(201), torch.arange(400)).double() * (2 * torch.pi / 400)
        waves = torch.cat((turns.cos(), turns.sin())) * torch.hann_window(400).double()
        self.register_buffer("waves", waves.float()[:, None], persistent=False)

    @property
    def layers(self) -> Any:
        """The layers of self-attention; not stored, lest their weights be saved twice."""
        return self.model.layers

    def logmel(self, x: Tensor) -> Tensor:
        """Windows ``(n, samples)`` to ``(n, n_mels, frames)``, as transformers' WhisperFeatureExtractor."""
        with torch.autocast(x.device.type, enabled=False):
            padded = nn.functional.pad(x.float()[:, None], (200, 200), mode="reflect")
            # The Fourier transform as a convolution with cosines and sines: ONNX has no complex numbers.
            parts = nn.functional.conv1d(padded, self.waves, stride=160)[..., :-1] ** 2
            power = parts[:, :201] + parts[:, 201:]
            levels = (self.filters.T @ power).clamp(min=1e-10).log10()
            levels = torch.maximum(levels, levels.amax(dim=(1, 2), keepdim=True) - 8.0)
            return (levels + 4.0) / 4.0

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Outputs of all layers, the input of the first one before them, and the steps of each clip."""
        count, longest = -(-x.shape[1] // self.samples), -(-x.shape[1] // 320)
        x = nn.functional.pad(x, (0, count * self.samples - x.shape[1]))
        found = self.model(self.logmel(x.reshape(-1, self.samples)), output_hidden_states=True)
        outputs = tuple(
            hidden.reshape(len(lengths), -1, hidden.shape[2])[:, :longest] for hidden in _outputs(found)
        )
        return outputs, self.loaded.steps(lengths)


def _outputs(found: Any) -> tuple[Tensor, ...]:
    """What goes into the first layer and what comes out of each, the last one as the model gives it."""
    return (*found.hidden_states[:-1], found.last_hidden_state)


def _tune(sound: _Wave | _Whisper, options: EncoderOptions, kind: str) -> None:
    """Let those parameters learn that ``options.tuning`` names, and no others."""
    sound.requires_grad_(False)
    if options.tuning == "top":
        for layer in list(sound.layers)[-options.top_layers :]:
            layer.requires_grad_(True)
    elif options.tuning == "all":
        parts = [sound.layers, sound.model.layer_norm] if isinstance(sound, _Whisper) else None
        for part in parts or [sound.model.encoder, sound.model.feature_projection]:
            part.requires_grad_(True)
    elif options.tuning == "lora":
        _adapt(sound.model, options, kind)


def _adapt(model: Any, options: EncoderOptions, kind: str) -> None:
    try:
        import peft
    except ImportError:
        raise MissingExtraError("tuning a speech encoder by LoRA", "peft", "train") from None
    targets = _LORA_TARGETS_WAVLM if kind == "wavlm" else _LORA_TARGETS
    adapters = peft.LoraConfig(
        r=options.lora_rank, lora_alpha=options.lora_alpha, target_modules=list(targets)
    )
    peft.inject_adapter_in_model(adapters, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
