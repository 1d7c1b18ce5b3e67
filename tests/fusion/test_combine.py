"""The pool obeys what a pool must obey; the verdict says why in both languages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import InputError, ModelError, OptionError
from hearfelt.fusion.combine import (
    Fuser,
    FusionOptions,
    conflict_score,
    log_ratio,
    pool,
    ratios,
)
from hearfelt.fusion.conformal import LEVELS, ConformalSets
from hearfelt.fusion.learned import Calibration, SetCalibration, SourceCalibration
from hearfelt.labels import EKMAN7, emotion
from hearfelt.types import Emotion, Evidence, Segment

SEGMENT = Segment(1.0, 3.0, "caller")
probability = st.lists(st.floats(0.01, 1), min_size=7, max_size=7).map(lambda p: np.array(p) / sum(p))


def evidence(source: str, reliability: float = 1.0, **kwargs: object) -> Evidence:
    """Evidence for labels given as keywords; the rest of the probability is spread evenly."""
    details, note = kwargs.pop("details", {}), kwargs.pop("note", "")
    given_ones = {label: float(value) for label, value in kwargs.items()}  # type: ignore[arg-type]
    rest = (1 - sum(given_ones.values())) / (7 - len(given_ones))
    made = emotion(EKMAN7, [given_ones.get(label, rest) for label in EKMAN7])
    return Evidence(source, SEGMENT, made, reliability, str(note), details)  # type: ignore[arg-type]


def over(source: str, p: Sequence[float], reliability: float = 1.0) -> Evidence:
    return Evidence(source, SEGMENT, emotion(EKMAN7, [float(value) for value in p]), reliability)


def plain(threshold: float = 0.0, quantile: float = 0.9, conflict: float = 1.0) -> Calibration:
    """A calibration that changes nothing: temperatures and weights of 1, no bias."""
    conformal = ConformalSets()
    conformal.quantiles_ = (quantile,) * len(LEVELS)
    one = SetCalibration(1.0, conformal, (threshold,) * 40)
    sources = {name: SourceCalibration() for name in ("voice", "words", "llm")}
    return Calibration(sources, {"voice": one, "words": one, "voice+words": one}, conflict)


def fuse(*items: Evidence, calibration: Calibration | None = None, **kwargs: object):  # type: ignore[no-untyped-def]
    fuser = Fuser(FusionOptions(min_confidence=0.0), calibration or plain())
    return fuser.fuse(items, segment=SEGMENT, **kwargs)  # type: ignore[arg-type]


# a source that nothing was measured on


def test_a_source_that_nothing_was_measured_on_loses_its_own_training_shares() -> None:
    """By Bayes' rule: what it says beyond how often each label was where it learnt, with half a vote."""
    prior = (0.1, 0.1, 0.1, 0.2, 0.3, 0.1, 0.1)
    learned = Calibration.load().with_unmeasured("words/zh", prior)
    nothing = fuse(over("words/zh", prior), calibration=learned)
    assert nothing.emotion.probabilities == pytest.approx([1 / 7] * 7), "its shares alone tell nothing"
    own = learned.source("words/zh")
    assert (own.temperature, own.weight, own.fitted) == (1.0, 0.5, False)
    assert (own.arousal, own.valence) == (0.5, 1.0), "words tell as much of these in any language"
    assert learned.source("words/base") == Calibration.load().source("words/base"), "no other is touched"
    said = fuse(over("words/zh", (0.2, 0.1, 0.1, 0.2, 0.2, 0.1, 0.1)), calibration=learned)
    assert said.label == "anger", "more often than where it learnt, if not most often"


def test_shares_that_are_none_are_refused() -> None:
    for wrong in ((0.5, 0.5), (0.0, 0.1, 0.1, 0.2, 0.4, 0.1, 0.1)):
        with pytest.raises(
            ModelError, match=r"the prior of words/zh is .*; wanted are 7 shares above 0, one"
        ):
            Calibration.load().with_unmeasured("words/zh", wrong)
    assert Calibration.load().with_unmeasured("words/zh", ()).source("words/zh").bias == ()


# the pool


@settings(max_examples=40, deadline=None)
@given(probability, st.integers(1, 5))
def test_identical_sources_keep_the_verdict_and_make_it_no_less_sure(p: np.ndarray, n: int) -> None:
    together = pool(np.stack([ratios(p, 1.0)] * n), np.ones(n))
    assert together[p.argmax()] == together.max()
    assert together.max() >= p.max() - 1e-9


@settings(max_examples=40, deadline=None)
@given(probability, probability, st.permutations(range(7)), st.floats(0, 1), st.floats(0, 1))
def test_labels_may_stand_in_any_order(
    p: np.ndarray, q: np.ndarray, order: list[int], trust_p: float, trust_q: float
) -> None:
    straight = pool(np.stack([ratios(p, 1.3), ratios(q, 0.7)]), np.array([trust_p, trust_q]))
    turned = pool(np.stack([ratios(p[order], 1.3), ratios(q[order], 0.7)]), np.array([trust_p, trust_q]))
    np.testing.assert_allclose(turned, straight[order], atol=1e-9)


def test_two_independent_sources_are_bayes_rule() -> None:
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.6, 0.2])
    np.testing.assert_allclose(pool(np.stack([ratios(p, 1), ratios(q, 1)]), np.ones(2)), p * q / (p @ q))
    prior = np.array([0.7, 0.2, 0.1])
    expected = p * q * prior / (p * q * prior).sum()
    np.testing.assert_allclose(
        pool(np.stack([ratios(p, 1), ratios(q, 1)]), np.ones(2), np.log(prior)), expected
    )


@settings(max_examples=25, deadline=None)
@given(probability, probability, st.floats(0.05, 1), st.floats(0.05, 1))
def test_the_order_of_the_evidence_does_not_matter(
    p: np.ndarray, q: np.ndarray, trust_p: float, trust_q: float
) -> None:
    a, b, c = over("voice/base", p, trust_p), over("words/x", q, trust_q), over("voice/other", q, trust_p)
    first, second = fuse(a, b, c), fuse(c, b, a)
    np.testing.assert_allclose(first.emotion.probabilities, second.emotion.probabilities, atol=1e-12)
    assert first.reason == second.reason
    assert first.label_set == second.label_set


@settings(max_examples=25, deadline=None)
@given(probability, probability)
def test_a_source_of_no_reliability_is_as_good_as_absent(p: np.ndarray, q: np.ndarray) -> None:
    alone = fuse(over("voice/base", p))
    for silent in (over("words/x", q, 0.0), over("voice/other", q, 0.0), over("llm/x", q, 0.0)):
        both = fuse(over("voice/base", p), silent)
        np.testing.assert_allclose(both.emotion.probabilities, alone.emotion.probabilities, atol=1e-12)
        assert both.emotion.arousal == pytest.approx(alone.emotion.arousal)
        assert (both.conflict, both.reason) == (alone.conflict, alone.reason)
        assert len(both.evidence) == 2


def test_two_models_of_one_voice_share_its_vote() -> None:
    one = fuse(evidence("voice/base", anger=0.6))
    two = fuse(evidence("voice/base", anger=0.6), evidence("voice/other", anger=0.6))
    assert two.confidence == pytest.approx(one.confidence)


def test_reliability_moves_the_verdict_from_one_source_to_the_other() -> None:
    def label(trust: float) -> str:
        voice, words = evidence("voice/base", trust, anger=0.7), evidence("words/x", 0.5, happiness=0.7)
        return fuse(voice, words).emotion.label

    assert label(0.9) == "anger"
    assert label(0.1) == "happiness"


def test_a_source_over_fewer_labels_says_nothing_of_the_others() -> None:
    part = Emotion(("anger", "sadness"), (0.9, 0.1))
    ratio = log_ratio(part, EKMAN7, SourceCalibration())
    assert ratio[EKMAN7.index("anger")] == pytest.approx(np.log(1.8))
    assert ratio[EKMAN7.index("fear")] == 0
    found = fuse(Evidence("voice/two", SEGMENT, part))
    assert found.emotion.probability("fear") == pytest.approx(1 / 7)
    assert found.emotion.probability("anger") == pytest.approx(0.9 * 2 / 7)


def test_evidence_over_foreign_labels_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"evidence over bliss, gloom shares no label with anger, .*map its labels"
    ):
        fuse(Evidence("voice/odd", SEGMENT, Emotion(("bliss", "gloom"), (0.5, 0.5))))


def test_a_stated_prior_is_applied() -> None:
    neutral = {label: (0.7 if label == "neutral" else 0.05) for label in EKMAN7}
    voice = evidence("voice/base", anger=0.4, neutral=0.3)
    assert fuse(voice).emotion.label == "anger"
    fuser = Fuser(FusionOptions(prior=neutral), plain())
    assert fuser.fuse([voice], segment=SEGMENT).emotion.label == "neutral"


def test_dimensions_are_the_mean_weighed_by_trust() -> None:
    def rated(source: str, arousal: float | None, trust: float) -> Evidence:
        made = Emotion(EKMAN7, (1 / 7,) * 7, arousal=arousal)
        return Evidence(source, SEGMENT, made, trust)

    assert fuse(rated("voice/base", 0.8, 0.9), rated("words/x", -0.1, 0.3)).emotion.arousal == pytest.approx(
        0.575
    )
    assert fuse(rated("voice/base", 0.8, 0.9), rated("words/x", None, 0.3)).emotion.arousal == pytest.approx(
        0.8
    )


# the verdict


def test_nothing_heard_is_uncertain_and_says_so() -> None:
    found = fuse()
    assert (found.label, found.abstained, found.conflict) == ("uncertain", True, False)
    assert found.label_set == EKMAN7
    assert found.confidence == pytest.approx(1 / 7)
    assert found.reason == "nothing to go by: no voice model and no words gave evidence here"
    assert fuse(language="zh").reason == "没有依据：此处声音模型和话语都没有给出证据"
    silent = fuse(evidence("voice/base", 0.0, anger=0.9), cues=("fast",))
    assert silent.reason == "fast; nothing to go by: no source is reliable here"
    assert len(silent.evidence) == 1


CUES = ("louder than usual for this speaker (+1.8 sd)", "fast", "high pitch", "creaky")


def test_reason_of_agreement() -> None:
    voice = evidence("voice/base", anger=0.7)
    words = evidence("words/goemotions", anger=0.8, details={"words": ["unacceptable"]})
    found = fuse(voice, words, cues=CUES, text="This is unacceptable.")
    assert found.label == "anger"
    assert found.text == "This is unacceptable."
    assert found.cues == CUES
    assert found.reason == (
        "louder than usual for this speaker (+1.8 sd), fast, high pitch; "
        "words point to anger ('unacceptable'); voice and words agree"
    )
    chinese = fuse(voice, words, cues=("比该说话人平时更响", "语速快"), language="zh")
    assert chinese.reason == "比该说话人平时更响，语速快；话语指向愤怒（“unacceptable”）；声音与话语一致"


def test_reason_of_a_conflict() -> None:
    voice, words = evidence("voice/base", anger=0.9), evidence("words/goemotions", happiness=0.9)
    found = fuse(voice, words)
    assert found.conflict
    assert found.reason == "voice says anger, words say happiness: they disagree"
    assert fuse(voice, words, language="zh").reason == "声音表现愤怒，话语表达高兴：两者矛盾"


def test_neutral_words_are_no_conflict() -> None:
    found = fuse(
        evidence("voice/base", anger=0.95),
        evidence("words/goemotions", neutral=0.95, details={"goemotions": {"neutral": 0.9, "joy": 0.1}}),
    )
    assert not found.conflict
    assert found.reason == "voice leans to anger, words to neutral"


def test_the_finer_label_of_the_words_is_told() -> None:
    words = evidence(
        "words/goemotions",
        anger=0.9,
        details={"goemotions": {"curiosity": 0.9, "annoyance": 0.8, "anger": 0.1}},
    )
    assert fuse(words).reason == "words point to anger (annoyance)"
    assert fuse(words, language="zh").reason == "话语指向愤怒"


def test_quotes_are_told_only_for_the_label_they_were_found_for() -> None:
    """The words name anger; a calibration that turns the side to fear must not quote them for fear."""
    calibration = plain()
    turned = tuple(4.0 if label == "fear" else 0.0 for label in EKMAN7)
    calibration = replace(
        calibration, sources={**calibration.sources, "words": SourceCalibration(bias=turned)}
    )
    scores = {"anger": 0.7, "fear": 0.02, "nervousness": 0.05}
    details = {"words": ["furious"], "goemotions": scores}
    words = evidence("words/goemotions", anger=0.6, details=details)
    assert fuse(words).reason == "words point to anger ('furious')"
    assert fuse(words, calibration=calibration).reason == "words point to fear"
    voice = evidence("voice/base", anger=0.9)
    assert "furious" not in fuse(voice, words, calibration=calibration).reason
    seen = evidence(
        "words/goemotions", anger=0.6, details={**details, "goemotions": {"anger": 0.7, "nervousness": 0.3}}
    )
    assert fuse(seen, calibration=calibration).reason == "words point to fear (nervousness)"


def test_a_source_that_counts_little_is_named() -> None:
    found = fuse(evidence("voice/base", 0.2, anger=0.9))
    assert found.reason == "voice points to anger; voice counts little here"


def test_abstention_names_what_cannot_be_told_apart() -> None:
    voice = evidence("voice/base", anger=0.4, fear=0.35)
    few = fuse(voice, calibration=plain(threshold=0.5, quantile=0.5))
    assert (few.label, few.emotion.label, few.label_set) == ("uncertain", "anger", ("anger", "fear"))
    assert few.reason == "voice points to anger; too close to call: anger or fear"
    many = fuse(voice, calibration=plain(threshold=0.5, quantile=9.0), language="zh")
    assert many.reason == "声音指向愤怒；把握不足，无法确定"
    assert not fuse(voice, calibration=plain(threshold=0.3)).abstained


def test_no_label_is_given_that_is_more_likely_wrong_than_right() -> None:
    voice = evidence("voice/base", anger=0.45)
    for options, label in (
        (FusionOptions(), "uncertain"),
        (FusionOptions(min_confidence=0.4), "anger"),
        (FusionOptions(max_risk=1.0), "anger"),
    ):
        assert Fuser(options, plain()).fuse([voice], segment=SEGMENT).label == label


def test_the_language_model_is_told_with_its_sentence_and_its_conflict() -> None:
    judge = evidence("llm/x", sadness=0.9, note="She gave up.", details={"conflict": True})
    found = fuse(evidence("voice/base", sadness=0.8), judge)
    assert found.conflict
    assert found.reason == (
        "voice points to sadness; language model points to sadness: She gave up; "
        "the language model finds that voice and words disagree"
    )


def test_long_quotes_are_cut() -> None:
    words = evidence("words/x", anger=0.9, details={"words": ["a" * 500]})
    assert len(fuse(words).reason) < 100
    assert fuse(words).reason.endswith("…')")


# conflict


@settings(max_examples=40, deadline=None)
@given(probability, probability)
def test_conflict_is_symmetric_and_0_where_one_side_knows_nothing(p: np.ndarray, q: np.ndarray) -> None:
    assert conflict_score(p, q) == pytest.approx(float(conflict_score(q, p)))
    assert conflict_score(p, np.full(7, 1 / 7)) == pytest.approx(0, abs=1e-9)


# what is shipped


def test_the_shipped_calibration_loads_and_every_number_is_sane() -> None:
    shipped = Calibration.load()
    assert shipped.labels == EKMAN7
    assert set(shipped.sets) >= {"voice", "words", "voice+words"}
    for source in shipped.sources.values():
        assert 0.1 < source.temperature < 10
        assert 0 < source.weight < 3
    for one in shipped.sets.values():
        assert list(one.conformal.quantiles_) == sorted(one.conformal.quantiles_)
        assert list(one.thresholds) == sorted(one.thresholds, reverse=True)
    assert Calibration.from_dict(json.loads(json.dumps(shipped.to_dict()))).to_dict() == shipped.to_dict()


def test_a_language_model_never_makes_the_set_unknown() -> None:
    shipped = Calibration.load()
    assert shipped.set_of(("llm", "voice", "words")) is shipped.sets["voice+words"]
    assert shipped.set_of(("llm",)) is shipped.sets["voice"]


def test_load_takes_a_folder_a_file_and_options(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps(plain().to_dict()))
    fuser = Fuser.load(tmp_path, coverage=0.8, max_risk=0.2)
    assert (fuser.options.coverage, fuser.card["kind"]) == (0.8, "fusion")
    assert Fuser.load(tmp_path / "model.json").options == FusionOptions()


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no fusion model at .*model\.json: recipes/fusion\.py makes one"):
        Fuser.load(tmp_path)
    (tmp_path / "model.json").write_text('{"sources": 3}')
    with pytest.raises(ModelError, match=r"is not a fusion model .*recipes/fusion\.py makes one"):
        Fuser.load(tmp_path)
    with pytest.raises(OptionError, match=r"coverage 1\.5 is not between 0\.5 and 0\.99"):
        Fuser(FusionOptions(coverage=1.5))
    with pytest.raises(OptionError, match=r"max_risk -1 is not between"):
        Fuser(FusionOptions(max_risk=-1))
    with pytest.raises(OptionError, match="unknown label in the prior 'joyous'; known: anger"):
        Fuser(FusionOptions(prior={"joyous": 1.0}))
    with pytest.raises(OptionError, match="the prior gives nothing to disgust, fear"):
        Fuser(FusionOptions(prior={"anger": 1.0}))
    with pytest.raises(OptionError, match="unknown language of the reason 'fr'; known: en, zh"):
        fuse(evidence("voice/base", anger=0.5), language="fr")
