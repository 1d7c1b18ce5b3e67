"""The known corpora of dialogue: what is missing is said, what is there has the published counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hearfelt.datasets import dialogue
from hearfelt.errors import CorpusError, OptionError


def test_an_unknown_corpus_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(
        OptionError, match="unknown corpus of dialogue 'iemocap'; known: meld, emorynlp, cped"
    ):
        dialogue.read("iemocap", tmp_path)


def test_a_missing_corpus_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no table of meld at .*meld_erc.parquet: set HEARFELT_DATA"):
        dialogue.read("meld", tmp_path)


def test_a_cut_table_names_its_missing_columns(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "text" / "emorynlp"
    folder.mkdir(parents=True)
    parquet.write_table(pyarrow.table({"text": ["a"]}), folder / "emorynlp.parquet")
    with pytest.raises(
        CorpusError, match="lacks the columns dialogue_id, emotion, speaker, split, utterance_id"
    ):
        dialogue.read("emorynlp", tmp_path)


@pytest.mark.parametrize(
    ("name", "lines", "dialogues"),
    [
        ("meld", (9989, 1109, 2610), (1038, 114, 280)),
        ("emorynlp", (7551, 954, 984), (659, 89, 79)),
        ("cped", (9453, 1684, 27438), (794, 140, 2815)),
    ],
)
def test_parts_have_their_published_size(
    data_dir: Path, name: str, lines: tuple[int, ...], dialogues: tuple[int, ...]
) -> None:
    pytest.importorskip("pyarrow")
    if not (data_dir / dialogue.CORPORA[name].file).is_file():
        pytest.skip(f"no {name} in the data")
    found = dialogue.read(name, data_dir)
    parts = Counter(line.split for line in found.lines)
    assert tuple(parts[s] for s in dialogue.SPLITS) == lines
    assert tuple(len(dialogue.grouped(found.part(s))) for s in dialogue.SPLITS) == dialogues
    assert {line.label for line in found.lines} == set(found.labels)
    assert {len(line.measures) for line in found.lines} == {len(found.measures)}
    assert found.shippable == (name == "cped")
