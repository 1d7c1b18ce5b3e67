"""Models by name, without torch: all classical ones, on other features, several as one, from a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearfelt.errors import ModelError, OptionError
from hearfelt.features import matrix
from hearfelt.models import classical
from hearfelt.models.classical import ClassicalModel
from hearfelt.models.ensemble import Ensemble
from hearfelt.training import systems
from tests.models.conftest import Corpus, corpus

pytest.importorskip("sklearn")
__all__ = ["corpus"]


@pytest.mark.parametrize("name", classical.CLASSICAL)
def test_a_name_makes_the_options_of_the_table(name: str) -> None:
    model = systems.make(name, seed=3, cache="kept")
    assert isinstance(model, ClassicalModel)
    chosen = classical.CLASSICAL[name]
    assert (model.options.kind, model.options.features) == (chosen.kind, chosen.features)
    assert (model.options.seed, model.cache, model.name) == (3, Path("kept"), name)


def test_a_model_on_other_features() -> None:
    model = systems.make("mlp@functionals+encoder:some/folder@mean", normalise="own-speakers")
    assert isinstance(model, ClassicalModel)
    assert model.options.kind == "mlp"
    assert model.options.features == "functionals+encoder:some/folder@mean"
    assert model.options.normalise == "own-speakers"
    assert model.name == "mlp@functionals+encoder:some/folder@mean"


def test_models_as_one_by_name(corpus: Corpus, tmp_path: Path) -> None:
    train, test = corpus.of("s0", "s1", "s2"), corpus.of("s3")
    alone = [systems.make(name).fit(train).predict_proba(test) for name in ("svm", "logistic@mel")]
    joined = systems.make("average:svm+logistic@mel").fit(train)
    product = np.sqrt(np.maximum(alone[0], 1e-6) * np.maximum(alone[1], 1e-6))
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(joined.predict_proba(test), expected, atol=1e-5)

    assert isinstance(joined, Ensemble)
    joined.save(tmp_path / "joined")
    assert sorted(p.name for p in (tmp_path / "joined").iterdir()) == [
        "1-logistic_mel",
        "model.json",
        "svm",
    ]
    again = systems.make(f"weights:{tmp_path / 'joined'}", seed=1)
    np.testing.assert_allclose(again.predict_proba(test), joined.predict_proba(test), atol=1e-6)
    assert again.classes_ == joined.classes_
    assert getattr(again, "corpora", ()) == ("made",)


def test_a_cache_reaches_every_member(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = systems.make("stacking:knn+tree")
    assert isinstance(model, Ensemble)
    assert model.cache is None
    model.cache = tmp_path
    seen: list[object] = []
    measure = matrix.measure
    monkeypatch.setattr(
        matrix, "measure", lambda inputs, *rest, cache, **more: seen.append(cache) or measure(inputs, *rest)
    )
    model.fit(corpus.of("s0", "s1", "s2", "s3"))
    assert len(seen) > 2 and set(seen) == {tmp_path}
    model.cache = None
    seen.clear()
    model.predict_proba(corpus.of("s4"))
    assert seen == [None, None]


def test_what_a_member_had_heard_before_is_said(corpus: Corpus) -> None:
    model = systems.make("average:knn+base").fit(corpus.of("s0", "s1"))
    assert getattr(model, "corpora", ()) == ("emodb", "ravdess", "nemo")


def test_what_a_name_cannot_be() -> None:
    for name, words in (
        ("oak", "unknown model 'oak'; known: tree, .*, voice, .*, base, .*MODEL@FEATURES, average:A\\+B, "),
        ("oak@mel", "unknown classical model 'oak'; known: tree, "),
        ("svm@mell", "unknown feature set 'mell'; known: functionals, mel, .*, encoder:FOLDER"),
        ("average:svm", "average:svm joins no two models: write average:svm\\+forest, each once"),
        ("stacking:svm+svm", "stacking:svm\\+svm joins no two models: "),
        ("average:svm+oak", "unknown model 'oak'; known: "),
    ):
        with pytest.raises(OptionError, match=words):
            systems.make(name)
    with pytest.raises(
        OptionError, match="base does not take normalise=own-speakers: leave it out, or judge"
    ):
        systems.make("base", normalise="own-speakers")
    with pytest.raises(OptionError, match="voice does not take normalise=own-speakers: leave it out"):
        systems.make("average:svm+voice", normalise="own-speakers")
    with pytest.raises(ModelError, match="there is no model in nowhere"):
        systems.make("weights:nowhere")
