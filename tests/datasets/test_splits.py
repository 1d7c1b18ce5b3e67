from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.datasets import corpora, splits
from hearfelt.errors import CorpusError
from hearfelt.types import Example


def table(speakers: int, clips: int = 3, corpus: str = "made") -> list[Example]:
    return [
        Example(
            f"{s}-{c}.wav", "anger", speaker=f"{s:02}", gender="female" if s % 2 else "male", corpus=corpus
        )
        for s in range(speakers)
        for c in range(clips + s % 2)
    ]


@given(one=st.integers(2, 12), other=st.integers(0, 9), folds=st.integers(2, 5), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_folds_keep_speakers_apart_and_share_them_out(one: int, other: int, folds: int, seed: int) -> None:
    examples = table(one) + table(other, corpus="other")
    if one + other < folds:
        return
    made = splits.speaker_folds(examples, folds, seed)
    assert sorted(i for split in made for i in split.test) == list(range(len(examples)))
    for split in made:
        assert sorted(split.train + split.test) == list(range(len(examples)))
        assert not {(examples[i].corpus, examples[i].speaker) for i in split.train} & {
            (examples[i].corpus, examples[i].speaker) for i in split.test
        }
    for corpus in ("made", "other"):
        for gender in ("female", "male"):
            sizes = [
                len(
                    {
                        e.speaker
                        for e in (examples[i] for i in s.test)
                        if (e.corpus, e.gender) == (corpus, gender)
                    }
                )
                for s in made
            ]
            assert max(sizes) - min(sizes) <= 1
    assert made == splits.speaker_folds(examples, folds, seed)


def test_leave_one_speaker_out() -> None:
    examples = table(3)
    made = splits.leave_one_speaker_out(examples)
    assert [split.name for split in made] == ["speaker 00", "speaker 01", "speaker 02"]
    assert made[1].test == (3, 4, 5, 6)
    assert all(splits.speaker_overlap(examples, split) == 0 for split in made)


def test_overlap_is_told() -> None:
    examples = table(2)
    assert splits.speaker_overlap(examples, splits.Split("bad", (0, 3), (1, 4))) == 1
    assert splits.speaker_overlap(examples, splits.Split("half", (0,), (1, 4))) == 0.5


def test_too_few_speakers() -> None:
    with pytest.raises(CorpusError, match="2 speakers cannot fill 3 folds: use 2 to 2"):
        splits.speaker_folds(table(2), 3)
    with pytest.raises(CorpusError, match="1 speaker cannot be both learnt from and held out"):
        splits.leave_one_speaker_out(table(1))
    with pytest.raises(CorpusError, match=r"x\.wav names no speaker"):
        splits.speaker_folds([Example("x.wav", "anger")], 2)


def write_folds(folder: Path, train: list[str], test: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for part, names in (("train", train), ("test", test)):
        lines = [json.dumps({"key": f"{folder.name}-{name}"}) for name in names]
        (folder / f"{folder.name}_{part}_fold_1.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_emobox_files(tmp_path: Path) -> None:
    examples = table(2)
    folder = write_folds(tmp_path / "made", ["1-0", "1-1", "1-3"], ["0-2", "0-0"])
    assert splits.emobox(examples, folder) == [splits.Split("fold 1", (3, 4, 6), (0, 2))]


def test_emobox_files_that_do_not_hold_together(tmp_path: Path) -> None:
    examples = table(2)
    with pytest.raises(CorpusError, match=r"holds no none_test_fold_\*\.jsonl: give the EmoBox folder"):
        splits.emobox(examples, tmp_path / "none")
    folder = write_folds(tmp_path / "made", ["1-0"], ["9-9", "0-0"])
    with pytest.raises(CorpusError, match=r"names 1 clip that made lacks, the first is 9-9: restore"):
        splits.emobox(examples, folder)
    write_folds(folder, ["1-0", "0-0"], ["0-0"])
    with pytest.raises(CorpusError, match="fold 1 of made has clips in both training and test"):
        splits.emobox(examples, folder)
    (folder / "made_train_fold_1.jsonl").write_text("{broken", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"made_train_fold_1\.jsonl has a line that is no JSON object"):
        splits.emobox(examples, folder)
    (folder / "made_train_fold_1.jsonl").unlink()
    with pytest.raises(CorpusError, match=r"made_train_fold_1\.jsonl is missing: restore it"):
        splits.emobox(examples, folder)


def test_real_emobox_folds_of_ravdess_hold_speakers_out(data_dir: Path) -> None:
    if not (data_dir / "emobox" / "ravdess").is_dir():
        pytest.skip("no EmoBox folds in the data folder")
    examples = corpora.read("ravdess", data_dir)
    made = splits.emobox(examples, data_dir / "emobox" / "ravdess")
    assert len(made) == 6
    assert sorted(i for split in made for i in split.test) == list(range(1440))
    assert all(splits.speaker_overlap(examples, split) == 0 for split in made)
