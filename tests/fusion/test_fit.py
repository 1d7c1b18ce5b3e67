"""What is fitted on held-out predictions beats each source, keeps its promises, and is what `Fuser` does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hearfelt.errors import InputError
from hearfelt.fusion import fit as fitting
from hearfelt.fusion import reliability
from hearfelt.fusion.calibrate import balanced, ece, softmax
from hearfelt.fusion.combine import Fuser, FusionOptions, conflict_score
from hearfelt.fusion.learned import SHIPPED
from hearfelt.labels import EKMAN7, emotion
from hearfelt.types import Evidence, Segment


def held_out(
    seed: int, n: int, n_groups: int, strength: float, prior: list[float], trust: float
) -> fitting.HeldOut:
    """Predictions of an overconfident source with a prior of its own, speakers easier and harder."""
    random = np.random.default_rng(seed)
    labels = random.choice(7, n, p=prior)
    speaker = random.integers(0, n_groups, n)
    scores = random.standard_normal((n, 7)) + 0.3 * random.standard_normal((n_groups, 7))[speaker]
    scores[np.arange(n), labels] += strength
    probabilities = softmax(1.5 * strength * scores + np.log(prior))
    return fitting.HeldOut(
        probabilities, labels, speaker.astype(str), np.full(n, trust), np.full(n, "made"), np.full(n, 3.0)
    )


VOICE_PRIOR = [0.2, 0.1, 0.15, 0.15, 0.2, 0.1, 0.1]
WORDS_PRIOR = [0.15, 0.05, 0.05, 0.35, 0.25, 0.05, 0.1]


@pytest.fixture(scope="module")
def data() -> dict[str, fitting.HeldOut]:
    return {
        "voice": held_out(0, 1500, 30, 1.5, VOICE_PRIOR, 0.9),
        "words": held_out(1, 1500, 1500, 1.3, WORDS_PRIOR, 0.8),
        "new_voice": held_out(2, 1500, 30, 1.5, VOICE_PRIOR, 0.9),
        "new_words": held_out(3, 1500, 1500, 1.3, WORDS_PRIOR, 0.8),
    }


@pytest.fixture(scope="module")
def learned(data: dict[str, fitting.HeldOut]) -> fitting.Calibration:
    return fitting.fit(data["voice"], data["words"], n_draws=2)


def test_fused_beats_each_source_and_keeps_coverage_risk_and_confidence(
    data: dict[str, fitting.HeldOut], learned: fitting.Calibration
) -> None:
    clips, sentences = fitting.pairs(data["new_voice"], data["new_words"], np.random.default_rng(5))
    v, w = data["new_voice"].take(clips), data["new_words"].take(sentences)
    weights = balanced(v.labels)
    right = {}
    for sources in ({"voice": v}, {"words": w}, {"voice": v, "words": w}):
        name = "+".join(sources)
        p = fitting.pooled(learned, sources)
        hit = p.argmax(axis=1) == v.labels
        right[name] = np.average(hit, weights=weights)
        assert ece(p.max(axis=1), hit, weights) < 0.06
        inside = learned.sets[name].conformal.sets(p, 0.9)
        held = np.average(inside[np.arange(len(v)), v.labels], weights=weights)
        assert 0.87 < held < max(0.93, right[name] + 0.01)
    assert right["voice+words"] > max(right["voice"], right["words"]) + 0.05


def test_conflicts_are_flagged_and_agreement_is_not(
    data: dict[str, fitting.HeldOut], learned: fitting.Calibration
) -> None:
    flagged = {}
    for same in (True, False):
        random = np.random.default_rng(6)
        clips, sentences = fitting.pairs(data["new_voice"], data["new_words"], random, same=same)
        v, w = data["new_voice"].take(clips), data["new_words"].take(sentences)
        assert ((v.labels == w.labels) == same).all()
        p, q = fitting.alone(learned, "voice", v), fitting.alone(learned, "words", w)
        flag = (conflict_score(p, q) > learned.conflict_threshold) & fitting.may_conflict(p, q)
        flagged[same] = flag.mean()
    assert flagged[True] < fitting.NOMINAL_FALSE_ALARM + 0.03
    assert flagged[False] > 2 * flagged[True]


def test_many_at_once_is_what_the_fuser_says_one_by_one(
    data: dict[str, fitting.HeldOut], learned: fitting.Calibration
) -> None:
    v, w = data["voice"].take(range(30)), data["words"].take(range(30))
    together = fitting.pooled(learned, {"voice": v, "words": w})
    inside = learned.sets["voice+words"].conformal.sets(together, 0.9)
    p, q = fitting.alone(learned, "voice", v), fitting.alone(learned, "words", w)
    flag = (conflict_score(p, q) > learned.conflict_threshold) & fitting.may_conflict(p, q)
    fuser = Fuser(FusionOptions(), learned)
    segment = Segment(0, 3)
    for i in range(30):
        items = [
            Evidence(
                f"{name}/x", segment, emotion(EKMAN7, held.probabilities[i].tolist()), held.reliability[i]
            )
            for name, held in (("voice", v), ("words", w))
        ]
        found = fuser.fuse(items, segment=segment)
        np.testing.assert_allclose(found.emotion.probabilities, together[i], atol=1e-9)
        assert set(found.label_set) == {label for label, there in zip(EKMAN7, inside[i]) if there}
        assert found.conflict == flag[i]


def test_the_stronger_source_gets_the_larger_say() -> None:
    strong, weak = (
        held_out(7, 1200, 20, 1.5, [1 / 7] * 7, 1.0),
        held_out(8, 1200, 1200, 0.2, [1 / 7] * 7, 1.0),
    )
    found = fitting.fit(strong, weak, n_draws=1)
    clips, sentences = fitting.pairs(strong, weak, np.random.default_rng(0))
    p = fitting.pooled(found, {"voice": strong.take(clips), "words": weak.take(sentences)})
    alone = fitting.pooled(found, {"voice": strong})
    assert (p.argmax(axis=1) == strong.labels).mean() >= (alone.argmax(axis=1) == strong.labels).mean() - 0.01
    assert found.sources["voice"].fitted
    assert not found.sources["llm"].fitted


def test_length_that_matters_is_found() -> None:
    random = np.random.default_rng(9)
    seconds = random.uniform(0.2, 6, 4000)
    trust = seconds / (seconds + 1.0)
    labels = random.integers(0, 7, 4000)
    scores = random.standard_normal((4000, 7))
    scores[np.arange(4000), labels] += trust  # short clips carry less
    p = softmax(2 * scores)
    made = fitting.HeldOut(p, labels, np.full(4000, "a"), trust, np.full(4000, "made"), seconds)
    best, losses = fitting.fit_half(
        made, lambda amount, half: amount / (amount + half) if half else 1.0, [0.0, 0.3, 1.0, 3.0]
    )
    assert best in (0.3, 1.0, 3.0)
    assert losses[0] > losses.min()


def test_load_reads_leaves_out_and_orders(tmp_path: Path) -> None:
    backwards = list(reversed(EKMAN7))
    path = tmp_path / "heldout.npz"
    np.savez(
        path,
        gold=np.array(["anger", "boredom", "surprise"]),
        labels=np.array(backwards),
        logits=np.eye(7)[[6, 0, 0]] * 4,
        corpus=np.array(["a", "a", "b"]),
        speaker=np.array(["1", "2", "1"]),
        duration_s=np.array([1.0, 2.0, 3.0]),
    )
    held = fitting.load(path, "voice", temperature=2.0)
    assert len(held) == 2
    assert held.labels.tolist() == [EKMAN7.index("anger"), EKMAN7.index("surprise")]
    assert held.probabilities.argmax(axis=1).tolist() == held.labels.tolist()
    assert held.probabilities.max() == pytest.approx(np.exp(2) / (np.exp(2) + 6))
    assert held.groups.tolist() == ["a/1", "b/1"]
    assert held.reliability[1] == reliability.voice(None, 3.0)
    with pytest.raises(InputError, match=r"holds no held-out words predictions .*make it with its recipe"):
        fitting.load(path, "words")
    with pytest.raises(InputError, match="holds no held-out voice predictions"):
        fitting.load(tmp_path / "absent.npz", "voice")


def test_a_label_without_a_sentence_is_named(data: dict[str, fitting.HeldOut]) -> None:
    few = data["words"].take(data["words"].labels != EKMAN7.index("fear"))
    with pytest.raises(InputError, match="no sentence is labelled fear; give held-out words of every label"):
        fitting.fit(data["voice"], few)


def test_the_shipped_fusion_belongs_to_the_shipped_voice_model() -> None:
    """A new voice model needs a refit: `python recipes/fusion.py` takes seconds."""
    folder = SHIPPED.parent.parent
    voice = json.loads((folder / "base" / "model.json").read_text(encoding="utf-8"))
    fusion = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert fusion["protocol"]["voice_model_temperature"] == pytest.approx(voice["temperature"], rel=0.02)
