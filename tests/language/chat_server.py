"""A chat server that behaves in every way one may meet. Run as a program: it prints its port and serves.

The first part of the path names how it behaves, the second a fresh counter: ``/good/a/v1/chat/completions``.
``GET /asked/NAME`` gives the requests that a counter has seen.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER: dict[str, Any] = {
    "probabilities": {
        "anger": 0.6,
        "disgust": 0.1,
        "fear": 0.0,
        "happiness": 0.0,
        "neutral": 0.1,
        "sadness": 0.2,
        "surprise": 0.0,
    },
    "arousal": 0.5,
    "valence": -0.6,
    "words": ["third time"],
    "cues": ["louder than usual"],
    "sarcasm": False,
    "conflict": True,
    "reason": "The third call about the same fault.",
}
seen: dict[str, list[dict[str, Any]]] = defaultdict(list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send(200, seen[self.path.split("/")[2]])

    def do_POST(self) -> None:
        _, mode, name, *_ = self.path.split("/")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        calls = seen[name]
        calls.append({"path": self.path, "key": self.headers.get("Authorization"), "body": body})
        getattr(self, f"mode_{mode}")(body, len(calls))

    def mode_good(self, body: Any, call: int) -> None:
        self.say(json.dumps(ANSWER))

    def mode_thinking(self, body: Any, call: int) -> None:
        self.say(f"<think>maybe {{anger}}?</think>\n```json\n{json.dumps(ANSWER)}\n```\nThat is it.")

    def mode_broken(self, body: Any, call: int) -> None:
        self.say('{"probabilities": {"anger": 0.')

    def mode_repaired(self, body: Any, call: int) -> None:
        wrong = {**ANSWER, "probabilities": {"rage": 1.0}}
        self.say(json.dumps(wrong if call == 1 else ANSWER))

    def mode_wrong(self, body: Any, call: int) -> None:
        self.say(json.dumps({**ANSWER, "arousal": 7}))

    def mode_cut(self, body: Any, call: int) -> None:
        self.say(json.dumps(ANSWER)[:60], finish_reason="length")

    def mode_slow(self, body: Any, call: int) -> None:
        time.sleep(20)
        self.say(json.dumps(ANSWER))

    def mode_drip(self, body: Any, call: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def mode_busy(self, body: Any, call: int) -> None:
        if call == 1:
            self.send(429, {"error": {"message": "slow down"}}, {"Retry-After": "1"})
        else:
            self.say(json.dumps(ANSWER))

    def mode_busylong(self, body: Any, call: int) -> None:
        self.send(429, {"error": {"message": "slow down"}}, {"Retry-After": "3600"})

    def mode_flaky(self, body: Any, call: int) -> None:
        if call < 3:
            self.send(503, {"detail": "warming up"})
        else:
            self.say(json.dumps(ANSWER))

    def mode_failing(self, body: Any, call: int) -> None:
        self.send(500, {"error": "out of memory"})

    def mode_forbidden(self, body: Any, call: int) -> None:
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.send(401, {"error": {"message": f"Incorrect API key provided: {key}"}})

    def mode_nomodel(self, body: Any, call: int) -> None:
        self.send(404, {"error": {"message": f"The model `{body['model']}` does not exist"}})

    def mode_noschema(self, body: Any, call: int) -> None:
        if "response_format" in body:
            self.send(400, {"error": {"message": "unknown field response_format"}})
        else:
            self.say(json.dumps(ANSWER))

    def mode_reasoning(self, body: Any, call: int) -> None:
        for part in ("max_tokens", "temperature"):
            if part in body:
                self.send(400, {"error": {"message": f"Unsupported parameter: '{part}'"}})
                return
        self.say(json.dumps(ANSWER))

    def mode_dying(self, body: Any, call: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b'{"choices": [')
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def mode_dyingonce(self, body: Any, call: int) -> None:
        if call == 1:
            self.mode_dying(body, call)
        else:
            self.say(json.dumps(ANSWER))

    def mode_html(self, body: Any, call: int) -> None:
        self.send_raw(200, b"<html>It works!</html>")

    def mode_huge(self, body: Any, call: int) -> None:
        self.say("x" * 3_000_000)

    def mode_long(self, body: Any, call: int) -> None:
        self.say(json.dumps({**ANSWER, "reason": "so " * 20_000}))

    def mode_nan(self, body: Any, call: int) -> None:
        self.say(json.dumps({**ANSWER, "valence": float("nan")}))

    def mode_deep(self, body: Any, call: int) -> None:
        self.say('{"a":' * 3000)

    def mode_refusing(self, body: Any, call: int) -> None:
        message = {"role": "assistant", "content": None, "refusal": "I cannot judge people."}
        self.send(200, {"choices": [{"message": message, "finish_reason": "stop"}]})

    def mode_script(self, body: Any, call: int) -> None:
        evil = "<script>alert(1)</script>\u202e\nWEBVTT --> \x07 hidden\U000e0041" + "!" * 900
        self.say(json.dumps({**ANSWER, "reason": evil, "words": ["<img src=x>", "third time"]}))

    def mode_tokens(self, body: Any, call: int) -> None:
        choice = {
            "message": {"content": [{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}]},
            "finish_reason": "stop",
            "logprobs": {"content": [{"token": "ye", "logprob": -0.5}, {"token": "s", "logprob": -0.25}]},
        }
        self.send(
            200, {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "x": None}}
        )

    def say(self, text: str, finish_reason: str = "stop") -> None:
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
        self.send(200, {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 20}})

    def send(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        self.send_raw(status, json.dumps(data).encode(), headers)

    def send_raw(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
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
