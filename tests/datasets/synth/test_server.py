"""A neural voice behind a real server that behaves in every way one may meet."""

from __future__ import annotations

import logging
import socket
import time

import numpy as np
import pytest

from hearfelt.datasets.synth import rules
from hearfelt.datasets.synth.server import MANNERS, ServerOptions, ServerVoice, instructions
from hearfelt.errors import OptionError, SpeechError
from hearfelt.features.frames import FrameFeatures

from .serving import SpeechServer
from .serving import speech_server as own_server

QUICK = ServerOptions(timeout_s=5, backoff_s=0.01)


def voice(url: str, options: ServerOptions = QUICK) -> ServerVoice:
    return ServerVoice(url, "loud", "alto", language="en", options=options)


def refused(url: str, options: ServerOptions = QUICK) -> str:
    with pytest.raises(SpeechError) as error:
        voice(url, options).speak("The door is open.", "anger", 0.8)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("mode", ["good", "flac", "streamed"])
def test_a_good_server_is_heard(server: SpeechServer, mode: str) -> None:
    url = server.url(mode)
    sound = voice(url).speak(" The door\nis open. ", "anger", 0.8, seed=3)
    assert sound.sample_rate_hz == 16000 and sound.duration_s == pytest.approx(1.0, abs=0.02)
    f0 = FrameFeatures()(sound)["f0_hz"]
    assert np.median(f0[f0 > 0]) == pytest.approx(200, rel=0.02)
    (asked,) = server.asked(url)
    assert asked["path"].endswith("/v1/audio/speech") and asked["key"] is None
    assert asked["body"] == {
        "model": "loud",
        "voice": "alto",
        "input": "The door is open.",
        "instructions": instructions("anger", 0.8),
        "response_format": "wav",
    }


@pytest.mark.parametrize(("mode", "calls"), [("busy", 2), ("flaky", 3), ("dyingonce", 2)])
def test_a_busy_server_is_asked_again(server: SpeechServer, mode: str, calls: int) -> None:
    url = server.url(mode)
    assert voice(url).speak("Hello there.", "neutral").duration_s > 0.9
    assert len(server.asked(url)) == calls


@pytest.mark.parametrize(
    ("mode", "words", "calls"),
    [
        ("html", "answered, but with no sound: '<html>It works!</html>': is it '/v1/audio/speech'?", 1),
        ("json", "answered, but with no sound: 'voice is not loaded yet'", 1),
        ("empty", "answered, but with no sound", 1),
        ("silent", "answered with silence: give another text or voice", 1),
        ("failing", "fails (500) after 3 tries: 'out of memory': look at the server's log", 3),
        ("alwaysbusy", "is still busy after 3 tries (429): 'slow down': try again later", 3),
        ("busylong", "is busy (429) and asks to wait 3600 s, more than 30 s: try again later", 1),
        ("nomodel", "knows no model 'loud', or makes no speech at that address (404)", 1),
        ("refusing", "refuses the text (400): 'unknown voice': check --model, --voice and the text", 1),
        ("dying", "broke off its answer", 3),
    ],
)
def test_a_bad_server_is_named_in_one_sentence(
    server: SpeechServer, mode: str, words: str, calls: int
) -> None:
    url = server.url(mode)
    assert words in refused(url)
    assert len(server.asked(url)) == calls


@pytest.mark.parametrize("mode", ["slow", "drip"])
def test_a_slow_server_is_given_up(server: SpeechServer, mode: str) -> None:
    began = time.monotonic()
    said = refused(server.url(mode), ServerOptions(timeout_s=0.5, retries=0))
    assert "gave no sound within 0.5 s: allow more time with --timeout-s" in said
    assert time.monotonic() - began < 5


def test_an_endless_answer_is_cut(server: SpeechServer) -> None:
    said = refused(server.url("huge"), ServerOptions(timeout_s=5, max_reply_bytes=100_000))
    assert "answered with more than 100000 bytes: refused" in said


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert f"no server answers at http://127.0.0.1:{port}/v1/audio/speech" in refused(f"127.0.0.1:{port}")


def test_a_server_that_ends_meanwhile() -> None:
    with own_server() as running:
        url = running.url("good")
        voice(url).speak("Hello there.", "neutral")
    assert "no server answers at" in refused(url)


def test_the_key_goes_along_and_is_never_shown(
    server: SpeechServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123456789")
    url = server.url("forbidden")
    said = refused(url)
    assert server.asked(url)[0]["key"] == "Bearer sk-secret-123456789"
    assert "refuses the key (401): 'Incorrect API key provided: ***'" in said
    monkeypatch.setenv("HEARFELT_TTS_KEY", "own-key")
    assert "own-key" not in refused(url)
    assert server.asked(url)[1]["key"] == "Bearer own-key"
    assert "secret" not in caplog.text and "own-key" not in caplog.text
    assert "secret" not in str(voice(url).provenance("anger"))
    monkeypatch.setenv("HEARFELT_TTS_KEY", "two words")
    assert "holds spaces or odd characters: set it anew" in refused(url)


def test_a_foreign_key_stays_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123456789")
    assert voice("http://example.com/v1")._authorization() == {}
    assert voice("https://example.com/v1")._authorization() == {"Authorization": "Bearer sk-secret-123456789"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("localhost:8000", "http://localhost:8000/v1/audio/speech"),
        ("https://a.example/v1/", "https://a.example/v1/audio/speech"),
        ("http://a.example/v1/audio/speech", "http://a.example/v1/audio/speech"),
        ("http://u:p@a.example", "http://a.example/v1/audio/speech"),
    ],
)
def test_addresses(given: str, wanted: str) -> None:
    assert voice(given).url == wanted


@pytest.mark.parametrize("given", ["ftp://a.example", "", "http://", "http://a:99999"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(OptionError, match="is no address of a speech server"):
        voice(given)


def test_instructions_name_the_emotion_and_its_strength() -> None:
    assert "Speak angrily" in instructions("anger") and "very strongly" in instructions("anger")
    assert "slightly audible" in instructions("anger", 0.3)
    assert instructions("anger", 0.0) == instructions("neutral")
    assert set(rules.load().emotions) <= set(MANNERS)
    with pytest.raises(OptionError, match="unknown emotion 'glee'; known: neutral, anger"):
        instructions("glee")
    with pytest.raises(OptionError, match="intensity 2 cannot be made"):
        instructions("anger", 2)


def test_a_server_voice_needs_names(server: SpeechServer) -> None:
    with pytest.raises(OptionError, match="needs the name of a model and of a voice"):
        ServerVoice(server.url("good"), "", "alto")
