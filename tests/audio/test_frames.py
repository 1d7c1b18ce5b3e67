"""Framing: a view on the whole, and the same frames from blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.audio.frames import Framer, frame
from hearfelt.errors import AudioError

from .test_resample import cuts


def test_frames_by_hand() -> None:
    sound = np.arange(7, dtype=np.float32)
    np.testing.assert_array_equal(frame(sound, 3, 2), [[0, 1, 2], [2, 3, 4], [4, 5, 6]])
    assert np.shares_memory(frame(sound, 3, 2), sound)
    assert frame(sound, 8, 2).shape == (0, 8)
    assert frame(sound, 7, 100).shape == (1, 7)


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(0, 400),
    size=st.integers(1, 50),
    hop=st.integers(1, 80),
    sizes=st.lists(st.integers(0, 60).map(lambda n: n + 1), min_size=1, max_size=6),
)
def test_blocks_give_the_same_frames(length: int, size: int, hop: int, sizes: list[int]) -> None:
    sound = np.arange(length, dtype=np.float32)
    framer = Framer(size, hop)
    parts = [framer.push(sound[cut]) for cut in cuts(length, sizes)]
    joined = np.concatenate([np.zeros((0, size), np.float32), *parts, framer.close()])
    np.testing.assert_array_equal(joined, frame(sound, size, hop))


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 400), size=st.integers(1, 50), hop=st.integers(1, 50))
def test_padding_covers_every_sample_that_a_hop_reaches(length: int, size: int, hop: int) -> None:
    hop = min(hop, size)
    sound = np.arange(1, length + 1, dtype=np.float32)
    framer = Framer(size, hop)
    frames = np.concatenate([framer.push(sound), framer.close(pad=True)])
    filled = np.concatenate([sound, np.zeros(size + hop, np.float32)])
    np.testing.assert_array_equal(frames, frame(filled, size, hop)[: len(frames)])
    assert (len(frames) - 1) * hop + size >= length
    assert (len(frames) - 1) * hop < length


@pytest.mark.parametrize(("size", "hop"), [(0, 1), (1, 0)])
def test_bad_sizes_are_refused(size: int, hop: int) -> None:
    with pytest.raises(AudioError, match=f"frame size {size} and hop {hop} cannot be used; give whole"):
        frame(np.zeros(10, np.float32), size, hop)
