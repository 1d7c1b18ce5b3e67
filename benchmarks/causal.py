"""Low-rank adapters on a small causal language model with random weights, on MELD beside the majority class.

    python benchmarks/causal.py [--quick] [--base FOLDER] [--corpus meld] [--lines 2000] [--run FOLDER]

It shows that learning, answering and scoring hold together and what they cost on a CPU; it says nothing of a
pretrained model, which ``--base`` names. Without it a Llama of 2 layers and 64 units is made with random
weights, its byte-level tokenizer learnt from the training lines. Protocol: official split, the first
``--lines`` training lines, one pass, no choices; the test part is scored once, labels by their likelihood.
``--quick`` learns from 200 lines and scores 200.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from hearfelt.datasets import dialogue  # noqa: E402
from hearfelt.datasets.dialogue import Dialogues  # noqa: E402
from hearfelt.training.causal import run  # noqa: E402
from hearfelt.training.causal.model import CausalModel  # noqa: E402
from hearfelt.training.causal.options import CausalLoop, CausalOptions  # noqa: E402
from hearfelt.training.dialogue.base import Setting  # noqa: E402
from hearfelt.training.dialogue.models import Majority  # noqa: E402
from hearfelt.training.dialogue.options import DialogueRecipe  # noqa: E402
from hearfelt.training.watch import How, say  # noqa: E402

DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))


def random_model(folder: Path, texts: Sequence[str]) -> Path:
    """A small Llama with random weights and a tokenizer learnt from the texts."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "llama",
        vocab_size=len(fast),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        initializer_range=0.2,  # with 0.02 no state of 64 numbers could be sure of a word
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def cut(table: Dialogues, learnt: int, judged: int | None) -> Dialogues:
    """A table with its first training lines and its first lines of the other parts."""
    train, dev, test = (table.part(name) for name in dialogue.SPLITS)
    return replace(table, lines=(*train[:learnt], *dev[:judged], *test[:judged]))


def measure(corpus: str, base: str, learnt: int, quick: bool, folder: Path) -> dict[str, Any]:
    """Figures of the adapters and of the majority class on the test part."""
    table = cut(dialogue.read(corpus, DATA), 200 if quick else learnt, 200 if quick else None)
    named = base or "random Llama, 2 layers, 64 units"
    if not base:
        base = str(random_model(folder / "base", [line.text for line in table.part("train")]))
    options = CausalOptions(
        base,
        rank=16,
        alpha=32,
        dropout=0.0,
        window=1,
        max_tokens=128,
        loop=CausalLoop(epochs=1, batch=16, accumulate=1, learning_rate=3e-3, bf16=False),
    )
    setting = Setting(DialogueRecipe(), table.labels, table.measures, folder, say, How(device="auto"))
    model = CausalModel(table.labels, options, folder / "causal", report=say)
    rows = {"majority": run.judged(Majority(setting), table), "causal": run.judged(model, table)}
    kept = ("accuracy", "weighted_f1", "weighted_f1_ci95", "macro_f1", "ece", "fit_s", "predict_s")
    return {
        "corpus": corpus,
        "base": named,
        "training_lines": len(table.part("train")),
        "test_lines": len(table.part("test")),
        "loss_nats_a_token": [round(epoch["nats_a_token"], 4) for epoch in model.history_],
        "models": {
            name: {
                key: [round(end, 4) for end in row[key]] if key.endswith("ci95") else round(row[key], 4)
                for key in kept
            }
            for name, row in rows.items()
        },
        "quick": quick,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="200 lines to learn, 200 to score")
    parser.add_argument("--base", default="", help="folder of a causal language model (default: random)")
    parser.add_argument("--corpus", default="meld", help="a known corpus of dialogue, or a table")
    parser.add_argument("--lines", type=int, default=2000, help="training lines")
    parser.add_argument("--run", type=Path, help="folder for checkpoints; gone on from")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.run or Path(made)
        print(json.dumps(measure(given.corpus, given.base, given.lines, given.quick, folder)))


if __name__ == "__main__":
    main()
