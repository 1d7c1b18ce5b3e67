"""Low-level descriptors: made signals with known answers, Praat as a second opinion, cuts, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import FeatureError, OptionError
from hearfelt.features.frames import TAIL_FRAMES, UNVOICED_LEVEL_DB, FrameFeatures, FrameOptions
from hearfelt.types import Audio, Features

RATE = 16000
Samples = npt.NDArray[np.float64]


def as_audio(samples: npt.NDArray[np.floating]) -> Audio:
    return Audio(np.asarray(samples, dtype=np.float32), RATE)


def harmonics(f0_hz: float, seconds: float = 0.5, level: float = 0.3) -> Samples:
    time = np.arange(int(seconds * RATE)) / RATE
    count = max(1, min(20, int(3900 / f0_hz)))
    sound = sum(np.cos(2 * np.pi * f0_hz * n * time + n * n) / n for n in range(1, count + 1))
    return level * sound / np.abs(sound).max()


def pulses(times_s: Samples, amplitudes: Samples, seconds: float, width_hz: float = 1500) -> Samples:
    """Pulses at the given times, with a Gaussian spectrum."""
    size = int(seconds * RATE)
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    spectrum = (amplitudes[:, None] * np.exp(-2j * np.pi * frequency * times_s[:, None])).sum(axis=0)
    spectrum *= np.exp(-((frequency / width_hz) ** 2))
    return np.fft.irfft(spectrum, size)


def through_resonances(source: Samples, formants: list[tuple[float, float]]) -> Samples:
    """A source through two-pole resonators, by their frequency response."""
    z = np.exp(-2j * np.pi * np.arange(len(source) // 2 + 1) / len(source))
    spectrum = np.fft.rfft(source)
    for hz, width in formants:
        radius = np.exp(-np.pi * width / RATE)
        spectrum = spectrum / (1 - 2 * radius * np.cos(2 * np.pi * hz / RATE) * z + radius**2 * z**2)
    sound = np.fft.irfft(spectrum, len(source))
    return 0.3 * sound / np.abs(sound).max()


def voiced(frames: Features) -> npt.NDArray[np.bool_]:
    return frames["f0_hz"] > 0


def test_one_row_every_ten_ms_with_the_promised_names(speech: Callable[..., Audio]) -> None:
    frames = FrameFeatures(FrameOptions(mfcc=12))(speech(seconds=1.0))
    assert frames.values.shape == ((RATE - 320) // 160 + 1, 36)
    assert frames.values.dtype == np.float32
    assert frames.hop_s == 0.01
    assert frames.space == "frames/1"
    assert frames.names is not None
    assert frames.names[:2] == ("f0_semitones", "f0_hz")
    assert frames.names[-1] == "mfcc12"


@settings(max_examples=25, deadline=None)
@given(st.floats(60, 500))
def test_f0_of_a_harmonic_sound_is_found_within_one_percent(f0_hz: float) -> None:
    found = FrameFeatures()(as_audio(harmonics(f0_hz)))["f0_hz"][2 : -TAIL_FRAMES - 2]
    assert np.all(np.abs(found / f0_hz - 1) < 0.01)


def test_semitones_count_from_27_5_hz() -> None:
    frames = FrameFeatures()(as_audio(harmonics(220.0)))
    np.testing.assert_allclose(frames["f0_semitones"][5:-10], 36.0, atol=0.1)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.02, 3.0))
def test_pitch_hnr_and_spectral_shape_do_not_follow_the_gain(gain: float) -> None:
    noise = 0.003 * np.random.default_rng(1).standard_normal(RATE)
    sound = harmonics(150.0, 1.0, level=0.3) + noise
    plain, scaled = FrameFeatures()(as_audio(sound)), FrameFeatures()(as_audio(gain * sound))
    for name, tolerance in (
        ("f0_hz", 1e-2),
        ("hnr_db", 1e-2),
        ("slope_0_500", 1e-5),
        ("slope_500_1500", 1e-5),
        ("alpha_ratio_db", 1e-2),
        ("hammarberg_db", 1e-2),
        ("h1_h2_db", 1e-2),
        ("f1_hz", 5.0),
        ("jitter", 1e-3),
        ("shimmer_db", 1e-2),
    ):
        np.testing.assert_allclose(plain[name], scaled[name], atol=tolerance, rtol=1e-3, err_msg=name)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 0.9), st.floats(1.05, 3.0))
def test_loudness_grows_with_the_gain_by_its_power_law(level: float, gain: float) -> None:
    sound = harmonics(200.0, 0.3, level=level / gain)
    quiet = FrameFeatures()(as_audio(sound))["loudness"]
    loud = FrameFeatures()(as_audio(gain * sound))["loudness"]
    np.testing.assert_allclose(loud / quiet, gain ** (2 * 0.33), rtol=1e-3)


def test_formants_of_a_made_vowel() -> None:
    vowel = [(650.0, 70.0), (1250.0, 90.0), (2500.0, 130.0), (3500.0, 200.0), (4500.0, 250.0)]
    source = pulses(np.arange(0.05, 0.95, 0.0093), np.ones(97), 1.0, width_hz=8000)
    frames = FrameFeatures()(as_audio(through_resonances(source, vowel)))
    use = np.flatnonzero(voiced(frames))[10:-10]
    for name, (hz, _) in zip(("f1_hz", "f2_hz", "f3_hz"), vowel, strict=False):
        assert abs(np.median(frames[name][use]) / hz - 1) < 0.1, name


@pytest.mark.parametrize("snr_db", [5.0, 12.0, 20.0])
def test_hnr_is_the_ratio_of_periodic_to_random_energy(snr_db: float) -> None:
    sound = harmonics(140.0, 1.0)
    noise = np.random.default_rng(3).standard_normal(len(sound))
    noise *= np.sqrt((sound**2).mean() / (noise**2).mean()) * 10 ** (-snr_db / 20)
    frames = FrameFeatures()(as_audio(sound + noise))
    assert abs(np.median(frames["hnr_db"][voiced(frames)]) - snr_db) < 2.0


def test_jitter_of_periods_that_alternate() -> None:
    steady = np.full(90, 0.008)
    alternate = 0.008 * (1 + 0.01 * (-1.0) ** np.arange(90))
    found = []
    for lengths in (steady, alternate):
        frames = FrameFeatures()(as_audio(pulses(0.05 + np.cumsum(lengths), np.full(90, 0.5), 1.0)))
        found.append(float(np.median(frames["jitter"][voiced(frames)][15:-15])))
    assert found[0] < 0.001
    # Periods of 1.01 and 0.99 of the mean differ by 2 %; matching one against the next halves nothing.
    assert abs(found[1] - 0.02) < 0.006


def test_shimmer_of_amplitudes_that_alternate() -> None:
    found = []
    for swing in (0.0, 0.06):
        heights = 0.5 * (1 + swing * (-1.0) ** np.arange(90))
        frames = FrameFeatures()(as_audio(pulses(0.05 + 0.008 * np.arange(90), heights, 1.0)))
        found.append(float(np.median(frames["shimmer_db"][voiced(frames)][15:-15])))
    assert found[0] < 0.05
    assert abs(found[1] - 20 * np.log10(1.06 / 0.94)) < 0.25


def test_breathy_sound_has_the_stronger_first_harmonic() -> None:
    time = np.arange(RATE) / RATE
    sound = np.sin(2 * np.pi * 200 * time) + 0.1 * np.sin(2 * np.pi * 400 * time)
    frames = FrameFeatures()(as_audio(0.3 * sound))
    np.testing.assert_allclose(frames["h1_h2_db"][10:-10], 20.0, atol=1.0)


def test_flux_is_zero_for_a_steady_sound_and_not_for_a_step() -> None:
    steady = as_audio(harmonics(200.0))  # 80 samples a period divide the hop: frames are alike
    assert FrameFeatures()(steady)["spectral_flux"].max() < 1e-3
    step = steady.samples.copy()
    step[4000:] = 0
    assert FrameFeatures()(as_audio(step))["spectral_flux"].max() > 0.1


@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(0, 48000), max_size=9), start=st.integers(0, 2))
def test_cutting_the_sound_anywhere_changes_no_number(
    speech: Callable[..., Audio], cuts: list[int], start: int
) -> None:
    audio = speech(seconds=3.0, f0_hz=(90, 150, 260)[start], seed=start)
    whole = FrameFeatures()(audio)
    extractor = FrameFeatures()
    places = [0, *sorted(cuts), len(audio.samples)]
    parts = [extractor.push(Audio(audio.samples[a:b], RATE)) for a, b in pairwise(places)]
    joined = np.concatenate([*(part.values for part in parts), extractor.close().values])
    np.testing.assert_allclose(joined, whole.values, rtol=1e-4, atol=1e-3)


def test_real_speech_in_small_pieces_gives_the_same(data_dir: Path) -> None:
    random = np.random.default_rng(5)
    files = sorted((data_dir / "audio/emodb/audio").glob("*.flac"))[::130]
    extractor = FrameFeatures()
    for file in files:
        samples, rate = soundfile.read(file, dtype="float32")
        whole = FrameFeatures()(Audio(samples, rate))
        places = np.sort(np.concatenate([[0, len(samples)], random.integers(0, len(samples), 12)]))
        parts = [extractor.push(Audio(samples[a:b], rate)).values for a, b in pairwise(places)]
        joined = np.concatenate([*parts, extractor.close().values])
        np.testing.assert_allclose(joined, whole.values, rtol=1e-3, atol=1e-2)


def test_a_stream_hands_frames_over_early_and_starts_afresh_after_close(speech: Callable[..., Audio]) -> None:
    audio = speech(seconds=2.0)
    extractor = FrameFeatures()
    early = extractor.push(audio)
    assert len(early.values) >= 100
    rest = extractor.close()
    assert len(early.values) + len(rest.values) == 199
    again = np.concatenate([extractor.push(audio).values, extractor.close().values])
    np.testing.assert_array_equal(again, np.concatenate([early.values, rest.values]))


@pytest.mark.parametrize("samples", [np.zeros(16000), np.full(16000, 0.25), np.zeros(400), np.ones(320)])
def test_silence_and_constant_sounds_have_defined_values(samples: Samples) -> None:
    frames = FrameFeatures()(as_audio(samples))
    assert np.isfinite(frames.values).all()
    assert not voiced(frames).any()
    assert (frames["f1_level_db"] == UNVOICED_LEVEL_DB).all()
    assert (frames["hnr_db"] == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(320, 6000), st.integers(0, 3), st.floats(1e-6, 1.0))
def test_no_sound_gives_nan(size: int, kind: int, level: float) -> None:
    random = np.random.default_rng(size)
    time = np.arange(size) / RATE
    sound = (
        random.standard_normal(size),
        np.sign(random.standard_normal(size)),
        np.sin(2 * np.pi * 100 * time),
        (np.arange(size) == size // 2) * 1.0,
    )[kind]
    for convention in ("standard", "opensmile"):
        frames = FrameFeatures(FrameOptions(convention=convention))(as_audio(level * sound))
        assert np.isfinite(frames.values).all()


def test_white_noise_is_unvoiced() -> None:
    noise = as_audio(0.1 * np.random.default_rng(0).standard_normal(2 * RATE))
    assert voiced(FrameFeatures()(noise)).mean() < 0.05


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (
            Audio(np.zeros(0, np.float32), RATE),
            "a sound of 0 samples is too short to measure: it needs at least 320",
        ),
        (Audio(np.zeros(1, np.float32), RATE), "a sound of 1 samples is too short to measure"),
        (
            Audio(np.zeros(800, np.float32), 8000),
            "features are measured at 16000 Hz, got 8000 Hz: read the sound",
        ),
        (Audio(np.full(800, np.nan, np.float32), RATE), "800 of 800 samples are not finite numbers"),
        (
            Audio(np.zeros((2, 800), np.float32), RATE),
            "features need one channel, got samples of shape (2, 800)",
        ),
    ],
)
def test_bad_sounds_are_refused_in_one_sentence(audio: Audio, message: str) -> None:
    with pytest.raises(FeatureError) as error:
        FrameFeatures()(audio)
    assert message in str(error.value)


def test_options_are_checked() -> None:
    with pytest.raises(OptionError, match="mfcc=13 coefficients cannot be measured: use 1 to 12"):
        FrameOptions(mfcc=13)
    with pytest.raises(OptionError, match="unknown convention 'praat'; known: standard, opensmile"):
        FrameOptions(convention="praat")


def test_praat_agrees_on_real_speech(data_dir: Path) -> None:
    parselmouth = pytest.importorskip("parselmouth")
    octaves, first, second, hnr = [], [], [], []
    for file in sorted((data_dir / "audio/emodb/audio").glob("*.flac"))[5::60]:
        samples, rate = soundfile.read(file, dtype="float32")
        frames = FrameFeatures()(Audio(samples, rate))
        sound = parselmouth.Sound(samples.astype(np.float64), rate)
        pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=60.0, pitch_ceiling=600.0)
        formant = sound.to_formant_burg(time_step=0.01, max_number_of_formants=5, maximum_formant=5500.0)
        harmonicity = sound.to_harmonicity_cc(time_step=0.01, minimum_pitch=60.0)
        for row in np.flatnonzero(voiced(frames)):
            praat = pitch.get_value_at_time(row * 0.01 + 0.03)
            if not praat > 0:
                continue
            octaves.append(abs(np.log2(frames["f0_hz"][row] / praat)))
            early = row * 0.01 + 0.01
            first.append((frames["f1_hz"][row], formant.get_value_at_time(1, early)))
            second.append((frames["f2_hz"][row], formant.get_value_at_time(2, early)))
            theirs = harmonicity.get_value(row * 0.01 + 0.03)
            if theirs > -100:  # -200 stands for unvoiced
                hnr.append((frames["hnr_db"][row], theirs))
    assert len(octaves) > 500
    assert np.median(octaves) < 0.01
    assert np.mean(np.array(octaves) > 0.25) < 0.06
    for pairs, tolerance in ((first, 0.06), (second, 0.06)):
        ours, theirs = np.array([p for p in pairs if np.isfinite(p[1])]).T
        assert np.median(np.abs(ours / theirs - 1)) < tolerance
    ours, theirs = np.array(hnr).T
    assert np.corrcoef(ours, theirs)[0, 1] > 0.6
