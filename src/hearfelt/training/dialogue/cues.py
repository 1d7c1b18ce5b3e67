"""Vocal measures of a line as inputs: against everybody, and against the same speaker before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hearfelt.datasets.dialogue import Line, grouped

LIMIT = 4.0
"""Standard deviations beyond which a measure says no more: a line of 300 s is a mistake of the cutting."""

Array = npt.NDArray[np.float64]


class Cues:
    """Measures brought to a common scale by training lines alone.

    A speaker's habit is the mean of their training lines and of what they said before in the same dialogue,
    drawn towards everybody's by `prior` lines; nothing that comes later is looked at, and of test lines
    nothing at all is learnt. Names stand for the same person throughout a table.

    Args:
        names: of the measures, in the order of `Line.measures`.
        logarithmic: measures that are taken as logarithms: lengths and pitches.
        prior: so many lines of everybody stand beside a speaker's own.

    Attributes:
        mean_, deviation_: of the training lines, shape ``(n_measures,)``.
    """

    def __init__(
        self,
        names: Sequence[str],
        logarithmic: Sequence[str] = ("duration", "avg_pitch"),
        prior: float = 3.0,
    ) -> None:
        self.names, self.prior = tuple(names), prior
        self._logs = np.array([name in logarithmic for name in self.names], bool)

    @property
    def width(self) -> int:
        """Columns of `transform`."""
        return 3 * len(self.names)

    def fit(self, lines: Sequence[Line]) -> Cues:
        """Learn scale and habits from the lines whose part is ``train``."""
        learnt = [line for line in lines if line.split == "train"]
        raw = self._raw(learnt)
        self.mean_: Array = np.nan_to_num(np.nanmean(raw, axis=0))
        spread = np.nanstd(raw, axis=0)
        self.deviation_: Array = np.where(spread > 0, spread, 1.0)
        sums: dict[str, Array] = defaultdict(lambda: np.zeros((2, len(self.names))))
        for line, z in zip(learnt, self._scaled(learnt), strict=True):
            if line.speaker:
                _note(sums[line.speaker], z)
        self._habits = dict(sums)
        return self

    def transform(self, lines: Sequence[Line]) -> npt.NDArray[np.float32]:
        """Inputs float32 ``(n_lines, width)``: against everybody, against the speaker, and what is unknown.

        An unknown measure is 0 in the first two, 1 in the last.
        """
        z = self._scaled(lines)
        own = np.zeros_like(z)
        for group in grouped(lines):
            said: dict[str, Array] = {}
            for i in group:
                name = lines[i].speaker
                if name not in said:
                    known = self._habits.get(name)
                    said[name] = np.zeros((2, len(self.names))) if known is None else known.copy()
                total, count = said[name]
                own[i] = z[i] - total / (count + self.prior)
                _note(said[name], z[i])
        unknown = np.isnan(z)
        inputs = np.concatenate([np.nan_to_num(z), np.nan_to_num(own), unknown], axis=1)
        found: npt.NDArray[np.float32] = np.clip(inputs, -LIMIT, LIMIT).astype(np.float32)
        return found

    def _raw(self, lines: Sequence[Line]) -> Array:
        raw = np.array([line.measures for line in lines], np.float64).reshape(len(lines), len(self.names))
        raw[:, self._logs] = np.log(np.maximum(raw[:, self._logs], 1e-3))
        return raw

    def _scaled(self, lines: Sequence[Line]) -> Array:
        scaled: Array = np.clip((self._raw(lines) - self.mean_) / self.deviation_, -LIMIT, LIMIT)
        return scaled


def _note(sums: Array, z: Array) -> None:
    """Add a line's measures to a speaker's sums and counts, shape ``(2, n_measures)``."""
    known = ~np.isnan(z)
    sums[0, known] += z[known]
    sums[1] += known
