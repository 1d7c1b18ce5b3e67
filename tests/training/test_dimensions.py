"""Arousal, valence and dominance learnt from ratings: loss, mixing, training, export, card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from hearfelt.audio import read  # noqa: E402
from hearfelt.datasets import manifest  # noqa: E402
from hearfelt.errors import CorpusError, OptionError  # noqa: E402
from hearfelt.features.logmel import LogMel  # noqa: E402
from hearfelt.models.neural import VoiceNetwork, ccc_loss  # noqa: E402
from hearfelt.models.onnx import VoiceModel  # noqa: E402
from hearfelt.training import card, inputs, loop, recipe, run, runfolder  # noqa: E402
from hearfelt.training.inputs import Clips  # noqa: E402
from hearfelt.training.recipe import Recipe  # noqa: E402

NAN = float("nan")
RATED = {"anger": (0.8, -0.6, 0.5), "sadness": (-0.6, -0.4, -0.5), "neutral": (0.0, 0.1, 0.0)}


def quiet(line: str) -> None:
    """A report nobody reads."""


def ccc(x: np.ndarray, y: np.ndarray) -> float:
    """Lin (1989), written out."""
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


@pytest.fixture
def rated(made_data: Path, made_recipe: Path, tmp_path: Path) -> Clips:
    """The made corpus with ratings that follow its labels; speaker 03 was not rated."""
    clips = inputs.load(recipe.load(made_recipe), made_data, tmp_path / "cache", quiet)
    assert np.isnan(clips.dimensions).all()
    random = np.random.default_rng(0)
    values = np.array([RATED[str(e.gold)] for e in clips.examples], dtype=np.float32)
    values += random.uniform(-0.05, 0.05, values.shape).astype(np.float32)
    values[[e.speaker == "03" for e in clips.examples]] = np.nan
    return dataclasses.replace(clips, dimensions=values)


@pytest.fixture
def tiny(made_recipe: Path) -> Recipe:
    text = made_recipe.read_text(encoding="utf-8").replace("[network]", "[network]\ndimensions = true")
    made_recipe.write_text(text, encoding="utf-8")
    return recipe.load(made_recipe)


def test_the_loss_is_lins_formula() -> None:
    random = np.random.default_rng(1)
    x, y = random.uniform(-1, 1, (2, 9, 3))
    y[2, 0] = y[5, 2] = np.nan
    expected = np.mean([1 - ccc(x[~np.isnan(y[:, d]), d], y[~np.isnan(y[:, d]), d]) for d in range(3)])
    assert float(ccc_loss(torch.tensor(x), torch.tensor(y))) == pytest.approx(expected, abs=1e-5)
    by_hand = ccc_loss(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.5], [1.0]]))
    assert float(by_hand) == pytest.approx(1 - 0.25 / (0.25 + 0.0625 + 0.0625), abs=1e-6)
    assert float(ccc_loss(torch.tensor(x), torch.tensor(x))) == pytest.approx(0, abs=1e-5)


def test_what_was_not_rated_gets_no_gradient() -> None:
    predicted = torch.tensor([[0.1, 0.2], [0.4, -0.3], [-0.5, 0.6]], requires_grad=True)
    loss = ccc_loss(predicted, torch.tensor([[0.3, NAN], [NAN, NAN], [-0.2, 0.1]]))
    loss.backward()
    grad = predicted.grad
    assert grad is not None and torch.isfinite(grad).all()
    assert (grad[1] == 0).all()
    assert (grad[:, 1] == 0).all(), "one rating alone has no correlation"
    assert grad[0, 0] != 0 and grad[2, 0] != 0
    empty = torch.zeros(3, 2, requires_grad=True)
    nothing = ccc_loss(empty, torch.full((3, 2), NAN))
    nothing.backward()
    assert float(nothing.detach()) == 0 and empty.grad is not None and (empty.grad == 0).all()


def test_mixup_mixes_ratings_and_drops_them_where_one_clip_has_none(rated: Clips) -> None:
    with_one, other, without = (
        next(i for i, e in enumerate(rated.examples) if (e.gold, e.speaker) == key)
        for key in (("anger", "00"), ("sadness", "01"), ("anger", "03"))
    )
    mels = [rated.logmel(with_one)] * 3
    shares = np.array([0.7, 0.7, 1.0], dtype=np.float32)
    drawn = inputs.Drawn(mels, [with_one] * 3, [other, without, with_one], shares)
    batch = inputs._batch(rated, drawn)
    mixed = 0.7 * rated.dimensions[with_one] + 0.3 * rated.dimensions[other]
    np.testing.assert_allclose(batch.dimensions[0], mixed, atol=1e-6)
    assert torch.isnan(batch.dimensions[1]).all()
    np.testing.assert_allclose(batch.dimensions[2], rated.dimensions[with_one], atol=1e-6)


def test_a_few_clips_are_learnt_and_the_export_says_the_same(
    rated: Clips, tiny: Recipe, tmp_path: Path
) -> None:
    few = [i for i, e in enumerate(rated.examples) if e.speaker in ("00", "01")]
    loop_options = dataclasses.replace(tiny.loop, epochs=30, bf16=False, learning_rate=0.01)
    network_options = dataclasses.replace(tiny.network, dropout=0.0)
    chosen = dataclasses.replace(tiny, loop=loop_options, network=network_options)
    network = loop.train(chosen, rated, few, tmp_path / "run", quiet)
    run.save_network(network, chosen, tmp_path / "run", "tiny")
    model = VoiceModel.load(tmp_path / "run")
    assert model.card["dimensions"].startswith("trained")
    sounds = [read(Path(rated.examples[i].file))[0] for i in few]
    emotions = [one.emotion for one in model.predict(sounds)]
    found = np.array([[e.arousal, e.valence, e.dominance] for e in emotions])
    for axis in range(3):
        assert ccc(found[:, axis], rated.dimensions[few, axis].astype(float)) > 0.9
    extract = LogMel(tiny.features)
    for row, sound in enumerate(sounds[:4]):
        logmel = torch.from_numpy(extract(sound).values)[None]
        with torch.no_grad():
            _, expected = network.answers(logmel, torch.tensor([logmel.shape[1]]))
        assert expected is not None
        np.testing.assert_allclose(found[row], expected[0].numpy(), atol=1e-4)
    assert model.logits(sounds[:2]).shape == (2, 3)


def test_a_network_without_dimensions_is_as_it_was(made_recipe: Path, tmp_path: Path) -> None:
    plain = recipe.load(made_recipe)
    assert not plain.network.dimensions
    torch.manual_seed(0)
    without = loop.build(plain)
    torch.manual_seed(0)
    options = dataclasses.replace(without.options, dimensions=True)
    with_head = VoiceNetwork(options, 3)
    assert not [name for name in without.state_dict() if "dimension" in name]
    for name, value in without.state_dict().items():
        assert torch.equal(value, with_head.state_dict()[name]), name
    run.save_network(without, plain, tmp_path, "plain")
    model = VoiceModel.load(tmp_path)
    assert [output.name for output in model._session.get_outputs()] == ["logits"]
    assert "dimensions" not in model.card


def test_a_run_begun_before_the_option_goes_on(made_recipe: Path, tmp_path: Path) -> None:
    plain = recipe.load(made_recipe)
    run.open_folder(plain, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    del stored["recipe"]["network"]["dimensions"], stored["recipe"]["loop"]["dimension_weight"]
    path.write_text(json.dumps(stored), encoding="utf-8")
    run.open_folder(plain, tmp_path / "run")
    (tmp_path / "run" / "fold0").mkdir()  # something was learnt: the folder is not taken over
    network = dataclasses.replace(plain.network, dimensions=True)
    with pytest.raises(OptionError, match="holds a run with other options"):
        run.open_folder(dataclasses.replace(plain, network=network), tmp_path / "run")


def test_dimensions_without_ratings_are_refused(rated: Clips, tiny: Recipe, tmp_path: Path) -> None:
    unrated = [i for i, e in enumerate(rated.examples) if e.speaker == "03"]
    message = r"0 clips have a rating of arousal, at least 2 are needed .* or set dimensions = false"
    with pytest.raises(CorpusError, match=message):
        loop.train(tiny, rated, unrated, tmp_path, quiet)
    with pytest.raises(OptionError, match=r"dimension_weight=-1\.0: it must be 0 or more"):
        recipe.LoopOptions(dimension_weight=-1.0)


def test_the_weight_scales_the_loss(rated: Clips, tiny: Recipe) -> None:
    batch = next(inputs.epoch(rated, range(48), tiny, 0))
    network = loop.build(tiny).eval()
    logits, said = network.answers(batch.logmel, batch.lengths)
    assert said is not None

    def at(weight: float) -> float:
        options = dataclasses.replace(tiny.loop, dimension_weight=weight)
        return float(loop._loss(logits, said, batch, options).detach())

    extra = float(ccc_loss(said, batch.dimensions).detach())
    assert extra > 0
    assert at(2.0) - at(0.0) == pytest.approx(2 * extra, rel=1e-4)
    assert at(0.0) == pytest.approx(float(loop._loss(logits, None, batch, tiny.loop).detach()))


def test_ratings_are_read_from_the_manifest(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(160), 16000)
    path = tmp_path / "manifest.csv"
    header = "file,emotion,arousal,valence,dominance\n"
    path.write_text(header + "a.wav,anger,0.5,-1,\n", encoding="utf-8")
    (example,) = manifest.read(path)
    assert (example.arousal, example.valence, example.dominance) == (0.5, -1.0, None)
    manifest.write([example], tmp_path / "again.csv")
    assert manifest.read(tmp_path / "again.csv", audio=tmp_path) == [example]
    for wrong in ("1.5", "high", "nan"):
        path.write_text(header + f"a.wav,anger,{wrong},,\n", encoding="utf-8")
        with pytest.raises(
            CorpusError, match=rf"line 2: arousal is '{wrong}': it must be a number in \[-1, 1\]"
        ):
            manifest.read(path)


def test_the_card_says_what_the_dimensions_are() -> None:
    assert "were not measured on speakers" in card._dimensions(runfolder.TRAINED)
    assert "They were not learnt from ratings" in card._dimensions("derived from")
