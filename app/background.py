"""Background tasks of a running portal: send accepted transactions and record captured documents on the chain."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.api.epcis.capture import CaptureStore
from app.context import Portal
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError

log = logging.getLogger(__name__)

INTERVAL_S = 2.0


def run(app: Flask, stop: threading.Event, interval_s: float = INTERVAL_S) -> None:
    """Run the tasks until `stop` is set. A repeated error is logged once; failed tasks are retried."""
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


def _record(portal: Portal, captures: CaptureStore) -> None:
    if portal.recorder is not None:
        captures.record(portal.recorder)
