"""Does the fused verdict beat each source alone, does it find contradictions, does it keep its promises?

    python benchmarks/fusion.py [--quick] [--json FILE]

What it is: real clips, judged by voice models that did not hear their speaker (acted speech: EmoDB, RAVDESS,
nEMO), paired with real sentences, judged by the text model (GoEmotions test split: Reddit comments with one
Ekman label). A pair of the same label must come out as that label; a pair of different labels is a conflict.
The pairing is artificial: nobody said these sentences in these voices, and given the label the two sources
are independent, which in real speech they are not. Read the gain of fusion as an upper limit.

Everything is fitted on half of the speakers and half of the sentences and measured on the other halves, then
the other way round; several random halves. UAR counts clips, as the field does; coverage, calibration error
and risk count every speaker and every label the same, as fusion promises them. The predictions stand in
`benchmarks/data/fusion.npz` (`recipes/fusion.py` writes them). Needs only numpy. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt.fusion import abstain, reliability
from hearfelt.fusion import fit as fitting
from hearfelt.fusion.calibrate import balanced, ece, reliability_curve, softmax
from hearfelt.fusion.combine import FusionOptions, conflict_score
from hearfelt.fusion.conformal import METHODS, ConformalOptions, ConformalSets
from hearfelt.labels import EKMAN7
from hearfelt.language.judge.divergence import jensen_shannon

DATA = Path(__file__).resolve().parent / "data" / "fusion.npz"
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="1 pair of halves instead of 10")
    parser.add_argument("--json", type=Path, help="also write all figures and tables here")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    if not options.data.is_file():
        sys.exit(f"no predictions at {options.data}: run recipes/fusion.py first")
    voice, words = load(options.data)
    print(__doc__.split("\n\n")[0], file=sys.stderr)
    print(
        f"{len(voice)} clips of {len(np.unique(voice.groups))} speakers, {len(words)} sentences",
        file=sys.stderr,
    )

    n_draws = 1 if options.quick else 10
    runs: list[dict[str, Any]] = []
    for draw in range(n_draws):
        for there, here in halves(voice, words, draw):
            runs.append(measure(there, here, draw))
            print(f"draw {draw + 1}/{n_draws}: fused UAR {runs[-1]['fused_uar']:.3f}", file=sys.stderr)
    figures = {key: average([run[key] for run in runs]) for key in runs[0]}
    figures["fused_uar_sd"] = round(float(np.std([run["fused_uar"] for run in runs])), 4)
    figures["draws"] = len(runs)
    tables(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(json.dumps({key: value for key, value in figures.items() if not isinstance(value, list | dict)}))


def load(path: Path) -> tuple[fitting.HeldOut, fitting.HeldOut]:
    """The kept predictions of voice and words."""
    with np.load(path, allow_pickle=False) as data:
        corpora = data["corpora"].astype(str)
        seconds, n_words = data["voice_duration_s"].astype(np.float64), data["words_n"].astype(np.float64)
        voice = fitting.HeldOut(
            np.exp(data["voice_log"].astype(np.float64)),
            data["voice_gold"].astype(np.int64),
            data["voice_speaker"].astype(str),
            np.array([reliability.voice(None, s) for s in seconds]),
            corpora[data["voice_corpus"]],
            seconds,
        )
        words = fitting.HeldOut(
            np.exp(data["words_log"].astype(np.float64)),
            data["words_gold"].astype(np.int64),
            np.arange(len(n_words)).astype(str),
            np.array([reliability.words(int(n)) for n in n_words]),
            np.full(len(n_words), "goemotions"),
            n_words,
        )
    return voice, words


Pair = tuple[fitting.HeldOut, fitting.HeldOut]


def halves(voice: fitting.HeldOut, words: fitting.HeldOut, seed: int) -> list[tuple[Pair, Pair]]:
    """Half of each corpus's speakers and half of the sentences, and the rest; both ways round."""
    random = np.random.default_rng(seed)
    first: list[str] = []
    for corpus in np.unique(voice.corpus):
        speakers = np.unique(voice.groups[voice.corpus == corpus])
        first += random.permutation(speakers)[: len(speakers) // 2].tolist()
    clip, sentence = np.isin(voice.groups, first), random.random(len(words)) < 0.5
    a = (voice.take(clip), words.take(sentence))
    b = (voice.take(~clip), words.take(~sentence))
    return [(a, b), (b, a)]


def measure(there: Pair, here: Pair, seed: int) -> dict[str, Any]:
    """Everything fitted `there`, measured `here`."""
    random = np.random.default_rng(1000 + seed)
    learned = fitting.fit(*there, seed=seed, n_draws=2)
    clips, sentences = fitting.pairs(*here, random)
    v, w = here[0].take(clips), here[1].take(sentences)
    y, weights = v.labels, balanced(v.labels, v.groups)
    sets = {"voice": {"voice": v}, "words": {"words": w}, "fused": {"voice": v, "words": w}}
    p = {name: fitting.pooled(learned, one) for name, one in sets.items()}
    found: dict[str, Any] = {f"{name}_uar": uar(q, y) for name, q in p.items()}
    # the sources as they come, without calibration
    found |= {"voice_raw_uar": uar(v.probabilities, y), "words_raw_uar": uar(w.probabilities, y)}
    found |= alternatives(learned, v, w)
    found |= conflicts(learned, here, random)
    for name, q in p.items():
        prefix = "" if name == "fused" else f"{name}_"
        kind = {"voice": "voice", "words": "words", "fused": "voice+words"}[name]
        hit, confidence = q.argmax(axis=1) == y, q.max(axis=1)
        found[f"{prefix}ece"] = ece(confidence, hit, weights)
        found |= promises(prefix, learned.sets[kind], q, v, weights)
        found[f"{prefix}risk_coverage"] = [risk for _, risk in abstain.risk_coverage(confidence, hit, SHARES)]
        found[f"{prefix}curve"] = curve(confidence, hit, weights)
        found |= under_prior(prefix, learned.sets[kind], q, v)
    found["target_coverage"] = 0.9
    found["conformal"] = conformal_methods(learned, there, sets)
    return found


def under_prior(prefix: str, one: Any, p: np.ndarray, v: fitting.HeldOut) -> dict[str, float]:
    """The same promises where half of all speech is neutral and `FusionOptions.prior` says so."""
    prior = np.array([0.5 if label == "neutral" else 0.5 / 6 for label in EKMAN7])
    q = softmax(np.log(np.maximum(p, 1e-300)) + np.log(prior))
    weights = balanced(v.labels, v.groups) * prior[v.labels]
    hit = q.argmax(axis=1) == v.labels
    held = one.conformal.sets(q, 0.9)[np.arange(len(v)), v.labels]
    return {
        f"{prefix}prior_ece": ece(q.max(axis=1), hit, weights),
        f"{prefix}prior_coverage": float(np.average(held, weights=weights)),
        f"{prefix}prior_accuracy": float(np.average(hit, weights=weights)),
    }


def curve(confidence: np.ndarray, hit: np.ndarray, weights: np.ndarray) -> list[tuple[float, ...]]:
    """Mean confidence, accuracy and share from 0.2 to 1 in steps of 0.2; NaN where a step is empty."""
    rows: list[tuple[float, ...]] = [(np.nan,) * 3] * 5
    for row in reliability_curve(confidence, hit, weights, n_bins=5):
        rows[min(int(row[0] * 5), 4)] = row
    return rows[1:]


def promises(
    prefix: str, one: Any, p: np.ndarray, v: fitting.HeldOut, weights: np.ndarray
) -> dict[str, float]:
    """Coverage and size of the label sets, share and error of the answers, at the default options."""
    defaults, y = FusionOptions(), v.labels
    inside = one.conformal.sets(p, defaults.coverage)
    held = inside[np.arange(len(y)), y]
    confidence, wrong = p.max(axis=1), p.argmax(axis=1) != y
    answered = confidence >= defaults.least(one.thresholds)
    speakers = [held[v.groups == name].mean() for name in np.unique(v.groups)]
    corpora = {
        f"{prefix}coverage_{name}": float(held[v.corpus == name].mean()) for name in np.unique(v.corpus)
    }
    return {
        **corpora,
        f"{prefix}coverage": float(np.average(held, weights=weights)),
        f"{prefix}coverage_speakers": float(np.mean(speakers)),
        f"{prefix}coverage_clips": float(held.mean()),
        f"{prefix}coverage_worst_speaker": float(np.min(speakers)),
        f"{prefix}coverage_worst_label": float(min(held[y == label].mean() for label in np.unique(y))),
        f"{prefix}set_size": float(inside.sum(axis=1).mean()),
        f"{prefix}answered": float(np.average(answered, weights=weights)),
        f"{prefix}answered_error": float((weights * (wrong & answered)).sum() / (weights @ answered + 1e-12)),
        f"{prefix}error": float(np.average(wrong, weights=weights)),
    }


def alternatives(learned: Any, v: fitting.HeldOut, w: fitting.HeldOut) -> dict[str, float]:
    """Other ways to join the two, for comparison."""
    y, raw = v.labels, (v.probabilities, w.probabilities)
    a, b = (fitting.alone(learned, name, held) for name, held in (("voice", v), ("words", w)))
    even = {name: replace(source, weight=1.0) for name, source in learned.sources.items()}
    ones = {
        "voice": replace(v, reliability=np.ones(len(v))),
        "words": replace(w, reliability=np.ones(len(w))),
    }
    surer = np.where((raw[0].max(axis=1) > raw[1].max(axis=1))[:, None], *raw)
    return {
        "uar_raw_mean": uar(raw[0] + raw[1], y),
        "uar_raw_product": uar(raw[0] * raw[1], y),
        "uar_raw_surer": uar(surer, y),
        "uar_calibrated_mean": uar(a + b, y),
        "uar_equal_weights": uar(fitting.pooled(replace(learned, sources=even), {"voice": v, "words": w}), y),
        "uar_no_reliability": uar(fitting.pooled(learned, ones), y),
    }


def conflicts(learned: Any, here: Pair, random: np.random.Generator) -> dict[str, float]:
    """Agreeing and contradicting pairs told apart: area under the ROC curve, and what the flag does."""
    scores: dict[str, list[np.ndarray]] = {"score": [], "js": [], "top": [], "flag": [], "emotional": []}
    for same in (True, False):
        clips, sentences = fitting.pairs(*here, random, same=same)
        v, w = here[0].take(clips), here[1].take(sentences)
        p, q = fitting.alone(learned, "voice", v), fitting.alone(learned, "words", w)
        score = conflict_score(p, q)
        scores["score"].append(score)
        scores["js"].append(jensen_shannon(p, q))
        scores["top"].append((p.argmax(axis=1) != q.argmax(axis=1)).astype(float))
        scores["flag"].append((score > learned.conflict_threshold) & fitting.may_conflict(p, q))
        neutral = EKMAN7.index("neutral")
        scores["emotional"].append((v.labels != neutral) & (w.labels != neutral))
    agree, differ = scores["emotional"]
    opposed = scores["flag"][1][differ].mean()
    return {
        "conflict_auc": auc(*scores["score"]),
        "conflict_auc_js": auc(*scores["js"]),
        "conflict_auc_top": auc(*scores["top"]),
        "conflict_auc_emotional": auc(scores["score"][0][agree], scores["score"][1][differ]),
        "conflict_found": float(scores["flag"][1].mean()),
        "conflict_found_emotional": float(opposed),
        "conflict_false_alarm": float(scores["flag"][0].mean()),
    }


def conformal_methods(
    learned: Any, there: Pair, sets: dict[str, dict[str, fitting.HeldOut]]
) -> list[list[float]]:
    """Coverage, worst label's coverage and size of the three scores, for the voice and the fused verdict."""
    clips, sentences = fitting.pairs(*there, np.random.default_rng(0))
    train = {"voice": there[0].take(clips), "words": there[1].take(sentences)}
    rows = []
    for kind in ("voice", "fused"):
        names = ("voice",) if kind == "voice" else ("voice", "words")
        before = fitting.pooled(learned, {name: train[name] for name in names})
        y_before = train["voice"].labels
        weights_before = balanced(y_before, train["voice"].groups)
        after, v = fitting.pooled(learned, sets[kind]), sets[kind]["voice"]
        for method in METHODS:
            found = ConformalSets(ConformalOptions(method)).fit(before, y_before, weights_before)
            inside = found.sets(after, 0.9)
            held, y = inside[np.arange(len(v)), v.labels], v.labels
            worst = min(held[y == label].mean() for label in np.unique(y))
            rows.append(
                [
                    float(np.average(held, weights=balanced(y, v.groups))),
                    float(worst),
                    float(inside.sum(axis=1).mean()),
                ]
            )
    return rows


def uar(p: np.ndarray, y: np.ndarray) -> float:
    """Unweighted average recall: the mean over labels of the share that was found."""
    hit = p.argmax(axis=1) == y
    return float(np.mean([hit[y == label].mean() for label in np.unique(y)]))


def auc(low: np.ndarray, high: np.ndarray) -> float:
    """Probability that a contradicting pair scores higher than an agreeing one; ties count half."""
    both = np.concatenate([low, high])
    _, place, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[len(low) :].sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))


def average(values: list[Any]) -> Any:
    """Mean over the draws, number by number."""
    table = np.array(values, dtype=np.float64)
    there = ~np.isnan(table)
    mean = np.where(there, table, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.round(mean, 4).tolist()


def tables(figures: dict[str, Any]) -> None:
    """The lists among the figures, for a person to read."""
    say = lambda *parts: print(*parts, file=sys.stderr)  # noqa: E731
    say("\nrisk: share answered, error among them (voice, words, fused)")
    for place, share in enumerate(SHARES):
        say(
            f"  {share:.1f}",
            *(f"{figures[f'{p}risk_coverage'][place]:.3f}" for p in ("voice_", "words_", "")),
        )
    say("reliability of the fused confidence: said, right, share")
    for row in figures["curve"]:
        say("  ", *(f"{value:.3f}" for value in row))
    say("label sets at 0.9: coverage, worst label, size")
    for name, row in zip([f"{k} {m}" for k in ("voice", "fused") for m in METHODS], figures["conformal"]):
        say(f"  {name:11}", *(f"{value:.3f}" for value in row))


if __name__ == "__main__":
    main()
