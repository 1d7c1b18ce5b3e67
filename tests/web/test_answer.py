"""What a server says is wrong, and how long it wants to be left alone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from hearfelt.web.answer import message_of, refusal, retry_after_s


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after_s("12") == 12
    assert retry_after_s(None) is None
    assert retry_after_s("soon") is None
    later = datetime.now(timezone.utc) + timedelta(seconds=60)
    wait_s = retry_after_s(format_datetime(later, usegmt=True))
    assert wait_s is not None and 57 < wait_s <= 60
    assert retry_after_s("Thu, 01 Jan 1970 00:00:00 GMT") == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "no such model"}}', "no such model"),
        (b'{"error": "no such model"}', "no such model"),
        (b'{"detail": "not found"}', "not found"),
        (b'{"error": {"code": 7}}', '{"code": 7}'),
        (b"<html>busy</html>", "<html>busy</html>"),
    ],
)
def test_what_is_wrong_in_the_servers_own_words(body: bytes, message: str) -> None:
    assert message_of(body) == message


def test_what_any_server_refuses_is_told_in_one_way() -> None:
    def told(status: int) -> str | None:
        return refusal("http://x/v1", status, ": 'no'", "the variable KEY", 3)

    assert told(401) == "http://x/v1 refuses the key (401): 'no': set the variable KEY to a valid one"
    assert told(429) == "http://x/v1 is still busy after 3 tries (429): 'no': try again later"
    assert told(503) == "http://x/v1 fails (503) after 3 tries: 'no': look at the server's log"
    assert told(404) is None and told(422) is None
