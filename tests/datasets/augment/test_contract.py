"""What every change keeps to: shape, range, chance, odd input; and how changes are put together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.datasets.augment import codecs
from hearfelt.datasets.augment.base import Change, Compose, OneOf, Sometimes
from hearfelt.datasets.augment.changes import KINDS
from hearfelt.datasets.augment.codecs import Codec
from hearfelt.datasets.augment.noise import AddNoise
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
)
from hearfelt.errors import AudioError, FeatureError, OptionError
from tests.datasets.augment.sounds import RATE, rng, tone

HERE = tuple(name for name, there in codecs.available().items() if there)
CHANGES: tuple[Change, ...] = (
    *(kind() for name, kind in KINDS.items() if name not in ("impulse_response", "room", "codec")),
    AddNoise(noises=("hum",), hum_hz=60.0),
    Room((0.1, 0.2), rooms=2),
    Codec(HERE, (4.0, 200.0)),
    Dropouts(0.5, repeat=True),
    Pitch(keep_formants=False),
    Tempo((0.5, 2.0)),
    Speed((0.5, 2.0)),
    VocalTract((0.5, 2.0)),
)
RATES = st.sampled_from([8000, 16000, 22050, 44100])
SOUNDS = st.builds(
    lambda kind, length, level, seed: level * _made(kind, length, seed),
    st.sampled_from(["noise", "tone", "silence", "click", "constant"]),
    st.sampled_from([1, 2, 3, 50, 479, 480, 1000, 5000, 12_345]),
    st.sampled_from([1e-5, 0.01, 0.5, 1.0]),
    st.integers(0, 99),
)


def _made(kind: str, length: int, seed: int) -> np.ndarray:
    if kind == "noise":
        return rng(seed).uniform(-1, 1, length).astype(np.float32)
    if kind == "tone":
        return np.sin(np.arange(length) * 0.05).astype(np.float32)
    made = np.full(length, float(kind == "constant"), dtype=np.float32)
    if kind == "click":
        made[length // 2] = 1.0
    return made


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change)[:50])
@settings(max_examples=12, deadline=None)
@given(sound=SOUNDS, rate=RATES, seed=st.integers(0, 2**32 - 1))
def test_any_sound_stays_a_sound(change: Change, sound: np.ndarray, rate: int, seed: int) -> None:
    sound = sound.astype(np.float32)
    before = sound.copy()
    changed, again = change(sound, rate, rng(seed)), change(sound, rate, rng(seed))
    assert changed.dtype == np.float32 and changed.ndim == 1
    assert np.isfinite(changed).all() and np.abs(changed).max() <= 1.0
    np.testing.assert_array_equal(changed, again)
    np.testing.assert_array_equal(sound, before)
    if isinstance(change, Pad):
        assert len(sound) <= len(changed) <= len(sound) + rate + 1
    elif change.keeps_length:
        assert len(changed) == len(sound)
    else:
        assert len(sound) / 2.1 - 1 <= len(changed) <= len(sound) * 2.1 + 1


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change)[:50])
def test_no_samples_give_no_samples_and_seeds_differ(change: Change) -> None:
    assert change(np.zeros(0, dtype=np.float32), RATE, rng()).shape == (0,)
    if not isinstance(change, Polarity):
        sound = 0.3 * rng().standard_normal(8000).clip(-3, 3).astype(np.float32)
        results = [change(sound, RATE, rng(seed)).tobytes() for seed in range(12)]
        if isinstance(change, BandLimit) and isinstance(change.low_hz, float):
            assert len(set(results)) == 1  # nothing is left to chance
        else:
            assert len(set(results)) > 1


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change)[:50])
def test_silence_stays_silence(change: Change) -> None:
    silence = np.zeros(4000, dtype=np.float32)
    changed = change(silence, RATE, rng())
    quiet = 0.05 if isinstance(change, DCOffset) else 2e-3  # A-law has no code for 0
    assert np.abs(changed).max() <= quiet


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((2, 100)), RATE, r"samples of shape \(2, 100\) cannot be changed: give one channel"),
        (np.array([0.1, np.nan]), RATE, "samples that are NaN or infinite cannot be changed"),
        (np.zeros(100), 0, "sample rate 0 Hz cannot be used"),
    ],
)
def test_what_is_no_sound_is_refused(samples: np.ndarray, rate: int, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        Gain()(samples, rate, rng())


def test_sounds_beyond_full_scale_are_not_made_louder() -> None:
    sound = np.array([2.0, -1.0], dtype=np.float32)  # float files may hold this
    np.testing.assert_allclose(Gain(20.0)(sound, RATE, rng()), sound)
    np.testing.assert_allclose(Gain(-20.0)(sound, RATE, rng()), sound / 10)


def test_compose_is_one_after_the_other() -> None:
    sound = tone(300)
    both = Compose((Gain(-6.0), Polarity()))
    np.testing.assert_array_equal(both(sound, RATE, rng()), -Gain(-6.0)(sound, RATE, rng()))
    assert both.keeps_length and not Compose((Gain(), Tempo())).keeps_length
    np.testing.assert_array_equal(Compose(())(sound, RATE, rng()), sound)


def test_sometimes_happens_to_its_share() -> None:
    sound = tone(300, 0.01)
    turned = [Sometimes(0.3, Polarity())(sound, RATE, rng(seed))[1] < 0 for seed in range(1000)]
    assert np.mean(turned) == pytest.approx(0.3, abs=0.04)
    assert Sometimes(0.5, Speed()).keeps_length is False


def test_one_of_chooses_each_as_often() -> None:
    sound = tone(300, 0.01)
    choice = OneOf((Gain(0.0), Gain(-6.0), Gain(-12.0)))
    peaks = [round(float(np.abs(choice(sound, RATE, rng(seed))).max()), 3) for seed in range(900)]
    counts = np.unique(peaks, return_counts=True)[1]
    assert len(counts) == 3 and counts.min() > 240


def test_other_clips_reach_babble_wherever_it_stands() -> None:
    babble = AddNoise(noises=("babble",))
    change = Compose((Sometimes(1.0, OneOf((babble,))), Gain()))
    given = change.with_clips(["a.wav"])
    assert given.changes[0].do.changes[0].clips == ("a.wav",)  # type: ignore[attr-defined]
    assert given.with_clips(["b.wav"]) == given  # what has clips keeps them
    with pytest.raises(OptionError, match="babble is made of other clips and none were given"):
        change(tone(300), RATE, rng())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Gain((3.0, -3.0)),
            r"gain_db=\(3.0, -3.0\): give one number or a range \(low, high\) within",
        ),
        (lambda: Gain(float("nan")), "gain_db=nan: give one number"),
        (lambda: Clip(1.5), "share=1.5: give one number or a range .* within 0 to 1"),
        (lambda: Tempo(3.0), "factor=3.0: .* within 0.5 to 2"),
        (lambda: BandLimit(3000, 300), "low_hz=3000 is not below high_hz=300: nothing would pass"),
        (lambda: Resample(()), "rates_hz is empty: give at least one sample rate, such as 8000"),
        (lambda: Resample((44,)), "sample rate 44 Hz cannot be used"),
        (lambda: AddNoise(noises=("grey",)), "unknown noise 'grey'; known: white, pink, brown, hum, babble"),
        (lambda: AddNoise(noises=()), "noises is empty: give at least one of white"),
        (lambda: AddNoise(noises=("folder",)), 'need both: folder = "PATH" and "folder" among the noises'),
        (lambda: AddNoise(folder="x"), 'need both: folder = "PATH" and "folder" among the noises'),
        (lambda: Codec(("flac",)), "unknown codec 'flac'; known: g711_mulaw, g711_alaw"),
        (lambda: Codec(()), "codecs is empty: give at least one of g711_mulaw"),
        (lambda: Room(distance_m=9.0), "distance_m=9.0 does not fit the smallest room: at most 3.1 m do"),
        (lambda: Sometimes(2.0, Gain()), "p=2.0: the share of sounds to change must lie between 0 and 1"),
        (lambda: OneOf(()), "one_of has no changes to choose from"),
    ],
)
def test_impossible_options_are_refused(make: object, message: str) -> None:
    with pytest.raises((OptionError, AudioError), match=message):
        make()  # type: ignore[operator]


def test_a_codec_that_this_build_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "available", lambda: {**dict.fromkeys(codecs.CODECS, True), "gsm": False})
    with pytest.raises(
        OptionError, match="PyAV cannot encode gsm; it can encode g711_mulaw, g711_alaw, g722"
    ):
        Codec(("gsm",))


def test_a_room_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyroomacoustics", None)
    with pytest.raises(Exception, match=r"the change 'room' needs pyroomacoustics.*hearfelt\[augment\]"):
        Room(0.123)(tone(300, 0.1), RATE, rng())


def test_an_empty_folder_is_refused(tmp_path: object) -> None:
    with pytest.raises(OptionError, match="there are no recordings in the folder"):
        ImpulseResponses(str(tmp_path))(tone(300, 0.1), RATE, rng())


@pytest.mark.parametrize("response", [np.zeros(0), np.zeros(100), np.ones(100)])
def test_what_does_not_decay_has_no_rt60(response: np.ndarray) -> None:
    with pytest.raises(FeatureError, match=r"no reverberation time|does not decay by 25 dB"):
        rt60(response, RATE)
