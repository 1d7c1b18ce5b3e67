from __future__ import annotations

import numpy as np
import pytest

from hearfelt.datasets import augment
from hearfelt.datasets.augment import (
    AugmentOptions,
    Band,
    Crop,
    GainAndTilt,
    Masks,
    Noise,
    Pause,
    Room,
    Sometimes,
    StretchAndWarp,
    mixup,
)
from hearfelt.errors import OptionError

DB = np.log(10) / 10


def peak(frames: int = 100, at: int = 30) -> np.ndarray:
    """A steady tone: one loud bin over a floor."""
    logmel = np.full((frames, 80), -16.0, dtype=np.float32)
    logmel[:, at] = -2.0
    return logmel


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_stretch_changes_length_and_nothing_else() -> None:
    slower = [StretchAndWarp(0.2, 0.0)(peak(), rng(seed)) for seed in range(40)]
    lengths = [len(logmel) for logmel in slower]
    assert min(lengths) >= 83 and max(lengths) <= 120 and len(set(lengths)) > 10
    for logmel in slower:
        np.testing.assert_allclose(logmel, np.tile(peak(1), (len(logmel), 1)), atol=1e-5)


def test_stretch_keeps_the_order_of_events() -> None:
    ramp = np.linspace(0, 1, 50, dtype=np.float32)[:, None] * np.ones((1, 80), dtype=np.float32)
    logmel = StretchAndWarp(0.2, 0.0)(ramp, rng(1))
    np.testing.assert_allclose(logmel[:, 0], np.linspace(0, 1, len(logmel)), atol=1e-5)


def test_warp_moves_formants_by_at_most_its_share() -> None:
    found = [
        int(StretchAndWarp(0.0, 0.1)(peak(at=40), rng(seed)).mean(axis=0).argmax()) for seed in range(40)
    ]
    assert 36 <= min(found) < 40 < max(found) <= 44


def test_gain_and_tilt_have_the_spread_they_name() -> None:
    moved = np.array([GainAndTilt(6.0, 3.0)(peak(2), rng(s))[0] - peak(1)[0] for s in range(2000)]) / DB
    assert moved.mean(axis=1).std() == pytest.approx(6, rel=0.1)
    assert (moved[:, -1] - moved[:, 0]).std() == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_noise_has_the_snr_it_names(snr_db: float) -> None:
    speech = peak(400)
    noisy = Noise(snr_db, snr_db)(speech, rng())
    added = np.exp(noisy) - np.exp(speech)
    ratio = 10 * np.log10(np.exp(speech).mean() / added.mean())
    assert ratio == pytest.approx(snr_db, abs=1.0)
    assert (noisy >= speech - 1e-4).all()


def test_a_pause_is_the_room_alone_and_the_clip_lies_in_it() -> None:
    speech = peak(100)
    for seed in range(30):
        longer = Pause(50)(speech, rng(seed))
        assert 100 <= len(longer) <= 200
        at = int((longer[:, 30] > speech.max() - 1).argmax())
        np.testing.assert_allclose(longer[at : at + 100, 30], -2, atol=0.05)
        quiet = np.delete(longer, np.s_[at : at + 100], axis=0)
        if len(quiet) > 10:
            under = (speech.max() - quiet.mean()) / DB
            assert 19 < under < 46
            between = longer[at : at + 100, 60]  # where the clip itself is 60 dB under its peak
            assert (speech.max() - between.mean()) / DB == pytest.approx(under, abs=1)


@pytest.mark.parametrize("rt60_s", [0.15, 0.15 + 1e-9])
def test_a_room_decays_by_60_db_in_its_reverberation_time(rt60_s: float) -> None:
    click = np.full((60, 40), -30.0, dtype=np.float32)
    click[10] = 0.0
    heard = Room(rt60_s, 0.01)(click, rng(2))
    np.testing.assert_allclose(heard[:10], click[:10], atol=0.7)
    slope = (heard[12, 0] - heard[22, 0]) / DB / 0.1
    assert slope == pytest.approx(60 / 0.15, rel=0.01)
    assert (heard[12, -1] - heard[22, -1]) / DB / 0.1 == pytest.approx(120 / 0.15, rel=0.01)
    tail = np.exp(heard[11:, 0]).sum()
    assert 0 <= -np.log(tail) / DB <= 12.1, "as loud as the click to 12 dB softer"


def test_a_room_makes_nothing_softer() -> None:
    logmel = rng(5).standard_normal((80, 20)).astype(np.float32) * 3
    assert (Room(0.8, 0.01)(logmel, rng(1)) >= logmel - 1e-5).all()


def test_a_band_takes_the_ends_of_the_mel_axis_and_no_more_than_a_telephone() -> None:
    flat = np.zeros((3, 100), dtype=np.float32)
    cuts = np.array([Band()(flat, rng(seed))[0] for seed in range(200)]) / DB
    assert np.abs(cuts[:, 15:63]).max() == 0, "the middle stays"
    lost = (cuts < -59).sum(axis=1)
    assert lost.min() < 5 and 40 < lost.max() <= 50
    assert cuts.min() == pytest.approx(-60, abs=0.1)


def test_masks_put_the_mean_of_each_bin() -> None:
    random = rng(3)
    logmel = random.standard_normal((200, 80)).astype(np.float32)
    before = logmel.copy()
    masked = Masks(2, 10, 2, 0.1)(logmel, random)
    np.testing.assert_array_equal(logmel, before)
    changed = masked != logmel
    np.testing.assert_allclose(masked[changed], np.broadcast_to(logmel.mean(axis=0), masked.shape)[changed])
    bins, frames = changed.all(axis=0).sum(), changed.all(axis=1).sum()
    assert bins + frames > 0 and bins <= 20 and frames <= 40


def test_crops_are_stretches_of_the_clip() -> None:
    logmel = np.arange(300, dtype=np.float32)[:, None] * np.ones((1, 4), dtype=np.float32)
    crops = [Sometimes(0.5, Crop(100, 200))(logmel, rng(seed)) for seed in range(60)]
    whole = [c for c in crops if len(c) == 300]
    assert 15 < len(whole) < 45
    for crop in crops:
        assert len(crop) == 300 or 100 <= len(crop) <= 200
        np.testing.assert_array_equal(np.diff(crop[:, 0]), 1)
    assert len(Crop(100, 200)(logmel[:50], rng())) == 50


def test_mixup_repeats_the_shorter_and_weighs_both() -> None:
    one, other = np.zeros((5, 2), dtype=np.float32), np.array([[1, 1], [2, 2]], dtype=np.float32)
    np.testing.assert_allclose(mixup(one, other, 0.75)[:, 0], [0.25, 0.5, 0.25, 0.5, 0.25])
    assert mixup(other, one, 0.75).shape == (2, 2)


def test_chance_comes_from_the_generator_alone() -> None:
    steps = augment.build(AugmentOptions(), 0.01)
    assert len(steps) == 5
    one, same, other = (augment.apply(steps, peak(150), rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)
    assert one.dtype == np.float32 and np.isfinite(one).all()


def test_one_frame_survives_everything() -> None:
    steps = augment.build(AugmentOptions(crop_p=1, pause_p=1, room_p=1, noise_p=1, band_p=1), 0.01)
    for seed in range(20):
        assert np.isfinite(augment.apply(steps, peak(1), rng(seed))).all()


def test_zero_switches_off() -> None:
    off = AugmentOptions(
        crop_p=0, stretch=0, warp=0, gain_sd_db=0, tilt_sd_db=0, noise_p=0, freq_masks=0, time_masks=0
    )
    assert augment.build(off, 0.01) == []


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(OptionError, match=r"noise_p=1\.5: a share lies in 0 to 1"):
        AugmentOptions(noise_p=1.5)
    with pytest.raises(OptionError, match=r"room_rt60_max_s=0\.1: at least 0 and 0\.15 s"):
        AugmentOptions(room_rt60_max_s=0.1)
    with pytest.raises(OptionError, match=r"stretch=1\.0, warp=0\.1: relative changes must lie in \[0, 1\)"):
        AugmentOptions(stretch=1.0)
