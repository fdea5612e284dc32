"""The ranges of a backfill, one after the other; those of a long one are read and decoded by a process of its own.

In one interpreter reading and writing take turns, however many threads they have. The process is an accelerator and
nothing more: it holds nothing back that was accepted, and where it fails, for whatever reason, its parent reads on by
itself and meets the same error in its own right.
"""

from __future__ import annotations

import gc
import marshal
import os
import pickle
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from chromatrace.domain.errors import ChromaTraceError
from chromatrace.index.source import Header, LogRange, Reorganised, Source
from chromatrace.storage.closing import Closing

_PACKAGES = Path(__file__).resolve().parents[2]
_READY = b"r"
_MEANWHILE = 4
"""Blocks to read at once while the process starts."""


class Reading(Closing):
    """What `source` has behind the block `after` up to `target`, as an iterator; leave its `with` when done."""

    def __init__(self, source: Source, after: Header, target: int) -> None:
        self._source, self._at, self._target = source, after, target
        self._process: _ReadingProcess | None = None
        self._failed = False

    def __iter__(self) -> Iterator[LogRange]:
        while self._at.number < self._target:
            found = self._beside() or self._by_itself()
            self._at = found.end
            yield found

    def much_comes(self) -> None:
        """Lets a process read the rest, as soon as it has started."""
        if self._process is None:
            self._process = _ReadingProcess(self._source)

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self._process is not None:
            self._process.end()

    def _by_itself(self) -> LogRange:
        """The next range read here: a short one while the process starts, which reads the next one sooner."""
        starting = self._process is not None and not self._failed
        return self._source.read(self._at, self._target, _MEANWHILE if starting else None)

    def _beside(self) -> LogRange | None:
        """The next range from the process, if there is one that reads."""
        if self._process is None or self._failed or not self._process.reads(self._at, self._target):
            return None
        found = self._process.next_range()
        self._failed = found is None
        return found


class _ReadingProcess:
    """The parent's end. The child ends with its parent, however that dies: the pipe to it closes."""

    def __init__(self, source: Source) -> None:
        path = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
        self._popen = subprocess.Popen(
            (sys.executable, "-P", "-c", "from chromatrace.index.backfill import serve; serve()"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
            # A Ctrl-C is the parent's to handle.
            start_new_session=True,
        )
        self._source, self._asked = source, False

    def reads(self, at: Header, target: int) -> bool:
        """Whether it is ready, and told where to begin: now, unless it was before."""
        if not self._asked and select.select([self._answers], [], [], 0)[0]:
            self._asked = self._answers.read(1) == _READY
            if self._asked:
                self._ask(at, target)
        return self._asked

    def next_range(self) -> LogRange | None:
        """What it read next; None when it has ended instead."""
        found: LogRange
        try:
            found, many = pickle.load(self._answers)  # noqa: S301 - our own process
            found.rows, found.arguments = marshal.loads(many)  # noqa: S302
        except (EOFError, pickle.UnpicklingError):
            return None
        return found

    def end(self) -> None:
        """Ends it."""
        self._popen.kill()
        self._popen.communicate()

    @property
    def _answers(self) -> BinaryIO:
        assert self._popen.stdout is not None
        return self._popen.stdout  # type: ignore[return-value]

    def _ask(self, at: Header, target: int) -> None:
        assert self._popen.stdin is not None
        try:
            pickle.dump((self._source, at, target), self._popen.stdin)
            self._popen.stdin.flush()
        except BrokenPipeError:
            # It died meanwhile, and `next_range` will find out.
            return


def serve() -> None:
    """The child's whole life: reads what it is asked for as fast as its parent takes it."""
    gc.disable()
    try:
        _answer(sys.stdin.buffer, sys.stdout.buffer)
    except (ChromaTraceError, Reorganised, EOFError, BrokenPipeError):
        # The parent reads on, and meets the error.
        os._exit(1)


def _answer(questions: BinaryIO, answers: BinaryIO) -> None:
    answers.write(_READY)
    answers.flush()
    source, after, target = pickle.load(questions)  # noqa: S301 - our own parent
    threading.Thread(target=_end_with_parent, args=(questions,), daemon=True).start()
    for found in Reading(source, after, target):
        # The same interpreter is at both ends, and this takes half the time for plain values.
        many = marshal.dumps((found.rows, found.arguments))  # type: ignore[arg-type]
        pickle.dump((replace(found, rows=(), arguments=()), many), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _end_with_parent(questions: BinaryIO) -> None:
    questions.read()
    os._exit(0)
