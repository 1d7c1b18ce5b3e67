"""Ensembles: networks and a linear model in one file, begun from another run, fused on other speakers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from hearfelt.audio import read  # noqa: E402
from hearfelt.datasets import augment  # noqa: E402
from hearfelt.errors import ModelError, OptionError  # noqa: E402
from hearfelt.features import melfunctionals  # noqa: E402
from hearfelt.models.neural import Linear, NetworkOptions, VoiceEnsemble, VoiceNetwork  # noqa: E402
from hearfelt.models.onnx import VoiceModel  # noqa: E402
from hearfelt.training import inputs, linear, recipe, run  # noqa: E402
from hearfelt.training.recipe import (  # noqa: E402
    FinishOptions,
    FunctionalsOptions,
    ProtocolOptions,
    Recipe,
)

QUIET = lambda line: None  # noqa: E731
TINY = NetworkOptions(n_mels=20, stem=4, channels=(4, 8), width=8, attention=4, dropout=0.0)


@pytest.fixture
def several(made_recipe: Path) -> Recipe:
    """The tiny recipe with two networks and a linear model."""
    loaded = recipe.load(made_recipe)
    return dataclasses.replace(loaded, members=2, functionals=FunctionalsOptions(use=True))


def test_an_ensemble_is_the_mean_of_its_networks_and_the_weighted_linear_model() -> None:
    members = [VoiceNetwork(TINY, 3).eval() for _ in range(2)]
    model = Linear(5, 3)
    model.weight.copy_(torch.randn(5, 3))
    ensemble = VoiceEnsemble(members, model, 0.7).eval()
    logmel, lengths = torch.randn(4, 50, 20) - 8, torch.tensor([50, 40, 50, 13])
    functionals = 10 * torch.randn(4, 5)
    expected = (members[0](logmel, lengths) + members[1](logmel, lengths)) / 2
    expected = expected + 0.7 * functionals.clamp(-5, 5) @ model.weight
    torch.testing.assert_close(ensemble(logmel, lengths, functionals), expected)
    assert ensemble.n_parameters == 2 * members[0].n_parameters + 5 * 3 + 3


def test_the_linear_model_is_that_of_scikit_learn(several: Recipe, made_data: Path, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    clips = inputs.load(several, made_data, tmp_path / "cache", QUIET)
    rows = list(range(0, 48, 2))
    model = linear.fit(several, clips, rows)
    x = model.standardise(torch.from_numpy(clips.functionals[rows])).numpy()
    penalty = several.functionals.l2 * len(rows)
    other = LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=2000, tol=1e-8)
    other.fit(x, clips.targets[rows])
    ours = torch.softmax(torch.from_numpy(linear.logits(model, clips, rows)), dim=1).numpy()
    np.testing.assert_allclose(ours, other.predict_proba(x), atol=0.01)


def test_copies_make_the_linear_model_mind_noise_less(
    several: Recipe, made_data: Path, tmp_path: Path
) -> None:
    noisy = dataclasses.replace(several.augment, noise_p=1.0, noise_snr_min_db=5.0, noise_snr_max_db=15.0)
    clean = dataclasses.replace(several, augment=noisy)
    copied = dataclasses.replace(clean, functionals=FunctionalsOptions(use=True, copies=2))
    clips = inputs.load(clean, made_data, tmp_path / "cache", QUIET)
    learnt, asked = list(range(0, 48, 2)), list(range(1, 48, 2))
    moved = []
    for one in (clean, copied):
        model = linear.fit(one, clips, learnt)
        again = linear.fit(one, clips, learnt)
        torch.testing.assert_close(model.weight, again.weight, rtol=0, atol=0)
        random = np.random.default_rng(9)
        noise = augment.Noise(10.0, 10.0)
        rows = np.stack([melfunctionals.functionals(noise(clips.logmel(i), random)) for i in asked])
        there = model(torch.from_numpy(rows)).log_softmax(dim=1).numpy()
        here = model(torch.from_numpy(clips.functionals[asked])).log_softmax(dim=1).numpy()
        moved.append(np.abs(there - here).mean())
    assert moved[1] < 0.7 * moved[0]


def test_the_linear_model_hears_how_loud_a_clip_is_within_bounds(
    several: Recipe, made_data: Path, tmp_path: Path
) -> None:
    """Near the training data's level the level counts; far from it, softer still changes next to nothing."""
    clips = inputs.load(several, made_data, tmp_path / "cache", QUIET)
    model = linear.fit(several, clips, list(range(48)))
    rows = torch.from_numpy(clips.functionals[:8])
    gain = torch.from_numpy(melfunctionals.gain_direction(20))
    decibels = torch.tensor([0.0, -3.0, -25.0, -30.0, -60.0]) * 0.2302585
    at = torch.stack([model.at_level(rows + by * gain) @ model.gauge for by in decibels])
    moved = (at[0] - at).mean(dim=1) / 0.2302585
    assert 1.0 < float(moved[1]) < 3.0, "3 dB softer is heard"
    assert float(moved[4]) < 20, "60 dB softer is heard as less than 20"
    assert float(moved[3] - moved[2]) < 1.0, "from 25 to 30 dB softer is hardly heard"


def test_a_second_course_begins_where_the_first_ended(
    several: Recipe, made_data: Path, tmp_path: Path
) -> None:
    """And knows that labels a corpus lacks are wrong there; a first course that was finished is kept."""
    loop = dataclasses.replace(several.loop, epochs=2)
    finish = FinishOptions(epochs=2, learning_rate=1e-5, absent=0.5)
    one = dataclasses.replace(several, members=1, loop=loop, finish=finish)
    clips = inputs.load(one, made_data, tmp_path / "cache", QUIET)
    place, said = tmp_path / "fold0" / "member0", list[str]()
    (network,) = run.networks(one, clips, range(48), tmp_path / "fold0", said.append)
    assert ["finish" in line for line in said] == [False, False, True, True]
    begun = torch.load(place / "first.pt", weights_only=True)["head.weight"]
    moved = (network.head.weight.detach() - begun).abs().max()
    assert 0 < moved < 1e-3, "a tiny rate leaves the weights near to where the first course ended"

    (place / "network.pt").unlink()
    said.clear()
    (again,) = run.networks(one, clips, range(48), tmp_path / "fold0", said.append)
    assert all("finish" in line for line in said)
    torch.testing.assert_close(again.head.weight, network.head.weight, rtol=0, atol=0)
    with pytest.raises(OptionError, match=r"finish: epochs=-1, absent=0\.1: 0 or more epochs"):
        FinishOptions(epochs=-1)


def test_folds_of_an_ensemble(several: Recipe, made_data: Path, tmp_path: Path) -> None:
    """The weight of a fold comes from the other one; the exported file answers like torch."""
    out = tmp_path / "tiny"
    run.open_folder(several, out)
    clips = inputs.load(several, made_data, tmp_path / "cache", QUIET)
    folds = run.protocol_splits(several, clips, made_data)
    held = run.run_folds(several, clips, folds, out, QUIET)
    weights = json.loads((out / "weights.json").read_text())
    answers = [run._answers(out / f"fold{n}" / "answers.npz") for n in range(2)]
    for own, other in ((0, 1), (1, 0)):
        assert weights["folds"][str(own)] == run.best_weight(several, clips, [answers[other]])
    assert answers[0]["networks"].shape == (2, len(folds[0].test), 3)
    assert not np.allclose(answers[0]["networks"][0], answers[0]["networks"][1]), "two seeds, two networks"
    model = VoiceModel.load(out / "fold0")
    assert model.card["functionals"] == melfunctionals.SPACE
    inside = held.where(held.fold == 0)
    sounds = [read(Path(clips.examples[i].file))[0] for i in folds[0].test]
    names = [Path(clips.examples[i].file).name for i in folds[0].test]
    order = [names.index(str(name)) for name in inside.file]
    np.testing.assert_allclose(model.logits(sounds)[order], inside.logits, atol=0.05)


def test_leave_one_speaker_out_of_one_corpus(several: Recipe, made_data: Path, tmp_path: Path) -> None:
    clips = inputs.load(several, made_data, tmp_path / "cache", QUIET)
    foreign = [dataclasses.replace(e, corpus="ravdess") for e in clips.examples[:5]]
    both = dataclasses.replace(
        clips,
        examples=clips.examples + tuple(foreign),
    )
    data = dataclasses.replace(several.data, corpora=("emodb", "ravdess"))
    loso = dataclasses.replace(several, data=data, protocol=ProtocolOptions(kind="loso", corpus="emodb"))
    folds = run.protocol_splits(loso, both, made_data)
    assert len(folds) == 4
    for fold in folds:
        assert set(range(48, 53)) <= set(fold.train)
        assert len({both.examples[i].speaker for i in fold.test}) == 1
        assert len(fold.train) + len(fold.test) == 53
    nameless = dataclasses.replace(loso, protocol=ProtocolOptions(kind="loso"))
    with pytest.raises(
        OptionError, match=r"the recipe names none: set protocol\.corpus to one of emodb, rav"
    ):
        run.protocol_splits(nameless, both, made_data)


def test_a_run_begins_where_another_ended(several: Recipe, made_data: Path, tmp_path: Path) -> None:
    """No step at all: the networks are those of the other run, but for the outputs of labels it lacked."""
    first = dataclasses.replace(several, name="first", protocol=ProtocolOptions(kind="none"))
    clips = inputs.load(first, made_data, tmp_path / "cache", QUIET)
    run.open_folder(first, tmp_path / "first")
    run.run_final(first, clips, tmp_path / "first", QUIET)
    start = run.start_of(dataclasses.replace(several, start="first"), 1, tmp_path)
    assert start.path == tmp_path / "first" / "final" / "member1" / "network.pt"
    state = torch.load(start.path, weights_only=True)
    wider = ("anger", "disgust", "neutral", "sadness")
    data = dataclasses.replace(several.data, labels=wider)
    second = dataclasses.replace(several, name="second", start="first", data=data)
    from hearfelt.training import loop

    network = loop.build(second)
    by_chance = network.head.weight[1].detach().clone()
    loop._begin(network, wider, start)
    torch.testing.assert_close(
        network.recurrent.forwards.weight_hh_l0, state["recurrent.forwards.weight_hh_l0"]
    )
    torch.testing.assert_close(network.head.weight[[0, 2, 3]], state["head.weight"])
    torch.testing.assert_close(network.head.weight[1], by_chance)
    with pytest.raises(ModelError, match=r"starts from the run nowhere, and .*nowhere has no final networks"):
        run.start_of(dataclasses.replace(several, start="nowhere"), 0, tmp_path)
    other = loop.build(dataclasses.replace(second, network=dataclasses.replace(second.network, width=16)))
    with pytest.raises(ModelError, match=r"is no network that this one can start from"):
        loop._begin(other, wider, start)
