"""The command line: one file a verb; each parses, calls one function, prints."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of the command ``hearfelt``."""
    # Our matrices are small: a second thread only spins and waits, which costs a busy machine dearly.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    from hearfelt.cli.app import run

    sys.exit(run(sys.argv[1:]))
