"""Changes that leave the emotion as it is, so that a model learns from more than was recorded.

* On log-mels, drawn anew at every step of training: `logmel`, whose names stand here.
* On the waveform: `noise`, `rooms`, `codecs`, `waveform` (level, band, loss), `voice` (tempo, pitch, vocal
  tract); put together by `base`, named in a recipe by `changes`; `copies` makes changed copies of examples.
"""

from hearfelt.datasets.augment.logmel import (
    Augmentation,
    AugmentOptions,
    Band,
    Crop,
    GainAndTilt,
    Masks,
    Noise,
    Pause,
    Room,
    Sometimes,
    StretchAndWarp,
    apply,
    build,
    mixup,
)

__all__ = [
    "AugmentOptions",
    "Augmentation",
    "Band",
    "Crop",
    "GainAndTilt",
    "Masks",
    "Noise",
    "Pause",
    "Room",
    "Sometimes",
    "StretchAndWarp",
    "apply",
    "build",
    "mixup",
]
