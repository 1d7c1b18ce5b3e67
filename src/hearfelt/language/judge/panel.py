"""A judge that asks in several wordings, shows examples, and says how far the answers lie apart.

A verdict that hangs on how the question is put is worth less: M. Sclar et al.: Quantifying language models'
sensitivity to spurious features in prompt design. ICLR 2024.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hearfelt.errors import ChatError, OptionError
from hearfelt.language.base import ChatModel
from hearfelt.language.judge.asking import total
from hearfelt.language.judge.cache import Kept
from hearfelt.language.judge.divergence import distance, mean_distance
from hearfelt.language.judge.examples import Examples
from hearfelt.language.judge.judge import HASH, Judge, JudgeOptions, Question
from hearfelt.language.judge.question import WORDINGS, JudgeItem
from hearfelt.language.privacy.mask import Masker
from hearfelt.types import Emotion, Evidence

_DEFAULT = JudgeOptions()
_Recall = Callable[[Question], Evidence | None]
_Ask = Callable[[Question], Evidence]


@dataclass(frozen=True, slots=True)
class PanelQuestion(Question):
    """A question in several wordings: the first one, and all of them."""

    wordings: tuple[Question, ...] = ()


class Panel(Judge):
    """Puts each question in several wordings and with examples; the verdict is the mean of the answers.

    Each wording is cached for itself. A wording that fails is left out, and the verdict says so.

    Args:
        masker: what personal data was seen before; a new one where None.
        kept: see `Judge`.
        prompts: how many wordings, 1 to `WORDINGS`.
        examples: labelled utterances of which those that are like the one in question are shown.

    Raises:
        OptionError: so many wordings there are not, or the model cannot be asked so.
    """

    def __init__(
        self,
        chat: ChatModel,
        options: JudgeOptions = _DEFAULT,
        masker: Masker | None = None,
        kept: Kept | None = None,
        *,
        prompts: int = 1,
        examples: Examples | None = None,
    ) -> None:
        if not 1 <= prompts <= WORDINGS:
            raise OptionError(f"{prompts} wordings were asked for; take 1 to {WORDINGS}")
        super().__init__(chat, options, masker, kept)
        self.prompts = prompts
        self.examples = examples
        self._others = []
        for wording in range(2, prompts + 1):
            worded = replace(options, question=replace(options.question, wording=wording))
            other = Judge(chat, worded, self.masker, self.kept)
            other.breaker = self.breaker  # what fails is the model and not a wording
            self._others.append(other)
        self._spreads: list[tuple[float, float]] = []
        self._noting = threading.Lock()

    def for_recording(self, chat: ChatModel, speakers: Iterable[str] = ()) -> Panel:
        """See `Judge.for_recording`."""
        masker = Masker(speakers)
        return type(self)(chat, self.options, masker, self.kept, prompts=self.prompts, examples=self.examples)

    @property
    def most_requests(self) -> int:
        """How many requests one utterance costs at most, over all wordings."""
        return self.prompts * super().most_requests

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader of the verdicts should know: also how far the wordings lay apart."""
        found = super().notices
        with self._noting:
            spreads = list(self._spreads)
        if spreads:
            far, agreed = (float(np.mean(column)) for column in zip(*spreads, strict=True))
            found += (
                f"the language model was asked in {self.prompts} wordings: on {len(spreads)} "
                f"utterance{'' if len(spreads) == 1 else 's'} its "
                f"answers lay {far:.2f} apart (Jensen-Shannon distance, 0 the same, 1 no overlap), and "
                f"{agreed:.0%} of them gave the label of their mean",
            )
        return found

    def prepare(self, item: JudgeItem) -> PanelQuestion:
        """The question about an item in each wording, with its examples."""
        if self.examples is not None:
            item = replace(item, shots=self.examples.like(item.text))
        asked = [super().prepare(item), *(other.prepare(item) for other in self._others)]
        key = asked[0].key if len(asked) == 1 else _hash([question.key for question in asked])
        return PanelQuestion(asked[0].item, asked[0].told, key, tuple(asked))

    def recall(self, question: Question) -> Evidence | None:
        """The answer from an earlier run, None unless every wording is kept."""
        kept = [recall(one) for recall, _, one in self._each(question)]
        found = [one for one in kept if one is not None]
        return self._joined(found, []) if len(found) == len(kept) else None

    def ask(self, question: Question) -> Evidence:
        """The mean of the answers; wordings that are kept from an earlier run are not asked again.

        Raises:
            NotAskedError, ChatError: that of the first wording, where none has an answer.
        """
        found: list[Evidence] = []
        failed: list[ChatError] = []
        for recall, ask, one in self._each(question):
            try:
                found.append(recall(one) or ask(one))
            except ChatError as error:
                failed.append(error)
                self._last = str(error)
        if not found:
            raise failed[0]
        return self._joined(found, failed)

    def reset(self) -> None:
        """See `Judge.reset`."""
        super().reset()
        for other in self._others:
            other.reset()

    def _each(self, question: Question) -> list[tuple[_Recall, _Ask, Question]]:
        """How each wording is looked up and asked, and the question in it."""
        asked = question.wordings if isinstance(question, PanelQuestion) else (question,)
        ways: list[tuple[_Recall, _Ask]] = [(super().recall, super().ask)]
        ways += [(other.recall, other.ask) for other in self._others]
        return [(recall, ask, one) for (recall, ask), one in zip(ways, asked, strict=False)]

    def _joined(self, found: Sequence[Evidence], failed: Sequence[ChatError]) -> Evidence:
        first = found[0]
        shown = {} if self.examples is None else {"examples": self.examples.options.count}
        if self.prompts == 1:
            return replace(first, details={**first.details, **shown})
        joined, far, agreed = join(found)
        with self._noting:
            self._spreads.append((far, agreed))
        spread = {
            "asked": len(found) + len(failed),
            "answered": len(found),
            "distance": round(far, 4),
            "agreement": round(agreed, 4),
            "failed": [str(error) for error in failed],
        }
        return replace(joined, details={**joined.details, **shown, "spread": spread})


def join(found: Sequence[Evidence]) -> tuple[Evidence, float, float]:
    """The mean of answers over the same labels, how far they lie apart, and how many agree with it.

    Reason and quotes are those of the answer nearest to the mean; quotes of the others are added. ``sarcasm``
    and ``conflict`` hold where more than half say so. The reliability is lowered by the distance.

    Returns:
        The evidence; the mean Jensen-Shannon distance over pairs, in [0, 1]; the share of answers whose label
        is that of the mean.
    """
    rows = [one.emotion.probabilities for one in found]
    mean = np.mean(rows, axis=0)
    emotion = Emotion(
        found[0].emotion.labels,
        tuple(float(p) for p in mean / mean.sum()),
        arousal=_mean([one.emotion.arousal for one in found]),
        valence=_mean([one.emotion.valence for one in found]),
        dominance=_mean([one.emotion.dominance for one in found]),
    )
    far = mean_distance(rows)
    agreed = float(np.mean([one.emotion.label == emotion.label for one in found]))
    nearest = min(found, key=lambda one: distance(one.emotion.probabilities, emotion.probabilities))
    said = [one.details for one in found]
    details: dict[str, Any] = dict(nearest.details)
    for name in ("words", "cues", "dropped"):
        if name in details:
            ordered = [*details[name], *(quote for one in said for quote in one.get(name, ()))]
            details[name] = list(dict.fromkeys(ordered))
    for name in ("sarcasm", "conflict"):
        if name in details:
            details[name] = sum(bool(one.get(name)) for one in said) > len(said) / 2
    details |= {
        "usage": total([one["usage"] for one in said]),
        "repaired": any(one["repaired"] for one in said),
        "cached": all(one["cached"] for one in said),
        "prompt": ", ".join(one["prompt"] for one in said),
        "prompts": [_short(one) for one in found],
    }
    for name in ("question", "answer"):
        details[name] = _hash([str(one[name]) for one in said])[:HASH]
    reliability = max(one.reliability for one in found) * (1 - far)
    return replace(nearest, emotion=emotion, reliability=reliability, details=details), far, agreed


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _short(one: Evidence) -> dict[str, Any]:
    """One wording's answer for the report."""
    return {
        "prompt": one.details["prompt"],
        "label": one.emotion.label,
        "probabilities": {label: round(p, 3) for label, p in one.emotion.scores.items() if p >= 0.0005},
        "cached": one.details["cached"],
    }


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
