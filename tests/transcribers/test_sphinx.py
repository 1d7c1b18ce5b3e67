"""PocketSphinx on spoken sounds that are made here."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hearfelt import transcribers
from hearfelt.errors import MissingExtraError, OptionError
from hearfelt.transcribers.sound import SAMPLE_RATE_HZ, pieces
from hearfelt.transcribers.sphinx import Sphinx
from hearfelt.types import Audio, Word

pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed")
jiwer = pytest.importorskip("jiwer", reason="jiwer is not installed")

from .sounds import say  # noqa: E402


@pytest.fixture(scope="module")
def sphinx() -> Sphinx:
    return Sphinx()


def in_order(words: list[Word], first_s: float, last_s: float) -> None:
    assert all(first_s <= word.start_s < word.end_s <= last_s + 1e-6 for word in words)
    assert all(before.end_s <= after.start_s + 1e-6 for before, after in itertools.pairwise(words))
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in words)


def test_an_easy_sentence_is_heard(sphinx: Sphinx) -> None:
    sound = say("how are you today", words_per_minute=110)
    words = list(sphinx.transcribe(Audio(sound.samples, 16000, channel=1, start_s=3.0)))
    assert jiwer.wer("how are you today", " ".join(word.text for word in words)) <= 0.25
    assert {word.channel for word in words} == {1}
    in_order(words, 3.0, 3.0 + sound.duration_s)
    assert (sphinx.language, sphinx.languages) == ("en", ("en",))
    assert sphinx.reliability < 0.5 and "rough" in sphinx.note


def test_a_long_sound_is_cut_where_it_is_quiet_and_times_go_on(sphinx: Sphinx) -> None:
    once = say("how are you today", words_per_minute=110).samples
    gap = np.zeros(SAMPLE_RATE_HZ // 2, dtype=np.float32)
    sound = np.concatenate([part for _ in range(4) for part in (once, gap)])
    cuts = pieces(sound, 6.0)
    assert len(cuts) >= 2
    assert [first for first, _ in cuts[1:]] == [last for _, last in cuts[:-1]]
    assert (cuts[0][0], cuts[-1][1]) == (0, len(sound))
    for first, last in cuts[1:]:
        assert np.abs(sound[first - 200 : first + 200]).max() < 0.01
        assert last - first <= 6 * SAMPLE_RATE_HZ
    cutting = transcribers.build("sphinx", longest_s=6.0)
    words = list(cutting.transcribe(Audio(sound, 16000)))
    in_order(words, 0.0, len(sound) / SAMPLE_RATE_HZ)
    assert sum(word.text == "today" for word in words) >= 3


def test_silence_and_a_single_sample_have_no_words(sphinx: Sphinx) -> None:
    for samples in (np.zeros(16000), np.zeros(0), np.ones(1)):
        assert list(sphinx.transcribe(Audio(samples.astype(np.float32), 16000))) == []


def test_it_knows_english_only() -> None:
    with pytest.raises(OptionError, match="'sphinx' does not know the language 'de'; known: en"):
        transcribers.build("sphinx", language="de")
    with pytest.raises(OptionError, match=r"longest_s is 1; accepted: 6 or more"):
        transcribers.build("sphinx", longest_s=1)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearfelt.transcribers.sphinx.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"needs pocketsphinx.*pip install 'hearfelt\[sphinx\]'"):
        Sphinx()
