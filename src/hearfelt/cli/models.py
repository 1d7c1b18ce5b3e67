"""``hearfelt models``: what is shipped, its card, its licence."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hearfelt.errors import unknown_name


def models(
    name: Annotated[str | None, typer.Argument(help="Show the card of this model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print model.json as it is.")] = False,
) -> int:
    """List the shipped models, or show the card of one."""
    from hearfelt.pipeline import weights

    shipped = weights.shipped()
    if name is None:
        for known, folder in shipped.items():
            card = weights.card(folder)
            size = sum(p.stat().st_size for p in folder.iterdir()) / 1e6
            use = "products allowed" if card.get("commercial") else "not for products"
            kind = str(card.get("kind"))
            print(f"{known:<10} {kind:<8} {size:5.1f} MB  {card.get('licence')} ({use})")
        return 0
    if name not in shipped:
        raise unknown_name("model", name, shipped)
    if as_json:
        print(json.dumps(weights.card(shipped[name]), indent=2, ensure_ascii=False))
    else:
        print((shipped[name] / "CARD.md").read_text(encoding="utf-8"))
    return 0
