"""What was said: one file a back end, and `given` for a transcript one already has.

`BACK_ENDS` is the whole cast. `build` makes one by name; nothing heavy is imported before that.
"""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hearfelt.errors import OptionError, unknown_name

if TYPE_CHECKING:
    from hearfelt.transcribers.base import Transcriber

BACK_ENDS = {
    "given": "hearfelt.transcribers.given:Given",
    "none": "hearfelt.transcribers.none:Silent",
    "sphinx": "hearfelt.transcribers.sphinx:Sphinx",
    "whisper": "hearfelt.transcribers.whisper:Whisper",
}
"""Name to "module:class". Each class takes one options dataclass, its ``Options``."""


def build(name: str, **options: Any) -> Transcriber:
    """The transcriber of that name; ``auto`` is the best one that is already on this machine.

    ``options`` are the fields of the back end's options: ``build("whisper", model="small", language="de")``.

    Raises:
        OptionError: the name or an option is not known; the message lists the known ones.
        MissingExtraError: the library of that back end is not installed.
    """
    if name == "auto":
        from hearfelt.transcribers.auto import choose

        return choose(**options)[0]
    if name not in BACK_ENDS:
        raise unknown_name("transcriber", name, ("auto", *BACK_ENDS))
    module, _, attribute = BACK_ENDS[name].partition(":")
    kind: Any = getattr(import_module(module), attribute)
    fields = dataclasses.fields(kind.Options)
    known = [field.name for field in fields]
    for key in options:
        if key not in known:
            raise unknown_name(f"option of the transcriber {name!r}", key, known or ("(it has none)",))
    needed = [f.name for f in fields if f.default is dataclasses.MISSING and f.name not in options]
    if needed:
        raise OptionError(f"the transcriber {name!r} needs the option {needed[0]!r}")
    transcriber: Transcriber = kind(kind.Options(**options))
    return transcriber
