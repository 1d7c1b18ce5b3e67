"""Several text models: each text goes to the one that reads its language."""

from __future__ import annotations

import numpy as np
import pytest

from hearfelt.errors import OptionError
from hearfelt.labels import EKMAN7
from hearfelt.language.words import identify
from hearfelt.language.words.cped import EKMAN, LABELS
from hearfelt.language.words.readers import Readers
from hearfelt.language.words.text import TextModel, TextOptions
from hearfelt.pipeline import weights
from hearfelt.types import Segment

HERE = Segment(0.0, 1.0)


class Session:
    """Answers every text with the logits of one label."""

    def __init__(self, label: str) -> None:
        self.logits = np.array([[4.0 * (label == other) for other in LABELS]], np.float32)

    def run(self, _: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert given["input_ids"].shape[1] <= 16
        return [self.logits]


def chinese_model(label: str = "happy", options: TextOptions | None = None) -> TextModel:
    """A Chinese text model whose network is made up; all else is real."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    signs = {sign: place for place, sign in enumerate(["<s>", "</s>", "<unk>", *"我真的很难过谢你好怎么了"])}
    tokenizer = Tokenizer(models.WordLevel(signs, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    groups = np.zeros((13, 7))
    for place, fine in enumerate(LABELS):
        if fine in EKMAN:
            groups[place, EKMAN7.index(EKMAN[fine])] = 1.0
    card = {
        "name": "zh",
        "scheme": "cped",
        "languages": ["zh"],
        "features": {"options": {"max_tokens": 16}},
        "distribution": {"weights": groups.tolist(), "bias": [0.0] * 7},
        "temperature": 1.0,
        "thresholds": [0.01 if fine == "grateful" else 1.0 for fine in LABELS],
    }
    return TextModel(Session(label), tokenizer, card, options or TextOptions())


@pytest.fixture(scope="module")
def readers() -> Readers:
    """The shipped English model and the Chinese one."""
    return Readers([TextModel.load(), chinese_model()])


def sources(readers: Readers, *texts: str, language: str | None = None) -> list[str | None]:
    found = readers.predict([(text, HERE) for text in texts], language)
    return [evidence.source if evidence else None for evidence in found]


def test_each_text_goes_to_the_model_of_its_language(readers: Readers) -> None:
    assert readers.languages == ("en", "zh")
    assert sources(readers, "This is the third time it has been broken!", "这已经是第三次坏了！") == [
        "words/goemotions",
        "words/zh",
    ]
    assert sources(readers, "这太过分了", language="zh") == ["words/zh"]
    assert sources(readers, "好的") == ["words/zh"]
    assert sources(readers, "😂😂", language="zh") == ["words/goemotions"]


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        (
            "Das dauert jetzt schon eine Stunde und niemand hilft mir.",
            None,
            "the words seem to be German; the text models read English and Chinese only",
        ),
        (
            "ありがとうございます、本当に嬉しいです。",
            None,
            "the words are not written in Latin letters; the text models read English and Chinese only",
        ),
        ("……", "zh", "there are no words in the text"),
        ("123", None, "there are no words in the text"),
    ],
)
def test_what_no_model_reads_has_a_reason(
    readers: Readers, text: str, language: str | None, reason: str
) -> None:
    assert readers.predict([(text, HERE)], language) == [None]
    assert readers.why_not(text, language) == reason


def test_chinese_evidence_says_where_it_comes_from(readers: Readers) -> None:
    (evidence,) = readers.predict([("谢谢你，你真好！", HERE)])
    assert evidence is not None and evidence.emotion.labels == EKMAN7
    assert evidence.emotion.label == "happiness" and evidence.note == "words point to happiness (happy 0.82)"
    assert set(evidence.details["cped"]) == set(LABELS)
    assert sum(evidence.details["cped"].values()) == pytest.approx(1, abs=1e-3)
    assert evidence.details["language"] == "zh" and evidence.details["n_words"] == 3
    assert evidence.details["sentiment"]["positive"] > evidence.details["sentiment"]["negative"]


def test_where_labels_exclude_one_another_one_is_said(readers: Readers) -> None:
    (evidence,) = readers.predict([("谢谢你", HERE)])
    assert evidence is not None
    assert evidence.details["said"] == ["grateful"]  # 0.015 / 0.01 is more than 0.82 / 1


def test_a_long_chinese_text_is_read_in_windows(readers: Readers) -> None:
    (evidence,) = readers.predict([("我真的很难过 " * 20_000, HERE)])
    assert evidence is not None and evidence.emotion.label == "happiness"


def test_the_pieces_of_a_text_without_spaces_are_tried_one_by_one() -> None:
    model = chinese_model(options=TextOptions(explain=True))
    (evidence,) = model.predict([("我真的很难过", HERE)])
    assert evidence is not None and evidence.details["words"] == []  # none of them changes what is made up
    assert model._pieces("我真的很难过", 40) == list("我真的很难过")


def test_auto_is_every_shipped_text_model() -> None:
    assert weights.texts("auto")[0] == "words" and weights.texts("mine") == ["mine"]


def test_japanese_and_korean_are_not_taken_for_chinese() -> None:
    assert identify.han_share("我很生气") == 1.0
    assert (
        identify.han_share("本当に嬉しい")
        == identify.han_share("감사합니다")
        == identify.han_share("…")
        == 0.0
    )
    assert identify.count("我很生气 ok") == 3 and identify.count("two words") == 2


def test_no_model_at_all_is_refused() -> None:
    with pytest.raises(OptionError, match="no text model was given: name at least one"):
        Readers([])
