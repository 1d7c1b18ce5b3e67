"""One request, watched for time and size; the servers of chat and speech try the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from hearfelt.errors import SpeechError
from hearfelt.web.transport import Answer, BrokenOff, Terms, Transport, whole

TERMS = Terms(SpeechError, "sound", "--url", "take a faster model")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(429 if self.path == "/busy" else 200)
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "100" if self.path == "/dying" else "10")
        self.end_headers()
        self.wfile.write(b"0123456789")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as here:
        threading.Thread(target=here.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{here.server_address[1]}"
        here.shutdown()


def asked(url: str, max_reply_bytes: int = 10) -> Answer:
    transport = Transport(url, 5.0, max_reply_bytes, TERMS)
    try:
        return transport.request({}, {}, whole)
    finally:
        transport.close()


def test_an_answer_has_status_body_and_how_long_to_wait(server: str) -> None:
    assert asked(server) == Answer(200, b"0123456789", "7")
    assert asked(f"{server}/busy").status == 429


def test_what_goes_wrong_is_said_in_the_terms_of_the_server(server: str) -> None:
    with pytest.raises(SpeechError, match=r"127.0.0.1:\d+ answered with more than 9 bytes: refused"):
        asked(server, 9)
    with pytest.raises(
        SpeechError, match=r"no server answers at .*: start it, or give another address with --url"
    ):
        asked("http://127.0.0.1:9")
    with pytest.raises(BrokenOff, match=r"/dying broke off its answer \(RemoteProtocolError\)"):
        asked(f"{server}/dying", 100)


def test_a_server_that_wants_a_long_rest_is_an_error() -> None:
    transport = Transport("http://u:secret@h/v1", 5.0, 10, TERMS)
    transport.wait(0, None, 0.0, 1.0)
    transport.wait(429, "0", 5.0, 1.0)
    with pytest.raises(SpeechError, match=r"http://h/v1 is busy \(503\) and asks to wait 7 s, more than 1 s"):
        transport.wait(503, "7", 0.0, 1.0)
