from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hearfelt import datasets
from hearfelt.datasets import corpora, labelmap, splits
from hearfelt.datasets.formats import FORMATS
from hearfelt.errors import CorpusError, MissingExtraError, OptionError
from hearfelt.types import Example, Segment
from tests.datasets.made import sounds, text


def grid(path: Path, **tiers: list[tuple[float, float, str]]) -> Path:
    """A TextGrid of interval tiers, as Praat writes it; _ in a name stands for " - "."""
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        "xmax = 3",
        "tiers? <exists>",
    ]
    lines += [f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier"']
        lines += [f'        name = "{name.replace("_", " - ")}"', "        xmin = 0", "        xmax = 3"]
        lines += [f"        intervals: size = {len(intervals)}"]
        for i, (start, end, mark) in enumerate(intervals, start=1):
            lines += [f"        intervals [{i}]:", f"            xmin = {start}", f"            xmax = {end}"]
            lines += [f'            text = "{mark}"']
    return text(path, lines)


def test_a_folder_per_class(tmp_path: Path) -> None:
    folder = sounds(tmp_path, "Angry/ana/1.wav", "Angry/ben/2.flac", "happy/3.wav", "happy/.hidden.wav")
    found = [(Path(e.file).name, e.gold, e.speaker, e.split) for e in datasets.read(folder)]
    assert found == [
        ("1.wav", "anger", "ana", None),
        ("2.flac", "anger", "ben", None),
        ("3.wav", "happiness", None, None),
    ]
    parts = sounds(tmp_path / "parts", "train/sad/x/1.wav", "valid/sad/y/2.wav", "test/calm/z/3.wav")
    assert [e.split for e in datasets.read(parts)] == ["test", "train", "dev"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "bare holds no sound files: put them into a folder per class"),
        (["1.wav", "anger/2.wav"], r"1 sound file lies in .*bare itself, the first is 1\.wav: put them into"),
        (["furious/1.wav"], "the folder .*furious: unknown emotion label 'furious'; known: anger"),
        (["train/1.wav"], r"train/1\.wav lies in no folder of a class"),
    ],
)
def test_says_what_is_wrong_with_a_folder(tmp_path: Path, files: list[str], message: str) -> None:
    (tmp_path / "bare").mkdir()
    folder = sounds(tmp_path / "bare", *files)
    with pytest.raises(CorpusError, match=message):
        datasets.read(folder, format="folder")


def test_empty_sounds_and_no_folder_at_all(tmp_path: Path) -> None:
    (sounds(tmp_path, "anger/1.wav") / "anger" / "2.wav").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"1 sound file in .* is empty, the first is .*2\.wav"):
        datasets.read(tmp_path)
    with pytest.raises(CorpusError, match=r"1\.wav is not a folder: give one that holds a folder per class"):
        datasets.read(tmp_path / "anger" / "1.wav", format="folder")


def test_what_cannot_be_used_is_left_out_where_asked(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    folder = sounds(tmp_path / "clips", "anger/1.wav", "fear/1.wav", "loose.wav")
    (folder / "fear" / "2.wav").write_bytes(b"")
    problems: list[str] = []
    found = datasets.read(folder, strict=False, problems=problems)
    assert [(Path(e.file).name, e.gold) for e in found] == [("1.wav", "anger"), ("1.wav", "fear")]
    assert problems == [
        f"1 sound file lies in {folder} itself, the first is loose.wav: "
        "put them into the folder of their class",
        f"1 sound file in {folder} is empty, the first is {folder / 'fear' / '2.wav'}: copy them again",
    ]
    table = tmp_path / "t.csv"
    text(table, ["file,gold", "clips/anger/1.wav,grumpy", "clips/gone.wav,fear"])
    problems.clear()
    (one,) = datasets.read(table, strict=False, problems=problems, label=str)
    assert one.gold == "grumpy"
    assert problems == [
        f"1 of the 2 files that {table} lists is not there, the first is {tmp_path / 'clips' / 'gone.wav'}: "
        "restore them or take their rows out"
    ]
    text(table, ["file,gold", "clips/gone.wav,fear"])
    with pytest.raises(CorpusError, match=r"1 of the 1 files that .* lists is not there"):
        datasets.read(table, strict=False, problems=problems)


EXAMPLES = [
    Example("a.wav", "anger", Segment(0.25, 1.5, "x"), "x", "female", "de", "Wörter, viele.", split="train"),
    Example("a.wav", "fear", Segment(90061.000000001, 90062.5, "x"), "x", "female", "de"),
    Example("b.wav", "calm", speaker="y", gender="male", language="de", split="test", intensity="strong"),
]


def placed(folder: Path) -> list[Example]:
    sounds(folder, "a.wav", "b.wav")
    return [dataclasses.replace(e, file=str(folder / e.file)) for e in EXAMPLES]


@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
def test_nkululeko_tables_go_out_and_come_back(tmp_path: Path) -> None:
    examples = placed(tmp_path)
    examples[2] = dataclasses.replace(examples[2], valence=-0.25)
    path = tmp_path / "table.csv"
    datasets.write(examples, path, format="nkululeko")
    assert datasets.recognise(path) == ("nkululeko", path)
    assert datasets.read(path) == examples
    # The reader that Nkululeko uses sees the same stretches.
    audformat = pytest.importorskip("audformat")
    frame = audformat.utils.read_csv(str(path))
    starts, ends = frame.index.get_level_values("start"), frame.index.get_level_values("end")
    assert starts.total_seconds().tolist() == [0.25, pytest.approx(90061.000000001, abs=1e-9), 0.0]
    assert ends.total_seconds().tolist()[0] == 1.5 and math.isnan(ends.total_seconds().tolist()[2])
    assert frame["emotion"].tolist() == ["anger", "fear", "calm"]


def test_nkululeko_tables_of_others(tmp_path: Path) -> None:
    sounds(tmp_path, "deep/wav/a.wav")
    header = ",file,start,end,emotion,speaker,gender,valence"
    path = text(tmp_path / "t.csv", [header, "0,./wav/a.wav,0 days,NaT,ANGRY,3,male,0.75"])
    (one,) = datasets.read(path, scale="0..1")
    assert (one.gold, one.speaker, one.segment, one.valence) == ("anger", "3", None, 0.5)
    assert one.file == str(tmp_path / "deep" / "wav" / "a.wav")
    text(path, [header, "0,wav/a.wav,0 days 00:00:01,NaT,anger,,,"])
    with pytest.raises(CorpusError, match="line 2 starts at 1 s and has no end"):
        datasets.read(path)
    text(path, [header, "0,wav/a.wav,soon,0 days 00:00:01,anger,,,"])
    with pytest.raises(CorpusError, match="line 2: 'soon' is no time"):
        datasets.read(path)
    text(path, [header])
    with pytest.raises(CorpusError, match="has no rows below its header"):
        datasets.read(path, format="nkululeko")
    text(path, ["file,start,end", "wav/a.wav,0 days,NaT"])
    with pytest.raises(CorpusError, match="has the columns file, start, end: it needs file, emotion"):
        datasets.read(path)


def test_emobox_goes_out_and_comes_back(tmp_path: Path) -> None:
    examples = [dataclasses.replace(e, segment=None, corpus="mine") for e in placed(tmp_path / "sounds")[1:]]
    datasets.write(examples, tmp_path / "mine", format="emobox")
    row = json.loads((tmp_path / "mine" / "mine.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert {k: row[k] for k in ("key", "emo", "sample_rate", "num_frame", "length", "channel")} == {
        "key": "mine-a",
        "emo": "fear",
        "sample_rate": 16000,
        "num_frame": 400,
        "length": 0.025,
        "channel": 1,
    }
    assert json.loads((tmp_path / "mine" / "label_map.json").read_text()) == {"calm": "Calm", "fear": "Fear"}
    assert datasets.recognise(tmp_path / "mine")[0] == "emobox"
    back = datasets.read(tmp_path / "mine")
    kept = [dataclasses.replace(e, language=None, text=None, split=None, intensity=None) for e in examples]
    assert back == kept
    assert datasets.read(tmp_path / "mine", labels="emobox")[0].gold == "Fear"
    with pytest.raises(CorpusError, match=r"a\.wav is labelled in stretches, which EmoBox cannot hold"):
        datasets.write(EXAMPLES[:1], tmp_path / "mine", format="emobox")
    with pytest.raises(CorpusError, match=r"x\.wav has no label, which EmoBox needs"):
        datasets.write([Example("x.wav", None)], tmp_path / "mine", format="emobox")


def test_emobox_folds_are_parts(tmp_path: Path) -> None:
    folder = tmp_path / "EmoBox" / "data" / "made"
    sounds(tmp_path / "EmoBox", "downloads/made/1.wav", "downloads/made/2.wav")
    rows = [
        {"key": f"made-{i}", "dataset": "made", "wav": f"downloads/made/{i}.wav", "emo": "H"} for i in (1, 2)
    ]
    text(folder / "label_map.json", ['{"H": "Happy"}'])
    text(folder / "fold_1" / "made_train_fold_1.jsonl", [json.dumps(rows[0])])
    text(folder / "fold_1" / "made_test_fold_1.jsonl", [json.dumps(rows[1])])
    assert [(e.gold, e.split, e.corpus) for e in datasets.read(folder)] == [
        ("happiness", "train", "made"),
        ("happiness", "test", "made"),
    ]
    text(folder / "fold_2" / "made_train_fold_2.jsonl", [json.dumps(rows[1])])
    text(folder / "fold_2" / "made_test_fold_2.jsonl", [json.dumps(rows[0])])
    text(folder / "made.jsonl", [json.dumps(row) for row in rows])
    assert [e.split for e in datasets.read(folder)] == [None, None]
    assert [Path(e.file).name for e in datasets.read(folder, split="2")] == ["2.wav", "1.wav"]
    with pytest.raises(CorpusError, match="has no fold 3; it has 1, 2"):
        datasets.read(folder, split="3")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"made\.jsonl, line 1 is no JSON"),
        ("[]", "line 1 is no JSON object"),
        ('{"wav": "a.wav"}', "line 1 has no wav or no emo"),
        ('{"wav": "a.wav", "emo": "Q"}', "line 1: unknown emotion label 'Q'"),
        (
            '{"wav": "z.wav", "emo": "sad"}',
            r"1 of the 1 files that .* lists is not there, the first is .*z\.wav",
        ),
        ("", "lists no clips"),
    ],
)
def test_says_what_is_wrong_with_a_list(tmp_path: Path, line: str, message: str) -> None:
    path = text(sounds(tmp_path, "a.wav") / "made.jsonl", [line])
    with pytest.raises(CorpusError, match=message):
        datasets.read(path, format="emobox")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorpusError, match="cannot be read"):
        datasets.read(path, format="emobox")
    (tmp_path / "label_map.json").write_text("[1]")
    with pytest.raises(CorpusError, match="is no label map"):
        datasets.read(path, format="emobox")


def test_emobox_lists_of_real_corpora_agree_with_their_names(data_dir: Path) -> None:
    seen = 0
    for name in ("emodb", "ravdess", "savee"):
        folder, audio = data_dir / "emobox" / name, data_dir / "audio" / name
        if not folder.is_dir() or not audio.is_dir():
            continue
        listed = {e.file: e.gold for e in datasets.read(folder, audio=audio)}
        assert listed == {e.file: e.gold for e in corpora.read(name, data_dir)}
        for split in splits.emobox(corpora.read(name, data_dir), folder):
            fold = Counter(e.split for e in datasets.read(folder, audio=audio, split=split.name.split()[1]))
            assert fold == {"train": len(split.train), "test": len(split.test)}
        seen += 1
    if not seen:
        pytest.skip("no EmoBox lists with their corpora in the data folder")


def database(folder: Path) -> Any:
    audformat = pytest.importorskip("audformat")
    db = audformat.Database("made", languages=["deu"], license="CC0 1.0")
    db.raters["gold"] = audformat.Rater("human")
    db.raters["r1"], db.raters["r2"] = audformat.Rater("human"), audformat.Rater("human")
    db.splits["test"] = audformat.Split("test")
    db.schemes["emotion"] = audformat.Scheme(labels=["anger", "happiness"])
    db.schemes["speaker"] = audformat.Scheme(labels={"s1": {"gender": "female"}, "s2": {"gender": "male"}})
    db.schemes["transcription"] = audformat.Scheme(labels={"t1": "Wörter."})
    db.schemes["arousal"] = audformat.Scheme("float", minimum=1, maximum=7)
    db["files"] = audformat.Table(audformat.filewise_index(["wav/a.wav", "wav/b.wav"]))
    for column, values in (
        ("speaker", ["s1", "s2"]),
        ("transcription", ["t1", None]),
        ("arousal", [7.0, 2.5]),
    ):
        db["files"][column] = audformat.Column(scheme_id=column)
        db["files"][column].set(values)
    index = audformat.segmented_index(["wav/a.wav", "wav/b.wav"], ["0.5s", "0s"], ["1.5s", None])
    db["emotion.test"] = audformat.Table(index, split_id="test")
    for column, rater, values in (
        ("emotion", "gold", ["anger", "happiness"]),
        ("one", "r1", ["anger", "happiness"]),
        ("two", "r2", ["happiness", None]),
    ):
        db["emotion.test"][column] = audformat.Column(scheme_id="emotion", rater_id=rater)
        db["emotion.test"][column].set(values)
    db.save(str(folder), storage_format="csv")
    sounds(folder, "wav/a.wav", "wav/b.wav")
    return db


def test_an_audformat_database_gives_all_that_it_knows(tmp_path: Path) -> None:
    database(tmp_path)
    assert datasets.recognise(tmp_path)[0] == "audformat"
    one, two = datasets.read(tmp_path)
    assert one == Example(
        file=str(tmp_path / "wav" / "a.wav"),
        gold="anger",
        segment=Segment(0.5, 1.5, "s1"),
        speaker="s1",
        gender="female",
        language="de",
        text="Wörter.",
        corpus="made",
        split="test",
        licence="CC0 1.0",
        votes=("anger", "happiness"),
        raters=("r1", "r2"),
        soft={"anger": 0.5, "happiness": 0.5},
        arousal=1.0,
        scale="1..7",
    )
    assert (two.segment, two.gender, two.votes, two.arousal, two.text) == (
        None,
        "male",
        ("happiness",),
        -0.5,
        None,
    )
    with pytest.raises(CorpusError, match=r"has the tables .*: one of them needs a column emotion"):
        datasets.read(tmp_path, split="other")


def test_audformat_goes_out_and_comes_back(tmp_path: Path) -> None:
    examples = [
        dataclasses.replace(e, corpus="made", licence="CC0 1.0", valence=0.5 if e.gold == "fear" else None)
        for e in placed(tmp_path / "sounds")
    ]
    votes = {"votes": ("calm", "fear"), "raters": ("r1", "r2"), "soft": {"calm": 0.5, "fear": 0.5}}
    examples[2] = dataclasses.replace(examples[2], **votes)
    datasets.write(examples, tmp_path / "db", format="audformat")
    back = datasets.read(tmp_path / "db")
    assert [dataclasses.replace(e, file=str(Path(e.file).resolve())) for e in back] == examples
    with pytest.raises(CorpusError, match="there are no examples to write"):
        datasets.write([], tmp_path / "none", format="audformat")
    with pytest.raises(CorpusError, match=r"a\.wav is listed twice, which an audformat table cannot hold"):
        datasets.write([examples[0], examples[0]], tmp_path / "twice", format="audformat")
    (tmp_path / "db" / "db.yaml").write_text("[broken")
    with pytest.raises(CorpusError, match="cannot be read as an audformat database"):
        datasets.read(tmp_path / "db")


def test_sensevoice_lists(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "key": "a",
            "text_language": "<|zh|>",
            "emo_target": "<|HAPPY|>",
            "target": "几个字",
            "source": "/x/a.wav",
        },
        {"key": "b", "emo_target": "<|EMO_UNKNOWN|>", "target": "Some words.", "source": "b.wav"},
        {
            "key": "c",
            "target": "<|en|><|SAD|><|Speech|><|withitn|>Some words.",
            "source": "c.wav",
            "speaker": 7,
        },
    ]
    path = text(sounds(tmp_path, "a.wav", "b.wav", "c.wav") / "t.jsonl", [json.dumps(row) for row in rows])
    assert datasets.recognise(path)[0] == "sensevoice"
    found = [(Path(e.file).name, e.gold, e.language, e.text, e.speaker) for e in datasets.read(path)]
    assert found == [
        ("a.wav", "happiness", "zh", "几个字", None),
        ("b.wav", None, None, "Some words.", None),
        ("c.wav", "sadness", "en", "Some words.", "7"),
    ]
    text(path, [json.dumps(rows[0] | {"emo_target": "<|GLEEFUL|>"})])
    with pytest.raises(CorpusError, match="line 1: unknown emotion label 'GLEEFUL'"):
        datasets.read(path)
    text(path, ['{"target": "x"}'])
    with pytest.raises(CorpusError, match="line 1 has no source"):
        datasets.read(path, format="sensevoice")


def chosen(who: Any, *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"completed_by": who, "result": list(results), **more}


def choice(name: str, **value: Any) -> dict[str, Any]:
    return {"type": "choices", "from_name": "emotion", "value": {"choices": [name], **value}}


def test_label_studio_exports(tmp_path: Path) -> None:
    region = {"type": "labels", "value": {"start": 0.501, "end": 2.0, "channel": 1, "labels": ["Angry"]}}
    again = {"type": "labels", "value": {"start": 0.504, "end": 2.003, "channel": 1, "labels": ["Sad"]}}
    tasks = [
        {
            "id": 1,
            "data": {"audio": "/data/upload/3/0a1b2c3d-a.wav", "speaker": "x", "language": "de"},
            "annotations": [
                chosen(1, choice("Happy")),
                chosen(
                    {"id": 2, "email": "b@example.org"}, choice("Happy"), {"type": "textarea", "value": {}}
                ),
                chosen(3, choice("Sad")),
                chosen(4, choice("Sad"), was_cancelled=True),
            ],
        },
        {
            "id": 2,
            "data": {"audio": "/data/local-files/?d=deep/b.wav"},
            "annotations": [chosen(1, region), chosen(3, again)],
        },
    ]
    path = text(sounds(tmp_path, "a.wav", "deep/b.wav") / "export.json", [json.dumps(tasks)])
    assert datasets.recognise(path)[0] == "labelstudio"
    one, two = datasets.read(path)
    assert (Path(one.file).name, one.gold, one.speaker, one.language) == ("a.wav", "happiness", "x", "de")
    assert one.votes == ("happiness", "happiness", "sadness") and one.raters == ("1", "b@example.org", "3")
    assert (two.segment, two.gold) == (Segment(0.5, 2.0, None, 1), None)
    assert two.votes == ("anger", "sadness") and two.file.endswith("deep/b.wav")


def test_label_studio_min_exports(tmp_path: Path) -> None:
    tasks = [
        {"audio": "https://x.org/s/a.wav", "emotion": "Happy", "annotator": 1, "id": 5, "lead_time": 2.5},
        {"audio": "https://x.org/s/a.wav", "emotion": {"choices": ["Calm"]}, "annotator": 2},
        {"audio": "b.wav", "regions": [{"start": 0, "end": 1.5, "labels": ["Fear"]}], "annotator": 2},
    ]
    path = text(sounds(tmp_path, "a.wav", "b.wav") / "min.json", [json.dumps(tasks)])
    one, two = datasets.read(path)
    assert (one.votes, one.raters, one.gold) == (("happiness", "calm"), ("1", "2"), None)
    assert (two.segment, two.gold) == (Segment(0.0, 1.5), "fear")


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({"a": 1}, "is no export of Label Studio: export the project as JSON"),
        ([{"id": 4, "data": {"image": "x.png"}}], "task 4 has no sound: its data need one of audio"),
        ([{"data": {"audio": "a.wav"}, "annotations": []}], "has 1 tasks and no choice in them"),
        ([{"data": {"audio": "a.wav"}, "annotations": [chosen(1, choice("Meh"))]}], "label 'Meh'; known"),
        ([{"data": {"audio": "z.wav"}, "annotations": [chosen(1, choice("Sad"))]}], "1 of the 1 files"),
        ([{"data": {"audio": "a.wav"}, "annotations": ["x"]}], "is no export of Label Studio"),
        (
            [{"data": {"audio": "a.wav"}, "annotations": [chosen(1, choice("Sad", start="x", end=1))]}],
            "is no export of Label Studio",
        ),
    ],
)
def test_says_what_is_wrong_with_an_export(tmp_path: Path, tasks: Any, message: str) -> None:
    path = text(sounds(tmp_path, "a.wav") / "export.json", [json.dumps(tasks)])
    with pytest.raises(CorpusError, match=message):
        datasets.read(path, format="labelstudio")
    text(path, ["{"])
    with pytest.raises(CorpusError, match="cannot be read as JSON"):
        datasets.read(path, format="labelstudio")


def test_textgrids(tmp_path: Path) -> None:
    pytest.importorskip("praatio")
    sounds(tmp_path, "call.flac", "deep/one.wav")
    grid(
        tmp_path / "call.TextGrid",
        Anna_emotion=[(0, 1, "Angry"), (1, 2, ""), (2, 3, "neutral")],
        Ben_emotion=[(0, 1.5, "sad")],
        Anna_text=[(0, 0.5, "Two"), (0.5, 1, "words"), (2, 3, "more")],
        Ben_phones=[(0, 1, "x")],
    )
    grid(tmp_path / "deep" / "one.TextGrid", whatever=[(0.5, 1, "happy")])
    assert datasets.recognise(tmp_path)[0] == "textgrid"
    found = [(e.gold, e.segment, e.text, Path(e.file).name) for e in datasets.read(tmp_path)]
    assert found == [
        ("anger", Segment(0, 1, "Anna"), "Two words", "call.flac"),
        ("sadness", Segment(0, 1.5, "Ben"), None, "call.flac"),
        ("neutral", Segment(2, 3, "Anna"), "more", "call.flac"),
        ("happiness", Segment(0.5, 1), None, "one.wav"),
    ]


def test_says_what_is_wrong_with_a_textgrid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("praatio")
    path = grid(tmp_path / "a.TextGrid", Anna_text=[(0, 1, "x")], Ben_text=[(0, 1, "y")])
    with pytest.raises(
        CorpusError, match=r"has the tiers Anna - text, Ben - text: call the labelled one emotion"
    ):
        datasets.read(path)
    grid(path, emotion=[(0, 1, "meh")])
    with pytest.raises(CorpusError, match=r"a\.TextGrid, tier emotion, 0 s: unknown emotion label 'meh'"):
        datasets.read(path)
    grid(path, emotion=[(0, 1, "sad")])
    with pytest.raises(CorpusError, match=r"1 of the 1 files .* the first is .*a\.wav"):
        datasets.read(path)
    path.write_text("no grid")
    with pytest.raises(CorpusError, match="cannot be read as a TextGrid"):
        datasets.read(path)
    (tmp_path / "bare").mkdir()
    with pytest.raises(CorpusError, match="bare holds no TextGrid"):
        datasets.read(tmp_path / "bare", format="textgrid")
    monkeypatch.setitem(sys.modules, "praatio", None)
    with pytest.raises(MissingExtraError, match=r"reading TextGrids needs praatio.*hearfelt\[data\]"):
        datasets.read(path)


def test_the_door_knows_corpora_by_name_and_by_folder(tmp_path: Path) -> None:
    folder = sounds(tmp_path / "my files", "Actor_07/03-01-02-01-01-01-07.wav")
    assert datasets.read(f"RAVDESS:{folder}") == corpora.read_folder("ravdess", folder)
    assert datasets.read(folder, format="ravdess", labels="ekman7")[0].gold == "neutral"
    named = sounds(tmp_path / "RAVDESS", "03-01-02-01-01-01-07.wav")
    assert datasets.recognise(named) == ("ravdess", named)
    # A folder per class that happens to be called like a corpus is read as that corpus.
    assert datasets.recognise(sounds(tmp_path / "tess", "OAF_angry/OAF_back_angry.wav"))[0] == "tess"
    strange = sounds(named, "strange.wav")
    with pytest.raises(CorpusError, match="does not fit the names of RAVDESS"):
        datasets.read(strange)
    assert len(datasets.read(strange, strict=False)) == 1


def test_the_door_maps_labels(tmp_path: Path) -> None:
    folder = sounds(tmp_path, "stressed/1.wav", "angry/2.wav", "music/3.wav")
    found = datasets.read(folder, labels={"stressed": "stress", "angry": "anger", "music": None})
    assert [e.gold for e in found] == ["anger", "stress"]
    with pytest.raises(CorpusError, match=r"1\.wav: the label map given has no 'stressed'; known: angry"):
        datasets.read(folder, labels={"angry": "anger", "music": None})


def test_the_door_says_what_it_understands(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError,
        match=r"nowhere is not there: give the path of a table or folder, or the name of a corpus",
    ):
        datasets.read(tmp_path / "nowhere")
    (tmp_path / "void").mkdir()
    with pytest.raises(CorpusError, match=r"the folder .*void is empty: put clips into a folder per class"):
        datasets.read(tmp_path / "void")
    (tmp_path / "x.pdf").write_bytes(b"x")
    with pytest.raises(
        CorpusError,
        match=r"cannot tell what .*x\.pdf is: name it .* with one of audformat .*, or a known corpus",
    ):
        datasets.read(tmp_path / "x.pdf")
    with pytest.raises(
        OptionError, match="unknown format or corpus 'frog'; known: audformat, nkululeko, table"
    ):
        datasets.read(f"frog:{tmp_path}")
    with pytest.raises(CorpusError, match=r"gone is not there: give the path of RAVDESS"):
        datasets.read(f"ravdess:{tmp_path / 'gone'}")
    with pytest.raises(
        OptionError, match="unknown format to write 'textgrid'; known: audformat, nkululeko, table"
    ):
        datasets.write([], tmp_path / "x", format="textgrid")
    with pytest.raises(
        OptionError, match=r"cannot tell from 'x' what to write: end it with \.csv or \.parquet"
    ):
        datasets.write([], tmp_path / "x")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_pass_through_the_door(tmp_path: Path, ending: str) -> None:
    examples = placed(tmp_path)
    path = tmp_path / f"table.{ending}"
    datasets.write(examples, path)
    assert datasets.recognise(path) == ("table", path)
    assert datasets.read(path) == examples
    (tmp_path / "corpus" / "audio").mkdir(parents=True)
    sounds(tmp_path / "corpus" / "audio", "a.wav")
    text(tmp_path / "corpus" / "manifest.csv", ["file,gold,valence", "a.wav,anger,5"])
    (one,) = datasets.read(tmp_path / "corpus", scale="1..5")
    assert (one.file, one.valence) == (str(tmp_path / "corpus" / "audio" / "a.wav"), 1.0)


def test_the_page_names_every_format_corpus_and_map() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for name in (*FORMATS, *corpora.CORPORA, *labelmap.names()):
        assert f"`{name}`" in page, name
    for corpus in corpora.CORPORA.values():
        assert f"{corpus.title}: {corpus.about} |" in page and f"| {corpus.licence} |" in page
