"""The private reader keys in a folder, optionally encrypted with one password.

    <organisation>-<department>/1.json    first key of an identity; a rotation adds 2.json
    <organisation>.recovery               public part of the organisation's recovery key

New documents are encrypted to the newest key of an identity. Older keys still decrypt until `Vault.rewrap` has replaced
them everywhere.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import DepartmentId, OrganisationId
from chromatrace.records.errors import KeyMissingError, ReaderKeyFileError
from chromatrace.records.reader_key import WHOLE_ORGANISATION, Reader, ReaderIdentity, ReaderKey
from chromatrace.storage import strict_json
from chromatrace.storage.files import write_once
from chromatrace.storage.private import read_private

_FOLDER = re.compile(r"([1-9][0-9]*)-([0-9a-f]{64})")
_FILE = re.compile(r"([1-9][0-9]*)\.json")
_MAX_FILE = 16 * 1024


class _KeyFile(strict_json.JsonObject, frozen=True):
    """Content of a key file. `private` is PKCS #8 in PEM."""

    schema: Literal["chromatrace.reader-key/1"]
    organisation: strict_json.Positive
    department: strict_json.Digest
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    private: str


def save_key(key: ReaderKey, path: Path, password: str | None = None) -> None:
    """Write a key, encrypted if a password is given. Raises `InvalidInput` if the file exists."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password.encode())
    pem = key.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    organisation, department = key.identity
    content = _KeyFile(
        "chromatrace.reader-key/1",
        organisation,
        strict_json.Digest(department),
        key.name,
        pem.decode(),
    )
    try:
        write_once(path, strict_json.encode(content) + b"\n")
    except FileExistsError as error:
        raise InvalidInput(f"{path} already exists", field="output", hint="choose another path") from error


def load_key(path: Path, password: str | None = None) -> ReaderKey:
    """Read a key that `save_key` wrote. Raises `ReaderKeyFileError` naming it, and `KeyMissingError` without one."""
    try:
        data = read_private(path).rstrip(b"\n")
    except FileNotFoundError as error:
        raise KeyMissingError(f"{path} does not exist", field="reader") from error
    except OSError as error:
        raise ReaderKeyFileError(f"{path} cannot be read: {error.strerror}", field="reader") from error
    except InvalidInput as error:
        raise ReaderKeyFileError(error.message, field="reader", hint=error.hint) from error
    try:
        content = strict_json.decode(data, _KeyFile, max_bytes=_MAX_FILE)
        private = serialization.load_pem_private_key(content.private.encode(), password.encode() if password else None)
        if not isinstance(private, Ed25519PrivateKey):
            raise InvalidInput("not an Ed25519 key", field="/private")
        identity = ReaderIdentity(OrganisationId(content.organisation), DepartmentId(bytes(content.department)))
        key = ReaderKey(identity, content.name, private)
        key.reader  # noqa: B018 - rejects an invalid name
    except (InvalidInput, ValueError, TypeError) as error:
        raise ReaderKeyFileError(
            f"{path} is not a reader key, or the password is wrong: {error}",
            field="reader",
            hint="check the setting reader_password, or restore the file",
        ) from error
    return key


class KeyRing:
    """The reader keys of a data folder. Each file is read once."""

    def __init__(self, folder: Path, password: str | None = None) -> None:
        self._folder, self._password = folder, password
        self._loaded: dict[Path, ReaderKey] = {}

    def create(self, identity: ReaderIdentity, name: str) -> tuple[ReaderKey, Path]:
        """Generate and save the first key of an identity. Raises `InvalidInput` if it has one."""
        if self._numbers(identity):
            raise InvalidInput(
                f"{name!r} ({identity}) already has a key",
                field="name",
                hint="use --rotate to replace it with a new key",
            )
        return self._add(identity, name, 1)

    def rotate(self, identity: ReaderIdentity) -> tuple[ReaderKey, Path]:
        """Generate and save a further key of an identity. Raises `KeyMissingError` if it has none."""
        current = self.current(identity)
        return self._add(identity, current.name, self._numbers(identity)[0] + 1)

    def current(self, identity: ReaderIdentity) -> ReaderKey:
        """Return the newest key of an identity. Raises `KeyMissingError`."""
        for key in self.keys(identity):
            return key
        raise KeyMissingError(
            f"no reader key of {identity}", field="reader", hint="create one with `chromatrace key reader`"
        )

    def keys(self, identity: ReaderIdentity) -> Iterator[ReaderKey]:
        """Yield the keys of an identity, newest first. Raises `ReaderKeyFileError`."""
        for number in self._numbers(identity):
            path = self._path(identity, number)
            key = self._loaded.get(path) or load_key(path, self._password)
            self._loaded[path] = key
            if key.identity != identity:
                raise ReaderKeyFileError(f"{path} is a key of {key.identity}, not of {identity}", field="reader")
            yield key

    def candidates(self, identity: ReaderIdentity) -> Iterator[ReaderKey]:
        """Yield the keys of an identity, then all others. An invalid file raises `ReaderKeyFileError` at the end."""
        first_error = None
        others = (other for other in self.identities() if other != identity)
        for each in (identity, *others):
            try:
                yield from self.keys(each)
            except InvalidInput as error:
                first_error = first_error or error
        if first_error is not None:
            raise first_error

    def identities(self) -> list[ReaderIdentity]:
        """Return the identities that have a key."""
        if not self._folder.is_dir():
            return []
        matches = (_FOLDER.fullmatch(item.name) for item in self._folder.iterdir())
        found = (
            ReaderIdentity(OrganisationId(int(match[1])), DepartmentId(bytes.fromhex(match[2])))
            for match in matches
            if match
        )
        return sorted(identity for identity in found if self._numbers(identity))

    def recovery(self, organisation: OrganisationId) -> Reader | None:
        """Return the public part of the organisation's recovery key, or None. Raises `ReaderKeyFileError`."""
        path = self._recovery_path(organisation)
        try:
            reader = Reader.parse(path.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, InvalidInput) as error:
            raise ReaderKeyFileError(
                f"{path} is not the public part of a reader key: {error}", field="reader"
            ) from error
        if reader.identity != (organisation, WHOLE_ORGANISATION):
            raise ReaderKeyFileError(f"{path} is the recovery key of {reader.identity}", field="reader")
        return reader

    def create_recovery(self, organisation: OrganisationId, path: Path) -> ReaderKey:
        """Generate a recovery key, save it at `path` outside the ring, and keep its public part.

        Raises `InvalidInput` if the organisation has one, or if `path` exists.
        """
        public = self._recovery_path(organisation)
        if public.exists():
            raise InvalidInput(
                f"organisation {organisation} already has a recovery key",
                field="organisation",
                hint=f"delete {public} to replace it",
            )
        key = ReaderKey.generate(ReaderIdentity(organisation, WHOLE_ORGANISATION), "recovery")
        save_key(key, path, self._password)
        self.keep_recovery(key)
        return key

    def keep_recovery(self, key: ReaderKey) -> None:
        """Keep the public part of a recovery key, unless the organisation has one. Raises `InvalidInput`."""
        if key.identity.department != WHOLE_ORGANISATION:
            raise InvalidInput(f"the key of {key.identity} is not a recovery key", field="recovery")
        with contextlib.suppress(FileExistsError):
            write_once(self._recovery_path(key.identity.organisation), f"{key.reader}\n".encode())

    def readers(self, identity: ReaderIdentity) -> list[Reader]:
        """Return the readers of a new document: the newest key of its department and the recovery key, if any."""
        recovery = self.recovery(identity.organisation)
        return [self.current(identity).reader, *([recovery] if recovery else [])]

    def _add(self, identity: ReaderIdentity, name: str, number: int) -> tuple[ReaderKey, Path]:
        key, path = ReaderKey.generate(identity, name), self._path(identity, number)
        save_key(key, path, self._password)
        return key, path

    def _numbers(self, identity: ReaderIdentity) -> list[int]:
        folder = self._path(identity, 1).parent
        names: Iterable[str] = (item.name for item in folder.iterdir()) if folder.is_dir() else ()
        return sorted((int(match[1]) for match in map(_FILE.fullmatch, names) if match), reverse=True)

    def _path(self, identity: ReaderIdentity, number: int) -> Path:
        return self._folder / f"{identity.organisation}-{identity.department.hex()}" / f"{number}.json"

    def _recovery_path(self, organisation: OrganisationId) -> Path:
        return self._folder / f"{organisation}.recovery"
