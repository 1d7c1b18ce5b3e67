"""``hearfelt analyze`` with roles, wordings and examples, against a real server process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearfelt.cli import app
from tests.language.conftest import ChatServer


def test_a_call_is_read_in_roles_in_three_wordings_and_with_examples(
    chat_server: ChatServer,
    example_call: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / "cache"))
    shots = tmp_path / "shots.jsonl"
    secret = "the very secret sentence of my corpus"
    rows = [{"text": secret, "label": "angry"}, {"text": "Alright then.", "label": "neutral"}]
    shots.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    url = chat_server.url("good")
    code = app.run(
        [
            *("analyze", str(example_call), "--transcript", str(example_call.with_suffix(".srt"))),
            *("--speakers", "agent=support,customer=caller", "--transcriber", "none", "--format", "json"),
            *("--llm", "tiny", "--llm-url", url, "--prompts", "3"),
            *("--examples", str(shots), "--shots", "1", "--balanced-shots"),
        ]
    )
    report = json.loads(capsys.readouterr().out)
    assert code == 0
    asked = [request["body"]["messages"] for request in chat_server.asked(url)]
    assert len(asked) == 3 * report["asked"]["asked"] == report["asked"]["requests"]
    assert len({messages[0]["content"] for messages in asked}) == 3
    for messages in asked:
        (line,) = [line for line in messages[1]["content"].splitlines() if line.startswith("{")]
        told = json.loads(line)
        roles = {"agent": "support", "customer": "caller"}
        assert told["utterance"]["role"] == roles[told["utterance"]["speaker"]]
        assert len(told["labelled_examples"]) == 1
        assert 0 < told["voice_model"]["confidence"] <= 1
    judged = [e for one in report["estimates"] for e in one["evidence"] if e["source"] == "llm/tiny"]
    assert judged and all(e["details"]["spread"]["distance"] == 0 for e in judged)
    assert all(len(e["details"]["prompts"]) == 3 and e["details"]["examples"] == 1 for e in judged)
    assert any("was asked in 3 wordings" in warning for warning in report["warnings"])
    (component,) = [c for c in report["components"] if c["kind"] == "examples"]
    assert component["name"] == "shots.jsonl"
    assert secret in str(asked), "it was shown"
    assert secret not in json.dumps(report)
    kept = [path.read_text(encoding="utf-8") for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept and not any(secret in text for text in kept), "texts are not kept"
