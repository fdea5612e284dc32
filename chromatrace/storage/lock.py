"""An exclusive lock between processes, on a file.

The kernel releases the lock when its holder ends, also by SIGKILL. The file stays in place and contains the holder's
process id.
"""

from __future__ import annotations

import os
from pathlib import Path

import filelock

from chromatrace.domain.errors import Conflict
from chromatrace.storage.closing import Closing


class LockedError(Conflict):
    """Another holder has the lock. `holder` is its process id, None if unknown."""

    def __init__(self, path: Path, holder: int | None) -> None:
        process = "another process" if holder is None else f"process {holder}"
        super().__init__(f"{path} is locked by {process}", field="lock", hint="stop it, or wait for it to end")
        self.holder = holder


class ProcessLock(Closing):
    """A lock held from construction until `close`. Not reentrant; also excludes other threads of this process.

    timeout_s  how long to wait for another holder; None: without limit

    Raises `LockedError` after the timeout, `OSError` if the file cannot be opened.
    """

    def __init__(self, path: Path, timeout_s: float | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = filelock.FileLock(
            path,
            mode=0o600,
            thread_local=False,
            fallback_to_soft=False,
            preserve_lock_file=True,
            on_acquired=self._acquired,
        )
        try:
            self._lock.acquire(-1 if timeout_s is None else timeout_s)
        except filelock.Timeout as error:
            raise LockedError(path, _holder(path)) from error

    @property
    def descriptor(self) -> int:
        """The open file. The lock outlives this process in a child that inherits it."""
        return self._descriptor

    def name_holder(self, process_id: int) -> None:
        """Record the process that `LockedError` names."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(process_id).encode(), 0)

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def _acquired(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.name_holder(os.getpid())


def _holder(path: Path) -> int | None:
    content = path.read_text(encoding="ascii", errors="replace").strip()
    return int(content) if content.isascii() and content.isdigit() else None
