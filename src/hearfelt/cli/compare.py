"""``hearfelt compare``: two runs over the same recording, side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def compare(
    first: Annotated[Path, typer.Argument(help="A report.json.")],
    second: Annotated[Path, typer.Argument(help="The report.json of another run over the same recording.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> int:
    """Tell which verdicts two runs differ in, and whether the language model answered the same.

    Exits with 0 where the two are the same, with 1 where they differ.
    """
    from hearfelt import reports
    from hearfelt.cli.lines import clock
    from hearfelt.reports.difference import difference
    from hearfelt.types import to_dict

    found = difference(reports.read(first), reports.read(second))
    if as_json:
        print(json.dumps(to_dict(found), ensure_ascii=False))
        return 0 if found.none else 1
    for one in found.changed:
        who = f"  {one.speaker}" if one.speaker else ""
        print(
            f"{clock(one.start_s)}{who}  {one.first} {one.first_confidence:.2f} → "
            f"{one.second} {one.second_confidence:.2f}"
        )
    print(
        f"{found.matched} utterances in both, {found.only_first} in the first alone, "
        f"{found.only_second} in the second alone"
    )
    print(
        f"{len(found.changed)} other verdicts, {found.moved} the same with other probabilities "
        f"(at most {found.most:.3f} apart)"
    )
    if found.answers_same + found.answers_other + found.answers_first + found.answers_second:
        print(
            f"answers of the language model: {found.answers_same} the same, {found.answers_other} others, "
            f"{found.answers_first} in the first alone, {found.answers_second} in the second alone"
        )
    return 0 if found.none else 1
