"""Personal data in words, keys in addresses: what has a form that one can see, masked before it leaves."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

# Chinese and Japanese are written without spaces and count as letters for \w and \b: "电话13812345678" has no
# word boundary. So what surrounds a pattern is looked at in ASCII only, and their signs end an address.
_EAST = r"\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_BEFORE, _AFTER = r"(?<![A-Za-z\d_])", r"(?![A-Za-z\d_])"

_PATTERNS = (
    ("[e-mail]", re.compile(rf"(?:[^\W{_EAST}]|[.+-])+[@＠](?:[^\W{_EAST}]|-)+(?:\.(?:[^\W{_EAST}]|-)+)+")),
    ("[address]", re.compile(rf"{_BEFORE}(?:https?://|www\.)[^\s{_EAST}]+", re.IGNORECASE)),
    (
        "[account]",
        re.compile(rf"{_BEFORE}[A-Z]{{2}}\d{{2}}(?: ?[A-Z0-9]{{4}}){{3,7}}(?: ?[A-Z0-9]{{1,3}})?{_AFTER}"),
    ),
    ("[number]", re.compile(rf"(?<![A-Za-z\d_.])\+?\(?\d(?:[ ()./-]{{0,2}}\d){{5,}}{_AFTER}")),
    ("[number]", re.compile("[〇零一二三四五六七八九幺]{6,}")),
)


def mask(text: str) -> str:
    """The text with e-mail and web addresses, bank accounts and numbers of six digits or more replaced.

    Digits may be written in Chinese. Names and places have no form of their own and stay.
    """
    for name, pattern in _PATTERNS:
        text = pattern.sub(name, text)
    return text


def public_url(url: str) -> str:
    """An address without name, password, query and fragment, fit for a message or a report."""
    text = url.strip()
    bare = "://" not in text
    try:
        parts = urlsplit(f"http://{text}" if bare else text)
    except ValueError:
        return "(an address that cannot be read)"
    shown = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return shown.removeprefix("http://") if bare else shown
