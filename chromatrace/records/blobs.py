"""Where the content store keeps its bytes: a folder, or a bucket of anything that speaks S3.

    open_blobs("/srv/chromatrace/vault")
    open_blobs("s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-1")

Names are relative paths of our own making. What `write` returned for is there, whole, after a crash or a power cut;
what was broken off was never there. Credentials of S3 come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and
AWS_SESSION_TOKEN), or from the file that AWS's own tools read; they never stand in the URL.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast
from urllib.parse import parse_qs, urlsplit

from chromatrace.domain.errors import InvalidInput
from chromatrace.records.errors import VaultAccessError, VaultUnavailableError
from chromatrace.records.sealing import ByteSource
from chromatrace.storage.files import UNFINISHED, write_whole

if TYPE_CHECKING:
    from minio import Minio

_PART = 16 * 1024 * 1024
"""Bytes that are in memory while a large object goes to S3; 10,000 parts of it are the largest object."""
_CONNECT_S, _READ_S = 10, 60
_UNKNOWN_KEY = ("InvalidAccessKeyId", "InvalidToken", "ExpiredToken", "TokenRefreshRequired", "InvalidSecurity")


class Blobs(Protocol):
    """Named bytes. Every method raises `VaultUnavailableError` where the place does not answer."""

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Stores the pieces under a name, all or none."""

    def read(self, name: str) -> bytes | None:
        """A small blob; None where there is none."""

    def open(self, name: str) -> Any:
        """A context that gives a `ByteSource` of the blob; None where there is none."""

    def names(self, prefix: str) -> list[str]:
        """Every name in the folder `prefix` (which ends with a slash), in order."""

    def delete(self, names: Iterable[str]) -> None:
        """Removes blobs, in this order; one that is gone already is fine."""


def open_blobs(place: Path | str) -> Blobs:
    """The store at a path or `s3://` URL. Raises `InvalidInput` for another URL."""
    text = str(place)
    if text.startswith("s3://"):
        return S3Blobs(text)
    if "://" in text:
        raise InvalidInput(f"a folder or s3://bucket/prefix?endpoint=… is needed, got {text[:80]!r}", field="vault_url")
    return FolderBlobs(Path(place))


class FolderBlobs:
    """Files below a folder, which is made when the first one comes. Any number of processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """See `Blobs`."""
        path = self.folder / name
        with disk_errors():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, pieces)

    def read(self, name: str) -> bytes | None:
        """See `Blobs`."""
        with disk_errors():
            try:
                return (self.folder / name).read_bytes()
            except FileNotFoundError:
                return None

    @contextmanager
    def open(self, name: str) -> Iterator[ByteSource | None]:
        """See `Blobs`."""
        with disk_errors():
            path = self.folder / name
            if not path.exists():
                yield None
                return
            with path.open("rb") as file:
                yield file

    def names(self, prefix: str) -> list[str]:
        """See `Blobs`."""
        with disk_errors():
            try:
                found = list(os.scandir(self.folder / prefix))
            except FileNotFoundError:
                return []
        return sorted(prefix + item.name for item in found if not item.name.startswith(UNFINISHED))

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
                "s3://bucket/prefix?endpoint=https://host&region=… is needed, without credentials",
                field="vault_url",
                hint="credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        self._bucket = parts.hostname
        self._prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        self._endpoint = options.get("endpoint", "https://s3.amazonaws.com")
        self._client = _client(self._endpoint, options.get("region"))

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """See `Blobs`. An upload that breaks off is given up on the server's side too."""
        with self._errors():
            stream = cast(BinaryIO, _PieceStream(pieces))
            self._client.put_object(
                self._bucket, self._prefix + name, stream, -1, part_size=_PART, num_parallel_uploads=1
            )

    def read(self, name: str) -> bytes | None:
        """See `Blobs`."""
        with self.open(name) as source:
            return None if source is None else b"".join(iter(lambda: source.read(_PART), b""))

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
                yield None
                return
            try:
                yield response
            finally:
                response.close()
                response.release_conn()

    def names(self, prefix: str) -> list[str]:
        """See `Blobs`."""
        with self._errors():
            found = self._client.list_objects(self._bucket, prefix=self._prefix + prefix)
            return sorted(str(item.object_name).removeprefix(self._prefix) for item in found if not item.is_dir)

    def delete(self, names: Iterable[str]) -> None:
        """See `Blobs`."""
        with self._errors():
            for name in names:
                self._client.remove_object(self._bucket, self._prefix + name)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from minio.error import MinioException, S3Error
        from urllib3.exceptions import HTTPError

        try:
            yield
        except S3Error as error:
            raise self._refused(str(error.code)) from error
        except (MinioException, HTTPError, OSError) as error:
            raise VaultUnavailableError(
                f"nothing that speaks S3 answers at {self._endpoint}: {error}"[:300],
                field="vault_url",
                hint="is the endpoint right, and is its server up?",
            ) from error

    def _refused(self, code: str) -> VaultUnavailableError:
        """The server's refusal in our words, naming what to put right."""
        said = f"({code})"
        if code == "NoSuchBucket":
            return VaultUnavailableError(
                f"there is no bucket {self._bucket!r} at {self._endpoint} {said}",
                field="vault_url",
                hint="make the bucket first; it is never made from here",
            )
        if code in _UNKNOWN_KEY:
            return VaultAccessError(
                f"{self._endpoint} does not know the access key {said}",
                field="AWS_ACCESS_KEY_ID",
                hint="is the key of this server, and not yet withdrawn?",
            )
        if code == "SignatureDoesNotMatch":
            return VaultAccessError(
                f"{self._endpoint} does not take the signature: the secret is not that of the access key {said}",
                field="AWS_SECRET_ACCESS_KEY",
                hint="is it whole? a region other than the server's has the same effect",
            )
        if code == "RequestTimeTooSkewed":
            return VaultAccessError(
                f"the clocks here and at {self._endpoint} differ too much {said}", field="clock", hint="set the clock"
            )
        if code in ("AccessDenied", "AllAccessDisabled", "AccountProblem"):
            return VaultAccessError(
                f"the credentials may not do this in the bucket {self._bucket!r} {said}",
                field="vault_url",
                hint="they need to list the bucket, and to get, put and delete its objects",
            )
        return VaultUnavailableError(
            f"the bucket {self._bucket!r} at {self._endpoint} does not answer as it should {said}",
            field="vault_url",
            hint="the server's log says more",
        )


def _client(endpoint: str, region: str | None) -> Minio:
    """Its library is loaded here, so that a store on disk does not wait for it."""
    from minio import Minio
    from minio.credentials.credentials import Credentials
    from minio.credentials.providers import AWSConfigProvider, ChainedProvider, EnvAWSProvider
    from urllib3 import PoolManager, Retry, Timeout

    where = urlsplit(endpoint)
    if where.scheme not in ("http", "https") or not where.netloc or where.path.strip("/") or where.query:
        raise InvalidInput(f"an endpoint such as https://s3.example.com is needed, got {endpoint!r}", field="vault_url")

    class _Credentials(ChainedProvider):
        """Says what is missing where there are none."""

        def retrieve(self) -> Credentials:
            try:
                return super().retrieve()
            except ValueError as error:
                raise VaultAccessError(
                    "there are no credentials for the bucket",
                    field="AWS_ACCESS_KEY_ID",
                    hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials",
                ) from error

    retries = Retry(total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504])
    return Minio(
        where.netloc,
        secure=where.scheme == "https",
        region=region or "us-east-1",
        credentials=_Credentials([EnvAWSProvider(), AWSConfigProvider()]),
        http_client=PoolManager(timeout=Timeout(connect=_CONNECT_S, read=_READ_S), retries=retries, maxsize=10),
    )


class _PieceStream:
    """Pieces as one stream to read from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        parts, length = [self._left], len(self._left)
        for piece in self._pieces if size < 0 or length < size else ():
            parts.append(piece)
            length += len(piece)
            if 0 <= size <= length:
                break
        joined = b"".join(parts)
        cut = len(joined) if size < 0 else size
        self._left = joined[cut:]
        return joined[:cut]


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raises `VaultUnavailableError` for what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise VaultUnavailableError(
            f"{error.strerror or error}", field="vault", hint="is the disk full, or are rights missing?"
        ) from error
