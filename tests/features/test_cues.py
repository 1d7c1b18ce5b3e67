"""Measures, running baselines, the population, and what is said of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearfelt.errors import FeatureError, OptionError
from hearfelt.features import cues
from hearfelt.features.cues import Baseline, BaselineOptions, Norm, Population, describe, measures
from hearfelt.features.frames import FrameFeatures
from hearfelt.features.functionals import Functionals
from hearfelt.types import Audio, Features

PEOPLE = Population(
    {
        "f0_semitones": Norm(34.0, 3.0, 4.0),
        "tempo": Norm(4.0, 0.6, 0.8),
        "loudness_db": Norm(-10.0, 3.0, 8.0),
        "hnr_db": Norm(10.0, 2.0, 2.0),
        "jitter": Norm(-4.0, 0.3, 0.3),
        "h1_h2_db": Norm(2.0, 2.0, 2.0),
        "spectral_balance_db": Norm(-8.0, 3.0, 3.0),
        "pause_share": Norm(0.05, 0.1, 0.05),
    }
)


def heard(values: list[float], name: str = "loudness_db") -> Baseline:
    baseline = Baseline(population=PEOPLE)
    for value in values:
        baseline.update({name: value})
    return baseline


def test_measures_of_frames_have_known_names_and_sense(speech: Callable[..., Audio]) -> None:
    low = measures(FrameFeatures()(speech(seconds=2.0, f0_hz=110.0, level=0.1)))
    high = measures(FrameFeatures()(speech(seconds=2.0, f0_hz=220.0, level=0.4)))
    assert set(low) == set(cues.MEASURES)
    assert high["f0_semitones"] - low["f0_semitones"] == pytest.approx(12.0, abs=1.0)
    assert high["loudness_db"] > low["loudness_db"] + 6
    assert 2.5 < low["tempo"] < 5.5  # made with four syllables a second
    assert all(math.isfinite(value) for value in low.values())


def test_measures_of_functionals_are_those_of_the_frames(speech: Callable[..., Audio]) -> None:
    audio = speech(seconds=2.0)
    few = measures(Functionals()(audio))
    many = measures(FrameFeatures()(audio))
    assert set(few) < set(many)
    assert few["f0_semitones"] == pytest.approx(many["f0_semitones"], abs=0.3)
    assert few["hnr_db"] == pytest.approx(many["hnr_db"], abs=1.5)


def test_silence_has_no_measures_and_strange_features_are_refused() -> None:
    silent = Audio(np.zeros(16000, np.float32), 16000)
    assert measures(FrameFeatures()(silent)) == {}
    assert measures(Functionals()(silent)) == {}
    with pytest.raises(FeatureError, match="no cues can be measured from 'logmel/1'"):
        measures(Features(np.zeros((3, 80), np.float32), None, 0.01, "logmel/1"))


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30))
def test_the_running_mean_and_deviation_are_those_of_all_values(values: list[float]) -> None:
    state = heard(values).state()["loudness_db"]
    assert state["count"] == len(values)
    assert state["mean"] == pytest.approx(np.mean(values), abs=1e-9)
    assert state["squares"] == pytest.approx(np.var(values) * len(values), abs=1e-6)


def test_a_baseline_is_silent_until_it_has_heard_enough() -> None:
    assert heard([-10.0, -11.0]).z({"loudness_db": 0.0}) == {}
    assert heard([-10.0, -11.0, -9.0]).z({"loudness_db": 0.0})["loudness_db"] > 1
    assert heard([-10.0] * 9).z({"tempo": 4.0}) == {}


def test_the_level_is_compared_with_the_speaker_alone() -> None:
    quiet_microphone = heard([-40.0, -41.0, -39.0, -40.0])
    assert abs(quiet_microphone.z({"loudness_db": -40.0})["loudness_db"]) < 0.1
    assert PEOPLE.z({"loudness_db": -40.0}) == {}


def test_few_utterances_lean_on_the_population_and_many_do_not() -> None:
    few, many = heard([5.0, 5.0, 5.1], "tempo"), heard([5.0, 5.0, 5.1] * 60, "tempo")
    few_mean, few_sd = few.expect("tempo")
    many_mean, many_sd = many.expect("tempo")
    assert 4.0 < few_mean < 5.0
    assert many_mean == pytest.approx(5.03, abs=0.01)
    assert few_sd > 0.4
    assert many_sd < 0.15


def test_equal_utterances_never_give_an_infinite_score() -> None:
    alone = Baseline(population=Population({}))
    for _ in range(5):
        alone.update({"made_up": 1.0})
    assert math.isfinite(alone.z({"made_up": 1.5})["made_up"])
    assert heard([-10.0] * 50).z({"loudness_db": -7.0})["loudness_db"] < 10


def test_values_that_are_not_numbers_are_passed_over() -> None:
    baseline = heard([-10.0, float("nan"), -12.0, float("inf"), -11.0])
    assert baseline.count("loudness_db") == 3
    assert baseline.z({"loudness_db": float("nan")}) == {}


def test_state_survives_json_and_reset_forgets() -> None:
    baseline = heard([-10.0, -12.0, -11.0, -10.5])
    again = Baseline.from_state(json.loads(json.dumps(baseline.state())), population=PEOPLE)
    assert again.z({"loudness_db": -5.0}) == baseline.z({"loudness_db": -5.0})
    again.update({"loudness_db": -3.0})
    assert again.count("loudness_db") == 5
    baseline.reset()
    assert baseline.state() == {}
    with pytest.raises(OptionError, match="unknown measure in this baseline 'tempo'; known: none yet"):
        baseline.expect("tempo")
    with pytest.raises(OptionError, match="a baseline state needs count, mean and squares for each measure"):
        Baseline.from_state({"tempo": {"count": 3}})


def test_cues_are_few_readable_and_strongest_first() -> None:
    baseline = heard([-20.0, -21.0, -19.0, -20.0, -20.5])
    found = {"loudness_db": -14.0, "tempo": 5.6, "f0_semitones": 39.5, "hnr_db": 10.5, "pause_share": 0.05}
    said = describe(found, baseline, PEOPLE)
    assert [cue.measure for cue in said] == ["loudness_db", "tempo", "f0_semitones"]
    assert said[0].text == f"louder than usual for this speaker ({said[0].z:+.1f} sd)"
    assert [cue.text for cue in said[1:]] == ["fast", "high pitch"]
    assert all(abs(a.z) >= abs(b.z) >= 1 for a, b in pairwise(said))


def test_cues_in_chinese() -> None:
    baseline = heard([-20.0, -21.0, -19.0, -20.0, -20.5])
    said = describe({"loudness_db": -14.0, "tempo": 2.5}, baseline, PEOPLE, "zh")
    assert said[0].text == f"比该说话人平时更响（{said[0].z:+.1f} 标准差）"
    assert said[1].text == "语速慢"


def test_the_speaker_comes_before_the_population() -> None:
    fast_talker = heard([5.5, 5.6, 5.4, 5.5] * 5, "tempo")
    assert describe({"tempo": 5.5}, fast_talker, PEOPLE)[0].text == "fast"
    slower = describe({"tempo": 4.4}, fast_talker, PEOPLE)
    assert slower[0].text.startswith("slower than usual for this speaker (-")


def test_both_comparisons_are_told_and_named_for_whoever_must_weigh_them() -> None:
    fast_talker = heard([5.5, 5.6, 5.4, 5.5] * 5, "tempo")
    found = {"tempo": 6.6, "f0_semitones": 39.5}
    both = describe(found, fast_talker, PEOPLE, compare="both")
    assert {(cue.measure, cue.against) for cue in both} == {
        ("tempo", "speaker"),
        ("tempo", "people"),
        ("f0_semitones", "people"),
    }
    texts = {(cue.measure, cue.against): (cue.text, cue.z) for cue in both}
    text, z = texts["tempo", "speaker"]
    assert text == f"faster than usual for this speaker ({z:+.1f} sd)"
    text, z = texts["tempo", "people"]
    assert text == f"faster than most people ({z:+.1f} sd)"
    assert all(abs(a.z) >= abs(b.z) >= 1 for a, b in pairwise(both))
    chinese = describe(found, fast_talker, PEOPLE, "zh", compare="both")
    assert {cue.text[:5] for cue in chinese} == {"比该说话人", "与一般人相"}
    alone = describe(found, None, PEOPLE, compare="both")
    assert {cue.against for cue in alone} == {"people"}
    with pytest.raises(OptionError, match="unknown comparison of cues 'all'; known: either, both"):
        describe(found, None, PEOPLE, compare="all")


def test_at_most_two_cues_are_about_the_voice_itself_and_four_in_all() -> None:
    found = {"hnr_db": 0.0, "jitter": -1.0, "h1_h2_db": 12.0, "spectral_balance_db": 8.0}
    assert len(describe(found, None, PEOPLE)) == 2
    found |= {"tempo": 7.0, "f0_semitones": 44.0, "pause_share": 0.5}
    said = describe(found, None, PEOPLE)
    assert len(said) == 4
    assert len(describe(found, None, PEOPLE, max_cues=1)) == 1
    assert describe(found, None, PEOPLE, min_z=50.0) == []


def test_nothing_stands_out_in_an_average_voice() -> None:
    assert describe({name: norm.mean for name, norm in PEOPLE.norms.items()}, None, PEOPLE) == []


def test_an_unknown_language_lists_the_known() -> None:
    with pytest.raises(OptionError, match="unknown language of cues 'fr'; known: en, zh"):
        describe({}, None, PEOPLE, "fr")


def test_both_languages_have_words_for_the_same_measures() -> None:
    assert set(cues.WORDS["en"]) == set(cues.WORDS["zh"]) <= set(cues.MEASURES)


def test_the_shipped_population_knows_every_measure_and_says_where_it_is_from() -> None:
    people = Population.load()
    assert set(people.norms) == set(cues.MEASURES)
    for name, norm in people.norms.items():
        assert norm.within_sd > 0, name
        assert norm.sd > norm.within_sd, name
    text = json.loads(Path(cues.__file__).with_name("population.json").read_text(encoding="utf-8"))
    assert set(text["corpora"]) == {"emodb", "ravdess", "nemo"}
    assert "Aggregate figures only" in text["about"]
    assert all(set(row) == {"mean", "within_sd", "between_sd"} for row in text["measures"].values())


def test_a_broken_population_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "people.json"
    file.write_text('{"measures": {"tempo": {"mean": 4}}}')
    with pytest.raises(
        OptionError, match=r"people\.json is no population file .*recipes/population\.py writes it"
    ):
        Population.load(file)


def test_min_count_is_an_option() -> None:
    eager = Baseline(BaselineOptions(min_count=1), PEOPLE)
    eager.update({"tempo": 4.0})
    assert "tempo" in eager.z({"tempo": 6.0})
