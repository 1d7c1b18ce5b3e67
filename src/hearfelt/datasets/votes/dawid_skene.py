"""Whom to believe: the error rates of raters and the true labels, estimated together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hearfelt.datasets.votes.table import FloatTable, Votes, arrays
from hearfelt.errors import CorpusError
from hearfelt.types import Example


@dataclass(frozen=True, slots=True, eq=False)
class DawidSkene:
    """What `dawid_skene` found.

    Args:
        labels, raters: names, sorted.
        posterior: float, shape ``(n_items, n_labels)``: probability of each label; the prior where nobody
            voted.
        confusion: float, shape ``(n_raters, n_labels, n_labels)``: how often a rater says the label of the
            last axis where the one of the middle axis is true.
        prior: float, shape ``(n_labels,)``: how often each label is true.
        log_likelihood: of the votes, after each iteration; it never falls without smoothing.
    """

    labels: tuple[str, ...]
    raters: tuple[str, ...]
    posterior: FloatTable
    confusion: FloatTable
    prior: FloatTable
    log_likelihood: tuple[float, ...]

    @property
    def reliability(self) -> dict[str, float]:
        """Rater to the probability in [0, 1] that a vote of theirs is right, least reliable first."""
        right = np.einsum("rkk,k->r", self.confusion, self.prior)
        return dict(sorted(zip(self.raters, right.tolist(), strict=True), key=lambda pair: pair[1]))

    def label(self, examples: Sequence[Example]) -> list[Example]:
        """The examples that were fitted, the most probable label as gold, the posterior as soft label.

        Examples without votes stay as they are.
        """
        found = []
        for example, row in zip(examples, self.posterior, strict=True):
            if example.votes:
                soft = {name: float(p) for name, p in zip(self.labels, row, strict=True) if p > 1e-6}
                total = sum(soft.values())
                soft = {name: p / total for name, p in soft.items()}
                example = dataclasses.replace(example, gold=max(soft, key=soft.__getitem__), soft=soft)
            found.append(example)
        return found


def dawid_skene(
    examples: Sequence[Example],
    *,
    iterations: int = 200,
    tolerance: float = 1e-7,
    smoothing: float = 0.01,
) -> DawidSkene:
    """Error rates of raters and true labels by expectation maximisation.

    A. P. Dawid, A. M. Skene: Maximum likelihood estimation of observer error-rates using the EM algorithm.
    Applied Statistics 28 (1979) 20-28; equations 2.3 to 2.5. Starts from the shares of the votes.

    Args:
        examples: with votes that name their raters; a rater may vote on an item more than once.
        iterations: at most so many.
        tolerance: stop where the log-likelihood gains less than this a vote.
        smoothing: votes added to every cell of every rater's confusion; 0 is the paper's estimate, which
            rules out for good what a rater never did.

    Raises:
        CorpusError: votes without raters.
    """
    table = arrays(examples)
    if not table.raters:
        raise CorpusError("the votes do not name their raters: write them as rater=label|rater=label")
    counts = table.counts()
    total = counts.sum(axis=1, keepdims=True)
    posterior = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    course: list[float] = []
    for _ in range(iterations):
        prior, confusion = _maximise(table, posterior, smoothing)
        posterior, likelihood = _expect(table, prior, confusion)
        course.append(likelihood)
        if len(course) > 1 and abs(course[-1] - course[-2]) < tolerance * len(table.item):
            break
    return DawidSkene(table.labels, table.raters, posterior, confusion, prior, tuple(course))


def _maximise(table: Votes, posterior: FloatTable, smoothing: float) -> tuple[FloatTable, FloatTable]:
    voted = np.unique(table.item)
    prior = posterior[voted].mean(axis=0)
    n_labels = len(table.labels)
    sums = np.zeros((len(table.raters), n_labels, n_labels))
    np.add.at(sums.transpose(0, 2, 1), (table.rater, table.label), posterior[table.item])
    sums += smoothing
    rows = sums.sum(axis=2, keepdims=True)
    # A rater who never met a label says nothing about how they would call it.
    confusion = np.divide(sums, rows, out=np.full_like(sums, 1 / n_labels), where=rows > 0)
    return prior, confusion


def _expect(table: Votes, prior: FloatTable, confusion: FloatTable) -> tuple[FloatTable, float]:
    with np.errstate(divide="ignore"):
        log_prior, log_confusion = np.log(prior), np.log(confusion)
    joint = np.tile(log_prior, (table.n_items, 1))
    np.add.at(joint, table.item, log_confusion[table.rater, :, table.label])
    top = joint.max(axis=1, keepdims=True)
    weights = np.exp(joint - top)
    evidence = weights.sum(axis=1, keepdims=True)
    voted = np.unique(table.item)
    return weights / evidence, float((top + np.log(evidence))[voted].sum())
