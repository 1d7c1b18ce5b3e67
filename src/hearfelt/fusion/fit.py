"""Learn a `Calibration` from held-out predictions: used by `recipes/fusion.py` and `benchmarks/fusion.py`.

No corpus here has both emotional voices and emotional words with a label each, so voice and words are paired:
a held-out clip and a held-out sentence of the same label, or of different labels for a contradiction. Such
pairs are independent given the label, which real speech is not: see `docs/fusion.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import InputError
from hearfelt.fusion import reliability
from hearfelt.fusion.abstain import fit_thresholds
from hearfelt.fusion.calibrate import Array, Integers, Temperature, balanced, fit_exponents, nll, softmax
from hearfelt.fusion.combine import conflict_score, pool, ratios
from hearfelt.fusion.conformal import ConformalOptions, ConformalSets
from hearfelt.fusion.learned import Calibration, SetCalibration, SourceCalibration, set_key, untaught
from hearfelt.labels import EKMAN7

JUDGED_LLM = SourceCalibration(temperature=1.5, weight=0.5, fitted=False)
"""No held-out answers of a language model exist here. It reads the same words and is told the other verdicts,
so it gets half a vote, and its often overconfident probabilities are softened: judged, not measured."""

DIMENSION_FACTORS: Mapping[str, tuple[float, float]] = {"voice": (1.0, 0.5), "words": (0.5, 1.0)}
"""Factors for arousal and valence: the voice tells arousal, the words tell valence (Wagner et al., "Dawn of
the transformer era in speech emotion recognition", TPAMI 2023). No corpus here rates them: a judgement."""

NOMINAL_FALSE_ALARM = 0.1
"""The share of agreeing pairs that may be flagged as a conflict."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions of one source on data that its model has not seen.

    Args:
        probabilities: as the source's evidence gives them, shape ``(n, n_labels)``.
        labels: the index of the right label, shape ``(n,)``.
        groups: speaker, or the sentence itself, shape ``(n,)``.
        reliability: in [0, 1], shape ``(n,)``.
        corpus: where each comes from, shape ``(n,)``.
        amount: seconds of speech, or number of words, shape ``(n,)``.
    """

    probabilities: Array
    labels: Integers
    groups: npt.NDArray[np.str_]
    reliability: Array
    corpus: npt.NDArray[np.str_]
    amount: Array

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: npt.ArrayLike) -> HeldOut:
        """The samples at these places (or under this mask)."""
        at = np.asarray(index)
        return HeldOut(
            self.probabilities[at],
            self.labels[at],
            self.groups[at],
            self.reliability[at],
            self.corpus[at],
            self.amount[at],
        )


def load(path: Path, kind: str, temperature: float = 1.0) -> HeldOut:
    """Held-out predictions from an ``.npz``, without the samples whose gold label is not one of the seven.

    Args:
        path: a file with ``gold``, ``labels``, ``logits``; for voice also ``corpus``, ``speaker`` and
            ``duration_s``; for words ``n_words``.
        kind: ``voice`` or ``words``.
        temperature: what the source's model divides its logits by before it gives evidence.

    Raises:
        InputError: the file is missing or lacks one of these.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            order = [[str(label) for label in data["labels"]].index(label) for label in EKMAN7]
            probabilities = softmax(np.asarray(data["logits"], dtype=np.float64)[:, order] / temperature)
            gold = np.array([EKMAN7.index(g) if g in EKMAN7 else -1 for g in data["gold"].astype(str)])
            if kind == "voice":
                corpus, amount = data["corpus"].astype(str), data["duration_s"].astype(np.float64)
                groups = np.char.add(np.char.add(corpus, "/"), data["speaker"].astype(str))
                trust = np.array([reliability.voice(None, seconds) for seconds in amount])
            else:
                amount = data["n_words"].astype(np.float64)
                corpus = np.full(len(gold), "goemotions")
                groups = np.arange(len(gold)).astype(str)
                trust = np.array([reliability.words(int(n)) for n in amount])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} holds no held-out {kind} predictions ({error}); make it with its recipe"
        ) from error
    return HeldOut(probabilities, gold, groups, trust, corpus, amount).take(gold >= 0)


def fit_source(held: HeldOut, weight: float = 1.0) -> SourceCalibration:
    """Temperature and biases of one source, every label and every speaker counting the same."""
    found = Temperature(biased=True).fit(
        held.probabilities,
        held.labels,
        balanced(held.labels, held.groups),
        reliability=held.reliability,
        n_independent=len(np.unique(held.groups)),
    )
    return SourceCalibration(found.temperature_, tuple(float(b) for b in found.bias_), weight, fitted=True)


def pairs(
    voice: HeldOut, words: HeldOut, random: np.random.Generator, *, same: bool = True
) -> tuple[Integers, Integers]:
    """Places of clips and sentences that carry the same label, or different labels; every clip once."""
    clips = np.arange(len(voice))
    partners = np.zeros(len(voice), dtype=np.int64)
    wanted = voice.labels if same else _other_labels(voice.labels, words.labels, random)
    for label in np.unique(wanted):
        here = wanted == label
        pool_of_sentences = np.flatnonzero(words.labels == label)
        if len(pool_of_sentences) == 0:
            raise InputError(f"no sentence is labelled {EKMAN7[label]}; give held-out words of every label")
        partners[here] = random.choice(pool_of_sentences, here.sum())
    return clips, partners


def _other_labels(labels: Integers, known: Integers, random: np.random.Generator) -> Integers:
    choices = np.unique(known)
    drawn: Integers = np.array([random.choice(choices[choices != label]) for label in labels], dtype=np.int64)
    return drawn


def pooled(calibration: Calibration, sources: Mapping[str, HeldOut]) -> Array:
    """What `Fuser.fuse` gives for many samples at once: probabilities of shape ``(n, n_labels)``.

    Args:
        sources: family to predictions; the samples of all families belong together one by one.
    """
    learned = [calibration.source(name) for name in sources]
    terms = [
        ratios(h.probabilities, s.temperature, s.bias) for h, s in zip(sources.values(), learned, strict=True)
    ]
    exponents = [s.weight * h.reliability for h, s in zip(sources.values(), learned, strict=True)]
    temperature = calibration.set_of(sources).temperature
    return pool(np.stack(terms), np.stack(exponents) / temperature)


def alone(calibration: Calibration, name: str, held: HeldOut) -> Array:
    """What one family believes by itself, softened by its reliability, shape ``(n, n_labels)``."""
    source = calibration.source(name)
    return softmax(ratios(held.probabilities, source.temperature, source.bias) * held.reliability[:, None])


def fit(
    voice: HeldOut,
    words: HeldOut,
    *,
    seed: int = 0,
    n_draws: int = 4,
    n_folds: int = 5,
    conformal: ConformalOptions | None = None,
    protocol: Mapping[str, Any] | None = None,
) -> Calibration:
    """Learn everything from held-out predictions.

    Temperatures, biases and weights are learnt on all of them. Label sets, thresholds and the limit of a
    conflict rest on cross-fitted probabilities: each speaker's and each sentence's come from temperatures,
    biases and weights that were learnt without it (as in CV+, Barber et al., "Predictive inference with the
    jackknife+", Annals of Statistics 2021), so that what they promise holds for speakers still to come.

    Args:
        voice, words: predictions on data that the sources' models have not seen.
        seed: of the pairing and of the folds.
        n_draws: how often every clip is paired.
        n_folds: parts of the cross-fitting.
        conformal: how strange a label is.
        protocol: told on in the result.

    Raises:
        InputError: a label has no sentence.
    """
    random = np.random.default_rng(seed)
    places = (deal(voice.groups, n_folds, random), deal(words.groups, n_folds, random))
    found: dict[str, list[_Scored]] = {}
    for fold in range(n_folds):
        rest = voice.take(places[0] != fold), words.take(places[1] != fold)
        here = voice.take(places[0] == fold), words.take(places[1] == fold)
        learned = fit_pool(*rest, random, n_draws)
        for sources in _combinations(*here, random, n_draws):
            found.setdefault(set_key(sources), []).append(_Scored.of(learned, sources))
    calibration = fit_pool(voice, words, random, n_draws)
    sets = {
        name: _promises(calibration.sets[name].temperature, _Scored.join(parts), conformal)
        for name, parts in found.items()
    }
    threshold = fit_conflict(_Scored.join(found["voice+words"]).conflict)
    return replace(calibration, sets=sets, conflict_threshold=threshold, protocol=dict(protocol or {}))


def fit_pool(voice: HeldOut, words: HeldOut, random: np.random.Generator, n_draws: int) -> Calibration:
    """Temperatures and biases of the sources, their weights, and the temperature of each set of families."""
    alone, other, both = _combinations(voice, words, random, n_draws)
    sources = {"voice": fit_source(voice), "words": fit_source(words)}
    v = both["voice"]
    terms = np.stack(
        [
            ratios(h.probabilities, s.temperature, s.bias) * h.reliability[:, None]
            for h, s in zip(both.values(), sources.values(), strict=True)
        ],
        axis=2,
    )
    weights = fit_exponents(terms, v.labels, balanced(v.labels, v.groups), start=np.ones(2))
    weights = np.clip(weights, 0.05, None) / np.clip(weights, 0.05, None).mean()
    for name, weight in zip(("voice", "words"), weights, strict=True):
        arousal, valence = DIMENSION_FACTORS[name]
        sources[name] = replace(sources[name], weight=float(weight), arousal=arousal, valence=valence)
    calibration = Calibration({**sources, "llm": JUDGED_LLM}, {})
    sets = {
        set_key(one): replace(untaught(), temperature=fit_temperature(calibration, one))
        for one in (alone, other, both)
    }
    return replace(calibration, sets=sets)


def fit_temperature(calibration: Calibration, sources: Mapping[str, HeldOut]) -> float:
    """What the pool of these families is to be divided by; every label and every speaker counts the same."""
    first = next(iter(sources.values()))
    logs = np.log(np.maximum(pooled(calibration, sources), 1e-300))
    weights = balanced(first.labels, first.groups)
    return float(1 / max(fit_exponents(logs[:, :, None], first.labels, weights, start=np.ones(1))[0], 1e-3))


def deal(groups: npt.NDArray[np.str_], n_folds: int, random: np.random.Generator) -> Integers:
    """A fold for each sample, groups kept whole, shape ``(n,)``; groups named alike go to different folds."""
    names, place = np.unique(groups, return_inverse=True)
    # names of one corpus lie together, so that every fold gets its share of each corpus
    rounds = -(-len(names) // n_folds)
    folds = np.concatenate([random.permutation(n_folds) for _ in range(rounds)])[: len(names)]
    dealt: Integers = folds[place]
    return dealt


def _combinations(
    voice: HeldOut, words: HeldOut, random: np.random.Generator, n_draws: int
) -> tuple[dict[str, HeldOut], dict[str, HeldOut], dict[str, HeldOut]]:
    """Voice alone, words alone, and both: every clip paired `n_draws` times."""
    drawn = [pairs(voice, words, random) for _ in range(n_draws)]
    v = voice.take(np.concatenate([clips for clips, _ in drawn]))
    w = words.take(np.concatenate([sentences for _, sentences in drawn]))
    return {"voice": voice}, {"words": words}, {"voice": v, "words": w}


@dataclass(frozen=True, eq=False)
class _Scored:
    """Cross-fitted probabilities with their labels and groups; conflict scores where there are two sides."""

    probabilities: Array
    labels: Integers
    groups: npt.NDArray[np.str_]
    conflict: Array

    @classmethod
    def of(cls, calibration: Calibration, sources: Mapping[str, HeldOut]) -> _Scored:
        first = next(iter(sources.values()))
        conflict = np.zeros(0)
        if len(sources) == 2:
            p, q = (alone(calibration, name, held) for name, held in sources.items())
            conflict = np.where(may_conflict(p, q), conflict_score(p, q), -np.inf)
        return cls(pooled(calibration, sources), first.labels, first.groups, conflict)

    @classmethod
    def join(cls, parts: Sequence[_Scored]) -> _Scored:
        return cls(
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.groups for part in parts]),
            np.concatenate([part.conflict for part in parts]),
        )


def _promises(temperature: float, scored: _Scored, conformal: ConformalOptions | None) -> SetCalibration:
    """Label sets and thresholds; labels and speakers count the same, so they belong to equal priors."""
    weights = balanced(scored.labels, scored.groups)
    p, y = scored.probabilities, scored.labels
    return SetCalibration(
        temperature,
        ConformalSets(conformal or ConformalOptions()).fit(p, y, weights),
        fit_thresholds(p.max(axis=1), p.argmax(axis=1) == y, scored.groups, weights),
    )


def fit_conflict(scores: npt.ArrayLike) -> float:
    """The score that few agreeing pairs exceed; minus infinity stands for pairs that are never flagged."""
    return float(max(np.quantile(np.asarray(scores), 1 - NOMINAL_FALSE_ALARM, method="higher"), 0.0))


def may_conflict(voice: Array, words: Array) -> npt.NDArray[np.bool_]:
    """Pairs whose sides point to two different emotions, neither of them neutral."""
    a, b, neutral = voice.argmax(axis=1), words.argmax(axis=1), EKMAN7.index("neutral")
    found: npt.NDArray[np.bool_] = (a != b) & (a != neutral) & (b != neutral)
    return found


def fit_half(
    held: HeldOut, curve: Callable[[float, float], float], halves: npt.ArrayLike
) -> tuple[float, Array]:
    """The half-way amount of a reliability curve under which held-out labels are most likely.

    Every corpus keeps a temperature and biases of its own, so that a corpus of long and easy clips does not
    pass for the effect of length.

    Args:
        curve: ``(amount, half) -> reliability``.
        halves: candidates.

    Returns:
        The best candidate, and the loss in nats of each.
    """
    candidates = np.asarray(halves, dtype=np.float64)
    losses = np.array([_loss_at(held, curve, float(half)) for half in candidates])
    return float(candidates[losses.argmin()]), losses


def _loss_at(held: HeldOut, curve: Callable[[float, float], float], half: float) -> float:
    total = 0.0
    trust = np.array([curve(float(amount), half) for amount in held.amount])
    for corpus in np.unique(held.corpus):
        here = held.corpus == corpus
        one, r = held.take(here), trust[here]
        scaler = Temperature(biased=True).fit(one.probabilities, one.labels, reliability=r)
        p = softmax(ratios(one.probabilities, scaler.temperature_, scaler.bias_) * r[:, None])
        total += nll(p, one.labels) * len(one)
    return total / len(held)
