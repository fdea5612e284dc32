"""Takes EPCIS documents: checks, keeps the bytes, writes the events in one transaction."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError as ConstraintError
from sqlalchemy.orm import Session

from app.api.epcis.goods import epcs_of, product_of
from app.api.epcis.models import CapturedEvent, CapturedEventEpc, CaptureJob
from app.api.epcis.question import microseconds
from app.rights import ActingOperator
from app.store.database import PortalDatabase
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput
from chromatrace.epcis.check import check_document, check_envelope, check_event, declared_prefixes
from chromatrace.epcis.document import event_digest, read_json

ROLLBACK, PROCEED = "rollback", "proceed"
MAX_IDENTIFIER = 600
MAX_PRODUCTS = 100
"""Products under which one document is found on the chain; more of them are in the document only."""
RECORDED_AT_ONCE = 50


class DigestRecorder(Protocol):
    """Puts the digest of a captured document on the chain."""

    def __call__(self, digest: bytes, products: Sequence[str]) -> str | None:
        """The transaction, once a block has it; None while it is under way. It must take each digest once only."""


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """How a document is to be taken. `public`: anyone may read its events."""

    behaviour: str = ROLLBACK
    public: bool = False


class CaptureStore:
    """Captured documents in `store`, their bytes in `documents`. Durable: what was answered is there after a crash."""

    def __init__(self, store: PortalDatabase, documents: DocumentStore) -> None:
        self._store = store
        self._documents = documents

    def take(self, data: bytes, operator: ActingOperator, terms: CaptureOptions, now: int) -> CaptureJob:
        """The finished job. Raises `InvalidInput` or `Conflict` with a JSON pointer; then nothing is written.

        Events that were captured before, by the same organisation, are known and not written again.
        """
        document = read_json(data)
        events, errors = _checked(document, terms.behaviour)
        digest = self._documents.put(data)
        job = CaptureJob(
            id=str(uuid.uuid4()),
            organisation=operator.organisation,
            address=operator.address.lower(),
            created_at=now,
            digest=digest,
            behaviour=terms.behaviour,
            taken=0,
            known=0,
            errors="",
        )
        try:
            return self._write(job, document["@context"], events, errors, public=terms.public)
        except ConstraintError:
            # Another worker has captured one of the events between our look and our write: now it is known.
            return self._write(job, document["@context"], events, errors, public=terms.public)

    def _write(
        self,
        job: CaptureJob,
        context: Any,
        events: list[tuple[int, Any]],
        errors: list[dict[str, str]],
        *,
        public: bool,
    ) -> CaptureJob:
        told = list(errors)
        with self._store.begin() as session:
            job.taken = job.known = 0
            job = session.merge(job)
            session.flush()
            for place, event in events:
                try:
                    new = _add(session, job, context, event, f"/epcisBody/eventList/{place}", public=public)
                except ChromaTraceError as refusal:
                    if job.behaviour == ROLLBACK:
                        raise
                    told.append(refusal.as_dict())
                    continue
                job.taken, job.known = job.taken + new, job.known + (not new)
            job.errors = json.dumps(told)
        return job

    def find(self, identifier: str) -> CaptureJob | None:
        """A job by its id."""
        with self._store.begin() as session:
            return session.get(CaptureJob, identifier)

    def record(self, recorder: DigestRecorder) -> int:
        """Hands digests that are not on the chain yet to `recorder`, oldest first; how many are on it since.

        Stops at the first that fails; call it again until none is left.
        """
        with self._store.begin() as session:
            waiting = select(CaptureJob.digest).where(CaptureJob.recorded_tx.is_(None)).group_by(CaptureJob.digest)
            digests = list(session.scalars(waiting.order_by(func.min(CaptureJob.created_at)).limit(RECORDED_AT_ONCE)))
        recorded = 0
        for digest in digests:
            transaction = recorder(digest, self._products(digest))
            if transaction is None:
                continue
            with self._store.begin() as session:
                same = update(CaptureJob).where(CaptureJob.digest == digest, CaptureJob.recorded_tx.is_(None))
                session.execute(same.values(recorded_tx=transaction))
            recorded += 1
        return recorded

    def _products(self, digest: bytes) -> list[str]:
        """What a captured document is about: batches and product lines, each once."""
        document = read_json(self._documents.get(digest))
        events = [event for event in document["epcisBody"]["eventList"] if isinstance(event, dict)]
        return list(dict.fromkeys(product_of(epc) for event in events for epc in epcs_of(event)))[:MAX_PRODUCTS]


def _checked(document: Any, behaviour: str) -> tuple[list[tuple[int, Any]], list[dict[str, str]]]:
    """The events to take, with their places, and what was refused."""
    if behaviour == ROLLBACK:
        check_document(document)
        return list(enumerate(document["epcisBody"]["eventList"])), []
    check_envelope(document)
    prefixes = declared_prefixes(document["@context"])
    events, errors = [], []
    for place, event in enumerate(document["epcisBody"]["eventList"]):
        try:
            check_event(event, f"/epcisBody/eventList/{place}", prefixes)
            events.append((place, event))
        except InvalidInput as refusal:
            errors.append(refusal.as_dict())
    return events, errors


def _add(session: Session, job: CaptureJob, context: Any, event: Mapping[str, Any], at: str, *, public: bool) -> bool:
    """Whether the event is new."""
    digest = event_digest(event)
    identity = event.get("eventID", f"sha-256:{digest.hex()}") + ("#error" if "errorDeclaration" in event else "")
    epcs = epcs_of(event)
    for name, values in (("eventID", [identity]), ("epcList", epcs), ("bizStep", [event.get("bizStep", "")])):
        if any(len(value) > (300 if name == "bizStep" else MAX_IDENTIFIER) for value in values):
            raise InvalidInput("an identifier is too long to be kept", field=f"{at}/{name}")
    same = (CapturedEvent.organisation == job.organisation, CapturedEvent.identity == identity)
    known = session.scalars(select(CapturedEvent).where(*same)).first()
    if known is not None:
        if known.digest != digest:
            raise Conflict(
                "another event of this id has been captured",
                field=f"{at}/eventID",
                hint="correct an event by capturing it again with an errorDeclaration, and its successor",
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
