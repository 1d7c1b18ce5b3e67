"""A speech server that behaves in every way one may meet. Run as a program: it prints its port and serves.

The first part of the path names how it behaves, the second a fresh counter: ``/good/a/v1/audio/speech``.
``GET /asked/NAME`` gives the requests that a counter has seen.
"""

from __future__ import annotations

import io
import json
import socket
import sys
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import soundfile

seen: dict[str, list[dict[str, Any]]] = defaultdict(list)


def sound(format: str = "WAV", level: float = 0.3) -> bytes:
    """A second of a 200 Hz buzz at 24 kHz."""
    time_s = np.arange(24000) / 24000
    buzz = sum(np.sin(2 * np.pi * 200 * k * time_s) / k for k in range(1, 9))
    stream = io.BytesIO()
    soundfile.write(stream, level * buzz / 3, 24000, format=format, subtype="PCM_16")
    return stream.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send(200, json.dumps(seen[self.path.split("/")[2]]).encode())

    def do_POST(self) -> None:
        _, mode, name, *_ = self.path.split("/")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        calls = seen[name]
        calls.append({"path": self.path, "key": self.headers.get("Authorization"), "body": body})
        getattr(self, f"mode_{mode}")(len(calls))

    def mode_good(self, call: int) -> None:
        self.send(200, sound())

    def mode_flac(self, call: int) -> None:
        self.send(200, sound("FLAC"))

    def mode_streamed(self, call: int) -> None:
        wav = bytearray(sound())
        wav[4:8] = wav[40:44] = b"\xff\xff\xff\xff"
        self.send(200, bytes(wav))

    def mode_silent(self, call: int) -> None:
        self.send(200, sound(level=0.0))

    def mode_empty(self, call: int) -> None:
        self.send(200, b"")

    def mode_html(self, call: int) -> None:
        self.send(200, b"<html>It works!</html>")

    def mode_json(self, call: int) -> None:
        self.send(200, b'{"error": {"message": "voice is not loaded yet"}}')

    def mode_slow(self, call: int) -> None:
        time.sleep(20)
        self.send(200, sound())

    def mode_drip(self, call: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b"R")
            self.wfile.flush()
            time.sleep(0.1)

    def mode_busy(self, call: int) -> None:
        if call == 1:
            self.send(429, b'{"error": {"message": "slow down"}}', {"Retry-After": "0"})
        else:
            self.send(200, sound())

    def mode_busylong(self, call: int) -> None:
        self.send(429, b'{"error": {"message": "slow down"}}', {"Retry-After": "3600"})

    def mode_alwaysbusy(self, call: int) -> None:
        self.send(429, b'{"error": {"message": "slow down"}}')

    def mode_flaky(self, call: int) -> None:
        if call < 3:
            self.send(503, b'{"detail": "warming up"}')
        else:
            self.send(200, sound())

    def mode_failing(self, call: int) -> None:
        self.send(500, b'{"error": "out of memory"}')

    def mode_forbidden(self, call: int) -> None:
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.send(401, json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}}).encode())

    def mode_nomodel(self, call: int) -> None:
        self.send(404, b'{"error": {"message": "The model `loud` does not exist"}}')

    def mode_refusing(self, call: int) -> None:
        self.send(400, b'{"error": {"message": "unknown voice \\u0007"}}')

    def mode_huge(self, call: int) -> None:
        self.send(200, b"R" * 300_000)

    def mode_dying(self, call: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "50000")
        self.end_headers()
        self.wfile.write(sound()[:2000])
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def mode_dyingonce(self, call: int) -> None:
        if call == 1:
            self.mode_dying(call)
        else:
            self.send(200, sound())

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    sys.stdout.close()
    server.serve_forever()
