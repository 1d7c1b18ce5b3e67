"""The Transformer learnt from nothing: an encoder of sound, one of words, and a decoder that writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import OptionError, unknown_name
from hearfelt.models.networks.layers import Pool, step_mask
from hearfelt.models.networks.transformer import Layer
from hearfelt.models.scratch.layers import DecoderLayer, Front, FusingLayer, Places
from hearfelt.models.scratch.tokens import ASK, END, NO, PAD, YES, Vocabulary
from hearfelt.models.speech_llm.lm import Words
from hearfelt.models.writer import Writer
from hearfelt.models.written import AXES, LEVELS, Answer, Given

HEARS = ("sound", "words", "both")
LONGEST = 24
"""Tokens that are written of one answer, after its labels."""


@dataclass(frozen=True)
class ScratchOptions:
    """Size of the Transformer.

    Args:
        hears: ``sound``, ``words``, or ``both``: then each of the two also attends to the other.
        width, heads: of every layer.
        sound_layers, words_layers, decoder_layers: how many.
        inner: hidden size of the feed-forward halves, in widths.
        stem, channels, halvings: of the convolutions on the log-mel; see `layers.Front`.
        dropout: everywhere.
        vocabulary: most words that are known of those that are read.
        max_words: words of a clip that are read, the last ones where there are more.
        dimensions, caption: levels of arousal, valence and dominance, and a short description, are written.
        multi_label: a clip may have several labels.
    """

    hears: str = "sound"
    width: int = 144
    heads: int = 4
    sound_layers: int = 1
    words_layers: int = 2
    decoder_layers: int = 1
    inner: int = 2
    stem: int = 24
    channels: tuple[int, ...] = (24, 48, 96, 144)
    halvings: int = 2
    dropout: float = 0.1
    vocabulary: int = 8000
    max_words: int = 60
    dimensions: bool = True
    caption: bool = True
    multi_label: bool = False

    def __post_init__(self) -> None:
        if self.hears not in HEARS:
            raise unknown_name("hears", self.hears, HEARS)
        if self.heads < 1 or self.width % (2 * self.heads):
            raise OptionError(
                f"width={self.width}, heads={self.heads}: the width must be a multiple of "
                f"{2 * max(1, self.heads)}"
            )
        if (
            min(self.decoder_layers, self.inner, self.max_words) < 1
            or min(self.sound_layers, self.words_layers) < 0
        ):
            raise OptionError(
                f"decoder_layers={self.decoder_layers}, inner={self.inner}, max_words={self.max_words}: each "
                "1 or more; sound_layers and words_layers 0 or more"
            )


class Scratch(Writer):
    """Encoder of sound, of words, or of both with cross-attention; decoder.

    What the decoder attends to begins with a learnt vector and, where sound is heard, with the attentive mean
    and deviation of its steps, which attention alone does not give; its questions for labels carry them too.

    Args:
        n_mels: bins of a frame.
        tokens: what is written.
        words: tokenizer of what is read; None where no words are.
    """

    input = "logmel"

    def __init__(
        self, n_mels: int, tokens: Vocabulary, options: ScratchOptions, words: Words | None = None
    ) -> None:
        super().__init__()
        self.tokens, self.options, self.words = tokens, options, words
        self.labels, self.multi_label = tokens.labels, tokens.multi_label
        width, heads, drop = options.width, options.heads, options.dropout

        def layers(count: int) -> nn.ModuleList:
            return nn.ModuleList(Layer(width, heads, options.inner, drop) for _ in range(count))

        self.hears_sound, self.reads = options.hears != "words", options.hears != "sound"
        if self.hears_sound:
            self.front = Front(n_mels, options.stem, options.channels, options.halvings, width)
            self.sound_layers, self.sound_norm = layers(options.sound_layers), nn.LayerNorm(width)
            self.pool = Pool("attentive", width)
            self.whole = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, width))
        if self.reads:
            assert words is not None
            self.word_table = nn.Embedding(words.size, width, PAD)
            self.words_layers, self.words_norm = layers(options.words_layers), nn.LayerNorm(width)
        if options.hears == "both":
            self.sound_reads, self.words_hear = (
                FusingLayer(width, heads, drop),
                FusingLayer(width, heads, drop),
            )
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        self.places = Places(drop)
        self.table = nn.Embedding(tokens.size, width)
        self.decoder = nn.ModuleList(
            DecoderLayer(width, heads, options.inner, drop) for _ in range(options.decoder_layers)
        )
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, tokens.size)
        self.drop = nn.Dropout(drop)

    def measure(self, x: Tensor, lengths: Tensor) -> None:
        if self.hears_sound:
            self.front.images.measure(x, step_mask(lengths, x.shape[1])[:, :, None].float())

    def hear(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if not self.hears_sound:
            return x.new_zeros(len(x), 1, self.options.width), torch.zeros_like(lengths)
        x, steps = self.front(x, lengths)
        x, valid = self.places(x), step_mask(steps, x.shape[1])
        for layer in self.sound_layers:
            x = layer(x, valid)
        return self.sound_norm(x), steps

    def losses(
        self, steps: Tensor, lengths: Tensor, given: Sequence[Given], answers: Sequence[Answer]
    ) -> tuple[Tensor, Tensor]:
        inputs, targets = self._written(answers, steps.device)
        memory, valid = self._memory(steps, lengths, given)
        logits = self._decode(inputs, memory, valid)
        asks = self.tokens.asks
        label = self._label_loss(logits[:, :asks], targets[:, :asks])
        found = functional.cross_entropy(
            logits[:, asks:].transpose(1, 2),
            targets[:, asks:].clamp(min=-1),
            ignore_index=-1,
            reduction="none",
        )
        return label, found.sum(dim=1) / (targets[:, asks:] >= 0).sum(dim=1).clamp(min=1)

    def _label_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Among the tokens that may stand there alone: the labels, or no and yes; ``(batch,)``."""
        first, last = self._asked
        found = functional.cross_entropy(
            logits[:, :, first:last].transpose(1, 2),
            targets - first,
            reduction="none",
            label_smoothing=self.smoothing,
        )
        return found.mean(dim=1)

    @property
    def _asked(self) -> tuple[int, int]:
        """The tokens that may answer a question for labels, from and to."""
        if self.multi_label:
            return NO, YES + 1
        return self.tokens.first_label, self.tokens.first_label + len(self.labels)

    def scores(self, steps: Tensor, lengths: Tensor, given: Sequence[Given]) -> Tensor:
        return self._label_scores(*self._memory(steps, lengths, given))

    def _label_scores(self, memory: Tensor, valid: Tensor) -> Tensor:
        logits = self._decode(self._asks(memory), memory, valid).float()
        if self.multi_label:
            return logits[:, :, YES] - logits[:, :, NO]
        first, last = self._asked
        return torch.log_softmax(logits[:, 0, first:last], dim=1)

    def _asks(self, memory: Tensor) -> Tensor:
        """What the decoder reads first: a question for each answer about labels."""
        return torch.full((memory.shape[0], self.tokens.asks), ASK, dtype=torch.long, device=memory.device)

    def answers(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """Label scores, and the middles of the levels ``(batch, 3)`` or None, of sound alone: to export."""
        memory, valid = self.memory(*self.hear(x, lengths), None)
        scores = self._label_scores(memory, valid)
        if not self.options.dimensions:
            return scores, None
        labels = self._asked[0] + scores.argmax(dim=1, keepdim=True)
        places = self._levels(torch.cat((self._asks(memory), labels), dim=1), memory, valid)[1]
        return scores, (places.float() + 0.5) / len(LEVELS) * 2 - 1

    def _levels(self, sofar: Tensor, memory: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """What was written with the levels behind it, and their places in `LEVELS`, ``(batch, 3)``."""
        places = []
        for axis in range(len(AXES)):
            first = self.tokens.level(axis, 0)
            logits = self._decode(sofar, memory, valid)[:, -1, first : first + len(LEVELS)]
            places.append(logits.argmax(dim=1, keepdim=True))
            sofar = torch.cat((sofar, first + places[-1]), dim=1)
        return sofar, torch.cat(places, dim=1)

    @torch.no_grad()
    def write(self, steps: Tensor, lengths: Tensor, given: Sequence[Given]) -> list[Answer]:
        memory, valid = self._memory(steps, lengths, given)
        scores = self._label_scores(memory, valid)
        if self.multi_label:
            chosen = [tuple(self.labels[i] for i in row.nonzero()[:, 0].tolist()) for row in scores > 0]
        else:
            chosen = [(self.labels[i],) for i in scores.argmax(dim=1).tolist()]
        written = self._greedy(memory, valid, [self.tokens.label_tokens(one) for one in chosen])
        return [
            Answer(labels, *self.tokens.read_back(row))
            for labels, row in zip(chosen, written.tolist(), strict=True)
        ]

    def _greedy(self, memory: Tensor, valid: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """The likeliest token after token behind the labels, int64 ``(batch, LONGEST)``: first the levels."""
        sofar = torch.cat((self._asks(memory), torch.tensor(labels, device=memory.device)), dim=1)
        begin = sofar.shape[1]
        if self.options.dimensions:
            sofar = self._levels(sofar, memory, valid)[0]
        for _ in range(LONGEST):
            following = self._decode(sofar, memory, valid)[:, -1].argmax(dim=1)
            sofar = torch.cat((sofar, following[:, None]), dim=1)
            if bool((sofar[:, begin:] == END).any(dim=1).all()):
                break
        return sofar[:, begin:]

    def _written(self, answers: Sequence[Answer], device: torch.device) -> tuple[Tensor, Tensor]:
        """What the decoder reads and what it is to write there; -1 where nothing is learnt."""
        asks, rows, wanted = self.tokens.asks, [], []
        for one in answers:
            labels = self.tokens.label_tokens(one.labels)
            rest = self.tokens.rest_tokens(one, self.options.dimensions, self.options.caption)
            rows.append([ASK] * asks + labels + [max(token, PAD) for token in rest[:-1]])
            wanted.append(labels + [-1] * (asks - 1) + rest)
        longest = max(map(len, rows))
        inputs = [row + [PAD] * (longest - len(row)) for row in rows]
        targets = [row + [-1] * (longest - len(row)) for row in wanted]
        return torch.tensor(inputs, device=device), torch.tensor(targets, device=device)

    def _decode(self, inputs: Tensor, memory: Tensor, valid: Tensor) -> Tensor:
        """Logits ``(batch, tokens, vocabulary)`` of what follows each token of ``inputs``."""
        count = inputs.shape[1]
        x = self.places(self.table(inputs))
        if self.hears_sound:
            # The second of the memory is the sound as a whole: the questions carry it themselves.
            whole, asks = memory[:, 1:2] * valid[:, 1:2, None], self.tokens.asks
            x = torch.cat((x[:, :asks] + whole, x[:, asks:]), dim=1)
        here = torch.arange(count, device=inputs.device)
        allowed = (here[None, :] <= here[:, None])[None]
        for layer in self.decoder:
            x = layer(x, allowed, memory, valid)
        logits: Tensor = self.out(self.norm(x))
        return logits

    def _memory(self, steps: Tensor, lengths: Tensor, given: Sequence[Given]) -> tuple[Tensor, Tensor]:
        heard = torch.tensor([one.sound for one in given], device=lengths.device)
        words = self.read([one.words for one in given], lengths.device) if self.reads else None
        return self.memory(steps, torch.where(heard, lengths, 0), words)

    def read(self, texts: Sequence[str], device: torch.device | None = None) -> tuple[Tensor, Tensor]:
        """Token numbers of texts ``(batch, longest)`` and how many each has."""
        assert self.words is not None
        rows = [self.words.encode(text)[-self.options.max_words :] for text in texts]
        longest = max(1, *map(len, rows))
        padded = [row + [PAD] * (longest - len(row)) for row in rows]
        return torch.tensor(padded, device=device), torch.tensor([len(row) for row in rows], device=device)

    def memory(
        self, steps: Tensor, lengths: Tensor, words: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """What the decoder attends to ``(batch, m, width)``, and what of it there is, bool ``(batch, m)``.

        Args:
            steps, lengths: of `hear`; a length of 0 is a clip whose sound is not heard.
            words: of `read`.
        """
        batch = lengths.shape[0]
        start = self.start.expand(batch, 1, -1)
        there = torch.ones(batch, 1, dtype=torch.bool, device=lengths.device)
        parts, valids = [start], [there]
        read, sound = None, None
        if words is not None:
            numbers, counts = words
            read = self.places(self.word_table(numbers)), step_mask(counts, numbers.shape[1])
            for layer in self.words_layers:
                # An empty text looks at its padding, which nobody looks at afterwards.
                seen = read[1] | (counts == 0)[:, None]
                read = layer(read[0], seen), read[1]
            read = self.words_norm(read[0]), read[1]
        if self.hears_sound:
            sound = steps, step_mask(lengths, steps.shape[1])
        if sound is not None and read is not None:
            # Each attends to the other, and to the learnt vector where the other is not there.
            others = [
                (torch.cat((start, one), dim=1), torch.cat((there, ok), dim=1)) for one, ok in (read, sound)
            ]
            sound = self.sound_reads(sound[0], *others[0]), sound[1]
            read = self.words_hear(read[0], *others[1]), read[1]
        if sound is not None:
            whole = self.whole(self.pool(sound[0], lengths.clamp(min=1)).to(sound[0].dtype))
            parts += [whole[:, None], sound[0]]
            valids += [(lengths > 0)[:, None], sound[1]]
        if read is not None:
            parts.append(read[0])
            valids.append(read[1])
        return self.drop(torch.cat(parts, dim=1)), torch.cat(valids, dim=1)
