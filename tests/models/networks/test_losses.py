"""The losses against torch, numpy and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from hearfelt.errors import CorpusError, OptionError  # noqa: E402
from hearfelt.evaluation import metrics  # noqa: E402
from hearfelt.models.networks import heads, losses  # noqa: E402
from hearfelt.models.networks.base import EmotionNetwork  # noqa: E402
from hearfelt.models.networks.heads import STEP_LENGTHS, Task  # noqa: E402
from tests.models.networks.tiny import EMOTION, frames, network  # noqa: E402

NAN = float("nan")
LABELS = ("anger", "joy", "neutral", "sadness")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def loss_of(task: Task, output: torch.Tensor, target: torch.Tensor, **more: object) -> float:
    value, reported = losses.total({task.name: output}, {task.name: target}, (task,), **more)  # type: ignore[arg-type]
    assert reported == ({task.name: pytest.approx(float(value) / task.weight)} if reported else {})
    return float(value)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_single_is_cross_entropy(smoothing: float) -> None:
    logits, target = random(6, 4), torch.tensor([0, 3, 1, 2, 2, 0])
    expected = functional.cross_entropy(logits, target, label_smoothing=smoothing)
    assert loss_of(Task("e", labels=LABELS, smoothing=smoothing), logits, target) == pytest.approx(
        float(expected), abs=1e-6
    )


@pytest.mark.parametrize("loss", ["cross-entropy", "focal"])
def test_class_weights_are_those_of_torch(loss: str) -> None:
    logits, target, weights = random(6, 4), torch.tensor([0, 3, 1, 2, 2, 0]), (0.5, 2.0, 1.0, 3.0)
    expected = functional.cross_entropy(logits, target, weight=torch.tensor(weights))
    task = Task("e", labels=LABELS, class_weights=weights, loss=loss, focal_gamma=0.0)
    assert loss_of(task, logits, target) == pytest.approx(float(expected), abs=1e-6)


def test_focal_loss_is_the_formula_and_cross_entropy_at_gamma_0() -> None:
    logits, target = random(6, 4), torch.tensor([0, 3, 1, 2, 2, 0])
    p = torch.softmax(logits.double(), dim=1).numpy()[np.arange(6), target]
    each = losses.focal_loss(logits, target, 2.0)
    np.testing.assert_allclose(each, -((1 - p) ** 2) * np.log(p), rtol=1e-4)
    torch.testing.assert_close(
        losses.focal_loss(logits, target, 0.0), functional.cross_entropy(logits, target, reduction="none")
    )
    task = Task("e", labels=LABELS, loss="focal")
    assert loss_of(task, logits, target) == pytest.approx(float(each.mean()), abs=1e-6)


def test_focal_loss_of_a_certain_right_answer_has_a_finite_gradient() -> None:
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    losses.focal_loss(logits, torch.tensor([0]), 0.5).sum().backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_multi_is_binary_cross_entropy_over_the_known_entries() -> None:
    logits, target = random(5, 4), (random(5, 4, seed=1) > 0).float()
    expected = functional.binary_cross_entropy_with_logits(logits, target)
    assert loss_of(Task("e", "multi", LABELS), logits, target) == pytest.approx(float(expected), abs=1e-6)
    weights = (1.0, 2.0, 3.0, 0.5)
    expected = functional.binary_cross_entropy_with_logits(logits, target, pos_weight=torch.tensor(weights))
    task = Task("e", "multi", LABELS, class_weights=weights)
    assert loss_of(task, logits, target) == pytest.approx(float(expected), abs=1e-6)
    holed = target.clone()
    holed[0, 1:], holed[3] = NAN, NAN
    known = ~torch.isnan(holed)
    expected = functional.binary_cross_entropy_with_logits(logits[known], target[known])
    assert loss_of(Task("e", "multi", LABELS), logits, holed) == pytest.approx(float(expected), abs=1e-6)


def test_multi_focal_is_the_formula() -> None:
    logits, target = random(5, 4), (random(5, 4, seed=1) > 0).float()
    each = []
    for z, y in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-z))
        right = p if y else 1 - p
        each.append(-((1 - right) ** 2) * math.log(right))
    task = Task("e", "multi", LABELS, loss="focal")
    assert loss_of(task, logits, target) == pytest.approx(np.mean(each), abs=1e-5)


def test_soft_is_the_divergence_from_the_shares_of_the_votes() -> None:
    votes = torch.tensor([[3.0, 1, 0, 0], [2, 2, 2, 0], [0, 0, 0, 5]])
    logits = random(3, 4)
    shares = votes / votes.sum(dim=1, keepdim=True)
    expected = functional.kl_div(torch.log_softmax(logits, dim=1), shares, reduction="batchmean")
    assert loss_of(Task("e", "soft", LABELS), logits, votes) == pytest.approx(float(expected), abs=1e-6)
    matched = torch.log(shares.clamp(min=1e-30))
    assert loss_of(Task("e", "soft", LABELS), matched, votes) == pytest.approx(0, abs=1e-6)


def test_soft_over_the_allowed_labels_alone() -> None:
    allowed = torch.tensor([[True, False, True, True]])
    logits, votes = random(1, 4).requires_grad_(), torch.tensor([[3.0, 9.0, 1.0, 0.0]])
    expected = functional.kl_div(
        torch.log_softmax(logits[:, [0, 2, 3]], dim=1), torch.tensor([[0.75, 0.25, 0.0]]), reduction="sum"
    )
    task = Task("e", "soft", LABELS)
    loss, _ = losses.total({"e": logits}, {"e": votes}, (task,), allowed={"e": allowed})
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), abs=1e-6)
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
    assert logits.grad[0, 1] == 0


def test_dimensions_are_one_less_the_metric() -> None:
    rated, heard = torch.tanh(random(9, 3)), torch.tanh(random(9, 3, seed=1))
    expected = np.mean([1 - metrics.ccc(heard[:, i].numpy(), rated[:, i].numpy()) for i in range(3)])
    assert loss_of(heads.dimensions(), heard, rated) == pytest.approx(expected, abs=1e-5)
    rated[2:5, 0], rated[1:, 1], rated[:, 2] = NAN, NAN, NAN
    known = ~torch.isnan(rated[:, 0])
    expected = 1 - metrics.ccc(heard[known, 0].numpy(), rated[known, 0].numpy())
    assert loss_of(heads.dimensions(), heard, rated) == pytest.approx(expected, abs=1e-5)


def test_ctc_is_the_sum_over_all_paths() -> None:
    """All ways of 4 steps to say "ab", one by one."""
    task, logits = heads.characters("ab"), random(1, 4, 3)
    p = torch.softmax(logits[0].double(), dim=1)
    said = 0.0
    for path in np.ndindex(3, 3, 3, 3):
        if heads.decode(task, torch.eye(3)[list(path)][None], torch.tensor([4])) == ["ab"]:
            said += float(torch.stack([p[step, mark] for step, mark in enumerate(path)]).prod())
    outputs = {"characters": logits, STEP_LENGTHS: torch.tensor([4])}
    target = torch.tensor([[*heads.encode(task, "AB!"), -1, -1]])
    loss, reported = losses.total(outputs, {"characters": target}, (task,))
    assert reported["characters"] == pytest.approx(-math.log(said) / 2, abs=1e-5)
    assert float(loss) == pytest.approx(task.weight * reported["characters"], abs=1e-6)


def test_ctc_does_not_hear_padding_and_lets_texts_go_that_do_not_fit() -> None:
    task, logits = heads.characters("ab"), random(3, 6, 3).requires_grad_()
    outputs = {"characters": logits, STEP_LENGTHS: torch.tensor([6, 2, 5])}
    targets = {"characters": torch.tensor([[1, 2, -1, -1], [1, 2, 1, 2], [-1, -1, -1, -1]])}
    loss, _ = losses.total(outputs, targets, (task,))
    loss.backward()
    assert logits.grad is not None and torch.isfinite(loss)
    assert logits.grad[0].abs().sum() > 0
    assert logits.grad[1:].abs().sum() == 0


TASKS = (
    Task("emotion", labels=LABELS, weight=1.0),
    Task("gender", labels=("female", "male"), weight=0.25, loss="focal"),
    Task("perceived", "soft", LABELS, weight=0.5),
    Task("tags", "multi", ("calm", "loud"), weight=2.0),
    heads.dimensions(0.75),
    heads.characters("ab", weight=0.1),
)


def batch() -> dict[str, torch.Tensor]:
    """Targets of four clips, some missing."""
    return {
        "emotion": torch.tensor([0, -1, 3, 1]),
        "gender": torch.tensor([-1, -1, 1, 0]),
        "perceived": torch.tensor([[NAN] * 4, [1.0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 3]]),
        "tags": torch.tensor([[1.0, NAN], [0.0, 1.0], [NAN, NAN], [1.0, 1.0]]),
        "dimensions": torch.tensor([[0.1, NAN, NAN], [0.5, NAN, 0.2], [NAN] * 3, [-0.4, NAN, 0.1]]),
        "characters": torch.tensor([[1, 2], [-1, -1], [1, -1], [2, -1]]),
    }


def answers(net: EmotionNetwork) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = net(frames(4, 40), torch.tensor([40, 33, 20, 16]))
    return found


def gradients(net: EmotionNetwork, loss: torch.Tensor) -> torch.Tensor:
    net.zero_grad()
    loss.backward()
    return torch.cat(
        [torch.zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in net.parameters()]
    )


def test_gradients_of_all_tasks_are_the_weighted_sum_of_each() -> None:
    net = network("cnn", TASKS)
    loss, reported = losses.total(answers(net), batch(), TASKS)
    together, each = gradients(net, loss), torch.zeros(net.n_parameters)
    for task in TASKS:
        alone, _ = losses.total(answers(net), batch(), (task,))
        each += gradients(net, alone)
        assert float(alone.detach()) == pytest.approx(task.weight * reported[task.name], rel=1e-5)
    assert set(reported) == {task.name for task in TASKS}
    assert float(loss.detach()) == pytest.approx(sum(t.weight * reported[t.name] for t in TASKS), rel=1e-5)
    torch.testing.assert_close(together, each, atol=1e-6, rtol=1e-4)


def test_clips_without_a_target_are_as_if_they_were_not_there() -> None:
    """Each loss of a batch with holes is that of the clips that have a target."""
    outputs = {name: value.detach() for name, value in answers(network("cnn", TASKS)).items()}
    _, reported = losses.total(outputs, batch(), TASKS)
    for name, kept in (("emotion", [0, 2, 3]), ("gender", [2, 3]), ("perceived", [1, 3])):
        task = next(task for task in TASKS if task.name == name)
        alone = loss_of(task, outputs[name][kept], batch()[name][kept])
        assert reported[name] == pytest.approx(alone / task.weight, abs=1e-6)


def test_missing_targets_give_no_gradient_and_are_not_reported() -> None:
    missing = {
        "emotion": torch.full((4,), -1),
        "gender": torch.full((4,), -1),
        "perceived": torch.full((4, 4), NAN),
        "tags": torch.full((4, 2), NAN),
        "dimensions": torch.full((4, 3), NAN),
        "characters": torch.full((4, 2), -1),
    }
    net = network("cnn", TASKS)
    loss, reported = losses.total(answers(net), missing, TASKS)
    assert (float(loss), reported, loss.requires_grad) == (0.0, {}, False)
    assert losses.total(answers(net), {}, TASKS)[1] == {}
    for name in missing:
        net.zero_grad()
        loss, reported = losses.total(answers(net), missing | {"emotion": batch()["emotion"]}, TASKS)
        loss.backward()
        assert set(reported) == {"emotion"}
        if name != "emotion":
            layer = net.heads.layers[[task.name for task in TASKS].index(name)]
            assert all(p.grad is None or not p.grad.any() for p in layer.parameters())


def test_only_the_allowed_labels_get_a_gradient() -> None:
    allowed = torch.tensor([[True, True, True, False], [True] * 4, [True, False, True, True]])
    for loss in ("cross-entropy", "focal"):
        task, logits = Task("e", labels=LABELS, loss=loss, smoothing=0.1), random(3, 4).requires_grad_()
        value, _ = losses.total(
            {"e": logits}, {"e": torch.tensor([0, -1, 2])}, (task,), allowed={"e": allowed}
        )
        value.backward()
        assert logits.grad is not None and torch.isfinite(logits.grad).all()
        assert ((logits.grad != 0) == (allowed & torch.tensor([[True], [False], [True]]))).all()


def test_a_label_that_is_not_allowed_is_refused() -> None:
    allowed = torch.tensor([[True, False, True, True]])
    with pytest.raises(CorpusError, match="task 'e': a clip has a label that its corpus is not allowed"):
        loss_of(Task("e", labels=LABELS), random(1, 4), torch.tensor([1]), allowed={"e": allowed})


def test_a_clip_without_a_label_may_come_from_a_corpus_without_labels() -> None:
    logits = random(2, 4).requires_grad_()
    allowed = torch.tensor([[False] * 4, [True] * 4])
    loss, _ = losses.total(
        {"e": logits}, {"e": torch.tensor([-1, 1])}, (Task("e", labels=LABELS),), allowed={"e": allowed}
    )
    loss.backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_mixed_clips_mix_their_losses() -> None:
    net = network("cnn", TASKS)
    outputs = {name: value.detach() for name, value in answers(net).items()}
    order, share = [2, 3, 0, 1], torch.tensor([0.9, 0.6, 0.7, 1.0])
    targets = {name: value.nan_to_num(0.5).clamp(min=0) for name, value in batch().items()}
    targets["characters"] = targets["characters"].clamp(min=1)
    targets["perceived"] = targets["perceived"] + 0.1
    others = {name: value[order] for name, value in targets.items()}
    _, reported = losses.total(outputs, targets, TASKS, mixed=losses.Mixed(others, share))
    for task in TASKS:
        if task.kind == "dimensions":
            rated = share[:, None] * targets[task.name] + (1 - share[:, None]) * others[task.name]
            expected = losses.total(outputs, {task.name: rated}, (task,))[1][task.name]
        else:
            own, _ = losses.clip_losses(task, outputs, targets[task.name])
            other, _ = losses.clip_losses(task, outputs, others[task.name])
            expected = float((share * own + (1 - share) * other).mean())
        assert reported[task.name] == pytest.approx(expected, abs=1e-5), task.name


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    weight = pytest.importorskip("sklearn.utils.class_weight")
    targets = [0, 0, 0, 1, 2, 2, -1]
    expected = weight.compute_class_weight("balanced", classes=np.arange(3), y=np.array(targets[:-1]))
    np.testing.assert_allclose(losses.balanced(targets, 3), expected)
    with pytest.raises(CorpusError, match="label number 3 of 4 has no clip to learn from"):
        losses.balanced(targets, 4)


def test_probabilities_of_each_kind() -> None:
    answer = random(2, 4)
    single = heads.probabilities(Task("e", labels=LABELS), answer)
    torch.testing.assert_close(single.sum(dim=1), torch.ones(2))
    assert (heads.probabilities(Task("e", "multi", LABELS), answer) == torch.sigmoid(answer)).all()
    assert heads.probabilities(heads.dimensions(), answer) is answer


def test_ratings_stay_in_their_range() -> None:
    unit = Task("unit", "dimensions", ("arousal",), range="sigmoid")
    net = network("cnn", (heads.dimensions(), unit))
    for parameter in net.heads.parameters():
        parameter.data *= 100
    found = answers(net)
    assert found["dimensions"].abs().max() <= 1
    assert found["dimensions"].min() < -0.5
    assert 0 <= found["unit"].min() <= found["unit"].max() <= 1


def test_text_becomes_numbers_and_comes_back() -> None:
    task = heads.characters("abc ")
    numbers = heads.encode(task, "Ab, ça bb")
    assert numbers == [1, 2, 4, 1, 4, 2, 2]
    path = [1, 1, 0, 2, 4, 1, 4, 2, 0, 2, 3, 3]
    assert heads.decode(task, torch.eye(5)[path][None], torch.tensor([10])) == ["ab a bb"]


def test_named_tasks() -> None:
    tasks = (heads.gender(), heads.language(["de", "en"]), heads.sentiment(), heads.characters())
    net = network("cnn", (EMOTION, *tasks))
    shapes = {name: tuple(answer.shape) for name, answer in answers(net).items()}
    assert shapes["gender"] == shapes["language"] == (4, 2)
    assert shapes["sentiment"] == (4, 3)
    assert shapes["characters"][::2] == (4, 29)
    assert net.output_names == ("emotion", "gender", "language", "sentiment", "characters", STEP_LENGTHS)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"kind": "rank"}, "unknown kind of task 'rank'; known: single, multi, soft, dimensions, ctc"),
        ({"loss": "hinge"}, "unknown loss 'hinge'; known: cross-entropy, focal"),
        ({"range": "linear"}, "unknown range 'linear'; known: tanh, sigmoid"),
        ({"name": "step_lengths"}, "a task cannot be called 'step_lengths'"),
        ({"labels": ("one",)}, "task 'e' has the labels one: give at least 2, each once"),
        ({"labels": ("a", "a")}, "task 'e' has the labels a, a: give at least 2, each once"),
        ({"kind": "ctc", "labels": ("ab", "c")}, "task 'e' is CTC: each of its labels is one character"),
        ({"class_weights": (1.0,)}, "task 'e' has 4 labels and 1 class weights"),
        ({"weight": -1.0}, "weight=-1.0 and focal_gamma=2.0 must be 0 or more"),
        ({"smoothing": 1.0}, r"smoothing=1.0 in \[0, 1\)"),
    ],
)
def test_a_task_that_cannot_be_is_refused(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        Task(**{"name": "e", "labels": LABELS} | wrong)  # type: ignore[arg-type]


def test_a_network_needs_tasks_of_different_names() -> None:
    with pytest.raises(OptionError, match="a network with the tasks none: give at least one"):
        network("cnn", ())
    with pytest.raises(OptionError, match="a network with the tasks emotion, emotion"):
        network("cnn", (EMOTION, EMOTION))
