"""From a folder of clips to published weights, on a corpus made here; and a killed run that goes on."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from hearfelt.audio import read  # noqa: E402
from hearfelt.datasets import splits  # noqa: E402
from hearfelt.errors import CorpusError, ModelError, OptionError  # noqa: E402
from hearfelt.evaluation import protocols  # noqa: E402
from hearfelt.features.logmel import LogMel  # noqa: E402
from hearfelt.models.onnx import VoiceModel  # noqa: E402
from hearfelt.training import __main__ as command  # noqa: E402
from hearfelt.training import devices, engine, export, inputs, loop, measure, recipe, run  # noqa: E402
from hearfelt.training.inputs import Clips  # noqa: E402
from hearfelt.training.recipe import Recipe  # noqa: E402


def quiet(line: str) -> None:
    """A report nobody reads."""


@pytest.fixture
def tiny(made_recipe: Path) -> Recipe:
    return recipe.load(made_recipe)


@pytest.fixture
def clips(tiny: Recipe, made_data: Path, tmp_path: Path) -> Clips:
    return inputs.load(tiny, made_data, tmp_path / "cache", quiet)


def test_clips_hold_the_log_mels_of_the_table(clips: Clips, tiny: Recipe) -> None:
    assert len(clips.examples) == 48
    assert clips.starts[-1] == len(clips.values)
    extract = LogMel(tiny.features)
    for index in (0, 17, 47):
        expected = extract(read(Path(clips.examples[index].file))[0]).values
        np.testing.assert_allclose(clips.logmel(index), expected, atol=0.02)
        assert clips.labels[clips.targets[index]] == clips.examples[index].gold


def test_log_mels_are_measured_once(
    clips: Clips, tiny: Recipe, made_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "LogMel", None)
    again = inputs.load(tiny, made_data, tmp_path / "cache", quiet)
    np.testing.assert_array_equal(again.values, clips.values)


def test_an_epoch_draws_evenly_over_labels(clips: Clips, tiny: Recipe) -> None:
    rows = [i for i, e in enumerate(clips.examples) if e.gold != "sadness" or e.speaker == "00"]
    chosen = inputs.draw(clips, rows, tiny.data, np.random.default_rng(0))
    counts = Counter(clips.examples[i].gold for i in chosen)
    assert counts == {"anger": 10, "neutral": 10, "sadness": 10}
    repeats = Counter(i for i in chosen if clips.examples[i].gold == "sadness")
    assert set(repeats.values()) == {2, 3}
    each = dataclasses.replace(tiny.data, per_epoch={})
    assert sorted(inputs.draw(clips, rows, each, np.random.default_rng(0))) == rows


def test_an_epoch_is_repeatable_and_epochs_differ(clips: Clips, tiny: Recipe) -> None:
    one, same, other = (next(inputs.epoch(clips, range(48), tiny, number)) for number in (0, 0, 1))
    torch.testing.assert_close(one.logmel, same.logmel, rtol=0, atol=0)
    assert one.logmel.shape != other.logmel.shape or not torch.equal(one.logmel, other.logmel)
    assert (one.share >= 0.5).all() and one.allowed.all()


def test_labels_a_corpus_lacks_are_not_allowed(made_data: Path, tiny: Recipe, tmp_path: Path) -> None:
    labels = ("anger", "disgust", "neutral", "sadness")
    wider = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, labels=labels))
    loaded = inputs.load(wider, made_data, tmp_path / "cache", quiet)
    assert loaded.allowed["emodb"].tolist() == [True, False, True, True]


def test_a_killed_run_goes_on_at_the_same_loss(
    clips: Clips, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = loop.train(tiny, clips, range(48), tmp_path / "whole", quiet)
    real, done = engine._epoch, []

    def dies(*arguments: object) -> dict[str, float]:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(0)
        return real(*arguments)

    monkeypatch.setattr(engine, "_epoch", dies)
    with pytest.raises(KeyboardInterrupt):
        loop.train(tiny, clips, range(48), tmp_path / "killed", quiet)
    monkeypatch.setattr(engine, "_epoch", real)
    resumed = loop.train(tiny, clips, range(48), tmp_path / "killed", quiet)

    def losses(name: str) -> list[float]:
        lines = (tmp_path / name / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["loss"] for line in lines]

    assert losses("killed") == losses("whole")
    assert len(losses("whole")) == 3
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.skipif(not devices.native_bf16(), reason="this processor has no bfloat16 instructions")
def test_bfloat16_and_float32_learn_alike(clips: Clips, tiny: Recipe, tmp_path: Path) -> None:
    exact = dataclasses.replace(tiny, loop=dataclasses.replace(tiny.loop, bf16=False))
    for name, chosen in (("bf16", tiny), ("fp32", exact)):
        loop.train(chosen, clips, range(48), tmp_path / name, quiet)
    first = [
        json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[0])["loss"]
        for name in ("bf16", "fp32")
    ]
    assert first[0] == pytest.approx(first[1], rel=0.02)


def test_from_clips_to_published_weights(made_recipe: Path, made_data: Path, tmp_path: Path) -> None:
    out, weights = tmp_path / "runs" / "tiny", tmp_path / "weights"
    arguments = [str(made_recipe), "--data", str(made_data), "--out", str(out), "--weights", str(weights)]
    assert command.main(arguments) == 0

    held = protocols.load(out / "heldout.npz")
    assert held.logits.shape == (48, 3) and set(held.fold.tolist()) == {0, 1}
    folds = splits.speaker_folds(
        inputs.load(recipe.load(made_recipe), made_data, tmp_path / "runs/cache", quiet).examples, 2, 1
    )
    assert sorted(set(held.speaker[held.fold == 0])) == sorted(
        {f"{s:02}" for s in speakers(folds[0], made_data)}
    )

    model = VoiceModel.load(out / "fold1")
    path = made_data / "audio" / "emodb" / "audio" / str(held.file[held.fold == 1][0])
    logits = model.logits([read(path)[0]])[0]
    np.testing.assert_allclose(logits, held.logits[held.fold == 1][0], atol=0.05)

    card = VoiceModel.load(weights).card
    assert (card["name"], card["licence"], card["commercial"]) == ("tiny", "CC BY 4.0", True)
    assert card["scores"]["all"]["clips"] == 48
    assert card["temperature"] == pytest.approx(protocols.fit_temperature(held), abs=1e-4)
    assert np.sum(card["confusion"]["counts"]) == 48
    page = (weights / "CARD.md").read_text(encoding="utf-8")
    for part in ("CC BY 4.0", "| emodb | 48 | 4 |", "Acted speech only", "Russell", "| female |"):
        assert part in page
    assert not list(tmp_path.rglob("*.part"))


def speakers(split: splits.Split, data: Path) -> set[int]:
    names = sorted(p.name for p in (data / "audio" / "emodb" / "audio").iterdir())
    rows = (data / "audio" / "emodb" / "manifest.csv").read_text().splitlines()[1:]
    assert len(names) == len(rows)
    return {int(rows[i].split(",")[1]) for i in split.test}


def test_finished_folds_are_not_done_again(
    clips: Clips, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folds = splits.speaker_folds(clips.examples, 2, 1)
    out = tmp_path / "run"
    first = run.run_folds(tiny, clips, folds, out, quiet, only=(0,))
    assert set(first.fold.tolist()) == {0}
    calls = []
    real = loop.train

    def counted(*arguments: object) -> object:
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(loop, "train", counted)
    both = run.run_folds(tiny, clips, folds, out, quiet)
    assert len(calls) == 1 and set(both.fold.tolist()) == {0, 1}


def test_a_run_folder_belongs_to_one_recipe(tiny: Recipe, tmp_path: Path) -> None:
    run.open_folder(dataclasses.replace(tiny, seed=8), tmp_path / "run")
    run.open_folder(tiny, tmp_path / "run")  # nothing was learnt by the other recipe
    (tmp_path / "run" / "fold0").mkdir()
    run.open_folder(tiny, tmp_path / "run")
    with pytest.raises(OptionError, match=r"other options \(seed 3 then, 9 now\): give another --out"):
        run.open_folder(dataclasses.replace(tiny, seed=9), tmp_path / "run")


def test_an_export_that_differs_is_refused(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = loop.build(tiny)
    assert export.export(network, tmp_path / "good.onnx") < 1e-4
    monkeypatch.setattr(export, "parity", lambda *_: float("nan"))
    with pytest.raises(ModelError, match=r"bad\.onnx differs from the trained network by nan"):
        export.export(network, tmp_path / "bad.onnx")
    assert [p.name for p in tmp_path.glob("*onnx*")] == ["good.onnx"]


def test_parity_notices_other_weights(tiny: Recipe, tmp_path: Path) -> None:
    network = loop.build(tiny).eval()
    export.export(network, tmp_path / "model.onnx")
    with torch.no_grad():
        network.head.bias += 0.01
    assert export.parity(network, tmp_path / "model.onnx") == pytest.approx(0.01, rel=0.05)


def test_the_command_says_what_is_wrong(
    made_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert command.main([str(made_recipe), "--data", str(tmp_path / "none"), "--out", out]) == 2
    assert "the corpus emodb is not at" in capsys.readouterr().err
    assert command.main([str(tmp_path / "no.toml")]) == 2
    assert "there is no recipe" in capsys.readouterr().err
    weights = str(tmp_path / "w")
    assert command.main([str(made_recipe), "--out", out, "--stage", "publish", "--weights", weights]) == 2
    assert "holds no run: name the folder that hearfelt train wrote" in capsys.readouterr().err


def test_a_clip_that_cannot_be_measured_is_named(
    tiny: Recipe, made_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hearfelt.types import Audio

    nan = Audio(np.full(1600, np.nan, dtype=np.float32), 16000)
    monkeypatch.setattr(measure.audio, "read", lambda *_, **__: [nan])
    with pytest.raises(CorpusError, match=r"48 of 48 clips cannot be learnt from, .*00a01Wa\.wav \(.*NaN"):
        inputs.load(tiny, made_data, tmp_path / "cache", quiet)
    assert not list((tmp_path / "cache").glob("*")) if (tmp_path / "cache").exists() else True


def test_a_folder_without_a_network_is_named(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no network of this recipe"):
        run.load_network(tiny, tmp_path)
    run.save_network(loop.build(tiny), tiny, tmp_path, "tiny")
    assert run.load_network(tiny, tmp_path).n_parameters > 0
    wider = dataclasses.replace(tiny, network=dataclasses.replace(tiny.network, width=16))
    with pytest.raises(ModelError, match="holds no network of this recipe"):
        run.load_network(wider, tmp_path)
