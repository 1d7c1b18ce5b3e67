from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearfelt.datasets import manifest
from hearfelt.errors import CorpusError, MissingExtraError, OptionError
from hearfelt.labels import CANONICAL, FURTHER
from hearfelt.types import Example, Segment, from_dict, to_dict


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


words = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=8
).filter(str.strip)
names = st.sampled_from((*CANONICAL, *FURTHER))
ratings = st.none() | st.floats(-1, 1)


@st.composite
def examples_of(draw: Any, label: Any, word: Any = words) -> Example:
    speaker = draw(st.none() | word)
    start_s, length_s = draw(st.floats(0, 1e4)), draw(st.floats(0.01, 1e3))
    segment = Segment(start_s, start_s + length_s, speaker, draw(st.integers(0, 7)))
    votes = draw(st.lists(label, max_size=5))
    counts = {name: votes.count(name) / len(votes) for name in dict.fromkeys(votes)}
    return Example(
        file=f"/{draw(st.sampled_from(['a.wav', 'b c.wav', 'ü=1|2.wav']))}",
        gold=draw(st.none() | label),
        segment=draw(st.sampled_from([None, segment])),
        speaker=speaker,
        votes=tuple(votes),
        raters=tuple(draw(st.lists(word, min_size=len(votes), max_size=len(votes)) | st.just([]))),
        soft=draw(st.sampled_from([counts, None])) or None,
        corpus=draw(st.just("") | word),
        licence=draw(st.just("") | word),
        scale=draw(st.none() | st.sampled_from(["1..5", "-3..3"])),
        **{name: draw(st.none() | word) for name in ("gender", "language", "text", "split", "intensity")},
        **{name: draw(ratings) for name in ("arousal", "valence", "dominance")},
    )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("label", [names, words], ids=["known labels", "any labels"])
def test_tables_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, label: Any
) -> None:
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    path = tmp_path / f"table.{ending}"

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(examples_of(label), min_size=1, max_size=4))
    def lossless(examples: list[Example]) -> None:
        manifest.write(examples, path)
        given = {} if label is names else {"label": str}
        assert manifest.read(path, **given) == examples
        assert [from_dict(Example, to_dict(e)) for e in examples] == examples

    lossless()


def test_votes_and_shares_are_cells_that_people_can_edit(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "file,votes,soft,valence,scale\n"
        "a.wav,ana=Angry|b%7C=fear,wut=0.5|anger=0.25|fear=0.25,0.5,1..5\n"
        "b.wav,happy|sad|sad,,,\n",
    )
    one, two = manifest.read(path)
    assert (one.votes, one.raters) == (("anger", "fear"), ("ana", "b|"))
    assert one.soft == {"anger": 0.75, "fear": 0.25}
    assert (one.gold, one.valence, one.scale) == (None, 0.5, "1..5")
    assert (two.votes, two.raters, two.soft) == (("happiness", "sadness", "sadness"), (), None)
    manifest.write([one, two], tmp_path / "out.csv", audio=tmp_path)
    text = (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert "\na.wav," in text and "ana=anger|b%7C=fear,anger=0.75|fear=0.25" in text
    assert manifest.read(tmp_path / "out.csv") == [one, two]


def test_reads_what_a_spreadsheet_with_decimal_commas_wrote(tmp_path: Path) -> None:
    path = table(tmp_path, "\ufefffile;gold;start;end;valence\na.wav;anger;0,5;1,25;-0,5\n")
    (one,) = manifest.read(path)
    assert (one.segment, one.valence) == (Segment(0.5, 1.25), -0.5)


def test_ratings_come_from_their_scale(tmp_path: Path) -> None:
    path = table(tmp_path, "file,gold,valence,arousal,scale\na.wav,anger,1,3,\nb.wav,anger,1,-1,1..9\n")
    one, two = manifest.read(path, scale="1..5")
    assert (one.valence, one.arousal, one.scale) == (-1.0, 0.0, "1..5")
    assert (two.valence, two.arousal, two.scale) == (1.0, -1.0, "1..9")  # in [-1, 1] already
    assert manifest.from_scale(7.5, "0..10") == 0.5
    with pytest.raises(CorpusError, match=r"line 2: arousal: 3 lies outside the scale 1\.\.2"):
        manifest.read(path, scale="1..2")
    for scale in ("1-5", "5..1", "a..b"):
        with pytest.raises(OptionError, match=f"'{scale}' is no scale: write its two ends"):
            manifest.from_scale(1.0, scale)


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("votes", "ana=anger|=fear", "write them as rater=label"),
        ("votes", "ana=anger|fear", "some votes name their rater and some do not"),
        ("votes", "ana=furious", "line 2: unknown emotion label 'furious'"),
        ("soft", "anger=0.5|fear=0.6", "the shares of the soft label sum to 1.1"),
        ("soft", "anger=1.5|fear=-0.5", "none below 0, together 1"),
        ("soft", "anger=x", "the share of anger is 'x': it must be a number"),
        ("end", "0.2", "from 0.5 s to 0.2 s has no length"),
        ("channel", "left", "channel is 'left': it must be a number"),
    ],
)
def test_says_which_cell_is_wrong(tmp_path: Path, column: str, cell: str, message: str) -> None:
    row = {"file": "a.wav", "gold": "anger", "start": "0.5", "end": "1.0", column: cell}
    path = table(tmp_path, f"{','.join(row)}\n{','.join(row.values())}\n")
    with pytest.raises(CorpusError, match=message):
        manifest.read(path)


def test_says_what_cannot_be_written(tmp_path: Path) -> None:
    twice = Example("a.wav", None, votes=("anger",), raters=("x", "y"))
    with pytest.raises(CorpusError, match=r"a\.wav has 1 votes but 2 raters"):
        manifest.write([twice], tmp_path / "x.csv")
    (tmp_path / "file").write_bytes(b"")
    for ending in ("csv", "parquet"):
        with pytest.raises(CorpusError, match=rf"x\.{ending} cannot be written .*: name another place"):
            manifest.write([Example("a.wav", "anger")], tmp_path / "file" / f"x.{ending}")


def test_parquet_needs_pyarrow_and_a_parquet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.parquet"
    with pytest.raises(CorpusError, match="give a table of examples as CSV or Parquet"):
        manifest.read(path)
    path.write_text("file,gold\n")
    with pytest.raises(CorpusError, match="is not a Parquet table"):
        manifest.read(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading table\.parquet needs pyarrow.*hearfelt\[data\]"):
        manifest.read(path)
    with pytest.raises(MissingExtraError, match=r"writing table\.parquet needs pyarrow"):
        manifest.write([], path)
