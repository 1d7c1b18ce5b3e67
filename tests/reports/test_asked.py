"""What a report tells of the language model, and two reports side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hearfelt import reports
from hearfelt.reports.asked import _TEXTS, sentences
from hearfelt.reports.difference import difference
from hearfelt.types import Asked, Evidence, Report

ASKED = Asked(
    model="qwen3:8b",
    policy="uncertain",
    below=0.6,
    utterances=16,
    asked=5,
    answered=4,
    cached=2,
    failed=1,
    not_asked={"sure": 6, "no_words": 1, "budget": 2},
    changed=3,
    requests=6,
    tokens=5210,
    tokens_estimated=True,
    seconds=12.34,
)


def test_the_account_in_sentences() -> None:
    assert sentences(ASKED) == [
        "The language model qwen3:8b was asked where the verdict without it was less than 60% sure or voice "
        "and words contradicted each other: 5 of 16 utterances were put to it, 4 answered, 1 without an "
        "answer, 2 answered as in an earlier run.",
        "Not asked: 6 sure enough, 1 without words, 2 because the budget was spent.",
        "It changed 3 of 6 verdicts.",
        "Cost: 6 requests, 5210 tokens (estimated), 12.3 s.",
    ]
    assert sentences(Asked("x", "never", utterances=3, not_asked={"never": 3})) == [
        "The language model x was not to be asked."
    ]
    failed = Asked("x", "always", utterances=1, asked=1, failed=1, requests=1, seconds=0.1)
    assert sentences(failed) == [
        "The language model x was asked about every utterance with words: 1 of 1 utterance were put to it, "
        "1 without an answer.",
        "Cost: 1 request, 0 tokens, 0.1 s.",
    ], "where there is no answer there is nothing that it could have changed"
    assert sentences(ASKED, "zh")[1] == "未询问：6 句已足够确定，1 句没有文字，2 句因预算用完。"


def test_both_languages_say_the_same() -> None:
    import string

    def fields(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name} - {"s"}

    assert set(_TEXTS["en"]) == set(_TEXTS["zh"])
    for key, text in _TEXTS["en"].items():
        assert fields(text) == fields(_TEXTS["zh"][key]), key


def test_the_account_stands_in_json_and_on_the_page(call: Report) -> None:
    report = replace(call, asked=ASKED)
    text = reports.render(report, "json")
    assert '"asked": {"model": "qwen3:8b", "policy": "uncertain", "below": 0.6' in text
    page = reports.render(report, "html")
    assert "<li>It changed 3 of 6 verdicts.</li>" in page
    assert 'id="h-asked"' not in reports.render(call, "html")
    evil = replace(report, asked=replace(ASKED, model="<script>x</script>"))
    assert "<script>x" not in reports.render(evil, "html")


def with_answer(report: Report, place: int, answer: str) -> Report:
    estimate = report.estimates[place]
    said = Evidence("llm/q", estimate.segment, estimate.emotion, details={"answer": answer})
    changed = replace(estimate, evidence=(*estimate.evidence, said))
    return replace(report, estimates=(*report.estimates[:place], changed, *report.estimates[place + 1 :]))


def test_two_runs_side_by_side(call: Report) -> None:
    assert difference(call, call).none
    one = with_answer(with_answer(call, 0, "a"), 1, "b")
    two = with_answer(with_answer(with_answer(call, 0, "a"), 1, "c"), 2, "d")
    found = difference(one, two)
    assert (found.answers_same, found.answers_other, found.answers_first, found.answers_second) == (
        1,
        1,
        0,
        1,
    )
    assert not found.none and found.changed == () and found.matched == len(call.estimates)
    first = call.estimates[0]
    other = replace(first, abstained=not first.abstained, confidence=0.25)
    third = replace(call, estimates=(other, *call.estimates[1:-1]))
    found = difference(call, third)
    assert (found.only_first, found.only_second, len(found.changed)) == (1, 0, 1)
    assert (found.changed[0].first, found.changed[0].second) == (first.label, other.label)
    assert found.changed[0].second_confidence == 0.25


def test_reports_of_earlier_versions_are_still_read(call: Report, tmp_path: pytest.TempPathFactory) -> None:
    import json
    from pathlib import Path

    data = json.loads(reports.render(call, "json"))
    del data["asked"]
    path = Path(str(tmp_path)) / "old.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert reports.read(path).asked is None
