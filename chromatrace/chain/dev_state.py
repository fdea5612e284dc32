"""The file or folder in which a development node keeps its chain: one node at a time, and one beginning."""

from __future__ import annotations

import json
from pathlib import Path

from chromatrace.domain.errors import Conflict, IntegrityError
from chromatrace.storage.files import write_whole
from chromatrace.storage.lock import LockedError, ProcessLock

_WAIT_S = 15.0
"""A node whose starter was killed writes its state before it ends; the next start waits that long for it."""


def lock_state(state: Path) -> ProcessLock:
    """Lock the chain in `state` for one node. Raises `Conflict` naming the process that runs it.

    The node inherits the lock's descriptor, so that the lock lasts until both its starter and the node have ended.
    """
    try:
        return ProcessLock(state.with_name(state.name + ".lock"), _WAIT_S)
    except LockedError as error:
        holder = error.holder or "unknown"
        raise Conflict(
            f"process {holder} is already running the chain in {state}",
            field="data",
            hint=f"stop it (`kill {holder}`), or name another folder with --data",
        ) from error


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
