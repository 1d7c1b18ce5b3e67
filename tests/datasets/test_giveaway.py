"""What gives a label away, held to scikit-learn and SciPy; labels that look wrong; faults of the table."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hearfelt.datasets import corpora, quality
from hearfelt.datasets.quality import Association, Measured, associate, giveaway
from hearfelt.datasets.quality.finding import Finding
from hearfelt.errors import CorpusError
from hearfelt.types import Example

LABELS = ("anger", "fear", "sadness")


def table(rows: int = 120, speakers: int = 6, seed: int = 0) -> list[Example]:
    """Labels that have nothing to do with speakers, genders and sentences."""
    random = np.random.default_rng(seed)
    return [
        Example(
            f"{i}.wav",
            LABELS[random.integers(3)],
            speaker=f"{i % speakers}",
            gender="mf"[i % speakers % 2],
            text=f"sentence number {random.integers(9)}",
            corpus="made",
            licence="CC0",
        )
        for i in range(rows)
    ]


def found(examples: list[Example], durations: list[float] | None = None) -> dict[str, Finding]:
    measured = [
        Measured(hash=str(i), duration_s=2.0, level_dbfs=-20, snr_db=40) for i in range(len(examples))
    ]
    if durations:
        measured = [dataclasses.replace(m, duration_s=d) for m, d in zip(measured, durations, strict=True)]
    return {finding.kind: finding for finding in quality.check(examples, measured).findings}


def test_naive_bayes_is_that_of_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.metrics import recall_score
    from sklearn.model_selection import PredefinedSplit, cross_val_predict
    from sklearn.naive_bayes import MultinomialNB

    random = np.random.default_rng(3)
    vocabulary = [f"w{i}" for i in range(25)]
    labels = [LABELS[i] for i in random.integers(3, size=300)]
    lean = {label: random.dirichlet(np.full(25, 0.7)) for label in LABELS}
    texts = [tuple(random.choice(vocabulary, random.integers(2, 9), p=lean[label])) for label in labels]
    ours = associate("text", texts, labels, shuffles=0, seed=8)
    fold = np.random.default_rng(8).permutation(300) % giveaway.FOLDS
    counts = CountVectorizer(analyzer=lambda words: words).fit_transform(texts)
    model = MultinomialNB(alpha=1.0, fit_prior=False)
    answers = cross_val_predict(model, counts, labels, cv=PredefinedSplit(fold))
    assert ours.uar == pytest.approx(recall_score(labels, answers, average="macro"), abs=1e-9)
    assert 0.5 < ours.uar < 1


def test_cramers_v_and_information_are_those_of_scipy_and_scikit_learn() -> None:
    contingency = pytest.importorskip("scipy.stats.contingency")
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(1)
    one, other = random.integers(4, size=500), random.integers(5, size=500)
    other[:200] = one[:200]
    counts = contingency.crosstab(one, other).count
    plain = contingency.association(counts, method="cramer")
    n, rows, columns = 500, *counts.shape
    phi2 = plain**2 * (min(rows, columns) - 1) - (rows - 1) * (columns - 1) / (n - 1)
    corrected = [k - (k - 1) ** 2 / (n - 1) for k in (rows, columns)]
    assert giveaway.cramers_v(counts.astype(float)) == pytest.approx(np.sqrt(phi2 / (min(corrected) - 1)))
    bits = metrics.mutual_info_score(one, other) / np.log(2)
    assert giveaway._information_bits(counts.astype(float)) == pytest.approx(bits)


def test_majority_rate_asks_the_others() -> None:
    labels = ["anger", "anger", "anger", "fear", "fear", "sadness"]
    groups = [("a",), ("a",), ("a",), ("a",), ("b",), ("b",)]
    # a: three times 2 of 3 others say anger (right, right, right), fear's others say anger (wrong).
    # b: fear's only other says sadness and the other way round (wrong, wrong).
    assert associate("x", groups, labels, shuffles=0).majority_rate == pytest.approx(3 / 6)


def test_chance_is_not_reported() -> None:
    for seed in range(3):
        kinds = found(table(seed=seed))
        assert not [kind for kind in kinds if "gives label away" in kind]


def test_speaker_gender_words_and_length_that_give_the_label_away() -> None:
    examples = table()
    told = [dataclasses.replace(e, speaker=f"{e.gold}{i % 2}") for i, e in enumerate(examples)]
    finding = found(told)["speaker gives label away"]
    assert finding.severity == "error"
    assert finding.sentence.startswith(
        "The speaker alone gives the label away (UAR 100.0%, chance 33.3%, Cramér's"
    )
    assert "hold speakers out" in finding.sentence
    gendered = [dataclasses.replace(e, gender="m" if e.gold == "anger" else "f") for e in examples]
    assert found(gendered)["gender gives label away"].severity in ("warning", "note")
    spoken = [dataclasses.replace(e, text=f"I feel {e.gold} {i % 5}") for i, e in enumerate(examples)]
    finding = found(spoken)["text gives label away"]
    assert finding.severity == "error"
    assert "hearfelt data split --kind group --column text" in finding.sentence
    random = np.random.default_rng(2)
    long = [1 + LABELS.index(str(e.gold)) + random.uniform(0, 1.2) for e in examples]
    assert found(examples, long)["duration gives label away"].severity in ("error", "warning")
    stored = [
        dataclasses.replace(e, file=f"{e.file}.{'mp3' if e.gold == 'fear' else 'wav'}") for e in examples
    ]
    assert "write all clips alike" in found(stored)["kind of file gives label away"].sentence


def test_chinese_texts_are_read_by_the_character() -> None:
    assert giveaway.words("我很 Happy!") == ("我", "很", "happy", "=我很 happy")


def test_real_corpora_are_balanced_over_speakers_and_words(data_dir: Path) -> None:
    examples = corpora.read("emodb", data_dir)
    by_name = {a.what: a for a in giveaway.associations(examples)}
    assert {"speaker", "gender", "text"} <= set(by_name)
    assert all(a.gain < 0.05 for a in by_name.values())


def test_long_tables_are_judged_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giveaway, "MOST_ROWS", 60)
    speaker: Association = giveaway.associations(table(), shuffles=0)[0]
    assert speaker.what == "speaker"
    assert giveaway.associations(table()[:1]) == []


def test_faults_of_the_table() -> None:
    examples = table()
    examples[0] = dataclasses.replace(examples[0], gold=None)
    examples[1] = dataclasses.replace(examples[1], speaker=None, text=None, licence="")
    kinds = found(examples)
    assert kinds["no label"].files == ("0.wav",)
    assert kinds["no speaker"].sentence.startswith("1 of 120 examples have no speaker: no split can be shown")
    assert {"no text", "no licence"} <= set(kinds)
    one = [dataclasses.replace(e, gold="anger", speaker="x") for e in examples]
    kinds = found(one)
    assert kinds["one class"].sentence == "All examples are labelled anger: a model needs at least 2 labels"
    assert kinds["one speaker"].sentence.startswith("Speaker x is the only one: nobody can be held out")


def test_labels_that_are_rare_or_one_speakers_own() -> None:
    examples = table()
    examples[:3] = [dataclasses.replace(e, gold="calm", speaker="0") for e in examples[:3]]
    kinds = found(examples)
    assert "calm (3)" in kinds["rare labels"].sentence
    assert kinds["labels of one speaker"].severity == "error"
    assert kinds["imbalance"].severity == "warning"
    parts = [
        dataclasses.replace(e, split="test" if i % 3 else "train") for i, e in enumerate(table(speakers=4))
    ]
    assert found(parts)["speakers across splits"].sentence.startswith(
        "4 of 4 speakers are in more than one part of the official split (0, 1, 2 and 1 more)"
    )


def test_flipped_labels_look_wrong() -> None:
    pytest.importorskip("cleanlab")
    random = np.random.default_rng(0)
    truth = random.integers(3, size=90)
    sure = np.full((90, 3), 0.05) + 0.02 * random.uniform(size=(90, 3))
    sure[np.arange(90), truth] = 0.9
    sure /= sure.sum(axis=1, keepdims=True)
    given = truth.copy()
    given[:4] = (truth[:4] + 1) % 3
    examples = [Example(f"{i}.wav", LABELS[k]) for i, k in enumerate(given)]
    finding = quality.mislabelled(examples, sure, (*LABELS, "calm")[:3])
    assert finding is not None
    assert set(finding.files) == {"0.wav", "1.wav", "2.wav", "3.wav"}
    assert "4 of 90 labels are doubted by a model with a UAR of 95." in finding.sentence
    first = int(finding.files[0].split(".")[0])
    assert f"labelled {LABELS[given[first]]} (" in finding.notes[0]
    assert f"sounds like {LABELS[truth[first]]} (" in finding.notes[0]
    right = [Example(f"{i}.wav", LABELS[k]) for i, k in enumerate(truth)]
    assert quality.mislabelled(right, sure, LABELS) is None


def test_probabilities_that_do_not_fit() -> None:
    pytest.importorskip("cleanlab")
    examples = [Example("a.wav", "anger"), Example("b.wav", "calm")]
    with pytest.raises(
        CorpusError, match=r"probabilities of shape \(1, 3\) do not fit 2 examples and 3 labels"
    ):
        quality.mislabelled(examples, np.ones((1, 3)), LABELS)
    with pytest.raises(
        CorpusError, match=r"b\.wav has the label 'calm', which is none of anger, fear, sadness"
    ):
        quality.mislabelled(examples, np.ones((2, 3)) / 3, LABELS)
    with pytest.raises(CorpusError, match="give one finite row an example"):
        quality.mislabelled(examples, np.full((2, 3), np.nan), LABELS)


def test_a_finding_holds_together() -> None:
    with pytest.raises(ValueError, match="severity 'bad' is none of error, warning, note"):
        Finding("x", "bad", "X.")
    with pytest.raises(ValueError, match="1 notes for 0 files"):
        Finding("x", "note", "X.", notes=("a",))
