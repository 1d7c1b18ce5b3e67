from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hearfelt.datasets import corpora
from hearfelt.errors import CorpusError, OptionError

MADE = {
    "emodb": [("03a01Wa.flac", "03", "anger"), ("08b10Lc.flac", "08", "boredom")],
    "ravdess": [
        ("03-01-02-01-01-01-07.flac", "07", "calm"),
        ("03-01-08-02-02-02-24.flac", "24", "surprise"),
    ],
    "nemo": [("EB0_sadness_12.opus", "EB0", "sadness"), ("WR0_surprised_90.opus", "WR0", "surprise")],
    "savee": [("DC_sa01.flac", "DC", "sadness"), ("KL_n30.flac", "KL", "neutral")],
}


def corpus(data: Path, name: str, rows: list[tuple[str, str, str]]) -> Path:
    folder = data / "audio" / name
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    lines = ["file,speaker,gender,emotion,intensity,language,text,duration_s,source_sample_rate"]
    for file, speaker, emotion in rows:
        (folder / "audio" / file).write_bytes(b"")
        lines.append(f"{file},{speaker},female,{emotion},,,,1.0,16000")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", sorted(corpora.CORPORA))
def test_reads_a_folder_of_the_right_names(tmp_path: Path, name: str) -> None:
    folder = corpus(tmp_path, name, MADE[name])
    examples = corpora.read(name, tmp_path)
    assert [(Path(e.file).name, e.speaker, e.gold) for e in examples] == MADE[name]
    assert {e.corpus for e in examples} == {name}
    assert all(e.language and e.licence and Path(e.file).parent == folder / "audio" for e in examples)


@pytest.mark.parametrize("name", sorted(corpora.CORPORA))
def test_a_row_that_contradicts_its_name_is_refused(tmp_path: Path, name: str) -> None:
    file, speaker, _ = MADE[name][0]
    corpus(tmp_path, name, [(file, speaker, "fear")])
    with pytest.raises(CorpusError, match=r"is listed as speaker .*, fear, which is not what its name says"):
        corpora.read(name, tmp_path)
    corpus(tmp_path, name, [("strange.flac", "x", "fear")])
    with pytest.raises(CorpusError, match="file strange is listed as speaker x, fear"):
        corpora.read(name, tmp_path)


def test_missing_and_unknown_corpora(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"the corpus nemo is not at .*: set HEARFELT_DATA, or give --data"):
        corpora.read("nemo", tmp_path)
    with pytest.raises(OptionError, match="unknown corpus 'tess'; known: emodb, ravdess, nemo, savee"):
        corpora.read("tess", tmp_path)


@pytest.mark.parametrize(
    ("name", "clips", "speakers", "labels"),
    [("emodb", 535, 10, 7), ("ravdess", 1440, 24, 8), ("nemo", 4481, 9, 6), ("savee", 480, 4, 7)],
)
def test_real_corpora_are_complete(data_dir: Path, name: str, clips: int, speakers: int, labels: int) -> None:
    if not (data_dir / "audio" / name).is_dir():
        pytest.skip(f"no corpus {name} in the data folder")
    examples = corpora.read(name, data_dir)
    counts = Counter(e.gold for e in examples)
    assert (len(examples), len({e.speaker for e in examples}), len(counts)) == (clips, speakers, labels)
    assert {e.gender for e in examples} <= {"female", "male"}
