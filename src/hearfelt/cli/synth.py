"""``hearfelt synth``: emotional speech from a text, or a corpus from a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.errors import OptionError

if TYPE_CHECKING:
    from hearfelt.datasets.synth.build import SynthOptions


def synth(
    text: Annotated[str | None, typer.Option(help="What to say.")] = None,
    emotion: Annotated[str, typer.Option(help="With which emotion, as anger; see --list.")] = "neutral",
    intensity: Annotated[float, typer.Option(help="From 0 (neutral) to 1 (full).")] = 1.0,
    voice: Annotated[str, typer.Option(help="Language, as en, de, pl; or the server's voice.")] = "en",
    speaker: Annotated[
        str, typer.Option(help="Who speaks: f1 to f5, m1 to m5. [default: f1]", show_default=False)
    ] = "",
    seed: Annotated[int, typer.Option(help="Another seed is another take.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Sound file to write; with --table a folder.")] = None,
    table: Annotated[
        Path | None, typer.Option(help="CSV with text, emotion, intensity, voice, speaker …, a line a sound.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="world: by rules and vocoder; espeak: espeak-ng alone; server: --url.")
    ] = "world",
    rules: Annotated[Path | None, typer.Option(help="CSV of prosody rules of your own.")] = None,
    speech: Annotated[Path | None, typer.Option(help="Neutral recording to change.")] = None,
    prosody_from: Annotated[
        Path | None, typer.Option(help="Recording whose prosody is put on the neutral speech.")
    ] = None,
    prosody_reference: Annotated[
        Path | None, typer.Option(help="Neutral recording of the same person as --prosody-from.")
    ] = None,
    align: Annotated[
        str, typer.Option(help="Match by syllables (any words) or by cepstrum (the same words).")
    ] = "syllables",
    url: Annotated[str | None, typer.Option(help="Server with /v1/audio/speech.")] = None,
    model: Annotated[str, typer.Option(help="The server's model.")] = "",
    key_env: Annotated[str, typer.Option(help="Environment variable with its key.")] = "OPENAI_API_KEY",
    timeout_s: Annotated[float, typer.Option(help="Seconds that one of its answers may take.")] = 60.0,
    retries: Annotated[int, typer.Option(help="How often it is asked again where it is busy.")] = 2,
    list_: Annotated[bool, typer.Option("--list", help="Show voices, speakers, emotions and rules.")] = False,
) -> int:
    """Speak a text with an emotion, or make a corpus of a table; every sound says that it is made."""
    if list_:
        return _list(rules)
    if out is None:
        raise OptionError("synth needs --out: a .wav or .flac file, or with --table a folder")
    if (text is None and speech is None) == (table is None):
        raise OptionError("synth needs one of --text, --speech or --table")
    from hearfelt.datasets.synth.build import SynthOptions

    options = SynthOptions(
        engine=engine,
        voice=voice,
        speaker=speaker,
        rules=rules,
        speech=speech,
        prosody_from=prosody_from,
        prosody_reference=prosody_reference,
        align=align,
        url=url,
        model=model,
        key_env=key_env,
        timeout_s=timeout_s,
        retries=retries,
    )
    if table is not None:
        return _table(table, out, options, seed)
    return _one(text or "", emotion, intensity, seed, out, options)


def _one(text: str, emotion: str, intensity: float, seed: int, out: Path, options: SynthOptions) -> int:
    from hearfelt.datasets.synth import files
    from hearfelt.datasets.synth.build import voice
    from hearfelt.labels import canonical

    path = files.checked_sound_path(out)
    label = canonical(emotion)
    speaks = voice(options)
    sound = speaks.speak(text, label, intensity, seed)
    facts: dict[str, Any] = {"text": text, "emotion": label, "intensity": intensity, "seed": seed}
    facts |= speaks.provenance(label, intensity, seed)
    files.write_sound(sound, path, facts)
    print(f"{path}: {sound.duration_s:.2f} s, {label} {intensity:g}, {speaks.speaker}, seed {seed}")
    print(f"{'':4}{facts['engine']} ({facts['engine_version']}), rules {facts.get('rules') or 'none'}")
    return 0


def _table(table: Path, out: Path, options: SynthOptions, seed: int) -> int:
    from hearfelt.cli.progress import Progress
    from hearfelt.datasets.synth.table import MANIFEST, count, make

    fresh = there = failed = 0
    with Progress(count(table)) as progress:
        for made in make(table, out, options, seed):
            if made.error is not None:
                failed += 1
                progress.say(f"hearfelt: {made.error}")
            fresh += made.fresh
            there += made.file is not None and not made.fresh
            progress.finish()
    if fresh + there:
        print(f"{out / MANIFEST}: {fresh + there} sounds, {fresh} made now, {there} there already")
    if failed:
        print(f"{failed} of {fresh + there + failed} lines could not be made")
    return 2 if failed else 0


def _list(path: Path | None) -> int:
    from dataclasses import asdict

    from hearfelt.datasets.synth import rules, speakers

    print(f"voices    {', '.join(speakers.LANGUAGES)}")
    for person in speakers.SPEAKERS.values():
        print(f"speaker   {person.name}  {person.gender:<6}  {person.f0_hz:.0f} Hz")
    table = rules.load(path or rules.LITERATURE)
    print(f"rules     {table.version}")
    rest = asdict(rules.Rule())
    for emotion, rule in table.table.items():
        changed = [f"{name} {value:g}" for name, value in asdict(rule).items() if value != rest[name]]
        print(f"emotion   {emotion:<10}{', '.join(changed) or 'as the speaker is at rest'}")
    return 0
