"""The state file of a development node: locked by one node, with a single genesis block."""

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

    The node inherits the lock's descriptor, so the lock lasts until both its starter and the node have ended.
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


def keep_one_genesis(state: Path) -> None:
    """Remove every genesis block but the oldest from Anvil's state file.

    Anvil adds a new genesis block to its state at each start and later serves any of them. With another genesis block
    it is another chain. Raises `IntegrityError` if the file is not an Anvil state.
    """
    if not state.exists():
        return
    try:
        content = json.loads(state.read_bytes())
        genesis_blocks = [block for block in content["blocks"] if int(block["header"]["number"], 16) == 0]
        if len(genesis_blocks) < 2:
            return
        oldest = min(genesis_blocks, key=lambda block: int(block["header"]["timestamp"], 16))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{state} is not a complete Anvil state ({error!r})",
            field="data",
            hint="restore a copy of the data folder, or name an empty folder with --data",
        ) from error
    content["blocks"] = [oldest, *(block for block in content["blocks"] if int(block["header"]["number"], 16) != 0)]
    write_whole(state, [json.dumps(content).encode()])
