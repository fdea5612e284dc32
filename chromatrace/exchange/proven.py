"""The block headers of a bundle, and the contract events proven under them."""

from __future__ import annotations

from datetime import UTC, datetime

from eth_abi.abi import encode

from chromatrace.documents.content import digest
from chromatrace.domain.errors import IntegrityError, InvalidInput
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import ChannelId
from chromatrace.exchange.blocks import BlockHeader, decode_header, decode_receipt, verify_receipt
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.events import CITED_EVENTS, ProvenEvent, decode_receipt_log


class ProvenHistory:
    """The headers and events of `bundle`. Call `read_headers` first, then `read_events`."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.headers: dict[int, BlockHeader] = {}
        self.events: list[ProvenEvent] = []

    def read_headers(self) -> None:
        """Decode the headers. Raises `IntegrityError` unless they ascend and consecutive ones link to each other."""
        previous: BlockHeader | None = None
        for encoded in self.bundle.headers:
            header = decode_header(encoded)
            if previous is not None and header.number <= previous.number:
                raise IntegrityError(f"block {header.number} comes after block {previous.number}", field="headers")
            if previous is not None and header.number == previous.number + 1 and header.parent != previous.hash:
                raise IntegrityError(f"block {header.number} does not follow block {previous.number}", field="headers")
            self.headers[header.number] = previous = header
        if not self.headers:
            raise IntegrityError("the bundle contains no block header", field="headers")

    def read_events(self) -> None:
        """Decode the events in chain order. Raises `ProofError`, and `IntegrityError` for a reverted transaction."""
        names = {bytes(self.bundle.contracts[name]): name for name in CITED_EVENTS}
        events = []
        for cited in self.bundle.receipts:
            encoded = verify_receipt(self.header(cited.block).receipts_root, cited.index, cited.proof)
            succeeded, logs = decode_receipt(encoded)
            if not succeeded:
                raise IntegrityError(f"transaction {cited.index} of block {cited.block} was reverted", field="receipts")
            for index, log in enumerate(logs):
                if log.address not in names:
                    continue
                event = decode_receipt_log(names[log.address], log, (cited.block, cited.index, index))
                if event is not None:
                    events.append(event)
        self.events = sorted(events, key=lambda event: event.position)

    @property
    def newest(self) -> BlockHeader:
        """Header of the newest block."""
        return self.headers[max(self.headers)]

    def header(self, number: int) -> BlockHeader:
        """Return the header of a block. Raises `InvalidInput` if the bundle does not have it."""
        if number not in self.headers:
            raise InvalidInput(f"the header of block {number} is not in the bundle", field="headers")
        return self.headers[number]

    def of(self, name: str) -> list[ProvenEvent]:
        """Return the events with this name, of any batch."""
        return [event for event in self.events if event.name == name]

    def of_batch(self) -> list[ProvenEvent]:
        """Return the events of the bundle's batch."""
        batch = self.bundle.key.batch_id
        return [event for event in self.events if event.args.get("batch") == batch]

    def registered(self) -> ProvenEvent:
        """Return the registration of the bundle's batch. Raises `IntegrityError` if it is missing."""
        for event in self.of_batch():
            if event.name == "BatchRegistered":
                return event
        raise IntegrityError(f"the registration of {self.bundle.key} is not in the bundle", field="receipts")

    def inspections(self) -> list[ProvenEvent]:
        """Return the recorded inspections of the bundle's batch."""
        return [event for event in self.of_batch() if event.name == "InspectionRecorded"]

    def anchor(self, channel: bytes, size: int) -> ProvenEvent | None:
        """Return the anchor of a log's first `size` entries in a channel or its newest successor, or None."""
        channels = [channel]
        for event in self.of("ChannelSucceeded"):
            if event.args["predecessor"] == channels[0]:
                channels.insert(0, event.args["channel"])
        anchors = {(event.args["channel"], event.args["size"]): event for event in self.of("LogAnchored")}
        return next((anchors[key] for key in ((channel, size) for channel in channels) if key in anchors), None)

    def document(self, sha256: bytes) -> bytes | None:
        """Return the document with this SHA-256, if the bundle has it."""
        documents = (document.encode("utf-8") for document in self.bundle.documents)
        return next((document for document in documents if digest(document) == sha256), None)

    def organisation(self, number: int) -> str:
        """Return an organisation's registered name and GLN as text."""
        for event in self.of("OrganisationRegistered"):
            if event.args["organisation"] == number:
                return f"{event.args['name']} (GLN {event.args['gln']:013d})"
        return f"organisation {number} (its registration is not in the bundle)"

    def organisation_of(self, gln: int) -> int | None:
        """Return the number of the organisation with this GLN, if its registration is in the bundle."""
        registrations = self.of("OrganisationRegistered")
        return next((event.args["organisation"] for event in registrations if event.args["gln"] == gln), None)

    def when(self, number: int) -> str:
        """Return a block number with its time as text."""
        return f"block {number} of {utc(self.header(number).timestamp)}"


def channel_id(organisation: int, name: str) -> ChannelId:
    """Return the channel id, computed as in `IProcessLedger.channelIdOf`."""
    return ChannelId(keccak(encode(["uint32", "string"], [organisation, name])))


def utc(unix_s: float) -> str:
    """Format a Unix time; a year beyond 9999 gives the number of seconds."""
    try:
        return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{unix_s} s"
