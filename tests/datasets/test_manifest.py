from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.datasets import manifest
from hearfelt.errors import CorpusError
from hearfelt.types import Example, Segment


def table(folder: Path, text: str, files: tuple[str, ...] = ("a.wav", "b.wav")) -> Path:
    for name in files:
        (folder / name).write_bytes(b"")
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_rows_and_fills_in_defaults(tmp_path: Path) -> None:
    path = table(tmp_path, "file,emotion,speaker,text\na.wav,Joy,x,hé\nb.wav,sad,y,\n")
    one, two = manifest.read(path, defaults={"corpus": "made", "language": "fr", "text": "none"})
    assert (one.file, one.gold, one.speaker, one.text) == (str(tmp_path / "a.wav"), "happiness", "x", "hé")
    assert (two.gold, two.text, two.corpus, two.language) == ("sadness", "none", "made", "fr")


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    table(tmp_path, "")
    examples = [
        Example(str(tmp_path / "a.wav"), "anger", Segment(0.5, 2.0, "x"), "x", "female", "de", corpus="made"),
        Example(
            str(tmp_path / "b.wav"), "calm", speaker="y", split="test", licence="CC0", intensity="strong"
        ),
    ]
    manifest.write(examples, tmp_path / "out.csv")
    assert manifest.read(tmp_path / "out.csv", audio=Path("/")) == examples


def test_labels_are_mapped_dropped_and_checked() -> None:
    examples = [Example(f"{gold}.wav", gold) for gold in ("calm", "boredom", "anger", None)]
    kept = manifest.relabel(
        examples, mapping={"calm": "neutral"}, drop=("boredom",), labels=("anger", "neutral")
    )
    assert [e.gold for e in kept] == ["neutral", "anger"]
    with pytest.raises(CorpusError, match=r"calm\.wav has the label 'calm', which is none of anger: map it"):
        manifest.relabel(examples, mapping={}, drop=(), labels=("anger",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,speaker\na.wav,x\n", "has the columns file, speaker: it needs file, and gold or emotion"),
        ("", "has the columns none"),
        ("file,emotion\n", "has no rows below its header"),
        ("file,emotion\na.wav,furious\n", r"line 2: unknown emotion label 'furious'; known: anger"),
        ("file,emotion\na.wav,anger\n,anger\n", "line 3 names no file"),
        ("file,emotion\nc.wav,anger\nd.wav,anger\na.wav,fear\n", r"2 of the 3 files .* first is .*c\.wav"),
        ("file,emotion,start,end\na.wav,anger,1.0,\n", "start and end must both be numbers"),
        ("file,emotion,start,end\na.wav,anger,1.0,x\n", "start and end must both be numbers"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        manifest.read(table(tmp_path, text))


def test_says_that_there_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"manifest\.csv is not there: give the folder of a corpus"):
        manifest.read(tmp_path / "manifest.csv")
    (tmp_path / "latin.csv").write_bytes("file,emotion\nä.wav,anger\n".encode("latin-1"))
    with pytest.raises(CorpusError, match="is not a UTF-8 CSV table"):
        manifest.read(tmp_path / "latin.csv")
