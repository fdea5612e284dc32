"""What a bundle proves before anything is read into it: block headers, and the events of contracts in those blocks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from eth_abi.abi import encode
from eth_hash.auto import keccak

from chromatrace.documents.content import digest
from chromatrace.domain.errors import IntegrityError, InvalidInput
from chromatrace.exchange.blocks import BlockHeader, decode_header, decode_receipt, verify_receipt
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.events import Event, decode_log


class ProvenHistory:
    """The headers and events of `bundle`, once `read_headers` and `read_events` have been called, in this order."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.headers: dict[int, BlockHeader] = {}
        self.events: list[Event] = []

    def read_headers(self) -> None:
        """By rising number, neighbours naming one another; `IntegrityError` otherwise."""
        before: BlockHeader | None = None
        for encoded in self.bundle.headers:
            header = decode_header(encoded)
            if before is not None and header.number <= before.number:
                raise IntegrityError(f"block {header.number} stands behind block {before.number}", field="headers")
            if before is not None and header.number == before.number + 1 and header.parent != before.hash:
                raise IntegrityError(f"block {header.number} does not follow block {before.number}", field="headers")
            self.headers[header.number] = before = header
        if not self.headers:
            raise IntegrityError("there is no block header in the bundle", field="headers")

    def read_events(self) -> None:
        """In the order of the chain; `IntegrityError` for a receipt that is not in its block, or of a reverted call."""
        names = {address: name for name, address in self.bundle.contracts.items()}
        events = []
        for cited in self.bundle.receipts:
            encoded = verify_receipt(self.header(cited.block).receipts_root, cited.index, cited.proof)
            succeeded, logs = decode_receipt(encoded)
            if not succeeded:
                raise IntegrityError(f"transaction {cited.index} of block {cited.block} was reverted", field="receipts")
            for position, log in enumerate(logs):
                place = (cited.block, cited.index, position)
                event = decode_log(names[log.address], log, place) if log.address in names else None
                if event is not None:
                    events.append(event)
        self.events = sorted(events, key=lambda event: event.place)

    @property
    def newest(self) -> BlockHeader:
        """The header of the highest number."""
        return self.headers[max(self.headers)]

    def header(self, number: int) -> BlockHeader:
        """Raises `InvalidInput` where the bundle does not have it."""
        if number not in self.headers:
            raise InvalidInput(f"the header of block {number} is not in the bundle", field="headers")
        return self.headers[number]

    def of(self, name: str) -> list[Event]:
        """The events of one name, of any batch."""
        return [event for event in self.events if event.name == name]

    def of_batch(self) -> list[Event]:
        """The events of the bundle's batch."""
        batch = self.bundle.key.batch_id
        return [event for event in self.events if event.args.get("batch") == batch]

    def registered(self) -> Event:
        """The registration of the bundle's batch; `IntegrityError` where it is missing."""
        for event in self.of_batch():
            if event.name == "BatchRegistered":
                return event
        raise IntegrityError(f"no registration of {self.bundle.key} is in the bundle", field="receipts")

    def inspections(self) -> list[Event]:
        """The recorded inspections of the bundle's batch."""
        return [event for event in self.of_batch() if event.name == "InspectionRecorded"]

    def anchor(self, channel: bytes, size: int) -> Event | None:
        """The anchor of a log's first `size` entries; None where the bundle does not have it."""
        found = self.of("LogAnchored")
        return next((event for event in found if (event.args["channel"], event.args["size"]) == (channel, size)), None)

    def document(self, wanted: bytes) -> bytes | None:
        """The document of this SHA-256; None where the bundle does not have it."""
        return next((document for document in self.bundle.documents if digest(document) == wanted), None)

    def organisation(self, number: int) -> str:
        """As it registered itself, for people."""
        for event in self.of("OrganisationRegistered"):
            if event.args["organisation"] == number:
                return f"{event.args['name']} (GLN {event.args['gln']:013d})"
        return f"organisation {number} (its registration is not in the bundle)"

    def organisation_of(self, gln: int) -> int | None:
        """Its number; None where its registration is not in the bundle."""
        found: Iterable[Event] = self.of("OrganisationRegistered")
        return next((event.args["organisation"] for event in found if event.args["gln"] == gln), None)

    def when(self, number: int) -> str:
        """Block and its time, for people."""
        return f"block {number} of {utc(self.header(number).timestamp)}"


def channel_id(organisation: int, name: str) -> bytes:
    """As `IProcessLedger.channelIdOf` computes it."""
    return keccak(encode(["uint32", "string"], [organisation, name]))


def utc(unix_s: float) -> str:
    """For people; years beyond four digits as the number."""
    try:
        return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{unix_s} s"
