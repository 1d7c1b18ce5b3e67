"""The table of rules: readable, sourced, scaled by intensity, varied by seed, refused where it is wrong."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearfelt.datasets.synth import rules, speakers
from hearfelt.datasets.synth.rules import LITERATURE, Rule
from hearfelt.errors import OptionError
from hearfelt.labels import CANONICAL

TABLE = rules.load()


def test_every_rule_names_its_papers() -> None:
    with LITERATURE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert row["emotion"] in CANONICAL
            assert row["emotion"] == "neutral" or row["directions"]


def test_neutral_changes_nothing() -> None:
    assert TABLE.table["neutral"] == Rule()


def test_the_directions_that_the_papers_agree_on() -> None:
    t = TABLE.table
    for loud in ("anger", "happiness", "surprise"):
        for soft in ("sadness", "boredom", "calm"):
            assert t[loud].loudness_db > 0 > t[soft].loudness_db
            assert t[loud].rate > 1 > t[soft].rate
            assert t[loud].pitch_st > t[soft].pitch_st
            assert t[loud].range > 1 > t[soft].range
            assert t[loud].tilt_db_oct > t[soft].tilt_db_oct
    assert t["fear"].pitch_st == max(rule.pitch_st for rule in t.values())
    assert t["surprise"].final_st == max(rule.final_st for rule in t.values())


@given(st.sampled_from(TABLE.emotions), st.floats(0, 1))
def test_intensity_lies_between_neutral_and_full(emotion: str, intensity: float) -> None:
    full, part = (dataclasses.asdict(TABLE.rule(emotion, share)) for share in (1.0, intensity))
    for name, rest in dataclasses.asdict(Rule()).items():
        low, high = sorted((rest, full[name]))
        assert low - 1e-9 <= part[name] <= high + 1e-9
    assert TABLE.rule(emotion, 0.0) == Rule()


@given(st.sampled_from(TABLE.emotions), st.integers(-(2**40), 2**40))
def test_a_seed_varies_a_rule_within_its_limits(emotion: str, seed: int) -> None:
    once, twice = TABLE.rule(emotion, 1.0, seed), TABLE.rule(emotion, 1.0, seed)
    assert once == twice
    for name, (low, high) in rules._LIMITS.items():
        assert low <= getattr(once, name) <= high


def test_seeds_scatter_around_the_rule() -> None:
    pitches = [TABLE.rule("anger", 1.0, seed).pitch_st for seed in range(400)]
    assert np.mean(pitches) == pytest.approx(TABLE.rule("anger").pitch_st, abs=0.2)
    assert 0.5 < np.std(pitches) < 2


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("emotion,rate,note\nneutral,,x\njoyful,1.5,y\n", encoding="utf-8")
    table = rules.load(path)
    assert table.emotions == ("neutral", "happiness")
    assert table.rule("happiness") == Rule(rate=1.5)
    assert table.version.startswith("own-") and len(table.version) == len("own-") + 8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "emotion,rate\nneutral,1\nanger,fast\n",
            "line 3: rate is 'fast': it must be a number from 0.4 to 2.5",
        ),
        ("emotion,rate\nneutral,1\nanger,nan\n", "line 3: rate is 'nan'"),
        ("emotion,breath\nneutral,2\n", "line 2: breath is '2': it must be a number from 0 to 1"),
        ("emotion,rate\nanger,1\n", "have no row neutral"),
        ("rate\n1\n", "line 2 names no emotion: the rules need the column emotion"),
        ("emotion\nneutral\nglee\n", "unknown emotion label 'glee'"),
        ("", "have no row neutral"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError) as error:
        rules.load(path)
    assert words in str(error.value)


def test_a_missing_or_binary_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be read"):
        rules.load(tmp_path / "no.csv")
    (tmp_path / "b.csv").write_bytes(b"emotion\n\xff\xfe\x00")
    with pytest.raises(OptionError, match="are not a UTF-8 CSV table"):
        rules.load(tmp_path / "b.csv")


@pytest.mark.parametrize("intensity", [-0.1, 1.01, float("nan")])
def test_an_intensity_outside_is_refused(intensity: float) -> None:
    with pytest.raises(OptionError, match="cannot be made: give a number from 0 to 1"):
        TABLE.rule("anger", intensity)


def test_an_unknown_emotion_lists_the_known() -> None:
    with pytest.raises(
        OptionError, match="unknown emotion 'contempt'; known: neutral, anger, happiness, fear"
    ):
        TABLE.rule("contempt")


def test_speakers_and_languages_are_listed_where_one_is_unknown() -> None:
    with pytest.raises(OptionError, match="unknown speaker 'x9'; known: f1, f2"):
        speakers.speaker("x9")
    with pytest.raises(OptionError, match="unknown voice 'xx'; known: de, en"):
        speakers.espeak_name("xx")
    assert speakers.speaker("en-gb-m2") is speakers.SPEAKERS["m2"]
    assert {person.gender for person in speakers.SPEAKERS.values()} == {"female", "male"}
