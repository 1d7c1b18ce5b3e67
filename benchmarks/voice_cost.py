"""What the voice path costs on one core, and whether another checkout of hearfelt answers the same.

    python benchmarks/voice_cost.py                       # real-time factor of this checkout
    git worktree add ../before COMMIT
    python benchmarks/voice_cost.py --before ../before    # the two, round by round in turn, and their answers

Each checkout runs in a process of its own with one thread. A round asks `VoiceModel.predict` for every clip,
one a call, then times log-mel and functionals apart. Figures are processor seconds a second of sound, of
each clip the least of all rounds, as other programs on the machine only add. The clips are every fourth of
EmoDB and every twelfth of RAVDESS, looked for in HEARFELT_DATA, else in ../shared/data; --quick takes a tenth
of them and fewer rounds. `difference` is the largest of any probability, over both shipped models. Ends with
one line of JSON; --save also writes it to benchmarks/results/voice_cost.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
SAVED = ROOT / "benchmarks" / "results" / "voice_cost.json"
PARTS = ("predict", "logmel", "functionals")
EVERY = {"emodb": 4, "ravdess": 12}


def work() -> None:
    """Answer the parent: a line with the files, then a line for each thing asked."""
    import hearfelt
    from hearfelt.audio import read
    from hearfelt.features import melfunctionals
    from hearfelt.features.logmel import LogMel, LogMelOptions
    from hearfelt.models.onnx import VoiceModel

    weights = Path(hearfelt.__file__).parent / "weights"
    model = VoiceModel.load(weights / "base")
    extract = LogMel(LogMelOptions(**model.card["features"]["options"]))
    sounds = [read(Path(file))[0] for file in json.loads(sys.stdin.readline())]
    frames = [extract(sound).values for sound in sounds]
    seconds = sum(sound.duration_s for sound in sounds)
    parts: list[tuple[Callable[[Any], object], Sequence[Any]]] = [
        (lambda sound: model.predict([sound]), sounds),
        (extract, sounds),
        (melfunctionals.functionals, frames),
    ]
    least = np.full((len(PARTS), len(sounds)), np.inf)
    for line in sys.stdin:
        if line.strip() == "answers":
            other = VoiceModel.load(weights / "open")
            said = {m.name: [m.predict([s])[0].emotion.probabilities for s in sounds] for m in (model, other)}
            print(json.dumps(said), flush=True)
            continue
        for row, (part, given) in enumerate(parts):
            for column, one in enumerate(given):
                began = time.process_time()
                part(one)
                least[row, column] = min(least[row, column], time.process_time() - began)
        print(json.dumps((least.sum(axis=1) / seconds).tolist()), flush=True)


class Checkout:
    """A process that runs the hearfelt of one checkout."""

    def __init__(self, root: Path, files: list[str]) -> None:
        env = os.environ | {"PYTHONPATH": str(root.resolve() / "src"), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--work"]
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._tell(json.dumps(files))

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, what: str) -> Any:
        """The answer to one line."""
        assert self.process.stdout is not None
        self._tell(what)
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


def difference(one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """The largest of any probability, a model each."""
    return {name: float(np.abs(np.array(one[name]) - np.array(other[name])).max()) for name in one}


def main() -> None:
    """Print progress and, last, the figures as one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=15)
    for flag in ("quick", "save", "work"):
        parser.add_argument(f"--{flag}", action="store_true")
    options = parser.parse_args()
    if options.work:
        work()
        return

    from hearfelt.datasets import corpora
    from hearfelt.errors import CorpusError

    step, rounds = (10, 3) if options.quick else (1, options.rounds)
    try:
        clips = {c: [e.file for e in corpora.read(c, DATA)][:: n * step] for c, n in EVERY.items()}
    except CorpusError as error:
        print(error, file=sys.stderr)
        print(json.dumps({}))
        return
    files = [file for part in clips.values() for file in part]
    roots = {"now": ROOT} | ({"before": options.before} if options.before else {})
    runs = {name: Checkout(root, files) for name, root in roots.items()}
    best: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, run in runs.items():
            best[name] = run.ask("round")
        print(f"round {number + 1} of {rounds}: {best}", file=sys.stderr, flush=True)
    figures: dict[str, Any] = {"clips": {corpus: len(part) for corpus, part in clips.items()}}
    figures |= {
        name: {part: round(spent, 5) for part, spent in zip(PARTS, times, strict=True)}
        for name, times in best.items()
    }
    if options.before:
        figures["ratio"] = {part: round(a / b, 3) for part, a, b in zip(PARTS, best["now"], best["before"])}
        figures["difference"] = difference(runs["now"].ask("answers"), runs["before"].ask("answers"))
    for run in runs.values():
        run.close()
    if options.save:
        SAVED.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
