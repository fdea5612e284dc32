"""The file or folder in which a development node keeps its chain: one node at a time, and one beginning."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

from chromatrace.domain.errors import Conflict, IntegrityError
from chromatrace.storage.files import write_whole

_POLL_S = 0.05
_WAIT_S = 15.0
"""A node whose starter was killed writes its state before it ends: the next start waits that long for it."""


class StateLock:
    """The right to run a chain from `state`, held in the file beside it.

    A node inherits `descriptor`, so that the lock lasts until both its starter and the node have ended, however they
    end.
    """

    def __init__(self, state: Path) -> None:
        """Takes the lock; raises `Conflict` naming the process that holds it."""
        state.parent.mkdir(parents=True, exist_ok=True)
        path = state.with_name(state.name + ".lock")
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _WAIT_S
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    holder = path.read_text(encoding="ascii").strip() or "unknown"
                    self.close()
                    raise Conflict(
                        f"the chain in {state} is being run already, by process {holder}",
                        field="data",
                        hint=f"end it (`kill {holder}` where nothing else does), or name another folder by --data",
                    ) from error
                time.sleep(_POLL_S)

    def name_holder(self, process: int) -> None:
        """Notes which process runs the chain, for whoever is refused."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(process).encode(), 0)

    def close(self) -> None:
        """Gives up our part of it; a node that lives still holds its own."""
        os.close(self.descriptor)


def keep_one_beginning(state: Path) -> None:
    """Takes from Anvil's state file every block 0 but the oldest.

    Anvil makes a new one at each start and writes it down beside the one that it loaded; which of several it answers
    with later is a matter of chance, and with the wrong one it is another chain to everybody who knew it.
    Raises `IntegrityError` where the file is no state of Anvil.
    """
    if not state.exists():
        return
    try:
        content = json.loads(state.read_bytes())
        first = [block for block in content["blocks"] if int(block["header"]["number"], 16) == 0]
        if len(first) < 2:
            return
        oldest = min(first, key=lambda block: int(block["header"]["timestamp"], 16))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{state} is not a whole state of Anvil ({error!r})",
            field="data",
            hint="put a copy of the data folder back, or name an empty folder by --data",
        ) from error
    content["blocks"] = [oldest, *(block for block in content["blocks"] if int(block["header"]["number"], 16) != 0)]
    write_whole(state, [json.dumps(content).encode()])
