"""The key that signs cookies and CSRF tokens. Generated at the first start; readable by its owner only."""

from __future__ import annotations

import secrets
import stat
from contextlib import suppress
from pathlib import Path

from app.errors import InsecureConfigurationError
from chromatrace.storage.files import write_once
from chromatrace.storage.private import private_folder

_BYTES = 32


def load_secret_key(folder: Path) -> bytes:
    """Return the key in `folder/secret_key`, and generate it if it is missing. Safe if several workers start at once.

    Raises `InsecureConfigurationError` if other users may read the file or the key is too short.
    """
    path = folder / "secret_key"
    private_folder(folder)
    if not path.exists():
        with suppress(FileExistsError):  # another worker generated it
            write_once(path, secrets.token_bytes(_BYTES))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise InsecureConfigurationError(
            f"{path} has mode {mode:04o} and is readable by other users", field="secret_key", hint=f"chmod 600 {path}"
        )
    key = path.read_bytes()
    if len(key) < _BYTES:
        raise InsecureConfigurationError(
            f"{path} has {len(key)} bytes; at least {_BYTES} are required",
            field="secret_key",
            hint="delete the file; the next start generates a new key and ends all sessions",
        )
    return key
