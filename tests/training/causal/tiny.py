"""Tiny language models with random weights, whose tokenizer is made on the spot."""

from __future__ import annotations

from pathlib import Path

from hearfelt.datasets.dialogue import Line

LABELS = ("anger", "joy", "sadness")

TALK = (
    ("a", "the parcel came today and it is lovely", "joy"),
    ("b", "mine never came , this is outrageous", "anger"),
    ("a", "oh no , i am so sorry", "sadness"),
    ("b", "the third time ! unbelievable", "anger"),
    ("a", "look , here it is", "joy"),
    ("b", "hooray , thank you", "joy"),
)


def lines(split: str = "train", dialogues: int = 1) -> tuple[Line, ...]:
    """Dialogues made by the project."""
    return tuple(
        Line(f"{split}{number}", place, who, said, label, split, language="en")
        for number in range(dialogues)
        for place, (who, said, label) in enumerate(TALK)
    )


def language_model(folder: Path, kind: str = "llama", *, longest: int = 512, seed: int = 0) -> Path:
    """A folder as transformers writes it, with a byte-level tokenizer learnt from the texts above."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, PreTrainedTokenizerFast

    from hearfelt.training.causal import questions

    texts = [said for _, said, _ in TALK] + [f" {label}" for label in LABELS]
    texts += [text for asked in questions._ASKED.values() for text in asked.values()]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts * 3, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(folder)
    sizes = {
        "vocab_size": len(fast) + 8,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": longest,
        "initializer_range": 0.3,  # with 0.02 no state of 32 numbers could be sure of a word
    }
    if kind in ("llama", "qwen2"):
        sizes["num_key_value_heads"] = 2
    torch.manual_seed(seed)
    config = AutoConfig.for_model(kind, **sizes)
    build = AutoModel if kind == "bert" else AutoModelForCausalLM
    build.from_config(config).save_pretrained(folder)
    return folder
