"""The networks by name."""

from __future__ import annotations

import dataclasses
from typing import Any

from hearfelt.errors import OptionError, unknown_name
from hearfelt.models.networks.base import Trunk
from hearfelt.models.networks.cnn import Cnn, CnnOptions
from hearfelt.models.networks.cnn_stats import CnnGruStats, CnnGruStatsOptions, CnnStats, CnnStatsOptions
from hearfelt.models.networks.conformer import Conformer, ConformerOptions
from hearfelt.models.networks.encoders import Encoder, EncoderOptions
from hearfelt.models.networks.fused import Fused, FusedOptions
from hearfelt.models.networks.recurrent import Recurrent, RecurrentOptions
from hearfelt.models.networks.transformer import Transformer, TransformerOptions

NETWORKS: dict[str, tuple[type[Any], type[Trunk]]] = {
    "cnn": (CnnOptions, Cnn),
    "recurrent": (RecurrentOptions, Recurrent),
    "transformer": (TransformerOptions, Transformer),
    "conformer": (ConformerOptions, Conformer),
    "cnn-stats": (CnnStatsOptions, CnnStats),
    "cnn-gru-stats": (CnnGruStatsOptions, CnnGruStats),
    "fused": (FusedOptions, Fused),
    "encoder": (EncoderOptions, Encoder),
}
"""Name to the dataclass of its options and the class made with ``(n_dims, options)``."""


def options_of(name: str, **options: Any) -> Any:
    """The options dataclass of a network, filled in. A list becomes a tuple, as TOML and JSON have no tuples.

    Raises:
        OptionError: an unknown network (the known are listed), an unknown option or one of another type.
    """
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    kind = NETWORKS[name][0]
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    for key, value in options.items():
        if key not in defaults:
            raise unknown_name(f"option of the network {name!r}", key, defaults)
        options[key] = tuple(value) if isinstance(value, list) else value
        wanted = type(defaults[key])
        if type(options[key]) is not wanted and not (wanted is float and type(value) is int):
            raise OptionError(
                f"the network {name!r} has the option {key}={value!r}: it must be of type {wanted.__name__}"
            )
    return kind(**options)


def build(name: str, n_dims: int, **options: Any) -> Trunk:
    """An untrained trunk.

    Args:
        name: a key of `NETWORKS`.
        n_dims: values of a frame.
        options: fields of the network's options dataclass.

    Raises:
        OptionError: as `options_of`, or values that do not fit each other.
    """
    filled = options_of(name, **options)
    trunk: Trunk = NETWORKS[name][1](n_dims, filled)
    return trunk
