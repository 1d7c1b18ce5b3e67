"""Models that write, at run time: a folder with ``network.pt`` and ``model.json`` (needs torch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hearfelt.errors import MissingExtraError, ModelError
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.labels import felt
from hearfelt.models.onnx import VoiceOptions, read_card, unheard
from hearfelt.models.written import Answer, Given, centre
from hearfelt.types import Audio, Emotion, Evidence, FloatArray, Segment

if TYPE_CHECKING:
    from hearfelt.models.writer import Writer

KINDS = ("speech-llm", "scratch")


class WriterModel:
    """Emotion by a model that hears and writes, and may read the words. Load with `load`, ask with `predict`.

    Args:
        network: in evaluation mode.
        card: what ``model.json`` says.
    """

    def __init__(self, network: Writer, card: Mapping[str, Any]) -> None:
        self.network, self.card = network, dict(card)
        self.labels = network.labels
        self.options = VoiceOptions()
        self._extract = LogMel(LogMelOptions(**card["features"]["options"]))

    @classmethod
    def load(cls, folder: Path | str) -> WriterModel:
        """The model in a folder.

        Raises:
            ModelError: a file is missing or broken, or the model is of another kind.
            MissingExtraError: torch, transformers or peft is not installed and needed.
        """
        card = read_card(Path(folder), ("name", "kind", "labels", "features"))
        if card["kind"] not in KINDS:
            raise ModelError(
                f"{folder} holds a model of kind {card['kind']!r}: one that writes has kind "
                f"{' or '.join(KINDS)}"
            )
        try:
            from hearfelt.models import writers
        except ImportError as error:
            raise MissingExtraError(f"the model {folder}", error.name or "torch", "train") from None
        return cls(writers.load(Path(folder))[0], card)

    @property
    def name(self) -> str:
        """Name of the weights."""
        return str(self.card["name"])

    def predict(self, audios: Sequence[Audio], given: Sequence[Given] | None = None) -> list[Evidence]:
        """Evidence of each sound, in order: the label's likelihoods, written levels, the description as note.

        Args:
            audios: one utterance each, at ``card["sample_rate_hz"]``.
            given: words and cues of each, for a model that reads them.
        """
        given = [Given()] * len(audios) if given is None else given
        return [self._one(audio, one) for audio, one in zip(audios, given, strict=True)]

    def _one(self, audio: Audio, given: Given) -> Evidence:
        segment = Segment(audio.start_s, audio.end_s, None, audio.channel)
        source = f"{self.card['kind']}/{self.name}"
        reason = unheard(audio, self.options.min_speech_s)
        if reason is not None:
            flat = [1 / len(self.labels)] * len(self.labels)
            return Evidence(source, segment, felt(self.labels, flat), 0.0, reason)
        row, said = self._answer(audio, given)
        emotion = answered(self.labels, row, said, self.network.multi_label)
        return Evidence(source, segment, emotion, float(self.card.get("reliability", 1.0)), said.caption)

    def _answer(self, audio: Audio, given: Given) -> tuple[FloatArray, Answer]:
        """Probabilities, and what is written; the scores of equal parts of a long sound are averaged."""
        import torch

        from hearfelt.models.writer import probabilities

        heard, rate = audio.samples, float(audio.sample_rate_hz)
        if self.network.input == "logmel":
            heard, rate = self._extract(audio).values, 1000 / self._extract.options.hop_ms
        parts = np.array_split(heard, -(-len(heard) // round(self.options.window_s * rate)))
        with torch.no_grad():
            scores, written = [], []
            for part in parts:
                x, lengths = torch.from_numpy(np.ascontiguousarray(part))[None], torch.tensor([len(part)])
                steps = self.network.hear(x, lengths)
                scores.append(self.network.scores(*steps, [given]))
                written += self.network.write(*steps, [given]) if part is parts[0] else []
            mean = torch.stack(scores).mean(dim=0)
            return probabilities(mean, self.network.multi_label)[0].numpy(), written[0]


def answered(labels: Sequence[str], row: FloatArray, said: Answer, multi_label: bool = False) -> Emotion:
    """Probabilities with the written levels as dimensions, where all three were written."""
    found = felt(labels, row.tolist())
    if multi_label:
        found = replace(found, multi_label=True, arousal=None, valence=None, dominance=None)
    levels = [None if place is None else centre(place) for place in said.levels]
    if None not in levels:
        found = replace(found, arousal=levels[0], valence=levels[1], dominance=levels[2])
    return found
