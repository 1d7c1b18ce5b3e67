"""What each change is said to do is measured on its result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.datasets import corpora
from hearfelt.datasets.augment import codecs, copies, rooms
from hearfelt.datasets.augment.base import Change, speech_power
from hearfelt.datasets.augment.codecs import Codec
from hearfelt.datasets.augment.noise import AddNoise, coloured
from hearfelt.datasets.augment.rooms import ImpulseResponses, Room, rt60
from hearfelt.datasets.augment.voice import Pitch, Speed, Tempo, VocalTract
from hearfelt.datasets.augment.waveform import (
    BandLimit,
    Clip,
    DCOffset,
    Dropouts,
    Gain,
    Pad,
    Polarity,
    Resample,
    TimeShift,
)
from hearfelt.types import Audio
from tests.datasets.augment.sounds import RATE, peaks, pitch, power_db, rng, tone, vowel

HERE = [name for name, there in codecs.available().items() if there]


@pytest.fixture(scope="module")
def voice(speech: Callable[..., Audio]) -> np.ndarray:
    """Made speech with a second of silence before it, as RAVDESS has it."""
    return np.concatenate((np.zeros(RATE, np.float32), speech(3.0).samples))


@pytest.mark.parametrize("noise", ["white", "pink", "brown", "hum", "babble", "folder"])
@pytest.mark.parametrize("snr_db", [-5.0, 10.0, 25.0])
def test_noise_has_the_snr_asked_for(noise: str, snr_db: float, voice: np.ndarray, tmp_path: Path) -> None:
    for i in range(3):
        soundfile.write(tmp_path / f"{i}.wav", vowel(90 + 40 * i, seconds=0.7), RATE)
    change = AddNoise(
        snr_db,
        (noise,),
        folder=str(tmp_path) if noise == "folder" else None,
        clips=tuple(str(tmp_path / f"{i}.wav") for i in range(3)),
        voices=3,
    )
    noisy = change(voice, RATE, rng())
    assert np.abs(noisy).max() < 1  # nothing was turned down
    added = noisy.astype(np.float64) - voice
    powers = (voice.reshape(-1, 320).astype(np.float64) ** 2).mean(axis=1)
    speech = powers[powers > powers.max() * 10**-3.5].mean()
    assert 10 * np.log10(speech / (added**2).mean()) == pytest.approx(snr_db, abs=0.1)


def test_what_would_overshoot_is_turned_down_with_its_snr(voice: np.ndarray) -> None:
    quiet, loud = voice, voice * np.float32(9.5)
    noisy, turned_down = (AddNoise(0.0)(sound, RATE, rng()) for sound in (quiet, loud))
    assert np.abs(turned_down).max() == pytest.approx(1.0)
    np.testing.assert_allclose(
        turned_down / np.abs(turned_down).max(), noisy / np.abs(noisy).max(), atol=1e-5
    )


def test_speech_power_leaves_pauses_out() -> None:
    loud = tone(200, 1.0)
    with_pause = np.concatenate((np.zeros(RATE), loud, 1e-4 * rng().standard_normal(RATE)))
    assert speech_power(with_pause, RATE) == pytest.approx(0.3**2 / 2, rel=1e-3)


@pytest.mark.parametrize(("name", "slope_db"), [("white", 0.0), ("pink", -3.01), ("brown", -6.02)])
def test_coloured_noise_falls_by_its_slope_an_octave(name: str, slope_db: float) -> None:
    noise = coloured(2**18, RATE, {"white": 0.0, "pink": 1.0, "brown": 2.0}[name], rng(1))
    octaves = [62.5 * 2**k for k in range(7)]
    density = [power_db(noise, low, 2 * low) - 10 * np.log10(low) for low in octaves]
    slope = np.polyfit(range(7), density, 1)[0]
    assert slope == pytest.approx(slope_db, abs=0.15)


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
def test_hum_is_the_mains_and_its_harmonics(mains_hz: float, voice: np.ndarray) -> None:
    hum = AddNoise(0.0, ("hum",), hum_hz=mains_hz)(voice, RATE, rng())[:RATE]  # before the speech begins
    lines = sum(10 ** (power_db(hum, k * mains_hz - 2, k * mains_hz + 2) / 10) for k in range(1, 9))
    assert lines > 0.999 * 10 ** (power_db(hum, 0, RATE / 2) / 10)
    fall = power_db(hum, mains_hz - 2, mains_hz + 2) - power_db(hum, 2 * mains_hz - 2, 2 * mains_hz + 2)
    assert fall == pytest.approx(6.02, abs=0.1)


@pytest.mark.parametrize("seconds", [0.2, 0.4, 0.6])
def test_room_has_the_rt60_asked_for(seconds: float) -> None:
    click = np.zeros(RATE * 2, dtype=np.float32)
    click[100] = 1.0
    for seed in range(2):
        response = Room(seconds, 1.5, rooms=2)(click, RATE, rng(seed)).astype(np.float64)
        assert rt60(response, RATE) == pytest.approx(seconds, rel=0.1)
        first = np.flatnonzero(np.abs(response) > 0.1 * np.abs(response).max())[0]
        assert abs(first - 100) <= 2  # the direct sound stays where it was


def test_rt60_of_a_known_decay() -> None:
    time = np.arange(RATE) / RATE
    for seconds in (0.3, 0.6):
        decay = rng().standard_normal(RATE) * 10 ** (-3 * time / seconds)
        assert rt60(decay, RATE) == pytest.approx(seconds, rel=0.05)


def test_farther_away_there_is_less_direct_sound() -> None:
    click = np.zeros(RATE, dtype=np.float32)
    click[100] = 1.0

    def direct_share(distance_m: float) -> float:
        found = []
        for seed in range(4):
            response = Room(0.4, distance_m, rooms=4)(click, RATE, rng(seed)) ** 2
            found.append(response[60:180].sum() / response.sum())
        return float(np.mean(found))

    assert direct_share(0.3) > 0.8 > 0.5 > direct_share(3.0)


def test_room_keeps_loudness(voice: np.ndarray) -> None:
    wet = Room(0.5, 1.0, rooms=1)(voice, RATE, rng()).astype(np.float64)
    assert speech_power(wet, RATE) == pytest.approx(speech_power(voice.astype(np.float64), RATE), rel=0.01)


def test_own_impulse_response_is_convolved(voice: np.ndarray, tmp_path: Path) -> None:
    response = np.zeros(1000, dtype=np.float32)
    response[[50, 450]] = 0.8, 0.4  # an echo after 400 samples
    soundfile.write(tmp_path / "echo.wav", response, RATE, subtype="FLOAT")
    wet = ImpulseResponses(str(tmp_path))(voice, RATE, rng())
    expected = voice + 0.5 * np.concatenate((np.zeros(400), voice[:-400]))
    assert np.corrcoef(wet, expected)[0, 1] > 0.9999


@pytest.mark.parametrize("name", ["g711_mulaw", "g711_alaw"])
def test_g711_leaves_nothing_above_4_khz(name: str) -> None:
    noise = (0.1 * rng().standard_normal(2 * RATE)).astype(np.float32)
    coded = Codec((name,))(noise, RATE, rng())
    assert power_db(coded, 4100, 8000) < power_db(coded, 300, 3400) - 55


@pytest.mark.parametrize("name", ["g711_mulaw", "g711_alaw"])
def test_g711_quantises_by_its_law(name: str) -> None:
    """Signal over quantisation noise of a G.711 coder is about 38 dB at any level that is not too low."""
    for level in (0.5, 0.05):
        clean = tone(1004, 1.0, 8000, level)
        coded = Codec((name,))(clean, 8000, rng())
        snr = 10 * np.log10((clean**2).mean() / ((coded - clean) ** 2).mean())
        assert 34 < snr < 42


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_codecs_keep_time_and_sound(name: str, rate: int) -> None:
    noise = rng().standard_normal(rate)
    clean = BandLimit(200, 3000)(noise / 8, rate, rng()) * np.hanning(rate).astype(np.float32)
    coded = Codec((name,), 32.0)(clean, rate, rng())
    assert len(coded) == rate
    size = 4 * rate
    likeness = np.fft.irfft(np.conj(np.fft.rfft(clean, size)) * np.fft.rfft(coded, size), size)
    delay = int(np.argmax(likeness))
    assert min(delay, size - delay) <= rate / 2000  # half a millisecond
    assert likeness.max() / np.sqrt((clean @ clean) * (coded @ coded)) > 0.75


def test_a_lower_bitrate_costs_more(voice: np.ndarray) -> None:
    def error(kbps: float) -> float:
        return float(((Codec(("mp3",), kbps)(voice, RATE, rng()) - voice) ** 2).sum())

    assert error(8.0) > 2 * error(64.0)


@pytest.mark.parametrize("factor", [0.75, 0.9, 1.1, 1.3])
@pytest.mark.parametrize("f0_hz", [100.0, 220.0])
def test_tempo_changes_duration_and_leaves_pitch(factor: float, f0_hz: float) -> None:
    sound = vowel(f0_hz)
    changed = Tempo(factor)(sound, RATE, rng())
    assert len(changed) == round(len(sound) / factor)
    assert pitch(changed) == pytest.approx(pitch(sound), rel=0.01)
    assert np.std(changed) == pytest.approx(np.std(sound), rel=0.1)


def test_tempo_keeps_the_order_of_events() -> None:
    """Three beeps stay three beeps, at the times that the tempo gives them."""
    sound = np.zeros(2 * RATE, dtype=np.float32)
    for start_s in (0.2, 0.9, 1.6):
        first = round(start_s * RATE)
        sound[first : first + 3200] = tone(300, 0.2)
    changed = np.abs(Tempo(1.25)(sound, RATE, rng()))
    loud = np.convolve(changed, np.ones(400) / 400, "same") > 0.05
    starts = np.flatnonzero(np.diff(loud.astype(int)) == 1) / RATE
    assert starts == pytest.approx(np.array([0.2, 0.9, 1.6]) / 1.25, abs=0.02)


@pytest.mark.parametrize("semitones", [-4.0, -1.0, 2.0, 4.0])
@pytest.mark.parametrize("keep_formants", [True, False])
def test_pitch_moves_f0_and_nothing_else(semitones: float, keep_formants: bool) -> None:
    sound, factor = vowel(140.0), 2 ** (semitones / 12)
    changed = Pitch(semitones, keep_formants)(sound, RATE, rng())
    assert len(changed) == len(sound)
    moved = 12 * np.log2(pitch(changed) / pitch(sound))
    assert moved == pytest.approx(semitones, rel=0.05)
    before = peaks(sound, 140, (600, 1300, 2500))
    where = (600, 1300, 2500) if keep_formants else tuple(f * factor for f in (600, 1300, 2500))
    after = peaks(changed, 140 * factor, where)
    assert after / before == pytest.approx(1.0 if keep_formants else factor, rel=0.06)


@pytest.mark.parametrize("factor", [0.85, 1.15])
@pytest.mark.parametrize("f0_hz", [100.0, 150.0])
def test_vocal_tract_moves_formants_and_leaves_pitch(factor: float, f0_hz: float) -> None:
    sound = vowel(f0_hz)
    changed = VocalTract(factor)(sound, RATE, rng())
    assert len(changed) == len(sound)
    assert pitch(changed) == pytest.approx(pitch(sound), rel=0.01)
    before = peaks(sound, f0_hz, (600, 1300, 2500))
    after = peaks(changed, f0_hz, tuple(f * factor for f in (600, 1300, 2500)))
    assert after / before == pytest.approx(factor, rel=0.06)


def test_vocal_tract_keeps_half_the_sample_rate() -> None:
    """The bend of Jaitly & Hinton: white noise stays white up to the end of the band."""
    noise = (0.1 * rng().standard_normal(2 * RATE)).astype(np.float32)
    for factor in (0.85, 1.15):
        changed = VocalTract(factor)(noise, RATE, rng())
        assert power_db(changed, 7500, 8000) == pytest.approx(power_db(noise, 7500, 8000), abs=1.5)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_moves_duration_and_pitch_together(factor: float) -> None:
    sound = vowel(150.0)
    changed = Speed(factor)(sound, RATE, rng())
    assert len(changed) == round(len(sound) / factor)
    assert pitch(changed) / pitch(sound) == pytest.approx(factor, rel=0.01)


def test_gain_is_exact_and_stops_at_full_scale(voice: np.ndarray) -> None:
    np.testing.assert_allclose(Gain(-6.0)(voice, RATE, rng()), voice * 10 ** (-6 / 20), rtol=1e-6)
    np.testing.assert_allclose(Gain(12.0)(voice, RATE, rng()), voice * 10 ** (12 / 20), rtol=1e-6)
    loudest = Gain(40.0)(voice, RATE, rng())
    np.testing.assert_allclose(loudest, voice / np.abs(voice).max(), rtol=1e-6)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3])
def test_clipping_has_the_share_asked_for(share: float) -> None:
    sound = (0.2 * rng().standard_normal(10_000)).astype(np.float32)
    clipped = Clip(share)(sound, RATE, rng())
    cut = np.abs(clipped) == np.abs(clipped).max()
    assert cut.sum() == share * 10_000
    np.testing.assert_array_equal(clipped[~cut], sound[~cut])


def test_telephone_band_passes_speech_and_nothing_else() -> None:
    for frequency_hz, gain_db in ((300, 0), (1000, 0), (3400, 0), (200, -60), (4000, -60), (6000, -60)):
        sound = tone(frequency_hz, 2.0)
        passed = BandLimit(300, 3400)(sound, RATE, rng())[RATE // 2 : -RATE // 2]
        level = 20 * np.log10(np.std(passed) / np.std(sound) + 1e-9)
        assert level == pytest.approx(0, abs=0.1) if gain_db == 0 else level < gain_db


def test_resampling_through_8_khz_cuts_at_4_khz(voice: np.ndarray) -> None:
    noise = (0.1 * np.hanning(RATE) * rng().standard_normal(RATE)).astype(np.float32)
    changed = Resample((8000,))(noise, RATE, rng())
    assert power_db(changed, 4200, 8000) < power_db(changed, 300, 3400) - 80
    kept = BandLimit(0, 3000)(voice, RATE, rng())
    np.testing.assert_allclose(Resample((8000,))(kept, RATE, rng()), kept, atol=1e-3)


def test_offset_sign_and_shift(voice: np.ndarray) -> None:
    np.testing.assert_allclose(DCOffset(0.1)(voice, RATE, rng()) - voice, 0.1, atol=1e-6)
    np.testing.assert_array_equal(Polarity()(voice, RATE, rng()), -voice)
    later, sooner = TimeShift(0.25)(voice, RATE, rng()), TimeShift(-0.25)(voice, RATE, rng())
    np.testing.assert_array_equal(later, np.concatenate((np.zeros(4000), voice[:-4000])))
    np.testing.assert_array_equal(sooner, np.concatenate((voice[4000:], np.zeros(4000))))


def test_padding_is_silence_around_the_same_sound(voice: np.ndarray) -> None:
    padded = Pad(0.5, 0.25)(voice, RATE, rng())
    np.testing.assert_array_equal(padded[8000:-4000], voice)
    assert not padded[:8000].any() and not padded[-4000:].any()


@pytest.mark.parametrize("burst", [1.0, 4.0])
def test_dropouts_lose_the_share_in_bursts(burst: float) -> None:
    sound = np.full(20_000 * 16, 0.5, dtype=np.float32)
    lost = Dropouts(0.1, 1.0, burst)(sound, RATE, rng()).reshape(-1, 16)[:, 0] == 0
    assert lost.mean() == pytest.approx(0.1, abs=0.01)
    bursts = np.diff(np.flatnonzero(np.diff(np.concatenate(([0], lost, [0])))))[::2]
    assert bursts.mean() == pytest.approx(burst, rel=0.1)


def test_repeated_packets_are_the_last_that_came() -> None:
    sound = np.arange(1, 101, dtype=np.float32).repeat(320) / 200
    heard = np.round(Dropouts(0.2, 20.0, 2.0, repeat=True)(sound, RATE, rng(3)).reshape(-1, 320)[:, 0] * 200)
    lost = heard != np.arange(1, 101)
    assert 5 < lost.sum() < 45
    for i in np.flatnonzero(lost):
        assert heard[i] == (heard[i - 1] if i else 0)


def test_a_room_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = rooms._faded
    monkeypatch.setattr(rooms, "_faded", lambda *a: made.append(1) or original(*a))
    change = Room(0.15, 1.1, rooms=2)
    for seed in range(12):
        change(tone(300, 0.1), RATE, rng(seed))
    assert len(made) == 2


@pytest.fixture(scope="module")
def real_voices(data_dir: Path) -> list[np.ndarray]:
    """Eight utterances of EmoDB."""
    return [copies.sound(e).samples for e in corpora.read("emodb", data_dir)[::67]]


@pytest.mark.parametrize(
    ("change", "semitones"),
    [
        (Tempo(0.85), 0.0),
        (Tempo(1.15), 0.0),
        (VocalTract(0.85), 0.0),
        (VocalTract(1.15), 0.0),
        (Pitch(-3.0), -3.0),
        (Pitch(3.0), 3.0),
    ],
    ids=str,
)
def test_real_voices_keep_or_move_their_pitch(
    change: Change, semitones: float, real_voices: list[np.ndarray]
) -> None:
    """Over clips, not on each: which frames are found voiced differs, and with it the median of a clip."""
    moved = [12 * np.log2(pitch(change(v, RATE, rng())) / pitch(v)) for v in real_voices]
    tolerance = abs(semitones) * 0.05 or 12 * np.log2(1.01)
    assert np.median(moved) == pytest.approx(semitones, abs=tolerance)
    assert np.quantile([abs(m - semitones) for m in moved], 0.75) < 0.5
