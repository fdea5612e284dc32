"""Tasks of a portal that run in one of its workers: follow the chain, send accepted transactions, record captures."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.api.epcis.capture import CaptureStore
from app.context import Portal
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.storage.lock import LockedError, ProcessLock

log = logging.getLogger(__name__)

INTERVAL_S = 2.0
ELECTION_S = 0.5
"""Seconds between two attempts of a worker to take over."""
_JOIN_S = 10
_RETRY_S = 5.0

Task = Callable[[threading.Event], None]
"""Runs until the event is set."""


@contextmanager
def elected(lock: Path, tasks: dict[str, Task]) -> Iterator[None]:
    """Run `tasks` while the block lasts, in the process that holds the file `lock`.

    The kernel releases the lock when its holder ends, and another process takes over.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_take_over, args=(lock, tasks, stop), name="election", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_JOIN_S)


def _take_over(lock: Path, tasks: dict[str, Task], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            held = ProcessLock(lock, ELECTION_S)
        except LockedError:
            continue
        except OSError as error:
            log.warning("cannot open %s: %s; retrying", lock, error)
            stop.wait(_RETRY_S)
            continue
        with held:
            threads = [
                threading.Thread(target=_keep_running, args=(name, task, stop), name=name, daemon=True)
                for name, task in tasks.items()
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()


def _keep_running(name: str, task: Task, stop: threading.Event) -> None:
    """Run a task until `stop` is set, again after each error."""
    while not stop.is_set():
        try:
            task(stop)
        except Exception:
            log.exception("%s failed; starting it again in %.0f s", name, _RETRY_S)
            stop.wait(_RETRY_S)


def deliver(app: Flask, stop: threading.Event, interval_s: float = INTERVAL_S) -> None:
    """Send transactions and record captures until `stop` is set. A repeated error is logged once."""
    portal: Portal = app.extensions["portal"]
    captures = CaptureStore(portal.database, DocumentStore(portal.config.documents), portal.config.capture_limit)
    logged: dict[str, str] = {}
    tasks: dict[str, Callable[[], None]] = {
        "outbox": lambda: _send(portal),
        "captures": lambda: _record(portal, captures),
    }
    while True:
        for name, task in tasks.items():
            try:
                task()
            except (ChromaTraceError, SQLAlchemyError) as error:
                if logged.get(name) != str(error):
                    log.warning("%s: %s; retrying", name, error)
                    logged[name] = str(error)
            else:
                logged.pop(name, None)
        if stop.wait(interval_s):
            return


def _send(portal: Portal) -> None:
    if portal.recorder is not None:
        portal.recorder.resume()
    portal.chain.carry()
    if portal.workshop is not None:
        portal.chain.settle_holds(portal.workshop.store)


def _record(portal: Portal, captures: CaptureStore) -> None:
    if portal.recorder is not None:
        captures.record(portal.recorder)
