"""Whatever stands in a file of labels, a reader gives examples or says in one sentence what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearfelt import datasets
from hearfelt.datasets import corpora
from hearfelt.datasets.files import is_there
from hearfelt.datasets.formats.base import Locator
from hearfelt.errors import HearfeltError
from tests.datasets.made import sounds

words = st.sampled_from(
    ["a.wav", "anger", "Sad", "", "0", "-1.5", "1..5", "<|HAPPY|>", "x=sad|y", "NaT", "nan"]
)
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | words
KEYS = """audio wav emo source target emo_target data id annotations result value type choices labels start
end completed_by annotator emotion speaker duration"""
names = st.sampled_from(KEYS.split())
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tried(source: str) -> None:
    try:
        examples = datasets.read(source)
    except HearfeltError as error:
        assert str(error) and "\n" not in str(error)[:60]
    else:
        assert all(Path(e.file).is_file() for e in examples)


@quick
@given(st.lists(st.dictionaries(names, values, max_size=5) | values, max_size=3))
def test_json(tmp_path: Path, rows: list[Any]) -> None:
    sounds(tmp_path, "a.wav")
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "t.json").write_text(json.dumps(rows))
    for name in ("emobox", "sensevoice"):
        tried(f"{name}:{tmp_path / 't.jsonl'}")
    tried(f"labelstudio:{tmp_path / 't.json'}")


columns = [
    "file",
    "gold",
    "emotion",
    "votes",
    "soft",
    "start",
    "end",
    "channel",
    "valence",
    "scale",
    "speaker",
]


@quick
@given(
    st.lists(st.sampled_from(columns), min_size=1, max_size=6),
    st.lists(st.lists(words, max_size=7), max_size=3),
    st.sampled_from(",;\t"),
)
def test_tables(tmp_path: Path, header: list[str], rows: list[list[str]], sign: str) -> None:
    sounds(tmp_path, "a.wav")
    (tmp_path / "t.csv").write_text("\n".join(sign.join(row) for row in [header, *rows]))
    for name in ("table", "nkululeko"):
        tried(f"{name}:{tmp_path / 't.csv'}")


@quick
@given(st.binary(max_size=60))
def test_bytes(tmp_path: Path, data: bytes) -> None:
    sounds(tmp_path, "a.wav")
    for file in ("t.csv", "t.jsonl", "t.json", "a.TextGrid", "t.parquet"):
        (tmp_path / file).write_bytes(data)
        tried(str(tmp_path / file))
    (tmp_path / "a.TextGrid").write_bytes(b'File type = "ooTextFile"\nObject class = "TextGrid"\n' + data)
    tried(str(tmp_path / "a.TextGrid"))


LABEL_FILES = {
    "emozionalmente": "metadata/samples.csv",
    "iemocap": "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt",
    "m3ed": "annotation.json",
    "mspimprov": "Evalution.txt",
    "msppodcast": "Labels/labels_consensus.csv",
    "zed": "ZED.json",
}


@pytest.mark.parametrize("name", LABEL_FILES)
def test_label_files_of_corpora(tmp_path: Path, name: str) -> None:
    path = tmp_path / LABEL_FILES[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    sounds(tmp_path, "a.wav", "x/A_1.wav", "x/MSP-PODCAST_1_1.wav", "x/Ses01F_impro01_F000.wav")
    sounds(tmp_path, "x/MSP-IMPROV-S01A-F01-P-FM01.wav")

    @quick
    @given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
    def broken(data: bytes) -> None:
        path.write_bytes(data)
        with pytest.raises(HearfeltError):
            corpora.read_folder(name, tmp_path)

    broken()


def test_a_name_too_long_for_any_file_is_no_file(tmp_path: Path) -> None:
    assert not is_there(tmp_path / ("x" * 5000))
    assert Locator(tmp_path)("y" * 300 + ".wav").endswith("y.wav")
