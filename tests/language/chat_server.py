"""A chat server that behaves in every way one may meet. Run as a program: it prints its port and serves.

The first part of the path names how it behaves, the second a fresh counter: ``/good/a/v1/chat/completions``.
``GET /asked/NAME`` gives the requests that a counter has seen.
"""

from __future__ import annotations

import json
import math
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
FREE_DATA = ('"text": "N/A"', '"text": "[MASK]"', '"text": ""')
"""What marks a question about nothing."""
seen: dict[str, list[dict[str, Any]]] = defaultdict(list)


def top(shares: dict[str, float]) -> dict[str, Any]:
    """One token as a server gives it, with what it might have been."""
    tokens = [{"token": token, "logprob": math.log(share)} for token, share in shares.items()]
    return {**max(tokens, key=lambda token: token["logprob"]), "top_logprobs": tokens}


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

    def mode_labels(self, body: Any, call: int) -> None:
        """Says the first of the asked labels that the words name, else the last."""
        (line,) = [row for row in body["messages"][1]["content"].splitlines() if row.startswith("{")]
        said = json.loads(line)["utterance"]["text"]
        schema = body["response_format"]["json_schema"]["schema"]
        labels = schema["properties"]["probabilities"]["required"]
        chosen = next((label for label in labels if label in said), labels[-1])
        self.say(json.dumps({**ANSWER, "probabilities": {chosen: 1.0}, "words": [], "cues": []}))

    def mode_labelsdie(self, body: Any, call: int) -> None:
        """The same, and from the third question on there is no answer."""
        if call < 3:
            self.mode_labels(body, call)
        else:
            self.send(500, {"error": "out of memory"})

    def mode_labelsslow(self, body: Any, call: int) -> None:
        """The same, and from the third question on it takes long."""
        if call >= 3:
            time.sleep(20)
        self.mode_labels(body, call)

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

    def mode_pinned(self, body: Any, call: int) -> None:
        self.send(400, {"detail": f"Server is pinned to 'x'; requested '{body['model']}'."})

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

    def mode_stream(self, body: Any, call: int) -> None:
        self.stream([*self.pieces(), self.usage(), "[DONE]"])

    def mode_streamends(self, body: Any, call: int) -> None:
        self.stream(self.pieces())  # no usage and no [DONE], but a reason to stop

    def mode_streamdies(self, body: Any, call: int) -> None:
        self.stream(self.pieces()[:3], end=False)
        self.connection.shutdown(socket.SHUT_RDWR)

    def mode_streamstops(self, body: Any, call: int) -> None:
        self.stream(self.pieces()[:3])

    def mode_streamonce(self, body: Any, call: int) -> None:
        if call == 1:
            self.mode_streamdies(body, call)
        else:
            self.mode_stream(body, call)

    def mode_streamfails(self, body: Any, call: int) -> None:
        self.stream([*self.pieces()[:3], json.dumps({"error": {"message": "out of memory"}})])

    def mode_streamjunk(self, body: Any, call: int) -> None:
        self.stream(["{", "[DONE]"])

    def mode_streamempty(self, body: Any, call: int) -> None:
        self.stream([self.usage(), "[DONE]"])

    def mode_streamslow(self, body: Any, call: int) -> None:
        self.stream([*self.pieces() * 50, "[DONE]"], pause_s=0.1)

    def mode_nostream(self, body: Any, call: int) -> None:
        for part in ("stream_options", "stream"):
            if part in body:
                self.send(400, {"error": {"message": f"{part} is not supported"}})
                return
        self.say(json.dumps(ANSWER))

    def mode_letters(self, body: Any, call: int) -> None:
        free = any(nothing in body["messages"][1]["content"] for nothing in FREE_DATA)
        shares = (
            {" B": 0.5, "A": 0.25, "C": 0.0625} if free else {"A": 0.375, " A": 0.125, "B": 0.25, "x": 0.125}
        )
        self.say("A", logprobs=[top(shares)])

    def mode_fewletters(self, body: Any, call: int) -> None:
        if body.get("top_logprobs", 0) > 5:
            self.send(400, {"error": {"message": "top_logprobs must be at most 5"}})
        else:
            self.mode_letters(body, call)

    def mode_noletters(self, body: Any, call: int) -> None:
        self.say("The", logprobs=[top({"The": 0.9, "I": 0.1})])

    def mode_nologprobs(self, body: Any, call: int) -> None:
        if "logprobs" in body:
            self.send(400, {"error": {"message": "unknown field logprobs"}})
        else:
            self.say(json.dumps(ANSWER))

    def mode_context(self, body: Any, call: int) -> None:
        size = sum(len(message["content"]) for message in body["messages"])
        if size > 4096:
            said = (
                f"This model's maximum context length is 1024 tokens. You requested {size} (800 max_tokens)."
            )
            self.send(400, {"error": {"message": said, "code": "context_length_exceeded"}})
        else:
            self.say(json.dumps(ANSWER))

    def mode_nocontext(self, body: Any, call: int) -> None:
        said = "the request exceeds the available context size, try increasing it"
        self.send(400, {"error": {"message": said, "type": "exceed_context_size_error", "n_ctx": 64}})

    def mode_streamcontext(self, body: Any, call: int) -> None:
        self.stream([json.dumps({"error": {"message": "maximum context length is 99 tokens"}})])

    def mode_injected(self, body: Any, call: int) -> None:
        """A model that does what the recording says: all it can do is to be wrong within the schema."""
        obeyed = {**ANSWER, "probabilities": {**dict.fromkeys(ANSWER["probabilities"], 0), "happiness": 1}}
        self.say(json.dumps({**obeyed, "words": ["system prompt"], "system": "rm -rf", "reliability": 1}))

    def mode_explained(self, body: Any, call: int) -> None:
        numbers = {key: ANSWER[key] for key in ("probabilities", "arousal", "valence")}
        self.say(json.dumps({"explanation": "The words are calm.\nThe voice is <b>not</b>.", **numbers}))

    def pieces(self) -> list[str]:
        """The answer as events of a few characters each."""
        text = json.dumps(ANSWER)
        parts = [text[at : at + 20] for at in range(0, len(text), 20)]
        events = [{"delta": {"content": part}, "finish_reason": None} for part in parts]
        events = [{"delta": {"role": "assistant"}}, *events, {"delta": {}, "finish_reason": "stop"}]
        return [json.dumps({"choices": [event]}) for event in events]

    def usage(self) -> str:
        return json.dumps({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20}})

    def stream(self, events: list[str], end: bool = True, pause_s: float = 0) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data = b": keep-alive\n\n" + b"".join(f"data: {event}\r\n\r\n".encode() for event in events)
        for at in range(0, len(data), 37):  # events are cut anywhere
            piece = data[at : at + 37]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
            time.sleep(pause_s)
        if end:
            self.wfile.write(b"0\r\n\r\n")

    def say(self, text: str, finish_reason: str = "stop", logprobs: Any = None) -> None:
        choice: dict[str, Any] = {
            "message": {"role": "assistant", "content": text},
            "finish_reason": finish_reason,
        }
        if logprobs is not None:
            choice["logprobs"] = {"content": logprobs}
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
