"""The label sets that text models score, each with its grouping and the clean-up of its texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hearfelt.language.words import cped, goemotions, identify


@dataclass(frozen=True, slots=True)
class Scheme:
    """A label set.

    Args:
        name: the key of its scores in the details of evidence.
        labels: in the order of the network's outputs.
        ekman: label to one of the Ekman six and neutral; a label may have none.
        sentiment: positive, negative and ambiguous labels.
        normalize: a text as the model was trained to read it.
        exclusive: whether one label is right (scores sum to 1) or each is said on its own.
        script_share: share of a text's letters that are of the script it reads.
        script: the name of that script.
        joint: what stands between two pieces of a text when it is put together again.
    """

    name: str
    labels: tuple[str, ...]
    ekman: Mapping[str, str]
    sentiment: Mapping[str, tuple[str, ...]]
    normalize: Callable[[str], str]
    exclusive: bool
    script_share: Callable[[str], float]
    script: str
    joint: str


GOEMOTIONS = Scheme(
    "goemotions",
    goemotions.LABELS,
    goemotions.EKMAN,
    goemotions.SENTIMENT,
    goemotions.normalize,
    exclusive=False,
    script_share=identify.latin_share,
    script="Latin letters",
    joint=" ",
)

CPED = Scheme(
    "cped",
    cped.LABELS,
    cped.EKMAN,
    cped.SENTIMENT,
    cped.normalize,
    exclusive=True,
    script_share=identify.han_share,
    script="Chinese characters",
    joint="",
)

SCHEMES: Mapping[str, Scheme] = {scheme.name: scheme for scheme in (GOEMOTIONS, CPED)}
"""Name, as ``scheme`` in ``model.json`` has it, to label set; a card that names none is of GoEmotions."""
