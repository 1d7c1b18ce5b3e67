"""A made corpus of tones in EmoBox's shape: anger is loud and high, sadness soft and low."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import soundfile

LABELS = {"ang": "Angry", "neu": "Neutral", "sad": "Sad"}
NAMES = {"ang": "anger", "neu": "neutral", "sad": "sadness"}


def make(
    folder: Path, name: str = "tones", *, speakers: int = 3, clips: int = 6, share_speakers: bool = False
) -> Path:
    """``<name>.csv`` with sound in ``wav/``, and ``emobox/<name>/`` with a fold a speaker, or three mixed."""
    lists = folder / "emobox" / name
    lists.mkdir(parents=True)
    (folder / "wav").mkdir(exist_ok=True)
    random, rows = np.random.default_rng(0), []
    for speaker in range(speakers):
        for clip in range(clips):
            label = list(LABELS)[clip % 3]
            seconds = np.arange(8000) / 16000
            pitch = (120 + 20 * speaker) * {"ang": 2.0, "neu": 1.2, "sad": 0.8}[label]
            pitch *= 1 + 0.02 * random.standard_normal()
            tone = sum(np.sin(2 * np.pi * k * pitch * seconds) / k for k in (1, 2, 3, 4))
            sound = tone * {"ang": 0.25, "neu": 0.08, "sad": 0.02}[label] + 0.001 * random.standard_normal(
                8000
            )
            file = f"wav/{name}_{speaker}_{clip}.wav"
            soundfile.write(str(folder / file), sound, 16000)
            key = f"{name}-{Path(file).stem}"
            rows.append({"key": key, "wav": file, "emo": label, "speaker": f"s{speaker}"})
    write(lists / f"{name}.jsonl", rows)
    (lists / "label_map.json").write_text(json.dumps(LABELS), encoding="utf-8")
    for fold in range(3):
        test = [
            row for i, row in enumerate(rows) if (i // 3 % 3 if share_speakers else i // clips % 3) == fold
        ]
        write(lists / f"{name}_test_fold_{fold + 1}.jsonl", test)
        write(lists / f"{name}_train_fold_{fold + 1}.jsonl", [row for row in rows if row not in test])
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "speaker", "gender", "gold"))
        for row in rows:
            gender = "female" if row["speaker"] == "s0" else "male"
            writer.writerow((row["wav"], row["speaker"], gender, NAMES[row["emo"]]))
    return folder


def write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
