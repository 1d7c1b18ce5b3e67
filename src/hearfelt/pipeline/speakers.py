"""Which speaker of a transcript is on which channel of a recording, when nobody says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hearfelt import audio
from hearfelt.types import Transcript

STEP_S = 0.1
RATE_HZ = 8000
SAME_S = 60.0
ENOUGH_S = 600.0
"""Seconds of the recording that are looked at; by then every speaker has spoken."""


def names_and_roles(
    given: Sequence[str] | Mapping[str, str], channels: int
) -> tuple[list[str] | None, dict[str, str]]:
    """Who speaks on each channel, and the role of each speaker.

    Args:
        given: the speaker of each channel, ``name`` or ``name=role``; or speakers with their roles, whatever
            the channels: a mapping, or a list in which each has a role and which is not as long as there are
            channels.
        channels: how many there are.

    Returns:
        One name a channel, None where only roles were given; speaker to role.

    >>> names_and_roles(["ana=agent", "ben"], channels=2)
    (['ana', 'ben'], {'ana': 'agent'})
    >>> names_and_roles(["ana=agent", "ben=customer"], channels=1)
    (None, {'ana': 'agent', 'ben': 'customer'})
    """
    if isinstance(given, Mapping):
        return None, {name.strip(): role.strip() for name, role in given.items() if role.strip()}
    pairs = [[part.strip() for part in text.partition("=")[::2]] for text in given]
    roles = {name: role for name, role in pairs if name and role}
    if pairs and len(roles) == len(pairs) != channels:
        return None, roles
    return [name for name, _ in pairs], roles


def place_speakers(source: str | Path, transcript: Transcript, channels: int) -> Sequence[str | None]:
    """The speaker of each channel: the one whose words coincide with sound on it, and with silence elsewhere.

    Args:
        source: the recording; its first `ENOUGH_S` seconds are read.
        transcript: words that name their speakers.
        channels: number of channels.

    Returns:
        One name a channel; all None unless the transcript names as many speakers as there are channels.
    """
    names = list(dict.fromkeys(word.speaker for word in transcript.words if word.speaker))
    if len(names) != channels:
        return [None] * channels
    power = _power(source, channels)
    shares = power / np.maximum(power.sum(axis=1, keepdims=True), 1e-12)
    strength = np.zeros((channels, channels))
    for word in transcript.words:
        first = round(word.start_s / STEP_S)
        last = max(first + 1, round(word.end_s / STEP_S))
        if word.speaker and first < len(shares):
            strength[names.index(word.speaker)] += shares[first:last].sum(axis=0)
    placed: list[str | None] = [None] * channels
    for _ in names:
        name, channel = np.unravel_index(int(strength.argmax()), strength.shape)
        placed[channel] = names[name]
        strength[name, :] = strength[:, channel] = -1.0
    return placed


def same_sound(source: str | Path | bytes) -> bool:
    """Whether the two channels of a recording hold one and the same sound, as mono in a stereo file does.

    The first `SAME_S` seconds are compared: where the difference of the channels has less than a thousandth
    of their power (codecs leave a little), they are the same.
    """
    difference = power = 0.0
    for left, right in audio.blocks(source, block_s=10.0, sample_rate_hz=RATE_HZ):
        difference += float(np.square(left.samples - right.samples, dtype=np.float64).sum())
        power += float(np.square(left.samples, dtype=np.float64).sum())
        power += float(np.square(right.samples, dtype=np.float64).sum())
        if left.end_s >= SAME_S:
            break
    return power > 0 and difference < 1e-3 * power


def _power(source: str | Path, channels: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Mean square of each step and channel, shape ``(n_steps, channels)``."""
    step = round(STEP_S * RATE_HZ)
    parts = []
    for block in audio.blocks(source, block_s=10.0, sample_rate_hz=RATE_HZ):
        samples = np.stack([channel.samples for channel in block]).astype(np.float64)
        whole = samples.shape[1] // step * step
        parts.append((samples[:, :whole] ** 2).reshape(channels, -1, step).mean(axis=2).T)
        if block[0].end_s > ENOUGH_S:
            break
    return np.concatenate(parts) if parts else np.zeros((0, channels))
