"""From where on something in a corpus is a finding."""

from __future__ import annotations

from dataclasses import dataclass

from hearfelt.datasets.quality import near


@dataclass(frozen=True)
class QualityOptions:
    """From where on something is a finding.

    Args:
        min_s, max_s: shorter clips hold no utterance, longer ones more than one.
        clipped: share of samples in runs at full scale.
        silent_dbfs, quiet_dbfs: level of the loud frames below which nothing, or little, is heard.
        dc_offset: mean of the samples, of full scale.
        snr_db: below it a clip is noisy.
        near: correlation of fingerprints from which two clips are near-duplicates.
        few: a label with fewer clips cannot be learnt or judged.
        imbalance: commonest over rarest label.
        shuffles: of the labels, for p-values.
        seed: of the shuffles and folds.
    """

    min_s: float = 0.3
    max_s: float = 30.0
    clipped: float = 0.001
    silent_dbfs: float = -70.0
    quiet_dbfs: float = -50.0
    dc_offset: float = 0.01
    snr_db: float = 5.0
    near: float = near.CORRELATION
    few: int = 10
    imbalance: float = 3.0
    shuffles: int = 99
    seed: int = 0
