"""Checks a proof bundle against block hashes that the reader trusts, and nothing else.

The way down, each step from the one before:

    trusted block hash -> header -> receipts root -> receipt -> log of a contract -> event
    trusted block hash -> header -> state root -> the batch's slot (is it recalled *now*?)
    event BatchRegistered  -> SHA-256 of the batch's document, root of its serials -> the unit
    event InspectionRecorded -> SHA-256 of the evidence, the inspector's EIP-712 signature
    event LogAnchored      -> Merkle root -> the readings

Needs no server of ours. It imports the RFC 9162 check (`merkle.proofs`), the trie check (`exchange.trie`), the event
declarations (`exchange.events`) and the EIP-712 payload (`crypto.eip712`): these five files are all there is to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from eth_hash.auto import keccak

from chromatrace.crypto.eip712 import Inspection, recover_inspector
from chromatrace.domain.documents import BatchContent, InspectionEvidence, ReadingWindow, digest
from chromatrace.domain.errors import ChromaTraceError, IntegrityError, InvalidInput
from chromatrace.domain.rights import BatchState, Role, Stage, Verdict
from chromatrace.exchange.blocks import Header, decode_header, decode_receipt, verify_receipt, verify_storage
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.events import Event, decode_log
from chromatrace.exchange.units import serial_root, verify_unit
from chromatrace.merkle.entry import decode_reading
from chromatrace.merkle.proofs import leaf_hash, verify_inclusion

BATCHES_SLOT = 0
"""Storage position of `BatchRegistry`'s mapping of batches."""


class Status(StrEnum):
    """How a finding stands."""

    HOLDS = "holds"
    FAILS = "fails"
    UNCHECKED = "not checked"


@dataclass(slots=True)
class Finding:
    """One line of the result, with those that it rests on or is made of."""

    status: Status
    text: str
    parts: list[Finding] = field(default_factory=list)

    def walk(self) -> Iterable[Finding]:
        """This finding and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def failures(self) -> list[Finding]:
        """What fails, here and below."""
        return [finding for finding in self.walk() if finding.status is Status.FAILS]

    @property
    def unchecked(self) -> list[Finding]:
        """What was not checked, here and below."""
        return [finding for finding in self.walk() if finding.status is Status.UNCHECKED]

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {"status": self.status.value, "text": self.text, "parts": [part.as_json() for part in self.parts]}


def verify(
    bundle: Bundle,
    trusted: Sequence[bytes] = (),
    contracts: dict[str, bytes] | None = None,
    chain_id: int | None = None,
) -> Finding:
    """Every finding about `bundle`, as a tree. It holds where no part fails.

    trusted    block hashes (32 bytes each) that the reader trusts, from a node or another source of his own
    contracts  addresses that he knows to be ChromaTrace's; what is not given is reported as not checked
    chain_id   of the chain that he means
    """
    return _Check(bundle, trusted, contracts, chain_id).run()


class _Check:
    def __init__(
        self, bundle: Bundle, trusted: Sequence[bytes], contracts: dict[str, bytes] | None, chain_id: int | None
    ) -> None:
        self.bundle = bundle
        self.trusted = set(trusted)
        self.known_contracts = contracts
        self.known_chain = chain_id
        self.headers: dict[int, Header] = {}
        self.events: list[Event] = []

    def run(self) -> Finding:
        subject = f"{self.bundle.key}" + (f"(21){self.bundle.serial}" if self.bundle.serial else "")
        result = Finding(Status.HOLDS, f"proof bundle of {subject} on chain {self.bundle.chain_id}")
        sections = (
            self._deployment, self._blocks, self._receipts, self._registration, self._unit,
            self._inspections, self._readings, self._nothing_else, self._life, self._state,
        )  # fmt: skip
        for section in sections:
            try:
                result.parts.append(section())
            except ChromaTraceError as refusal:
                result.parts.append(Finding(Status.FAILS, str(refusal)))
        result.status = Status.FAILS if any(part.failures for part in result.parts) else Status.HOLDS
        return result

    def _deployment(self) -> Finding:
        finding = Finding(Status.HOLDS, "the contracts are the deployment that you named")
        if self.known_chain is not None and self.known_chain != self.bundle.chain_id:
            raise IntegrityError(f"the bundle is for chain {self.bundle.chain_id}, you asked for {self.known_chain}")
        if self.known_contracts is None:
            return Finding(Status.UNCHECKED, "whether the contract addresses are ChromaTrace's (give a manifest)")
        for name, address in self.bundle.contracts.items():
            if self.known_contracts.get(name) != address:
                finding.parts.append(Finding(Status.FAILS, f"{name} is not at 0x{address.hex()} in that deployment"))
        return finding

    def _blocks(self) -> Finding:
        decoded = [decode_header(encoded) for encoded in self.bundle.headers]
        self.headers = {header.number: header for header in decoded}
        reached = set(self.trusted)
        for header in sorted(decoded, key=lambda header: -header.number):
            if header.hash in reached:
                reached.add(header.parent)
        if not self.trusted:
            return Finding(
                Status.UNCHECKED, f"whether the {len(decoded)} blocks are on the chain (no block hash given)"
            )
        loose = [header for header in decoded if header.hash not in reached]
        finding = Finding(Status.HOLDS, f"{len(decoded) - len(loose)} blocks lead to a block hash that you trust")
        for header in loose:
            text = f"block {header.number} (0x{header.hash.hex()}) does not lead to a block hash that you trust"
            finding.parts.append(Finding(Status.FAILS, text))
        return finding

    def _receipts(self) -> Finding:
        names = {address: name for name, address in self.bundle.contracts.items()}
        for cited in self.bundle.receipts:
            header = self._header(cited.block)
            succeeded, logs = decode_receipt(verify_receipt(header.receipts_root, cited.index, cited.proof))
            if not succeeded:
                raise IntegrityError(f"transaction {cited.index} of block {cited.block} was reverted")
            for log in logs:
                event = decode_log(names[log.address], log, cited.block) if log.address in names else None
                if event is not None:
                    self.events.append(event)
        self.events.sort(key=lambda event: event.block)
        text = f"{len(self.bundle.receipts)} transactions are in those blocks, with {len(self.events)} events"
        return Finding(Status.HOLDS, text)

    def _registration(self) -> Finding:
        registered = self._registered()
        args = registered.args
        who = self._organisation(args["producer"])
        finding = Finding(Status.HOLDS, f"registered by {who}: {args['quantity']} units{self._when(registered.block)}")
        if args["lot"] != self.bundle.key.lot.value or args["gtin"] != int(self.bundle.key.gtin):
            raise IntegrityError("the registration event names another GTIN or lot", field="subject")
        content = self._content()
        if content is None:
            text = f"the batch's document (SHA-256 0x{args['contentDigest'].hex()}) is not in the bundle"
            finding.parts.append(Finding(Status.UNCHECKED, text))
        else:
            if content.key != self.bundle.key or content.quantity != args["quantity"]:
                raise IntegrityError("the batch's document is about another batch or quantity", field="documents")
            if content.serials is not None and serial_root(content.serials) != args["serialRoot"]:
                raise IntegrityError(
                    "the document's serials do not make up the serial root on chain", field="documents"
                )
            finding.parts.append(
                Finding(Status.HOLDS, f"the batch's document is the one registered: {content.product.name}")
            )
        for place, batch in enumerate(args["inputs"]):
            found = next((e for e in self._of("BatchRegistered") if e.args["batch"] == batch), None)
            text = f"made of (01){found.args['gtin']:014d}(10){found.args['lot']}" if found else f"input {place + 1}"
            status = Status.HOLDS if found else Status.UNCHECKED
            finding.parts.append(Finding(status, text if found else f"{text} 0x{batch.hex()} is not in the bundle"))
        return finding

    def _unit(self) -> Finding:
        serial, proof = self.bundle.serial, self.bundle.unit
        if serial is None:
            return Finding(Status.HOLDS, "the bundle is about the whole batch")
        if proof is None:
            raise IntegrityError(f"there is no proof that unit {serial} is one of the batch", field="unit")
        args = self._registered().args
        verify_unit(args["serialRoot"], proof, units=args["quantity"], serial=serial)
        return Finding(Status.HOLDS, f"unit {serial} is number {proof.index + 1} of the batch's {proof.size} serials")

    def _inspections(self) -> Finding:
        recorded = [e for e in self._of("InspectionRecorded") if e.args["batch"] == self.bundle.key.batch_id]
        if not recorded:
            return Finding(Status.UNCHECKED, "no inspection is cited")
        finding = Finding(Status.HOLDS, f"{len(recorded)} inspection results are on the chain")
        for event in recorded:
            finding.parts.append(self._inspection(event))
        return finding

    def _inspection(self, event: Event) -> Finding:
        args = event.args
        stage, verdict = Stage(args["stage"]), Verdict(args["verdict"])
        text = (
            f"{stage.name.lower()} inspection, revision {args['revision']}: {verdict.name.lower()}, {args['defects']} "
            f"defects in {args['sampleSize']} units, for {self._organisation(args['organisation'])}"
        )
        finding = Finding(Status.HOLDS, text + self._when(event.block))
        try:
            finding.parts += [self._signature(event), self._appointment(event), self._evidence(event)]
        except ChromaTraceError as refusal:
            finding.parts.append(Finding(Status.FAILS, str(refusal)))
        return finding

    def _signature(self, event: Event) -> Finding:
        args = event.args
        cited = next(
            (c for c in self.bundle.inspections if (c.stage, c.revision) == (args["stage"], args["revision"])), None
        )
        if cited is None:
            return Finding(Status.UNCHECKED, "the inspector's own signature is not in the bundle")
        inspection = Inspection(
            batch=args["batch"],
            stage=Stage(args["stage"]),
            verdict=Verdict(args["verdict"]),
            revision=args["revision"],
            sample_size=args["sampleSize"],
            defects=args["defects"],
            instrument=args["instrument"],
            evidence=args["evidence"],
            inspected_at=args["inspectedAt"],
            inspector=args["inspector"],
            nonce=cited.nonce,
            deadline=cited.deadline,
        )
        ledger = "0x" + self.bundle.contracts["InspectionLedger"].hex()
        signer = recover_inspector(inspection, cited.signature, self.bundle.chain_id, ledger)
        if signer.lower() != args["inspector"].lower():
            raise IntegrityError(
                f"the inspection is signed by {signer}, not by {args['inspector']}", field="inspections"
            )
        return Finding(Status.HOLDS, f"signed by {args['inspector']}")

    def _appointment(self, event: Event) -> Finding:
        inspector, organisation = event.args["inspector"], event.args["organisation"]
        for found in self._of("OperatorAppointed"):
            if (found.args["operator"], found.args["organisation"]) == (inspector, organisation) and (
                found.args["roles"] & Role.INSPECTOR
            ):
                return Finding(Status.HOLDS, f"appointed as an inspector in block {found.block}")
        return Finding(Status.UNCHECKED, "the inspector's appointment is not in the bundle")

    def _evidence(self, event: Event) -> Finding:
        document = self._document(event.args["evidence"])
        if document is None:
            text = f"the evidence (SHA-256 0x{event.args['evidence'].hex()}) is not in the bundle"
            return Finding(Status.UNCHECKED, text)
        evidence = InspectionEvidence.from_bytes(document)
        if evidence.key != self.bundle.key or evidence.stage != Stage(event.args["stage"]):
            raise IntegrityError("the evidence is about another batch or stage", field="documents")
        finding = Finding(Status.HOLDS, f"the evidence is the one recorded: {len(evidence.measurements)} measurements")
        for measured in evidence.measurements:
            text = f"{measured.quantity} {measured.value:g} {measured.unit} ({measured.comparison} {measured.limit:g})"
            finding.parts.append(Finding(Status.HOLDS, text + (": passed" if measured.passed else ": failed")))
        if evidence.readings is not None:
            finding.parts.append(self._window(evidence.readings))
        return finding

    def _window(self, window: ReadingWindow) -> Finding:
        size = window.last_leaf - window.first_leaf + 1
        text = f"made while {size:,} readings of channel {window.channel!r} were taken"
        for event in self._of("LogAnchored"):
            if event.args["size"] == window.tree_size and event.args["root"] == window.root:
                opened = next(
                    (e for e in self._of("ChannelOpened") if e.args["channel"] == event.args["channel"]), None
                )
                if opened is not None and opened.args["name"] != window.channel:
                    raise IntegrityError(f"the evidence names channel {window.channel!r}, the anchor another one")
                return Finding(Status.HOLDS, f"{text}, anchored in block {event.block}")
        return Finding(Status.UNCHECKED, f"{text}; their anchor is not in the bundle")

    def _readings(self) -> Finding:
        if not self.bundle.readings:
            return Finding(Status.UNCHECKED, "no single reading is cited")
        anchors = {(e.args["channel"], e.args["size"]): e for e in self._of("LogAnchored")}
        finding = Finding(Status.HOLDS, f"{len(self.bundle.readings)} cited readings lie under anchored roots")
        for cited in self.bundle.readings:
            reading = decode_reading(cited.entry)
            event = anchors.get((cited.channel, cited.size))
            if event is None:
                finding.parts.append(
                    Finding(Status.FAILS, f"no anchor of {cited.size} leaves is cited for {reading.tag}")
                )
                continue
            try:
                verify_inclusion(leaf_hash(cited.entry), cited.index, cited.size, cited.path, event.args["root"])
            except ChromaTraceError as refusal:
                finding.parts.append(Finding(Status.FAILS, f"{reading.tag}: {refusal}"))
                continue
            text = (
                f"{reading.tag} = {reading.value:g} {reading.unit} at {reading.source_time_ns} ns, leaf {cited.index}"
            )
            finding.parts.append(Finding(Status.HOLDS, f"{text}, anchored in block {event.block}"))
        return finding

    def _nothing_else(self) -> Finding:
        finding = Finding(Status.HOLDS, "every document and signature in the bundle belongs to an event")
        claimed = {e.args["contentDigest"] for e in self._of("BatchRegistered")}
        claimed |= {e.args["evidence"] for e in self._of("InspectionRecorded")}
        for place, document in enumerate(self.bundle.documents):
            if digest(document) not in claimed:
                finding.parts.append(Finding(Status.FAILS, f"document {place + 1} is not the one that any event names"))
        batch = self.bundle.key.batch_id
        stages = {
            (e.args["stage"], e.args["revision"]) for e in self._of("InspectionRecorded") if e.args["batch"] == batch
        }
        for cited in self.bundle.inspections:
            if (cited.stage, cited.revision) not in stages:
                finding.parts.append(Finding(Status.FAILS, "a signature belongs to no inspection of this batch"))
        return finding

    def _life(self) -> Finding:
        batch = self.bundle.key.batch_id
        steps = [e for e in self.events if e.args.get("batch") == batch]
        finding = Finding(Status.HOLDS, f"{len(steps)} events of its life, in order")
        finding.parts = [Finding(Status.HOLDS, f"block {event.block}: {event.name}") for event in steps]
        if not any(event.name == "BatchRecalled" for event in steps):
            finding.parts.append(Finding(Status.UNCHECKED, "that no further event exists; the state below settles it"))
        return finding

    def _state(self) -> Finding:
        cited = self.bundle.state
        if cited is None:
            return Finding(Status.UNCHECKED, "the batch's present state (recalled or not) is not in the bundle")
        header = self._header(cited.block)
        slot = keccak(bytes(self.bundle.key.batch_id) + BATCHES_SLOT.to_bytes(32, "big"))
        registry = self.bundle.contracts["BatchRegistry"]
        packed = verify_storage(header.state_root, registry, slot, cited.account, cited.storage)
        if not packed:
            raise IntegrityError("the registry does not know this batch", field="state")
        state, on_hold, recalled = BatchState(packed & 0xFF), bool(packed >> 8 & 0xFF), bool(packed >> 16 & 0xFF)
        custodian = packed >> 96 & 0xFFFFFFFF
        flags = " and RECALLED" * recalled + " and on hold" * on_hold
        text = f"at block {cited.block} it is {state.name.lower()}{flags}, held by {self._organisation(custodian)}"
        return Finding(Status.HOLDS, text + self._when(cited.block))

    def _header(self, number: int) -> Header:
        if number not in self.headers:
            raise InvalidInput(f"the header of block {number} is not in the bundle", field="headers")
        return self.headers[number]

    def _registered(self) -> Event:
        batch = self.bundle.key.batch_id
        for event in self._of("BatchRegistered"):
            if event.args["batch"] == batch:
                return event
        raise IntegrityError(f"no registration of {self.bundle.key} is in the bundle", field="receipts")

    def _content(self) -> BatchContent | None:
        document = self._document(self._registered().args["contentDigest"])
        return None if document is None else BatchContent.from_bytes(document)

    def _document(self, wanted: bytes) -> bytes | None:
        return next((document for document in self.bundle.documents if digest(document) == wanted), None)

    def _of(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    def _organisation(self, number: int) -> str:
        for event in self._of("OrganisationRegistered"):
            if event.args["organisation"] == number:
                return f"{event.args['name']} (GLN {event.args['gln']:013d})"
        return f"organisation {number}"

    def _when(self, block: int) -> str:
        return f", block {block} of {datetime.fromtimestamp(self.headers[block].timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"
