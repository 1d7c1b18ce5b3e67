"""Options: what is accepted, what is refused, and what each of them does to the parts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearfelt.cli.options import recognizer_options
from hearfelt.errors import ChatError, HearfeltError, LicenceError, ModelError, OptionError
from hearfelt.language.chat.openai import OpenAIChat, QueueChat
from hearfelt.language.judge import Judge, JudgeOptions
from hearfelt.pipeline import weights
from hearfelt.pipeline.build import Parts, build
from hearfelt.pipeline.offline import Recognizer
from hearfelt.pipeline.options import RecognizerOptions
from hearfelt.pipeline.utterance import Conversation, hear
from hearfelt.types import Audio, Estimate, Segment, Word

SILENCE = Audio(np.zeros(16000, np.float32), 16000)
SECOND = Segment(0.0, 1.0, "customer")
ANSWER = json.dumps(
    {
        "probabilities": {"anger": 1.0},
        "arousal": 0.5,
        "valence": -0.5,
        "words": [],
        "cues": [],
        "sarcasm": False,
        "conflict": False,
        "reason": "It broke again.",
    }
)


def understand(
    clip: Audio, segment: Segment, words: Sequence[Word], found: Parts, conversation: Conversation
) -> Estimate:
    """The verdict on one utterance, waited for."""
    return hear(clip, segment, words, found, conversation).conclude(found, conversation)


def parts(**fields: Any) -> Parts:
    """The parts of a recognizer without models of its own, unless asked for."""
    return build(RecognizerOptions(**{"voice": "none", "words": "none", "transcriber": "none", **fields}))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("coverage", 0.0, "coverage is 0.0; it must be at least 0.5 and at most 0.99, such as 0.9"),
        ("coverage", 0.995, "coverage is 0.995; it must be at least 0.5 and at most 0.99, such as 0.9"),
        ("max_risk", 0.0, "max_risk is 0.0; it must be above 0 and at most 1, such as 0.3"),
        ("neutral_prior", 0.0, "neutral_prior is 0.0; it must be above 0 and below 1, such as 0.5"),
        ("neutral_prior", 1.0, "neutral_prior is 1.0; it must be above 0 and below 1, such as 0.5"),
        ("neutral_prior", math.nan, "neutral_prior is nan; it must be above 0 and below 1, such as 0.5"),
        ("llm_timeout_s", 0.0, "llm_timeout_s is 0.0; it must be above 0, such as 60"),
        ("llm_timeout_s", math.inf, "llm_timeout_s is inf; it must be above 0, such as 60"),
    ],
)
def test_numbers_out_of_range_are_refused_from_the_command_line_too(
    field: str, value: float, message: str
) -> None:
    """0 is a value like any other: it is refused, not passed over."""
    with pytest.raises(OptionError) as caught:
        recognizer_options({field: value})
    assert str(caught.value) == message


def test_what_was_not_given_keeps_its_default_and_the_cache_can_be_left_out() -> None:
    assert recognizer_options({}) == RecognizerOptions()
    assert recognizer_options({"llm_no_cache": True}) == RecognizerOptions(llm_cache=False)


@pytest.mark.parametrize("coverage", [0.5, 0.99])
def test_every_accepted_coverage_works(coverage: float) -> None:
    assert parts(coverage=coverage).fuser.options.coverage == coverage


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"transcriber": "given"},
            "unknown transcriber 'given'; known: auto, whisper, sphinx, none; a transcript you have is given "
            "with --transcript",
        ),
        ({"transcriber": "kaldi"}, "unknown transcriber 'kaldi'; known: auto, whisper, sphinx, none"),
        (
            {"transcriber": "sphinx", "speech_language": "de"},
            "the transcriber 'sphinx' does not know the language 'de'; it knows English only (en); take "
            "--transcriber whisper",
        ),
        (
            {"transcriber": "sphinx", "transcriber_model": "small"},
            "the transcriber 'sphinx' takes no model, but 'small' was given; take --transcriber whisper",
        ),
        (
            {"transcriber": "auto", "transcriber_model": "small"},
            "the transcriber 'auto' takes no model, but 'small' was given; take --transcriber whisper",
        ),
    ],
)
def test_a_transcriber_that_cannot_be_is_refused_before_anything_is_loaded(
    fields: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "find", lambda *_: pytest.fail("a model was looked for first"))
    with pytest.raises(OptionError) as caught:
        build(RecognizerOptions(**fields))
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["auto", "whisper", "sphinx", "none"])
def test_every_known_transcriber_is_accepted(name: str) -> None:
    assert parts(transcriber=name, speech_language="en").options.transcriber == name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://jo:secret@h.example/v1?key=secret#secret", "https://h.example/v1"),
        ("jo:secret@h.example:8000/v1", "h.example:8000/v1"),
        ("localhost:8000", "localhost:8000"),
        ("http://[::1", "(an address that cannot be read)"),
    ],
)
def test_credentials_in_the_address_stay_out_of_the_report(url: str, shown: str) -> None:
    options = RecognizerOptions(llm="tiny", llm_url=url)
    told = options.public()
    assert told["llm_url"] == shown
    assert "secret" not in json.dumps(told)
    assert set(told) == set(RecognizerOptions.__dataclass_fields__)
    assert told["vad"]["max_utterance_s"] == options.vad.max_utterance_s


def test_the_component_names_the_address_without_credentials() -> None:
    url = "https://jo:secret@h.example/v1?key=secret"
    (llm,) = [c for c in parts(llm="tiny", llm_url=url).components(None) if c.kind == "llm"]
    assert llm.note == "asked at https://h.example/v1/chat/completions"


def test_options_of_the_language_model_reach_it() -> None:
    judge = parts(llm="tiny", llm_timeout_s=7.0, llm_cache=False).judge
    assert judge is not None and isinstance(judge.chat, OpenAIChat)
    assert judge.chat.options.timeout_s == 7.0
    assert judge.options.cache is None
    kept = parts(llm="tiny").judge
    assert kept is not None and kept.options == JudgeOptions()
    assert kept.options.cache is not None


def test_every_way_to_reach_a_language_model_has_its_option(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret", encoding="utf-8")
    key.chmod(0o600)
    judge = parts(
        llm="tiny",
        llm_mode="explain",
        llm_key_file=str(key),
        llm_requests_per_minute=30,
        llm_stream=True,
    ).judge
    assert judge is not None and isinstance(judge.chat, OpenAIChat)
    assert judge.options.mode == "explain"
    assert (judge.chat.options.requests_per_minute, judge.chat.options.stream) == (30, True)
    assert judge.chat._authorization() == {"Authorization": "Bearer secret"}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"llm_mode": "guess"}, OptionError, "unknown way to ask a language model 'guess'; known: schema"),
        ({"llm_key_file": "no-such-key"}, OptionError, r"the key file no-such-key cannot be read \(No such"),
        ({"llm_requests_per_minute": 0}, OptionError, "0 requests a minute are none; allow at least 1"),
        ({"llm": "transformers:no/such"}, ModelError, "the language model 'no/such' is not on this machine"),
        (
            {"llm": "transformers:no/such", "llm_device": "tpu"},
            OptionError,
            "unknown device 'tpu'; known: auto",
        ),
        ({"llm": " "}, OptionError, "the language model has no name"),
        (
            {"llm": None, "llm_mode": "score"},
            OptionError,
            "llm_mode is score, but no language model is named",
        ),
    ],
)
def test_a_language_model_that_cannot_be_had_is_said_at_once(
    given: dict[str, Any], error: type[HearfeltError], message: str
) -> None:
    if str(given.get("llm")).startswith("transformers:"):
        pytest.importorskip("transformers", reason="the extra llm is not installed")
    with pytest.raises(error, match=message):
        parts(**{"llm": "tiny", **given})


def test_a_neutral_prior_is_shared_out() -> None:
    prior = parts(neutral_prior=0.4).fuser.options.prior
    assert prior is not None
    assert prior["neutral"] == 0.4
    assert prior["anger"] == pytest.approx(0.1)
    assert sum(prior.values()) == pytest.approx(1)
    assert parts().fuser.options.prior is None
    silent = understand(SILENCE, SECOND, [], parts(neutral_prior=0.4), Conversation())
    assert silent.emotion.probability("neutral") == pytest.approx(0.4)


def test_the_licence_of_the_fusion_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts(profile="commercial").fuser.card["commercial"]
    card = weights.card

    def closed(folder: Any) -> dict[str, Any]:
        return {**card(folder), "commercial": False}

    monkeypatch.setattr(weights, "card", closed)
    with pytest.raises(
        LicenceError, match=r"the weights 'fusion' .* may not be used in the commercial profile"
    ):
        parts(profile="commercial")


def test_the_population_of_the_cues_is_named_with_its_licence() -> None:
    (found,) = [c for c in parts().components(None) if c.name == "population"]
    assert (found.kind, found.licence) == ("features", "Apache-2.0")
    assert "EmoDB (CC BY 4.0), RAVDESS and nEMO (CC BY-NC-SA 4.0)" in found.note
    assert "twelve means and deviations; no recording can be recovered" in found.note
    assert len(parts().population.norms) == 12


def test_silence_points_to_nothing() -> None:
    """A recording of nothing is perfectly clean; that must not make the voice model sound sure."""
    estimate = understand(SILENCE, SECOND, [], parts(voice="base"), Conversation())
    (voice,) = estimate.evidence
    assert (voice.reliability, voice.note) == (0.0, "silence: nothing to judge")
    assert voice.segment == SECOND
    assert estimate.abstained
    assert estimate.label_set == estimate.emotion.labels
    assert "points to" not in estimate.reason


def test_sound_keeps_a_reliability_of_its_own(speech: Callable[..., Audio]) -> None:
    heard = parts(voice="base")
    long, short = (
        understand(speech(seconds), Segment(0.0, seconds), [], heard, Conversation()).evidence[0].reliability
        for seconds in (2.0, 0.3)
    )
    assert 0 < short < long < 1


def asking(replies: list[str | Exception]) -> tuple[Parts, QueueChat]:
    """Parts with a language model whose answers stand ready."""
    queue = QueueChat(replies)
    found = parts()
    found.judge = Judge(queue, JudgeOptions(cache=None, max_failures=1))
    return found, queue


def test_the_language_model_is_not_asked_about_no_words() -> None:
    found, queue = asking([ANSWER])
    conversation = Conversation()
    silent = understand(SILENCE, SECOND, [], found, conversation)
    assert (queue.asked, silent.evidence) == ([], ())
    assert conversation.warnings == ["utterances without words were not put to the language model"]
    spoken = understand(SILENCE, SECOND, [Word("again", 0.0, 0.5)], found, conversation)
    assert len(queue.asked) == 1
    assert spoken.evidence[0].source == "llm/queue"
    assert spoken.evidence[0].reliability > 0
    assert conversation.asking is not None
    account = conversation.asking.account()
    assert (account.utterances, account.asked, account.not_asked) == (2, 1, {"no_words": 1})


def test_a_language_model_that_failed_is_asked_again_in_the_next_recording() -> None:
    found, queue = asking([ChatError("no server"), ANSWER])
    words = [Word("again", 0.0, 0.5)]
    first = Conversation()
    for _ in range(2):
        assert not understand(SILENCE, SECOND, words, found, first).evidence
    assert len(queue.asked) == 1
    assert first.asking is not None
    assert "is left alone for 30 s" in first.asking.last_failure
    assert first.asking.account().not_asked == {"breaker": 1}
    second = Conversation()
    assert understand(SILENCE, SECOND, words, found, second).evidence
    assert second.asking is not None
    assert second.asking.account().answered == 1


def renamed(folder: Path, labels: list[str]) -> Path:
    """The shipped model for products, as if it had learnt other labels."""
    folder.mkdir()
    shipped = weights.SHIPPED / "open"
    card = json.loads((shipped / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(card | {"labels": labels}), encoding="utf-8")
    (folder / "model.onnx").write_bytes((shipped / "model.onnx").read_bytes())
    return folder


def test_a_voice_model_with_labels_of_its_own_is_asked_alone(tmp_path: Path) -> None:
    own = ["grumpy", "chatty", "sleepy", "silly", "shy", "bold"]
    folder = str(renamed(tmp_path / "mine", own))
    made = build(RecognizerOptions(voice=folder, coverage=0.8, max_risk=0.2))
    assert (made.words, made.fuser.labels) == (None, tuple(own))
    noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    (evidence,) = made.voice.predict([Audio(0.1 * noise, 16000)])  # type: ignore[union-attr]
    found = made.fuser.fuse([evidence], segment=SECOND)
    assert found.emotion.labels == tuple(own) and found.emotion.arousal is None
    if evidence.reliability == 1:
        np.testing.assert_allclose(found.emotion.probabilities, evidence.emotion.probabilities, rtol=1e-3)
    # The smallest set that reaches the coverage, and an answer only where 1 - confidence is within the risk.
    shares = sorted(found.emotion.probabilities, reverse=True)
    n_inside = len(found.label_set)
    assert sum(shares[: n_inside - 1]) <= 0.8 + 1e-9 and sum(shares[:n_inside]) >= 0.8 - 1e-9
    assert found.abstained == (shares[0] < 0.8)
    assert f"voice points to {found.emotion.label}" in found.reason
    for asked, other in (
        ({"words": "words"}, "the text model words"),
        ({"llm": "m", "words": "none"}, "the language model m"),
        ({"neutral_prior": 0.5}, "neutral_prior"),
    ):
        with pytest.raises(OptionError, match=f"knows grumpy, .* it is asked alone: leave out {other}$"):
            build(RecognizerOptions(voice=folder, **asked))  # type: ignore[arg-type]


def test_no_label_of_a_voice_model_is_lost_unless_another_source_is_named(
    tmp_path: Path, example_call: Path
) -> None:
    own = ["anger", "boredom", "disgust", "happiness", "neutral", "sadness"]
    folder = str(renamed(tmp_path / "school", own))
    made = build(RecognizerOptions(voice=folder, neutral_prior=0.5))
    assert (made.words, made.fuser.labels) == (None, tuple(own))
    assert made.fuser.options.prior is not None and set(made.fuser.options.prior) == set(own)
    (notice,) = made.notices
    assert notice.startswith("the words had no say: the voice model ") and "knows boredom, which no" in notice
    report = Recognizer(voice=folder).analyze(example_call)
    assert any("knows boredom" in warning for warning in report.warnings)
    assert {len(estimate.emotion.labels) for estimate in report.estimates} == {6}

    joined = build(RecognizerOptions(voice=folder, words="words"))
    assert joined.words is not None and "boredom" not in joined.fuser.labels
    assert "boredom of the voice model" in joined.notices[0] and "had no say" in joined.notices[0]
    assert build(RecognizerOptions(voice=folder, words="none")).notices == ()
    assert build(RecognizerOptions()).notices == ()


def test_the_quantised_voice_is_run_where_asked(tmp_path: Path) -> None:
    folder = renamed(tmp_path / "small", ["anger", "fear", "disgust", "happiness", "neutral", "sadness"])
    (folder / "model.onnx").rename(folder / "model-int8.onnx")
    assert parts(voice=str(folder), voice_precision="int8", words="none").voice is not None
    with pytest.raises(ModelError, match=r"base/model-int8\.onnx is missing: take float32, or make it by"):
        build(RecognizerOptions(voice_precision="int8"))
    with pytest.raises(OptionError, match="unknown precision 'int4'; known: float32, int8"):
        build(RecognizerOptions(voice_precision="int4"))
