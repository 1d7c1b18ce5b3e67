"""A corpus made on the spot in EmoDB's shape: anger is bright noise, sadness dark, neutral in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

CODES = {"anger": "W", "sadness": "T", "neutral": "N"}


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with audio/emodb: 4 speakers, 3 labels, 4 clips each."""
    data = tmp_path_factory.mktemp("data")
    folder = data / "audio" / "emodb"
    (folder / "audio").mkdir(parents=True)
    random = np.random.default_rng(0)
    lines = ["file,speaker,gender,emotion"]
    for speaker in range(4):
        for label, code in CODES.items():
            for take in "abcd":
                name = f"{speaker:02}a01{code}{take}.wav"
                sound = random.standard_normal(int(random.integers(5000, 9000))) * 0.1
                if label != "anger":
                    width = 4 if label == "neutral" else 20
                    sound = np.convolve(sound, np.ones(width) / width**0.5, mode="same")
                soundfile.write(folder / "audio" / name, sound, 16000)
                lines.append(f"{name},{speaker:02},{'female' if speaker % 2 else 'male'},{label}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return data


@pytest.fixture
def made_recipe(tmp_path: Path) -> Path:
    """A recipe for that corpus that takes a second."""
    path = tmp_path / "tiny.toml"
    path.write_text(
        """
name = "tiny"
seed = 3
[data]
corpora = ["emodb"]
labels = ["anger", "neutral", "sadness"]
per_epoch = { emodb = 30 }
[features]
n_mels = 20
trim_db = 40
[network]
stem = 4
channels = [4, 8]
width = 8
attention = 4
dropout = 0.1
[augment]
crop_min_s = 0.2
crop_max_s = 0.4
[loop]
epochs = 3
batch = 8
average = 0.5
[protocol]
folds = 2
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="session")
def own_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per class with a folder per speaker below it: 3 labels, 3 speakers, 3 short clips each."""
    folder = tmp_path_factory.mktemp("own") / "mine"
    random = np.random.default_rng(1)
    for label, width in (("angry", 1), ("neutral", 4), ("sad", 20)):
        for speaker in ("ann", "ben", "cem"):
            (folder / label / speaker).mkdir(parents=True)
            for take in range(3):
                sound = random.standard_normal(int(random.integers(4000, 6000))) * 0.1
                sound = np.convolve(sound, np.ones(width) / width**0.5, mode="same")
                soundfile.write(folder / label / speaker / f"{take}.wav", sound, 16000)
    return folder


@pytest.fixture(scope="session")
def own_table(own_clips: Path) -> Path:
    """A table over these clips with gender, language, text, ratings and votes of three raters."""
    names = {"angry": ("anger", 0.6, -0.5), "neutral": ("neutral", 0.0, 0.0), "sad": ("sadness", -0.4, -0.6)}
    rows = ["file,gold,speaker,gender,language,text,arousal,valence,dominance,votes,corpus"]
    for path in sorted(own_clips.rglob("*.wav")):
        label, speaker = path.parent.parent.name, path.parent.name
        gold, arousal, valence = names[label]
        gender, language = ("female", "de") if speaker == "ann" else ("male", "en")
        other = "neutral" if gold != "neutral" else "sadness"
        votes = f"a={gold}|b={gold}|c={other}"
        text = {"anger": "no", "neutral": "so", "sadness": "oh"}[gold]
        values = (path, gold, speaker, gender, language, text, arousal, valence, arousal / 2, votes, "mine")
        rows.append(",".join(map(str, values)))
    table = own_clips.parent / "table.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table
