"""What `hearfelt data check` finds in sounds: hashes, near-duplicates, and one made clip for each fault."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt import audio
from hearfelt.datasets import corpora, quality
from hearfelt.datasets.quality import Measured, Store, near
from hearfelt.datasets.quality.finding import Finding
from hearfelt.errors import CorpusError, InputError
from hearfelt.types import Example, FloatArray, Segment

RATE = 16000


def voice(seed: int, seconds: float = 1.5, level: float = 0.3) -> FloatArray:
    """Harmonics of a gliding F0, their level moved in four bands as differently as sentences differ."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE

    def contour(low: float, high: float) -> FloatArray:
        steps = random.uniform(low, high, round(seconds * 8) + 2)
        return np.interp(time, np.linspace(0, seconds, len(steps)), steps)

    phase = 2 * np.pi * np.cumsum(contour(100, 160)) / RATE
    envelopes = [contour(0.01, 1) for _ in range(4)]
    sound = sum(envelopes[min(k // 6, 3)] * np.sin(k * phase + k * k) for k in range(1, 26))
    pauses = np.clip(np.sin(2 * np.pi * (1 + seed % 7 / 10) * time) + 0.8, 0.002, 1) ** 2
    sound = sound * pauses + 1e-3 * random.standard_normal(len(time))
    return (level * sound / np.abs(sound).max()).astype(np.float32)


def write(path: Path, samples: FloatArray, rate: int = RATE, **more: str) -> Example:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.round(samples * 32768) / 32768, rate)
    return Example(str(path), **{"gold": "anger", "speaker": "01", **more})


def found(examples: list[Example], **more: object) -> dict[str, Finding]:
    checked = quality.check(examples, list(quality.measure(examples)), **more)  # type: ignore[arg-type]
    return {finding.kind: finding for finding in checked.findings}


def names(finding: Finding) -> list[str]:
    return [Path(file).name for file in finding.files]


def test_a_hash_is_that_of_the_samples_not_of_the_file(tmp_path: Path) -> None:
    whole = np.round(voice(1) * 32768) / 32768
    examples = [
        write(tmp_path / "a.wav", whole),
        write(tmp_path / "b.flac", whole),
        write(tmp_path / "c.wav", np.stack([whole, whole], axis=1)),
    ]
    soundfile.write(tmp_path / "d.wav", whole, RATE, subtype="FLOAT")
    one_off = whole.copy()
    one_off[100] += 1 / 32768
    examples += [Example(str(tmp_path / "d.wav"), "anger"), write(tmp_path / "e.wav", one_off)]
    examples += [write(tmp_path / "f.wav", whole, rate=8000)]
    hashes = quality.hashes(examples)
    assert len(set(hashes[:4])) == 1
    assert len({*hashes}) == 3


def test_a_segment_is_measured_by_itself(tmp_path: Path) -> None:
    joined = np.concatenate([voice(1), voice(2)])
    example = write(tmp_path / "long.wav", joined)
    first = dataclasses.replace(example, segment=Segment(0.0, 1.5))
    late = dataclasses.replace(example, segment=Segment(1.5, 3.0))
    beyond = dataclasses.replace(example, segment=Segment(9.0, 10.0))
    alone = write(tmp_path / "alone.wav", voice(2))
    one, two, none, other = quality.measure([first, late, beyond, alone])
    assert one.duration_s == two.duration_s == 1.5
    assert two.hash == other.hash != one.hash
    assert "ends at 3.00 s, before its segment at 9.00 s: mend start and end of its row" in none.problem


@given(gain=st.floats(0.02, 3), shift=st.integers(0, 4000), seed=st.integers(0, 30))
@settings(max_examples=12, deadline=None)
def test_gain_and_shift_leave_a_clip_alike(gain: float, shift: int, seed: int) -> None:
    sound = voice(seed)
    copy = np.concatenate([np.zeros(shift, np.float32), gain * sound])
    prints = [near.fingerprint(sound), near.fingerprint(copy), near.fingerprint(voice(seed + 100))]
    pairs = near.near_duplicates(prints)
    assert [pair[:2] for pair in pairs] == [(0, 1)]
    assert pairs[0][2] > 0.93


def test_blocks_find_what_all_pairs_would(monkeypatch: pytest.MonkeyPatch) -> None:
    prints = [near.fingerprint(voice(seed, 1.0 + seed % 3 / 2)) for seed in range(20)]
    prints += [near.fingerprint(0.2 * voice(seed, 1.0 + seed % 3 / 2)) for seed in range(0, 20, 4)]
    prints += [None, np.zeros((5, near.BANDS), np.int8)]
    whole = near.near_duplicates(prints)
    assert [pair[:2] for pair in sorted(whole)] == [(seed, 20 + i) for i, seed in enumerate(range(0, 20, 4))]
    monkeypatch.setattr(near, "_BLOCK", 4)
    assert near.near_duplicates(prints) == whole
    assert near.near_duplicates([]) == []
    assert near.fingerprint(np.zeros(8000, np.float32)) is None


def through_mp3(sound: FloatArray, folder: Path) -> FloatArray:
    soundfile.write(folder / "copy.mp3", sound, RATE, format="MP3")
    return audio.read(folder / "copy.mp3")[0].samples


def test_real_copies_are_found_and_real_repetitions_are_not(data_dir: Path, tmp_path: Path) -> None:
    """In RAVDESS each actor says the same two sentences twice; only 03-01-03-01-02-0?-07 is one sound."""
    actors = ("07", "02", "23")
    examples = [e for e in corpora.read("ravdess", data_dir) if e.speaker in actors]
    measured = list(quality.measure(examples))
    checked = {f.kind: f for f in quality.check(examples, measured).findings}
    assert names(checked["exact duplicates"]) == [f"03-01-03-01-02-{n}-07.flac" for n in ("01", "02")]
    assert checked["exact duplicates"].sentence == (
        "2 clips hold the same samples, in 1 group, the first 03-01-03-01-02-01-07.flac = "
        "03-01-03-01-02-02-07.flac: keep one of each, or keep them in one part of every split"
    )
    assert "near duplicates" not in checked
    copies = []
    for example in examples[::30]:
        sound = audio.read(example.file)[0].samples
        copies.append(near.fingerprint(0.3 * through_mp3(sound, tmp_path)[1234:]))
    pairs = quality.near_duplicates([m.fingerprint for m in measured] + copies)
    expected = [(i, len(measured) + k) for k, i in enumerate(range(0, len(examples), 30))]
    assert sorted(pair[:2] for pair in pairs if pair[1] >= len(measured)) == expected


def test_savee_is_clipped_and_says_nothing_of_its_words(data_dir: Path) -> None:
    examples = corpora.read("savee", data_dir)
    kinds = found(examples)
    assert len(kinds["clipped"].files) > 100
    assert Counter(name[:2] for name in names(kinds["clipped"])).most_common(1)[0][0] == "JK"
    assert kinds["no text"].sentence.startswith(
        "All examples have no text: whether words give the label away"
    )
    assert "DC offset" in kinds
    assert "exact duplicates" not in kinds
    assert "speaker gives label away" not in kinds


def test_duplicates_that_do_harm(tmp_path: Path) -> None:
    examples = [
        write(tmp_path / "a.wav", voice(1), gold="anger", split="train"),
        write(tmp_path / "b.flac", voice(1), gold="fear", split="test"),
        write(tmp_path / "c.wav", voice(2), gold="fear", split="train"),
        write(tmp_path / "d.wav", 0.5 * voice(2), gold="fear", split="train", speaker="02"),
    ]
    kinds = found(examples)
    assert names(kinds["exact duplicates"]) == ["a.wav", "b.flac"]
    assert names(kinds["near duplicates"]) == ["c.wav", "d.wav"]
    assert "1 of them under two speakers' names" in kinds["near duplicates"].sentence
    assert kinds["duplicates with different labels"].severity == "error"
    assert kinds["duplicates with different labels"].notes == ("labelled anger", "labelled fear")
    assert kinds["duplicates across splits"].notes == ("in train", "in test")


def test_one_made_clip_for_each_fault(tmp_path: Path) -> None:
    loud = np.clip(20 * voice(3), -1, 1)
    noise = 0.1 * np.random.default_rng(4).standard_normal(2 * RATE).astype(np.float32)
    examples = [
        write(tmp_path / "fine.wav", voice(0)),
        write(tmp_path / "clipped.wav", loud),
        write(tmp_path / "silent.wav", np.full(RATE, 1 / 32768, np.float32)),
        write(tmp_path / "quiet.wav", 0.01 * voice(5)),
        write(tmp_path / "noisy.wav", noise),
        write(tmp_path / "short.wav", np.append(voice(6, 0.15), 1e-3 * noise[:1600])),
        write(tmp_path / "long.wav", np.tile(voice(7), 21)),
        write(tmp_path / "off.wav", 0.5 * voice(8) + 0.05),
        write(tmp_path / "rate.wav", voice(9), rate=8000),
        write(tmp_path / "two.wav", np.stack([voice(10), voice(11)], axis=1)),
    ]
    (tmp_path / "broken.wav").write_bytes(b"RIFF but no more")
    examples.append(Example(str(tmp_path / "broken.wav"), "fear", speaker="02"))
    examples.append(Example(str(tmp_path / "absent.wav"), "fear", speaker="02"))
    kinds = found(examples)
    expected = {
        "clipped": "clipped",
        "silent": "silent",
        "quiet": "quiet",
        "noisy": "noisy",
        "too short": "short",
        "too long": "long",
        "DC offset": "off",
    }
    for kind, name in expected.items():
        assert names(kinds[kind]) == [f"{name}.wav"], kind
    assert kinds["too short"].notes == ("0.25 s",)
    assert kinds["silent"].severity == "error"
    assert names(kinds["unreadable"]) == ["broken.wav", "absent.wav"]
    assert "there is no file" in kinds["unreadable"].notes[1]
    assert "16000 Hz (9 clips), 8000 Hz (1 clips)" in kinds["mixed sample rates"].sentence
    assert "mixed channel counts" in kinds


def test_worst_comes_first(tmp_path: Path) -> None:
    examples = [write(tmp_path / f"{i}.wav", voice(i, 0.2 - i / 50)) for i in range(3)]
    assert names(found(examples)["too short"]) == ["2.wav", "1.wav", "0.wav"]


def test_measures_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [write(tmp_path / f"{i}.wav", voice(i)) for i in range(3)]
    path = tmp_path / "cache" / "quality.jsonl"
    first = list(itertools.islice(quality.measure(examples, Store(path)), 2))
    with path.open("a", encoding="utf-8") as stream:
        stream.write('{"key": "torn off by a ki')  # what a kill leaves
    read: list[str] = []
    original: Callable[..., list[audio.recording.Audio]] = audio.read

    def counted(file: str, **more: object) -> list[audio.recording.Audio]:
        read.append(Path(file).name)
        return original(file, **more)

    monkeypatch.setattr(audio, "read", counted)
    again = list(quality.measure(examples, Store(path)))
    assert read == ["2.wav"]
    assert [m.hash for m in again[:2]] == [m.hash for m in first]
    assert again[0].fingerprint is not None
    assert np.array_equal(again[0].fingerprint, first[0].fingerprint)
    write(tmp_path / "0.wav", voice(9, 2.0))  # changed: measured again
    changed = list(quality.measure(examples, Store(path)))
    assert read == ["2.wav", "0.wav"]
    assert changed[0].duration_s == 2.0


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"measures cannot be kept in .* \(.*\): name another --cache"):
        Store(tmp_path)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no device that is always full")
    store = Store(None)
    store.path = full
    with pytest.raises(InputError, match=r"No space left on device.*what is measured so far is kept"):
        store.put("key", Measured(hash="x"))


def test_check_wants_a_measure_for_each_example() -> None:
    with pytest.raises(CorpusError, match="1 examples and 0 measures: give one measure for each"):
        quality.check([Example("a.wav", "anger")], [])
