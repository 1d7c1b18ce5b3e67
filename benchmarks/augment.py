"""What each change of a waveform costs on one core: processor seconds a second of sound.

    python benchmarks/augment.py [--quick]

Each change is made with its default options on the same clips, 20 of SAVEE where HEARFELT_DATA has it, else
made speech-like noise of 3 s each (which costs the same). A figure is the median of three rounds; a room is
timed twice, where it is made first and where it is known already. Ends with one line of JSON: `CHANGE_rtf`,
and `all_rtf`, the recipe examples/augment.toml. --quick takes 5 clips.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402  # after the number of threads is set

from hearfelt.datasets import corpora  # noqa: E402
from hearfelt.datasets.augment import changes, codecs, copies, rooms  # noqa: E402
from hearfelt.datasets.augment.base import Change  # noqa: E402
from hearfelt.datasets.augment.codecs import Codec  # noqa: E402
from hearfelt.datasets.augment.noise import AddNoise  # noqa: E402
from hearfelt.datasets.augment.rooms import Room  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
RATE = 16000


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def clips(count: int) -> tuple[list[np.ndarray], list[str]]:
    """Sounds, and files that babble may be made of."""
    if (DATA / "audio" / "savee").is_dir():
        table = corpora.read("savee", DATA)
        chosen = table[:: len(table) // count][:count]
        return [copies.sound(e).samples for e in chosen], [e.file for e in table[::20]]
    say(f"no SAVEE under {DATA}: made sounds are changed instead, and there is no babble")
    random = np.random.default_rng(0)
    return [(0.1 * random.standard_normal(3 * RATE)).astype(np.float32) for _ in range(count)], []


def cost(change: Change, sounds: Sequence[np.ndarray], rounds: int = 3) -> float:
    """Processor seconds a second of sound."""
    seconds, times = sum(len(sound) for sound in sounds) / RATE, []
    for number in range(rounds):
        began = time.process_time()
        for i, sound in enumerate(sounds):
            change(sound, RATE, np.random.default_rng([number, i]))
        times.append((time.process_time() - began) / seconds)
    return round(statistics.median(times), 5)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="5 clips")
    sounds, babblers = clips(5 if parser.parse_args().quick else 20)
    here = [name for name, there in codecs.available().items() if there]
    tests: dict[str, Change] = {
        **{f"noise_{name}": AddNoise(noises=(name,)) for name in ("white", "pink", "brown", "hum")},
        **({"noise_babble": AddNoise(noises=("babble",), clips=tuple(babblers))} if babblers else {}),
        **{f"codec_{name}": Codec((name,)) for name in here},
        **{
            kind: known()
            for kind, known in changes.KINDS.items()
            if kind not in ("noise", "codec", "room", "impulse_response")
        },
    }
    figures = {}
    for name, change in tests.items():
        cost(change, sounds[:1], rounds=1)  # the first call loads libraries and files
        figures[f"{name}_rtf"] = cost(change, sounds)
        say(f"{name}: {figures[f'{name}_rtf']:.5f}")
    room = Room(rooms=8)
    Room(0.1, rooms=1)(sounds[0], RATE, np.random.default_rng(0))  # loads the library
    rooms._made.cache_clear()
    figures["room_made_s"] = round(made(room), 3)
    figures["room_known_rtf"] = cost(room, sounds)
    recipe = changes.read(ROOT / "examples" / "augment.toml")
    cost(recipe, sounds * 4, rounds=1)
    figures["all_rtf"] = cost(recipe, sounds)
    for name in ("room_made_s", "room_known_rtf", "all_rtf"):
        say(f"{name}: {figures[name]}")
    print(json.dumps(figures))


def made(room: Room) -> float:
    """Processor seconds to make one room, the mean of all of a change's rooms."""
    began = time.process_time()
    for number in range(room.rooms):
        rooms._made(room, number, RATE)
    return (time.process_time() - began) / room.rooms


if __name__ == "__main__":
    main()
