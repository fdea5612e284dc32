"""States of the processes of inspectors: the time of the last report, and faults.

Each process writes to the file in its own data folder. A process with inspection tasks at a portal also writes to the
file in the portal's data folder.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from chromatrace.storage.closing import Closing
from chromatrace.storage.private import private_folder
from chromatrace.storage.sqlite import FileErrors, open_file

FILE_NAME = "inspectors.db"
"""Name of the file in a data folder."""
STOPPED_AFTER_S = 60
"""A process that has not reported for this time is considered stopped; it reports every few seconds."""
_BUSY_S = 10.0


@dataclass(frozen=True, slots=True)
class InspectorState:
    """State of an inspector's process.

    inspector  its account
    number     its number on the panel
    seen_at    time of the last report, Unix seconds
    faults     errors by subject, each still tried again; some need a person
    """

    inspector: str
    organisation: int
    panel: int
    number: int
    seen_at: int
    faults: Mapping[str, str]

    def running(self, now: float) -> bool:
        """Return whether the process has reported recently."""
        return now - self.seen_at < STOPPED_AFTER_S


class InspectorStates(Closing):
    """The states in one file. Any number of processes may have it open."""

    def __init__(self, path: Path) -> None:
        private_folder(path.parent)
        self._db = open_file(path, FileErrors("inspector_states"), _BUSY_S)
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS states (inspector TEXT, organisation INTEGER, panel INTEGER, number INTEGER, "
            "seen_at INTEGER, faults TEXT, PRIMARY KEY (inspector, panel)) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def write(self, inspector: str, organisation: int, panel: int, number: int, faults: Mapping[str, str]) -> None:
        """Store the present state of a process."""
        self._db.execute(
            "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?)",
            (inspector.lower(), organisation, panel, number, int(time.time()), orjson.dumps(faults).decode()),
        )

    def states(self, organisation: int | None = None) -> list[InspectorState]:
        """Return the states of all inspectors, or of those of an organisation."""
        rows = self._db.execute(
            "SELECT inspector, organisation, panel, number, seen_at, faults FROM states "
            "WHERE :organisation IS NULL OR organisation = :organisation ORDER BY panel, number",
            {"organisation": organisation},
        )
        return [
            InspectorState(inspector, owner, panel, number, seen_at, orjson.loads(faults))
            for inspector, owner, panel, number, seen_at, faults in rows
        ]
