"""``hearfelt data label``: a language model as one more rater of a table, and how far it agrees."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli.data_check import writable
from hearfelt.cli.lines import columns, counted
from hearfelt.cli.options import BACKEND, WORDINGS, Wordings, split_names, with_groups
from hearfelt.errors import ChatError, CorpusError, OptionError, unknown_name

if TYPE_CHECKING:
    from hearfelt.cli.labelling import Ears, Outcome
    from hearfelt.cli.progress import Progress
    from hearfelt.datasets.annotated import AnnotatedTable
    from hearfelt.language.chat.backends import BackendOptions
    from hearfelt.language.judge import Examples, Panel

MODES = ("schema", "score")
SAVE_EVERY_S = 60.0
"""So often what is labelled so far is written, and without a terminal a line of progress."""


@with_groups(backend=BACKEND, wordings=WORDINGS)
def label(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet table with a column text.")],
    out: Annotated[Path, typer.Option(help="Table to write: .csv or .parquet, with the model's votes.")],
    llm: Annotated[str, typer.Option(help="Language model that labels.")],
    backend: BackendOptions,
    wordings: Wordings,
    mode: Annotated[
        str,
        typer.Option(
            "--llm-mode", "--mode", help="schema: a checked answer; score: the likelihood of each label."
        ),
    ] = "schema",
    labels: Annotated[
        str | None,
        typer.Option(help="Labels to choose from, comma-separated. [default: the table's, else the seven]"),
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="Tell it what this voice model says, where there is sound.")
    ] = None,
    no_cues: Annotated[
        bool, typer.Option("--no-cues", help="Tell it no vocal cues, although there is sound.")
    ] = False,
    speech_language: Annotated[
        str | None, typer.Option(help="Language of rows that name none, as en or zh.")
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option(
            "--llm-concurrency", "--concurrency", help="Questions under way at once.", min=1, max=64
        ),
    ] = 1,
) -> int:
    """Let a language model label a table: one more rater beside the people, and how far they agree."""
    from hearfelt.cli import labelling
    from hearfelt.cli.progress import Progress
    from hearfelt.datasets.annotated import AnnotatedTable
    from hearfelt.language.chat.backends import make
    from hearfelt.language.judge import JudgeOptions, Panel

    if mode not in MODES:
        raise unknown_name("way to ask for labels", mode, MODES)
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise OptionError(f"--out {out} ends in {out.suffix!r}; write a .csv or a .parquet file")
    writable(out)
    rated = AnnotatedTable(table)
    chosen = _labels(rated, labels)
    shown = _examples(wordings, chosen)
    options = JudgeOptions(mode=mode, labels=chosen, pause_s=math.inf)
    judge = Panel(make(llm, backend), options, prompts=wordings.prompts, examples=shown)
    outcome = labelling.Outcome()
    ears = _ears(rated, voice, use_cues=not no_cues)
    with Progress(len(rated.rows), "utterances") as progress:
        asked = labelling.items(rated, ears, speech_language, outcome)
        saving = _Saving(rated, out, progress)
        try:
            labelling.label(rated, judge, asked, outcome, at_once=concurrency, progress=saving.at)
        except KeyboardInterrupt:
            if outcome.labelled:
                rated.write(out)
            progress.say(
                f"interrupted: {outcome.labelled} of {len(rated.rows)} utterances are labelled in {out}; the "
                "same command goes on there"
            )
            raise
    if not outcome.labelled:
        why = labelling.short_list(list(outcome.unanswered.values()), 1)
        raise ChatError(why) if why else CorpusError(f"{table} has no words in its texts: nothing to label")
    rated.write(out)
    _tell(rated, judge, outcome, table, out, chosen)
    return _missing(outcome, len(rated.rows), progress)


class _Saving:
    """Moves the bar, and now and then writes what there is so far."""

    def __init__(self, table: AnnotatedTable, out: Path, progress: Progress) -> None:
        from hearfelt.training.watch import TimeLeft

        self._table, self._out, self._progress = table, out, progress
        self._left = TimeLeft()
        self._left.start(len(table.rows), 0)
        self._last = time.monotonic()

    def at(self, done: int) -> None:
        """So many rows are done."""
        self._progress.finish()
        if time.monotonic() - self._last < SAVE_EVERY_S:
            return
        self._last = time.monotonic()
        self._table.write(self._out)
        from hearfelt.training.watch import span

        left = span(self._left.after(done))
        self._progress.say(f"{done} of {len(self._table.rows)} utterances, {left} left")


def _labels(table: AnnotatedTable, given: str | None) -> tuple[str, ...]:
    """What the model may answer: as given, else every label of the table, else the seven."""
    from hearfelt.datasets.annotated import known
    from hearfelt.labels import EKMAN7

    if given is not None:
        chosen = tuple(dict.fromkeys(known(name) for name in split_names(given) or () if name))
        if len(chosen) < 2:
            raise OptionError(f"--labels {given!r} leaves no choice: name two or more, as anger,neutral")
        return chosen
    found = table.labels()
    return found if len(found) > 1 else EKMAN7


def _examples(wordings: Wordings, labels: Sequence[str]) -> Examples | None:
    from hearfelt.language.judge import ShotOptions, open_table

    if wordings.examples is None:
        return None
    options = ShotOptions(wordings.shots, wordings.balanced_shots)
    return open_table(Path(wordings.examples), labels, options)


def _ears(table: AnnotatedTable, voice: str | None, *, use_cues: bool) -> Ears | None:
    """Who listens to the sound of the rows; None where there is none, or nothing of it is to be told."""
    from hearfelt.cli.labelling import Ears

    has_sound = any(table.cell(row, "file") for row in range(len(table.rows)))
    if not has_sound:
        if voice is not None:
            raise OptionError(f"--voice {voice} needs sound, but {table.path} has no column file")
        return None
    if voice is None and not use_cues:
        return None
    from hearfelt.pipeline.build import build
    from hearfelt.pipeline.options import RecognizerOptions

    parts = build(RecognizerOptions(voice=voice or "none", words="none", transcriber="none"))
    return Ears(parts, use_cues=use_cues)


def _tell(
    table: AnnotatedTable, judge: Panel, outcome: Outcome, source: Path, out: Path, labels: Sequence[str]
) -> None:
    """Prints what was labelled and how far it agrees with people."""
    rater = judge.source
    counts = Counter(vote for votes in table.votes for name, vote in votes if name == rater)
    print(f"{source}: {outcome.labelled} of {len(table.rows)} utterances labelled by {rater}")
    print("labels: " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))
    tokens = sum(outcome.usage[name] for name in ("prompt_tokens", "completion_tokens"))
    print(f"{outcome.kept} answers from the cache; {tokens} tokens for the others")
    for notice in judge.notices:
        print(notice)
    if table.nameless:
        print("votes without raters are named by their place (vote 1, vote 2): not always the same person")
    _tell_agreement(table, rater)
    _tell_confusion(table, rater, labels)
    print(f"written: {out}")


def _tell_agreement(table: AnnotatedTable, rater: str) -> None:
    from hearfelt.datasets import votes as said

    people, all_of_them = table.examples(without=rater), table.examples()
    if not any(example.votes for example in people):
        print("no votes of people are there to agree with")
        return
    shown: dict[str, dict[str, float]] = {}
    for name, rated in (("people", people), (f"with {rater}", all_of_them)):
        try:
            found = said.agreement(rated)
        except CorpusError as error:
            print(f"Krippendorff's alpha, {name}: {error}")
            continue
        shown[name] = said.label_alphas(rated)
        print(
            f"Krippendorff's alpha, {name}: {found.alpha:.3f} [{found.low:.3f}, {found.high:.3f}] "
            f"({found.items} utterances with 2 votes or more)"
        )
    if shown:
        names = sorted({label for alphas in shown.values() for label in alphas})
        rows = [(name, *(_number(alphas.get(name, math.nan)) for alphas in shown.values())) for name in names]
        print(columns([("alpha of label", *shown), *rows]))
    agrees = said.rater_agreement(all_of_them)
    if rater in agrees:
        mean, count = agrees[rater]
        others = [share for name, (share, _) in agrees.items() if name != rater]
        print(
            f"{rater} says what another rater says in {mean:.1%} ({count} utterances); people on average in "
            f"{sum(others) / len(others):.1%}"
        )


def _tell_confusion(table: AnnotatedTable, rater: str, labels: Sequence[str]) -> None:
    """The model's labels (columns) against gold (rows), with recall."""
    pairs = Counter(
        (gold, vote)
        for row, votes in enumerate(table.votes)
        if (gold := table.gold(row))
        for name, vote in votes
        if name == rater
    )
    if not pairs:
        return
    golds = sorted({gold for gold, _ in pairs})
    rows: list[Sequence[object]] = [("gold \\ llm", *labels, "recall")]
    recalls = []
    for gold in golds:
        total = sum(pairs[gold, name] for name in labels)
        recalls.append(pairs[gold, gold] / total)
        rows.append((gold, *(pairs[gold, name] for name in labels), f"{recalls[-1]:.2f}"))
    same = sum(count for (gold, vote), count in pairs.items() if gold == vote)
    print(columns(rows))
    print(
        f"against gold: {same / sum(pairs.values()):.1%} right of {sum(pairs.values())}, mean recall (UAR) "
        f"{sum(recalls) / len(recalls):.1%} over {len(golds)} labels"
    )


def _missing(outcome: Outcome, rows: int, progress: Progress) -> int:
    """Says what has no label and why; the exit code."""
    from hearfelt.cli.labelling import short_list

    if outcome.silent:
        have = "has" if outcome.silent == 1 else "have"
        progress.say(f"{counted(outcome.silent, 'utterance')} {have} no words and no label")
    if outcome.unheard:
        heard = short_list(list(outcome.unheard.elements()))
        total = outcome.unheard.total()
        were = "was" if total == 1 else "were"
        progress.say(f"{counted(total, 'utterance')} {were} labelled from words alone: {heard}")
    if not outcome.unanswered:
        return 0
    why = short_list([reason for reason in outcome.unanswered.values() if reason != outcome.stopped])
    progress.say(
        f"hearfelt: {len(outcome.unanswered)} of {rows} utterances are missing a label: "
        f"{why or outcome.stopped}; the same command asks about these alone"
    )
    return 2


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
