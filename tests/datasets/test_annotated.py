"""A table to which a rater is added: every other cell stays what it was."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearfelt.datasets import manifest, votes
from hearfelt.datasets.annotated import AnnotatedTable
from hearfelt.errors import CorpusError
from hearfelt.types import Example

cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5), st.sampled_from([".csv", ".parquet"]))
def test_other_cells_stay_what_they_were(tmp_path: Path, rows: list[tuple[str, str]], kind: str) -> None:
    path, out = tmp_path / "in.csv", tmp_path / f"out{kind}"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "note, mine"), *rows])
    table = AnnotatedTable(path)
    for n in range(len(rows)):
        table.vote(n, "llm/a|b=c", "fear" if n % 2 else None)
    table.write(out)
    again = AnnotatedTable(out)
    assert [tuple(row[name] or "" for name in ("text", "note, mine")) for row in again.rows] == rows
    assert again.votes == [[("llm/a|b=c", "fear")] if n % 2 else [] for n in range(len(rows))]


def test_a_new_vote_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,votes,emotion\nx,llm/a=joy|ana=wild,angry\ny,,\n", encoding="utf-8")
    table = AnnotatedTable(path)
    table.vote(0, "llm/a", "fear")
    assert table.votes == [[("ana", "wild"), ("llm/a", "fear")], []]
    assert table.labels() == ("anger", "fear", "wild")
    assert (table.gold(0), table.gold(1)) == ("anger", None)
    assert [e.votes for e in table.examples(without="llm/a")] == [("wild",), ()]


def test_sounds_are_found_from_another_folder_and_soft_labels_stay_readable(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    sound = tmp_path / "a" / "x.wav"
    sound.write_bytes(b"RIFF")
    example = Example(str(sound), "anger", text="hm", votes=("anger",), raters=("ana",), soft={"anger": 1.0})
    manifest.write([example], tmp_path / "a" / "t.parquet", audio=tmp_path / "a")
    table = AnnotatedTable(tmp_path / "a" / "t.parquet")
    table.vote(0, "llm/x", "fear")
    for out in (tmp_path / "b" / "t.csv", tmp_path / "b" / "t.parquet", tmp_path / "a" / "u.csv"):
        table.write(out)
        (again,) = manifest.read(out)
        assert Path(again.file).resolve() == sound
        assert (again.votes, again.raters) == (("anger", "fear"), ("ana", "llm/x"))
        assert again.soft == {"anger": 1.0}


def test_a_parquet_table_of_other_kinds_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    kept = pyarrow.table({"Utterance": ["a", "b"], "n": [1, None], "x": [0.5, 1.5], "l": [[1, 2], None]})
    pyarrow.parquet.write_table(kept, path)
    table = AnnotatedTable(path)
    table.vote(1, "llm/x", "fear")
    table.write(tmp_path / "o.parquet")
    again = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    assert again.select(kept.column_names).equals(kept)
    assert again["votes"].to_pylist() == [None, [{"rater": "llm/x", "label": "fear"}]]


def test_a_table_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text\nx\n", encoding="utf-8")
    for out in (tmp_path / "t.csv" / "o.csv", tmp_path / "t.csv" / "o.parquet"):
        with pytest.raises(CorpusError, match="cannot be written"):
            AnnotatedTable(path).write(out)


def test_alpha_of_a_label_sets_it_against_all_others() -> None:
    def rated(*pairs: str) -> list[Example]:
        return [Example(f"{n}", None, votes=tuple(p.split()), raters=("a", "b")) for n, p in enumerate(pairs)]

    found = votes.label_alphas(rated("x x", "y y", "z x", "z y", "x x"))
    assert list(found) == ["x", "y", "z"]
    merged = [[0, 0], [1, 1], [1, 0], [1, 1], [0, 0]]
    assert found["x"] == pytest.approx(votes.alpha(np.array(merged, float)))
    assert found["z"] < 0 < found["x"]
    assert np.isnan(votes.label_alphas(rated("x x", "x x"))["x"])
