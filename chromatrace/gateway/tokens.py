"""Tokens with which a program pushes readings to one HTTP source. The file has their hashes only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from pathlib import Path
from typing import Annotated

import msgspec

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.ingest.times import rfc3339
from chromatrace.storage.files import write_whole
from chromatrace.storage.lock import ProcessLock

_PREFIX = "ctg"
_MAX_TOKENS = 1_000


class StoredToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token: its id, which is part of the token, a name, the SHA-256 of the token, and when it was created."""

    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{12}$")]
    name: Annotated[str, msgspec.Meta(max_length=120)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    created: str


class TokenFile:
    """The tokens of one HTTP source. A change of the file takes effect with the next request."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tokens(self) -> list[StoredToken]:
        """Return the tokens; none if the file does not exist. Raises `InvalidInput` if it is not a token file."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[StoredToken])
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be read: {error.strerror}", field="token_file") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"{self.path} is not a file of token hashes: {error}",
                field="token_file",
                hint="create it with `chromatrace gateway token create`",
            ) from error

    def create(self, name: str) -> tuple[str, StoredToken]:
        """Add a token and return it; the file has only its hash."""
        if len(name) > 120:
            raise InvalidInput(f"expected at most 120 characters, got {len(name)}", field="name")
        token_id = secrets.token_hex(6)
        token = f"{_PREFIX}_{token_id}_{secrets.token_urlsafe(32)}"
        stored = StoredToken(token_id, name, _hash(token), rfc3339(time.time_ns() // 10**9 * 10**9))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            tokens = self.tokens()
            if len(tokens) >= _MAX_TOKENS:
                raise InvalidInput(f"the file has {_MAX_TOKENS} tokens", field="token_file", hint="revoke some first")
            self._write([*tokens, stored])
        return token, stored

    def revoke(self, token_id: str) -> StoredToken:
        """Remove a token. Raises `NotFound`."""
        with self._locked():
            tokens = self.tokens()
            revoked = next((token for token in tokens if token.id == token_id), None)
            if revoked is None:
                raise NotFound(f"no token {token_id!r} in {self.path}", field="token", hint="see `gateway token list`")
            self._write([token for token in tokens if token is not revoked])
        return revoked

    def accepts(self, token: str) -> bool:
        """Return whether the file has the hash of this token."""
        presented = _hash(token)
        return any(hmac.compare_digest(stored.sha256, presented) for stored in self.tokens())

    def _locked(self) -> ProcessLock:
        return ProcessLock(self.path.with_name(f".{self.path.name}.lock"))

    def _write(self, tokens: list[StoredToken]) -> None:
        write_whole(self.path, [msgspec.json.format(msgspec.json.encode(tokens), indent=2), b"\n"])


def _hash(token: str) -> str:
    # A token has 256 random bits, so a slow hash would add nothing.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
