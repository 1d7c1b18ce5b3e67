"""How many words PocketSphinx gets wrong, and how long it takes: on real speech and on the example call.

    python benchmarks/transcribers.py [--quick] [--clips 20]

Real speech: clips of RAVDESS (actors, two easy sentences), drawn by a fixed seed, cut by the voice activity
detector as `hearfelt analyze` cuts them. Example call: each utterance that the detector finds on each channel
of `examples/call/call.flac`, against `call.srt`. Word error rate by jiwer, lower case, without punctuation;
real-time factor in processor time over the seconds that were transcribed. Ends with one line of JSON.
--quick takes 8 clips and leaves the call out.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import jiwer

from hearfelt import audio
from hearfelt.audio import vad
from hearfelt.transcribers import build, given
from hearfelt.types import Audio

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))


def plain(text: str) -> str:
    """Lower case words without punctuation."""
    return " ".join(re.findall(r"[\w']+", text.lower()))


class Ear:
    """Transcribes channels and counts the seconds."""

    def __init__(self, name: str) -> None:
        self.transcriber = build(name)
        self.heard_s = 0.0
        self.took_s = 0.0

    def words(self, sound: Audio) -> str:
        """All words of one channel, utterance by utterance."""
        texts = []
        for segment in vad.detect(sound, vad.VadOptions()):
            part = sound.cut(segment.start_s, segment.end_s)
            start = time.process_time()
            texts += [word.text for word in self.transcriber.transcribe(part)]
            self.took_s += time.process_time() - start
            self.heard_s += part.duration_s
        return plain(" ".join(texts))


def clips(count: int) -> list[tuple[Path, str]]:
    """Clips of RAVDESS and their sentences."""
    folder = DATA / "audio" / "ravdess"
    if not folder.is_dir():
        return []
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
    drawn = random.Random(0).sample(rows, min(count, len(rows)))
    return [(folder / "audio" / row["file"], plain(row["text"])) for row in drawn]


def real(ear: Ear, count: int) -> float | None:
    """Word error rate on real speech, None where there is none."""
    wanted, heard = [], []
    for number, (path, text) in enumerate(clips(count), 1):
        wanted.append(text)
        heard.append(ear.words(audio.read(path)[0]))
        print(f"\rclip {number} of {count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return round(float(jiwer.wer(wanted, heard)), 3) if wanted else None


def call(ear: Ear, speakers: Sequence[str] = ("agent", "customer")) -> float:
    """Word error rate on the example call, channel by channel."""
    folder = ROOT / "examples" / "call"
    transcript = given.load(folder / "call.srt")
    wanted, heard = [], []
    for speaker, channel in zip(speakers, audio.read(folder / "call.flac"), strict=True):
        said = [word.text for word in transcript.words if (word.speaker or "").lower() == speaker]
        wanted.append(plain(" ".join(said)))
        heard.append(ear.words(channel))
        print(f"channel of the {speaker} done", file=sys.stderr)
    return round(float(jiwer.wer(wanted, heard)), 3)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--clips", type=int, default=20)
    options = parser.parse_args()
    ear = Ear("sphinx")
    count = 8 if options.quick else options.clips
    figures = {"clips": count, "sphinx_wer_ravdess": real(ear, count)}
    if not options.quick:
        figures["sphinx_wer_example_call"] = call(ear)
    figures["sphinx_rtf"] = round(ear.took_s / ear.heard_s, 2) if ear.heard_s else None
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
