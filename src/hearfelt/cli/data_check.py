"""``hearfelt data check``: what is wrong with a corpus, in words, as a page and as JSON."""

from __future__ import annotations

import contextlib
import datetime
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.cli.lines import counted
from hearfelt.errors import HearfeltError, InputError, MissingExtraError

if TYPE_CHECKING:
    from hearfelt.cli.progress import Progress
    from hearfelt.datasets.quality import Finding, Measured, Quality
    from hearfelt.types import Example

PLAYER_S = 6.0
"""Of a clip that is longer the player holds this much."""

PAGE_BYTES = 6_000_000
"""Sound that a page holds at most, before base64."""

FOLDS = 5

SourceArgument = Annotated[
    str,
    typer.Argument(
        help="Table, folder, NAME:PATH or name of a known corpus; several with commas between them."
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder that holds audio/NAME of known corpora. [default: HEARFELT_DATA]"),
]
CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder for what is measured. [default: the user's cache]"),
]


def check(
    source: SourceArgument,
    out: Annotated[Path | None, typer.Option(help="HTML page to write, with players and plots.")] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="JSON file to write, with every clip and figure.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Look for no mislabelled clips, which takes a model.")
    ] = False,
    clips: Annotated[int, typer.Option(help="Players a finding has on the page.", min=0)] = 6,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where an error was found.")] = False,
    data: DataOption = None,
    cache: CacheOption = None,
) -> int:
    """Find duplicates, faulty or doubtful clips, and what gives the labels away."""
    from hearfelt.cli import sources
    from hearfelt.cli.progress import Progress
    from hearfelt.datasets import quality

    for path in (out, json_out):
        if path is not None:
            writable(path)
    problems: list[str] = []
    examples = sources.read(source, data, option="SOURCE", own_labels=True, problems=problems)
    folder = cache_folder(cache)
    with Progress(len(examples)) as progress:
        measured = measure(examples, folder, progress)
        found = [*quality.left_out(problems), *quality.own_labels(examples)]
        method = ["Duplicates, sounds and table were checked by hearfelt data check."]
        if not fast:
            doubt, how = doubted(examples, measured, folder, progress)
            found += [doubt] if doubt else []
            method.append(how)
        checked = quality.check(examples, measured, more=found)
    report = _report(source, checked, method)
    print(_summary(source, checked))
    if json_out is not None:
        write(json_out, as_json(report))
    if out is not None:
        from hearfelt.reports import quality as page

        write(out, page.render(report, _players(checked, clips)))
        print(f"page: {out}")
    return int(strict and checked.count("error") > 0)


def cache_folder(cache: Path | None) -> Path:
    """The folder that was named, else one in the user's cache."""
    from hearfelt.language.judge.cache import default_folder

    return cache if cache is not None else default_folder() / "data"


def measure(examples: Sequence[Example], folder: Path, progress: Progress) -> list[Measured]:
    """Listen to every example; what was measured before comes from the cache."""
    from hearfelt.datasets.quality import Store
    from hearfelt.datasets.quality import measure as listen
    from hearfelt.datasets.quality.sound import store_path

    measured = []
    for example, m in zip(examples, listen(examples, Store(store_path(folder, examples))), strict=True):
        progress.start(Path(example.file).name, m.duration_s)
        progress.finish()
        measured.append(m)
    return measured


def doubted(
    examples: Sequence[Example], measured: Sequence[Measured], folder: Path, progress: Progress
) -> tuple[Finding | None, str]:
    """Labels that a model of our 88 functionals doubts, and how, or why not, it was asked.

    Logistic regression (C = 0.1, classes weighted alike), each clip by a model that has not learnt from its
    speaker; measures are standardised within each speaker, so that a voice is not taken for a feeling.
    """
    from hearfelt.datasets.quality import mislabelled

    usable = [
        i
        for i, (e, m) in enumerate(zip(examples, measured, strict=True))
        if e.gold and m.fingerprint is not None and m.duration_s >= 0.1
    ]
    chosen = [examples[i] for i in usable]
    by_speaker = all(e.speaker for e in chosen) and len({(e.corpus, e.speaker) for e in chosen}) > 1
    if len({e.gold for e in chosen}) < 2 or len(chosen) < 2 * FOLDS:
        return None, "Labels were not doubted: too few labels or clips for a model."
    try:
        answers, labels = _out_of_fold(chosen, folder, progress, by_speaker)
        found = mislabelled(chosen, answers, labels)
    except MissingExtraError as error:
        progress.say(f"hearfelt: {error}; or leave it out with --fast")
        return None, "Labels were not doubted: scikit-learn or cleanlab is not installed."
    held = "speakers held out" if by_speaker else "random folds, because speakers are not known"
    return found, (
        f"Labels were doubted by confident learning on {len(chosen)} clips, from a logistic regression on "
        f"the 88 eGeMAPS functionals, {held}, measures standardised within each speaker."
    )


def _out_of_fold(
    examples: Sequence[Example], folder: Path, progress: Progress, by_speaker: bool
) -> tuple[Any, list[str]]:
    """Probabilities ``(n_examples, n_labels)`` of models that had not learnt from the example's group."""
    import numpy as np

    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError("finding mislabelled clips", "scikit-learn", "data") from None
    from hearfelt.datasets import splits
    from hearfelt.features.functionals import Functionals
    from hearfelt.features.matrix import matrix

    progress.start("88 functionals", None)
    values = matrix(examples, Functionals(), cache=folder, report=progress.say, unmeasurable="nan")
    values = np.nan_to_num(values).astype(np.float64)
    who = np.array([f"{e.corpus}/{e.speaker}" if by_speaker else "" for e in examples])
    for name in np.unique(who):
        rows = who == name
        values[rows] = (values[rows] - values[rows].mean(axis=0)) / (values[rows].std(axis=0) + 1e-9)
    labels = sorted({str(e.gold) for e in examples})
    gold = np.array([labels.index(str(e.gold)) for e in examples])
    groups = len(np.unique(who))
    made = (
        splits.group_folds(examples, min(FOLDS, groups), "speaker")
        if by_speaker
        else _random_folds(len(examples))
    )
    answers = np.zeros((len(examples), len(labels)))
    for split in made:
        train, test = list(split.train), list(split.test)
        if len(set(gold[train])) < 2:
            answers[test] = 1 / len(labels)
            continue
        model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
        model.fit(values[train], gold[train])
        answers[np.ix_(test, model.classes_)] = model.predict_proba(values[test])
    return answers, labels


def _random_folds(size: int) -> list[Any]:
    import numpy as np

    from hearfelt.datasets.splits.base import hold_out

    fold = np.random.default_rng(0).permutation(size) % FOLDS
    return [hold_out(f"fold {k}", size, np.flatnonzero(fold == k).tolist()) for k in range(FOLDS)]


def _report(source: str, checked: Quality, method: Sequence[str]) -> dict[str, Any]:
    import hearfelt

    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "source": source,
        "version": hearfelt.__version__,
        "created": now.isoformat(timespec="seconds"),
        "method": list(method),
    } | checked.to_dict()


def _summary(source: str, checked: Quality) -> str:
    facts = checked.facts()
    labels = ", ".join(f"{name} {count}" for name, count in facts["labels"].items())
    lines = [
        f"{source}: {counted(facts['clips'], 'clip')}, {facts['hours']:.2f} h, "
        f"{counted(facts['speakers'], 'speaker', 'unknown')}, {counted(facts['sentences'], 'sentence')}",
        f"labels: {labels}",
    ]
    for finding in checked.findings:
        lines.append(f"{finding.severity:<8} {finding.kind}: {finding.sentence}")
    if not checked.findings:
        lines.append("nothing to mend was found")
    return "\n".join(lines)


def _players(checked: Quality, most: int) -> dict[str, bytes]:
    """WAV files of the first clips of each finding, until the page is full."""
    from hearfelt import audio
    from hearfelt.datasets.quality.finding import place
    from hearfelt.datasets.quality.sound import samples_of

    by_place = {place(e): e for e in checked.examples}
    wanted = [
        finding.files[rank]
        for rank in range(most)
        for finding in checked.findings
        if rank < len(finding.files)
    ]
    players: dict[str, bytes] = {}
    size = 0
    for name in dict.fromkeys(wanted):
        # A clip that cannot be read has no player; that it cannot is a finding.
        with contextlib.suppress(HearfeltError):
            example = by_place[name]
            samples = samples_of(example, audio.read(example.file))
            wav = _wav(samples[: round(PLAYER_S * 16000)])
            size += len(wav) * sum(name in f.files[:60] for f in checked.findings)
            if size > PAGE_BYTES:
                break
            players[name] = wav
    return players


def _wav(samples: Any) -> bytes:
    import soundfile

    stream = io.BytesIO()
    soundfile.write(stream, samples, 16000, format="WAV", subtype="PCM_16")
    return stream.getvalue()


def as_json(data: Any) -> str:
    """Plain data as indented JSON."""
    import json

    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def writable(path: Path) -> None:
    """Refuse a file that cannot be written before anything is measured.

    Raises:
        InputError: its folder cannot be made, or it is a folder itself.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); name another file") from None
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")


def write(path: Path, text: str) -> None:
    """Write a file beside its place and move it there.

    Raises:
        InputError: the disk is full or the file cannot be written.
    """
    from hearfelt.training.files import atomic

    try:
        with atomic(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); name another file") from None
