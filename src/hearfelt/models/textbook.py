"""The field's textbook baseline for words: word ids, embedding, LSTM, sigmoid (binary cross-entropy, Adam).

Everything newer is measured against it. It starts from random weights and knows the words of its training
texts alone. `hearfelt.training.textbook` teaches it; here is what it is, and how it is saved and asked.

Source of the parts: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 1997; of the
reading of several labels by one sigmoid each: Zhang and Zhou, "Multilabel neural networks", TKDE 2006.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import MissingExtraError, ModelError, OptionError
from hearfelt.models import folder as folders

if TYPE_CHECKING:
    from torch import Tensor, nn

Array = npt.NDArray[np.float32]

KIND = "textbook"
PADDING, UNKNOWN = 0, 1
"""Ids of "nothing here" and of a word that training did not show."""

_WORD = re.compile(r"[\u4e00-\u9fff]|[^\W_]+(?:['’][^\W_]+)*|[^\w\s]")


@dataclass(frozen=True, slots=True)
class TextbookOptions:
    """Size of the network, and which words it knows.

    Args:
        embedding: numbers a word.
        hidden: units of the LSTM, each way.
        layers: LSTMs on top of one another.
        bidirectional: also read from the end.
        dropout: on embeddings and before the output.
        min_count: a word that the training texts show less often is unknown.
        max_words: a longer text is cut.
    """

    embedding: int = 100
    hidden: int = 128
    layers: int = 1
    bidirectional: bool = False
    dropout: float = 0.3
    min_count: int = 2
    max_words: int = 60

    def __post_init__(self) -> None:
        for name in ("embedding", "hidden", "layers", "min_count", "max_words"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name}={getattr(self, name)}: it must be at least 1")
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout={self.dropout}: a share from 0 up to below 1")


def words(text: str) -> list[str]:
    """The words and signs of a text in lower case; a Chinese character is a word."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """Words to ids.

    Args:
        words: known words in order of their ids, which begin at 2.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {word: place + 2 for place, word in enumerate(self.words)})

    @classmethod
    def of(cls, texts: Iterable[str], min_count: int) -> Vocabulary:
        """The words of training texts, most frequent first, and by the alphabet where equally frequent."""
        counts = Counter(word for text in texts for word in words(text))
        kept = (word for word, count in counts.items() if count >= min_count)
        return cls(tuple(sorted(kept, key=lambda word: (-counts[word], word))))

    def __len__(self) -> int:
        """Ids in all, `PADDING` and `UNKNOWN` among them."""
        return len(self.words) + 2

    def ids(self, text: str, max_words: int) -> list[int]:
        """Ids of a text's first words; a text without words is one `UNKNOWN`."""
        known: Mapping[str, int] = getattr(self, "_ids")  # noqa: B009
        return [known.get(word, UNKNOWN) for word in words(text)[:max_words]] or [UNKNOWN]


def network(options: TextbookOptions, n_words: int, n_labels: int) -> nn.Module:
    """The untrained network: ``forward(ids (n, length), lengths (n,)) -> logits (n, n_labels)``.

    Raises:
        MissingExtraError: torch is not installed.
    """
    torch = _torch()

    class Network(torch.nn.Module):  # type: ignore[misc,name-defined]
        """Embedding, LSTM, last state, one logit a label; packed, so that padding is never read."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(n_words, options.embedding, padding_idx=PADDING)
            self.lstm = torch.nn.LSTM(
                options.embedding,
                options.hidden,
                options.layers,
                batch_first=True,
                bidirectional=options.bidirectional,
            )
            self.dropout = torch.nn.Dropout(options.dropout)
            ways = 2 if options.bidirectional else 1
            self.output = torch.nn.Linear(ways * options.hidden, n_labels)

        def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
            embedded = self.dropout(self.embedding(ids))
            packed = torch.nn.utils.rnn.pack_padded_sequence(
                embedded, lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            _, (states, _) = self.lstm(packed)
            ways = 2 if options.bidirectional else 1
            last = torch.cat(list(states[-ways:]), dim=-1)
            logits: Tensor = self.output(self.dropout(last))
            return logits

    built: nn.Module = Network()
    return built


class TextbookModel:
    """A trained network with its vocabulary.

    Attributes:
        labels: in the order of the columns it answers.
        multi: whether labels exclude one another (False) or each is said on its own (True).
        thresholds: scores above which a label is said, one a label; read where ``multi``.
        card: what ``model.json`` says of it.
    """

    def __init__(
        self,
        net: nn.Module,
        vocabulary: Vocabulary,
        labels: Sequence[str],
        options: TextbookOptions | None = None,
        *,
        multi: bool = False,
        thresholds: Sequence[float] = (),
        card: Mapping[str, Any] | None = None,
    ) -> None:
        self.network = net
        self.vocabulary = vocabulary
        self.labels = tuple(labels)
        self.options = options or TextbookOptions()
        self.multi = multi
        self.thresholds = tuple(thresholds) or (0.5,) * len(self.labels)
        self.card = dict(card or {})

    @property
    def classes_(self) -> tuple[str, ...]:
        """The labels, as scikit-learn calls them."""
        return self.labels

    def logits(self, texts: Sequence[str], batch: int = 256) -> Array:
        """Logits ``(n_texts, n_labels)``; texts of like length are read together, which changes no score."""
        torch = _torch()
        ids = [self.vocabulary.ids(text, self.options.max_words) for text in texts]
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        found = np.zeros((len(ids), len(self.labels)), np.float32)
        device = next(self.network.parameters()).device
        self.network.eval()
        with torch.no_grad():
            for first in range(0, len(order), batch):
                part = order[first : first + batch]
                padded, lengths = pad([ids[place] for place in part])
                found[part] = self.network(padded.to(device), lengths).float().cpu().numpy()
        return found

    def predict_proba(self, texts: Sequence[str]) -> Array:
        """Scores ``(n_texts, n_labels)``: a sigmoid each, and where one label is right they sum to 1."""
        scores: Array = np.asarray(1 / (1 + np.exp(-self.logits(texts))), np.float32)
        if not self.multi:
            scores /= np.maximum(scores.sum(axis=1, keepdims=True), 1e-12)
        return scores

    def said(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which labels are said: those above their threshold, or the one with the highest score."""
        scores = self.predict_proba(texts)
        if self.multi:
            above: npt.NDArray[np.bool_] = scores > np.asarray(self.thresholds, np.float32)
            return above
        best: npt.NDArray[np.bool_] = scores.argmax(axis=1)[:, None] == np.arange(len(self.labels))
        return best

    def save(self, folder: str | Path) -> None:
        """Write ``weights.npz``, ``words.json`` and ``model.json``.

        Raises:
            ModelError: the folder cannot be written, or holds something that is no model.
        """
        card = {
            **self.card,
            "name": self.card.get("name", KIND),
            "kind": KIND,
            "labels": list(self.labels),
            "multi": self.multi,
            "thresholds": [round(float(value), 6) for value in self.thresholds],
            "options": dataclasses.asdict(self.options),
        }
        state = {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}
        with folders.writing(Path(folder), card) as part:
            np.savez(part / "weights.npz", **state)
            text = json.dumps(self.vocabulary.words, ensure_ascii=False)
            (part / "words.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> TextbookModel:
        """What `save` wrote.

        Raises:
            ModelError: a file is missing or broken, or it is another kind of model.
            MissingExtraError: torch is not installed.
        """
        torch = _torch()
        folder = Path(folder)
        card = folders.read_card(folder, (KIND,))
        try:
            vocabulary = Vocabulary(tuple(json.loads((folder / "words.json").read_text(encoding="utf-8"))))
            options = TextbookOptions(**card["options"])
            net = network(options, len(vocabulary), len(card["labels"]))
            with np.load(folder / "weights.npz", allow_pickle=False) as stored:
                net.load_state_dict({name: torch.from_numpy(stored[name]) for name in stored.files})
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, OptionError) as error:
            why = str(error).splitlines()[0]
            raise ModelError(f"the model in {folder} is broken ({why}): train it again") from None
        net.eval()
        return cls(
            net,
            vocabulary,
            card["labels"],
            options,
            multi=bool(card["multi"]),
            thresholds=card["thresholds"],
            card=card,
        )


def pad(ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids ``(n, longest)`` int64 filled up with `PADDING`, and lengths ``(n,)``."""
    torch = _torch()
    lengths = torch.tensor([len(row) for row in ids])
    padded = torch.full((len(ids), int(lengths.max())), PADDING)
    for place, row in enumerate(ids):
        padded[place, : len(row)] = torch.tensor(row)
    return padded, lengths


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtraError("the textbook model", "torch", "train") from None
    return torch
