"""The shipped text model: right on plain sentences, silent where it cannot read, the same however asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import ModelError
from hearfelt.labels import EKMAN7
from hearfelt.language.words.goemotions import EKMAN, LABELS, MAX_CHARACTERS, SENTIMENT, normalize
from hearfelt.language.words.text import WEIGHTS, TextModel, TextOptions
from hearfelt.types import Evidence, Segment

HERE = Segment(1.0, 2.5, "customer", 1)


@pytest.fixture(scope="module")
def model() -> TextModel:
    return TextModel.load()


def read(model: TextModel, text: str, language: str | None = None) -> Evidence:
    found = model.predict([(text, HERE)], language)[0]
    assert found is not None, model.why_not(text, language)
    return found


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("This is outrageous, I hate this company!", "anger"),
        ("That is disgusting, I feel like throwing up.", "disgust"),
        ("I'm so scared something happened to her.", "fear"),
        ("Thank you so much, you are wonderful!", "happiness"),
        ("The office opens at nine and closes at five.", "neutral"),
        ("I'm so sorry for your loss, it breaks my heart.", "sadness"),
        ("Wow, I did not expect that at all!", "surprise"),
    ],
)
def test_plain_feelings_are_named(model: TextModel, text: str, label: str) -> None:
    evidence = read(model, text)
    assert evidence.emotion.label == label
    assert evidence.emotion.labels == EKMAN7
    assert sum(evidence.emotion.probabilities) == pytest.approx(1.0, abs=1e-5)


def test_a_transcript_without_punctuation_reads_the_same(model: TextModel) -> None:
    assert read(model, "this is outrageous i hate this company").emotion.label == "anger"


def test_evidence_says_where_it_comes_from(model: TextModel) -> None:
    evidence = read(model, "Thank you so much, you are wonderful!", "en-US")
    assert evidence.source == "words/goemotions"
    assert evidence.segment == HERE
    assert list(evidence.details["goemotions"]) == list(LABELS)
    assert evidence.details["language"] == "en"
    assert evidence.details["n_words"] == 7
    assert evidence.details["said"][0] in ("gratitude", "admiration")
    assert evidence.details["sentiment"]["positive"] > evidence.details["sentiment"]["negative"]
    assert evidence.emotion.valence is not None and evidence.emotion.valence > 0.5
    assert evidence.note.startswith("words point to happiness (")
    assert json.dumps(dict(evidence.details))


def test_more_words_deserve_more_weight(model: TextModel) -> None:
    assert read(model, "great").reliability < read(model, "great work on that project my friend").reliability
    assert 0 <= read(model, "ok").reliability <= 1


def test_neighbours_do_not_change_a_score(model: TextModel) -> None:
    texts = ["I hate it.", "Thank you so much for everything you have done for us this week.", "ok"]
    together = model.predict([(text, HERE) for text in texts], "en")
    alone = [model.predict([(text, HERE)], "en")[0] for text in texts]
    for a, b in zip(together, alone):
        assert a is not None and b is not None
        assert a.emotion.probabilities == b.emotion.probabilities


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        ("", None, "there are no words in the text"),
        ("... 42 !", None, "there are no words in the text"),
        (
            "Das ist unerträglich, ich rufe zum dritten Mal an.",
            None,
            "the words seem to be German; the text model reads English only",
        ),
        (
            "Das ist unerträglich, ich rufe zum dritten Mal an.",
            "en",
            "the words seem to be German; the text model reads English only",
        ),
        (
            "你好，我很生气 😡",
            None,
            "the words are not written in Latin letters; the text model reads English only",
        ),
        ("ja", "de", "the language is German; the text model reads English only"),
        (
            "hola",
            None,
            "the words are too short or too mixed to tell their language; the text model reads English only",
        ),
    ],
)
def test_what_it_cannot_read_yields_nothing_and_a_reason(
    model: TextModel, text: str, language: str | None, reason: str
) -> None:
    assert model.predict([(text, HERE)], language) == [None]
    assert model.why_not(text, language) == reason


def test_short_texts_take_the_language_of_the_dialogue(model: TextModel) -> None:
    english = [("I have been waiting for an hour and nobody helps me.", HERE), ("Juan!", HERE)]
    german = [("Ich warte seit einer Stunde und niemand hilft mir.", HERE), ("Juan!", HERE)]
    assert None not in model.predict(english)
    assert model.predict(german) == [None, None]
    assert model.predict([("Juan!", HERE)]) == [None]
    assert model.why_not("Juan!", "en") == ""


def test_yes_and_ok_alone_are_read_as_english_with_little_weight(model: TextModel) -> None:
    for text in ("yes", "ok", "Oh, thanks!"):
        assert read(model, text).details["language"] == "en"
    assert read(model, "ok").reliability < 0.4


def test_each_sentence_of_a_mixed_dialogue_is_judged_by_itself(model: TextModel) -> None:
    texts = [
        "I have been waiting for an hour and nobody is helping me with this.",
        "Das ist nicht zu ertragen, ich möchte jetzt Ihren Chef sprechen.",
        "Let me speak to your manager right now, please.",
    ]
    found = model.predict([(text, HERE) for text in texts])
    assert [evidence is None for evidence in found] == [False, True, False]


def test_an_emoji_alone_is_read_by_its_name_in_any_dialogue(model: TextModel) -> None:
    for language in (None, "en", "zh"):
        assert read(model, "😂😂", language).details["language"] == "und"
    crying, joyful = read(model, "😢").emotion, read(model, "😍").emotion
    assert crying.probability("sadness") > joyful.probability("sadness")
    assert joyful.probability("happiness") > crying.probability("happiness")


def test_a_hundred_kilobytes_are_read_in_windows(model: TextModel) -> None:
    long = "I hate this company and I am furious about it. " * 2200
    assert len(long) > 100_000
    assert read(model, long).emotion.label == "anger"
    one_word = "a" * 100_000
    assert model.predict([(one_word, HERE)], "en")[0] is not None


def test_a_text_of_several_windows_is_their_weighted_mean(model: TextModel) -> None:
    sentence = "this is terrible news and i am very sad about it "
    whole = model.logits(sentence * 12)
    size = model.card["features"]["options"]["max_tokens"]
    assert whole.shape == (28,)
    assert len(sentence.split()) * 12 > size
    assert model.distribution(whole)[EKMAN7.index("sadness")] > 0.5


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    model = _shared()
    found = model.predict([(text, HERE)], "en")[0]
    assert (found is None) == bool(model.why_not(text, "en"))
    clean = normalize(text)
    assert clean == clean.strip() and "  " not in clean and "\n" not in clean


_LOADED: list[TextModel] = []


def _shared() -> TextModel:
    if not _LOADED:
        _LOADED.append(TextModel.load())
    return _LOADED[0]


def test_the_words_that_carry_a_verdict_are_named(model: TextModel) -> None:
    found = model.explain("The man on the phone was kind but I am absolutely terrified of losing the house")
    assert found.label == "fear"
    assert "terrified" in found.words[0][0]
    assert all(drop > 0 for _, drop in found.words)
    assert found.note.startswith("'") and " to fear (fear 0." in found.note
    assert model.explain("The office opens at nine and closes at five.").note == "the words are neutral"
    assert "'thanks'" in model.explain("thanks").note


def test_explanations_come_on_request() -> None:
    explaining = TextModel.load(options=TextOptions(explain=True))
    evidence = read(explaining, "I am absolutely terrified of losing the house")
    assert any("terrified" in quote for quote in evidence.details["words"])
    assert "terrified" in evidence.note


def test_neither_torch_nor_transformers_is_needed() -> None:
    code = (
        "import sys; from hearfelt.language.words.text import TextModel; from hearfelt.types import Segment; "
        "assert TextModel.load().predict([('I hate it, really.', Segment(0, 1))])[0].emotion.label; "
        "print([m for m in ('torch', 'transformers', 'scipy', 'pandas', 'sklearn') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_shipped_card_is_whole(model: TextModel) -> None:
    card = model.card
    assert (card["kind"], card["licence"], card["commercial"]) == ("words", "Apache-2.0", True)
    assert card["labels"] == list(EKMAN7)
    assert card["scores"]["test_macro_f1"] >= 0.46
    assert card["scores"]["dev_macro_f1_torch_float32"] - card["scores"]["dev_macro_f1"] < 0.01
    size = sum((WEIGHTS / name).stat().st_size for name in ("model.onnx", "tokenizer.json", "model.json"))
    assert size <= 25e6
    assert f"{card['scores']['test_macro_f1']:.3f}" in (WEIGHTS / "CARD.md").read_text(encoding="utf-8")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model\.json in .*; a text model is a folder with model\.onnx"):
        TextModel.load(tmp_path)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "model.json").write_text('{"kind": "voice"}')
    with pytest.raises(ModelError, match=r"holds a model of kind 'voice'; a text model has kind 'words'"):
        TextModel.load(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(ModelError, match=r"model\.json is not JSON"):
        TextModel.load(tmp_path)


def test_broken_weights_are_refused(tmp_path: Path) -> None:
    for name in ("tokenizer.json", "model.json"):
        shutil.copy(WEIGHTS / name, tmp_path / name)
    (tmp_path / "model.onnx").write_bytes((WEIGHTS / "model.onnx").read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"the text model in .* is broken \(.*\); reinstall hearfelt"):
        TextModel.load(tmp_path)


def test_the_label_tables_hold_together() -> None:
    assert len(LABELS) == 28 and set(EKMAN) == set(LABELS)
    assert set(EKMAN.values()) == set(EKMAN7)
    grouped = [label for members in SENTIMENT.values() for label in members]
    assert sorted([*grouped, "neutral"]) == sorted(LABELS)


def test_a_text_is_cleaned_as_in_training() -> None:
    assert normalize("I’m  😂😂 sooooo\thappy!!!!!!") == "I'm face with tears of joy sooo happy!!!"
    assert normalize("👍🏽") == "thumbs up sign"
    assert normalize("\u200b\ufeff") == ""
    assert len(normalize("ab" * MAX_CHARACTERS)) == MAX_CHARACTERS


def test_groups_and_scores_on_the_corpus(model: TextModel, data_dir: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(data_dir / "text" / "goemotions" / "goemotions.parquet")
    for names, groups in zip(table["label_names"][:5000], table["ekman_names"][:5000]):
        ours = {EKMAN[name].replace("happiness", "joy") for name in names.split(",")}
        assert ours == set(groups.split(","))
    rows = table[(table["split"] == "test") & (table["n_labels"] == 1)].iloc[:300]
    hits = [
        model.distribution(model.logits(text)).argmax() == EKMAN7.index(EKMAN[name])
        for text, name in zip(rows["text"], rows["label_names"])
    ]
    assert np.mean(hits) > 0.6
