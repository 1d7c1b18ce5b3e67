"""Where a network learns: one CPU process, or what accelerate finds (GPUs, several processes)."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from hearfelt.errors import MissingExtraError, unknown_name
from hearfelt.training.watch import DEVICES

T = TypeVar("T")


class Device:
    """One process on the CPU.

    Attributes:
        rank, world: which process this is, and how many there are.
        name: for ``run.json``.
    """

    rank, world, name = 0, 1, "cpu"

    def __init__(self, bf16: bool) -> None:
        self.bf16 = bf16

    def prepare(self, lesson: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """The lesson and the optimiser as the device wants them."""
        return lesson, optimizer

    def place(self, batch: T) -> T:
        """A batch where the network is."""
        return batch

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Compute in the reduced precision that was asked for."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bf16)

    def backward(self, loss: Tensor) -> None:
        """Gradients of a loss, added to those there are."""
        loss.backward()  # type: ignore[no-untyped-call]

    def clip(self, lesson: nn.Module, norm: float) -> None:
        """Scale gradients down to a norm."""
        torch.nn.utils.clip_grad_norm_(lesson.parameters(), norm)

    def alone(self, lesson: nn.Module) -> contextlib.AbstractContextManager[Any]:
        """Gradients are not exchanged in this block: more will be added before the step."""
        return contextlib.nullcontext()

    def share(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches that this process learns from; all processes get as many."""
        for group in zip(*[iter(batches)] * self.world, strict=False):  # an incomplete last group is left out
            yield group[self.rank]

    def sums(self, values: Mapping[str, float]) -> dict[str, float]:
        """Each number summed over the processes."""
        return dict(values)

    def wait(self) -> None:
        """Until all processes are here."""


class Accelerated(Device):
    """What ``accelerate`` manages: a GPU, or several processes started by ``accelerate launch``.

    Mixed precision is that of ``accelerate launch`` where it names one, else bfloat16 as the recipe says.

    Raises:
        MissingExtraError: accelerate is not installed.
    """

    def __init__(self, bf16: bool) -> None:
        super().__init__(bf16)
        try:
            from accelerate import Accelerator
        except ImportError:
            raise MissingExtraError(
                "training on GPUs or in several processes", "accelerate", "train"
            ) from None
        asked = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
        precision = asked if asked != "no" else ("bf16" if bf16 else "no")
        self.accelerator = Accelerator(mixed_precision=precision)
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        self.name = f"{self.accelerator.device} by accelerate, {self.world} processes, precision {precision}"

    def prepare(self, lesson: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        prepared: tuple[nn.Module, Any] = self.accelerator.prepare(lesson, optimizer)
        return prepared

    def place(self, batch: T) -> T:
        placed: T = _moved(batch, self.accelerator.device)
        return placed

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        context: contextlib.AbstractContextManager[Any] = self.accelerator.autocast()
        return context

    def backward(self, loss: Tensor) -> None:
        self.accelerator.backward(loss)

    def clip(self, lesson: nn.Module, norm: float) -> None:
        self.accelerator.clip_grad_norm_(lesson.parameters(), norm)

    def alone(self, lesson: nn.Module) -> contextlib.AbstractContextManager[Any]:
        context: contextlib.AbstractContextManager[Any] = self.accelerator.no_sync(lesson)
        return context

    def sums(self, values: Mapping[str, float]) -> dict[str, float]:
        row = torch.tensor(list(values.values()), dtype=torch.float64, device=self.accelerator.device)
        total = self.accelerator.reduce(row, "sum").tolist()
        return dict(zip(values, total, strict=True))

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()


def choose(kind: str, bf16: bool) -> Device:
    """The device by name: ``cpu``, ``accelerate``, or ``auto``.

    ``auto`` is accelerate where there is a GPU or where several processes were started, else the CPU. A CPU
    computes in bfloat16 only where it is `native_bf16`.

    Raises:
        OptionError: another name.
    """
    if kind not in DEVICES:
        raise unknown_name("device", kind, DEVICES)
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if kind == "accelerate" or (kind == "auto" and (several or torch.cuda.is_available())):
        return Accelerated(bf16)
    return Device(bf16 and native_bf16())


def native_bf16() -> bool:
    """Whether this processor multiplies bfloat16 itself. Where it does not, float32 is ten times faster."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: _moved(item, device) for key, item in value.items()}
    if type(value) is tuple:
        return tuple(_moved(item, device) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: _moved(getattr(value, f.name), device) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **parts)
    return value
