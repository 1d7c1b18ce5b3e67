"""What the HTML page shows, worked out from a report: plain values, all text still unescaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hearfelt import labels
from hearfelt.reports import charts
from hearfelt.reports.asked import sentences
from hearfelt.reports.palette import Tone
from hearfelt.reports.speakers import Names
from hearfelt.reports.wording import ADJECTIVES, CODES
from hearfelt.types import UNCERTAIN, Emotion, Estimate, Report, SpeakerSummary

SURE = 0.6
"""Marks of a lower confidence are drawn faint."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One utterance on the ribbon, in percent of the recording."""

    number: int
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One speaker over time: bars of the waveform by tone, and marks."""

    name: str
    number: int
    wave: Mapping[int, str]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One row of the transcript."""

    number: int
    estimate: Estimate
    tone: Tone
    who: str
    speaker: int
    time: str
    faint: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """One turning point: its sentence, where it stands, and the utterance to jump to."""

    time_s: float
    percent: float
    text: str
    axis: str
    up: bool
    target: int | None


@dataclass(frozen=True, slots=True)
class Card:
    """One speaker's summary."""

    summary: SpeakerSummary
    name: str
    number: int
    shares: tuple[tuple[Tone, float], ...]
    plane: str
    plane_dots: tuple[tuple[float, float], ...]
    words_a_minute: float | None


class View:
    """Everything the template asks for.

    Args:
        report: what is shown.
        language: "en" or "zh".
        tones: the colours of every label in the report.
        words: the wording of the language.
    """

    def __init__(
        self, report: Report, language: str, tones: Mapping[str, Tone], words: Mapping[str, str]
    ) -> None:
        self.report = report
        self.language = language
        self.words = words
        self._tones = tones
        self._names = Names(report, language)
        ends = [e.segment.end_s for e in report.estimates]
        self.duration_s = max([report.duration_s, *ends])
        order = sorted(report.estimates, key=lambda e: (e.segment.start_s, e.segment.channel))
        everyone = list(self._names.all)
        everyone += [
            n for n in (self._names.channel(w.channel) for w in report.waveforms) if n not in everyone
        ]
        self.everyone = tuple(everyone)
        self._place = {name: number for number, name in enumerate(everyone)}
        self.utterances = tuple(self._utterance(i, e) for i, e in enumerate(order, start=1))
        self.emotions = self._emotions()
        self.derived = self._is_derived()
        self.turns = self._turns()

    # Words and numbers

    def display(self, label: str) -> str:
        """The word for a label."""
        return labels.DISPLAY[self.language].get(label, label)

    def number(self, label: str) -> int:
        """The number of a label's tone."""
        return self._tones[label].number

    def code(self, label: str) -> str:
        """The shortest sign for a label."""
        return CODES[self.language].get(label, label[:2])

    def room(self, label: str) -> int:
        """How many pixels a mark needs to hold the word: one of four widths the style sheet knows."""
        text = self.display(label)
        pixels = 18 + sum(14 if ord(letter) > 0x2E7F else 7 for letter in text)
        return next((width for width in (44, 60, 78) if pixels <= width), 100)

    def axis_word(self, axis: str, value: float) -> str:
        """A level of valence or arousal in a word."""
        if abs(value) < 0.1:
            return self.words["level"]
        pair = ("negative", "positive") if axis == "valence" else ("low", "high")
        word = self.words[pair[value > 0]]
        return self.words["slightly"].format(word=word) if abs(value) < 0.3 else word

    def plain(self, u: Utterance) -> str:
        """The evidence of an utterance as lines of text, three labels a source: for pages with thousands."""
        e, words = u.estimate, self.words
        lines = [e.reason, *e.cues]
        if e.abstained:
            best = self.display(e.emotion.label)
            lines.append(words["abstained"].format(label=best, p=percent(e.confidence)))
        if e.label_set:
            which = ", ".join(map(self.display, e.label_set))
            text = words["set_one" if len(e.label_set) == 1 else "set_many"]
            lines.append(text.format(c=percent(e.coverage), set=which))
        if e.conflict:
            lines.append(words["conflict"])
        for source, emotion, weight, note in columns_of(e):
            scores = ", ".join(f"{self.display(k)} {percent(p)}" for k, p in list(emotion.scores.items())[:3])
            told = "" if weight is None else f" ({words['reliability'].format(p=percent(weight))})"
            lines.append(f"{source or words['verdict']}{told}: {scores}{'; ' if note else ''}{note}")
        return "\n".join(line for line in lines if line)

    @property
    def asked(self) -> list[str]:
        """What was asked of a language model, one sentence each; empty where there was none."""
        return sentences(self.report.asked, self.language) if self.report.asked else []

    @property
    def headline(self) -> str:
        """How each speaker sounded, in one sentence; the three who talked most, where there are many."""
        heard = sorted(self.report.speakers, key=lambda s: -s.talk_s)
        heard = [s for s in heard if s.shares and s.utterances]
        if not self.utterances:
            return self.words["no_speech"]
        if not heard:
            return self.words["title"]
        shown = heard[:3] if len(heard) > 4 else heard
        parts = [self._sounded(s) for s in shown]
        if len(shown) < len(heard):
            parts.append(self.words["others"].format(n=len(heard) - len(shown)))
        text = self.words["join"].join(parts)
        return text[:1].upper() + text[1:] + self.words["stop"]

    def _sounded(self, summary: SpeakerSummary) -> str:
        label, share = max(summary.shares.items(), key=lambda item: item[1])
        who = summary.speaker or self._names.channel(summary.channel)
        first, last = self._arc(who)
        if first and last and first != last:
            return self.words["arc"].format(who=who, how=self._how(first), then=self._how(last))
        if label == UNCERTAIN:
            return self.words["unclear"].format(who=who)
        how = self._how(label)
        return self.words["mostly" if share >= 0.5 else "most_often"].format(who=who, how=how)

    def _how(self, label: str) -> str:
        return ADJECTIVES[self.language].get(label) or self.display(label)

    def _arc(self, who: str) -> tuple[str | None, str | None]:
        """The label that fills most (60 %) of a speaker's first and of its last third, None where none."""
        mine = [u.estimate for u in self.utterances if u.who == who]
        third = len(mine) // 3
        if third < 2:
            return None, None
        return _majority(mine[:third]), _majority(mine[-third:])

    # Parts of the page

    def _utterance(self, number: int, e: Estimate) -> Utterance:
        who = self._names.of(e.segment)
        faint = e.confidence < SURE
        return Utterance(
            number, e, self._tones[e.label], who, self._place[who], clock(e.segment.start_s), faint
        )

    def _emotions(self) -> list[tuple[Tone, int]]:
        """Every verdict that occurs with its count, in the order of the label set."""
        counts = Counter(u.tone.number for u in self.utterances)
        by_number = {tone.number: tone for tone in self._tones.values()}
        return [(by_number[number], counts[number]) for number in sorted(counts)]

    def lanes(self) -> list[Lane]:
        """One lane a speaker, in the order of the summaries."""
        waves = {wave.channel: wave for wave in self.report.waveforms}
        channels = {s.speaker or self._names.channel(s.channel): s.channel for s in self.report.speakers}
        for u in self.utterances:
            channels.setdefault(u.who, u.estimate.segment.channel)
        for wave in self.report.waveforms:
            channels.setdefault(self._names.channel(wave.channel), wave.channel)
        count = 360 if self.duration_s <= 900 else 1400
        by_speaker: dict[int, list[Utterance]] = {}
        for u in self.utterances:
            by_speaker.setdefault(u.speaker, []).append(u)
        lanes = []
        for number, name in enumerate(self.everyone):
            mine = by_speaker.get(number, [])
            outline = waves.get(channels[name])
            paths: dict[int, str] = {}
            if outline is not None and outline.peaks:
                spans = [(u.estimate.segment.start_s, u.estimate.segment.end_s, u.tone.number) for u in mine]
                heights = charts.columns(outline, self.duration_s, count)
                paths = charts.wave_paths(heights, self.duration_s, spans)
            lanes.append(Lane(name, number, paths, tuple(self._mark(u) for u in mine)))
        return lanes

    def _mark(self, u: Utterance) -> Mark:
        segment = u.estimate.segment
        return Mark(u.number, self.percent(segment.start_s), self.percent(segment.duration_s))

    def percent(self, time_s: float) -> float:
        """A time as percent of the recording."""
        return min(100.0, max(0.0, 100 * time_s / self.duration_s)) if self.duration_s > 0 else 0.0

    def ticks(self) -> list[tuple[str, float, int]]:
        """The time axis: text, percent, and from which zoom on it is shown."""
        return [(clock(t), percent, zoom) for t, percent, zoom in charts.ticks(self.duration_s)]

    def courses(self, axis: str) -> list[tuple[int, str, str, str, float]]:
        """Of each speaker with a course: number, path, dots, name, and where the line ends (0 top to 100)."""
        out = []
        for summary in self.report.speakers:
            if not summary.course:
                continue
            name = summary.speaker or self._names.channel(summary.channel)
            values = charts.smooth([point[1 if axis == "arousal" else 2] for point in summary.course])
            points = [
                (self.percent(summary.course[i][0]) * charts.WIDTH / 100, 50 - 46 * values[i])
                for i in charts.thin(len(values))
            ]
            marks = charts.dots(points) if len(points) <= charts.SMOOTH_FROM else ""
            out.append((self._place[name], charts.line(points), marks, name, points[-1][1]))
        return out

    @property
    def smoothed(self) -> bool:
        """Whether any line is drawn smoothed."""
        return any(len(s.course) > charts.SMOOTH_FROM for s in self.report.speakers)

    def _turns(self) -> list[Turn]:
        out = []
        for summary in self.report.speakers:
            who = summary.speaker or self._names.channel(summary.channel)
            for point in summary.turning_points:
                up = point.after > point.before
                text = self.words["turn_up" if up else "turn_down"].format(
                    t=clock(point.time_s),
                    who=who,
                    axis=self.words.get(point.dimension, point.dimension),
                    a=signed(point.before),
                    b=signed(point.after),
                    aw=self.axis_word(point.dimension, point.before),
                    bw=self.axis_word(point.dimension, point.after),
                )
                target = self._nearest(who, point.time_s)
                out.append(Turn(point.time_s, self.percent(point.time_s), text, point.dimension, up, target))
        return sorted(out, key=lambda turn: turn.time_s)

    def _nearest(self, who: str, time_s: float) -> int | None:
        mine = [u for u in self.utterances if u.who == who]
        if not mine:
            return None
        return min(mine, key=lambda u: _distance(u.estimate, time_s)).number

    def cards(self) -> list[Card]:
        """One summary a speaker."""
        out = []
        for s in self.report.speakers:
            name = s.speaker or self._names.channel(s.channel)
            shares = sorted(((self._tones[label], share) for label, share in s.shares.items()), key=_by_share)
            arousal = charts.smooth([point[1] for point in s.course])
            valence = charts.smooth([point[2] for point in s.course])
            path = [(50 + 46 * valence[i], 50 - 46 * arousal[i]) for i in charts.thin(len(arousal), 200)]
            rate = 60 * s.words / s.talk_s if s.words and s.talk_s > 0 else None
            out.append(Card(s, name, self._place[name], tuple(shares), charts.line(path), tuple(path), rate))
        return out

    @property
    def anchors(self) -> list[tuple[str, float, float]]:
        """Where the labels of the verdicts lie in the plane of valence and arousal, in percent."""
        if not self.derived:
            return []
        places = labels.DIMENSIONS
        return [(name, 50 + 46 * places[name][1], 50 - 46 * places[name][0]) for name in labels.EKMAN7]

    def _is_derived(self) -> bool:
        """Whether every arousal and valence is what the published coordinates make of the probabilities."""
        seen = [e.emotion for e in self.report.estimates]
        seen += [x.emotion for e in self.report.estimates for x in e.evidence]
        rated = [e for e in seen if e.arousal is not None and e.valence is not None]
        return bool(rated) and all(_is_derived(e) for e in rated)


def _is_derived(emotion: Emotion) -> bool:
    if emotion.multi_label or any(label not in labels.DIMENSIONS for label in emotion.labels):
        return False
    arousal, valence, _ = labels.dimensions(emotion.labels, emotion.probabilities)
    return abs(arousal - (emotion.arousal or 0)) < 0.01 and abs(valence - (emotion.valence or 0)) < 0.01


def _majority(estimates: Sequence[Estimate]) -> str | None:
    """The label of at least 60 % of the talk time; an uncertain majority is none."""
    time: dict[str, float] = {}
    for e in estimates:
        time[e.label] = time.get(e.label, 0.0) + e.segment.duration_s
    label, most = max(time.items(), key=lambda item: item[1])
    return label if label != UNCERTAIN and most > 0.6 * sum(time.values()) else None


def _distance(estimate: Estimate, time_s: float) -> float:
    segment = estimate.segment
    return max(segment.start_s - time_s, time_s - segment.end_s, 0.0)


def _by_share(item: tuple[Tone, float]) -> float:
    return -item[1]


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


def percent(share: float) -> str:
    """A share as whole percent."""
    return f"{100 * share:.0f}%"


def signed(value: float) -> str:
    """A dimension with its sign; a true minus, two digits."""
    return f"{value:+.2f}".replace("-", "−")


def columns_of(estimate: Estimate) -> Sequence[tuple[str, Emotion, float | None, str]]:
    """Source, emotion, reliability and note of the verdict (no reliability) and of each evidence."""
    head = ("", estimate.emotion, None, "")
    return [head, *((x.source, x.emotion, x.reliability, x.note) for x in estimate.evidence)]


def shown(label: str, page: View) -> str:
    """The word for a label, as a template filter."""
    return page.display(label)
