"""Evaluations and benchmarks as Markdown tables, which are also what the command line prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Found = Mapping[str, Any]
_SCORES = {"uar": "UAR", "wa": "WA", "macro_f1": "macro F1", "weighted_f1": "weighted F1"}


def evaluation(found: Found) -> str:
    """Everything that `judge` found but the curves."""
    parts = [f"# {found['name'] or 'Evaluation'}", *_heading(found), *_scores(found), *_confusion(found)]
    parts += [*_calibration(found), *_votes(found), *_dimensions(found), *_against(found)]
    for column, rows in found["groups"].items():
        parts += [f"## By {column}", _groups(column, rows)]
    return "\n\n".join(parts) + "\n"


def summary(found: Found) -> str:
    """What the command line prints of an evaluation: scores, recalls, calibration and groups."""
    parts = [*_heading(found), *_scores(found), _labels(found), *_calibration(found), *_votes(found)]
    parts += [
        *_dimensions(found),
        *_against(found),
        *(_groups(column, rows) for column, rows in found["groups"].items()),
    ]
    return "\n\n".join(part for part in parts if not part.startswith("## ")) + "\n"


def benchmark(found: Found) -> str:
    """A heading, the statement of its card and a table for each table of a benchmark."""
    parts = [f"# {found['title']}"]
    if found["overview"]:
        parts.append(overview(found))
    for table in found["tables"]:
        parts += [f"## {table['title']}", *benchmark_table(table)]
    if found.get("command"):
        parts.append(f"Command: `{found['command']}`")
    return "\n\n".join(parts) + "\n"


def overview(found: Found) -> str:
    """Every row of ours on one line, with the number of labels and the chance to read its score against."""
    return grid(
        ("protocol", "model", "score", "95 %", "labels", "chance", ""),
        [
            (
                table["title"],
                row["name"],
                _percent(row["uar"]["value"]),
                _ends(row["uar"]),
                str(len(table["labels"])),
                _percent(table["chance"]),
                row["note"],
            )
            for table in found["tables"]
            for row in table["rows"]
            if row["kind"] == "ours"
        ],
    )


def benchmark_table(table: Found) -> list[str]:
    """One table of a benchmark: the statement, its conditions, the rows and the tests."""
    independent = table["card"]["speaker_independent"]
    statement = table["card"]["statement"]
    sentences = " ".join(table["card"]["sentences"])
    parts = [
        statement if independent else f"**{statement}**",
        f"{table['clips']} clips, {len(table['labels'])} labels, chance {_percent(table['chance'])}. "
        f"{table['protocol']} {sentences}",
        grid(
            ("model", table["score_name"], "95 %", "WA", "macro F1", "fit s", "RTF", "source"),
            [
                (
                    row["name"],
                    _percent(row["uar"]["value"]),
                    _ends(row["uar"]),
                    _percent(row["wa"]),
                    _percent(row["macro_f1"]),
                    "" if row["fit_s"] is None else f"{row['fit_s']:.1f}",
                    "" if row["rtf"] is None else f"{row['rtf']:.4f}",
                    row["kind"] + (f": {row['note']}" if row["note"] else ""),
                )
                for row in table["rows"]
            ],
        ),
    ]
    if table["comparisons"]:
        parts.append(
            grid(
                ("difference", "UAR, pooled", "95 %", "p (Holm)", "McNemar", ""),
                [
                    (
                        f"{c['one']} – {c['other']}",
                        f"{100 * c['difference']['value']:+.1f}",
                        _ends(c["difference"]),
                        f"{c['p']:.4f}",
                        f"{c['mcnemar']:.4f}",
                        "significant" if c["significant"] else "",
                    )
                    for c in table["comparisons"]
                ],
            )
        )
    return parts


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns are also straight as plain text; first and last are left-aligned."""
    cells = [tuple(cell.replace("|", "\\|") for cell in row) for row in (head, *rows)]
    widths = [max(3, *(len(row[k]) for row in cells)) for k in range(len(head))]
    ends = (0, len(head) - 1)
    lines = [
        "| "
        + " | ".join(c.ljust(w) if k in ends else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths)))
        + " |"
        for row in cells
    ]
    rule = (
        "|"
        + "|".join("-" * (w + 2) if k in ends else "-" * (w + 1) + ":" for k, w in enumerate(widths))
        + "|"
    )
    return "\n".join([lines[0], rule, *lines[1:]])


def _heading(found: Found) -> list[str]:
    parts = []
    if found["card"]:
        statement = found["card"]["statement"]
        parts.append(statement if found["card"]["speaker_independent"] else f"**{statement}**")
    plural = "" if found["speakers"] == 1 else "s"
    parts.append(
        f"{found['clips']} clips, {found['speakers']} speaker{plural}, {len(found['gold_labels'])} gold "
        f"labels, chance {_percent(found['chance'])}. Scores in percent, 95 % intervals over speakers."
    )
    notes = [*found["notes"], *(found["card"] or {}).get("sentences", ())]
    return parts + (["\n".join(f"* {note}" for note in notes)] if notes else [])


def _scores(found: Found) -> list[str]:
    rows = [("all labels may be answered", found["scores"]["all"])]
    if "within" in found["scores"]:
        rows.append(("within the labels of the corpus", found["scores"]["within"]))
    table = grid(
        ("", *_SCORES.values()),
        [
            (name, *(f"{_percent(scores[s]['value'])} {_ends(scores[s])}".strip() for s in _SCORES))
            for name, scores in rows
        ],
    )
    lacking = [
        f"{corpus or 'The corpus'} has no {', '.join(labels)}." for corpus, labels in found["lacking"].items()
    ]
    return ["## Scores", table, *([" ".join(lacking)] if lacking else [])]


def _labels(found: Found) -> str:
    return grid(
        ("label", "clips", "answered", "recall", "precision", "F1"),
        [
            (
                r["label"],
                str(r["clips"]),
                str(r["answered"]),
                *map(_percent, (r["recall"], r["precision"], r["f1"])),
            )
            for r in found["per_label"]
        ],
    )


def _confusion(found: Found) -> list[str]:
    table = grid(
        ("gold \\ answered", *found["labels"]),
        [
            (label, *map(str, row))
            for label, row in zip(found["labels"], found["confusion"], strict=True)
            if sum(row)
        ],
    )
    return ["## Labels", _labels(found), "## Confusions", table]


def _calibration(found: Found) -> list[str]:
    if "calibration" not in found:
        return []
    c, s, sets = found["calibration"], found["selective"], found["sets"]
    rows = [
        ("ECE", _percent(c["ece"])),
        ("adaptive ECE", _percent(c["adaptive_ece"])),
        ("classwise ECE", _percent(c["classwise_ece"])),
        ("Brier", f"{c['brier']:.3f}"),
        ("log loss", f"{c['log_loss']:.3f}"),
        ("AURC", f"{s['aurc']:.3f}"),
        ("risk at half coverage", _percent(s["risk_at_half"])),
    ]
    if sets:
        promised = f" ({_percent(sets['promised'])} promised)" if sets["promised"] else ""
        rows += [(f"coverage of label sets{promised}", _percent(sets["coverage"]))]
        rows += [("labels in a set", f"{sets['size']:.2f}")]
    return ["## Confidence", grid(("measure", "value"), rows)]


def _votes(found: Found) -> list[str]:
    votes = found.get("votes")
    if not votes:
        return []
    head = ("against the votes", "KL", "JS", "LRAP", "macro F1", "micro F1", "Hamming")
    row = (
        f"{votes['clips']} clips",
        *(f"{votes[name]:.3f}" for name in ("kl", "js", "lrap")),
        *(_percent(votes[name]) for name in ("macro_f1", "micro_f1", "hamming")),
    )
    return ["## Votes", grid(head, [row])]


def _dimensions(found: Found) -> list[str]:
    if not found["dimensions"]:
        return []
    rows = [
        (
            name,
            str(row["clips"]),
            f"{row['ccc']['value']:.3f}",
            "" if row["ccc"]["low"] is None else f"[{row['ccc']['low']:.3f}, {row['ccc']['high']:.3f}]",
            f"{row['pearson']:.3f}",
            f"{row['rmse']:.3f}",
        )
        for name, row in found["dimensions"].items()
    ]
    return ["## Dimensions", grid(("dimension", "clips", "CCC", "95 %", "Pearson", "RMSE"), rows)]


def _against(found: Found) -> list[str]:
    other = found.get("against")
    if not other:
        return []
    rows = [
        (
            _SCORES[name],
            f"{100 * row['value']:+.1f}",
            _ends(row),
            f"{row['p']:.4f}",
            "significant" if row["significant"] else "",
        )
        for name, row in other["scores"].items()
    ]
    return [
        f"## Against {other['name']}",
        grid((f"less {other['name']}", "difference", "95 %", "p (Holm)", ""), rows),
        f"McNemar's test of the clips: p = {other['mcnemar']:.4f}.",
    ]


def _groups(column: str, rows: Sequence[Found]) -> str:
    return grid(
        (column, "clips", "speakers", "UAR", "gap to the rest", ""),
        [
            (
                row["name"],
                str(row["clips"]),
                str(row["speakers"]),
                f"{_percent(row['uar']['value'])} {_ends(row['uar'])}".strip(),
                f"{100 * row['gap']['value']:+.1f} {_ends(row['gap'])}".strip(),
                "significant" if row["significant"] else "",
            )
            for row in rows
        ],
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _ends(interval: Found) -> str:
    if interval["low"] is None:
        return ""
    return f"[{100 * interval['low']:.1f}, {100 * interval['high']:.1f}]"
