"""A machine that reads its program from a folder. It must be the only file there.

The machine is started by its operator: it can start only what is in the folder.
"""

from __future__ import annotations

import time
from pathlib import Path

from chromatrace.domain.errors import InvalidInput
from chromatrace.programs.errors import MachineUnavailableError
from chromatrace.programs.port import Loaded
from chromatrace.storage.files import UNFINISHED, flush_folder, write_whole

_REMOVED = "removed"
"""Folder below: files are moved into it, not deleted."""


class FolderPort:
    """See `ProgramPort`. Raises `MachineUnavailableError` if the folder does not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str, content: bytes) -> None:
        """Write the program durably, after the other files were moved away."""
        if "/" in name or name.startswith(".") or not name.isprintable():
            raise InvalidInput(f"{name!r:.80} is not a valid file name", field="program")
        self.unload()
        try:
            write_whole(self._folder / name, [content])
        except OSError as error:
            raise self._unavailable(error) from error

    def loaded(self) -> Loaded | None:
        """Return the file. Several files have a content that no release has: their names."""
        files = self._files()
        if not files:
            return None
        try:
            if len(files) == 1:
                return Loaded(files[0].name, files[0].read_bytes())
            names = ", ".join(file.name for file in files)
            return Loaded(names, f"several files: {names}".encode())
        except OSError as error:
            raise self._unavailable(error) from error

    def unload(self) -> None:
        """Move all files into `removed`."""
        try:
            for file in self._files():
                (self._folder / _REMOVED).mkdir(exist_ok=True)
                file.replace(self._folder / _REMOVED / f"{time.time_ns()}-{file.name}")
            flush_folder(self._folder)
        except OSError as error:
            raise self._unavailable(error) from error

    def start(self) -> None:
        """Do nothing: the operator of the machine starts it."""

    def stop(self) -> None:
        """Take the program away: the machine has nothing to run."""
        self.unload()

    def running(self) -> bool:
        """Return whether there is a program that the machine may be running."""
        return bool(self._files())

    def _files(self) -> list[Path]:
        try:
            items = sorted(self._folder.iterdir())
        except OSError as error:
            raise self._unavailable(error) from error
        return [item for item in items if item.is_file() and not item.name.startswith(UNFINISHED)]

    def _unavailable(self, error: OSError) -> MachineUnavailableError:
        return MachineUnavailableError(f"{self._folder}: {error.strerror or error}", field="folder")
