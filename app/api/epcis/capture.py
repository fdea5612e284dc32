"""Store captured EPCIS documents: keep the bytes, and write the events in one transaction."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError as ConstraintError
from sqlalchemy.orm import Session

from app.api.epcis.models import CapturedEvent, CapturedEventEpc, CaptureJob
from app.rights import ActingOperator
from app.store.database import PortalDatabase
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput
from chromatrace.epcis.capture import ROLLBACK, select_events
from chromatrace.epcis.document import event_digest, read_json
from chromatrace.epcis.identifiers import event_epcs, product_of
from chromatrace.epcis.query import microseconds

MAX_IDENTIFIER, MAX_BIZ_STEP = 600, 300
MAX_PRODUCTS = 100
"""Subjects of the department record of one document. Further products are in the document only."""
_RECORD_CHUNK = 50

Events = list[tuple[int, Any]]
"""Events with their index in the document."""


class DigestRecorder(Protocol):
    """Records the digest of a captured document on the chain."""

    def __call__(self, digest: bytes, products: Sequence[str]) -> str | None:
        """Return the transaction once a block includes it; None while it is pending. Must be idempotent."""


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """`behaviour` is `rollback` or `proceed`; anyone may read `public` events."""

    behaviour: str = ROLLBACK
    public: bool = False


class CaptureStore:
    """Captured events in the portal database, and the bytes of their documents in the document store."""

    def __init__(self, database: PortalDatabase, documents: DocumentStore) -> None:
        self._database = database
        self._documents = documents

    def capture(self, data: bytes, operator: ActingOperator, options: CaptureOptions, now: int) -> CaptureJob:
        """Store a document and return the finished job. An error has no effect.

        Events that the same organisation captured before are not stored again.
        Raises `InvalidInput` or `Conflict` with a JSON pointer.
        """
        document = read_json(data)
        events, errors = select_events(document, options.behaviour)
        digest = self._documents.put(data)
        job = CaptureJob(
            id=str(uuid.uuid4()),
            organisation=operator.organisation,
            address=operator.address.lower(),
            created_at=now,
            digest=digest,
            behaviour=options.behaviour,
            taken=0,
            known=0,
            errors="",
        )
        context = document["@context"]
        try:
            return self._write(job, context, events, errors, public=options.public)
        except ConstraintError:
            # Another worker captured one of the events at the same time. The second attempt finds it.
            return self._write(job, context, events, errors, public=options.public)

    def _write(
        self, job: CaptureJob, context: Any, events: Events, errors: list[dict[str, str]], *, public: bool
    ) -> CaptureJob:
        all_errors = list(errors)
        with self._database.begin() as session:
            job.taken = job.known = 0
            job = session.merge(job)
            session.flush()
            for index, event in events:
                try:
                    new = _add(session, job, context, event, f"/epcisBody/eventList/{index}", public=public)
                except ChromaTraceError as error:
                    if job.behaviour == ROLLBACK:
                        raise
                    all_errors.append(error.as_dict())
                    continue
                job.taken, job.known = job.taken + new, job.known + (not new)
            job.errors = json.dumps(all_errors)
        return job

    def find(self, identifier: str) -> CaptureJob | None:
        """Return a job by its id."""
        with self._database.begin() as session:
            return session.get(CaptureJob, identifier)

    def record(self, recorder: DigestRecorder) -> int:
        """Pass unrecorded digests to `recorder`, oldest first. Return the number that are now recorded.

        Handles a limited number per call and stops at the first error; call it repeatedly.
        """
        with self._database.begin() as session:
            unrecorded = select(CaptureJob.digest).where(CaptureJob.recorded_tx.is_(None)).group_by(CaptureJob.digest)
            oldest = unrecorded.order_by(func.min(CaptureJob.created_at)).limit(_RECORD_CHUNK)
            digests = list(session.scalars(oldest))
        recorded = 0
        for digest in digests:
            transaction = recorder(digest, self._products(digest))
            if transaction is None:
                continue
            with self._database.begin() as session:
                same = update(CaptureJob).where(CaptureJob.digest == digest, CaptureJob.recorded_tx.is_(None))
                session.execute(same.values(recorded_tx=transaction))
            recorded += 1
        return recorded

    def _products(self, digest: bytes) -> list[str]:
        """Return the batches and product lines of a captured document."""
        document = read_json(self._documents.get(digest))
        events = [event for event in document["epcisBody"]["eventList"] if isinstance(event, dict)]
        return list(dict.fromkeys(product_of(epc) for event in events for epc in event_epcs(event)))[:MAX_PRODUCTS]


def _add(
    session: Session, job: CaptureJob, context: Any, event: Mapping[str, Any], pointer: str, *, public: bool
) -> bool:
    """Store an event. Return False if it was captured before."""
    digest = event_digest(event)
    event_id = event.get("eventID", f"sha-256:{digest.hex()}")
    identity = event_id + ("#error" if "errorDeclaration" in event else "")
    epcs = event_epcs(event)
    _check_length([event_id], MAX_IDENTIFIER, f"{pointer}/eventID")
    _check_length(epcs, MAX_IDENTIFIER, f"{pointer}/epcList")
    _check_length([event.get("bizStep", "")], MAX_BIZ_STEP, f"{pointer}/bizStep")
    same = (CapturedEvent.organisation == job.organisation, CapturedEvent.identity == identity)
    existing = session.scalars(select(CapturedEvent).where(*same)).first()
    if existing is not None:
        if existing.digest != digest:
            raise Conflict(
                "a different event with this eventID is already captured",
                field=f"{pointer}/eventID",
                hint="to correct an event, capture it again with an errorDeclaration, followed by the corrected event",
            )
        return False
    row = CapturedEvent(
        organisation=job.organisation,
        identity=identity,
        digest=digest,
        capture=job.id,
        kind=event["type"],
        biz_step=event.get("bizStep"),
        event_time=microseconds(event["eventTime"]),
        public=public,
        context=json.dumps(context),
        body=json.dumps(event),
    )
    session.add(row)
    session.flush()
    session.add_all(CapturedEventEpc(event=row.id, epc=epc) for epc in epcs)
    return True


def _check_length(values: Sequence[str], maximum: int, pointer: str) -> None:
    if any(len(value) > maximum for value in values):
        raise InvalidInput(f"the identifier exceeds {maximum} characters", field=pointer)
