"""Personal data in words, masked before they leave the machine: what has a form that one can see."""

from __future__ import annotations

import re

_PATTERNS = (
    ("[e-mail]", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("[address]", re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)),
    ("[account]", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("[number]", re.compile(r"(?<![\w.])\+?\(?\d(?:[ ()./-]{0,2}\d){5,}(?!\w)")),
)


def mask(text: str) -> str:
    """The text with e-mail and web addresses, bank accounts and numbers of six digits or more replaced.

    Names and places have no form of their own and stay.
    """
    for name, pattern in _PATTERNS:
        text = pattern.sub(name, text)
    return text
