"""``hearfelt analyze``: from recordings to who felt what, when, how sure that is and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import hearfelt
from hearfelt.cli.options import RECOGNIZER, split_names, with_groups
from hearfelt.errors import HearfeltError, InputError, OptionError, unknown_name

if TYPE_CHECKING:
    from hearfelt.cli.progress import Progress
    from hearfelt.pipeline.batch import Job
    from hearfelt.pipeline.offline import Recognizer
    from hearfelt.pipeline.options import RecognizerOptions
    from hearfelt.types import Report

MARKER = ".done.json"
"""Lies beside a report that is whole: what it was made of, for ``--resume``."""


@with_groups(options=RECOGNIZER)
def analyze(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings, videos, or folders of them.")],
    transcript: Annotated[
        Path | None,
        typer.Option(help="The words: SRT, VTT, TextGrid, JSON or text; for several recordings, a folder."),
    ] = None,
    speakers: Annotated[str | None, typer.Option(help="Speaker of each channel, as agent,customer.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.json, .csv, .html, .srt, .vtt, .TextGrid, .rttm.")
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option("--format", help="Print one format instead: json, csv, html, srt, vtt, textgrid, rttm."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Skip what is already done in --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no utterances, only the summary.")] = False,
    *,
    options: RecognizerOptions,
) -> int:
    """Tell who felt what, when, how sure that is and why."""
    from hearfelt import reports
    from hearfelt.cli.progress import Progress
    from hearfelt.pipeline import batch
    from hearfelt.pipeline.offline import Recognizer

    if output_format is not None and output_format.lower() not in reports.FORMATS:
        raise unknown_name("format", output_format, reports.FORMATS)
    if resume and out is None:
        raise OptionError("--resume skips what is already in --out; say --out FOLDER")
    todo = batch.jobs(recordings, transcript)
    if output_format not in (None, "json", "csv") and len(todo) > 1:
        raise OptionError(f"--format {output_format} prints one recording, not {len(todo)}; use --out FOLDER")
    if out is not None:
        _make_folder(out)
    run = _Run(options, split_names(speakers), out, output_format, quiet, len(todo))
    failed = 0
    with Progress(len(todo)) as progress:
        for job in todo:
            if resume and run.is_done(job):
                progress.say(f"{job.source}: already done")
            elif not run.attempt(job, progress, Recognizer):
                failed += 1
            progress.finish()
    if failed:
        progress.say(f"hearfelt: {failed} of {len(todo)} recordings failed; the others are done")
    return 2 if failed else 0


def _make_folder(out: Path) -> None:
    """Makes the folder of the results and tries it, so that no recording is heard in vain.

    Raises:
        InputError: it cannot be made or written.
    """
    import tempfile

    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; name a folder for the reports")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise InputError(
            f"--out {out} cannot be written ({error.strerror or error}); "
            "name a folder that can be made and written"
        ) from error


class _Run:
    """What stays the same from recording to recording."""

    def __init__(
        self,
        options: RecognizerOptions,
        speakers: list[str] | None,
        out: Path | None,
        output_format: str | None,
        quiet: bool,
        n_jobs: int,
    ) -> None:
        self.options = options
        self.speakers = speakers
        self.out = out
        self.format = output_format.lower() if output_format else None
        self.quiet = quiet or self.format is not None
        self.n_jobs = n_jobs
        self._recognizer: Recognizer | None = None
        self._printed = 0

    def folder(self, job: Job) -> Path | None:
        """Where the results go: the folder itself for one recording, a folder each for many."""
        return self.out if self.out is None or self.n_jobs == 1 else self.out / job.name

    def is_done(self, job: Job) -> bool:
        """Whether this recording, as it is now, was heard to its end with these options before."""
        from hearfelt import reports

        folder = self.folder(job)
        if folder is None or not all(
            (folder / f"report{writer.suffix}").is_file() for writer in reports.FORMATS.values()
        ):
            return False
        try:
            return bool(json.loads((folder / MARKER).read_text(encoding="utf-8")) == self._fingerprint(job))
        except (OSError, ValueError):
            return False

    def attempt(self, job: Job, progress: Progress, recognizer_class: type[Recognizer]) -> bool:
        """Hears one of many: what goes wrong is said in one line, and False tells so. One alone raises."""
        folder = self.folder(job)
        before = self._fingerprint(job)
        try:
            if folder is not None:
                _unmark(folder)
            self.hear(job, progress, recognizer_class)
            if folder is not None:
                _mark(folder, before)
        except BrokenPipeError:
            raise  # nobody reads any more: that is the end of all of them
        except Exception as error:
            if self.n_jobs == 1:
                raise
            progress.say(f"hearfelt: {in_one_line(error, job.source)}")
            return False
        return True

    def _fingerprint(self, job: Job) -> dict[str, Any]:
        """What the results depend on, as plain JSON: they stand as long as none of it changes."""
        found = {
            "source": _state(job.source),
            "transcript": None if job.transcript is None else _state(job.transcript),
            "speakers": self.speakers,
            "options": self.options.public(),
            "version": hearfelt.__version__,
        }
        plain: dict[str, Any] = json.loads(json.dumps(found, default=str))
        return plain

    def hear(self, job: Job, progress: Progress, recognizer_class: type[Recognizer]) -> None:
        """Hears one recording, prints as it goes, writes what was asked for."""
        from hearfelt.cli import lines

        if self._recognizer is None:
            self._recognizer = recognizer_class(self.options)
        language = self.options.language
        interrupted = False
        with self._recognizer.open(job.source, transcript=job.transcript, speakers=self.speakers) as analysis:
            progress.start(str(job.source), analysis.info.duration_s)
            if not self.quiet:
                if self.n_jobs > 1:
                    print(f"== {job.source}", flush=True)
                for component in analysis.components:
                    if component.kind == "transcriber" and component.note:
                        progress.say(f"words: {component.note}")
            try:
                for estimate in analysis:
                    progress.at(analysis.heard_s)
                    if not self.quiet:
                        print(*lines.estimate_lines(estimate, language), sep="\n", flush=True)
            except KeyboardInterrupt:
                interrupted = True
                analysis.warn(f"interrupted after {analysis.heard_s:.0f} s; what follows was not heard")
                for estimate in analysis.give_up():
                    if not self.quiet:
                        print(*lines.estimate_lines(estimate, language), sep="\n", flush=True)
            report = analysis.report()
            failure = analysis.failure()
        self._hand_over(report, job)
        if interrupted:
            raise KeyboardInterrupt
        if failure:
            raise failure

    def _hand_over(self, report: Report, job: Job) -> None:
        from hearfelt import reports
        from hearfelt.cli import lines

        if self.format is not None:
            self._print_format(report)
        else:
            if not self.quiet:
                print()
            print(*lines.summary_lines(report, self.options.language), sep="\n", flush=True)
        folder = self.folder(job)
        if folder is not None:
            written = reports.write(report, folder, language=self.options.language)
            if self.format is None:
                print(f"written to {folder}: {', '.join(path.name for path in written)}", flush=True)

    def _print_format(self, report: Report) -> None:
        """One report on standard output; several as JSON Lines, or as one table under one header."""
        from hearfelt import reports

        text = reports.render(report, self.format or "json", language=self.options.language)
        if self.format == "json" and self.n_jobs > 1:
            text = json.dumps(json.loads(text), ensure_ascii=False)
        if self.format == "csv":
            text = text.removeprefix("\ufeff")
            if self._printed:
                text = text.split("\n", 1)[1]
        self._printed += 1
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()


def in_one_line(error: Exception, source: Path) -> str:
    """What went wrong: our own sentence, or the kind of an error that nobody foresaw, and the file."""
    text = " ".join(str(error).split())
    return text if isinstance(error, HearfeltError) else f"{source}: {type(error).__name__}: {text}"


def _state(path: Path) -> dict[str, Any]:
    """A file as it is now; without size and time where there is none."""
    known: dict[str, Any] = {"path": str(path.absolute())}
    try:
        found = path.stat()
    except OSError:
        return known
    return {**known, "size": found.st_size, "mtime_ns": found.st_mtime_ns}


def _unmark(folder: Path) -> None:
    try:
        (folder / MARKER).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror or error}); name another --out"
        ) from error


def _mark(folder: Path, fingerprint: dict[str, Any]) -> None:
    """Written last and moved into place, so that it is there only where everything else is."""
    beside = folder / f"{MARKER}.part"
    try:
        beside.write_text(json.dumps(fingerprint, indent=1) + "\n", encoding="utf-8")
        beside.replace(folder / MARKER)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror or error}); name another --out"
        ) from error
