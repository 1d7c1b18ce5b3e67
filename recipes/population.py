"""Measure people at large: writes src/hearfelt/features/population.json.

Reads EmoDB (CC BY 4.0), RAVDESS and nEMO (CC BY-NC-SA 4.0), measures each utterance with
`hearfelt.features.cues.measures`, and keeps three figures a measure: the mean over speakers, the deviation of
utterances from their speaker and of speakers from the mean. No sound, sentence, name or per-speaker figure is
kept. Genders and emotions are pooled; each speaker counts once, whatever the number of utterances.

    python recipes/population.py [--out FILE]

The corpora are looked for in HEARFELT_DATA, else in ../shared/data.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import sys
from pathlib import Path

import numpy as np

from hearfelt.audio import read
from hearfelt.errors import HearfeltError
from hearfelt.features.cues import MEASURES, measures
from hearfelt.features.frames import FrameFeatures

ROOT = Path(__file__).resolve().parent.parent
CORPORA = {"emodb": "CC BY 4.0", "ravdess": "CC BY-NC-SA 4.0", "nemo": "CC BY-NC-SA 4.0"}


def data_dir() -> Path:
    """The folder of real corpora."""
    folder = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "audio").is_dir():
        sys.exit("no corpora: set HEARFELT_DATA to the folder that holds audio/")
    return folder


def utterances(corpus: Path) -> list[tuple[str, Path]]:
    """Speaker and file of each utterance."""
    with (corpus / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        return [(row["speaker"], corpus / "audio" / row["file"]) for row in csv.DictReader(lines)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "src/hearfelt/features/population.json")
    options = parser.parse_args()
    frames = FrameFeatures()
    by_speaker: dict[str, list[dict[str, float]]] = {}
    count = 0
    for name in CORPORA:
        rows = utterances(data_dir() / "audio" / name)
        for index, (speaker, file) in enumerate(rows):
            try:
                found = measures(frames(read(file)[0]))
            except HearfeltError as error:
                print(f"{file.name}: {error}", file=sys.stderr)
                continue
            by_speaker.setdefault(f"{name}/{speaker}", []).append(found)
            count += 1
            if index % 200 == 0:
                print(f"{name} {index}/{len(rows)}", file=sys.stderr)
    table = {}
    for measure in MEASURES:
        groups = [np.array([f[measure] for f in found if measure in f]) for found in by_speaker.values()]
        means = np.array([g.mean() for g in groups])
        within = math.sqrt(float(np.mean([g.var(ddof=1) for g in groups])))
        table[measure] = {
            "mean": round(float(means.mean()), 4),
            "within_sd": round(within, 4),
            "between_sd": round(float(means.std(ddof=1)), 4),
        }
    text = {
        "about": "Mean over speakers, deviation of utterances from their speaker, deviation of speakers "
        "from the mean; acted emotional speech, all emotions and genders pooled. Aggregate figures only.",
        "recipe": "recipes/population.py",
        "corpora": CORPORA,
        "speakers": len(by_speaker),
        "utterances": count,
        "measures": table,
    }
    options.out.write_text(json.dumps(text, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({"speakers": len(by_speaker), "utterances": count, "measures": len(table)}))


if __name__ == "__main__":
    main()
