"""A made support call with everything a report can show: conflict, doubt, a turning point, interruptions."""

from __future__ import annotations

import math

from hearfelt import labels
from hearfelt.types import (
    Component,
    Emotion,
    Estimate,
    Evidence,
    Report,
    Segment,
    SpeakerSummary,
    Transcript,
    TurningPoint,
    Waveform,
    Word,
)

# start, end, channel, voice label, words label, LLM label, strength of the voice, confidence, text
CALL = (
    (
        0.6,
        3.4,
        0,
        "happiness",
        "neutral",
        "neutral",
        0.45,
        0.71,
        "Good morning, this is Nora, how can I help?",
    ),
    (
        3.9,
        7.8,
        1,
        "anger",
        "neutral",
        "anger",
        0.55,
        0.58,
        "I ordered a kettle three weeks ago and it never came.",
    ),
    (8.1, 10.0, 0, "neutral", "neutral", "neutral", 0.8, 0.9, "Let me look that up for you."),
    (
        10.4,
        14.9,
        1,
        "anger",
        "anger",
        "anger",
        0.85,
        0.93,
        "You said that last time. Nobody ever calls me back!",
    ),
    (
        14.2,
        17.0,
        0,
        "neutral",
        "sadness",
        "neutral",
        0.6,
        0.66,
        "I am sorry, I can see the two earlier tickets.",
    ),
    (
        16.6,
        20.8,
        1,
        "anger",
        "anger",
        "anger",
        0.9,
        0.95,
        "Two tickets, two promises, and still no kettle. This is absurd.",
    ),
    (
        21.5,
        24.9,
        0,
        "fear",
        "sadness",
        "neutral",
        0.4,
        0.38,
        "Yes. The parcel is marked as lost, I'm afraid.",
    ),
    (
        25.3,
        28.6,
        1,
        "neutral",
        "happiness",
        "anger",
        0.7,
        0.41,
        "Oh great. Wonderful. That is just what I needed today.",
    ),
    (
        29.4,
        34.2,
        0,
        "neutral",
        "neutral",
        "neutral",
        0.75,
        0.86,
        "I can send a new one by express today, or refund you in full.",
    ),
    (34.9, 36.1, 1, "surprise", "surprise", "surprise", 0.7, 0.78, "Today? Really?"),
    (
        36.5,
        39.6,
        0,
        "happiness",
        "happiness",
        "happiness",
        0.6,
        0.74,
        "Yes, it leaves at five, and I will waive the fee.",
    ),
    (40.2, 43.0, 1, "sadness", "neutral", "neutral", 0.35, 0.35, "Well. It was meant as a birthday present."),
    (
        43.4,
        47.2,
        0,
        "sadness",
        "sadness",
        "sadness",
        0.5,
        0.61,
        "I understand. Shall I have it gift wrapped, with a card?",
    ),
    (
        47.9,
        51.2,
        1,
        "happiness",
        "happiness",
        "happiness",
        0.72,
        0.84,
        "That would be lovely, actually. Thank you.",
    ),
    (
        51.6,
        54.4,
        0,
        "happiness",
        "neutral",
        "happiness",
        0.66,
        0.8,
        "Done. You will get the tracking number in a minute.",
    ),
    (
        54.1,
        58.3,
        1,
        "happiness",
        "happiness",
        "happiness",
        0.88,
        0.94,
        "Got it already! You have saved my day, thanks a lot.",
    ),
)
CUES = {
    "anger": ("louder than usual for this speaker (+1.8 sd)", "fast (+1.2 sd)", "high pitch (+1.1 sd)"),
    "sadness": ("quieter than usual for this speaker (-1.3 sd)", "long pauses (+1.0 sd)"),
    "happiness": ("wide pitch range (+1.4 sd)", "bright voice (+0.9 sd)"),
    "surprise": ("sudden rise in pitch (+2.1 sd)",),
    "fear": ("unsteady voice: jitter (+1.2 sd)",),
    "neutral": ("close to this speaker's usual voice",),
}
SPEAKERS = ("agent", "customer")


def emotion(label: str, strength: float, second: str = "neutral") -> Emotion:
    """Probabilities with one peak, a second choice, and the rest spread."""
    scores = dict.fromkeys(labels.EKMAN7, (1 - strength) * 0.4 / 7)
    scores[label] += strength
    scores[second if second != label else "surprise"] += (1 - strength) * 0.6
    total = sum(scores.values())
    return labels.emotion(labels.EKMAN7, [scores[name] / total for name in labels.EKMAN7])


def estimate(row: tuple[float, float, int, str, str, str, float, float, str]) -> Estimate:
    """One utterance with its voice, words and language model evidence."""
    start, end, channel, voice, words, llm, strength, confidence, text = row
    segment = Segment(start, end, SPEAKERS[channel], channel)
    conflict = {voice, words, llm} == {"neutral", "happiness", "anger"}
    abstained = confidence < 0.5
    evidence = (
        Evidence("voice/base", segment, emotion(voice, strength, words), 0.82, "clear sound, 24 dB SNR"),
        Evidence("words/goemotions", segment, emotion(words, 0.7, voice), 0.74, f"{len(text.split())} words"),
        Evidence("llm/qwen2.5-7b", segment, emotion(llm, 0.8, words), 0.6, "reads the last four turns"),
    )
    fused = emotion(llm if conflict else voice, max(0.34, confidence - 0.05), words)
    label_set = tuple(fused.scores)[: 2 + conflict] if abstained else (fused.label,)
    agree = "voice and words disagree" if conflict else "voice and words agree"
    if voice != words and not conflict:
        agree = f"words point to {words}"
    return Estimate(
        segment, fused, confidence, label_set, 0.9, abstained, evidence, conflict, text,
        f"{CUES[voice][0]}; the voice points to {voice}; {agree}", CUES[voice],
    )  # fmt: skip


def summary(estimates: tuple[Estimate, ...], channel: int) -> SpeakerSummary:
    """What the pipeline would say of one speaker."""
    mine = [e for e in estimates if e.segment.channel == channel]
    talk = sum(e.segment.duration_s for e in mine)
    shares: dict[str, float] = {}
    for e in mine:
        shares[e.label] = shares.get(e.label, 0.0) + e.segment.duration_s / talk
    course = tuple(
        ((e.segment.start_s + e.segment.end_s) / 2, e.emotion.arousal or 0.0, e.emotion.valence or 0.0)
        for e in mine
    )
    turns = (TurningPoint(40.2, "arousal", 0.52, 0.05), TurningPoint(47.9, "valence", -0.24, 0.69))
    return SpeakerSummary(
        SPEAKERS[channel], channel, len(mine), talk, shares, course, turns if channel else (),
        1 if channel == 0 else 2, sum(len(e.text.split()) for e in mine),
        sum(c[1] for c in course) / len(course), sum(c[2] for c in course) / len(course),
    )  # fmt: skip


def waveform(estimates: tuple[Estimate, ...], channel: int, duration_s: float) -> Waveform:
    """Syllable-like peaks where the channel speaks, a little noise elsewhere."""
    peaks = []
    for step in range(round(duration_s / 0.05)):
        time = step * 0.05
        level = 0.012
        for e in estimates:
            if e.segment.channel == channel and e.segment.start_s <= time < e.segment.end_s:
                loud = 0.35 + 0.5 * max(0.0, e.emotion.arousal or 0.0)
                level = loud * (0.35 + 0.65 * abs(math.sin(9 * time) * math.cos(3.1 * time + channel)))
        peaks.append(round(level, 4))
    return Waveform(channel, SPEAKERS[channel], 0.05, tuple(peaks))


def sample() -> Report:
    """The whole call as a report."""
    estimates = tuple(estimate(row) for row in CALL)
    words = []
    for e in estimates:
        pieces = e.text.split()
        step = e.segment.duration_s / len(pieces)
        words += [
            Word(piece, e.segment.start_s + i * step, e.segment.start_s + (i + 1) * step, 0.93,
                 e.segment.speaker, e.segment.channel)
            for i, piece in enumerate(pieces)
        ]  # fmt: skip
    return Report(
        file="calls/kettle call.flac",
        duration_s=60.0,
        estimates=estimates,
        transcript=Transcript(tuple(words), "en", "given/srt"),
        speakers=(summary(estimates, 0), summary(estimates, 1)),
        silence_s=8.2,
        overlap_s=1.4,
        components=(
            Component("vad", "silero", "5.1", "MIT"),
            Component("voice", "base", "1", "CC BY-NC-SA 4.0", "not for commercial use; " + _DERIVED),
            Component("words", "goemotions", "1", "Apache-2.0"),
            Component("llm", "qwen2.5-7b", "", "Apache-2.0", "asked at http://localhost:8000"),
            Component("transcriber", "given/srt", "", "", "the words were given, not recognised"),
        ),
        warnings=("the voice weights may not be used in commercial products",),
        waveforms=(waveform(estimates, 0, 60.0), waveform(estimates, 1, 60.0)),
        created="2026-11-23T18:00:00+00:00",
        version="0.1.0",
        options={"speakers": ["agent", "customer"], "llm": "qwen2.5-7b"},
    )


_DERIVED = "arousal and valence are derived from class probabilities (Russell & Mehrabian 1977)"
