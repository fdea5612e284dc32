"""What a running portal does beside answering: it brings accepted writes onto the chain, and records captures there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.epcis.capture import Captures
from app.portal import Portal
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError

log = logging.getLogger(__name__)

EVERY_S = 2.0


def run(app: Flask, stop: threading.Event, every_s: float = EVERY_S) -> None:
    """Works until `stop` is set. Whatever fails is logged once and tried again."""
    here: Portal = app.extensions["portal"]
    captures = Captures(here.store, DocumentStore(here.config.documents))
    told: dict[str, str] = {}
    chores: dict[str, Callable[[], None]] = {
        "outbox": lambda: _carry(here),
        "captures": lambda: _record(here, captures),
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


def _carry(here: Portal) -> None:
    if here.recorder is not None:
        here.recorder.resume()
    here.chain.carry()


def _record(here: Portal, captures: Captures) -> None:
    if here.recorder is not None:
        captures.record(here.recorder)
