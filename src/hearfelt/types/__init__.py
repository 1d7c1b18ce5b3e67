"""The values that travel between the rooms: small, frozen, named from the field.

Only numpy and the standard library are used here. Times are seconds from the start of the recording,
arousal, valence and dominance lie in [-1, 1], probabilities and confidences in [0, 1].
`to_dict` and `from_dict` turn any of these values into plain JSON data and back.
"""

from __future__ import annotations

from hearfelt.types.emotion import UNCERTAIN, Alert, Emotion, Estimate, Event, Evidence
from hearfelt.types.example import Example
from hearfelt.types.plain import from_dict, to_dict
from hearfelt.types.report import Asked, Component, Report, SpeakerSummary, TurningPoint, Waveform
from hearfelt.types.sound import Audio, Features, FloatArray, Segment
from hearfelt.types.words import ByTime, Transcript, Word, join_words

__all__ = [
    "UNCERTAIN",
    "Alert",
    "Asked",
    "Audio",
    "ByTime",
    "Component",
    "Emotion",
    "Estimate",
    "Event",
    "Evidence",
    "Example",
    "Features",
    "FloatArray",
    "Report",
    "Segment",
    "SpeakerSummary",
    "Transcript",
    "TurningPoint",
    "Waveform",
    "Word",
    "from_dict",
    "join_words",
    "to_dict",
]
