"""How much one source deserves to be heard on one utterance, in [0, 1].

A reliability is an exponent: it multiplies the log-probabilities of the source, so 1 leaves them as they are
and 0 makes the source say nothing. The constants stand in `ReliabilityOptions`; `docs/fusion.md` says which
were fitted, on what, and which are a judgement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ReliabilityOptions:
    """Constants of the curves.

    Args:
        duration_scale_s: an utterance of this length is heard at 63 % of its weight (1 - 1/e).
        snr_half_db: a signal-to-noise ratio at which the voice is heard at half weight.
        snr_slope_db: how many dB make the odds of that weight e times larger.
        clipping_half: share of clipped samples at which the voice is heard at half weight.
        words_half: this many words are heard at half weight.
        llm_words_half: the same for a language model, which also reads the dialogue.
        llm_repaired: factor for an answer that had to be asked for twice.
    """

    duration_scale_s: float = 1.08
    snr_half_db: float = 0.0
    snr_slope_db: float = 4.0
    clipping_half: float = 0.1
    words_half: float = 0.25
    llm_words_half: float = 0.25
    llm_repaired: float = 0.7


DEFAULT = ReliabilityOptions()


def voice(
    snr_db: float | None,
    duration_s: float,
    clipping: float = 0.0,
    options: ReliabilityOptions = DEFAULT,
) -> float:
    """Reliability of the voice: a product of one curve each for length, noise and clipping.

    ``1 - exp(-duration / scale)``, a logistic curve of the SNR, and ``half / (half + clipping)``.

    Args:
        snr_db: signal-to-noise ratio in dB; None or NaN where it is not known, which costs nothing.
        duration_s: length of the speech in seconds.
        clipping: share of samples at full scale, in [0, 1].
    """
    length = 1 - math.exp(-max(duration_s, 0.0) / options.duration_scale_s)
    noise = 1.0
    if snr_db is not None and not math.isnan(snr_db):
        noise = 0.5 * (1 + math.tanh((snr_db - options.snr_half_db) / (2 * options.snr_slope_db)))
    clean = options.clipping_half / (options.clipping_half + min(max(clipping, 0.0), 1.0))
    return length * noise * clean


def words(n_words: int, asr_confidence: float | None = None, options: ReliabilityOptions = DEFAULT) -> float:
    """Reliability of the words: more words say more, and misheard ones say less.

    Args:
        n_words: how many words the utterance has; 0 gives 0.
        asr_confidence: the transcriber's confidence or its reliability in [0, 1]; None for a given
            transcript, which is taken as right.
    """
    heard = 1.0 if asr_confidence is None or math.isnan(asr_confidence) else asr_confidence
    return _saturating(n_words, options.words_half) * min(max(heard, 0.0), 1.0)


def llm(
    n_words: int,
    asr_confidence: float | None = None,
    *,
    repaired: bool = False,
    spread: float = 0.0,
    options: ReliabilityOptions = DEFAULT,
) -> float:
    """Reliability of a language model's reading: as for words, less for an answer that had to be repaired.

    Args:
        spread: how far its answers to several wordings of the question lie apart, in [0, 1]; it is taken off.
    """
    curve = ReliabilityOptions(words_half=options.llm_words_half)
    steady = 1 - min(max(spread, 0.0), 1.0)
    return words(n_words, asr_confidence, curve) * (options.llm_repaired if repaired else 1.0) * steady


def _saturating(amount: float, half: float) -> float:
    amount = max(float(amount), 0.0)
    return amount / (amount + half) if amount + half > 0 else 0.0
