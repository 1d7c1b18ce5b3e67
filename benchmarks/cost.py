"""What hearfelt costs: time on one core beside openSMILE, start-up, size, memory of a three-hour recording.

    python benchmarks/cost.py [--quick]

Both systems hear the same real files (every 5th of EmoDB and RAVDESS) in one run, in turns, on one core; a
figure is the median of the rounds. The last line is JSON. --quick takes every 40th file, ten minutes instead
of three hours, and leaves out the size of a fresh install.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def on_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def speed(files: list[Path], rounds: int) -> dict[str, float]:
    """Real-time factors of openSMILE and of hearfelt over the same files."""
    import opensmile
    import soundfile

    import hearfelt
    from hearfelt import audio
    from hearfelt.features.functionals import Functionals

    seconds = sum(soundfile.info(str(f)).duration for f in files)
    smile = opensmile.Smile(
        opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1
    )
    functionals = Functionals()
    recognizer = hearfelt.Recognizer(words="none", transcriber="none")
    systems: dict[str, Callable[[Path], object]] = {
        "opensmile_egemaps_rtf": lambda f: smile.process_file(str(f)),
        "functionals_rtf": lambda f: functionals(audio.read(f)[0]),
        "voice_path_rtf": lambda f: recognizer.analyze(f),
    }
    for run in systems.values():
        run(files[0])
    times: dict[str, list[float]] = {name: [] for name in systems}
    for i in range(rounds):
        for name, run in systems.items():
            start = time.process_time()
            for file in files:
                run(file)
            times[name].append((time.process_time() - start) / seconds)
            say(f"round {i + 1}/{rounds}: {name} {times[name][-1]:.5f}")
    return {name: round(statistics.median(values), 5) for name, values in times.items()}


def start_up() -> dict[str, float]:
    """Seconds for ``import hearfelt`` (beyond Python itself) and for ``hearfelt --help``, median of 7."""

    def median(command: list[str]) -> float:
        times = []
        for _ in range(8):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - start)
        return statistics.median(times[1:])

    bare = median([sys.executable, "-c", "pass"])
    return {
        "import_s": round(median([sys.executable, "-c", "import hearfelt"]) - bare, 3),
        "help_s": round(median([sys.executable, "-m", "hearfelt", "--help"]), 3),
    }


def folder_mb(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6


def sizes(install: bool) -> dict[str, float | None]:
    """Size of the wheel, and of all that a fresh ``pip install`` brings (without pip itself), in MB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
        subprocess.run(pip, check=True)
        wheel = next(folder.glob("*.whl"))
        result: dict[str, float | None] = {
            "wheel_mb": round(wheel.stat().st_size / 1e6, 1),
            "install_mb": None,
        }
        if install:
            say("installing the wheel into a fresh environment")
            venv.create(folder / "env", with_pip=True)
            python = folder / "env" / "bin" / "python"
            subprocess.run([python, "-m", "pip", "install", "-q", "--no-compile", str(wheel)], check=True)
            packages = next((folder / "env" / "lib").glob("*/site-packages"))
            pip_mb = sum(folder_mb(p) for p in packages.iterdir() if p.name.startswith(("pip", "setuptools")))
            result["install_mb"] = round(folder_mb(packages) - pip_mb, 1)
    return result


def long_recording(path: Path, files: list[Path], seconds: float) -> None:
    """Real utterances one after another with pauses, until the recording is long enough."""
    import numpy as np
    import soundfile

    pause = np.zeros(16000, np.float32)
    with soundfile.SoundFile(str(path), "w", samplerate=16000, channels=1, format="FLAC") as out:
        while out.frames < seconds * 16000:
            for file in files:
                samples, rate = soundfile.read(str(file), dtype="float32")
                assert rate == 16000
                out.write(samples)
                out.write(pause)
                if out.frames >= seconds * 16000:
                    break


def peak(files: list[Path], seconds: float) -> tuple[float, float]:
    """Peak memory in MB and real-time factor of ``hearfelt analyze`` on a recording of that length."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "long.flac"
        long_recording(path, files, seconds)
        watch = (
            "import resource, subprocess, sys; "
            "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
            "usage = resource.getrusage(resource.RUSAGE_CHILDREN); "
            "print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime)"
        )
        command = [sys.executable, "-m", "hearfelt", "analyze", str(path), "--transcriber", "none", "--out"]
        done = subprocess.run(
            [sys.executable, "-c", watch, *command, str(Path(name) / "out")],
            check=True,
            capture_output=True,
            text=True,
        )
        kilobytes, cpu_s = (float(x) for x in done.stdout.split())
    return kilobytes / 1000, cpu_s / seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="at most a minute, on a stated subset")
    quick = parser.parse_args().quick
    on_one_core()
    folders = [DATA / "audio" / corpus / "audio" for corpus in ("emodb", "ravdess")]
    files = [f for folder in folders for f in sorted(folder.glob("*.flac"))][:: 40 if quick else 5]
    if not files:
        sys.exit(f"no real speech at {DATA}: set HEARFELT_DATA to the folder that holds audio/emodb")
    say(f"{len(files)} real files, one core{', a quick look' if quick else ''}")
    figures: dict[str, float | None] = dict(speed(files, rounds=1 if quick else 3))
    figures.update(start_up())
    figures.update(sizes(install=not quick))
    for label, minutes in (("10min", 10),) if quick else (("30min", 30), ("3h", 180)):
        say(f"a recording of {minutes} minutes")
        memory, rtf = peak(files, minutes * 60)
        figures[f"peak_mb_{label}"] = round(memory)
        figures[f"analyze_rtf_{label}"] = round(rtf, 5)
    smile = figures["opensmile_egemaps_rtf"]
    for name in ("voice_path_rtf", "functionals_rtf"):
        say(f"{name}: {figures[name]} = {figures[name] / smile:.2f} of openSMILE's {smile}")  # type: ignore[operator]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
