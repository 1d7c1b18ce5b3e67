"""Is made emotional speech recognised, how far is it from human speech, and does it help to train on it?

    python benchmarks/synthesis.py [--quick] [--json FILE]

* `synth_uar`: the shipped voice model (`weights/base`, trained on human speech alone) hears rule-made speech
  of ten made speakers in German, English and Polish; mean of the three UARs over the seven labels it knows.
  Beside it a linear SVM on the 88 functionals, trained on EmoDB (German, 7 labels) or on half of RAVDESS
  (English, 8 labels).
* `realism_gap`: Fréchet distance between a made and a human speaker over that between two human speakers
  (medians; German, functionals standardised on EmoDB, its first ten principal components, as many clips
  each). 1 is human. Beside it the AUC of telling the two apart with held-out speakers.
* `augmentation_gain`: EmoDB, leave one speaker out, functionals and linear SVM: UAR with rule-made clips
  added to the training speakers, less UAR without; paired bootstrap over speakers. Beside it rows for clips
  that carry a training speaker's measured prosody on another training speaker's neutral recording, for
  neutral recordings of training speakers changed by rule, and for rule-made clips standardised by themselves.
* `pitch_error`: how far the mean F0 of rule-made speech, by hearfelt's own features, lies from the rule.

Nothing is chosen on test speakers: the rules come from the literature, C from training speakers of each fold
without made clips. The texts were written for this benchmark. Ends with one line of JSON. --quick takes fewer
speakers and clips.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from hearfelt import audio
from hearfelt.datasets import corpora
from hearfelt.datasets.synth import espeak, level, ruled, rules, speakers, transfer, world
from hearfelt.errors import HearfeltError
from hearfelt.evaluation import compare, metrics
from hearfelt.features.frames import FrameFeatures
from hearfelt.features.functionals import Functionals
from hearfelt.labels import EKMAN7
from hearfelt.models.onnx import VoiceModel
from hearfelt.types import Audio, Example

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
WEIGHTS = ROOT / "src" / "hearfelt" / "weights" / "base"
COSTS = (0.001, 0.003, 0.01, 0.03, 0.1)
COMPONENTS = 10
SEED = 1

TEXTS = {
    "de": (
        "Der Zug nach Norden hält heute an jedem Bahnhof.",
        "Im Keller stehen noch drei Kisten mit alten Büchern.",
        "Sie hat die Fenster am Morgen wieder zugemacht.",
        "Am Montag fangen wir eine Stunde früher an.",
    ),
    "en": (
        "The train to the north stops at every station today.",
        "There are three boxes of old books in the cellar.",
        "She closed the windows again this morning.",
        "We start an hour earlier on Monday.",
    ),
    "pl": (
        "Pociąg na północ zatrzymuje się dziś na każdej stacji.",
        "W piwnicy stoją jeszcze trzy pudła ze starymi książkami.",
        "Rano znowu zamknęła wszystkie okna.",
        "W poniedziałek zaczynamy godzinę wcześniej.",
    ),
}

Table = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Clips:
    """Measured clips: functionals ``(n, 88)``, labels and speakers ``(n,)``, and the sounds where kept.

    Args:
        partner: for transferred clips the speaker whose prosody it is; else the speaker again.
    """

    values: Table
    gold: Names
    speaker: Names
    partner: Names
    sounds: tuple[Audio, ...] = ()

    def where(self, chosen: npt.NDArray[np.bool_]) -> Clips:
        """Some of them, without sounds."""
        parts = (self.values, self.gold, self.speaker, self.partner)
        return Clips(*(part[chosen] for part in parts))


@dataclass(frozen=True)
class Size:
    """How much is made and heard."""

    speakers: int = 10
    takes: int = 3
    human_step: int = 1
    moved: int = 200


def say(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


def measured(items: Sequence[tuple[Audio, str, str, str]], keep: bool = False) -> Clips:
    extract = Functionals()
    values = np.concatenate([extract(sound).values for sound, *_ in items]).astype(np.float64)
    gold, speaker, partner = (np.array([item[place] for item in items]) for place in (1, 2, 3))
    return Clips(values, gold, speaker, partner, tuple(item[0] for item in items) if keep else ())


def human(name: str, step: int) -> tuple[list[Example], Clips]:
    examples = corpora.read(name, DATA)
    drawn = np.random.default_rng(SEED).permutation(len(examples))[: len(examples) // step]
    examples = [examples[i] for i in sorted(drawn)]
    items = []
    for e in examples:
        samples = audio.read(Path(e.file))[0].samples.astype(np.float64)
        sound = Audio(
            level.trimmed(samples, 16000).astype(np.float32), 16000
        )  # made clips have no silence either
        items.append((sound, str(e.gold), str(e.speaker), str(e.speaker)))
    say(f"{name}: {len(items)} human clips")
    return examples, measured(items)


def made(language: str, emotions: Sequence[str], size: Size, engine: str = "world") -> Clips:
    """Rule-made clips: each speaker says texts in turn, at intensities 1, 0.8 and 0.6 in turn."""
    items = []
    for s, name in enumerate(list(speakers.SPEAKERS)[:: max(1, 10 // size.speakers)]):
        spoken = espeak.Spoken(language, name)
        voice = ruled.RuledVoice(spoken) if engine == "world" else espeak.EspeakVoice(spoken)
        for k, emotion in enumerate(emotions):
            for take in range(size.takes):
                text = TEXTS[language][(s + k + take) % len(TEXTS[language])]
                sound = voice.speak(text, emotion, (1.0, 0.8, 0.6)[take % 3], 100 * s + take)
                items.append((sound, emotion, voice.speaker, voice.speaker))
    say(f"{language}: {len(items)} clips made by {engine}")
    return measured(items, keep=True)


def pitch_errors(step: int) -> dict[str, float]:
    """Relative errors of the mean F0 in three languages, five emotions and every so many speakers."""
    table, extract = rules.load(), FrameFeatures()
    errors = []
    for language, texts in TEXTS.items():
        for name, person in list(speakers.SPEAKERS.items())[::step]:
            voice = ruled.RuledVoice(espeak.Spoken(language, name), table)
            for emotion in ("neutral", "anger", "happiness", "sadness", "disgust"):
                f0 = extract(voice.speak(texts[0], emotion))["f0_hz"]
                target = person.f0_hz * 2 ** (table.rule(emotion, 1.0, 0).pitch_st / 12)
                errors.append(abs(float(np.exp(np.log(f0[f0 > 0]).mean())) / target - 1))
    say(f"F0 of {len(errors)} rule-made clips measured")
    return {
        "pitch_error": float(np.mean(errors)),
        "pitch_error_worst": max(errors),
        "pitch_error_above_10_percent": float(np.mean(np.array(errors) > 0.1)),
    }


def neutral_by_sentence(examples: Sequence[Example]) -> dict[str, dict[str, str]]:
    """EmoDB: sentence to speaker to a neutral recording."""
    found: dict[str, dict[str, str]] = {}
    for e in examples:
        if e.gold == "neutral":
            found.setdefault(Path(e.file).stem[2:5], {})[str(e.speaker)] = e.file
    return found


def moved(examples: Sequence[Example], count: int) -> Clips:
    """The prosody of emotional clips on another speaker's neutral recording of the same sentence."""
    random = np.random.default_rng(SEED)
    neutral = neutral_by_sentence(examples)
    rest = {str(e.speaker): e.file for e in examples if e.gold == "neutral"}
    emotional = [e for e in examples if e.gold != "neutral" and str(e.speaker) in rest]
    items = []
    for i in random.permutation(len(emotional)):
        e = emotional[i]
        others = {k: v for k, v in neutral.get(Path(e.file).stem[2:5], {}).items() if k != e.speaker}
        if not others or len(items) >= count:
            continue
        other = sorted(others)[random.integers(len(others))]
        own = neutral[Path(e.file).stem[2:5]].get(str(e.speaker), rest[str(e.speaker)])
        try:
            prosody = transfer.measure(audio.read(e.file)[0], audio.read(own)[0], Path(e.file).stem)
            speech = world.analyse(audio.read(others[other])[0], other)
            new = transfer.transfer(speech, prosody, method="cepstrum")
        except HearfeltError as error:
            say(f"left out: {error}")
            continue
        sound = level.finished(world.synthesise(new), world.RATE_HZ, new.level_dbfs)
        items.append((sound, str(e.gold), other, str(e.speaker)))
    say(f"{len(items)} clips made by prosody transfer")
    return measured(items)


def changed(examples: Sequence[Example], emotions: Sequence[str], count: int) -> Clips:
    """Neutral recordings changed by rule, to each emotion in turn."""
    neutral = [e for e in examples if e.gold == "neutral"]
    others = [emotion for emotion in emotions if emotion != "neutral"]
    items = []
    for i in range(count):
        e, emotion = neutral[i % len(neutral)], others[(i + i // len(neutral)) % len(others)]
        voice = ruled.RuledVoice(ruled.Recorded(Path(e.file), str(e.speaker)))
        items.append((voice.speak("", emotion, 1.0, i), emotion, voice.speaker, voice.speaker))
    say(f"{len(items)} neutral recordings changed by rule")
    return measured(items)


class Svm:
    """Functionals, standardised on the training clips, and a linear SVM with balanced classes."""

    def __init__(self, cost: float) -> None:
        self.cost = cost

    def fit(self, human: Clips, more: Table | None = None, labels: Names | None = None) -> Svm:
        """``more`` are rows already standardised."""
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        self.scaler = StandardScaler().fit(human.values)
        x, y = self.scaler.transform(human.values), human.gold
        if more is not None and labels is not None:
            x, y = np.concatenate([x, more]), np.concatenate([y, labels])
        self.model = SVC(kernel="linear", C=self.cost, class_weight="balanced").fit(x, y)
        return self

    def predict(self, values: Table, own: bool = False) -> Names:
        """``own`` standardises the clips by themselves."""
        x = standardised(values) if own else self.scaler.transform(values)
        return np.asarray(self.model.predict(x))


def standardised(values: Table) -> Table:
    return (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)


def cost(human: Clips) -> float:
    """C of the best UAR over speaker-grouped folds of these clips."""
    names = np.unique(human.speaker)
    folds = [np.isin(human.speaker, part) for part in np.array_split(names, min(4, len(names)))]

    def score(c: float) -> float:
        answers = np.empty_like(human.gold)
        for inside in folds:
            answers[inside] = Svm(c).fit(human.where(~inside)).predict(human.values[inside])
        return metrics.uar(human.gold, answers)

    return max(COSTS, key=score)


def recognised(human: dict[str, Clips], clips: dict[str, Clips], plain: dict[str, Clips]) -> dict[str, Any]:
    """UAR of models of human speech on made speech."""
    model = VoiceModel.load(WEIGHTS)
    found: dict[str, Any] = {}

    def base(part: Clips) -> float:
        known = np.isin(part.gold, EKMAN7)
        sounds = [sound for sound, use in zip(part.sounds, known) if use]
        answers = np.array(model.labels)[model.logits(sounds).argmax(axis=1)]
        table(part.gold[known], answers)
        return metrics.uar(part.gold[known], answers)

    for language, part in clips.items():
        say(f"{language}: the voice model on made speech (rows: meant, columns: heard)")
        found[f"base_{language}_uar"] = base(part)
    found["synth_uar"] = float(np.mean([found[f"base_{language}_uar"] for language in clips]))
    found["espeak_alone_uar"] = float(np.mean([base(part) for part in plain.values()]))
    for language, people in human.items():
        svm = Svm(cost(people)).fit(people)
        part = clips[language].where(np.isin(clips[language].gold, people.gold))
        say(f"{language}: the SVM on made speech")
        table(part.gold, answers := svm.predict(part.values))
        found[f"svm_{language}_uar"] = metrics.uar(part.gold, answers)
        found[f"svm_{language}_own_norm_uar"] = metrics.uar(part.gold, svm.predict(part.values, own=True))
        found[f"svm_{language}_chance"] = 1 / len(np.unique(people.gold))
    return found


def table(gold: Names, answers: Names) -> None:
    labels = sorted({*gold, *answers})
    counts = metrics.confusion(gold, answers, labels)
    print(" " * 11 + " ".join(f"{name[:5]:>5}" for name in labels), file=sys.stderr)
    for name, row in zip(labels, counts):
        if row.sum():
            print(f"{name:11}" + " ".join(f"{n / row.sum():5.0%}" for n in row), file=sys.stderr)


def frechet(one: Table, other: Table) -> float:
    """Squared Fréchet distance of two clouds seen as Gaussians (D. C. Dowson, B. V. Landau, 1982)."""
    a, b = np.cov(one.T), np.cov(other.T)
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    return float(((one.mean(axis=0) - other.mean(axis=0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * cross)


def realism(people: Clips, others: dict[str, Clips]) -> dict[str, float]:
    """Distances between speakers, relative to that between human ones, and how well speech is told apart."""
    mean, spread = people.values.mean(axis=0), np.maximum(people.values.std(axis=0), 1e-9)
    _, _, axes = np.linalg.svd((people.values - mean) / spread, full_matrices=False)

    def clouds(clips: Clips, n: int) -> list[Table]:
        """The same number of clips of each speaker, drawn by seed."""
        random = np.random.default_rng(SEED)
        flat = (clips.values - mean) / spread @ axes[:COMPONENTS].T
        rows = [np.flatnonzero(clips.speaker == name) for name in np.unique(clips.speaker)]
        return [flat[random.permutation(r)[:n]] for r in rows if len(r) >= n]

    found: dict[str, float] = {}
    for name, clips in others.items():
        counts = [np.unique(c.speaker, return_counts=True)[1] for c in (people, clips)]
        n = min(24, int(counts[0].min()), int(np.median(counts[1])))
        here, there = clouds(people, n), clouds(clips, n)
        within = np.median([frechet(a, b) for i, a in enumerate(here) for b in here[:i]])
        found[f"{name}_frechet_ratio"] = float(
            np.median([frechet(a, b) for a in here for b in there]) / within
        )
        found[f"{name}_auc"] = told_apart(people, clips)
    return found


def told_apart(people: Clips, clips: Clips) -> float:
    """AUC of human against other clips by a linear model; folds hold out speakers of both."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.concatenate([people.values, clips.values])
    y = np.repeat([0, 1], [len(people.gold), len(clips.gold)])
    fold = np.concatenate([np.unique(c.speaker, return_inverse=True)[1] % 5 for c in (people, clips)])
    scores = np.empty(len(y))
    for k in np.unique(fold):
        inside = fold == k
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=500)
        )
        scores[inside] = model.fit(x[~inside], y[~inside]).decision_function(x[inside])
    below = scores[y == 1][:, None] - scores[y == 0][None, :]
    return float((below > 0).mean() + 0.5 * (below == 0).mean())


def augmented(people: Clips, more: dict[str, Clips]) -> dict[str, Any]:
    """UAR of leaving one speaker out, without and with made clips of other speakers than the one left out."""
    answers = {name: np.empty_like(people.gold) for name in ("human", *more, "rules_own_norm")}
    for speaker in np.unique(people.speaker):
        inside = people.speaker == speaker
        train = people.where(~inside)
        c = cost(train)
        alone = Svm(c).fit(train)
        answers["human"][inside] = alone.predict(people.values[inside])
        for name, clips in more.items():
            use = clips.where((clips.speaker != speaker) & (clips.partner != speaker))
            use = use.where(np.isin(use.gold, people.gold))
            both = Svm(c).fit(train, alone.scaler.transform(use.values), use.gold)
            answers[name][inside] = both.predict(people.values[inside])
            if name == "rules":
                both = Svm(c).fit(train, standardised(use.values), use.gold)
                answers["rules_own_norm"][inside] = both.predict(people.values[inside])
        say(f"EmoDB without speaker {speaker}: C = {c:g}")

    def score(name: str) -> Callable[[npt.NDArray[np.int64]], float]:
        return lambda rows: metrics.uar(people.gold[rows], answers[name][rows])

    found: dict[str, Any] = {"emodb_loso_uar": metrics.uar(people.gold, answers["human"])}
    for name in answers:
        if name != "human":
            gain = compare.paired_bootstrap(score(name), score("human"), people.speaker)
            found[f"gain_{name}"] = gain.value
            found[f"gain_{name}_ci95"] = [gain.low, gain.high]
    return found


def main() -> None:
    """Print progress and tables, and last the figures as one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="5 speakers, fewer clips: shows that it runs")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    size = Size(speakers=5, takes=1, human_step=4, moved=30) if options.quick else Size()
    began = time.process_time()
    try:
        german, emodb = human("emodb", size.human_step)
        _, ravdess = human("ravdess", 2 * size.human_step)
    except HearfeltError as error:
        sys.exit(f"no figures: {error}")
    labels = sorted({*EKMAN7, *emodb.gold})
    clips = {
        "de": made("de", labels, size),
        "en": made("en", sorted({*EKMAN7, *ravdess.gold}), size),
        "pl": made("pl", EKMAN7, dataclasses.replace(size, takes=1)),
    }
    plain = {
        language: made(language, EKMAN7, dataclasses.replace(size, takes=1), "espeak") for language in TEXTS
    }
    carried = moved(german, size.moved)
    bent = changed(german, sorted(set(emodb.gold)), size.moved)
    figures: dict[str, Any] = recognised({"de": emodb, "en": ravdess}, clips, plain)
    others = {"rules": clips["de"], "transfer": carried, "recording_rules": bent, "other_corpus": ravdess}
    figures |= realism(emodb, others)
    figures["realism_gap"] = figures["rules_frechet_ratio"]
    figures |= augmented(emodb, {"rules": clips["de"], "transfer": carried, "recording_rules": bent})
    figures["augmentation_gain"] = figures["gain_rules"]
    figures |= pitch_errors(5 if options.quick else 1)
    figures |= {"rules_version": rules.load().version, "cpu_s": time.process_time() - began}
    figures = {k: np.round(v, 4).tolist() if not isinstance(v, str) else v for k, v in figures.items()}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
