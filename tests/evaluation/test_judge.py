from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from hearfelt.datasets.splits import Split, card, leave_one_speaker_out
from hearfelt.errors import CorpusError, OptionError
from hearfelt.evaluation import judge, metrics, report
from hearfelt.evaluation.answers import Answers, answered

from .made import LABELS, probabilities, table


def made(**changes: object) -> Answers:
    examples = [dataclasses.replace(e, **changes) for e in table()]  # type: ignore[arg-type]
    return answered(examples, LABELS, probabilities(examples))


def quick(answers: Answers, **options: object) -> dict[str, object]:
    return judge.judge(answers, judge.JudgeOptions(samples=50, **options))  # type: ignore[arg-type]


def test_scores_are_those_of_the_metrics() -> None:
    answers = made()
    found = judge.judge(answers, judge.JudgeOptions(samples=100), name="made")
    scores = found["scores"]["all"]
    assert scores["uar"]["value"] == pytest.approx(metrics.uar(answers.gold, answers.predicted), abs=1e-4)
    assert scores["uar"]["low"] < scores["uar"]["value"] < scores["uar"]["high"]
    assert found["calibration"]["ece"] == pytest.approx(
        metrics.ece(answers.probabilities, answers.targets), abs=1e-4
    )
    assert sum(map(sum, found["confusion"])) == 72
    assert found["per_label"][0]["clips"] == 24
    assert {row["name"] for row in found["groups"]["gender"]} == {"female", "male"}
    assert set(found["groups"]) == {"gender", "intensity"}  # one corpus and no language: nothing to compare
    assert found["sets"]["promised"] == 0.9
    assert found["votes"] is None
    assert found["lacking"] == {}
    json.dumps(found, allow_nan=False)


def test_labels_that_a_corpus_lacks_are_stated_both_ways() -> None:
    one, two = table(corpus="one"), [e for e in table(corpus="two") if e.gold != "anger"]
    answers = answered([*one, *two], LABELS, probabilities([*one, *two], 0.5))
    found = quick(answers)
    assert found["lacking"] == {"two": ["anger"]}
    scores: dict = found["scores"]  # type: ignore[type-arg, assignment]
    assert scores["within"]["uar"]["value"] > scores["all"]["uar"]["value"]
    within = answers.predicted_within
    assert within is not None
    assert "anger" not in within[answers.corpora == "two"]
    text = report.as_markdown(found)
    assert "two has no anger." in text
    assert "within the labels of the corpus" in text
    assert "Labels that a corpus lacks" in report.as_html(found)


def test_votes_sets_and_dimensions() -> None:
    examples = [
        dataclasses.replace(e, soft={str(e.gold): 0.8, "neutral": 0.2} if e.gold != "neutral" else None)
        for e in table()
    ]
    examples = [dataclasses.replace(e, arousal=0.1 * i % 1) for i, e in enumerate(examples)]
    p = probabilities(examples)
    ratings = {"arousal": np.array([e.arousal for e in examples], dtype=np.float64)}
    sets = np.ones((len(examples), 3), dtype=bool)
    found = quick(answered(examples, LABELS, p, ratings=ratings, sets=sets))
    votes, given, dimensions = found["votes"], found["sets"], found["dimensions"]
    assert isinstance(votes, dict)
    assert isinstance(given, dict)
    assert isinstance(dimensions, dict)
    assert votes["clips"] == 48
    rows = [i for i, e in enumerate(examples) if e.soft]
    shares = np.array([[(examples[i].soft or {}).get(name, 0.0) for name in LABELS] for i in rows])
    assert votes["kl"] == pytest.approx(metrics.kl(shares, p[rows]), abs=1e-4)
    assert (given["coverage"], given["size"], given["how"]) == (1, 3, "given")
    assert dimensions["arousal"]["ccc"]["value"] == 1
    for text in (report.as_markdown(found), report.as_html(found)):
        assert "LRAP" in text
        assert "arousal" in text


def test_notes_say_what_weakens_a_score() -> None:
    assert any("name no speaker" in note for note in quick(made(speaker=None))["notes"])  # type: ignore[union-attr, attr-defined]
    alone = quick(made(speaker="one"))
    assert any("one speaker" in note for note in alone["notes"])  # type: ignore[attr-defined]
    assert alone["sets"] is None
    same = [e for e in table() if e.gold == "anger"]
    found = quick(answered(same, LABELS, np.tile([0.1, 0.8, 0.1], (len(same), 1))))
    assert "All clips are labelled anger: UAR is the recall of that one label." in found["notes"]  # type: ignore[operator]
    assert "Never answered: anger." in found["notes"]  # type: ignore[operator]


def test_labels_alone_can_be_judged() -> None:
    examples = table()
    found = quick(answered(examples, LABELS, None, predicted=[str(e.gold) for e in examples]))
    assert "calibration" not in found
    assert "Brier" not in report.as_html(found)
    assert found["scores"]["all"]["uar"]["value"] == 1  # type: ignore[index]


def test_page_is_whole_and_asks_no_network() -> None:
    answers = made()
    dependent = card(list(answers.examples), [Split("all", tuple(range(72)), tuple(range(72)))], "no split")
    found = judge.judge(answers, judge.JudgeOptions(samples=20), name="<b>made</b>", card=dependent)
    page = report.as_html(found)
    assert "&lt;b&gt;made&lt;/b&gt;" in page
    assert "<b>made" not in page
    assert "SPEAKER-DEPENDENT" in page
    assert 'class="loud"' in page
    assert not re.search(r"https?://|<script|\bsrc=", page)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 5  # confusions, reliability, risk and coverage, two groups
    for drawing in drawings:
        ElementTree.fromstring(drawing)
    independent = card(list(answers.examples), leave_one_speaker_out(answers.examples), "loso")
    assert 'class="loud"' not in report.as_html(judge.judge(answers, card=independent))


def test_reports_are_written_by_their_ending(tmp_path: Path) -> None:
    found = quick(made())
    for ending in (".html", ".md", ".json"):
        report.write(found, tmp_path / "deep" / f"report{ending}")
    assert json.loads((tmp_path / "deep" / "report.json").read_text(encoding="utf-8")) == found
    with pytest.raises(OptionError, match=r"unknown ending of a report '.pdf'; known: .html, .md, .json"):
        report.write(found, tmp_path / "report.pdf")
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(OptionError, match=r"folder.md is a folder: name a file in it"):
        report.checked(tmp_path / "folder.md")
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match="cannot be written"):
        report.write(found, tmp_path / "file" / "report.md")


def test_options_say_what_they_take() -> None:
    with pytest.raises(OptionError, match="unknown column to give scores by 'age'; known: corpus, gender"):
        judge.JudgeOptions(groups=("age",))
    with pytest.raises(OptionError, match=r"samples=0, bins=15: use at least 1 of each"):
        judge.JudgeOptions(samples=0)
    with pytest.raises(OptionError, match=r"coverage=1.0: use a share between 0 and 1"):
        judge.JudgeOptions(coverage=1.0)


def test_answers_that_cannot_be_judged() -> None:
    examples = table(1, 3)
    p = probabilities(examples)
    with pytest.raises(CorpusError, match="there is no clip to judge"):
        answered([], LABELS, p)
    with pytest.raises(CorpusError, match=r"1 of 1 clips have no gold label, the first is 0_0.wav"):
        answered([dataclasses.replace(examples[0], gold=None)], LABELS, p[:1])
    with pytest.raises(
        CorpusError, match=r"gold labels sadness are none that x can answer \(anger, neutral\)"
    ):
        answered(examples, LABELS[:2], p[:, :2], who="x")
    with pytest.raises(CorpusError, match=r"probabilities of shape \(3, 2\) for 3 clips and 3 labels"):
        answered(examples, LABELS, p[:, :2])
    bad = p.copy()
    bad[1, 0] = np.nan
    with pytest.raises(
        CorpusError, match=r"NaN or infinite probabilities for 1 of 3 clips, the first is 0_1"
    ):
        answered(examples, LABELS, bad)
    with pytest.raises(CorpusError, match=r"probabilities that sum to 2, the lowest"):
        answered(examples, LABELS, p * 2)
    with pytest.raises(CorpusError, match="neither labels nor probabilities"):
        answered(examples, LABELS, None)


def test_two_systems_on_the_same_clips() -> None:
    examples = table(8)
    good, poor = (answered(examples, LABELS, probabilities(examples, s)) for s in (3.0, 0.2))
    found = judge.against(good, poor, judge.JudgeOptions(samples=100))
    assert found["scores"]["uar"]["value"] > 0.3
    assert found["scores"]["uar"]["significant"]
    assert found["mcnemar"] < 0.001
    whole = quick(good) | {"against": {"name": "poor.csv", **found}}
    for text in (report.as_markdown(whole), report.as_html(whole)):
        assert "Against poor.csv" in text
        assert "significant" in text
    with pytest.raises(CorpusError, match="not about the same clips"):
        judge.against(good, made())
