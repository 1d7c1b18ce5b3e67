"""Which part of a clip an answer rests on: saliency over time.

`occlude` works for any model and needs numpy alone. `integrated_gradients` and `occlude_frames` look into a
network of this package (torch; extra ``train``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import FeatureError, OptionError, unknown_name
from hearfelt.types import Audio, FloatArray

if TYPE_CHECKING:
    from torch import Tensor

    from hearfelt.models.networks.base import EmotionNetwork

Predict = Callable[[Sequence[Audio]], npt.NDArray[Any]]
"""Answers of several sounds, shape ``(n_sounds, n_labels)``: logits or probabilities."""

_FADE_S = 0.005
"""A window of sound fades out and in: a hard edge would be a click that the model hears."""

_BATCH = 16
"""Clips that run together."""


@dataclass(frozen=True, eq=False)
class Saliency:
    """How much each stretch of a clip speaks for an answer.

    Args:
        start_s, end_s: the stretches, shape ``(n,)``, seconds in the recording.
        weights: ``(n,)`` for one label or ``(n, n_labels)``; what the answer loses without the stretch, or
            its share of the answer. Negative: it speaks against it.
    """

    start_s: FloatArray
    end_s: FloatArray
    weights: FloatArray


def occlude(predict: Predict, audio: Audio, window_s: float = 0.2, hop_s: float | None = None) -> Saliency:
    """Silence one window after another and see what the answer loses (Zeiler & Fergus, arXiv:1311.2901).

    Args:
        predict: any model; for shipped weights ``VoiceModel.load(folder).logits``.
        window_s: length of a window; the last one ends with the sound.
        hop_s: step between windows; None for half a window.

    Returns:
        A row a window: ``predict`` of the sound less ``predict`` without the window, for each label.

    Raises:
        OptionError: a window or step of no length.
        FeatureError: no samples.
    """
    hop_s = window_s / 2 if hop_s is None else hop_s
    if not (window_s > 0 and hop_s > 0):
        raise OptionError(f"window_s={window_s}, hop_s={hop_s}: both must be more than 0")
    if not len(audio.samples):
        raise FeatureError("saliency needs sound, got 0 samples")
    starts, ends = _windows(
        len(audio.samples), round(window_s * audio.sample_rate_hz), round(hop_s * audio.sample_rate_hz)
    )
    silenced = [_silence(audio, int(a), int(b)) for a, b in zip(starts, ends, strict=True)]
    answers = np.asarray(predict([audio, *silenced]), dtype=np.float32)
    seconds = [
        np.asarray(audio.start_s + at / audio.sample_rate_hz, dtype=np.float32) for at in (starts, ends)
    ]
    return Saliency(seconds[0], seconds[1], answers[0] - answers[1:])


def _windows(total: int, size: int, hop: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First and last places of windows that cover ``total`` places, the last one ending there."""
    size, hop = min(max(size, 1), total), max(hop, 1)
    starts = np.arange(0, total - size + hop, hop, dtype=np.int64)
    starts = np.unique(np.minimum(starts, total - size))
    return starts, starts + size


def _silence(audio: Audio, first: int, last: int) -> Audio:
    """The sound with silence from ``first`` to ``last``, faded over the edges inside the window."""
    gain = np.zeros(last - first, dtype=np.float32)
    fade = min(round(_FADE_S * audio.sample_rate_hz), len(gain) // 2)
    slope = np.linspace(1, 0, fade, endpoint=False, dtype=np.float32)
    gain[:fade], gain[len(gain) - fade :] = slope, slope[::-1]
    samples = audio.samples.copy()
    samples[first:last] *= gain
    return Audio(samples, audio.sample_rate_hz, audio.channel, audio.start_s)


def integrated_gradients(
    network: EmotionNetwork,
    x: FloatArray,
    hop_s: float,
    task: str,
    label: str,
    *,
    points: int = 64,
    functionals: FloatArray | None = None,
) -> Saliency:
    """Integrated gradients (Sundararajan et al., arXiv:1703.01365, eq. 1), summed over the bins of a frame.

    The baseline is the clip's own mean in each bin: a sound that does not change. The weights sum to the
    answer for the clip less the answer for the baseline.

    Args:
        x: one clip, ``(frames, n_dims)``.
        hop_s: seconds between frames.
        task, label: whose logit (or rating) is explained; not CTC.
        points: of the integral, by the midpoint rule.
        functionals: of the clip, for a network that fuses them; they stay as they are.

    Returns:
        One weight a frame.

    Raises:
        OptionError: the network has no such task, the task no such label, or the network hears the waveform:
            an encoder that normalises its input hears a clip and the same clip near silence alike, so the
            way from silence to the clip tells nothing.
    """
    import torch

    if network.trunk.input == "waveform":
        raise OptionError("integrated gradients need a network on frames: use occlude_frames or occlude")
    place = _place(network, task, label)
    sound = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).to(_device(network))
    baseline = _baseline(sound)
    total = torch.zeros_like(sound)
    was_training = network.training
    network.eval()
    steps = (torch.arange(points, device=sound.device) + 0.5) / points
    for part in torch.split(steps, _BATCH):
        shape = (-1, *(1,) * sound.ndim)
        mixed = (baseline + part.reshape(shape) * (sound - baseline)).requires_grad_()
        answers = _answer(network, mixed, functionals, task, place)
        (gradient,) = torch.autograd.grad(answers.sum(), mixed)
        total += gradient.sum(dim=0) / points
    network.train(was_training)
    weights = ((sound - baseline) * total).sum(dim=1)
    return _frames(weights.cpu().numpy(), np.arange(len(sound)), np.arange(len(sound)) + 1, hop_s)


def occlude_frames(
    network: EmotionNetwork,
    x: FloatArray,
    hop_s: float,
    task: str,
    label: str,
    *,
    window_s: float = 0.2,
    functionals: FloatArray | None = None,
) -> Saliency:
    """What the answer loses when a window of frames is as in the baseline.

    Windows overlap by half. Arguments, baseline and errors as in `integrated_gradients`; a network on the
    waveform is taken too: ``x`` ``(samples,)``, ``hop_s`` seconds between samples, silence for the baseline.
    """
    import torch

    place = _place(network, task, label)
    sound = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).to(_device(network))
    baseline = _baseline(sound)
    size = max(1, round(window_s / hop_s))
    starts, ends = _windows(len(sound), size, max(1, size // 2))
    without = sound.repeat(len(starts) + 1, *(1,) * sound.ndim)
    for row, (first, last) in enumerate(zip(starts, ends, strict=True), 1):
        without[row, first:last] = baseline[first:last]
    was_training = network.training
    network.eval()
    parts = torch.split(without, _BATCH)
    with torch.no_grad():
        found = [_answer(network, part, functionals, task, place) for part in parts]
    network.train(was_training)
    answers = torch.cat(found).cpu().numpy()
    return _frames(answers[0] - answers[1:], starts, ends, hop_s)


def _place(network: EmotionNetwork, name: str, label: str) -> int:
    tasks = {task.name: task for task in network.tasks if task.kind != "ctc"}
    if name not in tasks:
        raise unknown_name("task of the network", name, tasks)
    if label not in tasks[name].labels:
        raise unknown_name(f"label of the task {name!r}", label, tasks[name].labels)
    return tasks[name].labels.index(label)


def _device(network: EmotionNetwork) -> Any:
    return next(network.parameters()).device


def _baseline(sound: Tensor) -> Tensor:
    import torch

    return torch.zeros_like(sound) if sound.ndim == 1 else sound.mean(dim=0, keepdim=True).expand_as(sound)


def _answer(
    network: EmotionNetwork, clips: Tensor, functionals: FloatArray | None, task: str, place: int
) -> Tensor:
    import torch

    extra = []
    if functionals is not None:
        measured = torch.from_numpy(np.asarray(functionals, dtype=np.float32)).to(clips.device)
        extra = [measured.expand(len(clips), -1)]
    lengths = torch.full((len(clips),), clips.shape[1], device=clips.device)
    answer: Tensor = network(clips, lengths, *extra)[task][:, place]
    return answer


def _frames(
    weights: npt.NDArray[Any], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], hop_s: float
) -> Saliency:
    seconds = [np.asarray(at * hop_s, dtype=np.float32) for at in (starts, ends)]
    return Saliency(seconds[0], seconds[1], np.asarray(weights, dtype=np.float32))
