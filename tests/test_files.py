from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqrec.errors import DataError
from seqrec.files import atomic


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


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/a\.txt: cannot be written"), atomic(tmp_path / "file" / "a.txt"):
        pass
