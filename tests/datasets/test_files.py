"""Files that are whole or not there; devices, pipes and links stay what they are."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from hearfelt.datasets import files
from hearfelt.errors import CorpusError, RunError
from hearfelt.training.files import atomic as of_run


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_whole_or_as_before(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with files.atomic(path) as part:
        part.write_text("one")
    with pytest.raises(KeyError), files.atomic(path) as part:
        part.write_text("two")
        raise KeyError
    assert path.read_text() == "one"
    assert names(tmp_path) == ["a.txt"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "a.txt", tmp_path / "a.txt"
    target.write_text("old")
    link.symlink_to(target)
    files.write_text(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    assert names(tmp_path / "far") == ["a.txt"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()), daemon=True)
    reader.start()
    files.write_text(pipe, "heard")
    reader.join(timeout=30)
    assert got == ["heard"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_is_left_in_place(tmp_path: Path) -> None:
    """By links in a folder of the test: code that moves a file there would replace the link, no device."""
    full, null = tmp_path / "full", tmp_path / "null"
    full.symlink_to("/dev/full")
    null.symlink_to("/dev/null")
    files.write_text(null, "gone")
    with pytest.raises(CorpusError, match=r"full cannot be written .No space left on device.: name another"):
        files.write_text(full, "text")
    with pytest.raises(RunError, match=r"No space left on device., it is no regular file: make room"):  # noqa: SIM117
        with of_run(full) as part:
            part.write_text("text")
    assert names(tmp_path) == ["full", "null"]
    assert full.is_symlink() and null.is_symlink()
    assert stat.S_ISCHR(full.stat().st_mode) and stat.S_ISCHR(null.stat().st_mode)


def test_a_device_node_itself(tmp_path: Path) -> None:
    node = tmp_path / "node"
    try:
        os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        node.write_text("")
    except OSError as error:
        pytest.skip(f"a device node cannot be made here: {error}")
    files.write_text(node, "gone")
    assert stat.S_ISCHR(node.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no /dev/stdout")
def test_streams_are_written_to_where_they_are() -> None:
    for name in ("/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/1"):
        assert files.is_special(Path(name))
    assert not files.is_special(Path("/dev/shm/file-that-is-not-there"))
