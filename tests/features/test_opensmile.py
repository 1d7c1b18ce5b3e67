"""The optional openSMILE extractor."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hearfelt.errors import FeatureError, MissingExtraError, OptionError
from hearfelt.features.functionals import NAMES
from hearfelt.features.opensmile import OpenSmile
from hearfelt.types import Audio


def test_it_gives_openSMILEs_functionals_by_the_same_contract(speech: Callable[..., Audio]) -> None:
    pytest.importorskip("opensmile")
    features = OpenSmile()(speech(seconds=1.0))
    assert features.values.shape == (1, 88)
    assert features.names == NAMES
    assert features.space == "opensmile/eGeMAPSv02"
    assert OpenSmile.commercial is False
    with pytest.raises(
        FeatureError, match="a sound of 500 samples is too short for openSMILE: it needs at least 960"
    ):
        OpenSmile()(Audio(np.zeros(500, np.float32), 16000))


def test_an_unknown_set_lists_the_known() -> None:
    with pytest.raises(OptionError, match="unknown openSMILE feature set 'emobase'; known: eGeMAPSv02"):
        OpenSmile("emobase")


def test_without_the_package_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "opensmile":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(
        MissingExtraError, match=r"OpenSmile needs opensmile.*pip install 'hearfelt\[opensmile\]'"
    ):
        OpenSmile()
