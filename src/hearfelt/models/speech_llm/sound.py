"""The speech encoder of a speech-LLM: one of our trunks by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hearfelt.errors import OptionError
from hearfelt.models.networks import table
from hearfelt.models.networks.base import Trunk


@dataclass(frozen=True)
class SoundOptions:
    """What hears.

    Args:
        source: folder of a run of the kind ``voice`` or ``network``, whose network of the same fold is taken
            (of ``final`` for the model on all clips), or the folder of one network; empty: random weights.
        kind, options: a name of `hearfelt.models.networks.table` and options of that network; what ``source``
            says goes before. With ``kind = "encoder"`` any wav2vec 2.0, HuBERT, WavLM, data2vec or Whisper
            folder is ``options = { source = FOLDER }``, and its ``tuning`` says what of it learns.
        frozen: the trunk learns nothing. Its steps are then kept, so that learning takes minutes.
        copies: epochs whose steps are kept, changed and mixed as ``[augment]`` says, and learnt from in turn;
            read where ``frozen`` applies.
    """

    source: str = ""
    kind: str = "cnn-gru-stats"
    options: Mapping[str, Any] = field(default_factory=dict)
    frozen: bool = False
    copies: int = 4

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise OptionError(f"sound.copies={self.copies}: 1 or more")

    @property
    def is_frozen(self) -> bool:
        """Whether nothing of the trunk learns: an encoder of others has a layer of its own behind it."""
        return self.frozen and self.kind != "encoder"


def build(options: SoundOptions, n_mels: int) -> Trunk:
    """The trunk with random weights (those of its folder, for an encoder of others).

    Raises:
        OptionError: an unknown network or option.
        ModelError, MissingExtraError: as of `hearfelt.features.encoders.load_encoder`.
    """
    return table.build(options.kind, n_mels, **options.options)
