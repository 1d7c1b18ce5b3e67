"""The key of a server: from the environment or a file, never shown."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path

from hearfelt.errors import OptionError

MAX_KEY_CHARS = 4096
_LOOKS_LIKE_A_KEY = re.compile(r"\b(sk|key)-[\w*.-]{6,}")


class Key:
    """A key, read anew for each request, so that one set meanwhile counts.

    A file that was named goes first, then ``own``: both go to whatever server is named. Then ``env``, which
    is only given out where the way there is safe.

    Args:
        own: environment variable that holds a key for hearfelt alone.
        env: environment variable that holds a key for others as well.
        file: file that holds nothing but a key.

    Raises:
        OptionError: the file is missing, can be read by others, or holds no key.
    """

    def __init__(self, own: str, env: str, file: Path | None = None) -> None:
        self._own = own
        self._env = env
        self._file = file
        if file is not None:
            self._from_file(file)

    @property
    def places(self) -> str:
        """Where a key is looked for, for messages."""
        return str(self._file) if self._file is not None else f"{self._own} or {self._env}"

    def value(self, *, safe: bool) -> str:
        """The key, empty where there is none.

        Args:
            safe: whether nobody on the way can read along.

        Raises:
            OptionError: it holds spaces or odd characters, or the file cannot be read any more.
        """
        if self._file is not None:
            key = self._from_file(self._file)
        else:
            key = os.environ.get(self._own, "").strip()
            if not key and safe:
                key = os.environ.get(self._env, "").strip()
        if not key.isascii() or any(character.isspace() or not character.isprintable() for character in key):
            raise OptionError(f"the key in {self.places} holds spaces or odd characters: set it anew")
        return key

    def hide(self, text: str) -> str:
        """A text without the key, should a server have repeated it."""
        found = [os.environ.get(name, "").strip() for name in (self._own, self._env)]
        if self._file is not None:
            with contextlib.suppress(OptionError):
                found.append(self._from_file(self._file))
        for key in found:
            if key:
                text = text.replace(key, "***")
        return _LOOKS_LIKE_A_KEY.sub("***", text)

    def quote(self, said: str) -> str:
        """The server's own words for a message, short, without control characters and without the key."""
        text = self.hide(re.sub(r"[\x00-\x1f\x7f]+", " ", said).strip())[:200]
        return f": {text!r}" if text else ""

    @staticmethod
    def _from_file(file: Path) -> str:
        """What the file holds, without the line's end."""
        try:
            mode = file.stat().st_mode
            # a secret that a container mounts read-only has the mode its host gave it: nothing to mend here
            open_to_others = os.name == "posix" and mode & (stat.S_IRGRP | stat.S_IROTH)
            if open_to_others and stat.S_ISREG(mode) and os.access(file, os.W_OK):
                raise OptionError(f"the key file {file} can be read by others: chmod 600 {file}")
            with file.open(encoding="utf-8") as handle:
                key = handle.read(MAX_KEY_CHARS + 1).strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise OptionError(
                f"the key file {file} cannot be read ({why}): name a file that holds the key"
            ) from None
        if not key:
            raise OptionError(f"the key file {file} is empty: write the key into it, and nothing else")
        if len(key) > MAX_KEY_CHARS or "\n" in key:
            raise OptionError(
                f"the key file {file} holds more than a key: write the key into it, and nothing else"
            )
        return key
