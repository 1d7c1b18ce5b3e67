"""What is made, measured by hearfelt's own features against the rules that it should follow."""

from __future__ import annotations

import numpy as np
import pytest

from hearfelt.datasets.synth import espeak, level, ruled, rules, speakers
from hearfelt.errors import AudioError, ModelError, OptionError
from hearfelt.features import prosody
from hearfelt.features.frames import FrameFeatures
from hearfelt.types import Audio, Features

from .conftest import TEXTS, Spoken

CASES = [("en", "f1"), ("de", "m2"), ("pl", "f3")]
TABLE = rules.load()


def measured(sound: Audio) -> tuple[Features, float, float]:
    """Frames, mean F0 in Hz and its deviation in semitones."""
    frames = FrameFeatures()(sound)
    voiced = frames["f0_semitones"][frames["f0_hz"] > 0].astype(np.float64)
    return frames, 27.5 * 2 ** (voiced.mean() / 12), float(voiced.std())


def dbfs(sound: Audio) -> float:
    return level.speech_dbfs(sound.samples.astype(np.float64))


@pytest.mark.parametrize(("language", "speaker"), CASES)
def test_pitch_and_level_are_those_of_the_rule(spoken: Spoken, language: str, speaker: str) -> None:
    for emotion in ("neutral", "anger", "happiness", "fear", "sadness"):
        sound = spoken(language, speaker, emotion)
        rule = TABLE.rule(emotion, 1.0, 0)
        _, hz, _ = measured(sound)
        target = speakers.speaker(speaker).f0_hz * 2 ** (rule.pitch_st / 12)
        assert hz == pytest.approx(target, rel=0.10), emotion
        assert dbfs(sound) == pytest.approx(level.SPEECH_DBFS + rule.loudness_db, abs=1.0), emotion


@pytest.mark.parametrize(("language", "speaker"), CASES)
def test_anger_is_louder_faster_higher_and_brighter_than_sadness(
    spoken: Spoken, language: str, speaker: str
) -> None:
    anger, sadness = (spoken(language, speaker, emotion) for emotion in ("anger", "sadness"))
    assert dbfs(anger) > dbfs(sadness) + 6
    assert anger.duration_s < 0.8 * sadness.duration_s
    (loud, high, wide), (soft, low, narrow) = measured(anger), measured(sadness)
    assert high > 1.3 * low
    assert wide > 1.5 * narrow
    assert prosody.measure(loud).speech_rate > 1.2 * prosody.measure(soft).speech_rate
    bright, dark = (f["alpha_ratio_db"][f["f0_hz"] > 0].mean() for f in (loud, soft))
    assert bright > dark + 3


def test_rate_follows_the_rule(spoken: Spoken) -> None:
    rest = spoken("en", "f1", "neutral").duration_s * TABLE.rule("neutral", 1.0, 0).rate
    for emotion in ("anger", "fear", "happiness", "surprise"):  # no pauses of their own
        ratio = rest / spoken("en", "f1", emotion).duration_s
        assert ratio == pytest.approx(TABLE.rule(emotion, 1.0, 0).rate, rel=0.08), emotion


def test_surprise_ends_high_and_sadness_low(spoken: Spoken) -> None:
    def last(emotion: str) -> float:
        frames = FrameFeatures()(spoken("de", "m2", emotion))
        voiced = frames["f0_semitones"][frames["f0_hz"] > 0]
        return float(voiced[-10:].mean() - voiced.mean())

    assert last("surprise") > last("neutral") + 2
    assert last("sadness") < last("surprise") - 3


def test_intensity_goes_from_neutral_to_full(spoken: Spoken) -> None:
    heights = [measured(spoken("en", "f1", "happiness", share))[1] for share in (0.0, 0.5, 1.0)]
    assert heights[0] == pytest.approx(205, rel=0.06)
    assert heights[0] < heights[1] < heights[2]


def test_a_seed_repeats_itself_and_another_does_not(spoken: Spoken) -> None:
    voice = ruled.RuledVoice(espeak.Spoken("en", "f1"))
    again = voice.speak(TEXTS["en"], "anger", 1.0, 0)
    np.testing.assert_array_equal(again.samples, spoken("en", "f1", "anger").samples)
    other = spoken("en", "f1", "anger", 1.0, 5)
    assert len(other.samples) != len(again.samples)


def test_speakers_differ(spoken: Spoken) -> None:
    for name in ("f2", "m1", "m4"):
        _, hz, _ = measured(spoken("de", name, "neutral"))
        rule = TABLE.rule("neutral", 1.0, 0)
        assert hz == pytest.approx(speakers.speaker(name).f0_hz * 2 ** (rule.pitch_st / 12), rel=0.10)


@pytest.mark.parametrize(("language", "speaker"), CASES)
def test_nothing_clips_and_nothing_clicks(spoken: Spoken, language: str, speaker: str) -> None:
    for emotion in ("neutral", "anger", "fear", "sadness"):
        samples = spoken(language, speaker, emotion).samples.astype(np.float64)
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() < level.CEILING
        assert max(abs(samples[0]), abs(samples[-1])) < 1e-6
        # A click is one step far beyond all others; speech has many steep ones.
        steps = np.sort(np.abs(np.diff(samples, 2)))
        assert steps[-1] < 4 * steps[-20], emotion


@pytest.mark.parametrize("language", speakers.LANGUAGES)
def test_every_language_has_a_voice(language: str) -> None:
    sound = espeak.say("1 2 3", f"{speakers.espeak_name(language)}+f1", words_per_minute=170)
    assert 0.4 < sound.duration_s < 4


@pytest.mark.parametrize("speaker", ["f2", "m1"])
def test_espeak_alone_follows_the_rules_more_coarsely(speaker: str) -> None:
    voice = espeak.EspeakVoice(espeak.Spoken("de", speaker))
    heard = {emotion: voice.speak(TEXTS["de"], emotion) for emotion in ("neutral", "anger", "sadness")}
    for emotion, sound in heard.items():
        rule = TABLE.rule(emotion, 1.0, 0)
        target = speakers.speaker(speaker).f0_hz * 2 ** (rule.pitch_st / 12)
        assert measured(sound)[1] == pytest.approx(target, rel=0.20), emotion
        assert dbfs(sound) == pytest.approx(level.SPEECH_DBFS + rule.loudness_db, abs=1.0)
    assert heard["anger"].duration_s < heard["neutral"].duration_s < heard["sadness"].duration_s


def test_provenance_says_everything() -> None:
    facts = ruled.RuledVoice(espeak.Spoken("pl", "m2")).provenance("fear", 0.7, 3)
    assert facts["engine"] == "espeak+world"
    assert facts["engine_version"].startswith("espeak-ng 1.") and "pyworld 0." in facts["engine_version"]
    assert (facts["voice"], facts["rules"]) == ("pl+Michael", TABLE.version)
    assert facts["speaker"]["f0_hz"] == 128
    assert facts["parameters"]["pitch_st"] == TABLE.rule("fear", 0.7, 3).pitch_st
    assert espeak.EspeakVoice(espeak.Spoken("pl", "m2")).provenance("fear")["engine"] == "espeak"


@pytest.mark.parametrize("text", ["No.", "Ja", "5", "naïve façade", "Say <b>this</b> & that; 100 % [[sure]]"])
def test_odd_texts_are_said(text: str) -> None:
    assert ruled.RuledVoice(espeak.Spoken("en", "f1")).speak(text, "anger").duration_s > 0.1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no word in it: give a sentence to say"),
        (" \n\x00", "has no word in it"),
        ("…!?", "has no word in it"),
        ("word " * 20000, "a text of 99999 characters is too long for one utterance: give at most 1000"),
    ],
)
def test_texts_that_cannot_be_said(text: str, words: str) -> None:
    with pytest.raises(OptionError) as error:
        ruled.RuledVoice(espeak.Spoken("en", "f1")).speak(text, "anger")
    assert words in str(error.value)
    assert len(str(error.value)) < 200


def test_a_voice_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="espeak-ng has no voice 'tlh\\+f1': install espeakng-loader again"):
        espeak.say("hello", "tlh+f1", words_per_minute=170)


def test_a_text_without_sound() -> None:
    with pytest.raises(AudioError, match="made no sound"):
        espeak.say(" ", "en-us", words_per_minute=170)
