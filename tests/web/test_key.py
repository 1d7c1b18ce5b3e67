"""A key from a file or the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hearfelt.errors import OptionError
from hearfelt.web.key import Key


def key_in(file: Path) -> Key:
    return Key("HEARFELT_LLM_KEY", "OPENAI_API_KEY", file)


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "key"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_a_key_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"cannot be read \(No such file or directory\): name a file that"):
        key_in(tmp_path / "missing")
    with pytest.raises(OptionError, match=r"cannot be read \(Is a directory\)"):
        key_in(tmp_path)
    binary = written(tmp_path, "")
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match=r"cannot be read \(it is no text\)"):
        key_in(binary)


@pytest.mark.skipif(os.name != "posix", reason="file modes as POSIX has them")
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "secret", mode=0o644)
    with pytest.raises(OptionError, match=rf"the key file {file} can be read by others: chmod 600 {file}"):
        key_in(file)


def test_a_key_of_odd_characters_is_refused(tmp_path: Path) -> None:
    key = key_in(written(tmp_path, "two words"))
    with pytest.raises(OptionError, match="key holds spaces or odd characters: set it anew") as caught:
        key.value(safe=True)
    assert "two words" not in str(caught.value)
    assert key.hide("is two words, sk-abcdefgh") == "is ***, ***"


def test_the_own_key_goes_anywhere_and_a_shared_one_only_where_the_way_is_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = Key("HEARFELT_OWN_KEY", "A_SHARED_KEY")
    assert key.value(safe=True) == ""
    monkeypatch.setenv("A_SHARED_KEY", "shared")
    assert (key.value(safe=True), key.value(safe=False)) == ("shared", "")
    monkeypatch.setenv("HEARFELT_OWN_KEY", "own")
    assert (key.value(safe=True), key.value(safe=False)) == ("own", "own")
    assert key.places == "HEARFELT_OWN_KEY or A_SHARED_KEY"


def test_what_a_server_says_is_quoted_short_and_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SHARED_KEY", "shared")
    key = Key("HEARFELT_OWN_KEY", "A_SHARED_KEY")
    assert key.quote("not\x1b\nshared " + "x" * 300) == f": {'not *** ' + 'x' * 192!r}"
    assert key.quote(" \n") == ""
