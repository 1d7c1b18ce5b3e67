"""Changes that leave the emotion as it is, so that a model learns from more than was recorded."""

from hearfelt.datasets.augment.logmel import (
    Augmentation,
    AugmentOptions,
    Crop,
    GainAndTilt,
    Masks,
    Noise,
    StretchAndWarp,
    apply,
    build,
    mixup,
)

__all__ = [
    "AugmentOptions",
    "Augmentation",
    "Crop",
    "GainAndTilt",
    "Masks",
    "Noise",
    "StretchAndWarp",
    "apply",
    "build",
    "mixup",
]
