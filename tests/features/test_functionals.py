"""The 88 functionals: names, openSMILE on real speech, made contours, and sounds that hold little."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import FeatureError
from hearfelt.features.frames import FrameFeatures, FrameOptions
from hearfelt.features.functionals import NAMES, Functionals
from hearfelt.types import Audio, Features

RATE = 16000
TIMED = (
    "loudnessPeaksPerSec",
    "VoicedSegmentsPerSec",
    "MeanVoicedSegmentLengthSec",
    "MeanUnvoicedSegmentLength",
)


def frames_of(f0_semitones: list[float], loudness: list[float]) -> Features:
    """Frames with given contours and everything else 0, 4 more than given: the tail has no pitch."""
    names = FrameFeatures().names
    values = np.zeros((len(f0_semitones) + 4, len(names)), dtype=np.float32)
    values[:-4, names.index("f0_semitones")] = f0_semitones
    values[:, names.index("loudness")] = loudness + loudness[-1:] * 4
    values[:, names.index("energy")] = 0.01
    return Features(values, names, 0.01, "frames/1")


def test_one_row_of_88_with_openSMILEs_names_in_its_order(speech: Callable[..., Audio]) -> None:
    opensmile = pytest.importorskip("opensmile")
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    features = Functionals()(speech(seconds=1.5))
    assert features.values.shape == (1, 88)
    assert features.space == "egemaps/1"
    assert features.names == NAMES == tuple(smile.feature_names)


@pytest.fixture(scope="module")
def both(data_dir: Path) -> dict[str, np.ndarray]:
    """Functionals of a few real files by openSMILE and by both conventions of ours."""
    opensmile = pytest.importorskip("opensmile")
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    extractors = {
        "standard": Functionals(),
        "opensmile": Functionals(FrameOptions(convention="opensmile")),
    }
    files = sorted((data_dir / "audio/emodb/audio").glob("*.flac"))[3::27]
    files += sorted((data_dir / "audio/ravdess/audio").glob("*.flac"))[7::145]
    found: dict[str, list[np.ndarray]] = {"theirs": [], "standard": [], "opensmile": []}
    for file in files:
        samples, rate = soundfile.read(file, dtype="float32")
        found["theirs"].append(smile.process_signal(samples, rate).to_numpy()[0])
        for name, extractor in extractors.items():
            found[name].append(extractor(Audio(samples, rate)).values[0])
    return {name: np.array(rows, dtype=np.float64) for name, rows in found.items()}


def correlation(both: dict[str, np.ndarray], convention: str) -> dict[str, float]:
    return {
        name: float(np.corrcoef(both[convention][:, index], both["theirs"][:, index])[0, 1])
        for index, name in enumerate(NAMES)
    }


def test_real_speech_correlates_with_openSMILE(both: dict[str, np.ndarray]) -> None:
    r = correlation(both, "standard")
    assert np.median(list(r.values())) > 0.9
    for name in ("F0semitoneFrom27.5Hz_sma3nz_amean", "loudness_sma3_amean", "equivalentSoundLevel_dBp"):
        assert r[name] > 0.98, name
    for order in (1, 2, 3, 4):
        assert r[f"mfcc{order}_sma3_amean"] > 0.99


def test_the_openSMILE_convention_follows_its_formants_harmonics_and_slopes(
    both: dict[str, np.ndarray],
) -> None:
    r = correlation(both, "opensmile")
    assert np.median(list(r.values())) > 0.97
    for name in (
        "F1frequency_sma3nz_amean",
        "F2frequency_sma3nz_amean",
        "F3bandwidth_sma3nz_amean",
        "logRelF0-H1-H2_sma3nz_amean",
        "slopeUV500-1500_sma3nz_amean",
    ):
        assert r[name] > 0.93, name


def test_values_that_do_not_depend_on_the_pitch_are_openSMILEs_own(both: dict[str, np.ndarray]) -> None:
    for name in (
        "loudness_sma3_amean",
        "loudness_sma3_percentile80.0",
        "spectralFlux_sma3_amean",
        "mfcc1_sma3_amean",
    ):
        index = NAMES.index(name)
        np.testing.assert_allclose(
            both["standard"][:, index], both["theirs"][:, index], rtol=5e-3, err_msg=name
        )


def test_measuring_frames_is_the_same_as_measuring_the_sound(speech: Callable[..., Audio]) -> None:
    audio = speech(seconds=1.2)
    frames = FrameFeatures()(audio)
    np.testing.assert_array_equal(Functionals.measure(frames).values, Functionals()(audio).values)


def test_contours_with_known_answers() -> None:
    # Two voiced stretches of 40 and 20 frames, 30 semitones and 36, between unvoiced ones of 10, 20 and 10.
    f0 = [0.0] * 10 + [30.0] * 40 + [0.0] * 20 + [36.0] * 20 + [0.0] * 10
    # Loudness goes up and down by 4 a second; smoothing takes the tips, the last fall ends in a flat tail.
    triangle = [*np.linspace(0, 1, 26)[:-1], *np.linspace(1, 0, 26)[:-1]]
    found = Functionals.measure(frames_of(f0, triangle * 2))
    assert found["F0semitoneFrom27.5Hz_sma3nz_amean"][0] == pytest.approx(32.0)
    assert found["F0semitoneFrom27.5Hz_sma3nz_percentile50.0"][0] == pytest.approx(30.0)
    assert found["F0semitoneFrom27.5Hz_sma3nz_pctlrange0-2"][0] == pytest.approx(6.0)
    assert found["VoicedSegmentsPerSec"][0] == pytest.approx(2.0)
    assert found["MeanVoicedSegmentLengthSec"][0] == pytest.approx(0.3)
    assert found["StddevVoicedSegmentLengthSec"][0] == pytest.approx(0.1)
    assert found["MeanUnvoicedSegmentLength"][0] == pytest.approx(0.4 / 3, rel=1e-4)
    assert found["loudnessPeaksPerSec"][0] == pytest.approx(2 / 1.04, rel=1e-4)
    assert found["loudness_sma3_meanRisingSlope"][0] == pytest.approx(3.8, abs=0.15)
    assert found["loudness_sma3_meanFallingSlope"][0] == pytest.approx(3.6, abs=0.15)
    assert found["equivalentSoundLevel_dBp"][0] == pytest.approx(-20.0, abs=1e-3)


def test_silence_gives_zeros_where_there_is_no_voice() -> None:
    found = Functionals()(Audio(np.zeros(RATE, np.float32), RATE))
    assert np.isfinite(found.values).all()
    for name in ("F0semitoneFrom27.5Hz_sma3nz_amean", "jitterLocal_sma3nz_amean", "VoicedSegmentsPerSec"):
        assert found[name][0] == 0
    assert found["equivalentSoundLevel_dBp"][0] == -120


@settings(max_examples=25, deadline=None)
@given(st.integers(320, 4000), st.floats(1e-5, 1.0), st.integers(0, 99))
def test_short_sounds_have_88_finite_values(size: int, level: float, seed: int) -> None:
    sound = level * np.random.default_rng(seed).standard_normal(size)
    found = Functionals()(Audio(sound.astype(np.float32), RATE))
    assert found.values.shape == (1, 88)
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("size", [0, 1, 319])
def test_too_short_a_sound_is_refused(size: int) -> None:
    with pytest.raises(FeatureError, match=f"a sound of {size} samples is too short to measure"):
        Functionals()(Audio(np.zeros(size, np.float32), RATE))


def test_frames_that_lack_a_column_are_refused() -> None:
    frames = FrameFeatures(FrameOptions(mfcc=2))(Audio(np.zeros(8000, np.float32), RATE))
    with pytest.raises(
        FeatureError, match=r"frames of frames/1 lack mfcc3, mfcc4: measure them with FrameFeatures"
    ):
        Functionals.measure(frames)
    empty = Features(np.zeros((0, 28), np.float32), FrameFeatures().names, 0.01, "frames/1")
    with pytest.raises(FeatureError, match="there are no frames to summarise"):
        Functionals.measure(empty)
