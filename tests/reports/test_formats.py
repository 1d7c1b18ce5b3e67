"""The writers for machines and players: each read back by something else than ourselves."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from praatio import textgrid as praatio_textgrid

from hearfelt import labels, reports
from hearfelt.errors import InputError, OptionError
from hearfelt.types import Estimate, Report, Segment, Transcript, Word

NASTY = '  "Well" & <b>fine</b> --> then\n\n\t=1+1 \u202bשלום\u202c 你好 '


def spoken(
    text: str = "hello there", speaker: str | None = "ann", start: float = 0.5, **more: Any
) -> Estimate:
    """One utterance of a second and a half."""
    scores = [0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1]
    segment = Segment(start, start + 1.5, speaker, more.pop("channel", 0))
    return Estimate(segment, labels.emotion(labels.EKMAN7, scores), 0.6, ("happiness",), text=text, **more)


def rows_of(report: Report) -> list[dict[str, str]]:
    """The CSV as a spreadsheet would see it."""
    return list(csv.DictReader(io.StringIO(reports.render(report, "csv").removeprefix("\ufeff"))))


class TestJson:
    def test_what_is_written_is_read_back_equal(self, call: Report, tmp_path: Path) -> None:
        (path,) = reports.write(call, tmp_path, ["json"])
        assert path.name == "report.json"
        assert reports.read(path) == call

    def test_schema_stands_first_and_every_estimate_names_its_label(self, call: Report) -> None:
        data = json.loads(reports.render(call, "json"))
        assert list(data)[:2] == ["schema", "file"]
        assert data["schema"] == "hearfelt/report/1"
        assert [item["label"] for item in data["estimates"]] == [e.label for e in call.estimates]
        assert "uncertain" in {item["label"] for item in data["estimates"]}

    def test_one_line_an_estimate(self, call: Report) -> None:
        lines = reports.render(call, "json").splitlines()
        assert sum(line.startswith('  {"label": ') for line in lines) == len(call.estimates)

    def test_words_stay_readable_and_odd_file_names_survive(self, tmp_path: Path) -> None:
        report = Report("Gespräch \udce4.wav", 3.0, (spoken("你好 – schön"),))
        text = reports.render(report, "json")
        assert "你好 – schön" in text
        path = tmp_path / "r.json"
        path.write_text(text, encoding="utf-8")
        assert reports.read(path) == report

    def test_numbers_that_are_not_finite_and_paths_do_not_lose_the_report(self, tmp_path: Path) -> None:
        report = Report("a.wav", 3.0, (spoken(),), options={"out": Path("x"), "level": math.nan})
        (path,) = reports.write(report, tmp_path, ["json"])
        assert reports.read(path).options == {"out": "x", "level": None}
        assert reports.read(path).estimates == report.estimates

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\xff\xfe\x00", "it is not UTF-8 text; give a report.json"),
            (b"{", "it is not JSON"),
            (b"[1]", "has the schema None, this version reads 'hearfelt/report/1'"),
            (b'{"schema": "hearfelt/report/9"}', "has the schema 'hearfelt/report/9'"),
            (b'{"schema": "hearfelt/report/1"}', "is no whole report: Report needs duration_s, file"),
            (b'{"schema": "hearfelt/report/1", "file": "a", "duration_s": 1, "x": 2}', "Report has no x"),
            (b'{"schema": "hearfelt/report/1", "estimates": 3}', "is no whole report"),
        ],
    )
    def test_what_is_no_report_is_refused(self, tmp_path: Path, content: bytes, message: str) -> None:
        path = tmp_path / "r.json"
        path.write_bytes(content)
        with pytest.raises(InputError, match=re.escape(message)):
            reports.read(path)

    def test_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"cannot read the report '.*gone.json': No such file"):
            reports.read(tmp_path / "gone.json")


class TestCsv:
    def test_columns_are_those_of_the_frame_behind_its_index(self, call: Report) -> None:
        pytest.importorskip("pandas")
        frame = call.to_frame()
        rows = rows_of(call)
        assert list(rows[0]) == ["file", "start_s", "end_s", *frame.columns]
        assert len(rows) == len(frame)
        assert [row["emotion"] for row in rows] == list(frame["emotion"])
        assert [float(row["anger"]) for row in rows] == pytest.approx(list(frame["anger"]), abs=1e-6)
        assert [float(row["start_s"]) for row in rows] == [index[1].total_seconds() for index in frame.index]

    def test_excel_finds_the_encoding_and_the_line_ends(self, call: Report) -> None:
        text = reports.render(call, "csv")
        assert text.startswith("\ufefffile,start_s,end_s,speaker,")
        assert text.count("\r\n") == len(call.estimates) + 1

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＠"])
    def test_words_never_become_a_formula(self, start: str) -> None:
        words = f'{start}cmd|"/C calc"!A0'
        report = Report("=f.wav", 3.0, (spoken(words, speaker=words, reason=words),))
        (row,) = rows_of(report)
        assert row["text"] == row["speaker"] == row["reason"] == f"'{words}"
        assert row["file"] == "'=f.wav"

    def test_negative_numbers_stay_numbers(self, call: Report) -> None:
        values = [float(row["valence"]) for row in rows_of(call)]
        assert min(values) < 0

    def test_unknown_dimensions_are_empty(self) -> None:
        plain = dataclasses.replace(spoken().emotion, arousal=None, valence=None, dominance=None)
        (row,) = rows_of(Report("a", 3.0, (dataclasses.replace(spoken(), emotion=plain),)))
        assert row["arousal"] == row["valence"] == ""

    def test_empty_report_still_has_its_header(self) -> None:
        assert reports.render(Report("a", 0.0), "csv").startswith("\ufefffile,start_s")


class TestSubtitles:
    def test_srt(self, call: Report) -> None:
        blocks = reports.render(call, "srt").split("\n\n")
        assert len(blocks) == len(call.estimates)
        assert blocks[3] == (
            "4\n00:00:10,400 --> 00:00:14,900\n"
            "[anger] customer: You said that last time. Nobody ever calls me back!"
        )

    def test_uncertain_names_its_label_set(self, call: Report) -> None:
        unsure = next(e for e in call.estimates if e.abstained)
        assert f"[uncertain: {'/'.join(unsure.label_set)}] agent: Yes." in reports.render(call, "srt")
        assert "[不确定: 悲伤/" in reports.render(call, "srt", language="zh")

    def test_vtt_escapes_names_and_words(self) -> None:
        report = Report("a", 3.0, (spoken(NASTY, speaker="A&B <x>"),), Transcript(language="en"))
        text = reports.render(report, "vtt")
        assert text.startswith("WEBVTT\nLanguage: en\n\n1\n00:00:00.500 --> 00:00:02.000\n")
        assert "<v A&amp;B &lt;x&gt;>[happiness] " in text
        assert "&lt;b&gt;fine&lt;/b&gt; → then =1+1" in text
        assert text.count("-->") == 1

    @pytest.mark.parametrize("format", ["srt", "vtt"])
    def test_blank_lines_in_words_do_not_end_a_cue(self, format: str) -> None:
        report = Report("a", 3.0, (spoken("one\n\n2\n00:00:00,000 --> 00:00:01,000\nfake"),))
        text = reports.render(report, format)
        assert len(re.findall(r"^\d\d:\d\d:\d\d[.,]\d\d\d --> ", text, re.MULTILINE)) == 1

    def test_overlaps_stay_and_cues_are_in_order(self, call: Report) -> None:
        times = re.findall(r"(\S+) --> (\S+)", reports.render(call, "vtt"))
        starts = [start for start, _ in times]
        assert starts == sorted(starts)
        assert any(later < end for (_, end), (later, _) in itertools.pairwise(times))

    def test_no_cue_is_empty_in_time(self) -> None:
        point = dataclasses.replace(spoken(), segment=Segment(3599.9999, 3599.9999))
        assert "01:00:00.000 --> 01:00:00.001" in reports.render(Report("a", 3600.0, (point,)), "vtt")


class TestTextGrid:
    def test_praatio_reads_the_tiers(self, call: Report, tmp_path: Path) -> None:
        (path,) = reports.write(call, tmp_path, ["TextGrid"])
        assert path.name == "report.TextGrid"
        grid = praatio_textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
        assert grid.tierNames == tuple(
            f"{who}/{tier}"
            for who in ("agent", "customer")
            for tier in ("words", "text", "emotion", "arousal", "valence")
        )
        emotion = [entry for entry in grid.getTier("customer/emotion").entries if entry.label]
        expected = [e for e in call.estimates if e.segment.speaker == "customer"]
        assert [(entry.start, entry.end) for entry in emotion] == [
            (e.segment.start_s, e.segment.end_s) for e in expected
        ]
        assert emotion[0].label == "anger"
        assert emotion[3].label.startswith("uncertain: ")
        valence = [float(entry.label) for entry in grid.getTier("customer/valence").entries if entry.label]
        assert valence == pytest.approx([e.emotion.valence or 0 for e in expected], abs=5e-4)
        words = [entry.label for entry in grid.getTier("agent/words").entries if entry.label]
        assert words[:3] == ["Good", "morning,", "this"]

    def test_praat_reads_it(self, call: Report, tmp_path: Path) -> None:
        parselmouth = pytest.importorskip("parselmouth")
        quoted = dataclasses.replace(
            call, estimates=(spoken('he said "no" "', 'the "boss"'), *call.estimates)
        )
        for number, report in enumerate((quoted, Report("a", 0.0), Report("a", 5.0, (spoken("你好"),)))):
            (path,) = reports.write(report, tmp_path, ["textgrid"], stem=str(number))
            grid = parselmouth.Data.read(str(path))
            assert parselmouth.praat.call(grid, "Get number of tiers") >= 1
            assert grid.xmax == pytest.approx(max(report.duration_s, 0.001))
        grid = parselmouth.Data.read(str(tmp_path / "0.TextGrid"))
        texts = {
            parselmouth.praat.call(grid, "Get label of interval", tier, i)
            for tier in range(1, parselmouth.praat.call(grid, "Get number of tiers") + 1)
            for i in range(1, parselmouth.praat.call(grid, "Get number of intervals", tier) + 1)
        }
        assert 'he said "no" "' in texts

    @given(
        st.lists(
            st.tuples(
                st.floats(0, 50), st.floats(0, 10), st.sampled_from(["a", "b", None]), st.text(max_size=8)
            ),
            max_size=12,
        )
    )
    def test_intervals_touch_and_fill_the_recording(
        self, made: list[tuple[float, float, str | None, str]]
    ) -> None:
        estimates = [
            dataclasses.replace(spoken(text), segment=Segment(start, start + length, who))
            for start, length, who, text in made
        ]
        words = tuple(Word(text, start, start + length) for start, length, _, text in made)
        text = reports.render(Report("a", 30.0, tuple(estimates), Transcript(words)), "textgrid")
        total = float(re.findall(r"^xmax = (\S+)", text, re.MULTILINE)[0])
        for tier in text.split("    item [")[2:]:
            spans = re.findall(r"intervals \[\d+\]:\n\s+xmin = (\S+)\n\s+xmax = (\S+)\n\s+text = \"", tier)
            cursor = 0.0
            for first, last in spans:
                assert float(first) == cursor
                assert float(last) > float(first)
                cursor = float(last)
            assert cursor == total


class TestRttm:
    def test_fields(self, call: Report) -> None:
        lines = reports.render(call, "rttm").splitlines()
        assert len(lines) == len(call.estimates)
        assert lines[0] == "SPEAKER kettle_call 1 0.600 2.800 <NA> <NA> agent 0.710 <NA>"
        assert lines[1].startswith("SPEAKER kettle_call 2 3.900 ")
        assert all(len(line.split()) == 10 for line in lines)

    def test_names_with_blanks_and_without_a_name(self) -> None:
        report = Report(
            "my dir/my call.wav", 9.0, (spoken(speaker=" Ann Lee "), spoken(speaker=None, channel=3))
        )
        names = [line.split()[7] for line in reports.render(report, "rttm").splitlines()]
        assert names == ["Ann_Lee", "channel_4"]


class TestWrite:
    def test_all_formats_under_the_names_promised(self, call: Report, tmp_path: Path) -> None:
        paths = reports.write(call, tmp_path / "new" / "folder")
        assert [path.name for path in paths] == [
            "report.json",
            "report.csv",
            "report.html",
            "report.srt",
            "report.vtt",
            "report.TextGrid",
            "report.rttm",
        ]
        assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == sorted(
            p.name for p in paths
        )
        for path, name in zip(paths, reports.FORMATS, strict=True):
            assert path.read_bytes().decode("utf-8") == reports.render(call, name)

    def test_a_stem_of_ones_own(self, call: Report, tmp_path: Path) -> None:
        (path,) = reports.write(call, tmp_path, ["csv"], stem="call.42")
        assert path == tmp_path / "call.42.csv"

    def test_an_old_report_is_replaced_whole(self, call: Report, tmp_path: Path) -> None:
        (tmp_path / "report.srt").write_text("old" * 9999)
        reports.write(call, tmp_path, ["srt"])
        assert (tmp_path / "report.srt").read_text(encoding="utf-8") == reports.render(call, "srt")

    def test_a_failure_leaves_the_old_file_and_no_rest(
        self, call: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "report.srt").write_text("old")

        def full(self: Path, target: Path) -> Path:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(InputError, match=r"cannot write the report to .*No space left on device"):
            reports.write(call, tmp_path, ["srt"])
        assert [p.name for p in tmp_path.iterdir()] == ["report.srt"]
        assert (tmp_path / "report.srt").read_text() == "old"

    def test_a_folder_that_is_a_file(self, call: Report, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("")
        with pytest.raises(InputError, match="name a folder that can be made and written"):
            reports.write(call, tmp_path / "taken")

    @pytest.mark.parametrize("stem", ["", "a/b", "..", "."])
    def test_a_stem_stays_in_the_folder(self, call: Report, tmp_path: Path, stem: str) -> None:
        with pytest.raises(OptionError, match="unknown report stem"):
            reports.write(call, tmp_path, stem=stem)

    def test_unknown_names_list_the_known(self, call: Report, tmp_path: Path) -> None:
        known = "json, csv, html, srt, vtt, textgrid, rttm"
        with pytest.raises(OptionError, match=f"unknown report format 'pdf'; known: {known}"):
            reports.write(call, tmp_path / "x", ["json", "pdf"])
        assert not (tmp_path / "x").exists()
        with pytest.raises(OptionError, match="unknown report language 'xx'; known: en, zh"):
            reports.render(call, "html", language="xx")

    @pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
    def test_files_have_the_usual_mode(self, call: Report, tmp_path: Path) -> None:
        (tmp_path / "usual").write_text("")
        (path,) = reports.write(call, tmp_path, ["srt"])
        assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
