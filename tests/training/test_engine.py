"""The loop that all networks share: gradients, averages, early stopping, resuming, and what can go wrong."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hearfelt.errors import OptionError, RunError  # noqa: E402
from hearfelt.training import devices, engine  # noqa: E402
from hearfelt.training.devices import Device  # noqa: E402
from hearfelt.training.engine import Step  # noqa: E402
from hearfelt.training.recipe import LoopOptions  # noqa: E402
from hearfelt.training.watch import Bars, How, Lines, Parts, TensorBoard, span  # noqa: E402

LOOP = LoopOptions(epochs=4, batch=4, average=0.5, bf16=False, learning_rate=0.05)


class Line(engine.Lesson):
    """A straight line through eight points; deterministic but for dropout."""

    def __init__(self, batch: int = 4, scores: tuple[float, ...] = ()) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Dropout(0.2))
        self.x = torch.randn(8, 2, generator=torch.Generator().manual_seed(1))
        self.y = self.x @ torch.tensor([[1.0], [-2.0]]) + 0.5
        self.batch, self.steps = batch, 8 // batch
        self.scores, self.judges = list(scores), bool(scores)
        self.spoilt: int | None = None

    def batches(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(8, generator=torch.Generator().manual_seed(epoch))
        for part in order.split(self.batch):
            yield self.x[part], self.y[part] * (float("nan") if epoch == self.spoilt else 1)

    def forward(self, batch: tuple[torch.Tensor, torch.Tensor], device: Device) -> Step:
        error = ((self.network(batch[0]) - batch[1]) ** 2).mean()
        return Step(error, len(batch[0]), {"double": 2 * float(error.detach())})

    def score(self) -> dict[str, float]:
        assert not self.network.training
        return {"score": self.scores.pop(0)}


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def weights(lesson: engine.Lesson) -> list[float]:
    return [float(v) for p in lesson.network.parameters() for v in p.detach().flatten()]


def test_it_is_adamw_under_one_cycle_with_averaged_weights(tmp_path: Path) -> None:
    """Written out step by step with torch alone."""
    lesson, plain = Line(), Line()
    history = engine.fit(lesson, LOOP, tmp_path)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Dropout(0.2))
    matrix, bias = network.parameters()
    optimizer = torch.optim.AdamW(
        [{"params": [matrix], "weight_decay": 0.02}, {"params": [bias], "weight_decay": 0.0}], lr=0.05
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=9, pct_start=0.25)
    average = [p.detach().clone() for p in network.parameters()]
    for epoch in range(4):
        total = 0.0
        for x, y in plain.batches(epoch):
            loss = ((network(x) - y) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) / 2
            average = [(a + p.detach()) / 2 for a, p in zip(average, network.parameters(), strict=True)]
        assert history[epoch]["loss"] == pytest.approx(total, rel=1e-6)
        assert history[epoch]["double"] == pytest.approx(2 * total, rel=1e-6)
    flat = [float(v) for p in average for v in p.flatten()]
    assert weights(lesson) == pytest.approx(flat, rel=1e-5)
    assert losses(tmp_path) == [epoch["loss"] for epoch in history]


def test_small_batches_accumulate_to_the_gradient_of_a_large_one(tmp_path: Path) -> None:
    lessons = [Line(8), Line(2)]
    for lesson, parts in zip(lessons, (1, 4), strict=True):
        lesson.network[1].p = 0.0
        engine.fit(lesson, dataclasses.replace(LOOP, accumulate=parts), tmp_path / str(parts))
    assert weights(lessons[0]) == pytest.approx(weights(lessons[1]), rel=1e-4)


def test_the_same_seed_gives_the_same_losses_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("same", 5), ("other", 6)):
        lesson = Line()
        torch.manual_seed(seed)
        engine.fit(lesson, LOOP, tmp_path / name)
    assert losses(tmp_path / "one") == losses(tmp_path / "same") != losses(tmp_path / "other")


def test_it_stops_early_and_keeps_the_best_epoch(tmp_path: Path) -> None:
    loop = dataclasses.replace(LOOP, epochs=9, patience=2)
    lesson = Line(scores=(0.1, 0.5, 0.4, 0.5, 0.9))
    history = engine.fit(lesson, loop, tmp_path / "stop")
    assert [epoch["score"] for epoch in history] == [0.1, 0.5, 0.4, 0.5], "an equal score is no better one"
    state = torch.load(tmp_path / "stop" / "checkpoint.pt", weights_only=True)
    for name, value in lesson.network.state_dict().items():
        assert torch.equal(value, state["best"][name]) and not torch.equal(value, state["average"][name])
    again = Line(scores=())
    again.judges = True
    assert engine.fit(again, loop, tmp_path / "stop") == history, "what was over stays over"
    assert weights(again) == weights(lesson)


def test_a_loss_that_is_not_finite_stops_before_it_is_saved(tmp_path: Path) -> None:
    lesson = Line()
    lesson.spoilt = 2
    with pytest.raises(RunError) as caught:
        engine.fit(lesson, LOOP, tmp_path)
    assert str(caught.value) == (
        "the loss of epoch 3, batch 1 is nan: set loop.learning_rate lower than 0.05, or look for broken "
        f"clips; {tmp_path / 'checkpoint.pt'} holds the run up to epoch 2"
    )
    assert len(losses(tmp_path)) == 2
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert all(torch.isfinite(value).all() for value in state["network"].values())
    assert len(engine.fit(Line(), LOOP, tmp_path)) == 4, "and goes on once the clips are mended"
    lesson.spoilt = 0
    with pytest.raises(RunError, match=r"the loss of epoch 1, batch 1 is nan: .*nothing was saved yet"):
        engine.fit(lesson, LOOP, tmp_path / "new")


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    engine.fit(Line(), LOOP, tmp_path)
    other = Line()
    other.network = torch.nn.Linear(3, 1)
    with pytest.raises(RunError, match=r"checkpoint\.pt is no checkpoint of this run .*remove it to begin"):
        engine.fit(other, LOOP, tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"half a file")
    with pytest.raises(RunError, match=r"checkpoint\.pt is no checkpoint of this run"):
        engine.fit(Line(), LOOP, tmp_path)


def test_accelerate_on_the_cpu_gives_the_same(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    plain = Line()
    engine.fit(plain, LOOP, tmp_path / "plain", device="cpu")
    managed = Line()
    engine.fit(managed, LOOP, tmp_path / "managed", device="accelerate")
    assert losses(tmp_path / "plain") == losses(tmp_path / "managed")
    assert weights(plain) == weights(managed)


def test_unknown_devices_list_the_known() -> None:
    with pytest.raises(OptionError, match="unknown device 'gpu'; known: auto, cpu, accelerate"):
        devices.choose("gpu", False)


def test_a_time_is_told_in_the_unit_that_people_would_use() -> None:
    assert [span(s) for s in (0.2, 41, 95, 5000, 7600)] == ["0 s", "41 s", "1.6 min", "83.3 min", "2.1 h"]


def test_parts_say_how_long_the_others_will_take(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with Parts("folds", 2, said.append, bars=False) as parts:
        parts.done("fold 0 of 2: UAR 0.500")
        parts.done("fold 1 of 2: UAR 0.600")
    assert said == ["fold 0 of 2: UAR 0.500, 0 s left", "fold 1 of 2: UAR 0.600"]
    with Parts("folds", 1, said.append, bars=True) as parts:
        parts.done("fold 0 of 1: UAR 0.700")
    assert "folds" in capsys.readouterr().err
    with Parts("folds", 0, said.append, bars=True):
        pass


def test_lines_say_the_figures_and_the_time_left(tmp_path: Path) -> None:
    said: list[str] = []
    engine.fit(Line(), LOOP, tmp_path, [Lines(said.append)])
    assert len(said) == 4
    first = losses(tmp_path)[0]
    assert said[0].startswith(f"epoch 1/4 loss {first:.4f} double {2 * first:.4f}, ")
    assert said[-1].endswith(", 0 s left")
    said.clear()
    engine.fit(Line(), dataclasses.replace(LOOP, epochs=4), tmp_path, [Lines(said.append)])
    assert said == ["goes on after epoch 4/4"]


def test_bars_go_to_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine.fit(Line(), LOOP, tmp_path, [Bars("fold 0")])
    shown = capsys.readouterr().err
    assert "fold 0" in shown and "100 %" in shown and "epoch 4/4 loss" in shown


def test_tensorboard_gets_the_figures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    watchers = How(tensorboard=True).watchers(print, tmp_path)
    assert any(isinstance(watcher, TensorBoard) for watcher in watchers)
    engine.fit(Line(), LOOP, tmp_path, watchers)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.value for event in events.Scalars("loss")] == pytest.approx(losses(tmp_path))
    assert [event.step for event in events.Scalars("double")] == [1, 2, 3, 4]
