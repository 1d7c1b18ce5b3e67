"""Formants: the resonances of a linear predictor, as frequency and bandwidth.

J. D. Markel, A. H. Gray: Linear Prediction of Speech (1976): the autocorrelation method at 11 kHz and
order 11; a root of the predictor's polynomial at radius r and angle w is a resonance at w/2π of the sample
rate with bandwidth -ln(r)/π of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hearfelt.features.spectrum import LPC_ORDER, LPC_RATE_HZ
from hearfelt.types import FloatArray

MIN_HZ, MAX_HZ = 50.0, 5450.0
FORMANTS = 3

_WHITE = 1e-9
"""Share of white noise added to the autocorrelation: keeps pure tones solvable."""


def predictor(autocorrelation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Coefficients (n, 11) of A(z) = 1 + a1/z + … from autocorrelations (n, 12), by Levinson and Durbin."""
    r = autocorrelation
    n = len(r)
    a = np.zeros((n, LPC_ORDER))
    error = np.maximum(r[:, 0] * (1 + _WHITE), 1e-30)
    for order in range(LPC_ORDER):
        ahead = r[:, order + 1] + np.einsum("ij,ij->i", a[:, :order], r[:, order:0:-1])
        reflection = np.clip(-ahead / error, -1 + 1e-9, 1 - 1e-9)
        a[:, :order] = a[:, :order] + reflection[:, None] * a[:, :order][:, ::-1]
        a[:, order] = reflection
        error = np.maximum(error * (1 - reflection**2), 1e-30)
    return a


def resonances(coefficients: npt.NDArray[np.float64]) -> tuple[FloatArray, FloatArray]:
    """Frequency and bandwidth in Hz, each (n, 3), lowest first, 0 where there are fewer than three.

    Args:
        coefficients: (n, 11) from `predictor`.
    """
    n = len(coefficients)
    if n == 0:
        return np.zeros((0, FORMANTS), np.float32), np.zeros((0, FORMANTS), np.float32)
    companion = np.zeros((n, LPC_ORDER, LPC_ORDER))
    companion[:, 0] = -coefficients
    companion[:, np.arange(1, LPC_ORDER), np.arange(LPC_ORDER - 1)] = 1.0
    roots = np.linalg.eigvals(companion).astype(np.complex128)
    hz = np.angle(roots) * (LPC_RATE_HZ / (2 * np.pi))
    width = -np.log(np.maximum(np.abs(roots), 1e-12)) * (LPC_RATE_HZ / np.pi)
    hz = np.where((hz > MIN_HZ) & (hz < MAX_HZ), hz, np.inf)
    order = np.argsort(hz, axis=1)[:, :FORMANTS]
    hz, width = np.take_along_axis(hz, order, 1), np.take_along_axis(width, order, 1)
    there = np.isfinite(hz)
    return (
        np.where(there, hz, 0.0).astype(np.float32),
        np.where(there, width, 0.0).astype(np.float32),
    )
