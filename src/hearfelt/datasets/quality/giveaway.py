"""What gives the label away without any emotion being heard: speaker, words, length, kind of file.

Each thing is judged by one question: how well does a naive Bayes classifier do that sees nothing else? Where
it is far above chance, a model can reach the same score by learning that thing, and a score means little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hearfelt.datasets.quality.sound import Measured
from hearfelt.datasets.splits.base import sentence
from hearfelt.types import Example

Tokens = Sequence[tuple[str, ...]]
"""What is seen of each example: one token for a speaker, several for the words of a text."""

Ints = npt.NDArray[np.int64]

FOLDS = 10
MOST_ROWS = 20_000
"""A longer table is judged by as many of its rows, drawn at random."""

_BINS = 10


@dataclass(frozen=True, slots=True)
class Association:
    """How much one thing says about the label.

    Args:
        what: such as ``speaker``, ``text`` or ``duration``.
        groups: different values there are.
        uar: of naive Bayes (Laplace smoothing, labels equally likely) over 10 random folds; shares in [0, 1].
        chance: 1 over the number of labels.
        cramers_v: 0 to 1, corrected for bias (Bergsma 2013); None for several tokens an example.
        information_bits: mutual information with the label less what shuffled labels give; None likewise.
        majority_rate: share of examples whose label is the commonest among the others of their group.
        base_rate: share of the commonest label of all.
        p_value: share of shuffles of the labels that are as strongly associated (by chi-squared; by UAR where
            an example has several tokens).
    """

    what: str
    groups: int
    uar: float
    chance: float
    cramers_v: float | None
    information_bits: float | None
    majority_rate: float | None
    base_rate: float
    p_value: float

    @property
    def gain(self) -> float:
        """UAR above chance as a share of what is possible: 0 at chance, 1 where all is given away."""
        return max(0.0, (self.uar - self.chance) / (1 - self.chance))


def associations(
    examples: Sequence[Example],
    measured: Sequence[Measured] | None = None,
    *,
    shuffles: int = 99,
    seed: int = 0,
) -> list[Association]:
    """`associate` for everything that is known of the labelled examples and differs between them."""
    rows = [i for i, e in enumerate(examples) if e.gold]
    if len(rows) > MOST_ROWS:
        rows = sorted(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False).tolist())
    labels = [str(examples[i].gold) for i in rows]
    if len(set(labels)) < 2:
        return []
    kept = None if measured is None else [measured[i] for i in rows]
    seen = _things([examples[i] for i in rows], kept)
    return [associate(what, tokens, labels, shuffles=shuffles, seed=seed) for what, tokens in seen.items()]


def associate(
    what: str, tokens: Tokens, labels: Sequence[str], *, shuffles: int = 99, seed: int = 0
) -> Association:
    """How much ``tokens`` say about ``labels``; see `Association`."""
    random = np.random.default_rng(seed)
    names, gold = np.unique(np.asarray(labels), return_inverse=True)
    owner = np.repeat(np.arange(len(tokens)), [len(t) for t in tokens])
    values, token = np.unique([word for row in tokens for word in row], return_inverse=True)
    fold = random.permutation(len(gold)) % FOLDS
    single = all(len(row) == 1 for row in tokens)

    def uar(y: Ints) -> float:
        return _naive_bayes(owner, token, fold, y, len(values), len(names))

    def strength(y: Ints) -> tuple[float, float]:
        if not single:
            return uar(y), 0.0
        table = _contingency(token, y, len(values), len(names))
        return _chi_squared(table), _information_bits(table)

    shuffled = [strength(random.permutation(gold)) for _ in range(shuffles)]
    found, bits = strength(gold)
    as_strong = sum(other >= found - 1e-12 for other, _ in shuffled)
    expected = float(np.mean([other for _, other in shuffled])) if shuffled else 0.0
    table = _contingency(token, gold, len(values), len(names)) if single else None
    return Association(
        what=what,
        groups=len(values),
        uar=uar(gold),
        chance=1 / len(names),
        cramers_v=None if table is None else cramers_v(table),
        information_bits=None if table is None else max(0.0, bits - expected),
        majority_rate=None if table is None else _majority_rate(table, token, gold),
        base_rate=float(np.bincount(gold).max() / len(gold)),
        p_value=(as_strong + 1) / (shuffles + 1),
    )


def cramers_v(table: npt.NDArray[np.float64]) -> float:
    """Cramér's V of a table of counts, corrected for bias.

    W. Bergsma: A bias-correction for Cramér's V and Tschuprow's T. J. Korean Statistical Society 42 (2013).
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    rows, columns = table.shape
    n = float(table.sum())
    if min(rows, columns) < 2 or n < 2:
        return 0.0
    phi2 = max(0.0, _chi_squared(table) / n - (rows - 1) * (columns - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(phi2 / least)) if least > 0 else 0.0


def words(text: str) -> tuple[str, ...]:
    """The words of a text (characters where the script has no spaces), and the text as a whole."""
    plain = sentence(text)
    pieces = [c for w in plain.split() for c in (w if any(ord(x) > 0x2E7F for x in w) else [w])]
    return (*pieces, f"={plain}")


def _things(examples: Sequence[Example], measured: Sequence[Measured] | None) -> Mapping[str, Tokens]:
    seen: dict[str, Tokens] = {}
    for column in ("speaker", "gender", "language", "corpus"):
        values = [str(getattr(e, column) or "?") for e in examples]
        if column == "speaker":
            values = [f"{e.corpus}/{value}" for e, value in zip(examples, values, strict=True)]
        seen[column] = [(value,) for value in values]
    if any(e.text for e in examples):
        seen["text"] = [words(e.text or "") for e in examples]
    seen["kind of file"] = [(Path(e.file).suffix.lower(),) for e in examples]
    if measured is not None:
        durations = np.array([m.duration_s for m in measured])
        edges = np.quantile(durations, np.linspace(0, 1, _BINS + 1)[1:-1])
        seen["duration"] = [(str(i),) for i in np.searchsorted(edges, durations)]
        seen["sample rate"] = [(str(m.sample_rate_hz),) for m in measured]
        seen["channels"] = [(str(m.channels),) for m in measured]
    return {what: tokens for what, tokens in seen.items() if len(set(tokens)) > 1}


def _naive_bayes(owner: Ints, token: Ints, fold: Ints, gold: Ints, n_tokens: int, n_labels: int) -> float:
    """UAR over all folds; counts of a fold are those of all folds less its own."""
    n = len(gold)
    size = n_tokens * n_labels
    cell = token * n_labels + gold[owner]
    every = np.bincount(cell, minlength=size).reshape(n_tokens, n_labels)
    scores = np.zeros((n, n_labels))
    for number in range(FOLDS):
        held = fold[owner] == number
        own = np.bincount(cell[held], minlength=size).reshape(n_tokens, n_labels)
        counts = every - own + 1.0
        logs = np.log(counts) - np.log(counts.sum(axis=0))
        np.add.at(scores, owner[held], logs[token[held]])
    # A tie is shared out evenly: the noise is far below any difference of evidence.
    scores += 1e-9 * np.random.default_rng(0).standard_normal(scores.shape)
    right = scores.argmax(axis=1) == gold
    per_label = np.bincount(gold, weights=right, minlength=n_labels) / np.bincount(gold, minlength=n_labels)
    return float(per_label.mean())


def _contingency(token: Ints, gold: Ints, n_tokens: int, n_labels: int) -> npt.NDArray[np.float64]:
    counts = np.bincount(token * n_labels + gold, minlength=n_tokens * n_labels)
    return counts.reshape(n_tokens, n_labels).astype(np.float64)


def _chi_squared(table: npt.NDArray[np.float64]) -> float:
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(((table - expected) ** 2 / expected).sum())


def _information_bits(table: npt.NDArray[np.float64]) -> float:
    joint = table / table.sum()
    apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / apart[there])).sum())


def _majority_rate(table: npt.NDArray[np.float64], token: Ints, gold: Ints) -> float:
    """Share of examples whose label is the commonest among the others of their group (ties: shared out)."""
    others = table[token]
    others[np.arange(len(gold)), gold] -= 1
    most = others.max(axis=1)
    tied = (others == most[:, None]).sum(axis=1)
    return float(np.where(others[np.arange(len(gold)), gold] == most, 1 / tied, 0.0).mean())
