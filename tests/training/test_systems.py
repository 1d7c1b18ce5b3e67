"""Every model by name, and networks in scikit-learn's manners."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from hearfelt.audio import read
from hearfelt.datasets import corpora
from hearfelt.errors import CorpusError, ModelError, OptionError
from hearfelt.models.networks.table import NETWORKS
from hearfelt.models.onnx import VoiceModel
from hearfelt.training import changes, recipe, systems
from hearfelt.training.estimator import NeuralClassifier
from hearfelt.types import Example


@pytest.fixture
def table(made_data: Path) -> list[Example]:
    return corpora.read("emodb", made_data)


@pytest.fixture(scope="module")
def fitted(made_data: Path) -> NeuralClassifier:
    tiny = changes.changed(
        recipe.Recipe(),
        {
            "name": "tiny",
            "features.n_mels": 20,
            "network.stem": 4,
            "network.channels": [4, 8],
            "network.width": 8,
            "network.attention": 4,
            "loop.average": 0.5,
        },
    )
    return NeuralClassifier(tiny, epochs=12, batch=4).fit(corpora.read("emodb", made_data))


def test_a_network_learns_answers_and_is_saved(
    fitted: NeuralClassifier, table: list[Example], tmp_path: Path
) -> None:
    assert fitted.classes_ == ("anger", "neutral", "sadness")
    p = fitted.predict_proba(table)
    assert p.shape == (48, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    right = [fitted.classes_[i] == e.gold for i, e in zip(p.argmax(axis=1), table, strict=True)]
    assert np.mean(right) > 0.6, "a third is chance"

    fitted.save(tmp_path / "saved")
    again = NeuralClassifier.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(table[:5]), p[:5], atol=1e-6)
    played = VoiceModel.load(tmp_path / "saved").predict([read(Path(table[0].file))[0]])[0]
    np.testing.assert_allclose(played.emotion.probabilities, p[0], atol=1e-2)


def test_examples_files_and_sounds_get_the_same_answer(
    fitted: NeuralClassifier, table: list[Example]
) -> None:
    sound = read(Path(table[7].file))[0]
    rows = fitted.predict_proba([table[7], table[7].file, Path(table[7].file), sound])
    np.testing.assert_allclose(rows, np.repeat(rows[:1], 4, axis=0), atol=1e-6)
    (heard,) = fitted.predict([table[7]])
    assert heard.emotion.probabilities == pytest.approx(rows[0], abs=1e-6)
    assert heard.segment.end_s == pytest.approx(sound.duration_s, abs=1e-3)
    assert heard.source == "voice/tiny" and heard.emotion.valence is not None


def test_what_cannot_be_learnt_is_said(made_recipe: Path, table: list[Example], tmp_path: Path) -> None:
    model = NeuralClassifier(recipe.load(made_recipe))
    with pytest.raises(ModelError, match="has learnt nothing yet: call fit"):
        model.predict_proba(table)
    with pytest.raises(CorpusError, match="the 16 clips have the labels anger: a model needs at least two"):
        model.fit([e for e in table if e.gold == "anger"])
    with pytest.raises(CorpusError, match=r"1 of 48 clips have no label, the first is .*wav: label them"):
        model.fit([dataclasses.replace(table[0], gold=None), *table[1:]])
    with pytest.raises(ModelError, match="there is no model in"):
        NeuralClassifier.load(tmp_path)
    with pytest.raises(OptionError, match=r"unknown key in the recipe \[loop\] 'epoch'"):
        NeuralClassifier(epoch=3)


def test_every_name_of_the_table_makes_a_model() -> None:
    assert {name for name in NETWORKS if name != "encoder"} < set(systems.SYSTEMS)
    for name in systems.SYSTEMS:
        model = systems.make(name)
        assert callable(model.fit) and callable(model.predict_proba), name


def test_networks_by_name_take_the_keys_of_their_recipe(tmp_path: Path) -> None:
    model = systems.make("conformer", epochs=3, seed=5, cache=str(tmp_path), **{"network.dropout": 0.1})
    assert (model.recipe.network.kind, model.recipe.network.dropout) == ("conformer", 0.1)
    assert (model.recipe.loop.epochs, model.recipe.seed, model.cache) == (3, 5, tmp_path)
    tuned = systems.make("encoder:some/folder@lora")
    assert tuned.recipe.network.options == {"source": "some/folder", "tuning": "lora"}
    with pytest.raises(OptionError, match="unknown tuning 'most'; known: frozen, top, all, lora"):
        systems.make("encoder:some/folder@most")
    with pytest.raises(OptionError, match="cnn does not take normalise=own-speakers: leave it out"):
        systems.make("cnn", normalise="own-speakers")
    with pytest.raises(OptionError, match=r"unknown key in the recipe.*'epoch'"):
        systems.make("cnn", epoch=3)


def test_a_network_by_name_learns_answers_and_is_read_again(table: list[Example], tmp_path: Path) -> None:
    small = {"network.options": {"width": 8, "channels": [4, 8]}, "features.n_mels": 20}
    model = systems.make("cnn", epochs=2, batch=16, bf16=False, **small).fit(table[::2])
    p = model.predict_proba(table[:4])
    assert model.classes_ == ("anger", "neutral", "sadness")
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    model.save(tmp_path / "cnn")
    again = systems.make(f"weights:{tmp_path / 'cnn'}")
    np.testing.assert_allclose(again.predict_proba(table[:4]), p, atol=1e-3)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(OptionError, match=r"unknown model 'vioce'; known: .*voice.*weights:FOLDER"):
        systems.make("vioce")


def test_shipped_weights_answer_as_they_are(table: list[Example]) -> None:
    model = systems.make("base")
    p = model.fit(table).predict_proba(table[:3])
    expected = VoiceModel.load(Path(systems.__file__).parents[1] / "weights" / "base")
    for row, example in zip(p, table, strict=False):
        heard = expected.predict([read(Path(example.file))[0]])[0]
        assert heard.emotion.probabilities == pytest.approx(row, abs=1e-5)
    assert model.corpora == ("emodb", "ravdess", "nemo")
