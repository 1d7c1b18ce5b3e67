"""Personal data that has a form one can see: where in a text addresses, numbers and dates of birth stand.

Every pattern is bounded, so that the time grows with the length of the text whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int, str]
"""From, to, and what it is."""

# Chinese and Japanese are written without spaces and count as letters for \w and \b: "电话13812345678" has no
# word boundary. So what surrounds a pattern is looked at in ASCII only, and their signs end an address.
EAST = r"\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_BEFORE, _AFTER = r"(?<![A-Za-z\d_])", r"(?![A-Za-z\d_])"
_LOCAL = re.compile(rf"(?:[^\W{EAST}]|[.+%-])+$")
_DOMAIN = re.compile(rf"@(?:[^\W{EAST}]|-){{1,64}}(?:\.(?:[^\W{EAST}]|-){{1,64}}){{1,8}}")
_TOP = "com|org|net|edu|gov|info|biz|io|ai|app|dev|de|at|ch|cn|uk|fr|es|it|nl|pl|eu|ru|jp|us|ca|au|in|example"
_URL = re.compile(
    rf"(?:https?://|www\.)[^\s{EAST}]+|"
    rf"{_BEFORE}(?:[a-z\d-]{{1,63}}\.){{1,5}}(?:{_TOP}){_AFTER}(?:/[^\s{EAST}]*)?",
    re.IGNORECASE | re.ASCII,
)
_ACCOUNT = re.compile(
    rf"{_BEFORE}[A-Z]{{2}}\d{{2}}(?: ?[A-Z\d]{{4}}){{3,7}}(?: ?[A-Z\d]{{1,3}})?{_AFTER}",
    re.IGNORECASE | re.ASCII,
)
_DIGITS = re.compile(r"\+?\(?\d(?:[ ()./-]{0,2}\d){5,}")
_DIGIT = (
    "zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|"
    "null|eins|zwei|zwo|drei|vier|fünf|sechs|sieben|acht|neun"
)
_SPOKEN = re.compile(
    rf"{_BEFORE}(?:(?:{_DIGIT})(?:[ ,.-]{{1,3}}|{_AFTER})){{6,}}|[〇零一二三四五六七八九幺]{{6,}}",
    re.IGNORECASE,
)
_DAY_FIRST = re.compile(r"\d{1,2}[./ -]{1,2}\d{1,2}[./ -]{1,2}(?:19|20)?\d\d")
_YEAR_FIRST = re.compile(r"(?:19|20)\d\d[./ -]{1,2}\d{1,2}[./ -]{1,2}\d{1,2}")
_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|"
    r"juli|aug(?:ust)?|"
    r"sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)"
)
_DATE_ZH = (
    r"(?:\d{4}|[〇零一二三四五六七八九]{2,4})年(?:\d{1,2}|[一二三四五六七八九十]{1,2})月"
    r"(?:(?:\d{1,2}|[一二三四五六七八九十]{1,3})[日号])?"
)
_DATE = re.compile(
    rf"{_DATE_ZH}|{_BEFORE}(?:\d{{1,2}}(?:st|nd|rd|th|\.)?(?: of)? {_MONTH}\.?(?:,? \d{{2,4}})?|"
    rf"{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{2,4}})?|"
    rf"\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}|(?:19|20)\d\d){_AFTER}",
    re.IGNORECASE,
)
_BIRTH = re.compile(
    r"\bborn\b|birth|\bd\.?o\.?b\b|geboren|geburt|\bnée? |naissance|nacid|nacimiento|出生|生日|生于",
    re.IGNORECASE,
)
_NEAR = 60
_LITTLE = (
    r"(?:a|an|the|on|in|at|of|for|to|from|and|or|is|was|my|your|this|that|down|up|"
    r"minutes?|hours?|miles?|days?)"
)
_STREET = (
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|way|court|ct|square|sq|terrace|close|"
    r"crescent|highway|hwy|parkway|pkwy|place|pl|alley|mews)"
)
_LETTER = rf"[^\W\d_{EAST}]"
_ADDRESS = re.compile(
    rf"{_BEFORE}\d{{1,5}}[a-z]?,? (?:(?!{_LITTLE}{_AFTER}){_LETTER}[\w'’.-]{{0,30}} ){{1,4}}"
    rf"{_STREET}{_AFTER}\.?"
    r"(?:,? (?:apartment|apt|suite|unit|flat|no|#)\.? ?\d{1,5}[a-z]?)?"
    rf"|(?<!{_LETTER})(?:(?!{_LITTLE}{_AFTER}){_LETTER}{{1,20}}[ -]){{0,2}}"
    rf"(?!{_LITTLE}{_AFTER}){_LETTER}{{0,30}}?"
    rf"(?:stra(?:ß|ss)e|str\.|weg|platz|gasse|allee|ulica|ul\.) ?\d{{1,4}} ?[a-z]?{_AFTER}"
    rf"|{_BEFORE}(?:rue|avenue|calle|via|plaza|piazza) (?:{_LETTER}[\w'’-]{{0,30}} ){{1,4}}\d{{1,4}}{_AFTER}"
    rf"|{_BEFORE}p\.? ?o\.? box \d+",
    re.IGNORECASE,
)
_NUMERAL = r"(?:[\dA-Za-z]+|[〇零一二三四五六七八九十百]+)"
_DOOR_ZH = re.compile(
    r"(?:路|街|大道|巷|弄|胡同|村|小区|小區|大厦|大廈|花园)"
    rf"(?:{_NUMERAL}(?:号|號|弄|栋|棟|幢|座|楼|樓|层|層|单元|單元|室|房|户|巷)(?:院|楼|樓)?){{1,5}}"
)
_BEFORE_DOOR = re.compile(r"(?:(?![我你您他她它的了是在住到去从])[\u4e00-\u9fff])+$")
_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[A-Z]{2} \d{5}(?:-\d{4})?\b")

_WIDE = {
    code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}
_WIDE |= {
    ord(wide): ord(plain)
    for wide, plain in zip("＠．－＋（）／＿＃\u3000\u00a0\u2009\u202f‐‑–—", "@.-+()/_#    ----")
}
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)


def formed(plain: str) -> Iterator[Span]:
    """What has a form of its own, the surest forms first; spans may overlap."""
    yield from _around(plain, _DOMAIN, _LOCAL, 128, "EMAIL")
    yield from _around(plain, _DOOR_ZH, _BEFORE_DOOR, 24, "ADDRESS")
    for pattern, kind in _PATTERNS:
        for match in pattern.finditer(plain):
            start, end = match.span()
            while end > start and plain[end - 1] in " ,-":
                end -= 1
            yield start, end, kind or _number_kind(plain[start:end])
    for match in _DATE.finditer(plain):
        if _BIRTH.search(plain, max(0, match.start() - _NEAR), match.end() + _NEAR):
            yield *match.span(), "DATE"


def _around(
    plain: str, core: re.Pattern[str], left: re.Pattern[str], reach: int, kind: str
) -> Iterator[Span]:
    """A form that is told by its end: that is looked for first, for a long text has many beginnings."""
    for match in core.finditer(plain):
        before = left.search(plain[max(0, match.start() - reach) : match.start()])
        if before is not None:
            yield match.start() - len(before.group()), match.end(), kind


_PATTERNS = (
    (_URL, "URL"),
    (_ACCOUNT, "ACCOUNT"),
    (_ADDRESS, "ADDRESS"),
    (_DIGITS, ""),
    (_SPOKEN, "NUMBER"),
    (_POSTCODE, "ADDRESS"),
)


def _number_kind(text: str) -> str:
    digits = [int(character) for character in text if character.isdecimal()]
    if _DAY_FIRST.fullmatch(text) or _YEAR_FIRST.fullmatch(text):
        return "DATE"
    if 13 <= len(digits) <= 19 and _luhn(digits):
        return "CARD"
    mobile = len(digits) == 11 and digits[0] == 1 and digits[1] >= 3
    if 7 <= len(digits) <= 15 and (
        mobile or text[0] in "+(" or digits[0] == 0 or len(text) > len(digits) + 1
    ):
        return "PHONE"
    return "NUMBER"


def _luhn(digits: list[int]) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1)."""
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits[::-1])]
    return sum(doubled) % 10 == 0


def seen(text: str) -> tuple[str, list[int]]:
    """The text as a reader sees it, wide digits as plain ones, and where each character stood."""
    places = list(range(len(text)))
    if _UNSEEN.search(text):
        places = [place for place, character in enumerate(text) if not _UNSEEN.match(character)]
        text = "".join(text[place] for place in places)
    return text.translate(_WIDE), places
