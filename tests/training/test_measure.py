"""Log-mels of a table: as `LogMel` gives them, once, with every broken clip counted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio import read
from hearfelt.datasets import corpora
from hearfelt.errors import CorpusError
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.features.melfunctionals import MelFunctionals
from hearfelt.training import measure
from hearfelt.types import Example, Segment

OPTIONS = LogMelOptions(n_mels=20, trim_db=40.0)


@pytest.fixture
def table(made_data: Path) -> list[Example]:
    return corpora.read("emodb", made_data)[:6]


def test_each_clip_is_measured_as_log_mel_does(table: list[Example]) -> None:
    measured = measure.logmels(table, OPTIONS)
    assert len(measured.values) == len(measured.seconds) == len(measured.functionals) == 6
    for row, example in enumerate(table):
        sound = read(Path(example.file))[0]
        frames = LogMel(OPTIONS)(sound).values
        np.testing.assert_allclose(measured.values[row], frames, atol=0.02)
        assert measured.seconds[row] == pytest.approx(sound.duration_s)
        expected = MelFunctionals(OPTIONS)(sound).values[0]
        np.testing.assert_allclose(measured.functionals[row], expected, rtol=1e-5, atol=1e-5)


def test_shards_are_measured_once_and_survive_a_stop(
    table: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "SHARD", 2)
    real, calls = measure.sound, []

    def stops(source: Example, rate: int) -> object:
        calls.append(source.file)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(source, rate)

    monkeypatch.setattr(measure, "sound", stops)
    with pytest.raises(KeyboardInterrupt):
        measure.logmels(table, OPTIONS, cache=tmp_path)
    again = measure.logmels(table, OPTIONS, cache=tmp_path)
    assert calls.count(table[0].file) == 1 and calls.count(table[2].file) == 2
    monkeypatch.setattr(measure, "LogMel", None)
    third = measure.logmels(table, OPTIONS, cache=tmp_path)
    same(again, third)


def test_several_processes_give_the_same(table: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "SHARD", 3)
    alone, together = (measure.logmels(table, OPTIONS, workers=n) for n in (1, 2))
    same(alone, together)


def same(one: measure.Measured, other: measure.Measured) -> None:
    for ours, theirs in zip(one.values, other.values, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(one.functionals, other.functionals)
    np.testing.assert_array_equal(one.seconds, other.seconds)


def test_a_segment_is_cut_from_its_file(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).standard_normal((16000, 2)).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "two.wav", sound, 16000, subtype="FLOAT")
    example = Example(str(tmp_path / "two.wav"), "anger", Segment(0.25, 0.5, None, 1))
    np.testing.assert_allclose(measure.sound(example, 16000).samples, sound[4000:8000, 1], atol=1e-6)
    late = dataclasses.replace(example, segment=Segment(2.0, 3.0))
    with pytest.raises(CorpusError, match=r"two\.wav ends at 1\.00 s, the table asks for 2\.0 to 3\.0 s"):
        measure.sound(late, 16000)
    third = dataclasses.replace(example, segment=Segment(0.0, 0.5, None, 2))
    with pytest.raises(CorpusError, match="has 2 channels, the table asks for channel 2"):
        measure.sound(third, 16000)


def test_all_broken_clips_are_counted(table: list[Example], tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    broken = [Example(str(tmp_path / name), "anger") for name in ("text.wav", "none.wav")]
    with pytest.raises(CorpusError, match=r"2 of 8 clips cannot be learnt from, the first is .*text\.wav \("):
        measure.logmels([*table, *broken], OPTIONS, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
