"""What the words say: text models, one a language, run by onnxruntime and tokenizers alone.

A network gives one score a label of its scheme (English: the 28 of GoEmotions; Chinese: the 13 of CPED). A
multinomial map, fitted on texts that did not teach the network and kept in ``model.json``, turns the logits
into a distribution over the Ekman six and neutral.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt import labels
from hearfelt.errors import ModelError
from hearfelt.language.words import identify
from hearfelt.language.words.schemes import GOEMOTIONS, SCHEMES, Scheme
from hearfelt.types import Emotion, Evidence, Segment

FloatArray = npt.NDArray[np.float32]

_SIGNS = ".,;:!?\"'()…，。！？；：、“”（） "

WEIGHTS = Path(__file__).resolve().parent.parent.parent / "weights" / "words"
"""The model that comes with the package."""


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How texts are read.

    Args:
        explain: name the words that carry the verdict in the note (costs one more run a word).
        max_windows: a long text is read in windows of the model's length, at most this many.
        min_language_confidence: a guess of the language below this is none.
        min_switch_confidence: how sure a guess must be to contradict the language of the dialogue.
    """

    explain: bool = False
    max_windows: int = 8
    min_language_confidence: float = identify.MIN_CONFIDENCE
    min_switch_confidence: float = 0.8


@dataclass(frozen=True, slots=True)
class Explanation:
    """The words that carry a verdict.

    Args:
        label: the verdict, one of the Ekman six or neutral.
        words: words or runs of neighbouring words, strongest first, each with the drop of the verdict's
            log-odds when it is left out.
        note: the same as a sentence.
    """

    label: str
    words: tuple[tuple[str, float], ...]
    note: str


class TextModel:
    """Emotion of sentences in the languages of its card. Made by `TextModel.load`; threads may share it.

    Attributes:
        card: the content of ``model.json``.
        languages: ISO 639-1 codes of the languages it reads.
        source: the name its evidence carries.
    """

    def __init__(self, session: Any, tokenizer: Any, card: Mapping[str, Any], options: TextOptions) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self.card = card
        self.options = options
        self.scheme: Scheme = SCHEMES[card.get("scheme", GOEMOTIONS.name)]
        self.languages: tuple[str, ...] = tuple(card["languages"])
        self.source = f"words/{card['name']}"
        self._max_tokens = int(card["features"]["options"]["max_tokens"])
        self._weights = np.asarray(card["distribution"]["weights"], np.float32)
        self._bias = np.asarray(card["distribution"]["bias"], np.float32)
        self._temperature = float(card["temperature"])
        self._thresholds = dict(zip(self.scheme.labels, card["thresholds"], strict=True))

    @classmethod
    def load(
        cls, folder: str | Path = WEIGHTS, options: TextOptions | None = None, *, threads: int = 1
    ) -> TextModel:
        """Loads a weights folder: ``model.onnx``, ``tokenizer.json``, ``model.json``.

        Raises:
            ModelError: a file is missing or broken, or the folder holds another kind of model.
        """
        folder = Path(folder)
        for file in ("model.json", "model.onnx", "tokenizer.json"):
            if not (folder / file).is_file():
                raise ModelError(
                    f"no {file} in {folder}; a text model is a folder with model.onnx, tokenizer.json and "
                    "model.json, as hearfelt.training.words writes it"
                )
        try:
            card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(f"{folder / 'model.json'} is not JSON ({error}); reinstall hearfelt") from error
        if not isinstance(card, dict) or card.get("kind") != "words":
            kind = card.get("kind") if isinstance(card, dict) else None
            raise ModelError(
                f"{folder} holds a model of kind {kind!r}; a text model has kind 'words' in model.json"
            )
        import onnxruntime
        from tokenizers import Tokenizer

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), settings, providers=["CPUExecutionProvider"]
            )
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            return cls(session, tokenizer, card, options or TextOptions())
        except Exception as error:  # both libraries raise their own kinds
            raise ModelError(f"the text model in {folder} is broken ({error}); reinstall hearfelt") from error

    def predict(
        self, items: Sequence[tuple[str, Segment]], language: str | None = None
    ) -> list[Evidence | None]:
        """Evidence of each text, None where its language is not known or not read (see `why_not`).

        Args:
            items: what was said, and when.
            language: of the transcript, if known; else it is identified over all texts together.
        """
        dialogue = identify.code(language) or self.dialogue_language([text for text, _ in items])
        found: list[Evidence | None] = []
        for text, segment in items:
            spoken, refusal = self._decide(text, dialogue)
            found.append(None if refusal else self._evidence(text, segment, spoken))
        return found

    def dialogue_language(self, texts: Sequence[str]) -> str | None:
        """The language of several texts taken together, None where one cannot tell."""
        return identify.identify(" ".join(texts), min_confidence=self.options.min_language_confidence)

    def why_not(self, text: str, language: str | None = None) -> str:
        """Why a text yields no evidence, as a sentence; empty where it does.

        Args:
            language: of the dialogue: what was given to `predict`, or `dialogue_language` of its texts.
        """
        return self._decide(text, identify.code(language) or self.dialogue_language([text]))[1]

    def logits(self, text: str) -> FloatArray:
        """The logits of a text, one a label of the scheme, shape ``(n_labels,)``.

        A text longer than the model's window is read window by window, the logits weighed by tokens.
        """
        ids = self._tokenizer.encode(self.scheme.normalize(text)).ids
        first, last, inner = ids[0], ids[-1], ids[1:-1]
        size = self._max_tokens - 2
        total, weight = np.zeros(len(self.scheme.labels), np.float32), 0
        for start in range(0, max(1, min(len(inner), size * self.options.max_windows)), size):
            window = [first, *inner[start : start + size], last]
            values = self._session.run(None, {"input_ids": np.array([window], np.int64)})[0][0]
            total += values * len(window)
            weight += len(window)
        mean: FloatArray = total / np.float32(weight)
        return mean

    def distribution(self, logits: FloatArray) -> FloatArray:
        """Probabilities over the Ekman six and neutral, shape ``(…, 7)``, of logits ``(…, n_labels)``."""
        scaled = (logits @ self._weights + self._bias) / self._temperature
        scaled = np.exp(scaled - scaled.max(-1, keepdims=True))
        result: FloatArray = scaled / scaled.sum(-1, keepdims=True)
        return result

    def said(self, scores: Mapping[str, float]) -> list[str]:
        """The labels that are said, highest first.

        They are those whose score passes the threshold chosen on the development split; where labels exclude
        one another, the one with the highest ratio of the two.
        """
        if self.scheme.exclusive:
            return [max(scores, key=lambda label: scores[label] / self._thresholds[label])]
        above = [label for label in self.scheme.labels if scores[label] > self._thresholds[label]]
        return sorted(above, key=lambda label: -scores[label])

    def scores(self, logits: FloatArray) -> dict[str, float]:
        """The score of each label of the scheme."""
        if self.scheme.exclusive:
            raised = np.exp(logits - logits.max())
            values = raised / raised.sum()
        else:
            values = 1 / (1 + np.exp(-logits))
        return {label: float(value) for label, value in zip(self.scheme.labels, values, strict=True)}

    def explain(self, text: str, *, most: int = 3, max_words: int = 40) -> Explanation:
        """The words that carry the verdict on a text, found by leaving out one at a time (occlusion).

        Only the first ``max_words`` words are tried. Neighbouring words that both count are one run.
        """
        logits = self.logits(text)
        probabilities = self.distribution(logits)
        place = int(np.argmax(probabilities))
        label = labels.EKMAN7[place]
        joint = self.scheme.joint
        pieces = text.split() if joint else self._pieces(text, max_words)
        drops = [0.0] * len(pieces)
        asked = label != "neutral" and len(pieces) > 1  # neutral words need no reason
        for index in range(min(len(pieces), max_words) if asked else 0):
            rest = joint.join(pieces[:index] + pieces[index + 1 :])
            drops[index] = _log_odds(probabilities[place]) - _log_odds(
                self.distribution(self.logits(rest))[place]
            )
        if len(pieces) == 1:
            drops = [_log_odds(probabilities[place])]
        runs = _runs(pieces, drops, joint)[:most] if label != "neutral" else []
        named = [run for run, _ in runs]
        return Explanation(label, tuple(runs), _sentence(label, named, self.scores(logits), self.scheme))

    def _pieces(self, text: str, most: int) -> list[str]:
        """A text without spaces between words, cut where the tokenizer cuts it."""
        spans = [span for span in self._tokenizer.encode(text[: 4 * most]).offsets if span[0] < span[1]]
        cuts = [start for start, _ in spans] + [len(text)]
        return [text[a:b] for a, b in pairwise(cuts)]

    def _decide(self, text: str, dialogue: str | None) -> tuple[str, str]:
        """The language a text is read in and "", or "" and why it is not read."""
        options = self.options
        found = identify.words(text)
        if not found:
            named = self.scheme.normalize(text)
            if "en" in self.languages and len(named) > 2 and identify.words(named):
                return "und", ""  # emoji alone: their names are English whatever the language
            return "", "there are no words in the text"
        readable = " and ".join(identify.name(language) for language in self.languages)
        if self.scheme.script_share(text) < 0.5:
            return (
                "",
                f"the words are not written in {self.scheme.script}; the text model reads {readable} only",
            )
        own, confidence = identify.guess(text)
        if own in self.languages and confidence >= (
            options.min_language_confidence
            if dialogue is None or dialogue in self.languages
            else options.min_switch_confidence
        ):
            return str(own), ""
        if own is not None and own not in self.languages and confidence >= options.min_switch_confidence:
            return "", f"the words seem to be {identify.name(own)}; the text model reads {readable} only"
        if dialogue in self.languages:
            return dialogue, ""
        if dialogue is not None:
            return "", f"the language is {identify.name(dialogue)}; the text model reads {readable} only"
        if "en" in self.languages and identify.plainly_english(text):
            return "en", ""
        if "zh" in self.languages:
            return "zh", ""  # Chinese characters alone: what else could it be
        why = "the words are too short or too mixed to tell their language"
        return "", f"{why}; the text model reads {readable} only"

    def _evidence(self, text: str, segment: Segment, language: str) -> Evidence:
        logits = self.logits(text)
        probabilities = self.distribution(logits)
        emotion = labels.emotion(labels.EKMAN7, [float(p) for p in probabilities])
        scores = self.scores(logits)
        n_words = identify.count(text)
        details: dict[str, Any] = {
            self.scheme.name: {label: round(score, 4) for label, score in scores.items()},
            "said": self.said(scores),
            "sentiment": sentiment(scores, self.scheme),
            "language": language,
            "n_words": n_words,
        }
        note = _sentence(emotion.label, [], scores, self.scheme)
        if self.options.explain:
            explanation = self.explain(text)
            note, details["words"] = explanation.note, [run for run, _ in explanation.words]
        return Evidence(self.source, segment, emotion, reliability(n_words, emotion), note, details)


def reliability(n_words: int, emotion: Emotion) -> float:
    """How much weight a text deserves: more words and a surer model count more; in [0, 1]."""
    length = max(n_words, 1) / (max(n_words, 1) + 2)
    return round(length * (0.5 + 0.5 * max(emotion.probabilities)), 4)


def sentiment(scores: Mapping[str, float], scheme: Scheme = GOEMOTIONS) -> dict[str, float]:
    """The highest score in each of the groups positive, negative and ambiguous that the authors publish."""
    groups = scheme.sentiment.items()
    return {group: round(max(scores[label] for label in members), 4) for group, members in groups}


def _log_odds(probability: float) -> float:
    p = min(max(float(probability), 1e-6), 1 - 1e-6)
    return float(np.log(p / (1 - p)))


def _runs(pieces: Sequence[str], drops: Sequence[float], joint: str) -> list[tuple[str, float]]:
    """Runs of neighbouring words whose drop counts, strongest first."""
    floor = max(0.2, 0.3 * max(drops, default=0.0))
    runs: list[tuple[list[str], float]] = []
    open_run = False
    for piece, drop in zip(pieces, drops, strict=True):
        if drop < floor:
            open_run = False
            continue
        if open_run:
            runs[-1] = ([*runs[-1][0], piece], runs[-1][1] + drop)
        else:
            runs.append(([piece], drop))
        open_run = not piece.endswith((".", "!", "?", ";"))
    named = [
        (joint.join(run).strip(".,;:!?\"'()…，。！？；：、“”（） "), round(drop, 3)) for run, drop in runs
    ]
    return sorted(((run, drop) for run, drop in named if run), key=lambda run: -run[1])


def _sentence(label: str, runs: Sequence[str], scores: Mapping[str, float], scheme: Scheme) -> str:
    if label == "neutral":
        return "the words are neutral"
    within = [fine for fine in scheme.labels if scheme.ekman.get(fine) == label]
    finest = max(within, key=scores.__getitem__)
    who = ", ".join(f"'{run}'" for run in runs) if runs else "words"
    verb = "points" if len(runs) == 1 and " " not in runs[0] else "point"
    return f"{who} {verb} to {label} ({finest} {min(scores[finest], 0.99):.2f})"
