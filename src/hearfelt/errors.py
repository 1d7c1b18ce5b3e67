"""The one error family. A message names the value, what is accepted, and the way out.

HearfeltError
├── InputError                what the user gave cannot be read or used
│   ├── AudioError            a recording: missing, empty, broken, of the wrong kind
│   ├── TranscriptError       a transcript: missing, broken, of an unknown format
│   ├── FeatureError          a sound that cannot be measured
│   ├── CorpusError           a corpus, table or fold file that does not hold together
│   └── OptionError           an option or name that is not known
├── MissingExtraError         a library that an extra would bring is not installed
├── ModelError                a weights folder that is missing, broken or of another kind
├── RunError                  a training run that cannot go on: its loss is not finite, its disk is full
├── LicenceError              the chosen profile may not use this part
├── ChatError                 a language model that is down, slow or answers nonsense
│   ├── ContextError          a question longer than what the language model can read
│   └── NotAskedError         a question that was not put to the language model, and why
└── SpeechError               a speech server that is down, slow or answers with no sound
"""

from __future__ import annotations

from collections.abc import Iterable


class HearfeltError(Exception):
    """Anything hearfelt says no to. The command line prints it as one sentence and exits with 2."""


class InputError(HearfeltError):
    """What the user gave cannot be read or used."""


class AudioError(InputError):
    """A recording that is missing, empty, broken or of the wrong kind."""


class TranscriptError(InputError):
    """A transcript that is missing, broken or of an unknown format."""


class FeatureError(InputError):
    """A sound that cannot be measured."""


class CorpusError(InputError):
    """A corpus, table or fold file that does not hold together."""


class OptionError(InputError):
    """An option or a name that is not known."""


class MissingExtraError(HearfeltError):
    """A library that an extra would bring is not installed.

    Args:
        what: what the user asked for.
        library: the missing library.
        extra: the extra that brings it.
    """

    def __init__(self, what: str, library: str, extra: str) -> None:
        super().__init__(f"{what} needs {library}, which is not installed: pip install 'hearfelt[{extra}]'")
        self.extra = extra


class ModelError(HearfeltError):
    """A weights folder that is missing, broken or of another kind."""


class RunError(HearfeltError):
    """A training run that cannot go on; what it had saved is whole."""


class LicenceError(HearfeltError):
    """The chosen profile may not use this part."""


class ChatError(HearfeltError):
    """A language model that is down, slow or answers nonsense."""


class ContextError(ChatError):
    """A question longer than what the language model can read."""


class NotAskedError(ChatError):
    """A question that was not put to the language model.

    Args:
        why: in one word: ``breaker`` (it failed too often), ``budget`` (which is spent), ``replay`` (no
            answer to it is kept).
        message: the sentence.
    """

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


class SpeechError(HearfeltError):
    """A speech server that is down, slow or answers with no sound."""


def unknown_name(what: str, value: object, known: Iterable[str]) -> OptionError:
    """The error for a name that is not in a table: names the value and lists the known ones."""
    return OptionError(f"unknown {what} {value!r}; known: {', '.join(known)}")
