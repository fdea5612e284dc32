"""Checks a proof bundle against block hashes that the reader trusts, and nothing else.

The way down, each step from the one before:

    trusted block hash -> header -> receipts root -> receipt -> log of a contract -> event      (proven, blocks, trie)
    trusted block hash -> header -> state root -> the batch's slot: is it recalled *now*?       (blocks, trie, slot)
    all events of the batch, replayed -> the same slot: nothing was kept back                   (slot)
    event BatchRegistered    -> SHA-256 of the batch's document, root of its serials -> the unit
    event InspectionRecorded -> SHA-256 of the evidence, the inspector's signature     (inspection_check)
    event LogAnchored        -> Merkle root -> the readings that the evidence names    (reading_check)
    event RouteProven        -> the stations' keys, one signature: in the designed order  (route_check)

Needs no server, network, database or clock. `docs/proof-bundle.md` says in which order to read these files.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from eth_hash.auto import keccak

from chromatrace.documents.content import BatchContent, digest
from chromatrace.domain.errors import ChromaTraceError, IntegrityError
from chromatrace.domain.rights import BatchState
from chromatrace.exchange.blocks import BlockHeader, verify_storage
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.events import Event
from chromatrace.exchange.findings import FindingStatus, VerificationFinding
from chromatrace.exchange.inspection_check import check_inspections
from chromatrace.exchange.proven import ProvenHistory
from chromatrace.exchange.reading_check import check_readings
from chromatrace.exchange.route_check import check_route
from chromatrace.exchange.slot import BATCHES_SLOT, BatchSlot, replay, unpack
from chromatrace.exchange.units import serial_root, verify_unit

__all__ = ["BATCHES_SLOT", "FindingStatus", "VerificationFinding", "verify"]


def verify(
    bundle: Bundle,
    trusted: Sequence[bytes] = (),
    contracts: dict[str, bytes] | None = None,
    chain_id: int | None = None,
    head: int | None = None,
) -> VerificationFinding:
    """Every finding about `bundle`, as a tree.

    The whole FAILS where any part does, is UNCHECKED where nobody vouches for its blocks or contracts or the present
    state is missing, and HOLDS otherwise.

    trusted    block hashes (32 bytes each) that the reader trusts, from a node or another source of his own
    contracts  addresses that he knows to be ChromaTrace's; what is not given is reported as not checked
    chain_id   of the chain that he means
    head       number of the chain's newest block, where he knows it
    """
    return _Check(bundle, trusted, contracts, chain_id, head).run()


class _Check:
    def __init__(
        self,
        bundle: Bundle,
        trusted: Sequence[bytes],
        contracts: dict[str, bytes] | None,
        chain_id: int | None,
        head: int | None,
    ) -> None:
        self.bundle = bundle
        self.proven = ProvenHistory(bundle)
        self.trusted = set(trusted)
        self.known_contracts = contracts
        self.known_chain = chain_id
        self.head = head

    def run(self) -> VerificationFinding:
        subject = f"{self.bundle.key}" + (f"(21){self.bundle.serial}" if self.bundle.serial else "")
        result = VerificationFinding(FindingStatus.HOLDS, f"proof bundle of {subject} on chain {self.bundle.chain_id}")
        foundations = (self._deployment, self._blocks, self._receipts, self._state)
        claims = (
            self._registration, self._unit, lambda: check_inspections(self.proven),
            lambda: check_readings(self.proven), lambda: check_route(self.proven), self._life, self._nothing_else,
        )  # fmt: skip
        for section in (*foundations, *claims):
            try:
                result.parts.append(section())
            except ChromaTraceError as refusal:
                result.parts.append(VerificationFinding(FindingStatus.FAILS, str(refusal)))
        if result.failures:
            result.status = FindingStatus.FAILS
        elif any(part.status is FindingStatus.UNCHECKED for part in result.parts[: len(foundations)]):
            result.status = FindingStatus.UNCHECKED
        return result

    def _deployment(self) -> VerificationFinding:
        if self.known_chain is not None and self.known_chain != self.bundle.chain_id:
            raise IntegrityError(f"the bundle is for chain {self.bundle.chain_id}, you asked for {self.known_chain}")
        if self.known_contracts is None:
            return VerificationFinding(
                FindingStatus.UNCHECKED, "whether the contract addresses are ChromaTrace's (give a manifest)"
            )
        finding = VerificationFinding(FindingStatus.HOLDS, "the contracts are the deployment that you named")
        for name, address in self.bundle.contracts.items():
            if self.known_contracts.get(name) != address:
                finding.parts.append(
                    VerificationFinding(FindingStatus.FAILS, f"{name} is not at 0x{address.hex()} in that deployment")
                )
        return finding

    def _blocks(self) -> VerificationFinding:
        self.proven.read_headers()
        headers, newest = self.proven.headers, self.proven.newest
        if not self.trusted:
            text = (
                f"whether the {len(headers)} blocks are on the chain: compare 0x{newest.hash.hex()} with the hash of "
            )
            return VerificationFinding(
                FindingStatus.UNCHECKED, f"{text}block {newest.number} from a node that you trust"
            )
        reached = set(self.trusted)
        loose = []
        for header in sorted(headers.values(), key=lambda header: -header.number):
            if header.hash in reached:
                reached.add(header.parent)
            else:
                loose.append(header)
        finding = VerificationFinding(
            FindingStatus.HOLDS, f"{len(headers) - len(loose)} blocks lead to a block hash that you trust"
        )
        for run in _runs(loose):
            text = f"blocks {run[0].number} to {run[-1].number} do not lead to a block hash that you trust"
            finding.parts.append(
                VerificationFinding(FindingStatus.FAILS, f"{text}: their newest is 0x{run[-1].hash.hex()}")
            )
        for given in self.trusted - {header.hash for header in headers.values()}:
            finding.parts.append(
                VerificationFinding(FindingStatus.UNCHECKED, f"no block of the bundle has the hash 0x{given.hex()}")
            )
        return finding

    def _receipts(self) -> VerificationFinding:
        self.proven.read_events()
        text = f"{len(self.bundle.receipts)} transactions are in those blocks, with {len(self.proven.events)} events"
        return VerificationFinding(FindingStatus.HOLDS, text)

    def _state(self) -> VerificationFinding:
        cited, proven = self.bundle.state, self.proven
        if cited is None:
            text = "whether the batch is recalled or on hold NOW, and whether the bundle keeps events back"
            return VerificationFinding(FindingStatus.UNCHECKED, f"{text} (no proof of its state)")
        header = proven.header(cited.block)
        if header.number != proven.newest.number:
            raise IntegrityError(
                f"the state is that of block {cited.block}, the bundle goes to block {proven.newest.number}",
                field="state",
                hint="what happened between them would stay unseen",
            )
        slot = keccak(bytes(self.bundle.key.batch_id) + BATCHES_SLOT.to_bytes(32, "big"))
        registry = self.bundle.contracts["BatchRegistry"]
        packed = verify_storage(header.state_root, registry, slot, cited.account, cited.storage)
        if not packed:
            raise IntegrityError("the registry does not know this batch", field="state")
        stored = unpack(packed)
        finding = VerificationFinding(
            FindingStatus.HOLDS, f"as of {proven.when(cited.block)} the batch is {stored.state.name.lower()}"
        )
        finding.parts = [*_flags(stored), self._completeness(stored)]
        finding.parts.append(
            VerificationFinding(FindingStatus.HOLDS, f"held by {proven.organisation(stored.custodian)}")
        )
        if self.head is not None and self.head > cited.block:
            text = (
                f"what happened since: the chain has gone on by {self.head - cited.block} blocks (get a newer bundle)"
            )
            finding.parts.append(VerificationFinding(FindingStatus.UNCHECKED, text))
        return finding

    def _completeness(self, stored: BatchSlot) -> VerificationFinding:
        differing = replay(self.proven.of_batch()).differences(stored)
        if differing:
            names = ", ".join(name.replace("_", " ") for name in differing)
            return VerificationFinding(
                FindingStatus.FAILS, f"the events in the bundle do not lead to this state (other {names})"
            )
        return VerificationFinding(
            FindingStatus.HOLDS, "the events in the bundle follow one another and lead to exactly this state"
        )

    def _registration(self) -> VerificationFinding:
        proven, registered = self.proven, self.proven.registered()
        args = registered.args
        if args["lot"] != self.bundle.key.lot.value or args["gtin"] != int(self.bundle.key.gtin):
            raise IntegrityError("the registration event names another GTIN or lot", field="subject")
        who = proven.organisation(args["producer"])
        text = f"registered by {who}: {args['quantity']} units, {proven.when(registered.block)}"
        finding = VerificationFinding(FindingStatus.HOLDS, text, [self._content(registered)])
        for place, (batch, quantity) in enumerate(args["inputs"]):
            found = next((e for e in proven.of("BatchRegistered") if e.args["batch"] == batch), None)
            if found is not None:
                text = f"made of {quantity} units of (01){found.args['gtin']:014d}(10){found.args['lot']}"
                finding.parts.append(VerificationFinding(FindingStatus.HOLDS, text))
            else:
                text = f"input {place + 1}, {quantity} units of batch 0x{batch.hex()}"
                text += ": its registration is not in the bundle"
                finding.parts.append(VerificationFinding(FindingStatus.UNCHECKED, text))
        return finding

    def _content(self, registered: Event) -> VerificationFinding:
        args = registered.args
        document = self.proven.document(args["contentDigest"])
        if document is None:
            text = f"the batch's document (SHA-256 0x{args['contentDigest'].hex()}) is not in the bundle"
            return VerificationFinding(FindingStatus.UNCHECKED, text)
        content = BatchContent.from_bytes(document)
        if content.key != self.bundle.key or content.quantity != args["quantity"]:
            raise IntegrityError("the batch's document is about another batch or quantity", field="documents")
        if (bytes(32) if content.serials is None else serial_root(content.serials)) != args["serialRoot"]:
            raise IntegrityError("the document's serials do not make up the serial root on chain", field="documents")
        return VerificationFinding(
            FindingStatus.HOLDS, f"the batch's document is the one registered: {content.product.name}"
        )

    def _unit(self) -> VerificationFinding:
        serial, proof = self.bundle.serial, self.bundle.unit
        if serial is None and proof is None:
            return VerificationFinding(FindingStatus.HOLDS, "the bundle is about the whole batch, no single unit")
        if serial is None or proof is None:
            raise IntegrityError("a serial and its proof belong together, one of them is missing", field="unit")
        args = self.proven.registered().args
        verify_unit(args["serialRoot"], proof, units=args["quantity"], serial=serial)
        return VerificationFinding(
            FindingStatus.HOLDS, f"unit {serial} is number {proof.index + 1} of the batch's {proof.size} serials"
        )

    def _life(self) -> VerificationFinding:
        steps = self.proven.of_batch()
        parts = [_step(event, steps, self.proven) for event in steps]
        return VerificationFinding(FindingStatus.HOLDS, f"{len(steps)} events of its life, in order", parts)

    def _nothing_else(self) -> VerificationFinding:
        """What belongs to nothing could be taken for proven."""
        registered, inspections = self.proven.registered(), self.proven.inspections()
        claimed = {registered.args["contentDigest"]} | {event.args["evidence"] for event in inspections}
        for event in self.proven.of("BatchRegistered"):
            if event.args["batch"] in {batch for batch, _ in registered.args["inputs"]}:
                claimed.add(event.args["contentDigest"])
        parts = [
            VerificationFinding(FindingStatus.FAILS, f"document {place + 1} belongs to no event of this batch")
            for place, document in enumerate(self.bundle.documents)
            if digest(document) not in claimed
        ]
        recorded = {(event.args["stage"], event.args["revision"]) for event in inspections}
        parts += [
            VerificationFinding(FindingStatus.FAILS, f"signature {place + 1} belongs to no inspection of this batch")
            for place, cited in enumerate(self.bundle.inspections)
            if (cited.stage, cited.revision) not in recorded
        ]
        return VerificationFinding(
            FindingStatus.HOLDS, "every document and signature in the bundle belongs to an event", parts
        )


def _flags(stored: BatchSlot) -> list[VerificationFinding]:
    bad = {BatchState.STOPPED: "STOPPED", BatchState.RECYCLED: "RECYCLED", BatchState.SCRAPPED: "SCRAPPED"}
    found = []
    if stored.recalled:
        found.append("this batch is RECALLED: do not use or sell it")
    if stored.on_hold:
        found.append("this batch is ON HOLD")
    if stored.state in bad:
        found.append(f"this batch is {bad[stored.state]}: its units are not for sale")
    if not found:
        return [VerificationFinding(FindingStatus.HOLDS, "not recalled, not on hold")]
    return [VerificationFinding(FindingStatus.WARNING, text) for text in found]


def _step(event: Event, steps: list[Event], proven: ProvenHistory) -> VerificationFinding:
    text = f"{proven.when(event.block)}: {event.name}"
    reason = event.args.get("reason")
    freed = any(other.name == "BatchHoldReleased" and other.place > event.place for other in steps)
    against = event.name == "BatchRecalled" or (event.name == "BatchHeld" and not freed)
    return VerificationFinding(
        FindingStatus.WARNING if against else FindingStatus.HOLDS, text + (f" ({reason})" if reason else "")
    )


def _runs(headers: list[BlockHeader]) -> list[list[BlockHeader]]:
    """Neighbouring blocks together, by rising number."""
    rising = sorted(headers, key=lambda header: header.number)
    runs = [rising[:1]] if rising else []
    for before, header in pairwise(rising):
        if header.number == before.number + 1:
            runs[-1].append(header)
        else:
            runs.append([header])
    return runs
