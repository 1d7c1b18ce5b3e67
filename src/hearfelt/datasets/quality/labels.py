"""Clips whose label looks wrong to a model that has not learnt from them (confident learning)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hearfelt.datasets.quality.finding import Finding, place
from hearfelt.errors import CorpusError, MissingExtraError
from hearfelt.types import Example


def mislabelled(
    examples: Sequence[Example], probabilities: npt.NDArray[np.floating], labels: Sequence[str]
) -> Finding | None:
    """Labels that out-of-fold probabilities contradict, most doubtful first; None where there are none.

    C. G. Northcutt, L. Jiang, I. L. Chuang: Confident learning. JAIR 70 (2021), by cleanlab's
    ``find_label_issues`` (prune by noise rate) and ``get_label_quality_scores`` (self-confidence). A weak
    model doubts hard clips as well as wrong ones; the sentence says how weak it is.

    Args:
        examples: each with a gold label.
        probabilities: ``(n_examples, n_labels)``, of models that had not learnt from the example's speaker.
        labels: the columns of ``probabilities``.

    Raises:
        CorpusError: an example without a label or with one outside ``labels``, or probabilities that are
            not finite or of another shape.
        MissingExtraError: cleanlab is not installed.
    """
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        raise MissingExtraError("finding mislabelled clips", "cleanlab", "data") from None
    if probabilities.shape != (len(examples), len(labels)) or not np.isfinite(probabilities).all():
        raise CorpusError(
            f"probabilities of shape {probabilities.shape} do not fit {len(examples)} examples and "
            f"{len(labels)} labels: give one finite row an example, one column a label"
        )
    strange = [e for e in examples if e.gold not in labels]
    if strange:
        raise CorpusError(
            f"{strange[0].file} has the label {strange[0].gold!r}, which is none of {', '.join(labels)}: "
            "leave it out"
        )
    gold = np.array([list(labels).index(str(e.gold)) for e in examples])
    # cleanlab wants every class to occur.
    present = np.unique(gold)
    inside = probabilities[:, present] + 1e-12
    inside = inside / inside.sum(axis=1, keepdims=True)
    given = np.searchsorted(present, gold)
    issue = find_label_issues(given, inside, filter_by="prune_by_noise_rate", n_jobs=1)
    score = get_label_quality_scores(given, inside, method="self_confidence")
    doubtful = [int(i) for i in np.argsort(score, kind="stable") if issue[i]]
    if not doubtful:
        return None
    answer = inside.argmax(axis=1)
    uar = float(np.mean([(answer[given == k] == k).mean() for k in range(len(present))]))
    names = [labels[k] for k in present]
    notes = [
        f"labelled {names[given[i]]} ({inside[i, given[i]]:.0%}), sounds like {names[answer[i]]} "
        f"({inside[i, answer[i]]:.0%})"
        for i in doubtful
    ]
    return Finding(
        "looks mislabelled",
        "note",
        f"{len(doubtful)} of {len(examples)} labels are doubted by a model with a UAR of {uar:.1%} on clips "
        "it has not learnt from: listen to the first ones, many will be hard and not wrong",
        tuple(place(examples[i]) for i in doubtful),
        tuple(notes),
    )
