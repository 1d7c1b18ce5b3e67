"""The page of results and the README say what the saved figures say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SAVED = json.loads((ROOT / "benchmarks" / "results" / "recognition.json").read_text(encoding="utf-8"))
RUNS = ("ravdess_emobox", "emodb_loso", "emodb_emobox", "savee_emobox")


@pytest.mark.parametrize("run", RUNS)
def test_protocols(run: str) -> None:
    found = SAVED[run]["mean_over_folds"]
    low, high = (f"{100 * value:.1f}" for value in found["ua_ci95"])
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert f"**{100 * found['ua']:.1f}** | {low} to {high} |" in page
    assert ", ".join(f"{100 * value:.1f}" for value in found["ua_of_folds"]) in page


@pytest.mark.parametrize(
    ("step", "name"), [("1", "1 utterance"), ("3", "3 utterances"), ("10", "10 utterances")]
)
def test_speaker_known(step: str, name: str) -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    cells = []
    for run in ("ravdess_emobox", "emodb_loso", "savee_emobox"):
        found = SAVED[run]["speaker_known"][step]
        low, high = found["ua_ci95"]
        cells.append(f"{100 * found['ua']:.1f} ({100 * low:.1f} to {100 * high:.1f})")
    assert f"| {name} | {' | '.join(cells)} |" in page


def test_unheard_corpora() -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    measured = {name: row for name, row in SAVED["unseen"].items() if row}
    assert len(measured) == 11
    for row in measured.values():
        assert f"| {row['clips']} | {100 * row['uar']:.1f} |" in page


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_readme(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    for run in ("ravdess_emobox", "emodb_loso", "savee_emobox"):
        assert f"{100 * SAVED[run]['mean_over_folds']['ua']:.1f} %" in text
    for corpus in ("emodb", "ravdess", "nemo"):
        assert f"{100 * SAVED['base']['pooled'][corpus]['uar']:.1f} %" in text
    assert f"{100 * SAVED['unseen']['base on savee']['uar']:.1f} %" in text


def test_what_savee_measures() -> None:
    said = json.loads((ROOT / "benchmarks" / "results" / "said.json").read_text(encoding="utf-8"))["savee"]
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for row, name in (
        ("nearest neighbour by what is said", "parts"),
        ("ComParE + SVM", "svm_compare"),
        ("the recipe above", "ours"),
    ):
        cells = " | ".join(f"{100 * said[name][part]:.1f}" for part in ("all", "common", "rest"))
        assert f"| {row} | {cells} |" in page
    assert said["ours"]["all"] == SAVED["savee_emobox"]["mean_over_folds"]["ua"], "of the same run"
    for readme in ("README.md", "README.zh-CN.md"):
        assert f" {100 * said['ua']:.1f}" in (ROOT / readme).read_text(encoding="utf-8")
