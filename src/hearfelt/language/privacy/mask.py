"""Personal data in words: masked before it leaves the machine, put back into what comes back.

What has a form that one can see is found (`personal`): e-mail and web addresses, account,
card, telephone and other long numbers, street addresses, dates of birth. Names are found where somebody is
named (`names`) or where a speaker carries one; then they are masked wherever they occur.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator

from hearfelt.language.privacy import names
from hearfelt.language.privacy.personal import EAST, Span, formed, seen

KINDS = ("NAME", "EMAIL", "URL", "ACCOUNT", "CARD", "PHONE", "NUMBER", "DATE", "ADDRESS", "TEXT")
"""What is masked; TEXT is what looks like one of our own marks."""

_MARK = re.compile(
    rf"\[({'|'.join(KINDS)})_(\d+)([a-z]*)\]"
    rf"|(?<![A-Za-z\d_\[])({'|'.join(KINDS)})_(\d+)([a-z]*)(?![A-Za-z\d_\]])",
    re.IGNORECASE | re.ASCII,
)
_KEPT = 64


class Masker:
    """Masks personal data of one recording and puts it back.

    The same data gets the same mark in the whole recording ([NAME_1], [EMAIL_2]), so that a model can tell
    persons and numbers apart. Other ways to write the same name carry a letter ([NAME_1b]). Safe to use from
    several threads; marks are numbered in the order in which the data was first seen.

    Args:
        speakers: names of the speakers; those that tell a part ("agent", "客户") stay.
    """

    def __init__(self, speakers: Iterable[str] = ()) -> None:
        self._lock = threading.RLock()
        self._marks: dict[tuple[str, str], str] = {}
        self._originals: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._persons: dict[str, int] = {}
        self._forms: set[str] = set()
        self._forms_seen: dict[int, int] = {}
        self._known: re.Pattern[str] | None = None
        self._kept: dict[tuple[str, int], str] = {}
        for speaker in speakers:
            self.learn_speaker(speaker)

    def learn_speaker(self, speaker: str) -> None:
        """Takes the name of a speaker for a person's, unless it tells a part or has a form of its own."""
        name = " ".join(seen(speaker)[0].split())
        if name and not names.is_role(name) and not any(True for _ in formed(name)):
            self._learn(name)

    def learn(self, text: str) -> None:
        """Takes in the names of a text that will be masked later, so that they are known from the start."""
        plain = seen(text)[0]
        with self._lock:
            for start, end in names.named(plain):
                self._learn(plain[start:end])

    def mask(self, text: str) -> str:
        """The text with a mark in place of each piece of personal data; `unmask` undoes it.

        What is left holds nothing that any of the patterns finds.
        """
        with self._lock:
            kept = self._kept.get((text, len(self._forms)))
            if kept is None:
                kept = self._kept[text, len(self._forms)] = self._whole(text)
                while len(self._kept) > _KEPT:  # a turn of the past is told many times
                    self._kept.pop(next(iter(self._kept)))
            return kept

    def _whole(self, text: str) -> str:
        for turn in range(8):  # a mark may lay bare what a neighbour had hidden
            masked = self._once(text, first=turn == 0)
            if masked == text:
                break
            text = masked
        return text

    def unmask(self, text: str, escape: Callable[[str], str] = str) -> str:
        """The text with the originals in place of the marks, also where a model lost their brackets.

        Args:
            escape: what is done to an original, such as what JSON needs.
        """

        def original(match: re.Match[str]) -> str:
            known = self._originals.get(_canonical(match))
            return match.group() if known is None else escape(known)

        with self._lock:
            return _MARK.sub(original, text)

    def _once(self, text: str, *, first: bool) -> str:
        plain, places = seen(text)
        taken = bytearray(len(plain))
        marks: list[Span] = []
        for match in _MARK.finditer(plain):
            if first or match.group(1) is None:
                marks.append((*match.span(), "TEXT"))
            else:  # ours: all that the text itself had in brackets are gone since the first turn
                taken[match.start() : match.end()] = b"\1" * len(match.group())
        spans: list[Span] = []
        for start, end, kind in (*marks, *formed(plain), *self._named(plain)):
            if start < end and not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                spans.append((places[start], places[end - 1] + 1, kind))
        pieces, at = [], 0
        for start, end, kind in sorted(spans):
            pieces += [text[at:start], self._mark(kind, text[start:end])]
            at = end
        return "".join([*pieces, text[at:]])

    def _named(self, plain: str) -> Iterator[Span]:
        introduced = list(names.named(plain))
        for start, end in introduced:
            self._learn(plain[start:end])
        if self._known is not None:
            for match in self._known.finditer(plain):
                found = match.group()
                if found[0].isupper() or found.lower() not in names.AMBIGUOUS:
                    yield *match.span(), "NAME"
        for start, end in introduced:  # a single character counts only where it is introduced
            yield start, end, "NAME"

    def _learn(self, name: str) -> None:
        """Gives a person a number; the parts of the name stand for the same person."""
        pieces = names.parts(name)
        keys = [_key(piece) for piece in (name, *pieces)]
        number = next((self._persons[key] for key in keys if key in self._persons), None)
        if number is None:
            number = self._count("NAME")
        for key in keys:
            self._persons.setdefault(key, number)
        new = {piece.lower() for piece in pieces if len(piece) > 1} - self._forms
        if new:
            self._forms |= new
            self._known = _any_of(self._forms)

    def _count(self, kind: str) -> int:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return self._counts[kind]

    def _mark(self, kind: str, original: str) -> str:
        mark = self._marks.get((kind, original))
        if mark is None:
            if kind == "NAME":
                key = _key(seen(original)[0])
                number = self._persons.setdefault(key, 0) or self._count("NAME")
                self._persons[key] = number
                mark = f"NAME_{number}{_letters(self._forms_seen.get(number, 0))}"
                self._forms_seen[number] = self._forms_seen.get(number, 0) + 1
            else:
                mark = f"{kind}_{self._count(kind)}"
            self._marks[kind, original] = mark
            self._originals[mark] = original
        return f"[{mark}]"


def mask(text: str) -> str:
    """The text with personal data masked, by a `Masker` of its own; for a recording keep one `Masker`."""
    return Masker().mask(text)


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _any_of(forms: Iterable[str]) -> re.Pattern[str]:
    """Finds any of the names, the longest first; letters of an alphabet may not go on at either end."""
    words = sorted(forms, key=lambda form: (-len(form), form))
    parts = [r"\s+".join(map(re.escape, word.split())) for word in words]
    own = [
        part if word[0] >= "\u2e80" else rf"(?<![^\W{EAST}]){part}(?![^\W{EAST}])"
        for word, part in zip(words, parts, strict=True)
    ]
    return re.compile("|".join(own), re.IGNORECASE)


def _canonical(match: re.Match[str]) -> str:
    kind, number, letters = match.group(1, 2, 3) if match.group(1) else match.group(4, 5, 6)
    return f"{kind.upper()}_{number}{letters.lower()}"


def _letters(place: int) -> str:
    """ "" for the first form of a name, then b to z, bb and so on."""
    letters = ""
    while place:
        place, rest = divmod(place - 1, 25)
        letters = "bcdefghijklmnopqrstuvwxyz"[rest] + letters
    return letters
