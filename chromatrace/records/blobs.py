"""Storage of the vault's blobs: a folder, or a bucket of an S3-compatible server.

    open_blobs("/srv/chromatrace/vault")
    open_blobs("s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-1")

Names are relative paths. `write` is atomic and durable: after a crash or power failure, a blob is complete or absent.
An S3 server can confirm an upload that it does not store, so each upload is read back and compared. A server that does
not respond, or sends a few bytes from time to time, is an error after the deadlines below.
S3 credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or from the credentials
file of the AWS tools; the URL must not contain them.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast
from urllib.parse import parse_qs, urlsplit
from xml.etree.ElementTree import ParseError

from chromatrace.domain.errors import InvalidInput
from chromatrace.records.errors import ContentCorruptError, VaultAccessError, VaultUnavailableError
from chromatrace.records.sealing import ByteSource
from chromatrace.storage.files import UNFINISHED, write_whole
from chromatrace.storage.lock import ProcessLock
from chromatrace.storage.private import private_folder

if TYPE_CHECKING:
    from minio import Minio

_LOCK = ".lock"
"""File in the folder of a vault that serialises its replacements."""
_PART = 8 * 1024 * 1024
"""Part size of S3 uploads in bytes, held in memory; an object has at most 10,000 parts."""
_MAX_SMALL = 4 * 1024 * 1024
"""Maximum size in bytes of a blob that `read` returns."""
_DOWNLOAD_S, _DOWNLOAD_BYTES_PER_S = 30, 16 * 1024
"""A download ends with an error after this time, plus the time for its bytes at this minimum rate."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_UNKNOWN_KEY = ("InvalidAccessKeyId", "InvalidToken", "ExpiredToken", "TokenRefreshRequired", "InvalidSecurity")


class Blobs(Protocol):
    """A store of named blobs. All methods raise `VaultUnavailableError` if the store does not respond."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Store chunks under a name, atomically."""

    def read(self, name: str) -> bytes | None:
        """Return a small blob, or None if it does not exist. Raises `ContentCorruptError` if it is not small."""

    def open(self, name: str) -> Any:
        """Return a context with a `ByteSource` of the blob, or None if it does not exist."""

    def replace(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Replace a small blob atomically if its content is `old` (None: it does not exist); return whether it was."""

    def walk(self, prefix: str) -> Iterator[str]:
        """Yield all names that start with the folder `prefix` (with a trailing slash), sorted."""

    def delete(self, names: Iterable[str]) -> None:
        """Delete blobs in this order; missing ones are ignored."""


def open_blobs(location: Path | str) -> Blobs:
    """Open the store at a path or `s3://` URL. Raises `InvalidInput` for another URL."""
    text = str(location)
    if text.startswith("s3://"):
        return S3Blobs(text)
    if "://" in text:
        raise InvalidInput(f"expected a folder or s3://bucket/prefix?endpoint=…, got {text[:80]!r}", field="vault_url")
    return FolderBlobs(Path(location))


class FolderBlobs:
    """Files below a folder, which is created with the first file. Any number of processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """See `Blobs`."""
        path = self.folder / name
        with disk_errors():
            if not path.parent.exists():
                private_folder(self.folder)
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, chunks)

    def read(self, name: str) -> bytes | None:
        """See `Blobs`."""
        with self.open(name) as source:
            return None if source is None else _small(name, source)

    @contextmanager
    def open(self, name: str) -> Iterator[ByteSource | None]:
        """See `Blobs`."""
        with disk_errors():
            try:
                # Without O_NONBLOCK, opening a named pipe waits for a writer.
                file = os.fdopen(os.open(self.folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
            except FileNotFoundError:
                yield None
                return
            with file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise _not_stored_here(name, "is not a regular file")
                yield file

    def replace(self, name: str, old: bytes | None, new: bytes) -> bool:
        """See `Blobs`."""
        with disk_errors():
            private_folder(self.folder)
            with ProcessLock(self.folder / _LOCK):
                if self.read(name) != old:
                    return False
                self.write(name, [new])
        return True

    def walk(self, prefix: str) -> Iterator[str]:
        """See `Blobs`."""
        with disk_errors():
            try:
                items = sorted(os.scandir(self.folder / prefix), key=lambda item: item.name)
            except FileNotFoundError:
                return
        for item in items:
            if item.is_dir(follow_symlinks=False):
                yield from self.walk(f"{prefix}{item.name}/")
            elif item.is_file() and not item.name.startswith(UNFINISHED):
                yield prefix + item.name

    def delete(self, names: Iterable[str]) -> None:
        """See `Blobs`."""
        with disk_errors():
            for name in names:
                (self.folder / name).unlink(missing_ok=True)


class S3Blobs:
    """Objects below a prefix of a bucket. `url`: `s3://bucket/prefix?endpoint=https://…&region=…`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if not parts.hostname or parts.username or set(options) - {"endpoint", "region"} or parts.fragment:
            raise InvalidInput(
                "expected s3://bucket/prefix?endpoint=https://host&region=… without credentials",
                field="vault_url",
                hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead",
            )
        self._bucket = parts.hostname
        if not _BUCKET.fullmatch(self._bucket):
            raise InvalidInput(
                f"{self._bucket!r} is not a valid bucket name; expected 3 to 63 of a-z, 0-9, '.', '_', '-'",
                field="vault_url",
            )
        self._prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        self._endpoint = options.get("endpoint", "https://s3.amazonaws.com")
        self._client = _client(self._endpoint, options.get("region"))

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """See `Blobs`. An interrupted upload is also aborted on the server."""
        stream = _ChunkStream(chunks)
        with self._errors():
            self._client.put_object(
                self._bucket, self._prefix + name, cast(BinaryIO, stream), -1, part_size=_PART, num_parallel_uploads=1
            )
        self._require_stored(name, stream.digest.digest())

    def _require_stored(self, name: str, digest: bytes) -> None:
        with self.open(name) as source:
            stored = None if source is None else _digest(source)
        if stored != digest:
            problem = "has other bytes" if stored else "does not have it"
            raise VaultUnavailableError(
                f"{self._endpoint} confirmed the upload of {name}, but {problem}",
                field="vault_url",
                hint="see the server's log and its free space, then try again",
            )

    def read(self, name: str) -> bytes | None:
        """See `Blobs`."""
        with self.open(name) as source:
            return None if source is None else _small(name, source)

    @contextmanager
    def open(self, name: str) -> Iterator[ByteSource | None]:
        """See `Blobs`."""
        from minio.error import S3Error

        with self._errors():
            try:
                response = self._client.get_object(self._bucket, self._prefix + name)
            except S3Error as error:
                if error.code != "NoSuchKey":
                    raise
                response = None
        if response is None:
            yield None
            return
        try:
            yield _Download(self, response)
        finally:
            response.close()
            response.release_conn()

    def replace(self, name: str, old: bytes | None, new: bytes) -> bool:
        """See `Blobs`. The server must support conditional writes (`If-Match`)."""
        from minio.error import S3Error

        with self._errors():
            condition: dict[str, str | list[str] | tuple[str]] = {"If-None-Match": "*"}
            if old is not None:
                etag = self._etag(name, old)
                if etag is None:
                    return False
                condition = {"If-Match": etag}
            try:
                self._client._put_object(self._bucket, self._prefix + name, new, condition)
            except S3Error as error:
                if error.code in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
                    return False
                raise
        self._require_stored(name, hashlib.sha256(new).digest())
        return True

    def _etag(self, name: str, content: bytes) -> str | None:
        """Return the entity tag of an object if it has this content, otherwise None."""
        from minio.error import S3Error

        try:
            response = self._client.get_object(self._bucket, self._prefix + name)
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            raise
        try:
            tag = response.headers.get("ETag")
            return tag if _small(name, _Download(self, response)) == content else None
        finally:
            response.close()
            response.release_conn()

    def walk(self, prefix: str) -> Iterator[str]:
        """See `Blobs`."""
        with self._errors():
            for item in self._client.list_objects(self._bucket, prefix=self._prefix + prefix, recursive=True):
                yield str(item.object_name).removeprefix(self._prefix)

    def delete(self, names: Iterable[str]) -> None:
        """See `Blobs`."""
        with self._errors():
            for name in names:
                self._client.remove_object(self._bucket, self._prefix + name)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Convert the errors of one request. `ValueError` and `ParseError` are responses that are not S3's XML."""
        from minio.error import MinioException, S3Error
        from urllib3.exceptions import HTTPError

        try:
            yield
        except S3Error as error:
            raise self._error_of(str(error.code)) from error
        except (MinioException, HTTPError, OSError, ParseError, ValueError) as error:
            raise VaultUnavailableError(
                f"no S3-compatible server responded at {self._endpoint}: {error}"[:300],
                field="vault_url",
                hint="check the endpoint and that its server is running",
            ) from error

    def _error_of(self, code: str) -> VaultUnavailableError:
        """Return the error for an S3 error code, with the setting to check."""
        if code == "NoSuchBucket":
            return VaultUnavailableError(
                f"bucket {self._bucket!r} does not exist at {self._endpoint} ({code})",
                field="vault_url",
                hint="create the bucket first",
            )
        if code in _UNKNOWN_KEY:
            return VaultAccessError(
                f"{self._endpoint} rejected the access key ({code})",
                field="AWS_ACCESS_KEY_ID",
                hint="check that the key belongs to this server and is not revoked",
            )
        if code == "SignatureDoesNotMatch":
            return VaultAccessError(
                f"{self._endpoint} rejected the signature: the secret key does not match the access key ({code})",
                field="AWS_SECRET_ACCESS_KEY",
                hint="check the secret key and the region",
            )
        if code == "RequestTimeTooSkewed":
            return VaultAccessError(
                f"the local clock differs too much from the clock of {self._endpoint} ({code})",
                field="clock",
                hint="set the clock",
            )
        if code in ("AccessDenied", "AllAccessDisabled", "AccountProblem"):
            return VaultAccessError(
                f"the credentials lack permissions for bucket {self._bucket!r} ({code})",
                field="vault_url",
                hint="allow listing the bucket, and getting, putting and deleting its objects",
            )
        return VaultUnavailableError(
            f"unexpected error from bucket {self._bucket!r} at {self._endpoint} ({code})",
            field="vault_url",
            hint="see the server's log",
        )


def _client(endpoint: str, region: str | None) -> Minio:
    """Create the S3 client. Its library is imported here, because a store on disk does not need it."""
    from minio import Minio
    from minio.credentials.credentials import Credentials
    from minio.credentials.providers import AWSConfigProvider, ChainedProvider, EnvAWSProvider

    from chromatrace.records.http_deadlines import deadline_pool

    url = urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.netloc or url.path.strip("/") or url.query:
        raise InvalidInput(f"expected an endpoint such as https://s3.example.com, got {endpoint!r}", field="vault_url")

    class _Credentials(ChainedProvider):
        """Raises a clear error if there are no credentials."""

        def retrieve(self) -> Credentials:
            try:
                return super().retrieve()
            except ValueError as error:
                raise VaultAccessError(
                    "no credentials for the bucket",
                    field="AWS_ACCESS_KEY_ID",
                    hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials",
                ) from error

    return Minio(
        url.netloc,
        secure=url.scheme == "https",
        region=region or "us-east-1",
        credentials=_Credentials([EnvAWSProvider(), AWSConfigProvider()]),
        http_client=deadline_pool(),
    )


class _Download:
    """The body of a response, as a `ByteSource` with a deadline."""

    def __init__(self, blobs: S3Blobs, response: Any) -> None:
        self._blobs, self._response = blobs, response
        self._started, self._received = time.monotonic(), 0

    def read(self, size: int, /) -> bytes:
        with self._blobs._errors():
            data: bytes = self._response.read1(size)
            self._received += len(data)
            waited = time.monotonic() - self._started
            if waited > _DOWNLOAD_S + self._received / _DOWNLOAD_BYTES_PER_S:
                raise TimeoutError(f"received {self._received:,} bytes in {waited:.0f} s")
        return data


class _ChunkStream:
    """Reads chunks as one stream and hashes them."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        parts, length = [self._rest], len(self._rest)
        for chunk in self._chunks if size < 0 or length < size else ():
            self.digest.update(chunk)
            parts.append(chunk)
            length += len(chunk)
            if 0 <= size <= length:
                break
        joined = b"".join(parts)
        cut = len(joined) if size < 0 else size
        self._rest = joined[cut:]
        return joined[:cut]


def _digest(source: ByteSource) -> bytes:
    digest = hashlib.sha256()
    while data := source.read(1 << 20):
        digest.update(data)
    return digest.digest()


def _small(name: str, source: ByteSource) -> bytes:
    parts, size = [], 0
    while data := source.read(1 << 16):
        parts.append(data)
        size += len(data)
        if size > _MAX_SMALL:
            raise _not_stored_here(name, f"has more than {_MAX_SMALL:,} bytes")
    return b"".join(parts)


def _not_stored_here(name: str, problem: str) -> ContentCorruptError:
    return ContentCorruptError(f"{name} in the vault {problem}", field="vault", hint="remove it")


@contextmanager
def disk_errors() -> Iterator[None]:
    """Convert `OSError` to `VaultUnavailableError`."""
    try:
        yield
    except OSError as error:
        raise VaultUnavailableError(
            f"{error.strerror or error}", field="vault", hint="check the free disk space and the permissions"
        ) from error
