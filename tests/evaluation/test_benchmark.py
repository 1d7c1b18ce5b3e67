from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearfelt.datasets.splits import Split, card, leave_one_speaker_out, speaker_folds
from hearfelt.errors import CorpusError, FeatureError, OptionError
from hearfelt.evaluation import benchmark, metrics, report, tables
from hearfelt.types import Example

from .made import LABELS, Guess, table


class Fails(Guess):
    """Says no on the third fit."""

    count = 0

    def fit(self, examples: Sequence[Example]) -> Guess:
        Fails.count += 1
        if Fails.count == 3:
            raise FeatureError("0_0.wav cannot be measured: it is silent")
        return super().fit(examples)


def test_each_fold_is_answered_by_a_system_of_its_own() -> None:
    examples = table()
    made: list[Guess] = []

    def factory() -> Guess:
        made.append(Guess())
        return made[-1]

    splits = leave_one_speaker_out(examples)
    result = benchmark.run({"guess": factory}, examples, splits)["guess"]
    assert sorted(g.fits for g in made) == [0] + [1] * 6  # one is only asked whether it learns
    assert len(result.answers.examples) == 72
    assert result.answers.speakers[result.answers.fold == 2].tolist() == ["made/s2"] * 12
    assert result.trained
    assert result.rtf is None  # the files are not there


def test_functions_and_finished_models_are_judged_too() -> None:
    examples = table()
    splits = leave_one_speaker_out(examples)

    class Finished:
        classes_ = LABELS
        corpora = ("other", "made")

        def predict_proba(self, given: Sequence[Example]) -> np.ndarray:
            return np.tile([0.5, 0.3, 0.2], (len(given), 1))

    def right(given: Sequence[Example]) -> list[str]:
        return [str(e.gold) for e in given]

    results = benchmark.run({"right": lambda: right, "finished": Finished}, examples, splits)
    found = tables.table(
        results,
        card(examples, splits, "loso"),
        title="made",
        protocol="x.",
        mean_over_folds=False,
        samples=50,
    )
    first, second = found["rows"]
    assert (first["name"], first["uar"]["value"], first["fit_s"]) == ("right", 1.0, None)
    assert second["uar"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert second["note"] == "SEEN BEFORE: its weights learnt from made"
    assert found["chance"] == pytest.approx(1 / 3, abs=1e-4)


def test_a_stopped_run_goes_on_and_loses_nothing(tmp_path: Path) -> None:
    examples = table()
    splits = speaker_folds(examples, 3)
    Fails.count = 0
    with pytest.raises(FeatureError, match=r"shaky, fold 2: 0_0.wav cannot be measured: it is silent"):
        benchmark.run({"shaky": Fails}, examples, splits, folder=tmp_path)
    assert sorted(p.name for p in (tmp_path / "shaky").iterdir()) == ["fold_0.npz", "fold_1.npz"]
    said: list[str] = []
    result = benchmark.run({"shaky": Fails}, examples, splits, folder=tmp_path, report=said.append)["shaky"]
    assert Fails.count == 4  # the two folds that were done are not learnt again
    assert [line.endswith("kept from before") for line in said] == [True, True, False]
    whole = benchmark.run({"shaky": Guess}, examples, splits)["shaky"]
    np.testing.assert_allclose(result.answers.probabilities, whole.answers.probabilities)


def test_folds_of_something_else_are_refused(tmp_path: Path) -> None:
    examples = table()
    splits = speaker_folds(examples, 3)
    benchmark.run({"guess": Guess}, examples, splits, folder=tmp_path, options={"seed": 1})
    other = [dataclasses.replace(examples[0], gold="neutral"), *examples[1:]]
    for given, options in ((examples, {"seed": 2}), (other, {"seed": 1})):
        with pytest.raises(OptionError, match=r"fold_0.npz was made of other clips, labels or options: name"):
            benchmark.run({"guess": Guess}, given, splits, folder=tmp_path, options=options)
    (tmp_path / "guess" / "fold_1.npz").write_bytes(b"half a file")
    with pytest.raises(
        CorpusError, match=r"fold_1.npz cannot be read .*: remove it, and its fold is run again"
    ):
        benchmark.run({"guess": Guess}, examples, splits, folder=tmp_path, options={"seed": 1})


def test_a_label_that_a_fold_did_not_learn_has_probability_0() -> None:
    examples = table(3)
    examples = [e for e in examples if e.gold != "sadness" or e.speaker == "s2"]

    class Shy(Guess):
        def predict_proba(self, given: Sequence[Example]) -> np.ndarray:
            return np.full((len(given), len(self.classes_)), 1 / len(self.classes_))

    splits = leave_one_speaker_out(examples)[:2]  # s0 and s1 are tested; s2 with sadness is always learnt
    few = [
        Split(s.name, tuple(i for i in s.train if examples[i].gold != "sadness"), s.test) for s in splits[:1]
    ]
    result = benchmark.run({"shy": Shy}, examples, [*few, splits[1]])["shy"]
    assert result.answers.labels == LABELS
    assert result.answers.probabilities is not None
    np.testing.assert_allclose(result.answers.probabilities[0], [0.5, 0.5, 0])
    np.testing.assert_allclose(result.answers.probabilities[-1], [1 / 3] * 3)


class _Bad(Guess):
    def __init__(self, change: Any) -> None:
        super().__init__()
        self.change = change

    def predict_proba(self, examples: Sequence[Example]) -> np.ndarray:
        changed: np.ndarray = self.change(super().predict_proba(examples))
        return changed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p * np.nan, "bad, fold 0: bad gave NaN or infinite probabilities for 24 of 24 clips"),
        (
            lambda p: p[:-1],
            r"bad, fold 0: bad gave probabilities of shape \(23, 3\) for 24 clips and 3 labels",
        ),
        (lambda p: p - 0.5, "bad, fold 0: bad gave .* probabilities that sum to -0.5"),
    ],
)
def test_answers_that_are_no_probabilities(change: Any, words: str) -> None:
    examples = table()
    with pytest.raises(CorpusError, match=words):
        benchmark.run({"bad": lambda: _Bad(change)}, examples, speaker_folds(examples, 3))


def test_what_cannot_be_learnt_or_judged() -> None:
    examples = table()
    splits = speaker_folds(examples, 3)
    with pytest.raises(OptionError, match="no system to judge"):
        benchmark.run({}, examples, splits)
    with pytest.raises(CorpusError, match="no split to judge on"):
        benchmark.run({"guess": Guess}, examples, [])
    with pytest.raises(CorpusError, match="1 labels for 24 clips: a system must answer each"):
        benchmark.run({"short": lambda: lambda given: ["anger"]}, examples, splits)
    only = tuple(i for i, e in enumerate(examples) if e.gold == "anger")
    with pytest.raises(CorpusError, match="all 24 training examples of x are labelled anger"):
        benchmark.run({"guess": Guess}, examples, [Split("x", only, (1, 2))])
    with pytest.raises(
        CorpusError, match=r"all 24 test clips of x are labelled anger: a mean of UA over folds"
    ):
        tables.check_folds(examples, [Split("x", (1, 2), only)])


def test_table_of_a_mean_over_folds_beside_published_rows(tmp_path: Path) -> None:
    examples = table()
    splits = speaker_folds(examples, 3)
    results = benchmark.run({"good": lambda: Guess(3), "poor": lambda: Guess(0.3)}, examples, splits)
    (tmp_path / "published.csv").write_text(
        "corpus,model,UA,WA,macro_F1,source,oddity\nmade,HuBERT,65.5,66,64,x,odd\nother,W,1,1,1,x,\n",
        encoding="utf-8",
    )
    known = tables.read_published(tmp_path / "published.csv", "made")
    found = tables.table(
        results,
        card(examples, splits, "folds"),
        title="made",
        protocol="x.",
        mean_over_folds=True,
        published=known,
        samples=100,
    )
    names = [row["name"] for row in found["rows"]]
    assert names == ["good", "HuBERT", "poor"]
    good = found["rows"][0]
    answers = results["good"].answers
    each = [metrics.uar(answers.gold[r], answers.predicted[r]) for r in (answers.fold == k for k in range(3))]
    assert good["uar"]["value"] == pytest.approx(np.mean(each), abs=1e-4)
    assert [fold["uar"] for fold in good["folds"]] == pytest.approx(each, abs=1e-4)
    assert found["rows"][1]["note"] == "odd"
    (comparison,) = found["comparisons"]
    assert (comparison["one"], comparison["other"], comparison["significant"]) == ("good", "poor", True)
    whole = tables.benchmark("b", [found])
    for text in (report.as_markdown(whole), report.as_html(whole)):
        assert "HuBERT" in text
        assert "speaker-independent: no test speaker is in training" in text


def test_shared_speakers_are_said_loudly_and_apart() -> None:
    examples = table()
    halves = (tuple(range(0, 72, 2)), tuple(range(1, 72, 2)))
    mixed = [Split("fold 1", *halves), Split("fold 2", *reversed(halves))]
    parts = {"a dependent": mixed, "an independent": speaker_folds(examples, 2)}
    made = []
    for title, splits in parts.items():
        results = benchmark.run({"guess": Guess}, examples, splits)
        facts = card(examples, splits, title)
        made.append(tables.table(results, facts, title=title, protocol="", mean_over_folds=True, samples=20))
    whole = tables.benchmark("both", made)
    assert [t["title"] for t in whole["tables"]] == ["an independent", "SPEAKER-DEPENDENT: a dependent"]
    text = report.as_markdown(whole)
    assert "**SPEAKER-DEPENDENT: 6 of 6 test speakers are also in training**" in text
    assert report.as_html(whole).count('class="loud"') == 1


def test_published_results_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    with pytest.raises(CorpusError, match="published results cannot be read"):
        tables.read_published(path, "made")
    path.write_text("corpus,model\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="lacks the columns UA, WA, macro_F1, source"):
        tables.read_published(path, "made")
    path.write_text("corpus,model,UA,WA,macro_F1,source\nmade,X,high,1,1,s\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="gives X on made no number for UA, WA or macro_F1"):
        tables.read_published(path, "made")


def test_a_full_disk_is_one_sentence_and_keeps_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = table()
    splits = speaker_folds(examples, 3)
    real, written = np.savez, []

    def full(stream: Any, **arrays: Any) -> None:
        if written:
            raise OSError(28, "No space left on device")
        written.append(arrays)
        real(stream, **arrays)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(
        CorpusError, match=r"fold_1.npz \(No space left on device\): free space or name another"
    ):
        benchmark.run({"guess": Guess}, examples, splits, folder=tmp_path)
    assert [p.name for p in (tmp_path / "guess").iterdir()] == ["fold_0.npz"]
