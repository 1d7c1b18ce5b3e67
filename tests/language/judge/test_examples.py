"""Examples chosen by likeness: which are taken, which never, what is read and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import CorpusError, ModelError, OptionError
from hearfelt.language.judge import Examples, Shot, ShotOptions, open_table
from hearfelt.language.judge.cache import Cache
from hearfelt.language.judge.examples import load
from hearfelt.language.judge.similar import SentenceEncoder, Texts, same
from hearfelt.language.words.text import TextModel

POOL = [
    Shot("I am so angry at this company", "anger"),
    Shot("you make me furious every day", "anger"),
    Shot("thank you so much, that is lovely", "happiness"),
    Shot("what a wonderful birthday", "happiness"),
    Shot("my dog died and I miss him", "sadness"),
    Shot("the meeting is at noon", "neutral"),
]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder()


def labels(found: tuple[Shot, ...]) -> list[str]:
    return [shot.label for shot in found]


def test_sentences_felt_alike_are_found_though_they_share_no_word(encoder: SentenceEncoder) -> None:
    examples = Examples(POOL, ShotOptions(2), encoder=encoder)
    assert labels(examples.like("Grandma passed away last night.")[:1]) == ["sadness"]
    assert labels(examples.like("They treat customers outrageously!")[:1]) == ["anger"]
    assert set(labels(examples.like("Congratulations, how great!"))) == {"happiness"}


def test_the_vector_is_the_layer_below_the_logits(encoder: SentenceEncoder) -> None:
    """The head of the network, applied to the vector, gives the text model's own logits."""
    import onnx
    from onnx import numpy_helper

    from hearfelt.language.words.text import WEIGHTS

    graph = onnx.load(str(WEIGHTS / "model.onnx")).graph
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    head = next(node for node in graph.node if list(node.output) == ["logits"])
    transposed = any(a.name == "transB" and a.i for a in head.attribute)
    weight = held[head.input[1]].T if transposed else held[head.input[1]]
    (raw,) = encoder._session.run(["mean"], {"input_ids": np.array([ids_of(encoder, "I am sad")])})
    logits = raw[0] @ weight + held[head.input[2]]
    np.testing.assert_allclose(logits, TextModel.load().logits("I am sad"), atol=1e-3)
    assert np.linalg.norm(encoder.encode("I am sad")) == pytest.approx(1)
    assert encoder.encode("word " * 500).shape == (encoder.size,)


def ids_of(encoder: SentenceEncoder, text: str) -> list[int]:
    found: list[int] = encoder._tokenizer.encode(text).ids
    return found


def test_chinese_is_compared_by_its_signs(encoder: SentenceEncoder) -> None:
    pool = [Shot("我真的很生气", "anger"), Shot("今天天气不错", "neutral"), Shot("I am angry", "anger")]
    examples = Examples(pool, ShotOptions(3), encoder=encoder)
    assert examples.like("他很生气")[0].text == "我真的很生气"
    assert not encoder.encode("我真的很生气").any()


def test_the_utterance_itself_is_never_shown_nor_any_text_twice() -> None:
    pool = [*POOL, Shot("The MEETING is at noon!", "anger"), Shot("you make me  furious every day", "fear")]
    examples = Examples(pool, ShotOptions(32))
    found = examples.like("the meeting is at noon")
    assert "noon" not in " ".join(shot.text for shot in found)
    assert len(found) == 5 and len({same(shot.text) for shot in found}) == 5
    assert Examples([], ShotOptions(2)).like("x") == ()


def test_balanced_examples_come_one_of_each_label_first() -> None:
    examples = Examples(POOL, ShotOptions(4, balanced=True))
    assert set(labels(examples.like("I am so angry at you, furious"))) == {
        "anger",
        "happiness",
        "sadness",
        "neutral",
    }
    six = Examples(POOL, ShotOptions(6, balanced=True)).like("angry")
    assert sorted(labels(six)) == ["anger", "anger", "happiness", "happiness", "neutral", "sadness"]


pieces = st.sampled_from(["ab", "cd", "生", "气", "angry", "glad", "!", "😡"])
words = st.lists(pieces, min_size=1, max_size=4).map(" ".join)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(words, st.sampled_from(["anger", "neutral", "fear"])), max_size=12),
    words,
    st.integers(1, 6),
    st.booleans(),
)
def test_what_must_hold_of_any_choice(
    pool: list[tuple[str, str]], text: str, count: int, balanced: bool
) -> None:
    examples = Examples([Shot(*pair) for pair in pool], ShotOptions(count, balanced))
    found = examples.like(text)
    others = {same(said) for said, _ in pool} - {same(text)}
    assert same(text) not in {same(shot.text) for shot in found}
    assert len({same(shot.text) for shot in found}) == len(found) <= count
    if not balanced:
        assert len(found) == min(count, len(others))
    assert found == examples.like(text), "the same question, the same examples"
    likeness = examples._texts.likeness(text)
    assert (likeness <= 1 + 1e-5).all() and (likeness >= 0).all()
    chosen = [likeness[place] for place in examples.places(text)]
    assert chosen == sorted(chosen, reverse=True)
    for place, (said, _) in enumerate(pool):
        if said == text:
            assert likeness[place] == pytest.approx(1, abs=1e-5)


def test_vectors_are_kept_without_any_text_and_broken_ones_made_anew(
    encoder: SentenceEncoder, tmp_path: Path
) -> None:
    texts = [shot.text for shot in POOL]
    counted: list[int] = []
    first = Texts(texts, encoder, Cache(tmp_path), counted.append)
    assert counted == [len(POOL)]
    (file,) = tmp_path.rglob("*.json")
    assert not [word for text in texts for word in text.split() if len(word) > 4 and word in file.read_text()]

    class Silent:
        identity, size = encoder.identity, encoder.size

        def encode(self, text: str) -> Any:
            return encoder.encode(text) if text == "angry" else 1 / 0

    again = Texts(texts, Silent(), Cache(tmp_path))  # type: ignore[arg-type]
    np.testing.assert_allclose(again.likeness("angry"), first.likeness("angry"), atol=1e-6)
    for junk in ("", "[]", '{"vectors": 3}', '{"vectors": "AAAA"}', '{"vectors": "%"}'):
        file.write_text(junk)
        anew = Texts(texts, encoder, Cache(tmp_path))
        np.testing.assert_allclose(anew.likeness("angry"), first.likeness("angry"), atol=1e-6)


def test_tables_are_read_from_csv_json_lines_and_parquet(tmp_path: Path) -> None:
    rows = [
        {"text": "Go away!", "label": "angry", "cues": "louder; faster", "speaker": "ana"},
        {"text": "好的", "label": "中性", "cues": "", "speaker": ""},
        {"text": " ", "label": "fear", "cues": "", "speaker": ""},
        {"text": "What?", "label": "", "cues": "", "speaker": ""},
        {"text": "Hm", "label": "boredom", "cues": "", "speaker": ""},
    ]
    table = tmp_path / "a.csv"
    lines = [
        "text;label;cues;speaker",
        *(f'{r["text"]};{r["label"]};"{r["cues"]}";{r["speaker"]}' for r in rows),
    ]
    table.write_text("\n".join(lines), encoding="utf-8-sig")
    lined = tmp_path / "a.jsonl"
    lined.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    import pyarrow
    import pyarrow.parquet

    packed = tmp_path / "a.parquet"
    listed = [{**row, "cues": row["cues"].split("; ") if row["cues"] else None} for row in rows]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(listed), packed)
    wanted = [Shot("Go away!", "anger", ("louder", "faster"), "ana"), Shot("好的", "neutral")]
    for path in (table, lined, packed):
        assert load(path) == (wanted, {"no text": 1, "no label": 1, "boredom": 1}), path.name
    examples = open_table(table, options=ShotOptions(1), keep=False)
    assert examples.about == "2 labelled utterances (anger 1, neutral 1), 1 shown each time"


def test_a_manifest_and_other_peoples_tables_are_read(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("file,text,gold,votes\nnot/there.wav,Hello,neutral,a=fear\n", encoding="utf-8")
    assert load(manifest)[0] == [Shot("Hello", "neutral")]
    other = tmp_path / "o.csv"
    other.write_text("Utterance,Emotion,label\nHello,joy,4\n", encoding="utf-8")
    assert load(other)[0] == [Shot("Hello", "happiness")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "is not there: give a table of labelled utterances"),
        ("a.csv", "words,label\nx,anger\n", "no column text or utterance or sentence, only words, label"),
        (
            "a.csv",
            "",
            "no column text or utterance or sentence and no column gold or emotion or label, only none",
        ),
        ("a.csv", "text,label\nx,bored\n", "no labelled utterance that can be shown: bored (1); wanted are"),
        ("a.csv", "text,label\n", "no labelled utterance that can be shown: no rows"),
        ("a.csv", b"text,label\n\xff\xfe,anger\n", "cannot be read ("),
        ("a.jsonl", '{"text": "x"', "cannot be read ("),
        ("a.jsonl", "[1]", "line 1 is no JSON object"),
        ("a.parquet", "nope", "give a CSV table in UTF-8, JSON Lines, or Parquet"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(
    tmp_path: Path, name: str, content: str | bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CorpusError) as caught:
        load(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_odd_options_are_refused(tmp_path: Path) -> None:
    for count in (0, 33):
        with pytest.raises(OptionError, match=f"{count} examples were asked for: show 1 to 32, such as 4"):
            ShotOptions(count)
    with pytest.raises(ModelError, match="holds no text model whose sentences can be compared"):
        SentenceEncoder(tmp_path)
