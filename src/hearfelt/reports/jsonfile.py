"""JSON: the whole report, and the only format that is read back.

The file is `hearfelt.types.to_dict` of the report with two additions that reading takes off again:
``schema`` at the top and ``label`` (the verdict in one word) at the head of each estimate.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from hearfelt.errors import InputError
from hearfelt.types import Report, from_dict, to_dict

SCHEMA = "hearfelt/report/1"
"""Name and version of the layout of the file."""


def render(report: Report, language: str = "en") -> str:
    """The report as JSON: UTF-8, keys in the order of the types, one line an estimate, word or speaker.

    A number that is not finite becomes null, because JSON has no other way to say it. What is no JSON data
    in ``options`` or ``details`` (a path, say) becomes its text.
    """
    data = {"schema": SCHEMA, **to_dict(report)}
    data["estimates"] = [
        {"label": estimate.label, **item}
        for estimate, item in zip(report.estimates, data["estimates"], strict=True)
    ]
    text = "{\n" + ",\n".join(f"{_dump(key)}: {_lines(value)}" for key, value in data.items()) + "\n}\n"
    # A file name that is no UTF-8 holds lone surrogates; their escape is valid JSON and reads back the same.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _lines(value: Any) -> str:
    """A list of objects with one object a line, anything else on one line."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"  {_dump(item)}" for item in value) + "\n]"
    if isinstance(value, dict) and isinstance(value.get("words"), list):
        inner = ",\n".join(f"  {_dump(key)}: {_lines(item)}" for key, item in value.items())
        return "{\n" + inner + "\n}"
    return _dump(value)


def _dump(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def read(path: Path) -> Report:
    """The report of a JSON file; see `hearfelt.reports.read`."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read the report {str(path)!r}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise InputError(f"{str(path)!r} is no report: it is not UTF-8 text; give a report.json") from None
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InputError(
            f"{str(path)!r} is no report: it is not JSON ({error}); give a report.json"
        ) from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise InputError(
            f"{str(path)!r} has the schema {found!r}, this version reads {SCHEMA!r}; "
            "write the report again with `hearfelt analyze`"
        )
    fields = {key: value for key, value in data.items() if key != "schema"}
    try:
        fields["estimates"] = [
            {key: value for key, value in item.items() if key != "label"}
            for item in fields.get("estimates", [])
        ]
        return from_dict(Report, fields)
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{str(path)!r} is no whole report: {error}; write it again") from error
