"""A speech-LLM in the place of the voice model: it hears the utterance and reads its words."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from hearfelt.cli.app import run
from hearfelt.datasets import read
from hearfelt.errors import ModelError
from hearfelt.models.writing import WriterModel
from hearfelt.training import systems
from tests.cli.corpus import make

SMALL = {
    "features.n_mels": 20,
    "sound.kind": "cnn",
    "sound.options": {"channels": [4, 8], "width": 8},
    "adapter.width": 8,
    "lm.width": 16,
    "prompt.words": True,
    "epochs": 1,
    "batch": 8,
    "bf16": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("writer")
    table = [dataclasses.replace(e, text="it is so") for e in read(make(place) / "tones.csv")]
    systems.make("speech-llm", **SMALL).fit(table).save(place / "model")
    return place / "model"


def test_it_answers_in_an_analysis(
    folder: Path, tmp_path: Path, example_call: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transcript = tmp_path / "said.srt"
    transcript.write_text("1\n00:00:00,000 --> 00:00:09,000\nwell it is so\n", encoding="utf-8")
    call = ["analyze", str(example_call), "--voice", str(folder), "--transcript", str(transcript)]
    assert run([*call, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    sources = {one["source"] for estimate in report["estimates"] for one in estimate["evidence"]}
    assert "speech-llm/speech-llm" in sources


def test_the_same_numbers_as_the_model_that_learnt(folder: Path, tmp_path: Path) -> None:
    from hearfelt.audio import read as sound

    (heard,) = WriterModel.load(folder).predict([sound(make(tmp_path) / "wav/tones_0_0.wav")[0]])
    (learnt,) = systems.make(f"weights:{folder}").model.predict([str(tmp_path / "wav/tones_0_0.wav")])
    assert heard.emotion.probabilities == pytest.approx(learnt.emotion.probabilities, abs=1e-3)
    assert sum(heard.emotion.probabilities) == pytest.approx(1)


def test_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(
        json.dumps({"name": "x", "kind": "words", "labels": [], "features": {}}), encoding="utf-8"
    )
    with pytest.raises(ModelError, match="of kind 'words': one that writes has kind speech-llm or scratch"):
        WriterModel.load(tmp_path)
