"""The speech-LLM: what the sound, the prompt and the answer become, and the likelihood of each label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from hearfelt.errors import ModelError, OptionError
from hearfelt.models.networks.base import Trunk
from hearfelt.models.networks.layers import step_mask
from hearfelt.models.speech_llm import adapters, prompt
from hearfelt.models.speech_llm.adapters import AdapterOptions
from hearfelt.models.speech_llm.lm import Words
from hearfelt.models.speech_llm.prompt import PromptOptions
from hearfelt.models.writer import Writer
from hearfelt.models.written import Answer, Given

LONGEST = 48
"""Tokens that are written of one answer."""
_ROWS = 64
"""Sequences that a language model reads at once when labels of several tokens are judged."""


@dataclass(frozen=True, eq=False)
class _Sequences:
    """Padded sequences: embeddings ``(rows, tokens, width)``, which tokens there are, what is to be written.

    ``label`` and ``rest`` mark the places whose token is part of the answer.
    """

    embeddings: Tensor
    valid: Tensor
    tokens: Tensor
    label: Tensor
    rest: Tensor

    @property
    def behind(self) -> Tensor:
        """The place behind the last token of each row, bool ``(rows, tokens + 1)``."""
        last = self.valid.sum(dim=1)
        return torch.arange(self.valid.shape[1] + 1, device=last.device)[None, :] == last[:, None]


class SpeechLlm(Writer):
    """Speech encoder, adapter, causal language model.

    The prompt is ``before``, the sound, the words and cues where they are read, ``after``; then comes the
    label. Only the answer has a loss. A label is judged by the log-likelihood of its tokens at that place.

    Args:
        sound: any trunk of `hearfelt.models.networks.table`.
        language: a causal language model of transformers, and `words`, its tokenizer.
        labels: the labels to tell apart, each with text of its own.
        frozen: the speech encoder learns nothing.

    Raises:
        OptionError: two labels that are spelt alike.
    """

    def __init__(
        self,
        sound: Trunk,
        language: nn.Module,
        words: Words,
        labels: Sequence[str],
        adapter: AdapterOptions,
        options: PromptOptions,
        *,
        frozen: bool = True,
    ) -> None:
        super().__init__()
        self.sound, self.language, self.words = sound, language, words
        self.labels, self.options, self.frozen = tuple(labels), options, frozen
        self.input = sound.input
        table = self._table
        self.width = int(table.weight.shape[1])
        self.adapter = adapters.build(sound.width, self.width, adapter)
        self.pooled = (
            nn.Sequential(
                nn.LayerNorm(sound.size), nn.Dropout(adapter.dropout), nn.Linear(sound.size, self.width)
            )
            if adapter.pooled
            else None
        )
        self.drop = nn.Dropout(float(getattr(language.config, "attention_dropout", 0.0) or 0.0))
        self.spelt = self._spell()
        if frozen:
            sound.requires_grad_(False)

    @property
    def _table(self) -> Any:
        table = cast(Any, self.language).get_input_embeddings()
        if table is None:
            raise ModelError("the language model has no table of input embeddings: take another one")
        return table

    def _spell(self) -> tuple[tuple[int, ...], ...]:
        """The tokens of each label; with a full stop where one label would else begin another."""
        for end in ("", " ."):
            found = [tuple(self.words.encode(f" {label}{end}")) for label in self.labels]
            clear = all(a == b or a != b[: len(a)] for a in found for b in found)
            if clear and len(set(found)) == len(found) and all(found):
                return tuple(found)
        raise OptionError(
            f"the language model spells two of the labels {', '.join(self.labels)} alike: rename them by "
            "data.relabel, or take another model"
        )

    def train(self, mode: bool = True) -> SpeechLlm:
        """As of any module, but a frozen speech encoder stays in evaluation mode."""
        super().train(mode)
        self.sound.train(mode and not self.frozen)
        return self

    def hear(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            steps, step_lengths = self.sound.steps(x, lengths)
        return steps, step_lengths

    def measure(self, x: Tensor, lengths: Tensor) -> None:
        if not self.frozen:
            self.sound.measure(x, lengths)

    def losses(
        self, steps: Tensor, lengths: Tensor, given: Sequence[Given], answers: Sequence[Answer]
    ) -> tuple[Tensor, Tensor]:
        place = {label: number for number, label in enumerate(self.labels)}
        spelt = [self.spelt[place[answer.labels[0]]] for answer in answers]
        written = [
            (*self.words.encode(prompt.rest(answer, self.options)), self.words.eos) for answer in answers
        ]
        found = self._sequences(steps, lengths, given, spelt, written)
        asked = found.label | found.rest
        said = torch.log_softmax(self._logits(found, asked).float(), dim=1)
        nll = -said.gather(1, found.tokens[asked][:, None])[:, 0]
        if self.smoothing and all(len(tokens) == 1 for tokens in self.spelt):
            ids = torch.tensor([tokens[0] for tokens in self.spelt], device=said.device)
            smooth = (1 - self.smoothing) * nll - self.smoothing * said[:, ids].mean(dim=1)
            nll = torch.where(found.label[asked], smooth, nll)
        spread = torch.zeros_like(found.label, dtype=nll.dtype).masked_scatter(asked, nll)
        rests = found.rest.sum(dim=1).clamp(min=1)
        return (spread * found.label).sum(dim=1), (spread * found.rest).sum(dim=1) / rests

    def scores(self, steps: Tensor, lengths: Tensor, given: Sequence[Given]) -> Tensor:
        if all(len(tokens) == 1 for tokens in self.spelt):
            found = self._sequences(steps, lengths, given, [()] * len(given), [()] * len(given))
            logits = self._logits(found, found.behind)
            ids = torch.tensor([tokens[0] for tokens in self.spelt], device=logits.device)
            return torch.log_softmax(logits.float(), dim=1)[:, ids]
        rows = [self._spelt_scores(steps[i : i + 1], lengths[i : i + 1], given[i]) for i in range(len(given))]
        return torch.stack(rows)

    def _spelt_scores(self, steps: Tensor, lengths: Tensor, given: Given) -> Tensor:
        """Log-likelihood of labels of several tokens after one prompt, ``(n_labels,)``."""
        parts = []
        for first in range(0, len(self.spelt), _ROWS):
            spelt = self.spelt[first : first + _ROWS]
            count = len(spelt)
            found = self._sequences(
                steps.expand(count, -1, -1), lengths.expand(count), [given] * count, spelt, [()] * count
            )
            said = torch.log_softmax(self._logits(found, found.label).float(), dim=1)
            each = said.gather(1, found.tokens[found.label][:, None])[:, 0]
            spread = torch.zeros_like(found.label, dtype=each.dtype).masked_scatter(found.label, each)
            parts.append(spread.sum(dim=1))
        return torch.cat(parts)

    @torch.no_grad()
    def write(self, steps: Tensor, lengths: Tensor, given: Sequence[Given]) -> list[Answer]:
        chosen = self.scores(steps, lengths, given).argmax(dim=1).tolist()
        written: list[list[int]] = [[] for _ in given]
        open_ = list(range(len(given)))
        while open_ and len(written[open_[0]]) < LONGEST:
            found = self._sequences(
                steps[open_],
                lengths[open_],
                [given[i] for i in open_],
                [self.spelt[chosen[i]] for i in open_],
                [tuple(written[i]) for i in open_],
            )
            logits = self._logits(found, found.behind)
            for i, token in zip(open_, logits.argmax(dim=1).tolist(), strict=True):
                written[i].append(token)
            open_ = [i for i in open_ if written[i][-1] != self.words.eos]
        answers = []
        for place, tokens in zip(chosen, written, strict=True):
            levels, caption = prompt.read_back(self.words.decode(tokens))
            answers.append(Answer((self.labels[place],), levels, caption))
        return answers

    def _logits(self, found: _Sequences, asked: Tensor) -> Tensor:
        """What the language model says of the tokens at the places ``asked``, ``(n, vocabulary)``.

        Args:
            asked: bool ``(rows, tokens)``; may lie one token behind the last one: what would follow it.
        """
        before = asked[:, 1:]  # a token is said by what stands before it
        embeddings, mask = self.drop(found.embeddings), found.valid.long()
        if self.words.json:  # of our own making: the words are looked up where they are asked for alone
            language = cast(Any, self.language)
            hidden = language.model(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
            logits: Tensor = language.lm_head(hidden[:, : before.shape[1]][before])
            return logits
        said = self.language(inputs_embeds=embeddings, attention_mask=mask).logits
        chosen: Tensor = said[:, : before.shape[1]][before]
        return chosen

    def _sequences(
        self,
        steps: Tensor,
        lengths: Tensor,
        given: Sequence[Given],
        spelt: Sequence[Sequence[int]],
        written: Sequence[Sequence[int]],
    ) -> _Sequences:
        """Prompt and answer of each row, padded on the right: what follows the answer is never looked at."""
        sound, counts = self._sound(steps, lengths, given)
        begin = [] if self.words.bos is None else [self.words.bos]
        begin = [*begin, *self.words.encode(self.options.before)]
        rows, marks = [], []
        for number, one in enumerate(given):
            ask = self.words.encode(prompt.after_sound(one, self.options))
            count = int(counts[number])
            head = [*begin, *[self.words.eos] * count, *ask]
            rows.append([*head, *spelt[number], *written[number]])
            start = len(head) + len(spelt[number])
            marks.append((len(begin), len(begin) + count, len(head), start, start + len(written[number])))
        device = steps.device
        lengths_ = torch.tensor([len(row) for row in rows], device=device)
        longest = int(lengths_.max())
        tokens = torch.tensor([row + [self.words.eos] * (longest - len(row)) for row in rows], device=device)
        at = torch.tensor(marks, device=device)
        here = torch.arange(longest, device=device)[None, :]
        heard = (here >= at[:, 0:1]) & (here < at[:, 1:2])
        embeddings = self._table(tokens)
        # Rows of sound in order fill the marked places in order.
        filled = sound[step_mask(counts, sound.shape[1])].to(embeddings.dtype)
        embeddings = embeddings.masked_scatter(heard[:, :, None], filled)
        label = (here >= at[:, 2:3]) & (here < at[:, 3:4])
        rest = (here >= at[:, 3:4]) & (here < at[:, 4:5])
        return _Sequences(embeddings, step_mask(lengths_, longest), tokens, label, rest)

    def _sound(self, steps: Tensor, lengths: Tensor, given: Sequence[Given]) -> tuple[Tensor, Tensor]:
        """Embeddings of the sound ``(batch, n, width)``, and how many each has; none where unheard."""
        heard = torch.tensor([one.sound for one in given], device=lengths.device)
        found, counts = self.adapter(steps, lengths)
        if self.pooled is not None:
            whole = self.pooled(self.sound.pool(steps, lengths.clamp(min=1)))
            found, counts = torch.cat((whole[:, None], found), dim=1), counts + 1
        return found, torch.where(heard, counts, 0)
