"""The voice recipe learns as it always did: losses recorded before the loop was shared by all networks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from hearfelt.training import devices, inputs, loop, recipe

RECORDED = {
    True: [1.1399535099665323, 1.0713071902592977, 0.9649880806605021],
    False: [1.1408357938130698, 1.0754974762598672, 0.9693641424179077],
}
"""bf16 to the loss of each epoch, at commit b78eaa5 on an x86-64 processor."""


@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 1e-4), (True, 1e-2)])
def test_losses_are_those_recorded(
    bf16: bool, tolerance: float, made_recipe: Path, made_data: Path, tmp_path: Path
) -> None:
    if bf16 and not devices.native_bf16():
        pytest.skip("this processor has no bfloat16 instructions: a recipe that asks for them gets float32")
    tiny = recipe.load(made_recipe)
    tiny = dataclasses.replace(tiny, loop=dataclasses.replace(tiny.loop, bf16=bf16))
    clips = inputs.load(tiny, made_data, tmp_path / "cache", print)
    loop.train(tiny, clips, range(48), tmp_path / "run", print)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    # Processors round differently; on the one they were recorded on the losses are the same to the last bit.
    assert [json.loads(line)["loss"] for line in lines] == pytest.approx(RECORDED[bf16], rel=tolerance)
