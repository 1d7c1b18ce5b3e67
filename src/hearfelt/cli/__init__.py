"""The command line: one file a verb; each parses, calls one function, prints."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the command ``hearfelt``."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    from hearfelt.cli.app import run

    sys.exit(run(sys.argv[1:]))
