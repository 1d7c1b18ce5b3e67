from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt import audio
from hearfelt.datasets import corpora, manifest
from hearfelt.datasets.augment import changes, copies
from hearfelt.datasets.augment.base import Compose
from hearfelt.datasets.augment.noise import AddNoise
from hearfelt.datasets.augment.waveform import Gain
from hearfelt.errors import CorpusError, InputError, OptionError
from hearfelt.types import Audio, Example, Segment
from tests.datasets.augment.sounds import RATE, tone

CHANGE = Compose((AddNoise((5.0, 20.0)), Gain((-6.0, 0.0))))


@pytest.fixture
def table(tmp_path: Path) -> list[Example]:
    """Three clips of two speakers and a segment of a longer one."""
    (tmp_path / "in").mkdir()
    examples = []
    for name, speaker, gold in (("a", "1", "anger"), ("b", "1", "sadness"), ("c", "2", "anger")):
        soundfile.write(tmp_path / "in" / f"{name}.wav", tone(10 * ord(name), 0.5), RATE)
        file = str(tmp_path / "in" / f"{name}.wav")
        examples.append(Example(file, gold, speaker=speaker, corpus="made", licence="CC0", split="train"))
    soundfile.write(tmp_path / "in" / "long.wav", np.concatenate([tone(300), tone(900)]), RATE)
    long = Example(str(tmp_path / "in" / "long.wav"), "fear", Segment(1.0, 1.5), speaker="3", corpus="made")
    return [*examples, long]


def samples(example: Example) -> np.ndarray:
    return audio.read(Path(example.file))[0].samples


def test_each_example_is_copied_n_times_each_time_anew(table: list[Example]) -> None:
    found = list(copies.copies(table, CHANGE, n=3, seed=1))
    assert [example for example, _ in found] == [example for example in table for _ in range(3)]
    assert len({sound.samples.tobytes() for _, sound in found}) == 12
    assert all(isinstance(sound, Audio) and len(sound.samples) == 8000 for _, sound in found)


def test_a_copy_does_not_depend_on_its_place_in_the_table(table: list[Example]) -> None:
    forward = [s.samples for _, s in copies.copies(table, CHANGE, n=2, seed=1)]
    backward = [s.samples for _, s in copies.copies(table[::-1], CHANGE, n=2, seed=1)]
    for i, number in ((0, 0), (3, 1)):
        np.testing.assert_array_equal(forward[2 * i + number], backward[2 * (3 - i) + number])
    other = next(copies.copies(table, CHANGE, seed=2))[1].samples
    assert not np.array_equal(other, forward[0])


def test_a_segment_is_copied_and_nothing_around_it(table: list[Example]) -> None:
    ((_, sound),) = copies.copies(table[3:], Gain(0.0))
    np.testing.assert_allclose(sound.samples, tone(900)[:8000], atol=1e-4)
    assert sound.start_s == 0


def test_babble_is_made_of_other_speakers(table: list[Example]) -> None:
    babble, heard = AddNoise(0.0, ("babble",), voices=1), set()
    for example, sound in copies.copies(table[:3], babble, n=6):
        added = sound.samples - samples(example)
        frequency = int(np.abs(np.fft.rfft(added)).argmax()) * RATE / len(added)
        heard.add((example.speaker, chr(round(frequency / 10))))
    assert heard == {("1", "c"), ("2", "a"), ("2", "b")}
    with pytest.raises(OptionError, match="babble is made of other clips and none were given"):
        list(copies.copies(table[:2], babble))


def test_files_carry_everything_that_makes_them_again(table: list[Example], tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = copies.write(table, CHANGE, out, n=2, seed=7)
    read = manifest.read(out / "manifest.csv")
    assert [e.file for e in read] == [e.file for e in made] and len(read) == 8
    kept = ("gold", "speaker", "corpus", "split", "licence")
    for i, copy in enumerate(read):
        assert [getattr(copy, k) or "" for k in kept] == [getattr(table[i // 2], k) or "" for k in kept]
        assert copy.segment is None
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for i, row in enumerate(rows):
        source = dataclasses.replace(table[i // 2])
        assert (row["source"], int(row["copy"])) == (source.file, i % 2)
        if row["source_start"]:
            assert (float(row["source_start"]), float(row["source_end"])) == (1.0, 1.5)
        change = changes.from_table(json.loads(row["changes"]))
        again = list(copies.copies([source], change, n=2, seed=int(row["seed"])))[int(row["copy"])][1]
        np.testing.assert_allclose(samples(made[i]), again.samples, atol=2 / 32768)


def test_what_was_stopped_goes_on_and_nothing_is_made_twice(
    table: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    whole = {Path(e.file).name: samples(e) for e in copies.write(table, CHANGE, tmp_path / "whole", n=2)}
    first = copies.write(table[:2], CHANGE, out, n=2)
    stamps = {e.file: Path(e.file).stat().st_mtime_ns for e in first}
    sentences: list[str] = []
    monkeypatch.setattr(copies, "_TOLD", 2)
    rest = copies.write(table, CHANGE, out, n=2, report=sentences.append)
    assert {f: Path(f).stat().st_mtime_ns for f in stamps} == stamps
    assert sentences == ["2 of 4 clips copied, 0 s left"]
    assert {Path(e.file).name for e in rest} == set(whole)
    for copy in rest:
        np.testing.assert_array_equal(samples(copy), whole[Path(copy.file).name])
    assert not list(out.glob("*.part"))


def test_a_folder_of_other_copies_is_refused(table: list[Example], tmp_path: Path) -> None:
    copies.write(table[:1], CHANGE, tmp_path / "out")
    for change, seed in ((CHANGE, 1), (Gain(-3.0), 0)):
        with pytest.raises(InputError, match="holds copies made by other changes or another seed"):
            copies.write(table[:1], change, tmp_path / "out", seed=seed)
    with pytest.raises(InputError, match=r"holds a manifest.csv of something else: name another folder"):
        (tmp_path / "corpus").mkdir()
        (tmp_path / "corpus" / "manifest.csv").write_text("file,gold\n", encoding="utf-8")
        copies.write(table[:1], CHANGE, tmp_path / "corpus")


def test_broken_examples_are_named_and_the_others_written(table: list[Example], tmp_path: Path) -> None:
    (tmp_path / "in" / "b.wav").write_bytes(b"RIFF nothing")
    late = dataclasses.replace(table[3], segment=Segment(5.0, 6.0))
    with pytest.raises(
        CorpusError, match=r"2 of 4 examples could not be copied, the first is .*b.wav \("
    ) as e:
        copies.write([*table[:3], late], CHANGE, tmp_path / "out")
    assert "lists the copies of the others" in str(e.value)
    assert [x.gold for x in manifest.read(tmp_path / "out" / "manifest.csv")] == ["anger", "anger"]
    with pytest.raises(CorpusError, match=r"ends at 2.00 s, before the segment from 5.0 to 6.0 s"):
        copies.sound(late)
    with pytest.raises(CorpusError, match=r"has 1 channels, not channel 1 \(counted from 0\)"):
        copies.sound(dataclasses.replace(late, segment=Segment(0, 1, channel=1)))


def test_a_full_disk_is_one_sentence(
    table: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = soundfile.write

    def full(path: Path, *rest: object, **more: object) -> None:
        if path.name.startswith(".c-"):
            raise OSError(28, "No space left on device")
        written(path, *rest, **more)

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(InputError, match=r"flac cannot be written \(No space left on device\): make room"):
        copies.write(table, CHANGE, tmp_path / "out")
    assert len(manifest.read(tmp_path / "out" / "manifest.csv")) == 2  # what was made stands


@pytest.mark.parametrize("make", [copies.copies, lambda *a, n: copies.write(*a, Path("never"), n=n)])
def test_no_copies_are_refused(make: object, table: list[Example]) -> None:
    with pytest.raises(OptionError, match="n=0: make at least 1 copy"):
        list(make(table, CHANGE, n=0))  # type: ignore[operator]


def test_real_speech_keeps_its_label_and_can_be_read(data_dir: Path, tmp_path: Path) -> None:
    chosen = corpora.read("emodb", data_dir)[::100]
    recipe = Path(__file__).resolve().parents[3] / "examples" / "augment.toml"
    made = copies.write(chosen, changes.read(recipe), tmp_path / "out", seed=3)
    assert [e.gold for e in made] == [e.gold for e in chosen]
    for copy, original in zip(made, chosen, strict=True):
        changed, before = samples(copy), samples(original)
        assert 0.9 < len(changed) / len(before) < 1.1 and 1e-3 < np.abs(changed).max() <= 1
        assert not np.array_equal(changed[:1000], before[:1000])
