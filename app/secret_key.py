"""The key that signs cookies and forms: made at the first start, readable by its owner only."""

from __future__ import annotations

import secrets
import stat
from contextlib import suppress
from pathlib import Path

from app.errors import InsecureConfigurationError
from chromatrace.storage.files import write_once

_BYTES = 32


def secret_key(folder: Path) -> bytes:
    """The key in `folder/secret_key`, made where it is missing. Several workers may start at once.

    Raises `InsecureConfiguration` where others may read the file, or where it is too short to be a key.
    """
    path = folder / "secret_key"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _create(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise InsecureConfigurationError(
            f"{path} has mode {mode:04o}: others may read it", field="secret_key", hint=f"chmod 600 {path}"
        )
    key = path.read_bytes()
    if len(key) < _BYTES:
        raise InsecureConfigurationError(
            f"{path} holds {len(key)} bytes, {_BYTES} are needed",
            field="secret_key",
            hint="remove the file; a new key is made at the next start and everybody logs in again",
        )
    return key


def _create(path: Path) -> None:
    """Written whole or not at all: a second worker never sees half a key."""
    with suppress(FileExistsError):  # another worker was first; its key is the one
        write_once(path, secrets.token_bytes(_BYTES))
