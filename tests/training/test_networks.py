"""Networks with several tasks: from a table to losses, scores and models that load."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from hearfelt.audio import read  # noqa: E402
from hearfelt.errors import CorpusError, ModelError, OptionError  # noqa: E402
from hearfelt.evaluation import protocols  # noqa: E402
from hearfelt.models.networks.heads import Task  # noqa: E402
from hearfelt.models.onnx import VoiceModel  # noqa: E402
from hearfelt.training import command, kinds, table  # noqa: E402
from hearfelt.training.command import Order  # noqa: E402
from hearfelt.training.networks import lesson, material, scores, targets  # noqa: E402
from hearfelt.training.networks import run as runner  # noqa: E402
from hearfelt.training.networks.material import Material, Teaching  # noqa: E402
from hearfelt.training.networks.model import TaskClassifier  # noqa: E402
from hearfelt.training.networks.recipe import NetworkRecipe  # noqa: E402
from hearfelt.types import Example  # noqa: E402

RECIPE = """
kind = "network"
name = "many"
[features]
n_mels = 20
[network]
kind = "cnn"
options = { channels = [8, 8], width = 16, pooling = "mean" }
functionals = "concat"
[[tasks]]
name = "emotion"
balanced = true
[[tasks]]
name = "dimensions"
weight = 0.5
[[tasks]]
name = "gender"
weight = 0.1
[[tasks]]
name = "language"
weight = 0.1
[[tasks]]
name = "characters"
weight = 0.1
[loop]
epochs = 2
batch = 8
average = 0.5
bf16 = false
[protocol]
folds = 3
"""


def plan(tmp_path: Path, changes: dict[str, Any] | None = None) -> NetworkRecipe:
    path = tmp_path / "many.toml"
    path.write_text(RECIPE, encoding="utf-8")
    recipe: NetworkRecipe = kinds.plan(path, changes).recipe
    return recipe


def quiet(line: str) -> None:
    """A report nobody reads."""


@pytest.fixture(scope="module")
def many(own_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of five tasks, judged on one fold."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "many.toml").write_text(RECIPE, encoding="utf-8")
    order = Order(str(folder / "many.toml"), str(own_table), folder / "run", folds=(1,))
    return command.train(order, quiet)


def clips_of(recipe: NetworkRecipe, own_table: Path, tmp_path: Path) -> tuple[NetworkRecipe, Material]:
    examples = runner.read(recipe, own_table)
    filled = runner.filled(recipe, examples)
    return filled, runner.measure(filled, examples, tmp_path / "cache", quiet, 1)


def test_every_loss_is_reported_and_weighted(many: Path) -> None:
    lines = (many / "fold1" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    weights = {"emotion": 1.0, "dimensions": 0.5, "gender": 0.1, "language": 0.1, "characters": 0.1}
    for line in lines:
        figures = json.loads(line)
        total = sum(weight * figures[f"loss_{name}"] for name, weight in weights.items())
        assert figures["loss"] == pytest.approx(total, rel=1e-4)


def test_every_task_has_its_figures(many: Path) -> None:
    found = json.loads((many / "scores.json").read_text(encoding="utf-8"))
    assert set(found["tasks"]) == {"emotion", "dimensions", "gender", "language", "characters"}
    assert found["all"]["clips"] == found["tasks"]["emotion"]["clips"] == 9
    assert {"ccc", "ccc_arousal", "ccc_valence", "ccc_dominance"} <= set(found["tasks"]["dimensions"])
    held = protocols.load(many / "heldout.npz")
    assert len(set(held.speaker.tolist())) == 1
    assert found["tasks"]["emotion"]["uar"] == pytest.approx(found["all"]["uar"], abs=1e-4)


def test_the_final_model_runs_in_every_door(many: Path, own_clips: Path) -> None:
    sounds = sorted(own_clips.rglob("*.wav"))[:3]
    model = TaskClassifier.load(many / "final")
    said = model.answers(sounds)
    assert model.classes_ == ("anger", "neutral", "sadness")
    np.testing.assert_allclose(said["emotion"].sum(axis=1), 1, rtol=1e-5)
    assert said["dimensions"].shape == (3, 3) and said["characters"].shape == (3,)
    runtime = VoiceModel.load(many / "final")
    for path, row, evidence in zip(sounds, said["dimensions"], model.predict(sounds), strict=True):
        (other,) = runtime.predict([read(path)[0]])
        # Training keeps log-mels as float16.
        assert other.emotion.arousal == pytest.approx(row[0], abs=0.02)
        assert evidence.emotion.arousal == pytest.approx(row[0])
    temperature = runtime.card["temperature"]
    logits = np.log(said["emotion"]) / temperature
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    (other,) = runtime.predict([read(sounds[0])[0]])
    np.testing.assert_allclose(other.emotion.probabilities, shares[0], atol=0.02)


def test_a_model_is_saved_and_loaded_again(many: Path, own_clips: Path, tmp_path: Path) -> None:
    sounds = sorted(own_clips.rglob("*.wav"))[:2]
    model = TaskClassifier.load(many / "final")
    model.save(tmp_path / "again")
    again = TaskClassifier.load(tmp_path / "again").predict_proba(sounds)
    np.testing.assert_array_equal(again, model.predict_proba(sounds))
    with pytest.raises(ModelError, match="learnt nothing yet"):
        TaskClassifier().predict_proba(sounds)


@pytest.mark.parametrize(
    ("task", "figures"),
    [
        ({"name": "emotion", "kind": "soft"}, {"clips", "uar", "kl"}),
        ({"name": "emotion", "kind": "multi", "loss": "focal"}, {"clips", "macro_f1", "micro_f1", "lrap"}),
        ({"name": "dimensions"}, {"clips", "ccc", "ccc_arousal", "ccc_valence", "ccc_dominance"}),
    ],
)
def test_tasks_of_every_kind_can_stand_alone(
    task: dict[str, Any], figures: set[str], own_table: Path, tmp_path: Path
) -> None:
    settings = {"tasks": [task], "loop.epochs": 1, "network.functionals": "", "loop.patience": 1}
    recipe, clips = clips_of(plan(tmp_path, settings), own_table, tmp_path)
    folds = [i for i, e in enumerate(clips.examples) if e.speaker == "ann"]
    network = lesson.learn(recipe, clips, range(27), tmp_path / "run", quiet)
    said = lesson.answers(network, clips, folds)
    truth = targets.targets(network.tasks, recipe.tasks, clips.examples)[task["name"]][folds]
    assert set(scores.of(network.tasks[0], said[task["name"]], truth)) == figures
    (line,) = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    judged = json.loads(line)
    assert judged["loss"] == pytest.approx(judged[f"loss_{task['name']}"], rel=1e-4)
    assert -1 <= judged["score"] <= 1


def test_votes_become_soft_labels(own_table: Path, tmp_path: Path) -> None:
    settings = {"tasks": [{"name": "emotion", "kind": "soft"}]}
    recipe, clips = clips_of(plan(tmp_path, settings), own_table, tmp_path)
    assert recipe.tasks[0].labels == ("anger", "neutral", "sadness")
    tasks = targets.resolve(recipe.tasks, clips.examples)
    found = targets.targets(tasks, recipe.tasks, clips.examples)["emotion"]
    np.testing.assert_allclose(found[0], [2 / 3, 1 / 3, 0], atol=1e-6)


def test_sampling_evens_out_labels(own_table: Path, tmp_path: Path) -> None:
    settings = {"tasks": [{"name": "emotion"}], "network.functionals": "", "sampling": "even"}
    recipe, clips = clips_of(plan(tmp_path, settings), own_table, tmp_path)
    rows = [i for i, e in enumerate(clips.examples) if e.gold == "anger" or e.speaker == "ann"]
    tasks = targets.resolve(recipe.tasks, clips.examples)
    for sampling, expected in (("even", {0: 5, 1: 5, 2: 5}), ("each", {0: 9, 1: 3, 2: 3})):
        chosen = dataclasses.replace(recipe, sampling=sampling)
        teaching = Teaching(chosen, tasks, clips, rows)
        counts = Counter(int(t) for batch in teaching.batches(0) for t in batch.targets["emotion"])
        assert counts == expected


def test_labels_a_corpus_lacks_are_out_of_its_softmax(own_table: Path, tmp_path: Path) -> None:
    settings = {"tasks": [{"name": "emotion"}], "network.functionals": ""}
    recipe, clips = clips_of(plan(tmp_path, settings), own_table, tmp_path)
    examples = [dataclasses.replace(e, corpus="two" if e.speaker == "ben" else "one") for e in clips.examples]
    two = Material(dataclasses.replace(clips.clips, examples=tuple(examples)), False)
    rows = [i for i, e in enumerate(examples) if e.corpus == "one" or e.gold != "anger"]
    tasks = targets.resolve(recipe.tasks, examples)
    allowed = Teaching(recipe, tasks, two, rows).allowed["emotion"]
    assert {examples[i].corpus: allowed[i].tolist() for i in rows} == {
        "one": [True, True, True],
        "two": [False, True, True],
    }


def test_a_batch_without_targets_learns_nothing(own_table: Path, tmp_path: Path) -> None:
    settings = {"tasks": [{"name": "gender"}], "network.functionals": ""}
    recipe, clips = clips_of(plan(tmp_path, settings), own_table, tmp_path)
    tasks = targets.resolve(recipe.tasks, clips.examples)
    teaching = Teaching(recipe, tasks, clips, range(27))
    teaching.targets["gender"][:] = -1
    network = lesson.build(recipe, tasks)
    learning = lesson.TaskLesson(network, teaching)
    step = learning(next(iter(teaching.batches(0))), lesson.Device(False))
    step.loss.backward()
    assert step.loss.item() == 0 and step.figures == {}
    assert all(p.grad is None or not p.grad.any() for p in network.parameters())


def test_clips_without_labels_still_teach_other_tasks(own_table: Path, tmp_path: Path) -> None:
    recipe = plan(tmp_path)
    lines = own_table.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    cells[1] = cells[9] = ""
    (tmp_path / "some.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]), encoding="utf-8")
    assert len(runner.read(recipe, tmp_path / "some.csv")) == 27
    only = plan(tmp_path, {"tasks": [{"name": "emotion"}]})
    assert len(runner.read(only, tmp_path / "some.csv")) == 26


def test_the_text_of_a_clip_that_is_cut_is_not_learnt(own_table: Path, tmp_path: Path) -> None:
    settings = {"tasks": [{"name": "characters"}], "network.functionals": "", "augment.mixup": 0.0}
    recipe, clips = clips_of(plan(tmp_path, settings), own_table, tmp_path)
    tasks = targets.resolve(recipe.tasks, clips.examples)
    lengths = sorted(clips.clips.length(i) for i in range(27))
    longest = lengths[13]
    cut = dataclasses.replace(recipe, loop=dataclasses.replace(recipe.loop, max_s=longest * 0.01))
    for chosen, expected in ((recipe, 27), (cut, sum(n <= longest for n in lengths))):
        teaching = Teaching(chosen, tasks, clips, range(27))
        taught = [(b.targets["characters"] >= 0).any(dim=1) for b in teaching.batches(0)]
        assert int(torch.cat(taught).sum()) == expected
        assert (teaching.targets["characters"] >= 0).any(axis=1).all()


def test_mistakes_are_one_sentence(own_table: Path, tmp_path: Path) -> None:
    sevens = {"features.n_mels": 7, "tasks": [{"name": "emotion"}]}
    with pytest.raises(OptionError, match=r"features.n_mels = 7 are too few bins for functionals: use 20"):
        clips_of(plan(tmp_path, sevens), own_table, tmp_path)
    with pytest.raises(OptionError, match="unknown network 'rnn'; known: cnn, recurrent"):
        clips_of(plan(tmp_path, {"network.kind": "rnn"}), own_table, tmp_path)
    with pytest.raises(OptionError, match="unknown kind of a recipe for networks 'voice'; known: network"):
        NetworkRecipe(kind="voice")
    bare = [Example("a.wav", "anger", speaker="a"), Example("b.wav", "sadness", speaker="b")]
    recipe = plan(tmp_path)
    with pytest.raises(
        CorpusError, match="the task 'dimensions' learns from the column arousal, valence and"
    ):
        runner.filled(recipe, bare)
    with pytest.raises(
        CorpusError, match="sampling = 'even' draws evenly over labels, and some clips have none"
    ):
        some = dataclasses.replace(recipe, sampling="even", tasks=recipe.tasks[2:3])
        filled, clips = clips_of(some, own_table, tmp_path)
        examples = (dataclasses.replace(clips.examples[0], gold=None), *clips.examples[1:])
        without = Material(dataclasses.replace(clips.clips, examples=examples), False)
        Teaching(filled, targets.resolve(filled.tasks, examples), without, range(27))


def test_distances_and_figures_by_hand() -> None:
    assert scores.distance("kitten", "sitting") == 3
    spelt = Task("characters", "ctc", ("a", "b"))
    figures = scores.of(spelt, np.array(["ab", "b", "x"]), np.array([[1, 2], [1, 2], [-1, -1]]))
    assert figures == {"clips": 2, "cer": 0.25} and scores.best(spelt, figures) == 0.75
    rated = Task("dimensions", "dimensions", ("arousal", "valence"))
    truth = np.array([[0.1, np.nan], [0.5, np.nan], [-0.5, 0.2]])
    figures = scores.of(rated, truth.copy(), truth)
    assert figures == {"clips": 3, "ccc": 1.0, "ccc_arousal": 1.0}
    named = Task("emotion", "single", ("a", "b"))
    assert scores.of(named, np.zeros((2, 2)), np.array([-1, -1])) == {} and scores.best(named, {}) == -1.0


def test_a_waveform_network_hears_the_sounds(own_table: Path, tmp_path: Path) -> None:
    recipe, clips = clips_of(plan(tmp_path, {"tasks": [{"name": "emotion"}]}), own_table, tmp_path)
    waves = Material(clips.clips, True)
    tasks = targets.resolve(recipe.tasks, clips.examples)
    cut = dataclasses.replace(recipe, loop=dataclasses.replace(recipe.loop, max_s=0.3))
    seen = 0
    for batch in Teaching(cut, tasks, waves, range(27)).batches(0):
        assert batch.x.ndim == 2 and int(batch.lengths.max()) <= 4800
        seen += len(batch.lengths)
    assert seen == 27
    first = waves.heard(0)
    assert np.array_equal(first, read(Path(clips.examples[0].file))[0].samples)
    assert table.digest(clips.examples) == table.digest(runner.read(recipe, own_table))
    x, lengths = material.padded([first[:5], first[:3]])
    assert x.shape == (2, 5) and lengths.tolist() == [5, 3] and not x[1, 3:].any()


def test_a_speech_encoder_learns_by_lora(own_clips: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("peft")
    wave = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    size = {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(**wave, **size)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path / "encoder")
    options = {"source": str(tmp_path / "encoder"), "tuning": "lora", "width": 8}
    settings = {"network.kind": "encoder", "network.options": options, "network.functionals": ""}
    settings |= {"tasks": [{"name": "emotion"}], "loop.epochs": 1}
    (tmp_path / "many.toml").write_text(RECIPE, encoding="utf-8")
    order = Order(str(tmp_path / "many.toml"), str(own_clips), tmp_path / "run", ("final",), (), settings)
    lines: list[str] = []
    out = command.train(order, lines.append)
    assert lines[0].startswith("this network hears the waveform: clips are cut to loop.max_s")
    kept = torch.load(out / "final" / "network.pt")["state"]
    assert any("lora_" in name for name in kept) and not any("attention.k_proj" in name for name in kept)
    assert json.loads((out / "final" / "model.json").read_text(encoding="utf-8"))["kind"] == "network"
    model = TaskClassifier.load(out / "final")
    sounds = sorted(own_clips.rglob("*.wav"))[:2]
    np.testing.assert_allclose(model.predict_proba(sounds).sum(axis=1), 1, rtol=1e-5)
