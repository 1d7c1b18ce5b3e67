from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.datasets import corpora
from hearfelt.datasets.augment.codecs import CODECS
from hearfelt.datasets.augment.noise import AddNoise
from hearfelt.datasets.augment.waveform import Gain, Polarity
from hearfelt.errors import CorpusError, ModelError
from hearfelt.evaluation import metrics, stress
from hearfelt.evaluation.stress import Stress
from hearfelt.models.onnx import VoiceModel
from hearfelt.types import Audio, Example, Segment

RATE = 16000
LEVELS = {"sadness": 0.05, "neutral": 0.2, "anger": 0.6}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """Eight speakers who feel what their loudness says."""
    folder, found = tmp_path_factory.mktemp("clips"), []
    time = np.arange(4000) / RATE
    for speaker in range(8):
        for gold, level in LEVELS.items():
            file = folder / f"{speaker}-{gold}.wav"
            soundfile.write(file, level * np.sin(2 * np.pi * (150 + 10 * speaker) * time), RATE)
            found.append(Example(str(file), gold, speaker=str(speaker), corpus="made"))
    return found


def by_level(sounds: Sequence[Audio]) -> list[str]:
    """A recogniser that hears loudness alone."""
    peaks = [float(np.abs(sound.samples).max()) for sound in sounds]
    return ["sadness" if peak < 0.1 else "neutral" if peak < 0.4 else "anger" for peak in peaks]


def test_what_a_change_does_is_counted(clips: list[Example]) -> None:
    tests = [
        Stress("softer", "invariance", Gain(-9.0), max_changed=0.05),  # anger is taken for neutral, neutral …
        Stress("turned", "invariance", Polarity(), max_changed=0.05),
    ]
    softer, turned = stress.run(by_level, clips, tests)
    assert (softer.clips, softer.uar_before, softer.uar_after) == (24, 1.0, pytest.approx(1 / 3))
    assert softer.change.value == pytest.approx(-2 / 3)
    assert (softer.changed.value, softer.changed.low, softer.changed.high) == pytest.approx((2 / 3,) * 3)
    assert not softer.passed and turned.passed
    assert (turned.change.value, turned.change.p, turned.changed.value) == (0.0, 1.0, 0.0)


def test_a_bar_is_a_bar(clips: list[Example]) -> None:
    for max_loss, max_changed, passed in ((0.7, 0.7, True), (0.6, 0.7, False), (0.7, 0.6, False)):
        (row,) = stress.run(by_level, clips, [Stress("x", "robustness", Gain(-9.0), max_loss, max_changed)])
        assert row.passed is passed


def test_tests_do_not_depend_on_each_other_or_the_table(clips: list[Example]) -> None:
    """A changed clip is the same whatever else is tested, and another one under another seed."""
    heard: dict[str, list[bytes]] = {}

    def listening(key: str) -> stress.Predict:
        def predict(sounds: Sequence[Audio]) -> list[str]:
            heard.setdefault(key, []).extend(sound.samples.tobytes() for sound in sounds)
            return by_level(sounds)

        return predict

    noise, other = (Stress(name, "robustness", AddNoise(10.0)) for name in ("noise", "other"))
    stress.run(listening("both"), clips, [other, noise])
    stress.run(listening("alone"), clips[::-1], [noise])
    stress.run(listening("seed"), clips, [noise], seed=1)
    n = len(clips)
    assert heard["both"][2 * n :] == heard["alone"][n:][::-1]
    assert not set(heard["both"][n : 2 * n]) & set(heard["both"][2 * n :])
    assert not set(heard["seed"][n:]) & set(heard["alone"][n:])


def test_segments_are_asked_about(clips: list[Example]) -> None:
    part = Example(clips[0].file, "sadness", Segment(0.05, 0.15), speaker="0")
    lengths: list[int] = []
    stress.run(lambda s: lengths.extend(len(x.samples) for x in s) or by_level(s), [part], [])
    assert lengths == [1600]


def test_the_suite_names_each_test_once_and_runs(clips: list[Example]) -> None:
    tests = stress.suite()
    assert len({test.name for test in tests}) == len(tests) >= 26
    assert {test.kind for test in tests} == {"invariance", "robustness"}
    sentences: list[str] = []
    rows = stress.run(by_level, clips, samples=50, report=sentences.append)
    assert [row.name for row in rows] == [test.name for test in tests] and len(sentences) == len(tests)
    found = {row.name: row for row in rows}
    assert found["sign turned"].passed and found["through 44.1 kHz"].passed
    assert not found["10 dB softer"].passed
    assert found["white noise at 60 dB SNR"].changed.value == 0


def test_codecs_that_are_not_there_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = len(stress.suite())
    monkeypatch.setattr(stress.codecs, "available", lambda: {**dict.fromkeys(CODECS, True), "amr_nb": False})
    assert len(stress.suite()) == everything - 1


def test_table_and_json_say_the_same(clips: list[Example]) -> None:
    rows = stress.run(by_level, clips, [Stress("soft|er", "invariance", Gain(-9.0), max_changed=0.05)])
    text, data = stress.table(rows), json.loads(json.dumps(stress.as_dict(rows)))
    assert "### Invariance: 0 of 1 passed" in text and "UAR as recorded 100.0, 24 clips." in text
    assert "| soft\\|er |" in text and "| 33.3 |" in text and "-66.7" in text and "failed" in text
    assert data[0]["passed"] is False and data[0]["uar_after"] == pytest.approx(1 / 3)


def test_one_speaker_has_no_interval(clips: list[Example]) -> None:
    (row,) = stress.run(by_level, clips[:3], [Stress("x", "robustness", Gain(-9.0))])
    assert row.change.low is None and row.changed.low is None and "–" in stress.table([row])


def test_what_cannot_be_tested_is_refused(clips: list[Example]) -> None:
    with pytest.raises(CorpusError, match="there are no examples to test with"):
        stress.run(by_level, [])
    with pytest.raises(CorpusError, match="has no label, which a test needs: label it or leave it out"):
        stress.run(by_level, [Example(clips[0].file, None)])
    with pytest.raises(ModelError, match="the recogniser gave 1 answers to 24 sounds: give one each"):
        stress.run(lambda sounds: ["anger"], clips)


def test_clips_are_drawn_evenly_over_labels_and_speakers() -> None:
    table = [
        Example(f"{speaker}-{label}-{i}", label, speaker=speaker)
        for speaker, many in (("a", 40), ("b", 10), ("c", 3))
        for label in ("anger", "neutral")
        for i in range(many)
    ]
    chosen = stress.spread(table, 12, seed=1)
    for label in ("anger", "neutral"):
        for speaker in "abc":
            assert sum((e.gold, e.speaker) == (label, speaker) for e in chosen) == 2
    assert stress.spread(table, 12, seed=1) == chosen != stress.spread(table, 12, seed=2)
    assert len(stress.spread(table, 1000)) == len(table) == len({e.file for e in stress.spread(table, 1000)})


def test_the_shipped_model_on_real_speech(data_dir: Path) -> None:
    model = VoiceModel.load(Path(stress.__file__).parents[1] / "weights" / "base")
    examples = stress.spread(corpora.read("savee", data_dir), 28)
    tests = [test for test in stress.suite() if test.name in ("sign turned", "white noise at 10 dB SNR")]

    def predict(sounds: Sequence[Audio]) -> list[str]:
        return [evidence.emotion.label for evidence in model.predict(sounds)]

    turned, noisy = stress.run(predict, examples, tests, samples=100)
    assert turned.changed.value == 0
    assert noisy.changed.value > 0.1
    alone = predict([stress.copies.sound(e) for e in examples])
    assert turned.uar_before == metrics.uar([str(e.gold) for e in examples], alone)
