"""Addresses of servers: as people write them, as they are called, and as they may be shown."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit

from hearfelt.errors import OptionError


def endpoint(url: str, call: str, server: str) -> str:
    """The address of a call for a server named in any usual way.

    ``host:8000``, ``http://host:8000``, ``…/v1`` and the full path all give ``…/v1`` and the call.

    Args:
        url: the address as it was given.
        call: the path of the call below ``/v1``, such as ``/chat/completions``.
        server: what kind of server it is, for the message: "a chat server".

    Raises:
        OptionError: it is no http or https address.
    """
    text = url.strip()
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        known = False
    if not known:
        raise OptionError(
            f"{public_url(text)!r} is no address of {server}; give one such as http://localhost:8000/v1"
        )
    path = parts.path.rstrip("/")
    if not path.endswith(call):
        path = f"{path or '/v1'}{call}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


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


def is_local(url: str) -> bool:
    """Whether an address is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_safe(url: str) -> bool:
    """Whether nobody on the way to an address can read along: this machine, or https."""
    return url.startswith("https:") or is_local(url)
