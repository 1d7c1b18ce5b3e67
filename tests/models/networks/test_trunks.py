from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hearfelt.errors import OptionError  # noqa: E402
from hearfelt.models.networks.attention import SelfAttention, rotate, sinusoids  # noqa: E402
from hearfelt.models.networks.base import EmotionNetwork, Flat  # noqa: E402
from hearfelt.models.networks.functionals import FunctionalFusion, FunctionalOptions  # noqa: E402
from hearfelt.models.networks.heads import STEP_LENGTHS  # noqa: E402
from hearfelt.models.networks.layers import Normalise, Pool, Subsample  # noqa: E402
from hearfelt.models.networks.recurrent import Bidirectional  # noqa: E402
from hearfelt.models.networks.table import NETWORKS, build, options_of  # noqa: E402
from hearfelt.models.neural import NetworkOptions, VoiceNetwork  # noqa: E402
from tests.models.networks.tiny import (  # noqa: E402
    EMOTION,
    N_DIMS,
    SIZES,
    TASKS,
    VARIANTS,
    frames,
    network,
)


def test_each_network_has_a_tiny_one_here() -> None:
    assert set(SIZES) == set(NETWORKS) - {"encoder"}  # tested in test_encoders


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_has_no_effect(variant: str) -> None:
    """Neither by how much there is nor by what is in it, for every output and every length."""
    net, counts = network(variant), torch.tensor([61, 37, 8, 2, 1])
    x = frames(5, 61)
    x[torch.arange(61)[None, :] >= counts[:, None]] = 50.0
    with torch.no_grad():
        together = net(x, counts)
        for row, count in enumerate(counts.tolist()):
            alone = net(x[row : row + 1, :count], counts[row : row + 1])
            steps = int(alone[STEP_LENGTHS])
            assert together[STEP_LENGTHS][row] == steps == alone["characters"].shape[1]
            for name in ("emotion", "dimensions"):
                torch.testing.assert_close(together[name][row], alone[name][0], atol=1e-4, rtol=1e-4)
            spelled = together["characters"][row, :steps]
            torch.testing.assert_close(spelled, alone["characters"][0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_steps_and_vector_have_the_shapes_they_state(variant: str) -> None:
    trunk, counts = network(variant).trunk, torch.tensor([61, 30])
    with torch.no_grad():
        steps, step_lengths = trunk.steps(frames(2, 61), counts)
        vector = trunk.embed(frames(2, 61), counts)
    assert steps.shape == (2, -(-61 // trunk.stride), trunk.width)
    assert step_lengths.tolist() == [-(-61 // trunk.stride), -(-30 // trunk.stride)]
    assert step_lengths.dtype == torch.int64
    assert vector.shape == (2, trunk.size)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_weight_gets_a_gradient(variant: str) -> None:
    net = network(variant).train()
    answers = net(frames(4, 40), torch.tensor([40, 33, 20, 16]))
    sum((answers[task.name] ** 2).sum() for task in TASKS).backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # A bias before a softmax over time moves all steps alike.
    assert [name for name in idle if not name.endswith("attend.2.bias")] == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_runs_in_bfloat16_and_answers_in_float32(variant: str) -> None:
    net, counts = network(variant), torch.tensor([40, 25])
    with torch.no_grad():
        exact = net(frames(2, 40), counts)
        with torch.autocast("cpu", torch.bfloat16):
            coarse = net(frames(2, 40), counts)
    for task in TASKS:
        assert coarse[task.name].dtype == torch.float32
        torch.testing.assert_close(coarse[task.name], exact[task.name], atol=0.1, rtol=0.1)


@pytest.mark.parametrize("variant", SIZES)
def test_overfits_sixteen_clips(variant: str) -> None:
    """Three sounds that differ in how the level of some bins moves over time."""
    net, counts = network(variant, (EMOTION,), dropout=0.0), torch.full((16,), 24)
    random = np.random.default_rng(1)
    targets = torch.from_numpy(random.permutation(np.arange(16) % 3))
    x, time = frames(16, 24, seed=2), torch.linspace(-1, 1, 24)
    for row, target in enumerate(targets.tolist()):
        x[row, :, 3:9] += 3 * (target - 1) * time[:, None]
    net.measure(x, counts)
    net.drop.p = 0.0
    optimizer = torch.optim.AdamW(net.train().parameters(), 5e-3)
    for _ in range(50):
        loss = torch.nn.functional.cross_entropy(net(x, counts)["emotion"], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        answers = net.eval()(x, counts)["emotion"].argmax(dim=1)
    assert answers.tolist() == targets.tolist()


@pytest.mark.parametrize("variant", [*SIZES, "concat"])
def test_onnx_gives_what_torch_gives(variant: str, tmp_path: Path) -> None:
    functionals = FunctionalOptions(5, 4, "gated") if variant in ("fused", "cnn") else None
    compare(network(variant, functionals=functionals), tmp_path / "model.onnx")


def compare(net: EmotionNetwork, path: Path) -> None:
    import onnxruntime

    flat = Flat(net)
    extra = [torch.zeros(2, 5)] if net.fusion else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            flat,
            (frames(2, 60), torch.tensor([60, 40]), *extra),
            str(path),
            input_names=list(net.input_names),
            output_names=list(net.output_names),
            dynamic_axes=flat.dynamic_axes,
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    for batch, count in ((1, 1), (1, 37), (3, 83)):
        lengths = random.integers((count + 1) // 2, count + 1, batch)
        lengths[0] = count
        given = {"logmel": frames(batch, count, seed=5).numpy(), "lengths": lengths}
        if net.fusion:
            given["functionals"] = random.standard_normal((batch, 5)).astype(np.float32)
        with torch.no_grad():
            expected = flat(*(torch.from_numpy(given[name]) for name in net.input_names))
        for ours, theirs in zip(expected, session.run(list(net.output_names), given), strict=True):
            np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-4)


def test_the_voice_network_as_trunk_is_the_voice_network() -> None:
    """With the same weights the trunk gives the same vector: published weights can be loaded into it."""
    torch.manual_seed(0)
    size = SIZES["cnn-gru-stats"]
    voice = VoiceNetwork(NetworkOptions(n_mels=N_DIMS, **size), 3).eval()
    x, counts = frames(3, 50), torch.tensor([50, 41, 9])
    voice.front.measure(x, torch.ones(3, 50, 1))
    trunk = build("cnn-gru-stats", N_DIMS, **size).eval()
    weights = {f"network.{k}": v for k, v in voice.state_dict().items() if not k.startswith("head")}
    assert trunk.load_state_dict(weights, strict=True)
    with torch.no_grad():
        torch.testing.assert_close(trunk.embed(x, counts), voice.embed(x, counts))


def test_normalise_centres_the_training_data_and_the_clip() -> None:
    front, counts = Normalise(N_DIMS, own_mean=True), torch.tensor([60, 20, 60])
    x = frames(3, 60) * torch.linspace(1, 3, N_DIMS)
    front.measure(x, counts)
    images = front(x, counts)
    valid = images[:, 0][torch.arange(60)[None, :] < counts[:, None]]
    torch.testing.assert_close(valid.mean(dim=0), torch.zeros(N_DIMS), atol=1e-5, rtol=0)
    torch.testing.assert_close(valid.std(dim=0, correction=0), torch.ones(N_DIMS), atol=1e-4, rtol=0)
    torch.testing.assert_close(images[1, 1, :20].mean(dim=0), torch.zeros(N_DIMS), atol=1e-5, rtol=0)
    louder = front(x + 7.0, counts)
    torch.testing.assert_close(louder[:, 1], images[:, 1], atol=1e-4, rtol=0)
    assert images[1, :, 20:].abs().max() == 0


def test_pooling_is_mean_and_deviation_of_the_valid_steps() -> None:
    x, counts = torch.randn(2, 9, 4), torch.tensor([9, 5])
    pooled = Pool("statistics", 4)(x, counts)
    for row, count in enumerate((9, 5)):
        part = x[row, :count]
        torch.testing.assert_close(pooled[row, :4], part.mean(dim=0))
        torch.testing.assert_close(pooled[row, 4:], part.std(dim=0, correction=0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(Pool("mean", 4)(x, counts), pooled[:, :4])
    attentive = Pool("attentive", 4)
    assert attentive.attend is not None
    torch.nn.init.zeros_(attentive.attend[2].weight)
    torch.testing.assert_close(attentive(x, counts), pooled, atol=1e-4, rtol=1e-4)


def test_both_directions_are_those_of_torch_on_packed_steps() -> None:
    for cell, kind in (("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU)):
        ours, theirs = Bidirectional(cell, 8), kind(8, 4, batch_first=True, bidirectional=True)
        for suffix, half in (("", ours.forwards), ("_reverse", ours.backwards)):
            for name, value in half.named_parameters():
                getattr(theirs, name + suffix).data.copy_(value.data)
        x, counts = torch.randn(3, 7, 8), torch.tensor([7, 4, 1])
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, counts, batch_first=True, enforce_sorted=False)
        expected, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
        heard = ours(x, counts) * (torch.arange(7)[None, :] < counts[:, None])[:, :, None]
        torch.testing.assert_close(heard, expected)


def test_attention_is_that_of_torch() -> None:
    ours, theirs = SelfAttention(8, 2, 0.0), torch.nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.project.weight.data, ours.project.bias.data
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.out.weight.data, ours.out.bias.data
    x, valid = torch.randn(2, 6, 8), torch.arange(6)[None, :] < torch.tensor([[6], [4]])
    expected, _ = theirs(x, x, x, key_padding_mask=~valid, need_weights=False)
    torch.testing.assert_close(ours(x, valid), expected)


def test_rotary_positions_hear_only_how_far_apart_two_steps_are() -> None:
    query, key = torch.randn(8), torch.randn(8)
    scores = rotate(query.expand(12, 8)) @ rotate(key.expand(12, 8)).T
    for distance in (0, 1, 5):
        diagonal = torch.diagonal(scores, distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4, rtol=1e-4)
    assert (scores[0, 0] - scores[0, 5]).abs() > 1e-3


def test_sinusoids_are_those_of_the_paper() -> None:
    made = sinusoids(5, 6, torch.device("cpu"))
    for place in range(5):
        for i in range(3):
            angle = place / 10000 ** (2 * i / 6)
            assert made[place, i].item() == pytest.approx(np.sin(angle), abs=1e-6)
            assert made[place, 3 + i].item() == pytest.approx(np.cos(angle), abs=1e-6)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_subsampling_makes_one_step_of_that_many_frames(factor: int) -> None:
    made = Subsample(2, N_DIMS, 4, 6, factor)
    counts = torch.tensor([33, 32, 1])
    steps, lengths = made(torch.randn(3, 2, 33, N_DIMS), counts)
    assert lengths.tolist() == [-(-33 // factor), -(-32 // factor), 1]
    assert steps.shape == (3, -(-33 // factor), 6)


@pytest.mark.parametrize("fusion", ["concat", "gated"])
def test_functionals_are_heard_and_nan_counts_as_the_mean(fusion: str) -> None:
    net = network("cnn", (EMOTION,), FunctionalOptions(5, 4, fusion))
    assert net.fusion is not None
    measured = torch.randn(50, 5, generator=torch.Generator().manual_seed(1)) * 3 + 2
    measured[::7, 0] = float("nan")
    net.measure(frames(2, 30), torch.tensor([30, 30]), measured)
    np.testing.assert_allclose(net.fusion.mean, np.nanmean(measured.numpy(), axis=0), atol=1e-5)
    np.testing.assert_allclose(net.fusion.scale, np.nanstd(measured.numpy(), axis=0), atol=1e-5)
    x, counts = frames(1, 30), torch.tensor([30])
    mean, other = net.fusion.mean[None].clone(), measured[1:2]
    unknown = torch.full((1, 5), float("nan"))
    with torch.no_grad():
        torch.testing.assert_close(net(x, counts, unknown)["emotion"], net(x, counts, mean)["emotion"])
        assert (net(x, counts, other)["emotion"] - net(x, counts, mean)["emotion"]).abs().max() > 1e-4
    assert net.input_names == ("logmel", "lengths", "functionals")


def test_the_gate_decides_who_is_heard() -> None:
    fusion = FunctionalFusion(6, FunctionalOptions(3, 4, "gated")).eval()
    pooled, functionals = torch.randn(2, 6), torch.randn(2, 3)
    assert fusion.gate is not None
    torch.nn.init.zeros_(fusion.gate.weight)
    torch.nn.init.constant_(fusion.gate.bias, 30.0)
    torch.testing.assert_close(fusion(pooled, functionals), pooled)
    torch.nn.init.constant_(fusion.gate.bias, -30.0)
    torch.testing.assert_close(fusion(pooled, functionals), fusion(pooled + 1, functionals))


def test_functionals_that_are_missing_or_too_many_are_refused() -> None:
    x, counts = frames(1, 30), torch.tensor([30])
    with pytest.raises(OptionError, match="fuses functionals: give them as third input"):
        network("cnn", functionals=FunctionalOptions(5))(x, counts)
    with pytest.raises(OptionError, match="takes no functionals"):
        network("cnn")(x, counts, torch.zeros(1, 5))


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("cnm", {}, "unknown network 'cnm'; known: cnn, recurrent, transformer"),
        ("cnn", {"witdh": 3}, "unknown option of the network 'cnn' 'witdh'; known: width, pooling"),
        ("cnn", {"width": "wide"}, "network 'cnn' has the option width='wide': it must be of type int"),
        ("cnn", {"pooling": "max"}, "unknown pooling 'max'; known: mean, statistics, attentive"),
        ("cnn", {"dropout": 1.0}, r"dropout=1.0: give a width from 1 up and a dropout in \[0, 1\)"),
        ("cnn", {"channels": ()}, r"channels=\(\): give convolutions"),
        ("recurrent", {"cell": "rnn"}, "unknown cell 'rnn'; known: lstm, gru"),
        ("recurrent", {"width": 7}, "width=7: at least 1 layer, an even width"),
        ("transformer", {"layers": 0}, "layers=0, inner=4, width=144: at least 1 layer"),
        ("transformer", {"width": 10, "heads": 4}, "width=10, heads=4: the width must be a multiple of 4"),
        ("conformer", {"width": 12, "heads": 4}, "width=12, heads=4: the width must be a multiple of 8"),
        ("conformer", {"kernel": 4}, "kernel=4: at least 1 block"),
        ("transformer", {"subsample": 3}, "subsample=3: 1, 2, 4 or 8 frames become one step"),
        ("cnn-stats", {"dilations": ()}, "an odd kernel, dilations from 1 up"),
        ("cnn-gru-stats", {"width": 7}, "width=7: give blocks, and an even width"),
        ("fused", {"branches": ("cnn", "svm")}, "unknown branch 'svm'; known: cnn, rnn, transformer"),
        ("fused", {"fusion": "sum"}, "unknown fusion 'sum'; known: concat, gated"),
        ("fused", {"branches": ()}, "at least one branch and one layer"),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        build(name, N_DIMS, **options)


def test_a_list_becomes_a_tuple_and_a_whole_number_a_float() -> None:
    options = options_of("cnn", channels=[4, 8], dropout=0)
    assert options.channels == (4, 8)
    assert build("cnn", N_DIMS, channels=[4, 8], dropout=0).stride == 4


def test_functional_options_are_checked() -> None:
    with pytest.raises(OptionError, match="unknown fusion 'sum'; known: concat, gated"):
        FunctionalOptions(5, fusion="sum")
    with pytest.raises(OptionError, match="size=0, width=64: both must be 1 or more"):
        FunctionalOptions(0)
