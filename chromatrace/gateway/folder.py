"""Read each new file of a folder, also on a network file system and while programs still write to it.

- A file is read after its size, times and inode have not changed for `SETTLE_S`. A text whose last line has no end may
  be incomplete and waits longer.
- A file that was read is known by path, times, inode and SHA-256. Another content under the same name is a new file. A
  name that vanished and came back under another name with the same content is a renamed file.
- The folder is scanned at each notification and at least every `POLL_S`: network file systems send no notifications.
- The record that a file was read is written after its readings are stored. After a crash, it is read again, and the
  spool finds the duplicates.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from watchfiles import watch

from chromatrace.domain.errors import InvalidInput
from chromatrace.gateway.store import GatewayStore
from chromatrace.ingest.errors import SpoolUnavailable
from chromatrace.ingest.files import FileResult, ingest_file
from chromatrace.ingest.gateway.dead_letters import MAX_REASON, DeadLetter, Recorder
from chromatrace.ingest.gateway.statistics import GatewayStatistics, RejectedTagValue
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.spool import Spool
from chromatrace.plant.plant_sources import FolderSource

POLL_S = 1.0
SETTLE_S = 2.0
_INCOMPLETE_FACTOR = 5
_TEMPORARY = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~")
_BINARY = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".parquet", ".gz")
_LISTED = 100
READ, FAILED = "read", "failed"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _KnownFile:
    stamp: str
    digest: bytes
    state: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file that changed, and since when it has this stamp (monotonic seconds)."""

    stamp: str
    since_s: float


class _Stopped(Exception):
    """The gateway stops while it reads a file."""


class FolderReader:
    """Reads the files of one source. Not thread-safe."""

    def __init__(
        self,
        source: FolderSource,
        layout: Layout,
        spool: Spool,
        store: GatewayStore,
        recorder: Recorder,
        *,
        settle_s: float = SETTLE_S,
        poll_s: float = POLL_S,
    ) -> None:
        self.statistics = GatewayStatistics()
        self._source = source
        self._layout = layout
        self._spool = spool
        self._store = store
        self._recorder = recorder
        self._settle_s = settle_s
        self._poll_s = poll_s
        self._candidates: dict[Path, _Candidate] = {}
        with store.reading() as db:
            rows = db.execute("SELECT path, stamp, digest, state FROM file WHERE origin = ?", (source.id,)).fetchall()
        self._files = {path: _KnownFile(*known) for path, *known in rows}

    def run(self, stop: threading.Event) -> None:
        """Read files until `stop` is set. Raises `InvalidInput` if the folder does not exist."""
        folder = self._source.path
        if not folder.is_dir():
            raise InvalidInput(f"{folder} is not a folder", field="path", hint="create it, or correct the plant file")
        self.statistics.connected = True
        try:
            self.scan(stop)
            for _ in self._changes(stop):
                self.scan(stop)
        except FileNotFoundError as error:
            raise InvalidInput(f"{folder} no longer exists", field="path", hint="create it again") from error
        finally:
            self.statistics.connected = False

    def _changes(self, stop: threading.Event) -> Iterator[object]:
        """Yield at each notification, and after `poll_s` without one, until `stop` is set."""
        try:
            yield from watch(
                self._source.path,
                watch_filter=None,
                stop_event=stop,
                debounce=200,
                rust_timeout=int(self._poll_s * 1000),
                yield_on_timeout=True,
                raise_interrupt=False,
                recursive=False,
            )
        except (OSError, RuntimeError) as error:
            # Such as the limit of inotify watches.
            _logger.warning("%s: no notifications (%s); polling only", self._source.path, error)
        while not stop.wait(self._poll_s):
            yield None

    def scan(self, stop: threading.Event) -> None:
        """Read each file that is new and complete."""
        found: set[Path] = set()
        for entry in sorted(os.scandir(self._source.path), key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.is_file() and self._is_wanted(entry.name):
                found.add(path)
                if not stop.is_set():
                    self._consider(path, stop)
        self._candidates = {path: seen for path, seen in self._candidates.items() if path in found}

    def read(self, path: Path, stop: threading.Event) -> FileResult | None:
        """Read one file now and record the result. Return None if it changed meanwhile or the gateway stops."""
        stamp = _stamp(path)
        digest = _digest(path)
        try:
            result = ingest_file(
                self._spool,
                self._source.channel,
                path,
                self._layout,
                source=self._source.id,
                progress=lambda _, __: _raise_if(stop),
            )
        except InvalidInput as error:
            result = FileResult()
            reasons = [str(error)]
        except _Stopped:
            return None
        else:
            reasons = [f"line {value.line}, {value.field}: {value.reason}" for value in result.rejected[:_LISTED]]
            if not result.stored and not result.duplicates and not reasons:
                reasons = ["the file has no readings"]
        if _stamp(path) != stamp:
            return None  # the file is still growing; it is read again
        self._count(path, result, reasons)
        known = self._files.get(str(path))
        if reasons:
            self._recorder.record([self._letter(path, digest, result, reasons)])
        elif known is not None and known.state == FAILED:
            self._recorder.resolve(str(path))
        self._remember(path, _KnownFile(stamp, digest, FAILED if reasons else READ))
        return result

    def _consider(self, path: Path, stop: threading.Event) -> None:
        try:
            stamp = _stamp(path)
            known = self._files.get(str(path))
            if known is not None and known.stamp == stamp:
                self._candidates.pop(path, None)
                return
            seen = self._candidates.get(path)
            if seen is None or seen.stamp != stamp:
                seen = self._candidates[path] = _Candidate(stamp, time.monotonic())
            unchanged_s = time.monotonic() - seen.since_s
            if unchanged_s < self._settle_s:
                return
            if unchanged_s < self._settle_s * _INCOMPLETE_FACTOR and not _is_complete(path):
                return
            if not self._is_known_content(path, stamp, known):
                self.read(path, stop)
            self._candidates.pop(path, None)
        except FileNotFoundError:
            return  # renamed or removed meanwhile
        except SpoolUnavailable as error:
            self.statistics.spool_retries += 1
            self.statistics.last_error = str(error)
        except OSError as error:
            self.statistics.last_error = f"{path}: {error.strerror or error}"

    def _is_known_content(self, path: Path, stamp: str, known: _KnownFile | None) -> bool:
        """Return whether the content was read before: under this name, or under a name that no longer exists."""
        digest = _digest(path)
        if known is None or known.digest != digest:
            state = next(
                (
                    other.state
                    for name, other in self._files.items()
                    if other.digest == digest and not Path(name).exists()
                ),
                None,
            )
            if state is None:
                return False
            known = _KnownFile(stamp, digest, state)
        self._remember(path, _KnownFile(stamp, digest, known.state))
        return True

    def _remember(self, path: Path, known: _KnownFile) -> None:
        with self._store.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)",
                (self._source.id, str(path), known.stamp, known.digest, known.state, time.time_ns()),
            )
        self._files[str(path)] = known

    def _count(self, path: Path, result: FileResult, reasons: list[str]) -> None:
        statistics = self.statistics
        statistics.files += 1
        statistics.stored += result.stored
        statistics.duplicates += result.duplicates
        statistics.conflicting += result.conflicting
        for reason in reasons:
            statistics.reject(RejectedTagValue(path.name, "", reason))
        statistics.rejected += max(0, result.rejected_count - len(reasons))

    def _letter(self, path: Path, digest: bytes, result: FileResult, reasons: list[str]) -> DeadLetter:
        payload = orjson.dumps(
            {
                "file": str(path),
                "sha256": digest.hex(),
                "stored": result.stored,
                "rejected": max(result.rejected_count, 1),
                "errors": reasons,
            }
        )
        reason = "; ".join(reasons)[:MAX_REASON]
        return DeadLetter(self._source.id, "", reason, time.time_ns(), "file", str(path), payload, len(payload))

    def _is_wanted(self, name: str) -> bool:
        return not name.startswith(".") and not name.lower().endswith(_TEMPORARY) and self._source.matches(name)


def _raise_if(stop: threading.Event) -> None:
    if stop.is_set():
        raise _Stopped


def _stamp(path: Path) -> str:
    """Return what changes if the content of a file changes. Network file systems may keep times in whole seconds."""
    facts = path.stat()
    return f"{facts.st_size}:{facts.st_mtime_ns}:{facts.st_ctime_ns}:{facts.st_ino}"


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _is_complete(path: Path) -> bool:
    """Return whether a text ends with a line end, or a compressed file with its checksum."""
    if path.suffix.lower() == ".gz":
        return _is_whole_gzip(path)
    if path.suffix.lower() in _BINARY:
        return True
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) in (b"\n", b"\r", b"\0", b"}", b"]")


def _is_whole_gzip(path: Path) -> bool:
    try:
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass
    except (EOFError, OSError):
        return False
    return True
