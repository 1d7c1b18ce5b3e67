"""A table in, a folder of sounds and a manifest out; what is there is not made again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import soundfile

from hearfelt.datasets import manifest
from hearfelt.datasets.synth import table
from hearfelt.datasets.synth.build import SynthOptions, voice
from hearfelt.errors import CorpusError, HearfeltError, InputError, OptionError, SpeechError
from hearfelt.types import Audio

from .conftest import Spoken
from .serving import SpeechServer

ROWS = """text,emotion,intensity,voice,speaker,seed
"The door is open, come in.",angry,0.8,en,m1,7
Die Tür ist offen.,sadness,,de,f2,
Drzwi są otwarte.,joy,0.5,pl,f3,
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def run(path: Path, out: Path, options: SynthOptions | None = None) -> list[table.Made]:
    return list(table.make(path, out, options))


def listed(out: Path) -> list[dict[str, str]]:
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_corpus_with_its_provenance(tmp_path: Path) -> None:
    made = run(write(tmp_path / "in.csv", ROWS), tmp_path / "out")
    assert [m.fresh for m in made] == [True] * 3
    examples = manifest.read(tmp_path / "out" / "manifest.csv")
    assert [(e.gold, e.language, e.speaker, e.gender, e.intensity, e.corpus) for e in examples] == [
        ("anger", "en", "en-m1", "male", "0.8", "synth"),
        ("sadness", "de", "de-f2", "female", "1", "synth"),
        ("happiness", "pl", "pl-f3", "female", "0.5", "synth"),
    ]
    for row, example in zip(listed(tmp_path / "out"), examples, strict=True):
        facts = json.loads(row["provenance"])
        assert facts["text"] == example.text and facts["parameters"]["pitch_st"] and facts["speaker"]["f0_hz"]
        assert row["engine"] == "espeak+world" and "espeak-ng" in row["engine_version"]
        assert row["rules"].startswith("literature-") and row["source"].startswith("in.csv:")
        with soundfile.SoundFile(example.file) as sound:
            assert (sound.samplerate, sound.channels, sound.subtype) == (16000, 1, "PCM_16")
            assert json.loads(sound.comment)["synthetic"] is True
    assert listed(tmp_path / "out")[0]["seed"] == "7"


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    path, out = write(tmp_path / "in.csv", ROWS), tmp_path / "out"
    run(path, out)
    sounds = sorted(out.glob("*.wav"))
    before = [(sound.stat().st_mtime_ns, sound.read_bytes()) for sound in sounds]
    sounds[1].unlink()
    (out / "manifest.csv").unlink()
    again = run(path, out)
    assert sorted(m.fresh for m in again) == [False, False, True]
    assert [sound.read_bytes() for sound in sounds] == [data for _, data in before]
    assert sounds[0].stat().st_mtime_ns == before[0][0]
    assert len(manifest.read(out / "manifest.csv")) == 3


def test_a_change_makes_another_file(tmp_path: Path) -> None:
    path, out = write(tmp_path / "in.csv", ROWS), tmp_path / "out"
    run(path, out)
    made = run(write(path, ROWS.replace("0.8", "0.9")), out)
    assert [m.fresh for m in made] == [True, False, False]
    assert len(listed(out)) == 3 and len(list(out.glob("*.wav"))) == 4


def test_a_stop_half_way_loses_nothing(tmp_path: Path) -> None:
    path, out = write(tmp_path / "in.csv", ROWS), tmp_path / "out"
    making = table.make(path, out)
    next(making)
    making.close()
    assert len(manifest.read(out / "manifest.csv")) == 1
    assert [m.fresh for m in run(path, out)] == [False, True, True]


def test_bad_lines_are_named_and_the_others_made(tmp_path: Path) -> None:
    lines = [
        "text,emotion,intensity,voice,speaker,seed",
        "One two three.,anger,1,en,f1,1",
        "One two three.,glee,1,en,f1,1",
        "One two three.,anger,2,en,f1,1",
        "One two three.,anger,loud,en,f1,1",
        "One two three.,anger,1,xx,f1,1",
        "One two three.,anger,1,en,q9,1",
        "...,anger,1,en,f1,1",
        "One two three.,contempt,1,en,f1,1",
        "One two three.,anger,1,en,f1,1",
        "One, two, three.,anger,1,en,f1,1",
        "One two three.,fear,1,en,f1,x",
        "Four five six.,fear,1,en,f1,1",
    ]
    made = run(write(tmp_path / "in.csv", "\n".join(lines)), tmp_path / "out")
    errors = {m.number: str(m.error) for m in made if m.error}
    expected = {
        3: "unknown emotion label 'glee'; known: anger",
        4: "intensity 2.0 cannot be made: give a number from 0 to 1",
        5: "intensity is 'loud': it must be a number",
        6: "unknown voice 'xx'; known: de",
        7: "unknown speaker 'q9'; known: f1",
        8: "the text '...' has no word in it",
        9: "unknown emotion 'contempt'; known: neutral",
        10: "it is the same as line 2: give it another seed",
        11: "it has more cells than the header: put texts with commas in quotes",
        12: "seed is 'x': it must be a number",
    }
    assert set(errors) == set(expected)
    for number, words in expected.items():
        assert errors[number].startswith(f"in.csv, line {number}: ") and words in errors[number]
    assert [row["emotion"] if "emotion" in row else row["gold"] for row in listed(tmp_path / "out")] == [
        "anger",
        "fear",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has the columns none: it needs emotion, and text or speech"),
        ("text,intesity,emotion\na,1,anger\n", "has the column 'intesity'; known: text, emotion, intensity"),
        ("text\na\n", "has the columns text: it needs emotion, and text or speech"),
        ("text,emotion\n", "has no lines below its header: give at least one"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CorpusError) as error:
        run(write(tmp_path / "in.csv", text), tmp_path / "out")
    assert words in str(error.value)


def test_a_missing_or_binary_table(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is not there: give a CSV file with the columns text and emotion"):
        run(tmp_path / "no.csv", tmp_path / "out")
    (tmp_path / "b.csv").write_bytes(b"text,emotion\n\xff\xff,anger\n")
    with pytest.raises(CorpusError, match="is not a UTF-8 CSV table"):
        run(tmp_path / "b.csv", tmp_path / "out")


def test_a_folder_keeps_to_one_table(tmp_path: Path) -> None:
    run(write(tmp_path / "in.csv", ROWS), tmp_path / "out")
    with pytest.raises(CorpusError, match=r"already holds a manifest of in\.csv: give two\.csv a folder"):
        run(write(tmp_path / "two.csv", ROWS), tmp_path / "out")
    (tmp_path / "a.txt").touch()
    with pytest.raises(OptionError, match="is no folder that can be made"):
        run(tmp_path / "in.csv", tmp_path / "a.txt")


def test_recordings_and_prosody_in_a_table(tmp_path: Path, spoken: Spoken) -> None:
    def save(name: str, sound: Audio) -> None:
        soundfile.write(str(tmp_path / name), sound.samples, sound.sample_rate_hz)

    save("own.wav", spoken("en", "m1", "neutral"))
    save("sad.wav", spoken("en", "f1", "sadness"))
    lines = (
        "text,emotion,speech,speaker,gender,language,prosody_from,align,licence\n"
        ",sadness,own.wav,ann,female,en,,,CC0\n"
        ",sadness,own.wav,ann,female,en,sad.wav,cepstrum,\n"
        "All is well now.,sadness,,m2,,,sad.wav,,\n"
        ",sadness,gone.wav,,,,,,\n"
    )
    made = run(write(tmp_path / "in.csv", lines), tmp_path / "out")
    (failed,) = [m for m in made if m.error]
    assert "in.csv, line 5: there is no file" in str(failed.error)
    rows = listed(tmp_path / "out")
    assert [row["engine"] for row in rows] == ["world", "transfer", "transfer"]
    assert [row["speaker"] for row in rows] == ["ann", "ann", "en-m2"]
    assert rows[0]["licence"] == "CC0" and rows[0]["gender"] == "female"
    assert len(json.loads(rows[1]["provenance"])["prosody"]["file_sha256"]) == 16


def test_a_server_that_is_down_stops_the_table(tmp_path: Path, server: SpeechServer) -> None:
    lines = "text,emotion\n" + "".join(f"Line {n}.,anger\n" for n in range(6))
    path, url = write(tmp_path / "in.csv", lines), server.url("nomodel")
    options = SynthOptions(engine="server", url=url, model="loud", voice="alto")
    with pytest.raises(SpeechError, match=r"stopped after 3 lines in a row .*; run the same command again"):
        run(path, tmp_path / "out", options)
    assert len(server.asked(url)) == 3
    good = SynthOptions(engine="server", url=server.url("good"), model="loud", voice="alto")
    assert all(m.fresh for m in run(path, tmp_path / "out", good))
    assert {row["engine"] for row in listed(tmp_path / "out")} == {"server"}


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path, out = write(tmp_path / "in.csv", ROWS), tmp_path / "out"
    next(table.make(path, out))
    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    errors = [str(m.error) for m in run(path, out) if m.error]
    assert len(errors) == 2 and all("cannot be written (No space left on device)" in e for e in errors)
    assert len(manifest.read(out / "manifest.csv")) == 1
    assert not list(out.glob(".*.part"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "flite"}, "unknown engine 'flite'; known: world, espeak, server"),
        ({"prosody_reference": Path("a.wav")}, "needs a recording whose prosody it is: give --prosody-from"),
        ({"engine": "espeak", "speech": Path("a.wav")}, "changes no recording and transfers no prosody"),
        ({"engine": "server"}, "needs an address: give --url"),
        ({"url": "localhost"}, "--url is for the engine server, not for world: give --engine server"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError) as error:
        voice(SynthOptions(**options))  # type: ignore[arg-type]
    assert words in str(error.value)


def test_a_folder_where_a_sound_should_be(tmp_path: Path, spoken: Spoken) -> None:
    from hearfelt.datasets.synth import files

    with pytest.raises(OptionError, match=r"is a folder: name a \.wav or \.flac file in it"):
        files.checked_sound_path(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        files.write_sound(spoken("en", "m1", "neutral"), tmp_path / ("x" * 300 + ".wav"), {})
    assert issubclass(InputError, HearfeltError)
