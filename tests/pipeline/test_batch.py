"""Which recordings are heard, under what names, with which transcript."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearfelt.errors import AudioError, TranscriptError
from hearfelt.pipeline import batch


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folders_are_searched_and_named_files_taken_as_they_are(tmp_path: Path) -> None:
    make(tmp_path, "a/x.wav", "a/b/y.MP3", "a/notes.md", "odd.bin")
    found = batch.jobs([tmp_path / "a", tmp_path / "odd.bin"])
    assert [job.name for job in found] == ["b/y.MP3", "x.wav", "odd.bin"]


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    make(tmp_path, "a/x.wav", "b/x.wav")
    assert [j.name for j in batch.jobs([tmp_path / "a", tmp_path / "b"])] == ["x.wav", "x.wav-2"]


def test_transcripts_are_found_by_name(tmp_path: Path) -> None:
    make(tmp_path, "a/x.wav", "a/y.wav", "t/x.srt", "t/x.txt")
    x, y = batch.jobs([tmp_path / "a"], tmp_path / "t")
    assert x.transcript == tmp_path / "t/x.srt"
    assert y.transcript is None


def test_a_dot_in_a_name_is_part_of_it(tmp_path: Path) -> None:
    make(tmp_path, "a/call.v2.wav", "a/call.wav", "t/call.v2.srt", "t/call.txt")
    second, first = batch.jobs([tmp_path / "a"], tmp_path / "t")
    assert second.transcript == tmp_path / "t/call.v2.srt"
    assert first.transcript == tmp_path / "t/call.txt"


def test_names_are_unique_whatever_they_were(tmp_path: Path) -> None:
    make(tmp_path, "1/a", "2/a", "3/a-2", "4/a")
    found = batch.jobs([tmp_path / name for name in ("1/a", "2/a", "3/a-2", "4/a")])
    assert [job.name for job in found] == ["a", "a-3", "a-2", "a-4"]


@given(st.lists(st.sampled_from(["a", "a-2", "a-2-2", "a-3", "b"]), max_size=12))
def test_names_are_always_unique(names: list[str]) -> None:
    unique = batch._unique(names)
    assert len(set(unique)) == len(names)
    assert all(new.startswith(old) for new, old in zip(unique, names, strict=True))
    assert set(names) <= set(unique)


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"holds no recording; looked for .*\.flac"):
        batch.jobs([tmp_path])


def test_one_transcript_for_many_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "x.wav", "y.wav", "t.srt")
    with pytest.raises(TranscriptError, match="is one transcript, but 2 recordings were given"):
        batch.jobs([tmp_path / "x.wav", tmp_path / "y.wav"], tmp_path / "t.srt")
