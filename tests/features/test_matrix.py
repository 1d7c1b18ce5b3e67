"""Clips to a matrix: the rows, the cache, what cannot be measured, and processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hearfelt.errors import FeatureError, OptionError
from hearfelt.features.base import Joined, extractor
from hearfelt.features.frames import FrameFeatures
from hearfelt.features.functionals import Functionals
from hearfelt.features.matrix import matrix, measure
from hearfelt.features.shards import Shards
from hearfelt.types import Audio, Example, Features, Segment

RATE = 16000


class Level:
    """Mean, maximum and, where asked, a value that is no number; counts how often it is asked."""

    space = "level/1"

    def __init__(self, options: str = "", fail: Callable[[Audio], bool] = lambda _: False) -> None:
        self.options = options
        self.calls = 0
        self._fail = fail

    def __call__(self, audio: Audio) -> Features:
        self.calls += 1
        if len(audio.samples) < 100:
            raise FeatureError(f"a sound of {len(audio.samples)} samples is too short")
        values = [audio.samples.mean(), audio.samples.max(), np.nan if self._fail(audio) else 0.0]
        names = ("mean", "max", "odd")
        return Features(np.array([values], dtype=np.float32), names, audio.duration_s, self.space)


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Four sounds whose level is 0.1, 0.2, 0.3 and 0.4; the last is the loudest."""
    paths = []
    for number in range(1, 5):
        path = tmp_path / "sounds" / f"clip{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.full(RATE, 0.1 * number), RATE, subtype="FLOAT")
        paths.append(path)
    return paths


def loud(audio: Audio) -> bool:
    return bool(audio.samples.max() > 0.35)


def test_a_row_an_input_in_order(clips: list[Path]) -> None:
    inputs = [Example(str(clips[1]), "anger"), str(clips[0]), clips[2], Audio(np.ones(200, np.float32), RATE)]
    values = matrix(inputs, Level())
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[:, 0], [0.2, 0.1, 0.3, 1.0], rtol=1e-5)
    assert matrix([], Level()).shape == (0, 0)


def test_a_segment_is_cut_from_its_channel(tmp_path: Path) -> None:
    sound = np.zeros((2 * RATE, 2))
    sound[RATE:, 1] = 0.5
    path = tmp_path / "call.wav"
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    inputs = [Example(str(path), None, Segment(start, start + 1.0, None, 1)) for start in (0.0, 1.0)]
    np.testing.assert_allclose(matrix(inputs, Level())[:, 0], [0.0, 0.5], atol=1e-6)


def test_the_cache_measures_a_clip_once(clips: list[Path], tmp_path: Path) -> None:
    cache, first = tmp_path / "cache", Level()
    values = matrix([*clips, clips[0]], first, cache=cache)
    assert first.calls == 4
    again = Level()
    np.testing.assert_array_equal(matrix([*clips, clips[0]], again, cache=cache), values)
    assert again.calls == 0
    other = Level(options="another")
    matrix(clips, other, cache=cache)
    assert other.calls == 4
    soundfile.write(clips[0], np.full(2 * RATE, 0.7), RATE, subtype="FLOAT")
    changed = Level()
    assert matrix(clips, changed, cache=cache)[0, 0] == pytest.approx(0.7)
    assert changed.calls == 1


def test_what_was_measured_before_a_failure_is_kept(clips: list[Path], tmp_path: Path) -> None:
    with pytest.raises(FeatureError):
        matrix(clips, Level(fail=loud), cache=tmp_path / "cache")
    again = Level()
    matrix(clips, again, cache=tmp_path / "cache")
    assert again.calls == 1


def test_a_broken_cache_file_is_measured_again(clips: list[Path], tmp_path: Path) -> None:
    said: list[str] = []
    matrix(clips, Level(), cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").rglob("*.npz")
    file.write_bytes(file.read_bytes()[:100])
    again = Level()
    matrix(clips, again, cache=tmp_path / "cache", report=said.append)
    assert again.calls == 4
    assert any("cannot be read" in sentence and "measured again" in sentence for sentence in said)


def test_a_cache_that_cannot_be_written_costs_only_the_cache(clips: list[Path], tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "cache").write_text("a file, no folder")
    values = matrix(clips, Level(), cache=tmp_path / "cache", report=said.append)
    assert values.shape == (4, 3)
    assert any("4 rows of features could not be kept" in sentence for sentence in said)


def test_a_clip_that_cannot_be_measured_is_named(clips: list[Path], tmp_path: Path) -> None:
    with pytest.raises(
        FeatureError,
        match=r"clip4\.wav cannot be measured: 1 of its 3 values are NaN or infinite, such as odd; "
        r"leave the clip out \(hearfelt data check finds all of them\), or measure with unmeasurable='nan' "
        r'\(in a recipe: model\.unmeasurable="impute"\)',
    ):
        matrix(clips, Level(fail=loud))
    short = Example(str(clips[0]), "anger", Segment(0.5, 0.501))
    with pytest.raises(FeatureError, match=r"clip1\.wav from 0\.50 s to 0\.50 s cannot be measured: a "):
        matrix([clips[1], short], Level())
    with pytest.raises(FeatureError, match=r"gone\.wav.* cannot be measured"):
        matrix([tmp_path / "gone.wav"], Level())
    with pytest.raises(FeatureError, match="sound 0 cannot be measured"):
        matrix([Audio(np.ones(5, np.float32), RATE)], Level())


def test_nan_is_left_and_reported_where_asked(clips: list[Path], tmp_path: Path) -> None:
    said: list[str] = []
    found = measure([*clips, tmp_path / "gone.wav"], Level(fail=loud), unmeasurable="nan", report=said.append)
    assert list(found.missing) == [3, 4]
    assert np.isnan(found.values).sum() == 1 + 3
    assert np.isnan(found.values[4]).all()
    assert len(said) == 2
    assert "its values are NaN" in said[0]
    with pytest.raises(FeatureError, match=r"none of 1 clips can be measured, the first: .*gone"):
        matrix([tmp_path / "gone.wav"], Level(), unmeasurable="nan")


def test_joined_extractors_share_the_caches_of_their_parts(clips: list[Path], tmp_path: Path) -> None:
    one, two = Level(), Level(options="two")
    matrix(clips, one, cache=tmp_path / "cache")
    both = measure(clips, Joined([one, two]), cache=tmp_path / "cache")
    assert (one.calls, two.calls) == (4, 4)
    assert both.space == "level/1+level/1"
    np.testing.assert_array_equal(both.values[:, :3], both.values[:, 3:])
    np.testing.assert_array_equal(
        Joined([one, two])(Audio(np.ones(200, np.float32), RATE)).values[0, :3], [1, 1, 0]
    )


def test_processes_give_the_same_rows(speech: Callable[..., Audio], tmp_path: Path) -> None:
    paths = []
    for seed in range(3):
        path = tmp_path / f"{seed}.wav"
        soundfile.write(path, speech(seconds=0.5, seed=seed).samples, RATE)
        paths.append(path)
    alone = matrix(paths, Functionals())
    np.testing.assert_array_equal(matrix(paths, Functionals(), processes=2, cache=tmp_path / "c"), alone)
    np.testing.assert_array_equal(matrix(paths, Functionals(), cache=tmp_path / "c"), alone)


def test_what_it_refuses(clips: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"unknown policy .* 'zero'; known: refuse, nan"):
        matrix(clips, Level(), unmeasurable="zero")
    with pytest.raises(OptionError, match="processes=0: use at least 1"):
        matrix(clips, Level(), processes=0)
    frames: Any = FrameFeatures()
    with pytest.raises(FeatureError, match="frames/1 gives 99 frames, a matrix needs one row"):
        matrix(clips, frames)
    with pytest.raises(OptionError, match="does not name its feature space"):
        Shards(tmp_path, lambda audio: audio, print)  # type: ignore[arg-type,return-value]
    with pytest.raises(OptionError, match="nothing to join"):
        Joined([])


def test_names_of_extractors() -> None:
    assert extractor("functionals+mel").space == "egemaps/1+melfunctionals/1"
    with pytest.raises(OptionError, match="unknown feature set 'praat'; known: functionals, mel, opensmile"):
        extractor("functionals+praat")
