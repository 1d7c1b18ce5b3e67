"""Speech encoders: the states of transformers itself, pooling, windows, and what cannot be loaded.

The encoders have the real architectures, tiny sizes and random weights; nothing is downloaded.
"""

from __future__ import annotations

import builtins
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearfelt.errors import FeatureError, MissingExtraError, ModelError, OptionError
from hearfelt.features.base import extractor
from hearfelt.features.embeddings import (
    EmbeddingOptions,
    Embeddings,
    Emotion2Vec,
    hidden_states,
    load_encoder,
)
from hearfelt.features.matrix import matrix
from hearfelt.types import Audio
from tests.features import tiny_encoders

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

RATE = 16000


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each type of encoder."""
    root = tmp_path_factory.mktemp("encoders")
    return {kind: tiny_encoders.save(kind, root / kind) for kind in tiny_encoders.TYPES}


@pytest.fixture
def sound(speech: Callable[..., Audio]) -> Audio:
    return speech(seconds=1.1)


@pytest.mark.parametrize("kind", tiny_encoders.TYPES)
def test_states_are_those_of_the_library(kind: str, folders: dict[str, Path], sound: Audio) -> None:
    model = transformers.AutoModel.from_pretrained(folders[kind]).eval()
    if kind == "whisper":
        prepare = transformers.WhisperFeatureExtractor(feature_size=80, chunk_length=2)
        inputs = prepare(sound.samples, sampling_rate=RATE, return_tensors="pt").input_features
        steps, model = 55, model.get_encoder()
    else:
        prepare = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
        inputs = prepare(sound.samples, sampling_rate=RATE, return_tensors="pt").input_values
        steps = int(model._get_feat_extract_output_lengths(len(sound.samples)))
    with torch.no_grad():
        expected = [s[0, :steps].numpy() for s in model(inputs, output_hidden_states=True).hidden_states]
    options = EmbeddingOptions(layers="all", statistics=("mean", "std"))
    found = Embeddings(str(folders[kind]), options)(sound)
    assert found.values.shape == (1, 3 * 2 * 16)
    for layer, states in enumerate(expected):
        rows = found.values[0].reshape(3, 2, 16)[layer]
        np.testing.assert_allclose(rows[0], states.mean(axis=0), atol=2e-5)
        np.testing.assert_allclose(rows[1], states.std(axis=0), atol=2e-5)
    assert found.names is not None
    assert found.names[16] == "layer0_std_0"


def test_layers_and_their_mean(folders: dict[str, Path], sound: Audio) -> None:
    def row(layers: str) -> np.ndarray:
        return Embeddings(str(folders["hubert"]), EmbeddingOptions(layers=layers))(sound).values[0]

    every = row("all").reshape(3, 16)
    np.testing.assert_allclose(row("last"), every[2], atol=1e-6)
    np.testing.assert_allclose(row("1"), every[1], atol=1e-6)
    np.testing.assert_allclose(row("mean"), every.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("kind", ["wavlm", "whisper"])
def test_long_sounds_are_encoded_in_parts(kind: str, folders: dict[str, Path]) -> None:
    random = np.random.default_rng(0)
    sound = Audio((0.1 * random.standard_normal(5 * RATE)).astype(np.float32), RATE)
    whole = Embeddings(str(folders[kind]), EmbeddingOptions(window_s=1.0))(sound).values[0]
    parts = [
        Embeddings(str(folders[kind]))(Audio(part, RATE)).values[0] for part in np.split(sound.samples, 5)
    ]
    np.testing.assert_allclose(whole, np.mean(parts, axis=0), atol=1e-5)


def test_gradients_reach_the_weights_and_padding_is_counted(folders: dict[str, Path]) -> None:
    encoder = load_encoder(folders["wavlm"])
    samples = torch.zeros(2, 4000)
    samples[0] = torch.randn(4000)
    samples[1, :2000] = torch.randn(2000)
    states, steps = hidden_states(encoder, samples, torch.tensor([4000, 2000]))
    assert len(states) == tiny_encoders.LAYERS + 1
    expected = [int(encoder.network._get_feat_extract_output_lengths(n)) for n in (4000, 2000)]
    assert steps.tolist() == expected
    states[-1].sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.network.parameters())


def test_the_preprocessor_says_whether_to_normalise(folders: dict[str, Path], tmp_path: Path) -> None:
    assert load_encoder(folders["wav2vec2"]).normalise
    folder = tiny_encoders.save("wav2vec2", tmp_path / "plain")
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False}))
    assert not load_encoder(folder).normalise


def test_unlike_weights_are_unlike_spaces(folders: dict[str, Path], tmp_path: Path) -> None:
    other = tiny_encoders.save("hubert", tmp_path / "hubert", seed=1)
    one, two = (load_encoder(folder).fingerprint() for folder in (folders["hubert"], other))
    assert one != two
    assert load_encoder(folders["hubert"]).fingerprint() == one


def test_by_name_in_a_matrix(folders: dict[str, Path], sound: Audio, tmp_path: Path) -> None:
    name = f"functionals+encoder:{folders['hubert']}@mean"
    values = matrix([sound, sound], extractor(name), cache=tmp_path)
    assert values.shape == (2, 88 + 16)


def test_what_it_refuses(folders: dict[str, Path], sound: Audio) -> None:
    folder = str(folders["hubert"])
    with pytest.raises(FeatureError, match=r"500 samples is too short for the encoder .* at least 514"):
        Embeddings(folder)(Audio(sound.samples[:500], RATE))
    with pytest.raises(FeatureError, match="needs 16000 Hz sound, got 8000 Hz: resample it first"):
        Embeddings(folder)(Audio(sound.samples, 8000))
    broken = sound.samples.copy()
    broken[7] = np.nan
    with pytest.raises(FeatureError, match="needs finite samples"):
        Embeddings(folder)(Audio(broken, RATE))
    with pytest.raises(FeatureError, match=r"do not fit the encoder .*: it takes 1 to 32000 samples"):
        hidden_states(load_encoder(folders["whisper"]), torch.zeros(1, 40000), torch.tensor([40000]))
    with pytest.raises(OptionError, match="has no layer 3: use 0 to 2"):
        Embeddings(folder, EmbeddingOptions(layers="3"))
    with pytest.raises(OptionError, match="unknown choice of layers 'first'; known: last, mean, all"):
        EmbeddingOptions(layers="first")
    with pytest.raises(OptionError, match="unknown statistic 'max'; known: mean, std"):
        EmbeddingOptions(statistics=("max",))
    with pytest.raises(OptionError, match="window_s=0: give a positive number"):
        EmbeddingOptions(window_s=0)


def test_encoders_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="unknown encoder 'wavlm-huge': it is no folder; known names: wav"):
        load_encoder("wavlm-huge")
    with pytest.raises(ModelError, match="unknown encoder '/no/such/folder'"):
        load_encoder("/no/such/folder")
    with pytest.raises(ModelError, match=r"holds no encoder: a folder has config\.json and"):
        load_encoder(tmp_path)
    with pytest.raises(ModelError, match=r"nobody/nothing cannot be loaded \(.*\): .* once while online"):
        load_encoder("nobody/nothing")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match="is of type 'bert'; known types: wav2vec2, hubert"):
        load_encoder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_encoder(tmp_path)


def test_without_transformers_it_names_the_extra(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "transformers":
            raise ImportError(name, name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"needs transformers.*pip install 'hearfelt\[train\]'"):
        load_encoder(folders["hubert"])


def test_emotion2vec_runs_through_its_own_package(sound: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with funasr's interface: the weights cannot be had offline."""
    asked: list[dict[str, Any]] = []

    class AutoModel:
        def __init__(self, **options: Any) -> None:
            print("funasr is chatty")
            if options["model"] == "nowhere":
                raise FileNotFoundError("nowhere")
            asked.append(options)

        def generate(self, samples: np.ndarray, **options: Any) -> list[dict[str, Any]]:
            asked.append(options)
            return [{"feats": np.array([samples.mean(), samples.max(), 1.0])}]

    monkeypatch.setitem(sys.modules, "funasr", types.SimpleNamespace(AutoModel=AutoModel))
    extract = extractor("encoder:emotion2vec_plus_base")
    found = extract(sound)
    np.testing.assert_allclose(found.values, [[sound.samples.mean(), sound.samples.max(), 1.0]], rtol=1e-6)
    assert asked[0]["model"] == "iic/emotion2vec_plus_base"
    assert asked[1]["granularity"] == "utterance"
    assert asked[1]["extract_embedding"] is True
    with pytest.raises(ModelError, match=r"emotion2vec 'nowhere' cannot be loaded \(nowhere\): give"):
        Emotion2Vec("nowhere")


def test_emotion2vec_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "funasr", None)
    with pytest.raises(MissingExtraError, match=r"needs funasr.*pip install 'hearfelt\[emotion2vec\]'"):
        extractor("encoder:emotion2vec_base")
