"""A running baseline: what is known of a speaker after the first few utterances of a conversation.

In a call the speaker's earlier turns are known. `prepare` sets the first utterances of each test speaker
apart (in an order drawn by a seed, since corpora sort their files by emotion), and judges all others with a
baseline of none, one, three and ten of them, so that every row is about the same clips. `of_answers` does the
same with the answers of any model, where features of a matrix are at hand or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.datasets.splits import Split
from hearfelt.errors import CorpusError, OptionError
from hearfelt.evaluation import metrics, protocols
from hearfelt.evaluation.answers import speaker_of
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.types import Example

STEPS = (0, 1, 3, 10)
"""Utterances that the baseline rests on, a row each."""

PROTOCOL = (
    "RUNNING BASELINE: each test speaker's level is estimated from the first 0, 1, 3 or 10 utterances (in an "
    "order drawn by seed {seed}), drawn towards the mean of the training speakers the more the fewer there "
    "are. All rows are about the same clips: those after the first {most} of each speaker."
)


class Running:
    """A system on a feature matrix whose test speakers are brought to the level of the training speakers.

    The level of a speaker is the mean of the features of the utterances heard, drawn towards the mean of the
    training speakers' levels: with n utterances, and variance ``w`` within and ``b`` between the training
    speakers (each feature for itself), the weight of the speaker's own mean is ``n / (n + w / b)``, the
    best linear estimate (empirical Bayes).

    Args:
        system: has ``fit(examples)``, ``measured(examples).values`` and ``proba_of(values)``; it should take
            the training speakers' own levels away (``normalise="train-speakers"``).
        utterances: how many are heard before the first answer.
        heard: speaker to the utterances that come first.
    """

    level_: npt.NDArray[np.float64]
    ratio_: npt.NDArray[np.float64]

    def __init__(self, system: Any, utterances: int, heard: Mapping[str, Sequence[Example]]) -> None:
        for name in ("fit", "measured", "proba_of"):
            if not hasattr(system, name):
                raise OptionError(
                    f"{type(system).__name__} does not work on a matrix of features, so no running "
                    "baseline can be set: judge classical models such as svm, or use --normalise none"
                )
        self.system, self.utterances, self.heard = system, utterances, heard

    @property
    def classes_(self) -> tuple[str, ...]:
        """The labels of the system."""
        labels: tuple[str, ...] = self.system.classes_
        return labels

    @property
    def cache(self) -> Any:
        """Where the system keeps what it measured; setting it to None has it measure anew."""
        return getattr(self.system, "cache", None)

    @cache.setter
    def cache(self, folder: Any) -> None:
        self.system.cache = folder

    def fit(self, examples: Sequence[Example]) -> Running:
        """Let the system learn, and learn the levels of the training speakers; returns itself."""
        self.system.fit(examples)
        who = np.array([speaker_of(e) for e in examples])
        self.level_, self.ratio_ = _levels(self._values(examples), who)
        return self

    def predict_proba(self, examples: Sequence[Example]) -> npt.NDArray[Any]:
        """Probabilities, shape ``(n, n_labels)``."""
        x = self._values(examples)
        who = np.array([speaker_of(e) for e in examples])
        for name in np.unique(who):
            known = list(self.heard.get(str(name), ()))[: self.utterances]
            if known:
                own = self._values(known).mean(axis=0) - self.level_
                x[who == name] -= own * len(known) / (len(known) + self.ratio_)
        answers: npt.NDArray[Any] = np.asarray(self.system.proba_of(x.astype(np.float32)))
        return answers

    def _values(self, examples: Sequence[Example]) -> npt.NDArray[np.float64]:
        return np.array(self.system.measured(examples).values, dtype=np.float64)


def _levels(
    x: npt.NDArray[np.float64], who: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean of the speakers' levels; variance within by variance between speakers; each ``(n_columns,)``."""
    names = np.unique(who)
    means = np.stack([x[who == name].mean(axis=0) for name in names])
    within = ((x - means[np.searchsorted(names, who)]) ** 2).mean(axis=0)
    between = means.var(axis=0)
    # A column in which speakers do not differ is left as it is.
    return means.mean(axis=0), np.where(between > 0, within / np.where(between > 0, between, 1.0), np.inf)


def of_answers(held: HeldOut, *, draws: int = 20, seed: int = 0) -> dict[int, dict[str, Any]]:
    """What a running baseline of the answers themselves gives: mean UA over folds after each of `STEPS`.

    A voice that a model takes for an angry one is taken so in every utterance. So the speaker's mean
    log-probabilities over the utterances heard are brought to the mean of other speakers, label by label,
    with the weight of `Running`. Mean and weight come from the held-out answers of the other folds; no label
    is looked at. The utterances heard are drawn ``draws`` times, and never judged.

    Returns:
        Step to ``ua``, ``ua_ci95`` (folds drawn again) and ``ua_of_folds``, each a mean over the draws.

    Raises:
        CorpusError: a speaker with no clip left, or answers of a single fold.
    """
    most, random = max(STEPS), np.random.default_rng(seed)
    x = np.log(np.maximum(protocols.softmax(held.logits), 1e-9))
    members = {str(name): np.flatnonzero(held.speakers == name) for name in np.unique(held.speakers)}
    short = next((name for name, rows in members.items() if len(rows) <= most), None)
    folds = np.unique(held.fold)
    if short is not None or len(folds) < 2:
        what = f"the speaker {short} has {len(members[short])} clips" if short else "there is one fold"
        raise CorpusError(
            f"{what}: a running baseline after {most} utterances needs more, and the speakers of other folds"
        )
    others = {
        fold: _levels(x[held.fold != fold], held.speakers[held.fold != fold]) for fold in folds.tolist()
    }
    found = {step: np.zeros(len(folds)) for step in STEPS}
    for _ in range(draws):
        order = {name: random.permutation(rows) for name, rows in members.items()}
        for step, sums in found.items():
            moved = x.copy()
            for rows in order.values():
                level, ratio = others[int(held.fold[rows[0]])]
                if step:
                    own = x[rows[:step]].mean(axis=0) - level
                    moved[rows[most:]] -= own * step / (step + ratio)
            judged = np.concatenate([rows[most:] for rows in order.values()])
            answers = held.labels[moved.argmax(axis=1)]
            for number, fold in enumerate(folds):
                own_rows = judged[held.fold[judged] == fold]
                sums[number] += metrics.uar(held.gold[own_rows], answers[own_rows]) / draws
    again = random.integers(0, len(folds), (1000, len(folds)))
    return {step: _summary(values, again) for step, values in found.items()}


def _summary(values: npt.NDArray[np.float64], again: npt.NDArray[np.int64]) -> dict[str, Any]:
    low, high = np.quantile(values[again].mean(axis=1), [0.025, 0.975])
    return {
        "ua": round(float(values.mean()), 4),
        "ua_ci95": [round(float(low), 4), round(float(high), 4)],
        "ua_of_folds": [round(float(value), 4) for value in values],
    }


def prepare(
    makers: Mapping[str, Callable[[], Any]],
    examples: Sequence[Example],
    splits: Sequence[Split],
    *,
    seed: int = 0,
) -> tuple[dict[str, Callable[[], Any]], list[Split], str]:
    """Systems with each baseline of `STEPS`, splits without the utterances it rests on, and the protocol.

    Raises:
        OptionError: a system that does not work on a matrix of features.
        CorpusError: a test speaker with no clip left.
    """
    clips: dict[str, list[int]] = defaultdict(list)
    for i in sorted({i for split in splits for i in split.test}):
        clips[speaker_of(examples[i])].append(i)
    random, most = np.random.default_rng(seed), max(STEPS)
    first: dict[str, list[int]] = {}
    for name, positions in sorted(clips.items()):
        if len(positions) <= most:
            raise CorpusError(
                f"the speaker {name} has {len(positions)} clips: a running baseline after {most} needs more; "
                "leave the speaker out, or use --normalise none"
            )
        first[name] = [positions[i] for i in random.permutation(len(positions))[:most]]
    apart = {i for positions in first.values() for i in positions}
    heard = {name: [examples[i] for i in positions] for name, positions in first.items()}
    rest = [replace(split, test=tuple(i for i in split.test if i not in apart)) for split in splits]
    systems: dict[str, Callable[[], Any]] = {}
    for name, make in makers.items():
        for step in STEPS:
            systems[f"{name}, after {step}"] = partial(_made, make, step, heard)
    return systems, rest, PROTOCOL.format(seed=seed, most=most)


def _made(make: Callable[[], Any], step: int, heard: Mapping[str, Sequence[Example]]) -> Running:
    return Running(make(), step, heard)
