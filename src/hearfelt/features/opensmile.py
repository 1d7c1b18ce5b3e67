"""openSMILE's own eGeMAPSv02 functionals by the same contract, for comparison.

openSMILE (audEERING) is free for research and private use; **commercial products may not use it** without a
licence from audEERING. hearfelt does not need it: `Functionals` measures the same 88 under the same names.
It comes with ``pip install 'hearfelt[opensmile]'``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hearfelt.errors import FeatureError, MissingExtraError, unknown_name
from hearfelt.features.frames import SHORT, check
from hearfelt.types import Audio, Features

LICENCE = "audEERING openSMILE licence: research and private use only"

FEATURE_SETS = ("eGeMAPSv02", "GeMAPSv01b", "ComParE_2016")


class OpenSmile:
    """Functionals by openSMILE: `OpenSmile()(audio) -> Features` of shape (1, n).

    Raises:
        OptionError: a feature set that is not in `FEATURE_SETS`.
        MissingExtraError: the package opensmile is not installed.
    """

    licence = LICENCE
    commercial = False

    def __init__(self, feature_set: str = "eGeMAPSv02") -> None:
        if feature_set not in FEATURE_SETS:
            raise unknown_name("openSMILE feature set", feature_set, FEATURE_SETS)
        try:
            import opensmile
        except ImportError:
            raise MissingExtraError("OpenSmile", "opensmile", "opensmile") from None
        self.feature_set = feature_set
        self.space = f"opensmile/{feature_set}"
        self._smile: Any = opensmile.Smile(
            feature_set=opensmile.FeatureSet[feature_set],
            feature_level=opensmile.FeatureLevel.Functionals,
        )

    def __reduce__(self) -> tuple[type[OpenSmile], tuple[str]]:
        return OpenSmile, (self.feature_set,)  # openSMILE's own object cannot go to another process

    def __call__(self, audio: Audio) -> Features:
        """The functionals of a sound.

        Raises:
            FeatureError: a sound that is too short or cannot be measured (`hearfelt.features.frames.check`).
        """
        check(audio)
        if len(audio.samples) < 3 * SHORT:
            raise FeatureError(
                f"a sound of {len(audio.samples)} samples is too short for openSMILE: "
                f"it needs at least {3 * SHORT}"
            )
        table = self._smile.process_signal(audio.samples, audio.sample_rate_hz)
        values = np.nan_to_num(table.to_numpy(dtype=np.float32))
        names = tuple(str(name) for name in table.columns)
        return Features(values, names, audio.duration_s, self.space)
