"""Store captured EPCIS documents: keep the bytes, and write the events in one transaction."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError as ConstraintError
from sqlalchemy.orm import Session

from app.api.epcis.models import CapturedEvent, CapturedEventProduct, CaptureJob, EventOwner
from app.errors import RateLimitError
from app.rights import ActingOperator
from app.store.database import PortalDatabase
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput
from chromatrace.epcis.capture import ROLLBACK, Claim, check_claims
from chromatrace.epcis.document import read_json
from chromatrace.epcis.identifiers import Identifier, identify
from chromatrace.epcis.vocabulary import Standard
from chromatrace.services.epcis_claims import ClaimRights

MAX_IDENTIFIER, MAX_TERM = 600, 300
MAX_SUBJECTS = 100
"""Subjects of the department record of one document. Further products are in the document only."""
_RECORD_CHUNK = 50
_CHUNK = 500
_DAY_S = 86_400

Row = dict[str, Any]


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

    def __init__(self, database: PortalDatabase, documents: DocumentStore, daily_limit: int) -> None:
        self._database = database
        self._documents = documents
        self._daily_limit = daily_limit

    def capture(
        self, data: bytes, operator: ActingOperator, options: CaptureOptions, rights: ClaimRights, now: int
    ) -> CaptureJob:
        """Store a document and return the finished job. An error has no effect.

        Events that the same organisation captured before are not stored again.
        Raises `InvalidInput`, `NotAuthorised` or `Conflict` with a JSON pointer, and `RateLimitError`.
        """
        document = read_json(data)
        with self._database.begin() as session:
            self._check_limit(session, operator.organisation, document, now)
        valid, errors = check_claims(document, options.behaviour, now)
        rights.load(item for claim in valid for item in claim.identifiers)
        claims = []
        for claim in valid:
            try:
                _accept(claim, rights)
            except ChromaTraceError as error:
                if options.behaviour == ROLLBACK:
                    raise
                errors.append(error.as_dict())
            else:
                claims.append(claim)
        subjects = dict.fromkeys(item.subject for claim in claims for item in claim.identifiers)
        job = {
            "id": str(uuid.uuid4()),
            "organisation": operator.organisation,
            "address": operator.address.lower(),
            "created_at": now,
            "digest": hashlib.sha256(data).digest(),
            "behaviour": options.behaviour,
            "subjects": json.dumps(list(subjects)[:MAX_SUBJECTS]),
        }
        context = json.dumps(document["@context"])
        rows = [_row(job, claim, rights, context, public=options.public) for claim in claims]
        try:
            return self._write(job, claims, rows, errors, data)
        except ConstraintError:
            # Another worker captured one of the events at the same time. The second attempt finds it.
            return self._write(job, claims, rows, errors, data)

    def _check_limit(self, session: Session, organisation: int, document: Any, now: int) -> None:
        """Raise `RateLimitError` if the organisation would exceed its daily number of events."""
        try:
            count = max(1, len(document["epcisBody"]["eventList"]))
        except (KeyError, TypeError):
            return  # not a document: `check_claims` names the invalid member
        events = func.sum(CaptureJob.taken + CaptureJob.known + 1)
        since = (CaptureJob.organisation == organisation, CaptureJob.created_at > now - _DAY_S)
        captured = session.scalar(select(events).where(*since)) or 0
        if captured + count > self._daily_limit:
            raise RateLimitError(
                f"your organisation captured {captured:,} events and documents within a day; the maximum is "
                f"{self._daily_limit:,}, and this document has {count:,} events",
                field="/epcisBody/eventList",
                hint="continue later, or ask the operator of the portal to raise the limit",
            )

    def _write(
        self, job: Row, claims: Sequence[Claim], rows: Sequence[Row], errors: Sequence[dict[str, str]], data: bytes
    ) -> CaptureJob:
        all_errors = list(errors)
        new: list[tuple[Claim, Row]] = []
        with self._database.begin() as session:
            known = _Known(session, job["organisation"], claims)
            for claim, row in zip(claims, rows, strict=True):
                try:
                    if known.add(claim, row["identity"]):
                        new.append((claim, row))
                except ChromaTraceError as error:
                    if job["behaviour"] == ROLLBACK:
                        raise
                    all_errors.append(error.as_dict())
            stored = CaptureJob(**job, taken=len(new), known=known.repeated, errors=json.dumps(all_errors))
            session.add(stored)
            session.flush()
            if known.new_ids:
                owners = [{"event_id": name, "organisation": stored.organisation} for name in known.new_ids]
                session.execute(insert(EventOwner), owners)
            if new:
                inserted = insert(CapturedEvent).returning(CapturedEvent.id, sort_by_parameter_order=True)
                numbers = session.scalars(inserted, [row for _, row in new]).all()
                claimed = zip(numbers, (claim for claim, _ in new), strict=True)
                products = [_product(number, item) for number, claim in claimed for item in claim.identifiers]
                if products:
                    session.execute(insert(CapturedEventProduct), products)
            self._documents.put(data)
        return stored

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
            transaction = recorder(digest, self._subjects(digest))
            if transaction is None:
                continue
            with self._database.begin() as session:
                same = update(CaptureJob).where(CaptureJob.digest == digest, CaptureJob.recorded_tx.is_(None))
                session.execute(same.values(recorded_tx=transaction))
            recorded += 1
        return recorded

    def _subjects(self, digest: bytes) -> list[str]:
        """Return the batches and product lines of a captured document."""
        with self._database.begin() as session:
            stored = session.scalars(select(CaptureJob.subjects).where(CaptureJob.digest == digest))
            subjects = [subject for text in stored for subject in json.loads(text)]
        return list(dict.fromkeys(subjects))[:MAX_SUBJECTS]


class _Known:
    """The events and eventIDs that are already captured, among those of one document."""

    def __init__(self, session: Session, organisation: int, claims: Sequence[Claim]) -> None:
        self._organisation = organisation
        self._owners: dict[str, int] = {}
        self._digests: dict[str, bytes] = {}
        self.new_ids: list[str] = []
        self.repeated = 0
        ids = [claim.event_id for claim in claims if claim.event_id is not None]
        identities = [_identity(claim) for claim in claims]
        for start in range(0, len(ids), _CHUNK):
            owners = select(EventOwner.event_id, EventOwner.organisation)
            found = owners.where(EventOwner.event_id.in_(ids[start : start + _CHUNK]))
            self._owners |= {row.event_id: row.organisation for row in session.execute(found)}
        for start in range(0, len(identities), _CHUNK):
            own = select(CapturedEvent.identity, CapturedEvent.digest).where(CapturedEvent.organisation == organisation)
            matching = own.where(CapturedEvent.identity.in_(identities[start : start + _CHUNK]))
            self._digests |= {row.identity: row.digest for row in session.execute(matching)}

    def add(self, claim: Claim, identity: str) -> bool:
        """Return whether the event is new. Raises `Conflict` if its eventID belongs to another event."""
        event_id = claim.event_id
        if event_id is not None:
            owner = self._owners.get(event_id)
            if owner is None:
                self._owners[event_id] = self._organisation
                self.new_ids.append(event_id)
            elif owner != self._organisation:
                raise Conflict(
                    "an event of another organisation has this eventID",
                    field=f"{claim.pointer}/eventID",
                    hint="only the capturer of an event can declare it erroneous; a new event needs a new eventID",
                )
        digest = self._digests.setdefault(identity, claim.digest)
        if digest is claim.digest:
            return True
        if digest != claim.digest:
            raise Conflict(
                "a different event with this eventID is already captured",
                field=f"{claim.pointer}/eventID",
                hint="to correct an event, capture it again with an errorDeclaration, followed by the corrected event",
            )
        self.repeated += 1
        return False


def _accept(claim: Claim, rights: ClaimRights) -> None:
    """Raise an error if the capturer may not make the claim or the database cannot store it."""
    event, pointer = claim.event, claim.pointer
    _check_length([event.get("eventID", "")], MAX_IDENTIFIER, f"{pointer}/eventID")
    _check_length([item.key for item in claim.identifiers], MAX_IDENTIFIER, f"{pointer}/epcList")
    for name in ("bizStep", "disposition"):
        _check_length([event.get(name, "")], MAX_TERM, f"{pointer}/{name}")
    rights.check(claim)


def _identity(claim: Claim) -> str:
    suffix = "#error" if claim.is_error_declaration else ""
    return (claim.event_id or f"sha-256:{claim.digest.hex()}") + suffix


def _row(job: Row, claim: Claim, rights: ClaimRights, context: str, *, public: bool) -> Row:
    event = claim.event
    parent = event.get("parentID") if event["type"] == "AggregationEvent" else None
    return {
        "organisation": job["organisation"],
        "relation": rights.relation(claim).value,
        "identity": _identity(claim),
        "digest": claim.digest,
        "capture": job["id"],
        "kind": event["type"],
        "action": event.get("action"),
        "biz_step": claim.term("bizStep", Standard.BIZ_STEP),
        "disposition": claim.term("disposition", Standard.DISPOSITION),
        "parent": None if parent is None else identify(parent).key,
        "event_time": claim.event_time,
        "recorded_at": job["created_at"] * 1_000_000,
        "public": public,
        "context": context,
        "body": json.dumps(event),
    }


def _product(event: int, identifier: Identifier) -> Row:
    gtin = None if identifier.gtin is None else int(identifier.gtin)
    return {"event": event, "key": identifier.key, "gtin": gtin, "lot": identifier.lot, "serial": identifier.serial}


def _check_length(values: Sequence[str], maximum: int, pointer: str) -> None:
    if any(len(value) > maximum for value in values):
        raise InvalidInput(f"the identifier exceeds {maximum} characters", field=pointer)
