"""What the three ways to ask a language model cost in this process: processor time of one core a question.

    python benchmarks/asking.py [--quick]

The model is a Llama of random weights (nine million; with --quick half a million), with a tokenizer learnt
from the prompts; so the figures compare the ways with each other and say nothing of quality. Random weights
hardly ever end a text: ``schema`` and ``explain`` write all that they may, which is the upper limit.
``score_first_s`` is the first question in the way ``score``, with the three questions about nothing.
Seconds are processor time (other programs do not count), the least of two rounds. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from hearfelt.labels import EKMAN7, emotion  # noqa: E402
from hearfelt.language.chat.local import LocalOptions, TransformersChat  # noqa: E402
from hearfelt.language.judge import Judge, JudgeItem, JudgeOptions, Turn  # noqa: E402
from hearfelt.language.judge.schema import explanation_schema, json_schema  # noqa: E402
from hearfelt.types import Segment  # noqa: E402

PROMPTS = ROOT / "src" / "hearfelt" / "language" / "prompts"
HISTORY = (
    Turn("agent", "Thank you for calling, how can I help you today?"),
    Turn("customer", "My router has been going off every evening since last week."),
    Turn("agent", "I am sorry to hear that. Have you tried to start it again?"),
    Turn("customer", "Yes, twice, and your colleague said it would be mended by Monday."),
    Turn("agent", "I see. Let me look at your line, that will take a minute."),
    Turn("customer", "That is what they said last time."),
)
ITEM = JudgeItem(
    Segment(61.0, 64.5, "customer"),
    "This is the third time I call about the very same thing.",
    ("louder than usual for this speaker (+1.8 sd)", "faster than most people (+1.1 sd)"),
    HISTORY,
    voice=emotion(EKMAN7, (0.5, 0.1, 0.0, 0.0, 0.3, 0.1, 0.0)),
    words=emotion(EKMAN7, (0.3, 0.1, 0.0, 0.0, 0.5, 0.1, 0.0)),
    language="en",
)


def say(sentence: str) -> None:
    """A line on standard error."""
    print(sentence, file=sys.stderr, flush=True)


def make(folder: Path, quick: bool) -> int:
    """A model with random weights in a folder; how many weights it has."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=8000,
        special_tokens=["</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train([str(file) for file in sorted(PROMPTS.glob("*.md"))], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    width, layers = (64, 2) if quick else (320, 6)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=8,
        max_position_embeddings=8192,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    return sum(weights.numel() for weights in model.parameters())


def seconds(chat: TransformersChat, mode: str) -> tuple[float, dict[str, int]]:
    """Processor time of one question, and the tokens it cost."""
    # Asked without the judge: what random weights write in a valid form may still be no judgement.
    messages = Judge(chat, JudgeOptions(mode=mode, cache=None)).messages(ITEM)
    schemas = {"schema": json_schema(EKMAN7), "explain": explanation_schema(EKMAN7)}
    start = time.process_time()
    reply = chat.chat(messages, schema=schemas.get(mode), choices=EKMAN7 if mode == "score" else None)
    return time.process_time() - start, dict(reply.usage)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller model, one round")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        weights = make(Path(folder), quick)
        chat = TransformersChat(folder, LocalOptions(device="cpu"))
        result: dict[str, Any] = {"weights": weights, "quick": quick}
        seconds(chat, "schema")  # the first one reads the vocabulary
        for mode in ("schema", "score", "explain"):
            rounds = [seconds(chat, mode) for _ in range(1 if quick else 2)]
            spent, usage = min(taken for taken, _ in rounds), rounds[0][1]
            say(f"{mode}: {spent:.2f} s, {usage}")
            result[f"{mode}_s"] = round(spent, 3)
            result[f"{mode}_read_tokens"] = usage["prompt_tokens"]
            result[f"{mode}_written_tokens"] = usage["completion_tokens"]
        start = time.process_time()
        Judge(chat, JudgeOptions(mode="score", cache=None)).judge(ITEM)
        result["score_first_s"] = round(time.process_time() - start, 3)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
