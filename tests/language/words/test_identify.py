"""Which language a text is in: right where there is enough to go by, None where there is not."""

from __future__ import annotations

import time

import pytest

from hearfelt.language.words import identify


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I have been waiting for an hour.", "en"),
        ("You are not listening!", "en"),
        ("Das ist nicht zu ertragen, ich warte seit einer Stunde.", "de"),
        ("je suis très content", "fr"),
        ("muchas gracias", "es"),
        ("jestem zły na was", "pl"),
        ("你好，我很生气", "zh"),
        ("ありがとう", "ja"),
        ("안녕하세요", "ko"),
    ],
)
def test_a_plain_sentence_is_identified(text: str, language: str) -> None:
    assert identify.identify(text) == language


@pytest.mark.parametrize(
    "text", ["", "  ", "...", "42", "😂😂", "https://example.org", "ok", "hm", "ja", "die"]
)
def test_nothing_is_claimed_where_one_cannot_tell(text: str) -> None:
    assert identify.identify(text) is None


def test_the_confidence_asked_for_decides() -> None:
    assert identify.guess("i love it")[0] == "en"
    assert identify.identify("i love it", min_confidence=0.3) == "en"
    assert identify.identify("i love it", min_confidence=0.99) is None


def test_a_sentence_said_a_thousand_times_is_still_english() -> None:
    assert identify.identify("I hate it. " * 1000) == "en"


def test_a_very_long_text_costs_no_more() -> None:
    identify.guess("warm up")
    begin = time.process_time()
    assert identify.identify("the line went dead again and nobody called me back " * 20_000) == "en"
    assert time.process_time() - begin < 1.0


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("en", "en"),
        ("EN-us", "en"),
        ("en_GB", "en"),
        ("English", "en"),
        ("german", "de"),
        ("nb", "no"),
        ("zh-Hans", "zh"),
        ("xx", "xx"),
        (" ", None),
        (None, None),
    ],
)
def test_a_language_may_be_given_as_code_tag_or_name(given: str | None, code: str | None) -> None:
    assert identify.code(given) == code


def test_names_for_sentences() -> None:
    assert identify.name("de") == "German"
    assert identify.name("xx") == "xx"


def test_the_share_of_latin_letters() -> None:
    assert identify.latin_share("très bien") == 1.0
    assert identify.latin_share("спасибо") == 0.0
    assert identify.latin_share("12 !") == 0.0
    assert identify.latin_share("ok 好吗好吗") == pytest.approx(2 / 6)


def test_words_are_runs_of_letters() -> None:
    assert identify.words("Don't stop — it’s 5 o'clock!") == ["Don't", "stop", "it’s", "o'clock"]


def test_short_english_needs_every_word_known() -> None:
    assert identify.plainly_english("Oh, ok. Thanks!")
    assert not identify.plainly_english("ok danke")
    assert not identify.plainly_english("")


def test_every_language_it_names_is_one_it_can_tell() -> None:
    assert set(identify._identifier().labels) == set(identify.LANGUAGES)
