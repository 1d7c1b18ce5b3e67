"""Addresses as people write them, as they are called and as they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from hearfelt.errors import OptionError
from hearfelt.web.address import endpoint, is_local, is_safe, public_url


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("localhost:8000", "http://localhost:8000/v1/chat/completions"),
        ("http://h:1/", "http://h:1/v1/chat/completions"),
        ("https://h/v1", "https://h/v1/chat/completions"),
        ("https://h/api/v3/", "https://h/api/v3/chat/completions"),
        ("https://h/v1/chat/completions", "https://h/v1/chat/completions"),
        ("https://h/d/chat/completions?api-version=2", "https://h/d/chat/completions?api-version=2"),
    ],
)
def test_addresses_are_taken_as_people_write_them(given: str, wanted: str) -> None:
    assert endpoint(given, "/chat/completions", "a chat server") == wanted


@pytest.mark.parametrize(
    "url", ["", "ftp://h", "http://", "http://h:99999", "http://u:secret@h:x", "u:secret@h:x", "http://[::1"]
)
def test_what_is_no_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(OptionError, match="is no address of a speech server; give one") as caught:
        endpoint(url, "/audio/speech", "a speech server")
    assert "secret" not in str(caught.value)


@settings(deadline=None)
@drawn(st.text(max_size=60))
def test_any_address_can_be_shown_without_its_password(text: str) -> None:
    assert "?" not in public_url(text)
    assert "s3cret" not in public_url(f"https://jo:s3cret@h.example/v1?{text.replace('s3cret', '')}")


@pytest.mark.parametrize(
    ("url", "local", "safe"),
    [
        ("http://localhost:1/v1", True, True),
        ("http://127.0.0.2", True, True),
        ("http://[::1]:8000", True, True),
        ("http://10.0.0.1", False, False),
        ("http://localhost.example", False, False),
        ("https://h.example", False, True),
    ],
)
def test_whether_anybody_can_read_along(url: str, local: bool, safe: bool) -> None:
    assert (is_local(url), is_safe(url)) == (local, safe)
