"""How much rare labels are favoured: chosen on lines set apart, not by the loss."""

from __future__ import annotations

import numpy as np

from hearfelt.evaluation import metrics
from hearfelt.types import FloatArray

STRENGTHS = tuple(round(0.1 * step, 1) for step in range(-10, 11))


class Shift:
    """A multiple of the logarithm of each label's share, added to logits (Menon et al., arXiv:2007.07314).

    One number is chosen: the one of highest weighted F1 on the dev lines, of equals the one nearest to 0.

    Attributes:
        strength_: of `STRENGTHS`; above 0 favours frequent labels.
    """

    def fit(self, logits: FloatArray, targets: np.ndarray, learnt: np.ndarray) -> Shift:
        """Choose.

        Args:
            logits, targets: of the dev lines; a target below 0 does not count.
            learnt: the targets of the training lines, whose shares are taken.
        """
        counts = np.bincount(learnt[learnt >= 0], minlength=logits.shape[1])
        self._logs = np.log((counts + 1) / (counts + 1).sum())
        known = targets >= 0
        gold = targets[known].tolist()

        def score(strength: float) -> tuple[float, float]:
            found = (logits[known] + strength * self._logs).argmax(axis=1).tolist()
            return metrics.f1(gold, found, "weighted"), -abs(strength)

        self.strength_ = max(STRENGTHS, key=score)
        return self

    def apply(self, logits: FloatArray) -> FloatArray:
        """The shifted logits."""
        shifted: FloatArray = logits + self.strength_ * self._logs
        return shifted
