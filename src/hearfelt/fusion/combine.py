"""From the evidence of several sources to one estimate.

Log-linear pooling (Genest, Zidek, "Combining probability distributions", Statistical Science 1986; Heskes,
"Selecting weighting factors in logarithmic opinion pools", NIPS 1998):

    log p(label) = log prior(label) + sum over sources of weight * reliability * log ratio(label) / T

The log ratio is what a source says beyond its own training prior; T belongs to the set of sources. With
weights and reliabilities of 1 and independent sources this is Bayes' rule. A source over fewer labels says
nothing of the ones it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt import labels as names
from hearfelt.errors import InputError, OptionError, unknown_name
from hearfelt.fusion import abstain, reason
from hearfelt.fusion.calibrate import Array, Temperature, log_floor, softmax
from hearfelt.fusion.learned import SHIPPED, Calibration, SourceCalibration, family
from hearfelt.types import Emotion, Estimate, Evidence, Segment


@dataclass(frozen=True)
class FusionOptions:
    """What the user may choose.

    Args:
        coverage: how often the label set shall hold the right label; 0.5 to 0.99.
        max_risk: the share of wrong labels to accept among the answered utterances; 1 always answers.
        min_confidence: an utterance below this is not answered either, so that no label is given that is
            more likely wrong than right; not asked where max_risk is 1.
        prior: how frequent each label is where the recording comes from; None for equally frequent. Coverage
            and calibration were measured at equal priors and where half of all speech is neutral.
    """

    coverage: float = 0.9
    max_risk: float = 0.35
    min_confidence: float = 0.5
    prior: Mapping[str, float] | None = None

    def least(self, thresholds: tuple[float, ...]) -> float:
        """The confidence below which nothing is answered, from the thresholds of a set of sources.

        Raises:
            OptionError: the risk lies outside the table.
        """
        least = abstain.threshold(thresholds, self.max_risk)
        return least if self.max_risk >= 1 else max(least, self.min_confidence)


def log_ratio(emotion: Emotion, known: Sequence[str], source: SourceCalibration) -> Array:
    """What calibrated evidence adds to equal odds, one number for each of the known labels.

    A known label that the evidence does not cover gets 0: it keeps its probability.

    Raises:
        InputError: the evidence covers none of the known labels.
    """
    own = [label for label in emotion.labels if label in known]
    if not own:
        raise InputError(
            f"evidence over {', '.join(emotion.labels)} shares no label with {', '.join(known)}; "
            "map its labels first"
        )
    places = [known.index(label) for label in own]
    p = np.array([emotion.probability(label) for label in own])
    if p.sum() <= 0:
        p = np.ones(len(own))
    bias = np.asarray(source.bias)[places] if source.bias else 0.0
    result = np.zeros(len(known))
    result[places] = ratios(p, source.temperature, bias)
    return result


def ratios(probabilities: npt.ArrayLike, temperature: float, bias: npt.ArrayLike = 0.0) -> Array:
    """Calibrated log-probabilities minus those of equal odds, same shape: ``(…, n_labels)``."""
    scaler = Temperature()
    scaler.temperature_, scaler.bias_ = temperature, np.atleast_1d(np.asarray(bias, dtype=np.float64))
    p = scaler.apply(probabilities)
    result: Array = log_floor(p) + np.log(p.shape[-1])
    return result


def pool(
    log_ratios: npt.ArrayLike,
    exponents: npt.ArrayLike,
    log_prior: npt.ArrayLike = 0.0,
) -> Array:
    """Log-linear pool.

    Args:
        log_ratios: shape ``(n_sources, …, n_labels)``.
        exponents: weight times reliability over temperature, shape ``(n_sources, …)``.
        log_prior: shape ``(n_labels,)``.

    Returns:
        Probabilities, shape ``(…, n_labels)``.
    """
    x, t = np.asarray(log_ratios, dtype=np.float64), np.asarray(exponents, dtype=np.float64)
    return softmax((x * t[..., None]).sum(axis=0) + np.asarray(log_prior, dtype=np.float64))


def conflict_score(first: npt.ArrayLike, second: npt.ArrayLike) -> Array:
    """Log odds of "two different labels" against "one label" behind two independent calibrated sources.

    0 where either source knows nothing; positive where they contradict each other. It is the logarithm of the
    Bayes factor ``((1 - a) / a) / (n_labels - 1)`` with ``a = sum of first * second`` at equal priors.

    Args:
        first, second: probabilities, shape ``(…, n_labels)``.
    """
    p, q = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    same = np.clip((p * q).sum(axis=-1), 1e-9, 1 - 1e-9)
    score: Array = np.log((1 - same) / same) - np.log(p.shape[-1] - 1)
    return score


@dataclass(frozen=True)
class _Family:
    """One family's say: its pooled log ratio, its exponent, its pieces of evidence."""

    ratio: Array
    exponent: float
    reliability: float
    evidence: tuple[Evidence, ...]

    @property
    def alone(self) -> Array:
        """What the family believes by itself, softened by its reliability."""
        return softmax(self.ratio * self.reliability)


class Fuser:
    """Joins the evidence on one segment into an `Estimate`.

    Args:
        options: what the user may choose.
        calibration: what was learnt; the shipped one where None.

    Raises:
        OptionError: the coverage, the risk or the prior cannot be used.
        ModelError: the shipped calibration is missing or broken.
    """

    def __init__(self, options: FusionOptions | None = None, calibration: Calibration | None = None) -> None:
        self.options = options or FusionOptions()
        self.calibration = calibration or Calibration.load()
        self.labels = self.calibration.labels
        self._log_prior = _log_prior(self.options.prior, self.labels)
        for one in self.calibration.sets.values():  # a wrong option fails here, not at the first utterance
            one.conformal.quantile(self.options.coverage)
            self.options.least(one.thresholds)

    @classmethod
    def load(cls, folder: str | Path = SHIPPED, **options: Any) -> Fuser:
        """A fuser from a weights folder or ``model.json``; `options` are those of `FusionOptions`.

        Raises:
            OptionError: an option cannot be used.
            ModelError: the file is missing or is not a fusion model.
        """
        return cls(FusionOptions(**options), Calibration.load(folder))

    @property
    def card(self) -> dict[str, Any]:
        """Name, version, licence and protocol of what was learnt, as plain JSON data."""
        learned = self.calibration
        return {
            "name": learned.name,
            "version": learned.version,
            "kind": "fusion",
            "labels": list(learned.labels),
            "licence": learned.licence,
            "commercial": learned.commercial,
            "protocol": dict(learned.protocol),
        }

    def fuse(
        self,
        evidence: Sequence[Evidence],
        *,
        segment: Segment,
        text: str = "",
        cues: Sequence[str] = (),
        language: str = "en",
    ) -> Estimate:
        """The verdict on one segment.

        Args:
            evidence: any number of sources, in any order; none gives an abstention that says so.
            segment: what the verdict is about.
            text: the words, for the report.
            cues: what was heard, in words, strongest first.
            language: of the reason: ``en`` or ``zh``.

        Raises:
            InputError: a piece of evidence covers none of the labels.
            OptionError: there are no sentences in this language.
        """
        if language not in reason.LANGUAGES:
            raise unknown_name("language of the reason", language, reason.LANGUAGES)
        heard = self._families(evidence)
        if not heard:
            return self._nothing(tuple(evidence), segment, text, tuple(cues), language)
        learned = self.calibration.set_of(heard)
        p = pool(
            np.stack([one.ratio for one in heard.values()]),
            np.array([one.exponent for one in heard.values()]) / learned.temperature,
            self._log_prior,
        )
        confidence = float(p.max())
        inside = learned.conformal.sets(p, self.options.coverage)
        label_set = tuple(self.labels[i] for i in np.argsort(-p, kind="stable") if inside[i])
        abstained = confidence < self.options.least(learned.thresholds)
        conflict = self._conflict(heard)
        why = reason.Why(
            language=language,
            label=self.labels[int(p.argmax())],
            label_set=label_set,
            abstained=abstained,
            conflict=conflict,
            cues=tuple(cues),
            families={
                name: reason.Side(self.labels[int(one.alone.argmax())], one.reliability, one.evidence)
                for name, one in heard.items()
            },
        )
        return Estimate(
            segment=segment,
            emotion=self._emotion(p, evidence),
            confidence=confidence,
            label_set=label_set,
            coverage=self.options.coverage,
            abstained=abstained,
            evidence=tuple(evidence),
            conflict=conflict,
            text=text,
            reason=reason.sentence(why),
            cues=tuple(cues),
        )

    def _families(self, evidence: Sequence[Evidence]) -> dict[str, _Family]:
        """Usable evidence by family: sources of one family share its weight, for they hear the same thing."""
        groups: dict[str, list[Evidence]] = {}
        for one in sorted(evidence, key=lambda e: e.source):
            groups.setdefault(family(one.source), []).append(one)
        result = {}
        for name, members in groups.items():
            learned = [self.calibration.source(one.source) for one in members]
            rows = np.stack(
                [log_ratio(m.emotion, self.labels, s) for m, s in zip(members, learned, strict=True)]
            )
            trust = np.array([min(max(one.reliability, 0.0), 1.0) for one in members])
            weight = trust * np.array([source.weight for source in learned])
            total = float(weight.sum())
            if total > 0:  # means weighed by weight: a source of weight 0 is as good as absent
                ratio, share = weight @ rows / total, weight / total
                exponent, mean = float(share @ weight), float(share @ trust)
                result[name] = _Family(ratio, exponent, mean, tuple(members))
        return result

    def _conflict(self, heard: Mapping[str, _Family]) -> bool:
        """Whether voice and words both point to an emotion, and to different ones.

        Neutral words are no contradiction: most sentences that are said in anger do not name it. A language
        model that reports a contradiction is believed.
        """
        if any(bool(one.details.get("conflict")) for one in heard.get("llm", _SILENT).evidence):
            return True
        if "voice" not in heard or "words" not in heard:
            return False
        voice, words = heard["voice"].alone, heard["words"].alone
        tops = {self.labels[int(voice.argmax())], self.labels[int(words.argmax())]}
        if len(tops) < 2 or "neutral" in tops:
            return False
        return bool(conflict_score(voice, words) > self.calibration.conflict_threshold)

    def _emotion(self, p: Array, evidence: Sequence[Evidence]) -> Emotion:
        """Pooled probabilities; dimensions are the mean of the sources' own, weighed by trust."""
        derived = names.felt(self.labels, [float(value) for value in p])
        fused: dict[str, float | None] = {}
        for dimension in ("arousal", "valence", "dominance"):
            total = weight_sum = 0.0
            for one in evidence:
                value = getattr(one.emotion, dimension)
                source = self.calibration.source(one.source)
                weight = one.reliability * source.weight * getattr(source, dimension, 1.0)
                if value is not None and weight > 0:
                    total, weight_sum = total + weight * value, weight_sum + weight
            fused[dimension] = total / weight_sum if weight_sum else getattr(derived, dimension)
        return Emotion(derived.labels, derived.probabilities, **fused)  # type: ignore[arg-type]

    def _nothing(
        self,
        evidence: tuple[Evidence, ...],
        segment: Segment,
        text: str,
        cues: tuple[str, ...],
        language: str,
    ) -> Estimate:
        p = softmax(self._log_prior + np.zeros(len(self.labels)))
        return Estimate(
            segment=segment,
            emotion=Emotion(self.labels, tuple(float(value) for value in p)),
            confidence=float(p.max()),
            label_set=self.labels,
            coverage=self.options.coverage,
            abstained=True,
            evidence=evidence,
            text=text,
            reason=reason.nothing(bool(evidence), cues, language),
            cues=cues,
        )


_SILENT = _Family(np.zeros(0), 0.0, 0.0, ())


def _log_prior(prior: Mapping[str, float] | None, known: Sequence[str]) -> Array:
    if prior is None:
        return np.zeros(len(known))
    for label in prior:
        if label not in known:
            raise unknown_name("label in the prior", label, known)
    missing = [label for label in known if not prior.get(label, 0) > 0]
    if missing:
        raise OptionError(f"the prior gives nothing to {', '.join(missing)}; each label needs more than 0")
    return log_floor([prior[label] for label in known])
