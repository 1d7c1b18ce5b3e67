"""What a server says beside its answer: what is wrong, and how long it wants to be left alone."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime


def message_of(body: bytes) -> str:
    """What a server says is wrong: ``error.message``, ``detail`` and the like, else its text."""
    text = body[:20_000].decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text
    error = data.get("error", data.get("detail", data)) if isinstance(data, dict) else data
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return str(error["message"])
    return error if isinstance(error, str) else json.dumps(error)


def refusal(url: str, status: int, said: str, key_places: str, tries: int) -> str | None:
    """What is wrong and the way out, where any server means the same by a status; None for the others.

    Args:
        said: the server's own words, quoted, without the key.
        key_places: where a key is looked for.
        tries: how often it was asked.
    """
    if status in (401, 403):
        return f"{url} refuses the key ({status}){said}: set {key_places} to a valid one"
    if status == 429:
        return f"{url} is still busy after {tries} tries (429){said}: try again later"
    if status >= 500:
        return f"{url} fails ({status}) after {tries} tries{said}: look at the server's log"
    return None


def retry_after_s(value: str | None) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, a number or a date; None where it tells nothing."""
    if value is None:
        return None
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - datetime.now(timezone.utc)).total_seconds())
