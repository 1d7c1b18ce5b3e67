"""A causal language model with low-rank adapters that names the emotion of a turn of dialogue.

The probability of a label is what the model gives its words after the question, among the labels alone:
nothing is generated, so every answer is a label and has a probability.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hearfelt.datasets.dialogue import Line
from hearfelt.errors import CorpusError, MissingExtraError, ModelError, OptionError
from hearfelt.models import folder as folders
from hearfelt.training import engine
from hearfelt.training.causal import base as bases
from hearfelt.training.causal import questions
from hearfelt.training.causal.base import Base
from hearfelt.training.causal.encode import Asked, Encoder, batch, log_likelihoods
from hearfelt.training.causal.lesson import CausalLesson
from hearfelt.training.causal.options import KIND, CausalOptions
from hearfelt.training.causal.questions import Question
from hearfelt.training.dialogue.base import parts
from hearfelt.training.recipe import from_table
from hearfelt.training.watch import How, Report, say
from hearfelt.types import FloatArray

if TYPE_CHECKING:
    from torch import nn

ROWS = 64
"""Questions with a label each that are answered together."""


class CausalModel:
    """A row of the table of dialogue models; see `hearfelt.training.dialogue.base.DialogueModel`.

    Args:
        labels: in the order of the probabilities.
        options: base, adapters, window, loop.
        folder: of checkpoints; a run that was killed goes on there.
        name: for the card.
        seed: of adapters, dropout and the order of questions.
        card: more facts for ``model.json``, such as corpora and licence.

    Attributes:
        classes_: the labels.
        history_: figures of each part of an epoch, after ``fit``.
    """

    def __init__(
        self,
        labels: Sequence[str],
        options: CausalOptions,
        folder: Path,
        *,
        name: str = KIND,
        seed: int = 1,
        report: Report = say,
        how: How | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> None:
        self.classes_ = tuple(labels)
        self.options, self.folder, self.name, self.seed = options, folder, name, seed
        self.report, self.how, self.card = report, how or How(), dict(card or {})
        self.history_: list[dict[str, float]] = []

    def fit(self, lines: Sequence[Line]) -> CausalModel:
        """Learn from the lines of the part ``train``; all epochs are run, so dev lines choose nothing.

        Raises:
            CorpusError: no labelled training line.
            ModelError, OptionError: see `base.load` and `Encoder`.
            RunError: see `hearfelt.training.engine.fit`.
        """
        learnt, _ = parts(lines)
        torch.set_num_threads(self.options.loop.threads)
        torch.manual_seed(self.seed)
        self._open(_adapted(bases.load(self.options.base, self.options.precision), self.options))
        rows = self._rows(learnt)
        self._encoder.tell(self.report, "learning")
        if self.options.checkpointing:
            _spare(self._base.model, True)
        lesson = CausalLesson(self._model, rows, self._base.pad, self.options, self.seed)
        loop = dataclasses.replace(self.options.loop, epochs=self.options.loop.epochs * self.options.parts)
        watchers = self.how.watchers(self.report, self.folder)
        self.history_ = engine.fit(lesson, loop, self.folder, watchers, self.how.device)
        if self.options.checkpointing:
            _spare(self._base.model, False)
        return self

    def predict_proba(self, lines: Sequence[Line]) -> FloatArray:
        """See `DialogueModel`."""
        asked = questions.emotions(lines, self.classes_, self.options.window)
        found = self._scores(asked)
        self._encoder.tell(self.report, "answering")
        found = np.exp(found - found.max(axis=1, keepdims=True))
        shares: FloatArray = (found / found.sum(axis=1, keepdims=True)).astype(np.float32)
        return shares

    def speakers_found(self, lines: Sequence[Line]) -> tuple[int, int]:
        """Of how many turns it is asked who speaks, and how many answers are right: the side task."""
        asked = questions.speakers(lines, self.options.window)
        hits = 0
        for one in asked:
            row = self._scores([one])[0]
            hits += one.choices[int(row.argmax())] == one.answer
        self._encoder.tell(self.report, "answering")
        return len(asked), hits

    def save(self, folder: str | Path) -> None:
        """Write the adapters alone (``adapter_model.safetensors``, ``adapter_config.json``) and
        ``model.json``.

        Raises:
            ModelError: the folder cannot be written, or holds something that is no model.
        """
        options = dataclasses.asdict(self.options)
        card = {
            **self.card,
            "name": self.name,
            "kind": KIND,
            "labels": list(self.classes_),
            "base": {
                "name": self._base.name,
                "architecture": self._base.architecture,
                "hash": self._base.hash,
                "licence": self.options.base_licence,
            },
            "prompt": {"version": questions.VERSION, "words": "hearfelt.training.causal.questions"},
            "options": options,
            "commercial": False,
        }
        with folders.writing(Path(folder), card) as part:
            self._model.save_pretrained(str(part))  # type: ignore[operator]
            (part / "README.md").unlink(missing_ok=True)  # an empty form: model.json says it

    @classmethod
    def load(
        cls, folder: str | Path, base: str | None = None, *, report: Report = say, how: How | None = None
    ) -> CausalModel:
        """What `save` wrote, on its base.

        Args:
            base: where the base is now, where that is elsewhere than when it was learnt on.

        Raises:
            ModelError: a broken folder, or a base with other weights than those it was learnt on.
        """
        folder = Path(folder)
        card = folders.read_card(folder, (KIND,))
        try:
            options = from_table(CausalOptions, _plain(card["options"]))
            written, version = card["base"], card["prompt"]["version"]
            learnt_on, name, hashed = str(written["name"]), str(card["name"]), str(written["hash"])
        except (KeyError, TypeError, OptionError) as error:
            raise ModelError(f"{folder / 'model.json'} is broken ({error}): train it again") from None
        if version != questions.VERSION:
            raise ModelError(
                f"the model in {folder} was taught with prompts of version {version}; this hearfelt asks "
                f"with version {questions.VERSION}: train it again"
            )
        options = dataclasses.replace(options, base=base or learnt_on)
        found = cls(card["labels"], options, folder, name=name, report=report, how=how, card=card)
        loaded = bases.load(options.base, options.precision)
        if loaded.hash != hashed:
            raise ModelError(
                f"the adapters in {folder} were learnt on {learnt_on} with weights {hashed[:19]}…; "
                f"{options.base} has {loaded.hash[:19]}…: give the folder of that base"
            )
        try:
            from peft import PeftModel

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by names of the past
                model = PeftModel.from_pretrained(loaded.model, str(folder))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            why = (str(error).splitlines() or [""])[0]
            raise ModelError(f"the adapters in {folder} are broken ({why}): train them again") from None
        found._open((loaded, model))
        return found

    def _open(self, adapted: tuple[Base, nn.Module]) -> None:
        self._base, self._model = adapted
        self._encoder = Encoder(self._base, self.options)
        if self.how.device != "cpu" and torch.cuda.is_available():
            self._model.to("cuda")

    def _rows(self, lines: Sequence[Line]) -> list[Asked]:
        """Everything that is learnt: the emotion of each labelled line, and who speaks."""
        asked = [
            q for q in questions.emotions(lines, self.classes_, self.options.window) if q.answer is not None
        ]
        if not asked:
            raise CorpusError("no training line has a label: nothing can be learnt")
        rows = [self._row(question, 1.0) for question in asked]
        if self.options.speaker_weight:
            side = questions.speakers(lines, self.options.window)
            rows += [self._row(question, self.options.speaker_weight) for question in side]
        return rows

    def _row(self, question: Question, weight: float) -> Asked:
        return Asked(self._encoder.prompt(question), self._encoder.answer(str(question.answer)), weight)

    @torch.no_grad()
    def _scores(self, asked: Sequence[Question]) -> FloatArray:
        """Scores ``(n_questions, n_choices)``; all questions have as many choices."""
        found = self._likelihoods(asked)
        if self.options.calibrate:
            found = found - self._likelihoods(asked, questions.NO_WORDS)
        return found

    def _likelihoods(self, asked: Sequence[Question], words: str | None = None) -> FloatArray:
        self._model.eval()
        device = next(self._model.parameters()).device
        rows = [
            Asked(prompt, self._encoder.answer(choice))
            for prompt, choices in ((self._encoder.prompt(q, words), q.choices) for q in asked)
            for choice in choices
        ]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found = np.zeros(len(rows), np.float32)
        for first in range(0, len(order), ROWS):
            chosen = order[first : first + ROWS]
            padded = batch([rows[i] for i in chosen], self._base.pad)
            said, tokens = log_likelihoods(self._model, {k: v.to(device) for k, v in padded.items()})
            found[chosen] = (said / tokens if self.options.normalise else said).float().cpu().numpy()
        table: FloatArray = found.reshape(len(asked), -1)
        return table


def _adapted(base: Base, options: CausalOptions) -> tuple[Base, nn.Module]:
    """The base with new adapters that say nothing yet.

    Raises:
        MissingExtraError: peft is not installed.
        OptionError: ``targets`` names no layer of the base.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise MissingExtraError("low-rank adapters", "peft", "train") from None
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=list(options.targets) or "all-linear",
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by names of the past
            return base, get_peft_model(base.model, config)
    except ValueError as error:
        kinds = sorted(
            {n.rpartition(".")[2] for n, m in base.model.named_modules() if isinstance(m, torch.nn.Linear)}
        )
        raise OptionError(
            f"targets = {list(options.targets)} names no layer of {base.name}; its linear layers are "
            f"{', '.join(kinds)} ({(str(error).splitlines() or [''])[0][:80]})"
        ) from None


def _spare(model: Any, on: bool) -> None:
    """Compute activations again in the backward pass, by the name that this version of transformers has."""
    verb = "enable" if on else "disable"
    if on:
        model.enable_input_require_grads()
    names = (f"activation_checkpointing_{verb}", f"gradient_checkpointing_{verb}")
    getattr(model, next(name for name in names if hasattr(model, name)))()


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON holds them, as a table of TOML."""
    return {**options, "loop": dict(options["loop"])}
