from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearfelt.datasets.augment import changes
from hearfelt.datasets.augment.base import Change, Compose, OneOf, Sometimes
from hearfelt.datasets.augment.noise import AddNoise
from hearfelt.datasets.augment.waveform import Clip, Gain, Resample
from hearfelt.errors import OptionError
from tests.datasets.augment.sounds import RATE, rng, tone


def test_tables_become_changes() -> None:
    change = changes.from_table(
        [
            {"kind": "noise", "snr_db": [5, 30], "noises": ["pink"], "p": 0.5},
            {"kind": "one_of", "changes": [{"kind": "gain", "gain_db": -3}, {"kind": "clip"}]},
            {"kind": "resample", "rates_hz": [8000]},
        ]
    )
    assert change == Compose(
        (
            Sometimes(0.5, AddNoise((5.0, 30.0), ("pink",))),
            OneOf((Gain(-3.0), Clip())),
            Resample((8000,)),
        )
    )


@pytest.mark.parametrize("kind", sorted(set(changes.KINDS) - {"impulse_response"}))
def test_every_kind_is_described_and_made_again(kind: str) -> None:
    change = Compose((Sometimes(0.25, changes.KINDS[kind]()), OneOf((changes.KINDS[kind](), Gain()))))
    assert changes.from_table(changes.to_table(change)) == change


def test_a_folder_is_described(tmp_path: Path) -> None:
    rows = [{"kind": "impulse_response", "folder": str(tmp_path)}]
    assert changes.to_table(changes.from_table(rows)) == rows


def test_what_has_no_description_is_refused() -> None:
    pair: Change = Compose((Gain(), Clip()))
    with pytest.raises(OptionError, match="p stands for one change: give each of several its own"):
        changes.to_table(Sometimes(0.5, pair))
    with pytest.raises(OptionError, match="one_of chooses between single changes"):
        changes.to_table(OneOf((pair, Gain())))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"kind": "echo"}], "unknown kind of change 'echo'; known: noise, room, impulse_response, codec"),
        ([{"snr_db": 5}], r"change 1 is \{'snr_db': 5\}: it must be a table with a kind, one of noise"),
        (
            [{"kind": "gain"}, {"kind": "gain", "db": 3}],
            r"key in change 2 \(gain\) 'db'; known: kind, p, gain_db",
        ),
        (
            [{"kind": "gain", "gain_db": "loud"}],
            r"change 1 \(gain\) sets gain_db to 'loud': it must be a number",
        ),
        ([{"kind": "gain", "gain_db": [1, 2, 3]}], "it must be a number or a range"),
        ([{"kind": "gain", "gain_db": True}], "sets gain_db to True: it must be a number"),
        ([{"kind": "gain", "gain_db": [6, 3]}], r"change 1 \(gain\): gain_db=\(6.0, 3.0\): give one number"),
        ([{"kind": "gain", "p": 3}], "p=3.0: the share of sounds to change must lie between 0 and 1"),
        ([{"kind": "gain", "p": "often"}], "sets p to 'often': it must be a number"),
        ([{"kind": "noise", "noises": "pink"}], "sets noises to 'pink': it must be a list of texts"),
        ([{"kind": "noise", "voices": 2.5}], "sets voices to 2.5: it must be a whole number"),
        ([{"kind": "dropouts", "repeat": 1}], "sets repeat to 1: it must be true or false"),
        ([{"kind": "resample", "rates_hz": [8e3]}], "sets rates_hz to 8000.0: it must be a whole number"),
        ([{"kind": "impulse_response"}], r"change 1 \(impulse_response\) needs folder"),
        ([{"kind": "one_of"}], r"change 1 \(one_of\) has no changes to choose from: give a list of tables"),
        ([{"kind": "one_of", "changes": [{"kind": "hum"}]}], "unknown kind of change 'hum'"),
    ],
)
def test_mistakes_are_named(rows: list[dict[str, object]], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        changes.from_table(rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no recipe .*: examples/augment.toml shows one"),
        ("kind = ", "is not valid TOML"),
        ("", r"names no changes: write a \[\[change\]\] table for each"),
        ("change = 3", "names no changes"),
        ("[[changes]]\nkind = 'gain'", "unknown key in .* 'changes'; known: change"),
    ],
)
def test_broken_recipes_are_refused(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "aug.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match=message):
        changes.read(path)


def test_the_example_recipe_is_read_and_runs() -> None:
    change = changes.read(Path(__file__).resolve().parents[3] / "examples" / "augment.toml")
    assert len(change.changes) >= 5
    sound = tone(200, 0.5)
    results = [change(sound, RATE, rng(seed)) for seed in range(5)]
    assert len({r.tobytes() for r in results}) == 5
    assert all(np.isfinite(r).all() for r in results)
