"""``hearfelt models``: what is shipped, its card, its licence; and a run as a weights folder of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hearfelt.errors import ModelError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Models(TyperGroup):
    """``hearfelt models`` lists, ``hearfelt models NAME`` shows, other words are commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in front that such a line means."""
        if not args:
            args = ["list"]
        elif args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["show", *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    cls=_Models,
    help="List the shipped models, show the card of one (hearfelt models NAME), publish a run.",
    rich_markup_mode=None,
)


@app.command("list")
def listed() -> int:
    """List the shipped models, what they weigh and their licences."""
    from hearfelt.pipeline import weights

    for known, folder in weights.shipped().items():
        card = weights.card(folder)
        size = sum(p.stat().st_size for p in folder.iterdir()) / 1e6
        kind = str(card.get("kind"))
        print(f"{known:<10} {kind:<8} {size:5.1f} MB  {card.get('licence')} ({_use(card)})")
    return 0


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="A shipped model, or a weights folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print model.json as it is.")] = False,
) -> int:
    """Show the card of a model; list all where none is named."""
    from hearfelt.pipeline import weights

    if name is None:
        return listed()
    shipped = weights.shipped()
    folder = shipped.get(name, Path(name))
    if name not in shipped and not folder.is_dir():
        raise unknown_name("model", name, [*shipped, "or a weights folder"])
    if as_json:
        print(json.dumps(weights.card(folder), indent=2, ensure_ascii=False))
        return 0
    page = folder / "CARD.md"
    if not page.is_file():
        weights.card(folder)  # says where there is no model at all
        raise ModelError(
            f"{folder} has no CARD.md: hearfelt models show {folder} --json shows its model.json"
        )
    print(page.read_text(encoding="utf-8"))
    return 0


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="Run folder of hearfelt train, folds and final model done.")],
    out: Annotated[Path, typer.Option(help="Weights folder to write.")],
    licence: Annotated[
        str | None, typer.Option(help="Licence of your own recordings; those of known corpora are known.")
    ] = None,
    commercial: Annotated[
        bool, typer.Option("--commercial", help="You own the recordings and allow products.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write model-int8.onnx, checked against float32.")
    ] = False,
) -> int:
    """Make a weights folder of a finished run: weights, model.json, CARD.md."""
    from hearfelt.training import publish as publishing

    facts = publishing.of_run(run, out, licence=licence, commercial=commercial, int8=int8)
    low, high = facts["scores"]["all"]["uar_ci95"]
    print(
        f"{out}: {facts['name']}, UAR {100 * facts['scores']['all']['uar']:.1f} % "
        f"({100 * low:.1f} to {100 * high:.1f}), {facts['licence']} ({_use(facts)})"
    )
    if "int8" in facts:
        found = facts["int8"]
        print(
            f"{out / found['file']}: {found['mb']} MB, the same label on {100 * found['agreement']:.1f} % of "
            f"{found['clips']} {found['sounds']}, probabilities within {found['largest_difference']:.3f}"
        )
    use = f"hearfelt analyze RECORDING --voice {out}" + (" --voice-precision int8" if "int8" in facts else "")
    if facts["kind"] != "voice":
        use = f"hearfelt evaluate --model weights:{out} --data TABLE"
    print(f"its card: hearfelt models show {out}; use it: {use}")
    return 0


def _use(card: Mapping[str, Any]) -> str:
    return "products allowed" if card.get("commercial") else "not for products"
