"""What every extractor is, the table of those that give one row a clip, and their concatenation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from hearfelt.errors import OptionError, unknown_name
from hearfelt.types import Audio, Features


class Extractor(Protocol):
    """Measures a sound: ``extractor(audio) -> Features``.

    An extractor may also have ``options``, a frozen dataclass; caches tell two extractors apart by both.
    """

    @property
    def space(self) -> str:
        """Name and version of the feature space, such as ``egemaps/1``."""
        ...

    def __call__(self, audio: Audio) -> Features:
        """The measures of a sound; FeatureError where it cannot be measured."""
        ...


class Joined:
    """Several extractors side by side: their dimensions one after another, names as they are.

    Args:
        parts: extractors that give one row a sound.
    """

    def __init__(self, parts: Sequence[Extractor]) -> None:
        if not parts:
            raise OptionError("nothing to join: give at least one extractor")
        self.parts = tuple(parts)

    @property
    def space(self) -> str:
        """The spaces of the parts, joined by ``+``."""
        return "+".join(part.space for part in self.parts)

    def __call__(self, audio: Audio) -> Features:
        found = [part(audio) for part in self.parts]
        names = None
        if all(features.names is not None for features in found):
            names = tuple(name for features in found for name in features.names or ())
        values = np.concatenate([features.values for features in found], axis=1)
        return Features(values, names, found[0].hop_s, self.space)


def _functionals() -> Extractor:
    from hearfelt.features.functionals import Functionals

    return Functionals()


def _mel() -> Extractor:
    from hearfelt.features.melfunctionals import MelFunctionals

    return MelFunctionals()


def _opensmile(feature_set: str) -> Extractor:
    from hearfelt.features.opensmile import OpenSmile

    return OpenSmile(feature_set)


def _encoder(source: str) -> Extractor:
    from hearfelt.features.embeddings import embeddings

    return embeddings(source)


EXTRACTORS: Mapping[str, Callable[[], Extractor]] = {
    "functionals": _functionals,
    "mel": _mel,
    "opensmile-egemaps": lambda: _opensmile("eGeMAPSv02"),
    "opensmile-compare": lambda: _opensmile("ComParE_2016"),
}
"""Name to a function that makes the extractor: our 88 functionals, our log-mel functionals, and openSMILE's
sets for comparison (optional; not for commercial use)."""


ENCODER = "encoder:"
"""What the name of an embedding begins with: ``encoder:FOLDER`` or ``encoder:NAME``, then ``@LAYERS``."""


def extractor(name: str) -> Extractor:
    """The extractor of a name; names joined by ``+``, such as ``functionals+mel``, stand side by side.

    Raises:
        OptionError: a name that is neither in `EXTRACTORS` nor begins with ``encoder:``.
        MissingExtraError: its library is not installed.
        ModelError: an encoder that cannot be loaded.
    """
    parts: list[Extractor] = []
    for part in name.split("+"):
        if part.startswith(ENCODER):
            parts.append(_encoder(part.removeprefix(ENCODER)))
        elif part in EXTRACTORS:
            parts.append(EXTRACTORS[part]())
        else:
            raise unknown_name("feature set", part, (*EXTRACTORS, f"{ENCODER}FOLDER"))
    return parts[0] if len(parts) == 1 else Joined(parts)
