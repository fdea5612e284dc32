"""Read the ranges of a backfill in order; a long backfill is read and decoded in a separate process.

The GIL serialises reading and writing within one process. The separate process is only an accelerator: it keeps no
state, and if it fails for any reason, its parent continues reading itself and raises the error, if it persists.
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
from chromatrace.index.chain_reader import ChainReader, HeaderSummary, LogRange, ReorganisedError
from chromatrace.storage.closing import Closing

_PACKAGES = Path(__file__).resolve().parents[2]
_READY = b"r"
_BLOCKS_WHILE_STARTING = 4
"""Blocks per range while the process starts; short ranges, so it can take over soon."""


class Backfill(Closing):
    """The ranges after the block `after` up to block `target`. An iterable; close it when done."""

    def __init__(self, reader: ChainReader, after: HeaderSummary, target: int) -> None:
        self._reader, self._at, self._target = reader, after, target
        self._process: _ReaderProcess | None = None
        self._failed = False

    def __iter__(self) -> Iterator[LogRange]:
        while self._at.number < self._target:
            logs = self._next_from_process() or self._next_from_reader()
            self._at = logs.end
            yield logs

    def start_process(self) -> None:
        """Start the process that reads the rest."""
        if self._process is None:
            self._process = _ReaderProcess(self._reader)

    def close(self) -> None:
        """End the process, if it was started."""
        if self._process is not None:
            self._process.end()

    def _next_from_reader(self) -> LogRange:
        starting = self._process is not None and not self._failed
        return self._reader.read(self._at, self._target, _BLOCKS_WHILE_STARTING if starting else None)

    def _next_from_process(self) -> LogRange | None:
        if self._process is None or self._failed or not self._process.is_reading(self._at, self._target):
            return None
        logs = self._process.next_range()
        self._failed = logs is None
        return logs


class _ReaderProcess:
    """The parent's side. The child ends when its parent ends, because the pipe closes."""

    def __init__(self, reader: ChainReader) -> None:
        path = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
        self._popen = subprocess.Popen(
            (sys.executable, "-P", "-c", "from chromatrace.index.backfill import serve; serve()"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
            # Ctrl-C must reach the parent only.
            start_new_session=True,
        )
        self._reader, self._requested = reader, False

    def is_reading(self, at: HeaderSummary, target: int) -> bool:
        """Whether the process reads; sends it the request as soon as it is ready."""
        if not self._requested and select.select([self._output], [], [], 0)[0]:
            self._requested = self._output.read(1) == _READY
            if self._requested:
                self._send_request(at, target)
        return self._requested

    def next_range(self) -> LogRange | None:
        """Return the next range, or None if the process has ended."""
        logs: LogRange
        try:
            logs, events = pickle.load(self._output)  # noqa: S301 - written by the child process
            logs.rows, logs.arguments = marshal.loads(events)  # noqa: S302
        except (EOFError, pickle.UnpicklingError):
            return None
        return logs

    def end(self) -> None:
        """Kill the process and wait for it."""
        self._popen.kill()
        self._popen.communicate()

    @property
    def _output(self) -> BinaryIO:
        assert self._popen.stdout is not None
        return self._popen.stdout  # type: ignore[return-value]

    def _send_request(self, at: HeaderSummary, target: int) -> None:
        assert self._popen.stdin is not None
        try:
            pickle.dump((self._reader, at, target), self._popen.stdin)
            self._popen.stdin.flush()
        except BrokenPipeError:
            # The process has ended; `next_range` returns None.
            return


def serve() -> None:
    """Run the child process: read the requested ranges as fast as the parent takes them."""
    gc.disable()
    try:
        _serve(sys.stdin.buffer, sys.stdout.buffer)
    except (ChromaTraceError, ReorganisedError, EOFError, BrokenPipeError):
        # The parent continues, and meets the error itself.
        os._exit(1)


def _serve(requests: BinaryIO, output: BinaryIO) -> None:
    output.write(_READY)
    output.flush()
    reader, after, target = pickle.load(requests)  # noqa: S301 - written by the parent process
    threading.Thread(target=_end_with_parent, args=(requests,), daemon=True).start()
    for logs in Backfill(reader, after, target):
        # Both sides run the same interpreter; marshal takes half the time of pickle for plain values.
        events = marshal.dumps((logs.rows, logs.arguments))  # type: ignore[arg-type]
        pickle.dump((replace(logs, rows=(), arguments=()), events), output, pickle.HIGHEST_PROTOCOL)
        output.flush()


def _end_with_parent(requests: BinaryIO) -> None:
    requests.read()
    os._exit(0)
