"""The example call: made again, it is what stands in the repository."""

from __future__ import annotations

import csv
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearfelt import audio
from hearfelt.audio import quality

from .test_vad import cues


def test_make_gives_the_committed_call(tmp_path: Path, example_call: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="espeakng-loader is missing: pip install 'hearfelt[tts]'")
    script = example_call.with_name("make.py")
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    srt = (tmp_path / "call.srt").read_text(encoding="utf-8")
    assert srt == example_call.with_suffix(".srt").read_text(encoding="utf-8")
    for made, kept in zip(audio.read(tmp_path / "call.flac"), audio.read(example_call), strict=True):
        np.testing.assert_allclose(made.samples, kept.samples, atol=2e-3)


def test_what_the_call_is(example_call: Path) -> None:
    info = audio.probe(example_call)
    assert (info.format, info.codec, info.sample_rate_hz, info.channels) == ("flac", "pcm_16", 16000, 2)
    assert info.duration_s is not None
    assert 50 < info.duration_s < 75
    assert example_call.stat().st_size < 2_500_000
    for channel in audio.read(example_call):
        assert quality.clipping(channel.samples) == 0


def test_the_script_is_the_transcript(example_call: Path) -> None:
    with example_call.with_name("script.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    turns = list(cues(example_call.with_suffix(".srt")))
    assert [row["speaker"].capitalize() for row in rows] == [speaker for speaker, _, _ in turns]
    assert 14 <= len(turns) <= 18
    interruptions = [b for a, b in itertools.pairwise(turns) if b[1] < a[2]]
    assert [speaker for speaker, _, _ in interruptions] == ["Customer"]


def test_anger_is_louder(example_call: Path) -> None:
    customer = audio.read(example_call)[1]
    with example_call.with_name("script.csv").open(encoding="utf-8", newline="") as file:
        moods = [row["mood"] for row in csv.DictReader(file)]
    levels: dict[str, list[float]] = {}
    for mood, (speaker, start, end) in zip(moods, cues(example_call.with_suffix(".srt")), strict=True):
        if speaker == "Customer":
            levels.setdefault(mood, []).append(quality.level_dbfs(customer.cut(start, end).samples))
    assert min(levels["angry"]) > max(levels["neutral"]) + 5
