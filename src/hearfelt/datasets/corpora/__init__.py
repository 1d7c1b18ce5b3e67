"""Known corpora: one short parser a file, each ``read(folder) -> list[Example]``."""

from __future__ import annotations

import importlib
from pathlib import Path

from hearfelt.errors import CorpusError, unknown_name
from hearfelt.types import Example

CORPORA = {
    "emodb": "hearfelt.datasets.corpora.emodb",
    "ravdess": "hearfelt.datasets.corpora.ravdess",
    "nemo": "hearfelt.datasets.corpora.nemo",
    "savee": "hearfelt.datasets.corpora.savee",
}
"""Name of a corpus to the module that reads it."""


def read(name: str, data: Path) -> list[Example]:
    """Examples of the corpus in the folder ``audio/<name>`` of ``data``.

    Raises:
        OptionError: a name that is not in `CORPORA`.
        CorpusError: the folder or a file of it is missing or broken.
    """
    if name not in CORPORA:
        raise unknown_name("corpus", name, CORPORA)
    folder = data / "audio" / name
    if not folder.is_dir():
        raise CorpusError(
            f"the corpus {name} is not at {folder}: set HEARFELT_DATA, or give --data, "
            "the folder that holds audio/"
        )
    examples: list[Example] = importlib.import_module(CORPORA[name]).read(folder)
    return examples
