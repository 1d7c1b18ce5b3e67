"""Speech encoders of the real architectures, tiny and with random weights."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hearfelt.errors import MissingExtraError, ModelError, OptionError  # noqa: E402
from hearfelt.models.networks import encoders, losses, saliency  # noqa: E402
from hearfelt.models.networks.base import EmotionNetwork, Flat, learnt_state  # noqa: E402
from hearfelt.models.networks.table import build  # noqa: E402
from tests.models.networks.tiny import EMOTION, TASKS  # noqa: E402

WAVE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
WHISPER: dict[str, Any] = {
    "d_model": 16,
    "encoder_layers": 3,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "max_source_positions": 50,
    "vocab_size": 20,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "decoder_start_token_id": 0,
}
MODELS = ("wav2vec2", "wav2vec2-layer-norm", "hubert", "hubert-batch-norm", "wavlm", "data2vec", "whisper")


def config(name: str) -> Any:
    if name == "whisper":
        return transformers.WhisperConfig(**WHISPER)
    if name == "wavlm":
        return transformers.WavLMConfig(**WAVE)
    if name == "data2vec":
        several = {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5}
        return transformers.Data2VecAudioConfig(**WAVE | several)
    if name.startswith("hubert"):
        return transformers.HubertConfig(**WAVE, conv_pos_batch_norm=name.endswith("batch-norm"))
    if name.endswith("layer-norm"):
        return transformers.Wav2Vec2Config(**WAVE, feat_extract_norm="layer", do_stable_layer_norm=True)
    return transformers.Wav2Vec2Config(**WAVE)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A saved model of each architecture."""
    root = tmp_path_factory.mktemp("encoders")
    for name in MODELS:
        torch.manual_seed(0)
        transformers.AutoModel.from_config(config(name)).save_pretrained(root / name)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(root / "wavlm")
    return {name: str(root / name) for name in MODELS}


def encoder(folder: str, **options: Any) -> encoders.Encoder:
    torch.manual_seed(0)
    made = build("encoder", 1, source=folder, width=6, **options)
    assert isinstance(made, encoders.Encoder)
    return made.eval()


def sound(batch: int, samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed)) + 0.02


@pytest.mark.parametrize("name", MODELS)
def test_padding_has_no_effect(name: str, folders: dict[str, str]) -> None:
    """Not even under the group norm, which in transformers hears it; nor for clips under one step."""
    made, counts = encoder(folders[name], pooling="attentive"), torch.tensor([26000, 9000, 401, 90])
    x = sound(4, 26000)
    x[torch.arange(26000)[None, :] >= counts[:, None]] = 3.0
    with torch.no_grad():
        together, step_lengths = made.steps(x, counts)
        vectors = made.embed(x, counts)
        for row, count in enumerate(counts.tolist()):
            alone = counts[row : row + 1]
            steps, (length,) = made.steps(x[row : row + 1, :count], alone)
            assert step_lengths[row] == length == steps.shape[1]
            torch.testing.assert_close(together[row, :length], steps[0], atol=1e-4, rtol=1e-4)
            vector = made.embed(x[row : row + 1, :count], alone)
            torch.testing.assert_close(vectors[row], vector[0], atol=1e-4, rtol=1e-4)
    assert vectors.shape == (4, made.size)


@pytest.mark.parametrize("name", MODELS)
def test_one_clip_is_heard_as_transformers_hears_it(name: str, folders: dict[str, str]) -> None:
    made, x = encoder(folders[name], layers="last"), sound(1, 16000)
    reference = transformers.AutoModel.from_pretrained(folders[name]).eval()
    with torch.no_grad():
        if name == "whisper":
            extractor = transformers.WhisperFeatureExtractor(chunk_length=1)
            levels = extractor(x[0].numpy(), sampling_rate=16000, return_tensors="pt").input_features
            theirs = reference.get_encoder()(levels).last_hidden_state
        else:
            extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=name != "wavlm")
            values = extractor(x[0].numpy(), sampling_rate=16000, return_tensors="pt").input_values
            theirs = reference(values).last_hidden_state
        ours, _ = made.steps(x, torch.tensor([16000]))
    torch.testing.assert_close(ours, made.project(theirs), atol=1e-4, rtol=1e-4)


def test_whisper_hears_a_long_clip_window_by_window(folders: dict[str, str]) -> None:
    made, x = encoder(folders["whisper"]), sound(1, 40000)
    with torch.no_grad():
        steps, lengths = made.steps(x, torch.tensor([40000]))
        parts = [made.steps(part, torch.tensor([part.shape[1]]))[0] for part in x.split(16000, dim=1)]
    assert lengths.tolist() == [125]
    torch.testing.assert_close(steps, torch.cat(parts, dim=1)[:, :125], atol=1e-5, rtol=1e-5)


def learning(module: torch.nn.Module) -> set[str]:
    return {name for name, p in module.named_parameters() if p.requires_grad}


def moved(module: torch.nn.Module) -> set[str]:
    return {name for name, p in module.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


OWN = {"layer_weights", "project.weight", "project.bias"}


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_reaches_what_should_learn_and_nothing_else(name: str, folders: dict[str, str]) -> None:
    counts = torch.tensor([16000, 12000])
    for tuning in encoders.TUNING:
        made = encoder(folders[name], tuning=tuning, top_layers=1).train()
        (made.embed(sound(2, 16000), counts) ** 2).sum().backward()
        inner = {p.removeprefix("sound.model.").removeprefix("encoder.") for p in learning(made) - OWN}
        if tuning == "frozen":
            assert not inner
        elif tuning == "top":
            assert inner and all(p.startswith("layers.2.") for p in inner)
        elif tuning == "all":
            whole = {p.split(".")[0] for p in inner}
            assert whole - {"feature_projection", "pos_conv_embed"} == {"layers", "layer_norm"}
            assert ("pos_conv_embed" in whole) == (name != "whisper")
        else:
            assert inner and all("lora_" in p for p in inner)
        # An adapter starts with B = 0, which keeps the first gradient from A.
        still = {p for p in learning(made) if "lora_A" in p}
        assert moved(made) == learning(made) - still


@pytest.mark.parametrize("name", ["wav2vec2", "wavlm", "whisper"])
def test_lora_changes_what_is_heard(name: str, folders: dict[str, str]) -> None:
    made, x, counts = encoder(folders[name], tuning="lora"), sound(1, 8000), torch.tensor([8000])
    with torch.no_grad():
        before, plain = made.embed(x, counts), encoder(folders[name])
        plain.project.load_state_dict(made.project.state_dict())
        torch.testing.assert_close(before, plain.embed(x, counts))
        for parameter_name, parameter in made.named_parameters():
            if "lora_B" in parameter_name:
                parameter.normal_()
        assert (made.embed(x, counts) - before).abs().max() > 1e-3


def test_a_frozen_encoder_stays_as_it_is_in_training(folders: dict[str, str]) -> None:
    """No dropout, no SpecAugment, no layer left out: two passes in training mode agree."""
    made, counts = encoder(folders["wav2vec2"], dropout=0.0).train(), torch.tensor([16000])
    assert made.training and not made.sound.training
    torch.testing.assert_close(made.embed(sound(1, 16000), counts), made.embed(sound(1, 16000), counts))
    tuned = encoder(folders["wav2vec2"], tuning="all").train()
    assert tuned.sound.training
    assert tuned.sound.model.config.layerdrop == 0


def test_layer_weights_choose_the_layer(folders: dict[str, str]) -> None:
    made, x, counts = encoder(folders["hubert"]), sound(1, 8000), torch.tensor([8000])
    assert made.layer_weights is not None and len(made.layer_weights) == 4
    last = encoder(folders["hubert"], layers="last")
    last.project.load_state_dict(made.project.state_dict())
    with torch.no_grad():
        assert (made.embed(x, counts) - last.embed(x, counts)).abs().max() > 1e-4
        made.layer_weights[3] = 50.0
        torch.testing.assert_close(made.embed(x, counts), last.embed(x, counts))


def test_standardise_is_what_transformers_does() -> None:
    x, counts = sound(2, 500), [500, 200]
    ours = encoders.standardise(
        x.masked_fill(torch.arange(500) >= torch.tensor(counts)[:, None], 0), torch.tensor(counts)
    )
    theirs = transformers.Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm(
        [row[:n].numpy() for row, n in zip(x, counts, strict=True)], None
    )
    for row, count, expected in zip(ours, counts, theirs, strict=True):
        np.testing.assert_allclose(row[:count], expected, atol=1e-5)
        assert not row[count:].any()


def test_learns_a_toy_set_with_all_heads(folders: dict[str, str]) -> None:
    """16 clips of three pitches, frozen encoder: head and layer weights suffice."""
    torch.manual_seed(0)
    trunk = build("encoder", 1, source=folders["wav2vec2"], width=16, pooling="statistics", dropout=0.0)
    net = EmotionNetwork(trunk, TASKS, dropout=0.0)
    targets, time = torch.arange(16) % 3, torch.arange(4000) / 16000
    x = torch.sin(2 * torch.pi * (200 * 4 ** targets[:, None]) * time) + sound(16, 4000)
    counts = torch.full((16,), 4000)
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], 2e-2)
    for _ in range(40):
        loss, _ = losses.total(net(x, counts), {"emotion": targets}, TASKS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        assert net.eval()(x, counts)["emotion"].argmax(dim=1).tolist() == targets.tolist()
    assert net.input_names == ("waveform", "lengths")


@pytest.mark.parametrize("tuning", ["frozen", "lora"])
def test_what_was_learnt_is_small_and_makes_the_network_again(tuning: str, folders: dict[str, str]) -> None:
    def make() -> EmotionNetwork:
        return EmotionNetwork(encoder(folders["hubert"], tuning=tuning), (EMOTION,)).eval()

    net, other = make(), make()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.requires_grad:
                parameter.normal_()
    state = learnt_state(net)
    assert sum(value.numel() for value in state.values()) < net.n_parameters / 2
    unexpected = other.load_state_dict(state, strict=False).unexpected_keys
    assert not unexpected
    x, counts = sound(1, 8000), torch.tensor([8000])
    torch.testing.assert_close(other(x, counts)["emotion"], net(x, counts)["emotion"])


def test_runs_in_bfloat16(folders: dict[str, str]) -> None:
    for name in ("wav2vec2", "whisper"):
        net = EmotionNetwork(encoder(folders[name]), (EMOTION,)).eval()
        x, counts = sound(2, 8000), torch.tensor([8000, 5000])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            coarse = net(x, counts)["emotion"]
        assert coarse.dtype == torch.float32
        torch.testing.assert_close(coarse, net(x, counts)["emotion"].detach(), atol=0.1, rtol=0.1)


def test_what_cannot_be_loaded_is_refused(folders: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="the network 'encoder' needs a source"):
        build("encoder", 1)
    with pytest.raises(ModelError, match=r"holds no encoder: a folder has config\.json"):
        build("encoder", 1, source=str(tmp_path))
    with pytest.raises(ModelError, match="unknown encoder 'wav2vec3': it is no folder; known names"):
        build("encoder", 1, source="wav2vec3")
    transformers.BertConfig(num_hidden_layers=1).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="is of type 'bert'; known types: wav2vec2, hubert, wavlm"):
        build("encoder", 1, source=str(tmp_path))
    with pytest.raises(OptionError, match="top_layers=9: the encoder has 3 layers"):
        encoder(folders["wav2vec2"], tuning="top", top_layers=9)
    with pytest.raises(OptionError, match="unknown tuning 'some'; known: frozen, top, all, lora"):
        encoder(folders["wav2vec2"], tuning="some")
    with pytest.raises(OptionError, match="lora_rank=0: each must be 1 or more"):
        encoder(folders["wav2vec2"], lora_rank=0)


@pytest.mark.parametrize("name", ["wav2vec2", "wavlm", "data2vec"])
def test_onnx_gives_what_torch_gives(name: str, folders: dict[str, str], tmp_path: Path) -> None:
    import onnxruntime

    flat = Flat(EmotionNetwork(encoder(folders[name]), (EMOTION,)))
    names = list(flat.network.input_names), list(flat.network.output_names)
    path = str(tmp_path / "model.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            flat,
            (sound(2, 9000), torch.tensor([9000, 7000])),
            path,
            input_names=names[0],
            output_names=names[1],
            dynamic_axes=flat.dynamic_axes,
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch, samples in ((1, 5000), (3, 12000)):
        x, counts = sound(batch, samples, seed=2), torch.tensor([samples, 4000, 2000][:batch])
        (found,) = session.run(names[1], {"waveform": x.numpy(), "lengths": counts.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(found, flat(x, counts)[0], atol=1e-4)


def test_saliency_of_a_network_on_the_waveform(folders: dict[str, str]) -> None:
    net, x = EmotionNetwork(encoder(folders["hubert"]), (EMOTION,)).eval(), sound(1, 8000)[0]
    found = saliency.occlude_frames(net, x.numpy(), 1 / 16000, "emotion", "joy", window_s=0.2)
    np.testing.assert_allclose(found.end_s, [0.2, 0.3, 0.4, 0.5], atol=1e-6)
    changed = x.clone()
    changed[1600:4800] = 0.0
    with torch.no_grad():
        both = net(torch.stack((x, changed)), torch.tensor([8000, 8000]))["emotion"][:, 1]
    assert found.weights[1] == pytest.approx(float(both[0] - both[1]), abs=1e-5)
    with pytest.raises(OptionError, match="integrated gradients need a network on frames: use occlude_fra"):
        saliency.integrated_gradients(net, x.numpy(), 1 / 16000, "emotion", "joy")


@pytest.mark.parametrize(("library", "tuning"), [("transformers", "frozen"), ("peft", "lora")])
def test_a_missing_library_is_one_sentence(
    library: str, tuning: str, folders: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"needs {library}, .*pip install 'hearfelt\[train\]'"):
        encoder(folders["wav2vec2"], tuning=tuning)


def test_loading_prints_no_warning(folders: dict[str, str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = encoder(folders["wavlm"])
        made.embed(sound(2, 8000), torch.tensor([8000, 4000]))
    assert made.normalise is False
    assert encoder(folders["hubert"]).normalise is True
