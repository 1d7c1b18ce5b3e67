"""Transcripts one already has: every format, and every way they can be wrong."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest
from hypothesis import given as sampled
from hypothesis import settings
from hypothesis import strategies as st

from hearfelt import transcribers
from hearfelt.errors import OptionError, TranscriptError
from hearfelt.transcribers import given
from hearfelt.transcribers.spread import spread, tokens
from hearfelt.types import Audio, Segment, Transcript, Word, to_dict


def said(transcript: Transcript) -> list[tuple[str, float, float, str | None]]:
    return [(w.text, round(w.start_s, 3), round(w.end_s, 3), w.speaker) for w in transcript.words]


SRT = """1
00:00:01,000 --> 00:00:02,000
Agent: Good day

2
00:00:02,500 --> 00:00:04,500
<i>Customer:</i> Oh no,
{\\an8}not again
"""


def test_srt_words_lie_in_their_cue_by_characters() -> None:
    got = said(given.load(SRT))
    assert got == [
        ("Good", 1.0, 1.571, "Agent"),
        ("day", 1.571, 2.0, "Agent"),
        ("Oh", 2.5, 2.833, "Customer"),
        ("no,", 2.833, 3.167, "Customer"),
        ("not", 3.167, 3.667, "Customer"),
        ("again", 3.667, 4.5, "Customer"),
    ]


def test_srt_without_numbers_with_blank_lines_and_windows_ends() -> None:
    text = "00:00:00,000 --> 00:00:01,000\r\nup\r\n\r\nthere\r\n\r\n00:00:01.5 --> 00:00:02\r\n42\r\n"
    assert [w[0] for w in said(given.load(text))] == ["up", "there", "42"]


@pytest.mark.parametrize(
    ("line", "speaker", "words"),
    [
        ("AGENT: hi there", "AGENT", "hi there"),
        ("[Customer] hi there", "Customer", "hi there"),
        ("(Caller): hi there", "Caller", "hi there"),
        ("Speaker 2: hi there", "Speaker 2", "hi there"),
        ("SPEAKER_01: hi there", "SPEAKER_01", "hi there"),
        ("客服：您好", "客服", "您好"),
        ("- hi there", None, "hi there"),
        (">> hi there", None, "hi there"),
        ("[laughs] hi there", None, "hi there"),
        ("♪ hi there ♪", None, "hi there"),
        ("Note: hi there", None, "Note: hi there"),
        ("I tell you: no", None, "I tell you: no"),
        ("At 10:30 we left", None, "At 10:30 we left"),
        ("see http://a.example", None, "see http://a.example"),
    ],
)
def test_who_speaks_by_the_beginning_of_a_cue(line: str, speaker: str | None, words: str) -> None:
    other = "00:00:03,000 --> 00:00:04,000\nyes\n"
    transcript = given.load(f"00:00:01,000 --> 00:00:02,000\n{line}\n\n{other}")
    first = [word for word in transcript.words if word.start_s < 2.5]
    assert {word.speaker for word in first} == {speaker}
    assert Transcript(tuple(first)).text == words


def test_a_name_counts_when_it_comes_back() -> None:
    cue = "00:00:0{0},000 --> 00:00:0{0},900\n{1}\n\n"
    text = "".join(cue.format(n, line) for n, line in enumerate(["Anna: a", "b", "Anna: c", "Then: d"]))
    assert [(w[0], w[3]) for w in said(given.load(text))] == [
        ("a", "Anna"),
        ("b", None),
        ("c", "Anna"),
        ("Then:", None),
        ("d", None),
    ]


def test_two_speakers_in_one_cue_share_its_time() -> None:
    got = said(given.load("00:00:00,000 --> 00:00:02,000\nAgent: yes\nCustomer: nono\nnonono\n\n"))
    assert [(w[0], w[3]) for w in got] == [("yes", "Agent"), ("nono", "Customer"), ("nonono", "Customer")]
    assert got[0][2] == pytest.approx(2 * 3 / 13, abs=1e-3)


VTT = """WEBVTT - a call

STYLE
::cue { color: red }

NOTE this --> is no cue

intro
00:01.000 --> 00:03.000 align:start position:10%
<v.loud Mary Ann>Hello <c.x>you</c></v>
<v Bob>Hi &amp; bye &lt;3

1:00:04.000 --> 1:00:06.000
we <1:00:05.500><c>go</c>

not part of a cue
"""


def test_vtt_voices_times_inside_and_blocks() -> None:
    got = said(given.load(VTT))
    assert [(w[0], w[3]) for w in got] == [
        ("Hello", "Mary Ann"),
        ("you", "Mary Ann"),
        ("Hi &", "Bob"),
        ("bye", "Bob"),
        ("<3", "Bob"),
        ("we", None),
        ("go", None),
    ]
    assert got[-2][1:3] == (3604.0, 3605.5)
    assert got[-1][1:3] == (3605.5, 3606.0)


LONG_GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "Anna - words"
        xmin = 0
        xmax = 2
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1
            text = "say ""so"" "
        intervals [3]:
            xmin = 1
            xmax = 2
            text = "sil"
    item [2]:
        class = "IntervalTier"
        name = "Anna - phones"
        xmin = 0
        xmax = 2
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2
            text = "S"
    item [3]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2
        points: size = 1
        points [1]:
            number = 0.25
            mark = "click"
"""
SHORT_GRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n1\n"IntervalTier"\n"Bob"\n0\n2\n'
    '2\n0\n1\n""\n1\n2\n"oh dear"\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_textgrid_long_and_short(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(LONG_GRID.encode(encoding))
    assert said(given.load(path)) == [('say "so"', 0.5, 1.0, "Anna")]
    path.write_bytes(SHORT_GRID.encode(encoding))
    assert said(given.load(path)) == [("oh", 1.0, 1.333, "Bob"), ("dear", 1.333, 2.0, "Bob")]


def test_textgrid_written_by_praatio_is_read(tmp_path: Path) -> None:
    from praatio import textgrid

    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier("agent", [(0.0, 1.0, "good day"), (2.0, 3.0, "你好")], 0, 4))
    for form in ("long_textgrid", "short_textgrid"):
        path = tmp_path / f"{form}.TextGrid"
        grid.save(str(path), form, includeBlankSpaces=True)
        assert [w[0] for w in said(given.load(path))] == ["good", "day", "你", "好"]


def test_words_go_before_utterances_of_the_same_speaker() -> None:
    tier = '"IntervalTier"\n"{}"\n0\n2\n1\n0\n2\n"{}"\n'
    text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n3\n'
    text += tier.format("words", "hi") + tier.format("utterances", "hi") + tier.format("Bob", "well")
    assert [(w[0], w[3]) for w in said(given.load(text))] == [("hi", None), ("well", "Bob")]


def test_json_of_our_own_comes_back_as_it_was() -> None:
    words = (Word("oh", 0.5, 1.0, 0.75, "agent", 1), Word("no", 1.0, 1.5))
    own = Transcript(words, "en", "whisper/small")
    assert given.load(json.dumps(to_dict(own))) == own
    assert given.load(json.dumps({"transcript": to_dict(own), "file": "a.wav"})) == own


def test_json_of_whisper() -> None:
    data = {
        "language": "english",
        "text": " Oh no",
        "segments": [
            {
                "start": 0.0,
                "end": 2.0,
                "text": " Oh no",
                "words": [
                    {"word": " Oh", "start": 0.25, "end": 0.5, "probability": 0.5},
                    {"word": " no", "start": 0.5, "end": 1.0, "probability": 1.0000001},
                ],
            }
        ],
    }
    transcript = given.load(json.dumps(data))
    assert transcript.words == (Word("Oh", 0.25, 0.5, 0.5), Word("no", 0.5, 1.0, 1.0))
    assert transcript.language == "en"


def test_json_of_openai_and_of_segments_only() -> None:
    words = [{"word": "Oh", "start": 0, "end": 1}, {"word": "no", "start": 1, "end": 2}]
    openai = {"language": "German", "segments": [{"start": 0, "end": 2, "text": "Oh no"}], "words": words}
    assert said(given.load(json.dumps(openai))) == [("Oh", 0, 1, None), ("no", 1, 2, None)]
    assert given.load(json.dumps(openai)).language == "de"
    listed = [{"start": 0, "end": 2, "text": "Oh no", "speaker": "S1"}]
    assert said(given.load(json.dumps(listed))) == [("Oh", 0, 1, "S1"), ("no", 1, 2, "S1")]


def test_json_of_whisperx_fills_words_without_times() -> None:
    words = [
        {"word": "pay", "start": 1.0, "end": 2.0, "score": 0.5, "speaker": "SPEAKER_00"},
        {"word": "20"},
        {"word": "30"},
        {"word": "now", "start": 4.0, "end": 5.0, "speaker": "SPEAKER_01"},
        {"word": "7"},
    ]
    data = {"segments": [{"start": 1.0, "end": 6.0, "text": "", "speaker": "SPEAKER_00", "words": words}]}
    assert said(given.load(json.dumps(data))) == [
        ("pay", 1, 2, "SPEAKER_00"),
        ("20", 2, 3, "SPEAKER_00"),
        ("30", 3, 4, "SPEAKER_00"),
        ("now", 4, 5, "SPEAKER_01"),
        ("7", 5, 6, "SPEAKER_00"),
    ]


def test_plain_text_is_spread_over_the_recording_and_then_over_its_speech(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("aa bb\ncc dd", encoding="utf-8")
    transcript = given.load(path, duration_s=8)
    assert said(transcript) == [
        ("aa", 0, 2, None),
        ("bb", 2, 4, None),
        ("cc", 4, 6, None),
        ("dd", 6, 8, None),
    ]
    assert given.reliability(transcript) < given.reliability(given.load(SRT))
    laid = given.over_speech(transcript, [Segment(1, 2), Segment(6, 7)])
    assert said(laid) == [
        ("aa", 1, 1.5, None),
        ("bb", 1.5, 2, None),
        ("cc", 6, 6.5, None),
        ("dd", 6.5, 7, None),
    ]
    timed = given.load(SRT)
    assert given.over_speech(timed, [Segment(1, 2)]) is timed


def test_text_without_times_in_json_is_plain_text() -> None:
    assert said(given.load('{"text": "ab cd"}', duration_s=2)) == [("ab", 0, 1, None), ("cd", 1, 2, None)]


def test_chinese_goes_by_characters_and_reads_back() -> None:
    text = "你说“好的”吗？OK，3月 见。"
    assert tokens(text) == ["你", "说", "“好", "的”", "吗？", "OK，", "3", "月", "见。"]
    assert Transcript(tuple(spread("太好了！谢谢", 0, 1))).text == "太好了！谢谢"


@settings(deadline=None)
@sampled(st.text(max_size=60), st.floats(0, 100), st.floats(0, 100))
def test_spread_words_follow_each_other_and_fill_the_time(text: str, start: float, length: float) -> None:
    words = spread(text, start, start + length)
    for before, after in itertools.pairwise(words):
        assert before.end_s == after.start_s
    if words:
        assert words[0].start_s == start
        assert words[-1].end_s == pytest.approx(start + length)
        assert all(word.start_s <= word.end_s for word in words)


@settings(deadline=None)
@sampled(st.sampled_from(["srt", "vtt", "textgrid", "json", "text"]), st.text(max_size=300))
def test_any_text_is_read_or_refused_in_one_way(format: str, text: str) -> None:
    try:
        assert given.load(text + "\n", format, duration_s=5).words
    except TranscriptError as error:
        assert str(error)


@settings(deadline=None)
@sampled(st.integers(0, 400), st.integers(0, 400), st.sampled_from([SRT, VTT, LONG_GRID, SHORT_GRID]))
def test_any_torn_transcript_is_read_or_refused_in_one_way(first: int, length: int, text: str) -> None:
    torn = text[:first] + text[first + length :] + "\n"
    try:
        assert given.load(torn, duration_s=4000).words
    except TranscriptError as error:
        assert str(error)


CUE = "00:00:0{},000 --> 00:00:0{},000\nhello\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.srt", b"", "is empty; wanted a transcript in one of srt, vtt, textgrid, json, text"),
        ("a.srt", b"hello\n", "holds no words as srt: give another file or another format"),
        ("a.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\n\n", "holds no words as vtt"),
        (
            "a.srt",
            CUE.format(2, 1).encode(),
            "the cue on line 1 ends at 1.000 s, before it starts at 2.000 s",
        ),
        (
            "a.srt",
            b"00:00 --> soon\nhi\n",
            "line 1 of the subtitles has no times one can read: '00:00 --> soon'",
        ),
        ("a.srt", CUE.format(8, 9).encode(), "'hello' starts at 8.0 s, but the recording ends at 5.0 s"),
        (
            "a.srt",
            b"caf\xe9 cr\xe8me",
            "is not UTF-8 (byte 3 is 0xe9); if it is Latin-1, convert it: iconv -f",
        ),
        ("a.srt", b"abc\0\0\0def", "is not text (byte 3 is 0)"),
        (
            "a.docx",
            b"hello",
            "has the unknown extension '.docx' and does not look like a transcript; known: .srt",
        ),
        ("a.json", b"{", "the transcript is not JSON"),
        ("a.json", b'{"a": 1}', "the JSON holds no transcript; accepted: our own transcript"),
        ("a.json", b"[1]", "segment 1 is no object but '1'"),
        ("a.json", b'[{"start": "x", "end": 2}]', "the start of segment 1 is 'x'; wanted seconds"),
        ("a.json", b'[{"start": NaN, "end": 2}]', "the start of segment 1 is nan; wanted seconds"),
        (
            "a.json",
            b'[{"start": 2, "end": 1, "text": "a"}]',
            "segment 1 ends at 1.000 s, before it starts at 2",
        ),
        (
            "a.json",
            b'{"words": [{"text": "a", "start_s": 0}]}',
            "the transcript does not hold together: Word needs",
        ),
        (
            "a.json",
            b'{"words": [{"text": "a", "start_s": -1, "end_s": 1}]}',
            "the start of word 1 is -1; wanted",
        ),
        ("a.TextGrid", b'"ooTextFile"\n"TextGrid"\n0\n', "the TextGrid ends early: save it again in Praat"),
        ("a.TextGrid", b"ooBinaryFile\x08TextGrid", "is in Praat's binary form: save it as a text file"),
        ("a.TextGrid", b'"ooTextFile" "TextGrid" 0 "x"', "has '\"x\"' where a number was wanted"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TranscriptError) as caught:
        given.load(path, duration_s=5)
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_bad_textgrid_interval_says_which() -> None:
    with pytest.raises(
        TranscriptError, match=r"interval 2 of the tier 'Bob' ends at 0\.500 s, before it starts"
    ):
        given.load(SHORT_GRID.replace('1\n2\n"oh dear"', '1\n0.5\n"oh dear"'))


def test_missing_file_folder_and_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match=r"no transcript at .*nothing\.srt: check the path"):
        given.load(tmp_path / "nothing.srt")
    with pytest.raises(TranscriptError, match=r"cannot be read: "):
        given.load(tmp_path)
    with pytest.raises(
        OptionError, match="unknown transcript format 'ass'; known: srt, vtt, textgrid, json, te"
    ):
        given.load(SRT, "ass")
    with pytest.raises(TranscriptError, match="plain text has no times: give duration_s"):
        given.load("hello\nyou")


def test_a_file_without_a_known_extension_is_looked_into(tmp_path: Path) -> None:
    for content, format in [(SRT, "srt"), (VTT, "vtt"), (LONG_GRID, "textgrid"), ('{"words": []}', "json")]:
        assert given.sniff(content) == format
    path = tmp_path / "call.transcript"
    path.write_text(SRT, encoding="utf-16")
    assert given.load(path).transcriber == "given/srt"


def test_a_cue_that_lingers_past_the_end_is_cut_there() -> None:
    transcript = given.load(SRT, duration_s=4.0)
    assert transcript.words[-1].end_s == 4.0


def test_ten_thousand_cues_are_read_fast() -> None:
    line = "Agent: so this is what we are going to do about it"
    stamps = [f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(10_001)]
    cues = (f"{n + 1}\n{stamps[n]},000 --> {stamps[n + 1]},000\n{line}\n" for n in range(10_000))
    text = "\n".join(cues)
    start = time.process_time()
    transcript = given.load(text)
    assert len(transcript.words) == 110_000
    assert time.process_time() - start < 5


def test_given_is_a_transcriber(tmp_path: Path, speech: object) -> None:
    import numpy as np

    path = tmp_path / "a.srt"
    path.write_text(SRT, encoding="utf-8")
    transcriber = transcribers.build("given", path=path)
    assert transcriber.name == "given/srt"
    sound = Audio(np.zeros(16000, dtype=np.float32), 16000, channel=0, start_s=1.0)
    assert [word.text for word in transcriber.transcribe(sound)] == ["Good", "day"]


def test_build_lists_what_is_known() -> None:
    with pytest.raises(
        OptionError, match="unknown transcriber 'wisper'; known: auto, given, none, sphinx, wh"
    ):
        transcribers.build("wisper")
    with pytest.raises(
        OptionError, match="unknown option of the transcriber 'given' 'file'; known: path, form"
    ):
        transcribers.build("given", file="a")
    with pytest.raises(OptionError, match="the transcriber 'given' needs the option 'path'"):
        transcribers.build("given")
    assert list(transcribers.build("none").transcribe(None)) == []  # type: ignore[arg-type]
