from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path

import pytest

from hearfelt.datasets import corpora
from hearfelt.errors import CorpusError, OptionError
from hearfelt.labels import CANONICAL, FURTHER
from tests.datasets.made import sounds, text

LISTED = ("emozionalmente", "iemocap", "m3ed", "meld", "mspimprov", "msppodcast", "zed")
"""Corpora whose labels stand in files, not in names: tests/datasets/test_listed_corpora.py has them."""

# Path of a clip, speaker, gender, label.
MADE: dict[str, list[tuple[str, str | None, str | None, str]]] = {
    "emodb": [("wav/03a01Wa.wav", "03", "male", "anger"), ("wav/08b10Lc.wav", "08", "female", "boredom")],
    "ravdess": [
        ("Actor_07/03-01-02-01-01-01-07.wav", "07", "male", "calm"),
        ("Actor_24/03-01-08-02-02-02-24.wav", "24", "female", "surprise"),
    ],
    "nemo": [
        ("samples/EB0_sadness_12.wav", "EB0", "female", "sadness"),
        ("samples/WR0_surprised_90.wav", "WR0", "male", "surprise"),
    ],
    "savee": [("AudioData/DC/sa01.wav", "DC", "male", "sadness"), ("KL_n30.wav", "KL", "male", "neutral")],
    "cremad": [
        ("AudioWAV/1001_DFA_ANG_XX.wav", "1001", None, "anger"),
        ("AudioWAV/1091_IEO_SAD_HI.wav", "1091", None, "sadness"),
    ],
    "tess": [
        ("OAF_angry/OAF_back_angry.wav", "OAF", "female", "anger"),
        ("OAF_neutral/OA_bite_neutral.wav", "OAF", "female", "neutral"),
        ("YAF_pleasant_surprised/YAF_dog_ps.wav", "YAF", "female", "surprise"),
    ],
    "urdu": [
        ("Angry/SM1_F1_A001.wav", "SM1", "male", "anger"),
        ("Sad/SF11_F4_S10.wav", "SF11", "female", "sadness"),
    ],
    "emovo": [
        ("f1/dis-f1-b1.wav", "f1", "female", "disgust"),
        ("m3/gio-m3-n5.wav", "m3", "male", "happiness"),
    ],
    "shemo": [
        ("female/F01A01.wav", "F01", "female", "anger"),
        ("male/M56W02.wav", "M56", "male", "surprise"),
    ],
    "aesdd": [("anger/a01 (1).wav", "1", None, "anger"), ("disgust/d03 (5)b.wav", "5", None, "disgust")],
    "cafe": [
        ("Colère/Fort/01-C-2-1.wav", "01", "male", "anger"),
        ("Neutre/12-N-1-6.wav", "12", "female", "neutral"),
    ],
    "mesd": [
        ("Anger_F_A_casa.wav", None, "female", "anger"),
        ("Sadness_C_B_buenos_dias.wav", None, "child", "sadness"),
    ],
    "subesco": [
        ("F_01_OISHI_S_1_ANGRY_1.wav", "F_01", "female", "anger"),
        ("M_10_X_S_10_SURPRISE_5.wav", "M_10", "male", "surprise"),
    ],
    "casia": [
        ("liuchanhg/angry/201.wav", "liuchanhg", None, "anger"),
        ("ZhaoZuoxiang/sad/250.wav", "ZhaoZuoxiang", None, "sadness"),
    ],
    "esd": [
        ("0001/Happy/0001_000701.wav", "0001", None, "happiness"),
        ("0011/Angry/evaluation/0011_000351.wav", "0011", None, "anger"),
    ],
    "jlcorpus": [
        ("JL(wav+txt)/female1_angry_10a_1.wav", "female1", "female", "anger"),
        ("JL(wav+txt)/male2_encouraging_9b_2.wav", "male2", "male", "encouragement"),
    ],
    "emovdb": [
        ("bea_Amused/amused_1-15_0001.wav", "bea", "female", "amusement"),
        ("sam/Sleepy/sleepiness_29-56_0030.wav", "sam", "male", "sleepiness"),
    ],
    "ased": [("n1-01-02-01-34.wav", "34", "female", "neutral"), ("f5-05-01-02-07.wav", "07", "male", "fear")],
    "turevdb": [
        ("Sound Source/Calm/1234_sk_elma.wav", "1234", None, "calm"),
        ("Sound Source/Angry/6783_kz_su.wav", "6783", None, "anger"),
    ],
    "enterface": [
        ("subject 1/anger/sentence 1/s1_an_1.avi", "1", None, "anger"),
        ("subject 3/fear/sentence 2/s_3_fe_2.avi", "3", None, "fear"),
    ],
}


def made(folder: Path, name: str) -> Path:
    return sounds(folder, *(path for path, *_ in MADE[name]))


def test_every_corpus_is_tested_here_or_with_the_listed_ones() -> None:
    assert sorted([*MADE, *LISTED]) == sorted(corpora.CORPORA)


@pytest.mark.parametrize("name", sorted(corpora.CORPORA))
def test_facts_are_complete(name: str) -> None:
    corpus = corpora.CORPORA[name]
    assert corpus.name == name and corpus.title and corpus.about and corpus.licence and corpus.citation
    assert re.fullmatch(r"([a-z]{2})?", corpus.language) and (corpus.language or corpus.languages)
    assert set(corpus.labels) <= {*CANONICAL, *FURTHER} and len(corpus.labels) > 3
    assert {*corpus.genders.values()} <= {"female", "male", "child"}
    # The name that messages show must fit the pattern they explain.
    for shape in corpus.shape.split(" beside ")[0].split(" or "):
        assert re.fullmatch(rf"(?:.*?/)??(?:{corpus.pattern})", shape.rpartition(".")[0] or shape), shape


@pytest.mark.parametrize("name", sorted(MADE))
def test_reads_a_folder_of_the_right_names(tmp_path: Path, name: str) -> None:
    folder = made(tmp_path, name)
    text(folder / "README.txt", ["licence"])
    text(folder / "__MACOSX" / "._x.wav", ["x"])
    for hidden in (".DS_Store", "._x.wav"):
        (folder / hidden).write_bytes(b"x")
    examples = corpora.read_folder(name, folder)
    found = {(str(Path(e.file).relative_to(folder)), e.speaker, e.gender, e.gold) for e in examples}
    assert found == set(MADE[name])
    corpus = corpora.CORPORA[name]
    assert {(e.corpus, e.licence) for e in examples} == {(name, corpus.licence)}
    assert all(e.language for e in examples)


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_sound_of_another_name_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    folder = made(tmp_path, name)
    sounds(folder, "strange/take 1.wav", "strange/take 2.wav")
    title = corpora.CORPORA[name].title
    message = (
        rf"2 sound files in .* do not fit the names of {re.escape(title)}, the first is strange/take 1\.wav: "
        rf"names look like {re.escape(corpora.CORPORA[name].shape)}; take the others out"
    )
    with pytest.raises(CorpusError, match=message):
        corpora.read_folder(name, folder)
    assert len(corpora.read_folder(name, folder, strict=False)) == len(MADE[name])
    assert re.search(message, corpora.scan(name, folder).problems[0])


def test_what_names_say_beside_speaker_and_label(tmp_path: Path) -> None:
    def read(name: str) -> list[tuple[object, ...]]:
        examples = corpora.read_folder(name, made(tmp_path / name, name))
        return sorted((e.intensity, e.split, e.language, e.text) for e in examples)

    assert read("ravdess") == [("normal", None, "en", None), ("strong", None, "en", None)]
    assert read("cafe") == [("strong", None, "fr", None), ("weak", None, "fr", None)]
    assert read("cremad") == [("high", None, "en", None), ("unspecified", None, "en", None)]
    assert sorted(t for *_, t in read("tess")) == ["back", "bite", "dog"]
    assert sorted(t for *_, t in read("mesd")) == ["buenos dias", "casa"]
    text(tmp_path / "esd" / "0011" / "0011.txt", ["0011_000351\tSome words.\tAngry"])
    examples = corpora.read_folder("esd", made(tmp_path / "esd", "esd"))
    assert {(e.language, e.split, e.text) for e in examples} == {
        ("zh", None, None),
        ("en", "dev", "Some words."),
    }


def test_texts_that_stand_beside_the_sounds(tmp_path: Path) -> None:
    jl = made(tmp_path / "jl", "jlcorpus")
    text(jl / "JL(wav+txt)" / "female1_angry_10a_1.txt", ["Some words."])
    assert {e.text for e in corpora.read_folder("JL-corpus", jl)} == {"Some words.", None}
    nemo = made(tmp_path / "nemo", "nemo")
    header = "file_id\temotion\traw_text\tspeaker_id\tgender"
    text(nemo / "data.tsv", [header, "EB0_sadness_12.wav\tsadness\tKilka słów.\tEB0\tfemale"])
    assert {e.text for e in corpora.read_folder("nemo", nemo)} == {"Kilka słów.", None}
    text(nemo / "data.tsv", ["file\temotion"])
    with pytest.raises(
        CorpusError, match=r"data\.tsv has the columns file, emotion: it needs file_id, raw_text"
    ):
        corpora.read_folder("nemo", nemo)


def test_cremad_keeps_what_listeners_heard(tmp_path: Path) -> None:
    folder = made(tmp_path, "cremad")
    text(folder / "VideoDemographics.csv", ["ActorID,Age,Sex", "1001,51,Male", "1091,29,Female"])
    header = ",A,D,F,H,N,S,fileName,numResponses"
    rows = ["100001,2,0,0,0,1,0,1001_DFA_ANG_XX,3", "200001,9,0,0,0,0,0,1001_DFA_ANG_XX,9"]
    counts = text(folder / "processedResults" / "tabulatedVotes.csv", [header, *rows])
    by_name = {Path(e.file).stem: e for e in corpora.read_folder("cremad", folder)}
    one = by_name["1001_DFA_ANG_XX"]
    assert (one.gender, one.gold, one.votes, one.raters) == (
        "male",
        "anger",
        ("anger", "anger", "neutral"),
        (),
    )
    assert one.soft == {"anger": pytest.approx(2 / 3), "neutral": pytest.approx(1 / 3)}
    assert by_name["1091_IEO_SAD_HI"].votes == ()
    responses = text(
        folder / "finishedResponses.csv",
        [
            ",localid,pos,ans,queryType,clipName,respEmo",
            "1,r7,1,F_50,1,1001_DFA_ANG_XX,F",
            "2,r8,1,A_50,2,1001_DFA_ANG_XX,A",
            "3,r9,1,A_80,1,1001_DFA_ANG_XX,A",
        ],
    )
    by_name = {Path(e.file).stem: e for e in corpora.read_folder("cremad", folder)}
    assert by_name["1001_DFA_ANG_XX"].votes == ("fear", "anger")
    assert by_name["1001_DFA_ANG_XX"].raters == ("r7", "r9")
    text(responses, [",localid,queryType,clipName,respEmo", "1,r7,1,1001_DFA_ANG_XX,Q"])
    with pytest.raises(CorpusError, match=r"finishedResponses\.csv has the response 'Q'; known: A, D, F"):
        corpora.read_folder("cremad", folder)
    responses.unlink()
    text(counts, [header, "100001,x,0,0,0,1,0,1001_DFA_ANG_XX,3"])
    with pytest.raises(CorpusError, match="has no whole number of votes for 1001_DFA_ANG_XX"):
        corpora.read_folder("cremad", folder)


def test_a_clip_in_two_codecs_is_one_and_a_copy_is_an_error(tmp_path: Path) -> None:
    folder = made(tmp_path, "cremad")
    sounds(folder, "AudioMP3/1001_DFA_ANG_XX.mp3")
    assert {Path(e.file).suffix for e in corpora.read_folder("cremad", folder)} == {".wav"}
    folder = made(tmp_path / "ravdess", "ravdess")
    sounds(folder, "copy/Actor_07/03-01-02-01-01-01-07.wav", "03-02-02-01-01-01-07.wav")
    found = corpora.scan("ravdess", folder)
    assert found.problems == (
        "1 clip of RAVDESS is there twice, the first is copy/Actor_07/03-01-02-01-01-01-07.wav and "
        "Actor_07/03-01-02-01-01-01-07.wav: keep one copy",
    )
    assert found.notes == (
        "1 sound files that are no clips of RAVDESS are passed over",
        f"{folder} has 2 of the 1440 clips of RAVDESS",
    )


def test_a_link_to_a_folder_above_is_followed_once(tmp_path: Path) -> None:
    folder = made(tmp_path / "emodb", "emodb")
    (folder / "wav" / "again").symlink_to(folder, target_is_directory=True)
    assert len(corpora.read_folder("emodb", folder)) == 2


def test_what_else_is_wrong_with_a_folder(tmp_path: Path) -> None:
    folder = made(tmp_path / "emodb", "emodb")
    sounds(folder, "wav/03a01Xa.wav")
    with pytest.raises(
        CorpusError,
        match=r"1 sound file in .* names an emotion .*, the first is wav/03a01Xa\.wav with 'X'; known: W",
    ):
        corpora.read_folder("emodb", folder)
    (folder / "wav" / "03a01Wa.wav").write_bytes(b"")
    message = r"emotion that EmoDB does not have.* \(1 more problems\)"
    with pytest.raises(CorpusError, match=message):
        corpora.read_folder("emodb", folder)
    found = corpora.scan("emodb", folder)
    assert re.search(
        r"1 sound file of EmoDB is empty, the first is .*03a01Wa\.wav: copy them again", found.problems[1]
    )
    assert [Path(e.file).stem for e in found.examples] == ["08b10Lc"]
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (folder / "wav" / "03a01Wa.wav").write_bytes(pointer)
    assert "pointers of Git LFS, not sound" in corpora.scan("emodb", folder).problems[1]
    with pytest.raises(CorpusError, match=r"do not fit the names of ShEMO, the first is wav/"):
        corpora.read_folder("shemo", folder)
    (tmp_path / "bare").mkdir()
    with pytest.raises(CorpusError, match=r"bare holds no sound file of TESS: its names look like OAF_back"):
        corpora.read_folder("tess", tmp_path / "bare")
    with pytest.raises(CorpusError, match="nowhere is not a folder: give the one that holds TESS"):
        corpora.read_folder("tess", tmp_path / "nowhere")


def with_manifest(data: Path, name: str, rows: list[tuple[str, str, str]]) -> Path:
    folder = data / "audio" / name
    sounds(folder / "audio", *(file for file, *_ in rows))
    lines = [f"{file},{speaker},female,{emotion},,1.0" for file, speaker, emotion in rows]
    text(folder / "manifest.csv", ["file,speaker,gender,emotion,text,duration_s", *lines])
    return folder


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_manifest_is_read_and_held_against_the_names(tmp_path: Path, name: str) -> None:
    rows = [(path, speaker or "", gold) for path, speaker, _, gold in MADE[name]]
    folder = with_manifest(tmp_path, name, rows)
    sounds(folder / "audio", "extra.wav")
    examples = corpora.read(name, tmp_path)
    assert [
        (str(Path(e.file).relative_to(folder / "audio")), e.speaker or "", e.gold) for e in examples
    ] == rows
    assert corpora.scan(name, folder).notes == (
        f"1 sound files in {folder / 'audio'} are not in manifest.csv and are left out",
    )
    other = "fear" if rows[0][2] != "fear" else "anger"
    with_manifest(tmp_path, name, [(rows[0][0], rows[0][1], other)])
    with pytest.raises(
        CorpusError, match=rf"is listed as speaker .*, {other}, which is not what its name says"
    ):
        corpora.read(name, tmp_path)
    with_manifest(tmp_path, name, [("strange.flac", "x", "fear")])
    with pytest.raises(CorpusError, match="file strange is listed as speaker x, fear"):
        corpora.read(name, tmp_path)


def test_missing_and_unknown_corpora(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"the corpus nemo is not at .*: set HEARFELT_DATA, or give --data"):
        corpora.read("nemo", tmp_path)
    with pytest.raises(OptionError, match="unknown corpus 'frog'; known: emodb, ravdess, nemo, savee"):
        corpora.read("frog", tmp_path)
    assert corpora.find("CREMA-D") is corpora.CORPORA["cremad"]


@pytest.mark.parametrize(
    ("name", "clips", "speakers", "labels"),
    [("emodb", 535, 10, 7), ("ravdess", 1440, 24, 8), ("nemo", 4481, 9, 6), ("savee", 480, 4, 7)],
)
def test_real_corpora_are_complete_with_and_without_their_manifest(
    data_dir: Path, name: str, clips: int, speakers: int, labels: int
) -> None:
    folder = data_dir / "audio" / name
    if not folder.is_dir():
        pytest.skip(f"no corpus {name} in the data folder")
    examples = corpora.read(name, data_dir)
    counts = Counter(e.gold for e in examples)
    assert (len(examples), len({e.speaker for e in examples}), len(counts)) == (clips, speakers, labels)
    assert {e.gender for e in examples} <= {"female", "male"}
    named = corpora.scan(name, folder / "audio")
    assert (named.problems, named.notes) == ((), ())
    bare = {e.file: dataclasses.replace(e, text=None) for e in examples}
    assert {e.file: e for e in named.examples} == bare
