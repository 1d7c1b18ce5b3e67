"""Corpora whose labels stand in files of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hearfelt.datasets import corpora
from hearfelt.errors import CorpusError
from hearfelt.types import Example, Segment
from tests.datasets.made import sounds, text


def stems(examples: list[Example]) -> dict[str, Example]:
    return {Path(e.file).stem: e for e in examples}


def iemocap(folder: Path) -> Path:
    text(
        folder / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt",
        [
            "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]",
            "",
            "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 5.0000]",
            "C-E2:\tNeutral;\t()",
            "C-E3:\tNeutral; Frustration;\t()",
            "C-E4:\tOther;\t(curious)",
            "C-F1:\tAnger;\t()",
            "A-E3:\tval 3; act 2; dom  2;\t()",
            "",
            "[9.0 - 10.5]\tSes01F_impro01_M000\txxx\t[1.0000, 3.0000, 3.0000]",
            "C-E2:\tExcited;\t()",
        ],
    )
    text(
        folder / "Session1" / "dialog" / "transcriptions" / "Ses01F_impro01.txt",
        ["Ses01F_impro01_F000 [006.2901-008.2357]: Some words.", "F: (noise)"],
    )
    return folder


def test_iemocap_has_votes_ratings_and_texts(tmp_path: Path) -> None:
    cut = "Session1/sentences/wav/Ses01F_impro01"
    folder = sounds(iemocap(tmp_path), f"{cut}/Ses01F_impro01_F000.wav", f"{cut}/Ses01F_impro01_M000.wav")
    sounds(folder, "Session1/dialog/wav/Ses01F_impro01.wav")
    found = stems(corpora.read_folder("iemocap", folder))
    woman, man = found["Ses01F_impro01_F000"], found["Ses01F_impro01_M000"]
    assert (woman.speaker, woman.gender, woman.gold, woman.text) == (
        "Ses01F",
        "female",
        "neutral",
        "Some words.",
    )
    assert woman.votes == ("neutral", "neutral", "frustration", "other")
    assert woman.raters == ("E2", "E3", "E3", "E4") and woman.segment is None
    assert (woman.valence, woman.arousal, woman.dominance, woman.scale) == (-0.25, -0.25, 1.0, "1..5")
    assert (man.speaker, man.gender, man.gold, man.soft) == ("Ses01M", "male", None, {"excitement": 1.0})
    assert (
        corpora.scan("iemocap", folder).notes[0] == "1 sound files of IEMOCAP have no label and are left out"
    )


def test_iemocap_without_cut_turns_points_into_the_dialogue(tmp_path: Path) -> None:
    folder = sounds(iemocap(tmp_path), "Session1/dialog/wav/Ses01F_impro01.wav")
    examples = corpora.read_folder("iemocap", folder)
    assert [e.segment for e in examples] == [Segment(6.2901, 8.2357, "Ses01F"), Segment(9.0, 10.5, "Ses01M")]
    assert {Path(e.file).name for e in examples} == {"Ses01F_impro01.wav"}


def meld(folder: Path) -> Path:
    header = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID"
    text(folder / "train_sent_emo.csv", [header, '1,"Some, words.",Ann,joy,positive,0,0'])
    text(
        folder / "dev_sent_emo.csv",
        [header, "1,More.,Bob,anger,negative,0,0", "2,x,Bob,anger,negative,110,7"],
    )
    text(folder / "test_sent_emo.csv", [header, "1,Other.,Ann,neutral,neutral,0,0"])
    return sounds(
        folder,
        "train_splits/dia0_utt0.mp4",
        "dev_splits_complete/dia0_utt0.mp4",
        "output_repeated_splits_test/dia0_utt0.mp4",
        "output_repeated_splits_test/final_videos_testdia0_utt0.mp4",
    )


def test_meld_has_three_parts_with_the_same_file_names(tmp_path: Path) -> None:
    folder = meld(tmp_path)
    found = {e.split: e for e in corpora.read_folder("meld", folder)}
    assert {part: (e.gold, e.speaker, e.text, Path(e.file).parent.name) for part, e in found.items()} == {
        "train": ("happiness", "Ann", "Some, words.", "train_splits"),
        "dev": ("anger", "Bob", "More.", "dev_splits_complete"),
        "test": ("neutral", "Ann", "Other.", "output_repeated_splits_test"),
    }
    (folder / "train_splits" / "dia0_utt0.mp4").unlink()
    with pytest.raises(
        CorpusError, match=r"1 of the 3 clips that MELD lists have no sound .* is train/dia0_utt0"
    ):
        corpora.read_folder("meld", folder)
    assert len(corpora.read_folder("meld", folder, strict=False)) == 2
    (folder / "dev_sent_emo.csv").unlink()
    with pytest.raises(CorpusError, match=r"holds no dev_sent_emo\.csv: give the folder of the whole corpus"):
        corpora.read_folder("meld", folder)


def m3ed(folder: Path) -> Path:
    said = {
        "StartTime": "00:01:00",
        "EndTime": "00:01:02",
        "Text": "几个字",
        "Speaker": "A",
        "EmoAnnotation": {
            "EmoAnnotator1": "Happy",
            "EmoAnnotator2": "Happy,Surprise",
            "EmoAnnotator3": "Neutral",
            "final_mul_emo": "Happy",
            "final_main_emo": "Happy",
        },
    }
    people = {"A": {"Name": "小明", "Gender": "M", "Age": "young"}}
    scenes = {"film": {"film_1": {"SpeakerInfo": people, "Dialog": {"film_1_1": said}}}}
    text(folder / "annotation.json", [json.dumps(scenes)])
    text(folder / "splitInfo" / "movie_list_val.txt", ["film"])
    return sounds(folder, "modality_speech/A_film_1_1.wav")


def test_m3ed_has_votes_for_several_emotions(tmp_path: Path) -> None:
    (one,) = corpora.read_folder("m3ed", m3ed(tmp_path))
    assert (one.speaker, one.gender, one.gold, one.text, one.split) == (
        "film_小明",
        "male",
        "happiness",
        "几个字",
        "dev",
    )
    assert one.votes == ("happiness", "happiness", "surprise", "neutral")
    assert one.raters == ("EmoAnnotator1", "EmoAnnotator2", "EmoAnnotator2", "EmoAnnotator3")


def msppodcast(folder: Path) -> Path:
    text(
        folder / "Labels" / "labels_consensus.csv",
        [
            "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set",
            "MSP-PODCAST_0001_0008.wav,N,4,1,7,127,Male,Development",
            "MSP-PODCAST_0002_0033.wav,X,5.5,4,4,Unknown,Unknown,Test1",
        ],
    )
    text(
        folder / "Labels" / "labels_detailed.csv",
        [
            "FileName,Worker,EmoClass_Major,EmoClass_Second",
            'MSP-PODCAST_0001_0008.wav,w1,Neutral,"Neutral,Other"',
            "MSP-PODCAST_0001_0008.wav,w2,Other-bored,Sad",
        ],
    )
    text(folder / "Transcripts" / "MSP-PODCAST_0001_0008.txt", ["Some words."])
    names = ("0001_0008", "0002_0033", "0003_0001")
    return sounds(folder, *(f"Audios/MSP-PODCAST_{name}.wav" for name in names))


def test_msppodcast_has_ratings_votes_and_parts(tmp_path: Path) -> None:
    folder = msppodcast(tmp_path)
    found = stems(corpora.read_folder("msppodcast", folder))
    one, two = found["MSP-PODCAST_0001_0008"], found["MSP-PODCAST_0002_0033"]
    assert (one.gold, one.speaker, one.gender, one.split, one.text) == (
        ("neutral", "127", "male", "dev", "Some words.")
    )
    assert (one.arousal, one.valence, one.dominance, one.scale) == (0.0, -1.0, 1.0, "1..7")
    assert (one.votes, one.raters) == (("neutral", "other"), ("w1", "w2"))
    assert (two.gold, two.speaker, two.gender, two.split, two.votes) == (None, None, None, "test1", ())
    notes = corpora.scan("msppodcast", folder).notes
    assert notes == ("1 sound files of MSP-Podcast have no label and are left out",)


def mspimprov(folder: Path) -> Path:
    text(
        folder / "Evalution.txt",
        [
            "UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:3.000000; V:5.000000; D:nan; N:4.000000;",
            "P-p10; Neutral,; Neutral,Other,; A:3; V:5; D:3; N:4;",
            "P-p11; Angry,; Frustrated,; A:3; V:5; D:3; N:4;",
            "",
            "UTD-IMPROV-S01A-M01-S-FM02.avi; X; A:1.0; V:3.0; D:2.0; N:4.0;",
            "P-p10; Depressed; ; A:1; V:3; D:2; N:4;",
        ],
    )
    where = "session1/S01A"
    return sounds(
        folder, f"{where}/P/MSP-IMPROV-S01A-F01-P-FM01.wav", f"{where}/S/MSP-IMPROV-S01A-M01-S-FM02.wav"
    )


def test_mspimprov_has_ratings_and_votes(tmp_path: Path) -> None:
    found = stems(corpora.read_folder("mspimprov", mspimprov(tmp_path)))
    one, two = found["MSP-IMPROV-S01A-F01-P-FM01"], found["MSP-IMPROV-S01A-M01-S-FM02"]
    assert (one.gold, one.speaker, one.gender) == ("neutral", "F01", "female")
    assert (one.arousal, one.valence, one.dominance, one.scale) == (0.0, 1.0, None, "1..5")
    assert (one.votes, one.raters) == (("neutral", "anger"), ("P-p10", "P-p11"))
    assert (two.gold, two.votes, two.arousal) == (None, ("sadness",), -1.0)


def emozionalmente(folder: Path) -> Path:
    text(
        folder / "metadata" / "samples.csv",
        ["file_name,actor,sentence,emotion_expressed", "1.wav,u1,Parole.,joy", "2.wav,u2,Parole.,neutrality"],
    )
    text(folder / "metadata" / "users.csv", ["username,age,gender", "u1,30,female", "u2,40,other"])
    text(
        folder / "metadata" / "evaluations.csv",
        ["file_name,evaluator,emotion_recognized", "1.wav,v1,joy", "1.wav,v2,surprise"],
    )
    return sounds(folder, "audio/1.wav", "audio/2.wav")


def test_emozionalmente_keeps_what_was_meant_and_what_was_heard(tmp_path: Path) -> None:
    found = stems(corpora.read_folder("emozionalmente", emozionalmente(tmp_path)))
    one, two = found["1"], found["2"]
    assert (one.gold, one.speaker, one.gender, one.text) == ("happiness", "u1", "female", "Parole.")
    assert (one.votes, one.raters) == (("happiness", "surprise"), ("v1", "v2"))
    assert (two.gold, two.gender, two.votes) == ("neutral", None, ())


def zed(folder: Path) -> Path:
    clip = {
        "wav": "datafolder/one/a.wav",
        "duration": 5.0,
        "emotion": [{"emo": "happy", "start": 1.5, "end": 5.0}],
        "transcription": "Some words.",
    }
    text(folder / "ZED.json", [json.dumps({"a": clip, "b": clip | {"wav": "datafolder/two/a.wav"}})])
    return sounds(folder, "one/a.wav", "two/a.wav")


def test_zed_has_stretches_and_the_neutral_speech_around_them(tmp_path: Path) -> None:
    examples = corpora.read_folder("zed", zed(tmp_path))
    assert [(e.gold, e.segment, Path(e.file).parent.name) for e in examples] == [
        ("neutral", Segment(0.0, 1.5), "one"),
        ("happiness", Segment(1.5, 5.0), "one"),
        ("neutral", Segment(0.0, 1.5), "two"),
        ("happiness", Segment(1.5, 5.0), "two"),
    ]


@pytest.mark.parametrize(
    ("make", "table", "old", "new", "message"),
    [
        (
            iemocap,
            "EmoEvaluation/Ses01F_impro01.txt",
            "\tneu\t",
            "\tglad\t",
            "labels Ses01F_impro01_F000 'glad'; known: ang",
        ),
        (
            iemocap,
            "EmoEvaluation/Ses01F_impro01.txt",
            "Excited",
            "Ecstatic",
            "has the vote 'Ecstatic'; known: Anger",
        ),
        (iemocap, "EmoEvaluation/Ses01F_impro01.txt", "5.0000", "6.0000", "F000: 6 lies outside the scale"),
        (meld, "train_sent_emo.csv", "joy", "glee", "line 2 has the emotion 'glee'; known: anger"),
        (meld, "train_sent_emo.csv", "Utterance_ID", "ID", "it needs Utterance, Speaker"),
        (m3ed, "annotation.json", "Neutral", "Meh", "has the emotion 'Meh'; known: Anger"),
        (m3ed, "annotation.json", "Dialog", "Talk", "is not M3ED's annotation"),
        (m3ed, "annotation.json", "}}", "", "cannot be read as JSON"),
        (msppodcast, "labels_consensus.csv", ",N,4", ",Q,4", "labels MSP-PODCAST_0001_0008 'Q'"),
        (msppodcast, "labels_consensus.csv", ",N,4", ",N,9", "9 lies outside the scale 1..7"),
        (msppodcast, "labels_detailed.csv", "w1,Neutral", "w1,Meh", "has the vote 'Meh'; known: Angry"),
        (mspimprov, "Evalution.txt", "; N; A", "; Q; A", "labels IMPROV-S01A-F01-P-FM01 'Q'"),
        (mspimprov, "Evalution.txt", "Depressed", "Meh", "has the vote 'Meh'; known: Angry"),
        (mspimprov, "Evalution.txt", "V:5.000000", "V:x", "IMPROV-S01A-F01-P-FM01: could not convert"),
        (emozionalmente, "samples.csv", "joy", "glee", "has the emotion 'glee'; known: anger"),
        (zed, "ZED.json", "happy", "glad", "labels a 'glad'; known: angry"),
        (zed, "ZED.json", "duration", "length", "is not the table of ZED"),
    ],
)
def test_says_what_is_wrong_with_a_label_file(
    tmp_path: Path, make: Callable[[Path], Path], table: str, old: str, new: str, message: str
) -> None:
    folder = make(tmp_path)
    if make is iemocap:
        sounds(folder, "Session1/dialog/wav/Ses01F_impro01.wav")
    (path,) = folder.rglob(table)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        corpora.read_folder(make.__name__, folder)


@pytest.mark.parametrize("make", [iemocap, meld, m3ed, msppodcast, mspimprov, emozionalmente, zed])
def test_a_folder_without_its_label_file_says_so(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    folder = (
        sounds(make(tmp_path), "Session1/dialog/wav/Ses01F_impro01.wav")
        if make is iemocap
        else make(tmp_path)
    )
    for path in folder.rglob("*"):
        if path.suffix in (".txt", ".csv", ".json"):
            path.unlink()
    with pytest.raises(CorpusError, match=r"holds no .*: give the folder of the whole"):
        corpora.read_folder(make.__name__, folder)
