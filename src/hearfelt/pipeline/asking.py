"""Whom to put to the language model: by policy and budget, a few at once, with an account of it all.

To ask a strong and dear judge only where a cheap one is not sure is a cascade: P. Viola, M. Jones: Rapid
object detection using a boosted cascade of simple features. CVPR 2001; with language models: L. Chen, M.
Zaharia, J. Zou: FrugalGPT. 2023.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hearfelt.errors import ChatError, NotAskedError
from hearfelt.language.judge import Budget, BudgetOptions, Metered
from hearfelt.language.judge.budget import most_tokens
from hearfelt.pipeline.pool import Pool
from hearfelt.types import Asked, Estimate, Evidence

if TYPE_CHECKING:
    from hearfelt.language.judge import Judge, JudgeItem
    from hearfelt.language.judge.judge import Question
    from hearfelt.pipeline.options import RecognizerOptions

WAITING = 4
"""So many times the questions under way may wait in line; then hearing waits for the first of them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes, or does not come, of one utterance.

    Args:
        future: where the answer will stand; None where it is known.
        evidence: the answer where it is known; None where there will be none.
        why: ``cached``, or why the model was not asked.
    """

    future: Future[Evidence] | None = None
    evidence: Evidence | None = None
    why: str = ""

    @property
    def ready(self) -> bool:
        """Whether nobody needs to wait for it."""
        return self.future is None or self.future.done()


class Asking:
    """Puts the utterances of one recording to a language model where the policy says so.

    Questions are numbered, masked and held against the budget in the order in which utterances come, before
    any thread has a say: the same utterances are asked the same however many are under way at once. Only a
    limit in seconds, and a server that fails, know of time.

    Args:
        judge: who asks.
        options: policy, budget, how many at once.
        below: the confidence below which an utterance is asked where the policy is ``uncertain``.
        speakers: their names, for the masks.
    """

    def __init__(
        self, judge: Judge, options: RecognizerOptions, below: float, speakers: Iterable[str] = ()
    ) -> None:
        limits = (options.llm_max_requests, options.llm_max_tokens, options.llm_max_seconds)
        self.budget = Budget(BudgetOptions(*limits))
        self._judge = judge.for_recording(Metered(judge.chat, self.budget), speakers)
        self._options = options
        self._below = below
        self._pool = Pool(options.llm_concurrency)
        self._flying: deque[tuple[Future[Evidence], int]] = deque()
        self._spent = ""
        self._counts: Counter[str] = Counter()
        self._changed = 0
        self.last_failure = ""
        """Why the last question that was asked in vain got no answer."""

    @property
    def notices(self) -> list[str]:
        """What the reader of the report must know, one sentence each."""
        model, count = self._judge.chat.name, self._counts
        found = list(self._judge.notices)
        failed, tried = self.failed, self.failed + count["answered"] + count["cached"]
        if failed:
            found.append(
                f"the language model {model} gave no answer on {failed} of {tried} utterances, which were "
                f"judged without it: {self.last_failure}"
            )
        if count["budget"]:
            found.append(
                f"the budget of {self._spent} is spent: {count['budget']} utterances were not put to the "
                f"language model {model}"
            )
        if count["replay"]:
            found.append(
                f"no answer of the language model {model} is kept for {count['replay']} utterances, which "
                "were judged without it (a replay asks no model)"
            )
        if count["interrupted"]:
            found.append(f"{count['interrupted']} answers of the language model {model} were not waited for")
        return found

    @property
    def failed(self) -> int:
        """Utterances that were to be asked and got no answer because the model failed."""
        return self._counts["failed"] + self._counts["breaker"]

    @property
    def in_vain(self) -> bool:
        """Whether the model was wanted and not one answer came."""
        wanted = self.failed + self._counts["replay"]
        return wanted > 0 and self._counts["answered"] + self._counts["cached"] == 0

    def learn(self, text: str) -> None:
        """Takes in the names of what will be said, so that they are masked before they are introduced."""
        if self._judge.masks:
            self._judge.masker.learn(text)

    def learn_speaker(self, speaker: str) -> None:
        """Takes in the name of a speaker."""
        self._judge.masker.learn_speaker(speaker)

    def ask(self, item: JudgeItem, without: Estimate) -> Answer:
        """Puts an utterance to the model, or says why not; does not wait for the answer.

        Args:
            without: the verdict without the model.
        """
        why = self._policy(item, without)
        if why:
            return Answer(why=why)
        question = self._judge.prepare(item)
        kept = self._judge.recall(question)
        if kept is not None:
            return Answer(evidence=kept, why="cached")
        if self._judge.options.replay:
            self.last_failure = "no answer is kept from an earlier run"
            return Answer(why="replay")
        most = self._most_tokens(question)
        if self._is_spent():
            return Answer(why="budget")
        while len(self._flying) >= WAITING * self._pool.n_workers:
            self._land()
        future = self._pool.submit(lambda: self._judge.ask(question))
        self._flying.append((future, most))
        return Answer(future)

    def settle(self, answer: Answer, *, now: bool = False) -> Evidence | None:
        """The evidence of an answer, None where there is none; waits for it, and counts it.

        Args:
            now: does not wait: what has not come is given up.
        """
        evidence, why = answer.evidence, answer.why
        if answer.future is not None:
            if now and not answer.future.done():
                answer.future.cancel()
                evidence, why = None, "interrupted"
            else:
                evidence, why = self._result(answer.future)
        self._counts[why] += 1
        return evidence

    def compare(self, without: Estimate, estimate: Estimate) -> None:
        """Counts a verdict that the model has changed."""
        self._changed += without.label != estimate.label

    def account(self) -> Asked:
        """How many were asked, what it cost and what came of it, as far as settled."""
        counts, budget = self._counts, self.budget
        ended = {"answered", "cached", "failed"}
        return Asked(
            model=self._judge.chat.name,
            policy=self._options.ask,
            below=self._below if self._options.ask == "uncertain" else None,
            utterances=sum(counts.values()),
            asked=counts["answered"] + counts["failed"],
            answered=counts["answered"],
            cached=counts["cached"],
            failed=counts["failed"],
            not_asked={why: n for why, n in sorted(counts.items()) if why not in ended and n},
            changed=self._changed,
            requests=budget.requests,
            tokens=budget.tokens,
            tokens_estimated=budget.estimated,
            seconds=round(budget.seconds, 3),
        )

    def close(self) -> None:
        """Lets the threads go."""
        self._pool.close()

    def _policy(self, item: JudgeItem, without: Estimate) -> str:
        if not item.text.strip():
            return "no_words"
        if self._options.ask == "never":
            return "never"
        if self._options.ask == "uncertain" and without.confidence >= self._below and not without.conflict:
            return "sure"
        return ""

    def _result(self, future: Future[Evidence]) -> tuple[Evidence | None, str]:
        try:
            return future.result(), "answered"
        except NotAskedError as error:
            if error.why == "breaker":
                self.last_failure = str(error)
            elif error.why == "budget":
                self._spent = self._spent or self.budget.spent() or "requests"
            return None, error.why
        except ChatError as error:
            self.last_failure = str(error)
            return None, "failed"

    def _is_spent(self) -> bool:
        """Whether nothing is left, as it would be if all that is under way had been asked one by one."""
        each = self._judge.most_requests
        while True:
            flying = [most for future, most in self._flying if not future.done()]
            spent = self.budget.spent()
            if spent is not None:
                self._spent = spent
                return True
            requests = (len(flying) + 1) * each - 1
            if not flying or self.budget.spent(requests=requests, tokens=sum(flying)) is None:
                return False
            self._land()

    def _land(self) -> None:
        """Waits for the first that is under way."""
        future, _ = self._flying.popleft()
        wait([future])

    def _most_tokens(self, question: Question) -> int:
        if self._options.llm_max_tokens is None:
            return 0
        options = getattr(self._judge.chat, "options", None)
        reply = int(getattr(options, "max_tokens", 1000))
        one = most_tokens(self._judge.messages(question.told), 2 * reply + 500)
        return one * self._judge.most_requests
