"""A tiny BERT and a made table of dialogue: everything is learnt in seconds, from nothing downloaded."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("sklearn")

import torch
import transformers

TEXTS = {
    "joy": "what a lovely day i love it",
    "anger": "go away i hate this",
    "neutral": "the train leaves at nine",
}


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as Hugging Face lays it out: two layers of width 16, random weights, a vocabulary of words."""
    folder = tmp_path_factory.mktemp("bert")
    words = sorted({word for text in TEXTS.values() for word in text.split()} | {"yes", "no", "!", "."})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    transformers.BertModel(config).save_pretrained(folder)
    ids = {piece: number for number, piece in enumerate(pieces)}
    special = [{"id": ids[p], "content": p} for p in pieces[:4]]
    for token in special:
        token |= dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "BertProcessing",
            "sep": ["[SEP]", ids["[SEP]"]],
            "cls": ["[CLS]", ids["[CLS]"]],
        },
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder


@pytest.fixture
def own_table(tmp_path: Path) -> Path:
    """Dialogues of four lines: an opening that tells its mood, and a "yes" that only the opening explains.

    Anger is loud.
    """
    rows = ["dialogue,number,speaker,text,label,avg_intensity,avg_pitch"]
    for number, mood in zip(range(36), itertools.cycle(TEXTS)):
        loud = 70 if mood == "anger" else 55
        for place, (who, text) in enumerate(
            (("ana", TEXTS[mood]), ("ben", "yes"), ("ana", "no"), ("ben", "yes"))
        ):
            rows.append(f"d{number},{place},{who},{text},{mood},{loud + place},{180 + number}")
    path = tmp_path / "talks.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path
