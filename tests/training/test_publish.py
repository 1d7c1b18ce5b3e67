"""Weights folders of finished runs: what the card says, whose licence it is, what is refused; no torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hearfelt
from hearfelt.cli import app
from hearfelt.errors import LicenceError, ModelError, OptionError
from hearfelt.evaluation import protocols
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.models import classical
from hearfelt.models.onnx import VoiceModel
from hearfelt.training import licences, publish, systems
from tests.models.conftest import Corpus, corpus

__all__ = ["corpus"]

BASE = Path(hearfelt.__file__).parent / "weights" / "base"
LABELS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
FEW = ("anger", "neutral", "sadness")
SCORED = ("scores", "calibration", "confusion", "licences_of_corpora", "protocol", "reliability")


def said(corpora: dict[str, int], folds: int, *, shared: bool = False) -> list[HeldOut]:
    """Answers that are right more often for women; the speakers of a corpus are dealt to the folds."""
    random, found = np.random.default_rng(0), []
    for fold in range(folds):
        rows = [
            (
                f"{corpus}-{speaker}-{take}.wav",
                corpus,
                f"s{speaker}",
                "female" if speaker % 2 else "male",
                label,
            )
            for corpus, speakers in corpora.items()
            for speaker in range(speakers)
            for take in range(4)
            for label in FEW
            if (take if shared else speaker) % folds == fold
        ]
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        logits = random.standard_normal((len(rows), len(LABELS))).astype(np.float32)
        for row, (*_, gender, label) in enumerate(rows):
            logits[row, LABELS.index(label)] += 3 if gender == "female" else 1
        seconds = np.linspace(1, 3, len(rows), dtype=np.float32)
        found.append(
            HeldOut(*columns, np.array(LABELS), logits, seconds, np.full(len(rows), fold, dtype=np.int64))
        )
    return found


def make(
    out: Path,
    corpora: dict[str, int],
    *,
    kind: str = "speaker_folds",
    folds: int = 2,
    data: dict[str, Any] | None = None,
    shared: bool = False,
    start: str = "",
) -> Path:
    """A run's folder as training leaves it; the final model is the shipped one."""
    recipe = {
        "name": "mine",
        "start": start,
        "data": {
            "corpora": list(corpora) if data is None else [],
            "relabel": {"calm": "neutral"},
            "drop": [],
        },
        "loop": {"epochs": 3, "patience": 0, "validation": 0.2},
        "protocol": {"kind": kind, "folds": folds, "seed": 1, "corpus": ""},
    }
    (out / "final").mkdir(parents=True)
    facts = {"recipe": recipe, "seed": 1} | ({} if data is None else {"data": {"corpora": data}})
    (out / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    card = {k: v for k, v in json.loads((BASE / "model.json").read_text()).items() if k not in SCORED}
    card |= {"recipe": recipe, "corpora": list(corpora)}
    (out / "final" / "model.json").write_text(json.dumps(card), encoding="utf-8")
    (out / "final" / "model.onnx").write_bytes((BASE / "model.onnx").read_bytes())
    for number, held in enumerate(said(corpora, folds, shared=shared)):
        (out / f"fold{number}").mkdir()
        (out / f"fold{number}" / "model.json").write_text("{}", encoding="utf-8")
        with (out / f"fold{number}" / "heldout.npz").open("wb") as stream:
            held.save(stream)
    return out


def test_a_run_on_known_corpora(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make(tmp_path / "runs" / "mine", {"emodb": 4, "nemo": 4})
    weights = tmp_path / "weights"
    assert app.run(["models", "publish", str(run), "--out", str(weights)]) == 0
    printed = capsys.readouterr().out
    assert "CC BY-NC-SA 4.0 (not for products)" in printed
    card = VoiceModel.load(weights).card
    held = protocols.join(said({"emodb": 4, "nemo": 4}, 2))
    assert card["name"] == "mine"
    assert card["temperature"] == pytest.approx(protocols.fit_temperature(held), abs=1e-4)
    assert card["licences_of_corpora"] == {"emodb": "CC BY 4.0", "nemo": "CC BY-NC-SA 4.0"}
    assert (card["licence"], card["commercial"]) == ("CC BY-NC-SA 4.0", False)
    assert card["test_speakers"] == "held out"
    assert [row["name"] for row in card["groups"]["language"]] == ["de", "pl"]
    women, men = card["groups"]["gender"]
    assert women["gap"]["value"] == pytest.approx(women["uar"]["value"] - men["uar"]["value"], abs=2e-4)
    assert "temperature" in json.loads((run / "fold0" / "model.json").read_text())
    page = (weights / "CARD.md").read_text(encoding="utf-8")
    for part in (
        "## Scores on speakers that were not heard",
        "2 folds, every speaker held out once, dealt by corpus and gender with seed 1; fixed 3 epochs",
        "* EmoDB (535 utterances of 10 actors, 7 classes; F. Burkhardt",
        "Calm is learnt as neutral.",
        "the strictest of these licences). They may not be used in commercial products.",
        "| gender | female | 48 | 4 | ",
        "| language | pl | 48 | 4 | ",
        "Acted speech only.",
        "Languages learnt: de, pl.",
        "Nine of ten utterances that were judged last 1.1 to 2.9 seconds.",
        "| clips | ECE before | ECE after | Brier before | Brier after |",
    ):
        assert part in page, part
    assert app.run(["models", str(weights)]) == 0
    assert capsys.readouterr().out.startswith(f"# Voice model `mine` {card['version']}\n")


@pytest.mark.parametrize(
    ("stated", "given", "licence", "commercial"),
    [
        ([], {}, "unpublished, ask the owner of the recordings", False),
        (["CC0 1.0"], {}, "CC0 1.0", True),
        ([], {"licence": "CC BY 4.0"}, "CC BY 4.0", True),
        (["CC0 1.0"], {"licence": "for the clinic only"}, "for the clinic only", False),
        ([], {"licence": "Example Ltd", "commercial": True}, "Example Ltd", True),
    ],
)
def test_a_run_on_ones_own_recordings(
    tmp_path: Path, stated: list[str], given: dict[str, Any], licence: str, commercial: bool
) -> None:
    data = {"calls": {"clips": 48, "speakers": 4, "languages": ["fr"], "licences": stated, "labels": {}}}
    data["calls"]["labels"] = dict.fromkeys(FEW, 16)
    run = make(tmp_path / "run", {"calls": 4}, data=data)
    facts = publish.of_run(run, tmp_path / "w", **given)
    assert (facts["licence"], facts["commercial"]) == (licence, commercial)
    page = (tmp_path / "w" / "CARD.md").read_text(encoding="utf-8")
    assert f"* calls (own recordings), 48 clips of 4 speakers learnt: {licence}\n" in page
    assert "calls has no disgust, fear, happiness, surprise." in page
    assert "Nobody here knows how the recordings of calls came about" in page
    assert "Acted speech" not in page


def test_a_run_of_a_classical_model(
    tmp_path: Path, corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(tmp_path / "run", {"emodb": 4})
    stored = json.loads((run / "run.json").read_text())
    del stored["recipe"]["loop"]
    (run / "run.json").write_text(json.dumps(stored | {"commit": "abc"}), encoding="utf-8")
    shutil.rmtree(run / "final")
    learnt = classical.make("logistic", dimensions="derived", features="opensmile-egemaps")
    model = learnt.fit(corpus.of("s0", "s1"))
    model.save(run / "final")
    assert app.run(["models", "publish", str(run), "--out", str(tmp_path / "w"), "--int8"]) == 2
    assert "--int8 quantises voice models, and the one of" in capsys.readouterr().err
    assert app.run(["models", "publish", str(run), "--out", str(tmp_path / "w")]) == 0
    assert f"use it: hearfelt evaluate --model weights:{tmp_path / 'w'}" in capsys.readouterr().out
    again = systems.make(f"weights:{tmp_path / 'w'}")
    asked = corpus.of("s2")
    np.testing.assert_allclose(again.predict_proba(asked), model.predict_proba(asked), atol=1e-6)
    page = (tmp_path / "w" / "CARD.md").read_text(encoding="utf-8")
    for part in (
        "# Classical model `mine` 1",
        "MB of scikit-learn (skops). Made unknown from commit abc.",
        "To be used they need openSMILE, which products may not use.",
        "They may not be used in commercial products.",
        "| clips | ECE | Brier |",
        "seed 1; nothing tuned on held-out speakers;",
    ):
        assert part in page, part
    assert json.loads((tmp_path / "w" / "model.json").read_text())["temperature"] == model.temperature_


def test_speakers_who_were_heard_are_said_loudly(tmp_path: Path) -> None:
    run = make(tmp_path / "run", {"calls": 3}, kind="clip_folds", shared=True)
    assert publish.of_run(run, tmp_path / "w")["test_speakers"] == "shared"
    page = (tmp_path / "w" / "CARD.md").read_text(encoding="utf-8")
    assert "## Scores on SPEAKERS THAT WERE HEARD: they are in training and test" in page


def test_the_corpora_of_the_run_that_it_began_from_count(tmp_path: Path) -> None:
    run = make(tmp_path / "run", {"emodb": 4}, start="others")
    with pytest.raises(
        ModelError, match=r"began from the run others, which is not at .*others: put it there"
    ):
        publish.of_run(run, tmp_path / "w")
    make(tmp_path / "others", {"savee": 2}, kind="none")
    facts = publish.of_run(run, tmp_path / "w")
    assert facts["licences_of_corpora"] == {"emodb": "CC BY 4.0", "savee": "research only"}
    assert (facts["licence"], facts["commercial"]) == ("research only", False)
    assert "learning began from the run others" in facts["protocol"]


def test_what_is_not_finished_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(words: str, *more: str) -> None:
        assert app.run(["models", "publish", str(run), "--out", str(tmp_path / "w"), *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line
        assert not (tmp_path / "w").exists()

    run = tmp_path / "nothing"
    refused("nothing holds no run: name the folder that hearfelt train wrote, with run.json in it")
    run = make(tmp_path / "a", {"emodb": 4})
    (run / "fold1" / "heldout.npz").unlink()
    refused("a has 1 of 2 folds: run the recipe with --stage folds first")
    (run / "final" / "model.onnx").unlink()
    refused("a holds no final model: run the recipe with --stage final first")
    card = json.loads((run / "final" / "model.json").read_text()) | {"kind": "fusion"}
    (run / "final" / "model.json").write_text(json.dumps(card), encoding="utf-8")
    refused("is of kind 'fusion': published are voice, network, speech-llm, scratch, classical")
    run = make(tmp_path / "b", {"emodb": 4}, kind="none")
    refused("b held nothing out, so nobody knows how good its model is: run it with a protocol such as")
    data = {"emodb": {"speakers": 4, "languages": ["de"], "licences": []}}
    run = make(tmp_path / "c", {"emodb": 4}, kind="loso", data=data)
    refused("c has 2 of 4 folds")
    run = make(tmp_path / "d", {"emodb": 4})
    refused(
        "--licence 'mine': the licences of these corpora are known (emodb CC BY 4.0)", "--licence", "mine"
    )
    refused("none of the recordings is your own; leave --commercial out", "--commercial")
    (run / "fold0" / "heldout.npz").write_bytes(b"x")
    refused("heldout.npz holds no held-out answers")


def test_the_strictest_licence() -> None:
    mixed = licences.of_corpora(["emodb", "mine"], {"mine": ["CC BY-SA 4.0"]})
    assert licences.strictest(mixed) == "CC BY-SA 4.0"
    assert not licences.allows_products(mixed)
    assert licences.allows_products(mixed, own_may=True)
    assert licences.strictest({"emodb": "CC BY 4.0", "mine": "Example Ltd"}) == "CC BY 4.0; Example Ltd"
    with pytest.raises(LicenceError, match="savee is research only; leave --commercial out"):
        licences.allows_products({"savee": "research only", "mine": "Example Ltd"}, own_may=True)
    with pytest.raises(OptionError, match="leave it out"):
        licences.of_corpora(["savee"], {}, "CC BY 4.0")
