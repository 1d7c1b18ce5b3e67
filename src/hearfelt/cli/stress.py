"""``hearfelt benchmark stress``: does a model hold when the sound changes and the emotion does not?"""

from __future__ import annotations

import json as jsons
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli.options import Drop, Folder, OwnLabels, Renames
from hearfelt.errors import OptionError

if TYPE_CHECKING:
    from hearfelt.evaluation.stress import Stress
    from hearfelt.models.onnx import VoiceModel


def stress(
    data: Annotated[str, typer.Option(help="Clips to change: tables, known corpora.")],
    model: Annotated[str, typer.Option(help="What is tested: a shipped model or a weights folder.")] = "base",
    recipe: Annotated[
        Path | None, typer.Option(help="TOML with a [[change]] table a test. [default: the built-in tests]")
    ] = None,
    clips: Annotated[
        int, typer.Option(help="Clips asked about, drawn evenly over labels and speakers.", min=1)
    ] = 200,
    folder: Folder = None,
    mapping: Renames = None,
    drop: Drop = None,
    own_labels: OwnLabels = False,
    seed: Annotated[int, typer.Option(help="Another seed draws other clips, noises and rooms.", min=0)] = 0,
    json: Annotated[Path | None, typer.Option(help="Write every figure to this .json file.")] = None,
    md: Annotated[Path | None, typer.Option(help="Write the tables to this .md file.")] = None,
) -> int:
    """Ask again after noise, rooms, codecs and changes that nobody hears: UAR lost, answers changed."""
    from hearfelt.cli import sources
    from hearfelt.datasets.files import write_text
    from hearfelt.evaluation import stress as tests
    from hearfelt.models.onnx import VoiceModel
    from hearfelt.pipeline import weights

    for path, ending in ((json, ".json"), (md, ".md")):
        if path is not None and (path.suffix.lower() != ending or path.is_dir()):
            raise OptionError(f"--{ending[1:]} {path} must be a file that ends in {ending}")
    asked = VoiceModel.load(weights.find(model, "voice"))
    changes = None if recipe is None else _own(recipe)
    examples = sources.renamed(sources.read(data, folder, own_labels=own_labels), mapping or (), drop)
    chosen = tests.spread([e for e in examples if e.gold is not None], clips, seed)
    for warning in _warnings(asked, {e.corpus for e in chosen}, {str(e.gold) for e in chosen}):
        print(f"hearfelt: {warning}", file=sys.stderr)
    rows = tests.run(
        lambda sounds: [evidence.emotion.label for evidence in asked.predict(sounds)],
        chosen,
        changes,
        seed,
        sample_rate_hz=int(asked.card["sample_rate_hz"]),
        report=lambda line: print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True),
    )
    text = tests.table(rows)
    print(text, end="")
    if md is not None:
        write_text(md, text)
    if json is not None:
        found = {"model": asked.name, "data": data, "seed": seed, "rows": tests.as_dict(rows)}
        write_text(json, jsons.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


def _own(recipe: Path) -> list[Stress]:
    """A test for each change of a recipe; one that happens to a share of the sounds is always made here."""
    from hearfelt.datasets.augment import changes
    from hearfelt.datasets.augment.base import Sometimes
    from hearfelt.evaluation.stress import Stress

    found = [c.do if isinstance(c, Sometimes) else c for c in changes.read(recipe).changes]
    names = [str(changes.to_table(change)[0]["kind"]) for change in found]
    return [
        Stress(name if names.count(name) == 1 else f"{name} ({number})", "robustness", change)
        for number, (name, change) in enumerate(zip(names, found, strict=True), start=1)
    ]


def _warnings(model: VoiceModel, corpora: set[str], labels: set[str]) -> list[str]:
    """What makes the figures say less than they seem to."""
    found = []
    learnt = corpora & set(model.card.get("corpora", ()))
    if learnt:
        found.append(
            f"{model.name} has learnt from {', '.join(sorted(learnt))}: "
            "its UAR there is no test result; the changes still compare"
        )
    unknown = labels - set(model.labels)
    if unknown:
        found.append(f"the model never answers {', '.join(sorted(unknown))}: map or drop these labels")
    return found
