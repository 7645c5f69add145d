from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seqrec.errors import DataError
from seqrec.files import atomic, below, locked
from seqrec.samples import raise_error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_is_utf8_with_plain_line_ends_and_leaves_nothing_else(tmp_path: Path) -> None:
    with atomic(tmp_path / "sub" / "a.txt") as out:
        out.write("é\n字\n")
    assert (tmp_path / "sub" / "a.txt").read_bytes() == "é\n字\n".encode()
    assert names(tmp_path / "sub") == ["a.txt"]


def test_bytes(tmp_path: Path) -> None:
    with atomic(tmp_path / "a.bin", "wb") as out:
        out.write(b"\0\xff")
    assert (tmp_path / "a.bin").read_bytes() == b"\0\xff"


def test_the_name_appears_only_when_complete(tmp_path: Path) -> None:
    with atomic(tmp_path / "a.txt") as out:
        out.write("half")
        out.flush()
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "half"


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_fault_keeps_what_was_there(tmp_path: Path, fault: type[BaseException]) -> None:
    (tmp_path / "a.txt").write_text("before")

    def half() -> None:
        with atomic(tmp_path / "a.txt") as out:
            out.write("half")
            raise fault

    with pytest.raises(fault):
        half()
    assert (tmp_path / "a.txt").read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


def test_rights_are_those_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with atomic(tmp_path / "a.txt") as out:
            out.write("x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.txt").symlink_to("real/a.txt")
    for text in ("new", "newer"):
        with atomic(tmp_path / "link.txt") as out:
            out.write(text)
        assert (tmp_path / "real" / "a.txt").read_text() == text
    assert (tmp_path / "link.txt").is_symlink()
    assert names(tmp_path / "real") == ["a.txt"]


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with atomic(tmp_path / "pipe") as out:
        out.write("é")
    assert os.read(reading, 9) == "é".encode()
    os.close(reading)
    assert (tmp_path / "pipe").is_fifo()
    assert names(tmp_path) == ["pipe"]


def test_a_full_disk_is_named_with_the_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DataError, match=r"a\.txt: cannot be written \(File too"), atomic(tmp_path / "a.txt") as out:
            out.write("x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"), atomic(tmp_path):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/a\.txt: cannot be written"), atomic(tmp_path / "file" / "a.txt"):
        pass


def test_a_lock_is_had_by_one_and_leaves_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "sub" / "lock"
    with locked(lock) as one, locked(lock) as other, locked(tmp_path / "another") as another:
        assert (one, other, another) == (True, False, True)
        with locked(lock) as third:
            assert not third
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(KeyError), locked(lock):
        raise KeyError
    with locked(lock) as again:
        assert again


HOLD = """
import sys, time
from pathlib import Path
from seqrec.files import locked

with locked(Path("lock")) as held:
    print(held, flush=True)
    time.sleep(600)
"""


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        with locked(tmp_path / "lock") as held:
            assert not held
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert names(tmp_path) == ["lock"]  # and it locks nothing
    with locked(tmp_path / "lock") as held:
        assert held
    assert names(tmp_path) == []


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file/lock: cannot be written"), locked(tmp_path / "file" / "lock"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_to_folders_are_followed_and_each_folder_is_met_once(tmp_path: Path) -> None:
    for name in ("a/one.WAV", "a/.hidden", "a/.not/x.wav", "b/two.wav", "elsewhere.txt"):
        (tmp_path / "top" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "top" / name).touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "three.wav").touch()
    (tmp_path / "top" / "linked").symlink_to(tmp_path / "more")
    (tmp_path / "top" / "a" / "loop").symlink_to(tmp_path / "top")
    found = [path.relative_to(tmp_path / "top").as_posix() for path in below(tmp_path / "top", raise_error, ".wav")]
    assert found == ["a/one.WAV", "b/two.wav", "linked/three.wav"]
