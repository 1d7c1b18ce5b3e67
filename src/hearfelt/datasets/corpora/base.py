"""A corpus described, not programmed: how its files are named, and what the codes in the names mean.

Most corpora are one `Corpus` value: a regular expression with named groups and the tables of its codes. Where
labels stand in files of the corpus, `Corpus.listing` reads those; everything else is the same for all.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hearfelt.datasets import manifest
from hearfelt.datasets.corpora.sounds import Sound, find, is_lfs_pointer
from hearfelt.errors import CorpusError
from hearfelt.types import Example

SEXES: Mapping[str, str] = {
    **dict.fromkeys(("F", "f", "female", "Female", "woman"), "female"),
    **dict.fromkeys(("M", "m", "male", "Male", "man"), "male"),
}
"""How corpora write the two genders that they name."""

Listing = Callable[[Path, Sequence[Sound]], Iterable[Example]]
"""Reads the label files of a folder: examples whose ``file`` is a path, or the stem of a sound file."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a corpus is, and how to read its folder.

    Args:
        name: the name it is called by here.
        title: as it is called in print.
        about: its size and kind, in a few words.
        language: ISO 639-1; empty where it has several.
        licence: as its owners state it; "not stated" where they do not.
        citation: who to name.
        pattern: regular expression of a sound file's path without its ending, from the folder that matters
            on. Its groups ``emotion``, ``speaker``, ``gender``, ``text``, ``intensity`` and ``split`` are
            looked up in the tables below, or taken as they are.
        shape: a name that fits, for messages.
        emotions: code to label.
        speakers: code to speaker, where one has several.
        genders: code, or speaker where the pattern has no group ``gender``, to gender.
        intensities, splits: code to what it means.
        languages: speaker to language, where a corpus has several.
        utterances: clips of the whole corpus; None where it grows or nobody says.
        passed_over: regular expression of sound files that come with the corpus and are no clips of it.
        listing: reads the label files of a corpus whose names do not say it all.
        finish: adds to the examples what other files of the folder know, such as votes.
    """

    name: str
    title: str
    about: str
    language: str
    licence: str
    citation: str
    pattern: str
    shape: str
    emotions: Mapping[str, str]
    speakers: Mapping[str, str] = field(default_factory=dict)
    genders: Mapping[str, str] = field(default_factory=dict)
    intensities: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)
    utterances: int | None = None
    passed_over: str | None = None
    listing: Listing | None = None
    finish: Callable[[Path, list[Example]], list[Example]] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it has, sorted."""
        return tuple(sorted(set(self.emotions.values())))


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds.

    Args:
        examples: the clips that can be used.
        problems: what is wrong with the folder, a sentence each; the files concerned are left out.
        notes: what is worth knowing and not wrong.
    """

    examples: list[Example]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def scan(corpus: Corpus, folder: Path) -> Scan:
    """Read a folder of a corpus: by its ``manifest.csv`` where there is one, else as its owners ship it.

    Raises:
        CorpusError: no such folder, no clip in it, or a label file that is missing or broken.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder: give the one that holds {corpus.title}")
    if (folder / "manifest.csv").is_file():
        return _listed_in_manifest(corpus, folder)
    sounds = find(folder)
    problems: list[str] = []
    notes: list[str] = []
    fitting = _fitting(corpus, folder, sounds, problems, notes)
    if corpus.listing is None:
        examples = _named(corpus, folder, fitting, problems)
    else:
        examples = _listed(corpus, folder, [sound for sound, _ in fitting], problems, notes)
    if not examples:
        none = f"{folder} holds no sound file of {corpus.title}: its names look like {corpus.shape}"
        raise CorpusError(problems[0] if problems else none)
    examples = _sounding(corpus, examples, problems)
    if corpus.finish:
        examples = corpus.finish(folder, examples)
    if corpus.utterances is not None and len(examples) != corpus.utterances:
        notes.append(f"{folder} has {len(examples)} of the {corpus.utterances} clips of {corpus.title}")
    return Scan(examples, tuple(problems), tuple(notes))


def _fitting(
    corpus: Corpus, folder: Path, sounds: Sequence[Sound], problems: list[str], notes: list[str]
) -> list[tuple[Sound, str]]:
    """Sounds whose names fit, with the part of the path that fits; one a clip."""
    pattern = re.compile(rf"(?:.*?/)??(?P<clip_>{corpus.pattern})")
    passed_over = re.compile(rf"(?:.*/)?(?:{corpus.passed_over})") if corpus.passed_over else None
    strange, beside, doubled = [], 0, []
    chosen: dict[str, Sound] = {}
    for sound in sounds:
        match = pattern.fullmatch(sound.relative)
        if match is None:
            if passed_over and passed_over.fullmatch(sound.relative):
                beside += 1
            else:
                strange.append(sound)
            continue
        clip = match["clip_"]
        # The same clip in two codecs is one clip; find() has the better one first.
        if clip not in chosen:
            chosen[clip] = sound
        elif chosen[clip].path.suffix.lower() == sound.path.suffix.lower():
            doubled.append((sound, chosen[clip]))
    if strange:
        problems.append(
            f"{_count(strange, 'sound file')} in {folder} {_do(strange)} not fit the names of "
            f"{corpus.title}, the first is {_show(strange[0], folder)}: names look like {corpus.shape}; take "
            "the others out"
        )
    if doubled:
        one, other = doubled[0]
        problems.append(
            f"{_count(doubled, 'clip')} of {corpus.title} {'is' if len(doubled) == 1 else 'are'} there "
            f"twice, the first is {_show(one, folder)} and {_show(other, folder)}: keep one copy"
        )
    if beside:
        notes.append(f"{beside} sound files that are no clips of {corpus.title} are passed over")
    return [(sound, clip) for clip, sound in chosen.items()]


def _groups(corpus: Corpus, relative: str) -> dict[str, str] | None:
    """The codes in a path without its ending; None where it does not fit."""
    match = re.fullmatch(rf"(?:.*/)?(?:{corpus.pattern})", relative)
    return None if match is None else {name: code for name, code in match.groupdict().items() if code}


def _example(corpus: Corpus, file: Path, codes: Mapping[str, str]) -> Example:
    """The example that codes stand for; without gold where the corpus has no such emotion."""
    code, speaker = codes.get("emotion", ""), codes.get("speaker")
    speaker = corpus.speakers.get(speaker, speaker) if speaker else None
    intensity, split = codes.get("intensity"), codes.get("split")
    return Example(
        file=str(file),
        gold=corpus.emotions.get(code, corpus.emotions.get(code.lower())),
        speaker=speaker,
        gender=corpus.genders.get(codes.get("gender", speaker or "")),
        language=corpus.languages.get(speaker or "", corpus.language) or None,
        text=codes["text"].replace("_", " ") if "text" in codes else None,
        corpus=corpus.name,
        split=corpus.splits.get(split, split) if split else None,
        licence=corpus.licence,
        intensity=corpus.intensities.get(intensity, intensity) if intensity else None,
    )


def _named(
    corpus: Corpus, folder: Path, fitting: Sequence[tuple[Sound, str]], problems: list[str]
) -> list[Example]:
    """Examples of file names."""
    examples, unknown = [], []
    for sound, clip in fitting:
        codes = _groups(corpus, clip) or {}
        example = _example(corpus, sound.path, codes)
        if example.gold is None:
            unknown.append((sound, codes.get("emotion", "")))
        else:
            examples.append(example)
    if unknown:
        first, code = unknown[0]
        problems.append(
            f"{_count(unknown, 'sound file')} in {folder} {'names' if len(unknown) == 1 else 'name'} an "
            f"emotion that {corpus.title} does not have, the first is {_show(first, folder)} with {code!r}; "
            f"known: {', '.join(corpus.emotions)}"
        )
    return examples


def _listed(
    corpus: Corpus, folder: Path, sounds: Sequence[Sound], problems: list[str], notes: list[str]
) -> list[Example]:
    """Examples of the label files, each with its sound file."""
    assert corpus.listing is not None
    by_stem = {sound.path.stem: str(sound.path) for sound in sounds}
    there = {str(sound.path) for sound in sounds}
    examples, missing = [], []
    for example in corpus.listing(folder, sounds):
        file = example.file if example.file in there else by_stem.get(example.file)
        if file is None:
            missing.append(example.file)
            continue
        examples.append(
            dataclasses.replace(
                example,
                file=file,
                corpus=corpus.name,
                language=example.language or corpus.language or None,
                licence=corpus.licence,
            )
        )
    if missing:
        problems.append(
            f"{len(missing)} of the {len(missing) + len(examples)} clips that {corpus.title} lists have no "
            f"sound file in {folder}, the first is {missing[0]}: restore them"
        )
    unlisted = there - {e.file for e in examples}
    if unlisted:
        notes.append(f"{len(unlisted)} sound files of {corpus.title} have no label and are left out")
    return examples


def _listed_in_manifest(corpus: Corpus, folder: Path) -> Scan:
    """Examples of ``manifest.csv``, each checked against its file's name where names say something."""
    audio = folder / "audio" if (folder / "audio").is_dir() else folder
    defaults = {"corpus": corpus.name, "licence": corpus.licence}
    if corpus.language:
        defaults["language"] = corpus.language
    examples = manifest.read(folder / "manifest.csv", audio=audio, defaults=defaults)
    for example in examples if corpus.listing is None else ():
        codes = _groups(corpus, Path(example.file).relative_to(audio).with_suffix("").as_posix())
        named = _example(corpus, Path(example.file), codes or {})
        if codes is None or (example.speaker, example.gold) != (named.speaker, named.gold):
            raise CorpusError(
                f"{corpus.title} file {Path(example.file).stem} is listed as speaker {example.speaker}, "
                f"{example.gold}, which is not what its name says: restore the corpus or its manifest.csv"
            )
    listed = {Path(e.file) for e in examples}
    extra = [sound for sound in find(audio) if sound.path not in listed]
    notes = [f"{len(extra)} sound files in {audio} are not in manifest.csv and are left out"] if extra else []
    problems: list[str] = []
    return Scan(_sounding(corpus, examples, problems), tuple(problems), tuple(notes))


def _sounding(corpus: Corpus, examples: list[Example], problems: list[str]) -> list[Example]:
    """Examples whose files hold something; those that do not are a problem."""
    hollow = {e.file for e in examples if Path(e.file).stat().st_size == 0 or is_lfs_pointer(Path(e.file))}
    if hollow:
        first = min(hollow)
        pointer = Path(first).stat().st_size > 0
        problems.append(
            f"{_count(hollow, 'sound file')} of {corpus.title} {'is' if len(hollow) == 1 else 'are'} "
            f"{'pointers of Git LFS, not sound' if pointer else 'empty'}, the first is {first}: "
            f"{'fetch them with git lfs pull' if pointer else 'copy them again'}"
        )
    return [e for e in examples if e.file not in hollow]


def _count(items: Collection[object], what: str) -> str:
    return f"{len(items)} {what}{'' if len(items) == 1 else 's'}"


def _do(items: Collection[object]) -> str:
    return "does" if len(items) == 1 else "do"


def _show(sound: Sound, folder: Path) -> str:
    return sound.path.relative_to(folder).as_posix()
