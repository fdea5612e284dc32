"""What a running portal does beside answering: it brings accepted writes onto the chain, and records captures there."""

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

EVERY_S = 2.0


def run(app: Flask, stop: threading.Event, every_s: float = EVERY_S) -> None:
    """Works until `stop` is set. Whatever fails is logged once and tried again."""
    portal: Portal = app.extensions["portal"]
    captures = CaptureStore(portal.store, DocumentStore(portal.config.documents))
    told: dict[str, str] = {}
    chores: dict[str, Callable[[], None]] = {
        "outbox": lambda: _carry(portal),
        "captures": lambda: _record(portal, captures),
    }
    while True:
        for name, chore in chores.items():
            try:
                chore()
            except (ChromaTraceError, SQLAlchemyError) as error:
                if told.get(name) != str(error):
                    log.warning("%s: %s; it is tried again", name, error)
                    told[name] = str(error)
            else:
                told.pop(name, None)
        if stop.wait(every_s):
            return


def _carry(portal: Portal) -> None:
    if portal.recorder is not None:
        portal.recorder.resume()
    portal.chain.carry()


def _record(portal: Portal, captures: CaptureStore) -> None:
    if portal.recorder is not None:
        captures.record(portal.recorder)
