"""A finished run as a weights folder: temperature, scores, licence, and a card a person can read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.datasets.corpora import CORPORA
from hearfelt.errors import CorpusError, ModelError, OptionError
from hearfelt.evaluation import answers as answering
from hearfelt.evaluation import judge, metrics, protocols
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.labels import DIMENSIONS_SOURCE
from hearfelt.training import card, licences
from hearfelt.training.files import atomic, write_json
from hearfelt.types import Example

WEIGHTS: Mapping[str, str] = {
    "voice": "model.onnx",
    "network": "network.pt",
    "speech-llm": "network.pt",
    "scratch": "network.pt",
    "classical": "weights.skops",
    "classical-multi": "weights.skops",
}
"""Kind of a final model to the file that holds its weights."""


def of_run(
    out: Path,
    weights: Path,
    *,
    licence: str | None = None,
    commercial: bool = False,
    int8: bool = False,
    name: str | None = None,
) -> dict[str, Any]:
    """Write the weights, ``model.json`` and ``CARD.md`` of a run whose folds and final model are done.

    The temperature of a voice model is fitted on what the folds said of speakers they had not heard; the ECE
    after it is measured with each fold scaled by the temperature of the other folds, which its ``model.json``
    gets too. Other models answer as they are.

    Args:
        out: the run's folder.
        licence: of a user's own recordings; without one, what their table states.
        commercial: the owner of those recordings allows products.
        int8: also write ``model-int8.onnx``, see `hearfelt.training.quantise`.
        name: of the weights; that of the recipe where None.

    Returns:
        What ``model.json`` says.

    Raises:
        ModelError: no run, a final model or a fold is missing, nothing was held out, or the int8 model
            answers differently. Nothing is published then.
        OptionError, LicenceError: a licence that cannot be given.
    """
    stored = _run(out)
    recipe = stored["recipe"]
    kind, final = _final(out)
    if int8 and kind != "voice":
        raise OptionError(
            f"--int8 quantises voice models, and the one of {out} is of kind {kind!r}: leave it out"
        )
    held = _held_out(out, stored)
    content = final.read_bytes()
    scaled, of_folds = _cross_fitted(held) if kind == "voice" else (None, {})
    facts = _facts(stored, _lineage(out, stored), held, scaled, out, licence, commercial)
    facts["name"] = name or recipe["name"]
    try:
        weights.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{weights} cannot be made ({error.strerror}): name another folder") from None
    if int8:
        from hearfelt.training import quantise

        facts["int8"] = quantise.of_run(out, final, facts, weights / quantise.FILE)
    _scale_folds(out, of_folds)
    with atomic(weights / WEIGHTS[kind]) as part:
        part.write_bytes(content)
    write_json(weights / "model.json", facts)
    with atomic(weights / "CARD.md") as part:
        part.write_text(card.page(facts, len(content)), encoding="utf-8")
    return facts


def _run(out: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((out / "run.json").read_text(encoding="utf-8"))
        found["recipe"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(
            f"{out} holds no run: name the folder that hearfelt train wrote, with run.json in it"
        ) from None
    return found


def _final(out: Path) -> tuple[str, Path]:
    """Kind of the final model and the file of its weights."""
    try:
        kind = json.loads((out / "final" / "model.json").read_text(encoding="utf-8"))["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        kind = "voice"
    if kind not in WEIGHTS:
        raise ModelError(f"the final model of {out} is of kind {kind!r}: published are {', '.join(WEIGHTS)}")
    final = out / "final" / WEIGHTS[kind]
    if not final.is_file() or not (out / "final" / "model.json").is_file():
        raise ModelError(f"{out} holds no final model: run the recipe with --stage final first")
    return kind, final


def _held_out(out: Path, stored: Mapping[str, Any]) -> HeldOut:
    """What the folds said; refused where one is missing."""
    protocol = stored["recipe"]["protocol"]
    if protocol["kind"] == "none":
        raise ModelError(
            f"{out} held nothing out, so nobody knows how good its model is: run it with a protocol such as "
            "protocol.kind=speaker_folds, then publish"
        )
    done = sorted(out.glob("fold*/heldout.npz"))
    wanted = max(_wanted(protocol, stored), len([p for p in out.glob("fold*") if p.is_dir()]))
    if len(done) < wanted or not done:
        raise ModelError(
            f"{out} has {len(done)} of {wanted or 'its'} folds: run the recipe with --stage folds first"
        )
    try:
        return protocols.join([protocols.load(path) for path in done])
    except CorpusError as error:
        raise ModelError(str(error)) from None


def _wanted(protocol: Mapping[str, Any], stored: Mapping[str, Any]) -> int:
    """How many folds there must be; 0 where the run does not say."""
    if protocol["kind"] in ("speaker_folds", "clip_folds"):
        return int(protocol["folds"])
    if protocol["kind"] == "official":
        return 1
    corpora = stored.get("data", {}).get("corpora", {})
    corpus = protocol["corpus"] or next(iter(corpora), "")
    return int(corpora.get(corpus, {}).get("speakers", 0)) if protocol["kind"] == "loso" else 0


def _lineage(out: Path, stored: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The run and those that it began from: their corpora are in the weights too.

    Raises:
        ModelError: a run that it began from is not beside it.
    """
    found, start = [stored], stored["recipe"].get("start", "")
    heard = Path(stored["recipe"].get("sound", {}).get("source", "") or out)
    if heard != out and (heard / "run.json").is_file():
        found += _lineage(heard, _run(heard))
    while start:
        folder = out.parent / start
        if not (folder / "run.json").is_file():
            raise ModelError(
                f"{out} began from the run {start}, which is not at {folder}: put it there, as its corpora "
                "decide the licence"
            )
        found.append(_run(folder))
        start = found[-1]["recipe"].get("start", "")
    return found


def _corpora(runs: Sequence[Mapping[str, Any]], final: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every corpus in the weights to what the runs say of it."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        facts = run.get("data", {}).get("corpora", {})
        names = facts or run["recipe"]["data"]["corpora"]
        for name in names:
            found.setdefault(name, dict(facts.get(name, {})) if facts else {})
    for name in () if found else final.get("corpora", ()):
        found[name] = {}
    for name, facts in found.items():
        if name in CORPORA and not facts.get("languages") and CORPORA[name].language:
            facts["languages"] = [CORPORA[name].language]
    return found


def _facts(
    stored: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    held: HeldOut,
    scaled: npt.NDArray[np.float64] | None,
    out: Path,
    given: str | None,
    commercial: bool,
) -> dict[str, Any]:
    final = json.loads((out / "final" / "model.json").read_text(encoding="utf-8"))
    corpora = _corpora(runs, final)
    stated = {name: facts.get("licences", ()) for name, facts in corpora.items()}
    of_each = licences.of_corpora(list(corpora), stated, given)
    groups, asks = protocols.by_group(held), _asks(final, stored["recipe"])
    facts: dict[str, Any] = {key: stored.get(key, "unknown") for key in ("created", "commit")} | final
    if scaled is not None:
        facts["temperature"] = round(protocols.fit_temperature(held), 4)
    facts |= {
        "reliability": groups["mean_over_corpora"]["uar"],
        "corpora": list(corpora),
        "licence": licences.strictest(of_each),
        "commercial": licences.allows_products(of_each, own_may=commercial) and not asks,
        "asks_for": asks,
        "licences_of_corpora": of_each,
        "data": corpora,
        "dimensions": final.get(
            "dimensions",
            f"derived from the class probabilities by published coordinates ({DIMENSIONS_SOURCE})",
        ),
        "protocol": _protocol(stored["recipe"], held),
        "test_speakers": _speakers(stored["recipe"]["protocol"]["kind"], held),
        "recipe": stored["recipe"],
        "utterances_s": [round(float(s), 1) for s in np.quantile(held.duration_s, (0.05, 0.95))],
        "scores": groups,
        "groups": _groups(held, corpora),
        "calibration": _calibration(held, scaled),
        "confusion": {
            "rows_gold_columns_predicted": held.labels.tolist(),
            "counts": metrics.confusion(held.gold, held.predicted, held.labels).tolist(),
        },
    }
    return facts


def _asks(final: Mapping[str, Any], recipe: Mapping[str, Any]) -> list[str]:
    """What is not in the weights, is needed to use them, and has a licence of its own."""
    network = recipe.get("network", {})
    names = str(final.get("features", {}).get("name", "")).split("+")
    found = ["openSMILE, which products may not use"] if any("opensmile" in name for name in names) else []
    sources = [name.removeprefix("encoder:") for name in names if name.startswith("encoder:")]
    if network.get("kind") == "encoder":
        sources.append(str(network.get("options", {}).get("source")))
    sound, language = recipe.get("sound", {}), recipe.get("lm", {})
    if sound.get("kind") == "encoder":
        sources.append(str(sound.get("options", {}).get("source")))
    if language.get("source"):
        found.append(f"the language model {language['source']}, whose licence is not looked up here")
    return found + [f"the speech encoder {source}, whose licence is not looked up here" for source in sources]


def _protocol(recipe: Mapping[str, Any], held: HeldOut) -> str:
    """How the scores came about, in a sentence."""
    protocol, loop, count = recipe["protocol"], recipe.get("loop"), len(np.unique(held.fold))
    dealt = {
        "speaker_folds": f"{count} folds, every speaker held out once, dealt by corpus and gender with seed "
        f"{protocol['seed']}",
        "clip_folds": f"{count} folds of clips dealt with seed {protocol['seed']}",
        "loso": f"one speaker held out at a time, {count} folds",
        "emobox": f"the {count} folds of EmoBox's files",
        "official": "the parts train and test that the table names",
    }.get(protocol["kind"], protocol["kind"])
    stopped = "nothing tuned on held-out speakers"
    more = recipe.get("finish", {}).get("epochs", 0)
    if loop is not None:
        stopped = (
            f"stopped by {100 * loop['validation']:.0f} % of the training speakers, set apart"
            if loop.get("patience")
            else f"fixed {loop['epochs']} epochs{f' and {more} of a second course' if more else ''}, nothing "
            "stopped on held-out speakers"
        )
    began = f"; learning began from the run {recipe['start']}" if recipe.get("start") else ""
    return f"{dealt}; {stopped}{began}; intervals: 95 %, speakers drawn again 1000 times"


def _speakers(kind: str, held: HeldOut) -> str:
    """Whether a speaker was both learnt from and judged: ``held out``, ``shared``, or ``unknown``."""
    folds_of: dict[str, set[int]] = {}
    for speaker, name, fold in zip(held.speakers.tolist(), held.speaker.tolist(), held.fold.tolist()):
        if name:
            folds_of.setdefault(speaker, set()).add(fold)
    if kind == "clip_folds" or any(len(folds) > 1 for folds in folds_of.values()):
        return "shared"
    return "held out" if kind in ("speaker_folds", "loso", "emobox") and folds_of else "unknown"


def _groups(held: HeldOut, corpora: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """UAR by gender, language and corpus, and the gap of each group to all other clips."""
    languages = {
        name: facts["languages"][0] for name, facts in corpora.items() if len(facts.get("languages", ())) == 1
    }
    rows = zip(
        *(column.tolist() for column in (held.file, held.gold, held.corpus, held.speaker, held.gender))
    )
    examples = [
        Example(file, gold, corpus=corpus, speaker=speaker, gender=gender, language=languages.get(corpus, ""))
        for file, gold, corpus, speaker, gender in rows
    ]
    said = answering.answered(examples, held.labels.tolist(), held.probabilities(), fold=held.fold)
    options = judge.JudgeOptions(groups=("gender", "language", "corpus"))
    return judge.groups(said, options)


def _cross_fitted(held: HeldOut) -> tuple[npt.NDArray[np.float64], dict[int, float]]:
    """As `protocols.cross_fitted`; of a single fold the probabilities as they are."""
    if len(np.unique(held.fold)) < 2:
        return held.probabilities(), {}
    return protocols.cross_fitted(held)


def _calibration(held: HeldOut, scaled: npt.NDArray[np.float64] | None) -> dict[str, Any]:
    """Calibration over all clips and by corpus: as answered, and after the temperature of other folds."""
    found: dict[str, Any] = {}
    tables = {"before": held.probabilities()} | ({} if scaled is None else {"after": scaled})
    parts = {"all": held.corpus == held.corpus} | {str(c): held.corpus == c for c in sorted(set(held.corpus))}
    for name, chosen in parts.items():
        found[name] = {
            f"{score}_{when}": round(measure(table[chosen], held.targets[chosen]), 4)
            for score, measure in (("ece", metrics.ece), ("brier", metrics.brier))
            for when, table in tables.items()
        }
    return found


def _scale_folds(out: Path, temperatures: Mapping[int, float]) -> None:
    """Write into each fold's ``model.json`` the temperature that the other folds gave."""
    for fold, temperature in temperatures.items():
        path = out / f"fold{fold}" / "model.json"
        if path.is_file():
            write_json(path, json.loads(path.read_text(encoding="utf-8")) | {"temperature": temperature})
