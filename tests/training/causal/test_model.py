"""Low-rank adapters: they learn by heart, go on after a kill, are saved alone, and say what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from hearfelt.errors import CorpusError, ModelError, OptionError
from hearfelt.training.causal import base as bases
from hearfelt.training.causal.lesson import CausalLesson
from hearfelt.training.causal.model import CausalModel
from hearfelt.training.causal.options import CausalLoop, CausalOptions
from tests.training.causal.tiny import LABELS, language_model, lines


def quiet(line: str) -> None:
    """A report to nobody."""


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_model(tmp_path_factory.mktemp("llama"))


def options(base: Path, epochs: int = 2, **more: object) -> CausalOptions:
    loop = CausalLoop(epochs=epochs, batch=3, learning_rate=0.008, accumulate=1, bf16=False)
    return CausalOptions(str(base), rank=8, dropout=0.0, window=2, max_tokens=256, loop=loop, **more)  # type: ignore[arg-type]


def model(base: Path, folder: Path, epochs: int = 2, **more: object) -> CausalModel:
    return CausalModel(LABELS, options(base, epochs, **more), folder, report=quiet)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_it_learns_a_few_lines_by_heart(tmp_path: Path, kind: str) -> None:
    base = language_model(tmp_path / kind, kind)
    found = model(base, tmp_path / "run", 25, speaker_weight=0.5).fit(lines())
    said = [LABELS[row.argmax()] for row in found.predict_proba(lines())]
    assert said == [line.label for line in lines()]
    losses = [epoch["loss"] for epoch in found.history_]
    assert losses[-1] < 0.2 * losses[0]
    assert found.speakers_found(lines()) == (4, 4)


def test_adapters_are_saved_alone_and_answer_the_same(tmp_path: Path, llama: Path) -> None:
    found = model(llama, tmp_path / "run", 3).fit(lines())
    found.save(tmp_path / "saved")
    assert {file.name for file in (tmp_path / "saved").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "model.json",
    }
    card = json.loads((tmp_path / "saved" / "model.json").read_text(encoding="utf-8"))
    assert card["base"]["hash"].startswith("sha256:") and card["base"]["architecture"] == "LlamaForCausalLM"
    assert card["labels"] == list(LABELS) and card["prompt"]["version"] == "1"
    again = CausalModel.load(tmp_path / "saved", report=quiet)
    np.testing.assert_allclose(again.predict_proba(lines()), found.predict_proba(lines()), atol=1e-6)
    other = language_model(tmp_path / "other", seed=1)
    with pytest.raises(ModelError, match=r"were learnt on .*: give the folder of that base"):
        CausalModel.load(tmp_path / "saved", base=str(other), report=quiet)


def test_an_answer_never_depends_on_the_neighbours(tmp_path: Path, llama: Path) -> None:
    found = model(llama, tmp_path / "run", 1).fit(lines())
    together = found.predict_proba(lines(dialogues=3))
    np.testing.assert_allclose(together[:6], found.predict_proba(lines()), atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


def test_calibration_takes_out_what_is_said_without_words(tmp_path: Path, llama: Path) -> None:
    found = model(llama, tmp_path / "run", 1).fit(lines())
    plain = found.predict_proba(lines())
    found.options = options(llama, calibrate=True)
    calibrated = found.predict_proba(lines())
    assert np.abs(calibrated - plain).max() > 1e-3
    assert calibrated.std(axis=0).max() < 0.5 and np.allclose(calibrated.sum(axis=1), 1, atol=1e-5)
    found.options = options(llama, normalise=True)
    longer = found.predict_proba(lines())  # two tokens a label: half the log-likelihood, so nearer to even
    assert longer.max() < plain.max()


def test_a_run_that_was_interrupted_ends_as_one_in_one_go(
    tmp_path: Path, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model(llama, tmp_path / "whole", 2, parts=2).fit(lines(dialogues=2))
    own = CausalLesson.batches

    def stops(lesson: CausalLesson, epoch: int):  # type: ignore[no-untyped-def]
        if epoch == 2:
            raise KeyboardInterrupt
        return own(lesson, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(CausalLesson, "batches", stops)
        with pytest.raises(KeyboardInterrupt):
            model(llama, tmp_path / "cut", 2, parts=2).fit(lines(dialogues=2))
    again = model(llama, tmp_path / "cut", 2, parts=2).fit(lines(dialogues=2))
    assert [epoch["loss"] for epoch in again.history_] == [epoch["loss"] for epoch in whole.history_]
    np.testing.assert_array_equal(again.predict_proba(lines()), whole.predict_proba(lines()))


@pytest.mark.slow
def test_a_run_in_parts_ends_as_one_in_one_go_after_a_kill(tmp_path: Path, llama: Path) -> None:
    whole = model(llama, tmp_path / "whole", 4, parts=2).fit(lines(dialogues=2))
    code = (
        "import sys; sys.path.insert(0, {root!r})\n"
        "from pathlib import Path\n"
        "from tests.training.causal.test_model import model, lines\n"
        "from hearfelt.training.causal.lesson import CausalLesson\n"
        "own = CausalLesson.batches\n"
        "def slow(lesson, epoch):\n"
        "    import time\n"
        "    time.sleep(600 if epoch == 3 else 0)\n"
        "    yield from own(lesson, epoch)\n"
        "CausalLesson.batches = slow\n"
        "model(Path({base!r}), Path({folder!r}), 4, parts=2).fit(lines(dialogues=2))\n"
    ).format(root=str(Path(__file__).resolve().parents[3]), base=str(llama), folder=str(tmp_path / "cut"))
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"})
    log = tmp_path / "cut" / "log.jsonl"
    try:
        for _ in range(1200):
            if log.is_file() and len(log.read_text(encoding="utf-8").splitlines()) == 3:
                break
            assert process.poll() is None
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    again = model(llama, tmp_path / "cut", 4, parts=2).fit(lines(dialogues=2))
    assert [epoch["loss"] for epoch in again.history_] == [epoch["loss"] for epoch in whole.history_]
    np.testing.assert_array_equal(again.predict_proba(lines()), whole.predict_proba(lines()))


def test_a_checkpoint_holds_the_adapters_alone(tmp_path: Path, llama: Path) -> None:
    import torch

    model(llama, tmp_path, 1).fit(lines())
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["network"] and all("lora_" in name for name in state["network"])


def test_activations_computed_again_change_no_loss(tmp_path: Path, llama: Path) -> None:
    plain = model(llama, tmp_path / "plain", 2).fit(lines()).history_
    spared = model(llama, tmp_path / "spared", 2, checkpointing=True).fit(lines()).history_
    assert [epoch["loss"] for epoch in spared] == pytest.approx([epoch["loss"] for epoch in plain], abs=1e-4)


def test_a_base_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no base is named: set model\.base to a folder"):
        bases.load("")
    with pytest.raises(ModelError, match=r"there is no folder \./nowhere: name a folder with config.json"):
        bases.load("./nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"empty is no language model that can be loaded \(.*\): name"):
        bases.load(str(tmp_path / "empty"))
    bert = language_model(tmp_path / "bert", "bert")
    with pytest.raises(ModelError, match=r"bert is no causal language model \(BertModel\): take one"):
        bases.load(str(bert))
    broken = language_model(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"the language model .*broken is broken \(.*\): load it again"):
        bases.load(str(broken))


def test_layers_and_lines_that_are_missing_are_named(tmp_path: Path, llama: Path) -> None:
    with pytest.raises(
        OptionError, match=r"targets = \['nope'\] names no layer of .*; its linear layers are down_proj"
    ):
        model(llama, tmp_path, targets=("nope",)).fit(lines())
    with pytest.raises(CorpusError, match="no training line has a label: nothing can be learnt"):
        model(llama, tmp_path).fit(lines("dev"))
