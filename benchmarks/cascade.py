"""Whom to ask a language model about: everybody, nobody, or those whose verdict is not sure?

    python benchmarks/cascade.py [--quick] [--json FILE]

The set is that of `benchmarks/fusion.py`: real clips judged by voice models that did not hear their speaker,
paired by label with real sentences judged by the text model. There is no real language model at hand: a
stand-in answers, right with a stated probability, else with another label drawn at random (seeded). Its
mistakes are independent of those of voice and words: read the gain as what a model of that quality could
bring at most. The rows "leaning" are of one that half of the time just repeats the fused verdict.

Calibration and the threshold come from half of the speakers and half of the sentences (by
`fusion.cascade.choose`), figures from the other halves, then the other way round; several random halves. The
shipped threshold is measured beside the one that is chosen. UAR over seven labels. Needs only numpy. Ends
with one line of JSON; its quality_* are those of the stand-in that is right 70 % of the time.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fusion import DATA, Pair, halves, load
from hearfelt.fusion import fit as fitting
from hearfelt.fusion.cascade import QUALITIES, THRESHOLDS, cascade, choose, recall
from hearfelt.fusion.learned import Calibration

STATED = 0.7
"""The stand-in whose figures the last line gives."""
LEAN = 0.5
"""How often a leaning stand-in repeats what voice and words say together."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="1 pair of halves instead of 10")
    parser.add_argument("--json", type=Path, help="also write all figures here")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    if not options.data.is_file():
        sys.exit(f"no predictions at {options.data}: run recipes/fusion.py first")
    voice, words = load(options.data)
    print(__doc__.split("\n\n")[0], file=sys.stderr)
    runs = []
    n_draws = 1 if options.quick else 10
    for draw in range(n_draws):
        for there, here in halves(voice, words, draw):
            runs.append(measure(there, here, draw))
            print(f"draw {draw + 1}/{n_draws}: asks below {runs[-1]['below']:.2f}", file=sys.stderr)
    figures = average(runs)
    figures["below_each"] = [run["below"] for run in runs]
    figures |= {"clips": len(voice), "sentences": len(words), "halves": len(runs)}
    table(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    stated = figures["stand_ins"][f"{STATED:g}"]
    line = {
        name: stated[name] for name in ("asked_share", "quality_always", "quality_uncertain", "quality_never")
    }
    print(json.dumps({**line, "stand_in_quality": STATED, "below": figures["below"]}))


def measure(there: Pair, here: Pair, seed: int) -> dict[str, Any]:
    """The threshold chosen `there`, everything measured `here`."""
    learned = fitting.fit(*there, seed=seed, n_draws=2)
    random = np.random.default_rng(2000 + seed)
    below = choose([cascade(learned, *there, quality, random) for quality in QUALITIES])
    shipped = Calibration.load().ask_below
    found: dict[str, Any] = {"below": below, "shipped_below": shipped, "stand_ins": {}, "leaning": {}}
    for quality in QUALITIES:
        for kind, lean in (("stand_ins", 0.0), ("leaning", LEAN)):
            one = cascade(learned, *here, quality, np.random.default_rng(3000 + seed), lean=lean)
            found[kind][f"{quality:g}"] = {
                "quality_never": recall(one.without, one.labels),
                "quality_always": recall(one.always, one.labels),
                "quality_uncertain": recall(one.verdicts(below), one.labels),
                "asked_share": float(one.asked(below).mean()),
                "quality_shipped": recall(one.verdicts(shipped), one.labels),
                "asked_shipped": float(one.asked(shipped).mean()),
                "quality_without_conflicts": recall(one.verdicts(below, conflicts=False), one.labels),
                "asked_without_conflicts": float(one.asked(below, conflicts=False).mean()),
                "quality_at_random": at_random(one, float(one.asked(below).mean()), random),
                "curve_asked": [float(one.asked(level).mean()) for level in THRESHOLDS],
                "curve_quality": [recall(one.verdicts(level), one.labels) for level in THRESHOLDS],
            }
    return found


def at_random(one: Any, share: float, random: np.random.Generator) -> float:
    """The quality where as many are asked, but anybody: what the choice itself is worth."""
    asked = random.random(len(one.labels)) < share
    return recall(np.where(asked[:, None], one.always, one.without), one.labels)


def average(runs: list[Any]) -> Any:
    """Mean over the halves, number by number, whatever holds them."""
    if isinstance(runs[0], dict):
        return {key: average([run[key] for run in runs]) for key in runs[0]}
    return np.round(np.mean(runs, axis=0), 4).tolist()


def table(figures: dict[str, Any]) -> None:
    """The figures for a person to read."""
    say = lambda *parts: print(*parts, file=sys.stderr)  # noqa: E731
    say(f"\nasks below {figures['below']:.3f} (chosen), {figures['shipped_below']:.2f} (shipped)")
    for kind in ("stand_ins", "leaning"):
        say(f"{kind}: right, never, always, uncertain (share), shipped (share), as many at random")
        for quality, row in figures[kind].items():
            say(
                f"  {quality:>4}  {row['quality_never']:.3f}  {row['quality_always']:.3f}  "
                f"{row['quality_uncertain']:.3f} ({row['asked_share']:.2f})  "
                f"{row['quality_shipped']:.3f} ({row['asked_shipped']:.2f})  {row['quality_at_random']:.3f}"
            )
    say("threshold, share asked, UAR by stand-in")
    rows = figures["stand_ins"]
    for place, level in enumerate(THRESHOLDS):
        share = next(iter(rows.values()))["curve_asked"][place]
        say(f"  {level:.2f}  {share:.2f} ", *(f"{row['curve_quality'][place]:.3f}" for row in rows.values()))


if __name__ == "__main__":
    main()
