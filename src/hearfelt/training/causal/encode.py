"""Questions as token ids that fit the model, and as padded batches."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hearfelt.errors import OptionError
from hearfelt.training.causal.base import Base
from hearfelt.training.causal.options import CausalOptions
from hearfelt.training.causal.questions import Question

if TYPE_CHECKING:
    from hearfelt.training.watch import Report

NOTHING = -100
"""The target of a token that is not learnt."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as ids.

    Args:
        prompt: ids of the question.
        answer: ids of an answer, with the end of the text.
        weight: of its loss.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    weight: float = 1.0

    def __len__(self) -> int:
        """Tokens in all."""
        return len(self.prompt) + len(self.answer)


class Encoder:
    """Questions to ids. A window of turns that does not fit shrinks, and `shrunk` counts how often.

    Raises:
        OptionError: the model is too short for the instruction alone.
    """

    def __init__(self, base: Base, options: CausalOptions) -> None:
        self.base, self.options = base, options
        self.room = min(options.max_tokens, base.longest or options.max_tokens)
        self.shrunk: Counter[int] = Counter()
        self.cut = 0
        self.asked = 0
        self._chat = options.chat and bool(getattr(base.tokenizer, "chat_template", None))
        self._answers: dict[str, tuple[int, ...]] = {}

    def answer(self, label: str) -> tuple[int, ...]:
        """Ids of an answer and of the end of the text."""
        if label not in self._answers:
            lead = "" if self._chat else " "
            ids = self._ids(lead + label)
            end = self.base.tokenizer.eos_token_id
            self._answers[label] = (*ids, end) if end is not None else tuple(ids)
        return self._answers[label]

    def prompt(self, question: Question, words: str | None = None) -> tuple[int, ...]:
        """Ids of a question that leave room for its longest answer."""
        room = self.room - max(len(self.answer(choice)) for choice in question.choices)
        self.asked += 1
        window = len(question.turns) - 1
        for turns in range(window, -1, -1):
            ids = self._prompt(question.text(turns, words))
            if len(ids) <= room:
                if turns < window:
                    self.shrunk[turns] += 1
                return ids
        return self._cut(question, room, words)

    def _cut(self, question: Question, room: int, words: str | None) -> tuple[int, ...]:
        """The question with the end of its last turn alone, as much as fits."""
        said = question.turns[-1][1] if words is None else words
        low, high = 0, len(said)
        while low < high:  # the longest end that fits
            middle = (low + high + 1) // 2
            if len(self._prompt(question.text(0, said[len(said) - middle :]))) <= room:
                low = middle
            else:
                high = middle - 1
        ids = self._prompt(question.text(0, said[len(said) - low :]))
        if len(ids) > room or not low:
            raise OptionError(
                f"the instruction with its answer does not fit {self.room} tokens: set max_tokens higher, or "
                f"take a base that reads more than {self.base.longest or self.room} tokens"
            )
        self.cut += 1
        return ids

    def tell(self, report: Report, what: str) -> None:
        """Say how many questions had to be shortened since the last time."""
        if self.shrunk or self.cut:
            fewest = min(self.shrunk, default=0)
            report(
                f"{what}: {self.room} tokens are too few for {sum(self.shrunk.values()) + self.cut} of "
                f"{self.asked} questions: {sum(self.shrunk.values())} show fewer turns (down to {fewest}), "
                f"{self.cut} the end of the last turn alone"
            )
        self.shrunk, self.cut, self.asked = Counter(), 0, 0

    def _prompt(self, text: str) -> tuple[int, ...]:
        tokenizer = self.base.tokenizer
        if self._chat:
            message = [{"role": "user", "content": text}]
            shown = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
            return tuple(self._ids(shown))
        first = tokenizer.bos_token_id
        return (*(() if first is None else (first,)), *self._ids(text))

    def _ids(self, text: str) -> list[int]:
        return list(self.base.tokenizer(text, add_special_tokens=False)["input_ids"])


def batch(rows: Sequence[Asked], pad: int) -> dict[str, Any]:
    """Padded on the right: ``input_ids``, ``attention_mask``, ``targets`` (n, longest), ``weights`` (n,).

    Only tokens of the answer are targets.
    """
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    targets = torch.full((len(rows), longest), NOTHING)
    for place, row in enumerate(rows):
        whole = torch.tensor((*row.prompt, *row.answer))
        ids[place, : len(row)], mask[place, : len(row)] = whole, 1
        targets[place, len(row.prompt) : len(row)] = torch.tensor(row.answer)
    weights = torch.tensor([row.weight for row in rows])
    return {"input_ids": ids, "attention_mask": mask, "targets": targets, "weights": weights}


def log_likelihoods(model: Any, rows: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Summed log-likelihood of each row's answer and how many tokens it has, both float32 ``(n,)``."""
    targets = rows["targets"]
    first = int((targets != NOTHING).float().argmax(dim=1).min())  # logits before the answers are not needed
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    can = "logits_to_keep" in inspect.signature(inner.forward).parameters
    kept = {"logits_to_keep": targets.shape[1] - first + 1} if can else {}
    out = model(input_ids=rows["input_ids"], attention_mask=rows["attention_mask"], **kept).logits
    wanted = targets[:, targets.shape[1] - out.shape[1] + 1 :]
    there = wanted != NOTHING
    said = torch.log_softmax(out[:, :-1].float(), dim=-1)
    found = said.gather(-1, wanted.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return (found * there).sum(dim=1), there.sum(dim=1).float()
