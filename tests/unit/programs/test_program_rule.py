"""Which program a machine may run, and what happens with any other bytes."""

from __future__ import annotations

import hashlib

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.programs import guard
from chromatrace.programs.errors import (
    MachineUnavailableError,
    ProgramAlteredError,
    ProgramNotLoadedError,
    ProgramNotReleasedError,
)
from chromatrace.programs.folder_port import FolderPort
from chromatrace.programs.release import Release, newest, release_id, released_as, runnable


def _release(program, version, machine="mill", content=None, *, withdrawn=False):
    content = f"{program} {version}".encode() if content is None else content
    digest = hashlib.sha256(content).digest()
    key = release_id(program, version, machine)
    return Release(key, program, version, machine, digest, withdrawn, "D-1", None, (f"machine/{machine}",))


RELEASES = [
    _release("a", 1),
    _release("a", 2),
    _release("b", 1, "lathe"),
    _release("c", 1),
    _release("c", 2, withdrawn=True),
    _release("a", 2, content=b"a second release of the same version"),
]


def test_only_the_newest_version_may_run():
    assert runnable(RELEASES, "a", "mill") == RELEASES[1] == runnable(RELEASES, "a", "mill", 2)
    assert newest(RELEASES, "a", "mill") == RELEASES[1], "the first release of a version on the chain counts"


@pytest.mark.parametrize(
    ("program", "version", "message"),
    [
        ("a", 1, "was replaced by version 2"),
        ("a", 3, "is not released; the newest is version 2"),
        ("b", None, "not released for mill"),
        ("c", None, "withdrawn by version 2"),
        ("d", None, "not released"),
    ],
)
def test_every_other_program_is_rejected_with_the_reason(program, version, message):
    with pytest.raises(ProgramNotReleasedError, match=message):
        runnable(RELEASES, program, "mill", version)


@pytest.mark.parametrize(
    ("content", "allowed"),
    [(b"a 2", True), (b"a 1", False), (b"b 1", False), (b"c 1", False), (b"", False), (b"A 2", False)],
    ids=["newest", "older", "other machine", "withdrawn", "empty", "altered"],
)
def test_bytes_are_allowed_only_as_a_whole_newest_release(content, allowed):
    assert (released_as(RELEASES, "mill", hashlib.sha256(content).digest()) is not None) == allowed


class LossyPort(FolderPort):
    """A machine that loses the last byte."""

    def load(self, name, content):
        super().load(name, content[:-1])


def test_a_program_is_read_back_and_taken_away_if_it_differs(tmp_path):
    assert guard.load(FolderPort(tmp_path), RELEASES[1], b"a 2") == RELEASES[1].digest
    with pytest.raises(ProgramNotLoadedError):
        guard.load(LossyPort(tmp_path), RELEASES[1], b"a 2")
    assert FolderPort(tmp_path).loaded() is None
    with pytest.raises(ProgramAlteredError):
        guard.load(FolderPort(tmp_path), RELEASES[1], b"a 1")
    assert FolderPort(tmp_path).loaded() is None


def test_a_start_needs_exactly_the_released_bytes(tmp_path):
    port = FolderPort(tmp_path)
    guard.load(port, RELEASES[1], b"a 2")
    assert guard.start(port, RELEASES, "mill", "a", None) == RELEASES[1]
    (tmp_path / "a-v2@mill").write_bytes(b"a 3")
    with pytest.raises(ProgramAlteredError):
        guard.start(port, RELEASES, "mill", "a", None)
    assert not port.running()


def test_a_folder_with_two_files_has_no_released_program(tmp_path):
    port = FolderPort(tmp_path)
    guard.load(port, RELEASES[1], b"a 2")
    (tmp_path / ".part-1").write_bytes(b"x")
    assert guard.check(port, RELEASES, "mill").release == RELEASES[1]
    (tmp_path / "zz").write_bytes(b"")
    finding = guard.check(port, RELEASES, "mill")
    assert (finding.stopped, finding.allowed, finding.name) == (True, False, "a-v2@mill, zz")
    assert sorted(path.name.partition("-")[2] for path in (tmp_path / "removed").iterdir()) == ["a-v2@mill", "zz"]


def test_a_missing_folder_is_an_unavailable_machine(tmp_path):
    with pytest.raises(MachineUnavailableError):
        FolderPort(tmp_path / "missing").loaded()
    with pytest.raises(InvalidInput):
        FolderPort(tmp_path).load("../x", b"")
