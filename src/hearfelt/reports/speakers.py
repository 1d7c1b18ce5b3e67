"""Who speaks: one name for a segment everywhere in a report, also where no speaker was given."""

from __future__ import annotations

from hearfelt.types import Report, Segment

CHANNEL = {"en": "channel {}", "zh": "声道 {}"}
"""What a speaker without a name is called; channels are counted from 1 for people."""


class Names:
    """Names the speaker of a segment: its own name, else the one of its channel, else "channel 1"."""

    def __init__(self, report: Report, language: str = "en") -> None:
        self._language = language
        self._by_channel: dict[int, str] = {}
        for wave in report.waveforms:
            if wave.speaker:
                self._by_channel.setdefault(wave.channel, wave.speaker)
        for summary in report.speakers:
            if summary.speaker:
                self._by_channel.setdefault(summary.channel, summary.speaker)
        self._all = _everyone(report, self)

    def of(self, segment: Segment) -> str:
        """The name of who speaks in a segment."""
        return segment.speaker or self.channel(segment.channel)

    def channel(self, channel: int) -> str:
        """The name of who speaks on a channel."""
        return self._by_channel.get(channel) or CHANNEL[self._language].format(channel + 1)

    @property
    def all(self) -> tuple[str, ...]:
        """Everyone, summaries first, then whoever speaks without one."""
        return self._all


def _everyone(report: Report, names: Names) -> tuple[str, ...]:
    found = [summary.speaker or names.channel(summary.channel) for summary in report.speakers]
    found += [names.of(estimate.segment) for estimate in report.estimates]
    return tuple(dict.fromkeys(found))
