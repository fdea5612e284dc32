"""An index of many synthetic batches, and captured events about them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from eth_abi.abi import encode
from sqlalchemy import insert

from app.api.epcis.models import CapturedEvent, CapturedEventProduct, CaptureJob
from app.store import PortalDatabase
from chromatrace.domain.identifiers import BatchKey, Gtin, check_digit
from chromatrace.epcis.identifiers import identify
from chromatrace.ethereum.abi import FOLDER, contract
from chromatrace.index import Index
from chromatrace.index.chain_reader import HeaderSummary, LogRange
from chromatrace.index.decoding import decode_logs
from chromatrace.index.models import position
from chromatrace.index.writer import ChainStatus, IndexedDeployment, IndexWriter, analyse

FIRST_BLOCK_TIME = 1_760_000_000
"""October 2025."""
PER_BLOCK = 50
PRODUCTS = 20
ORGANISATIONS = 4
ZERO = bytes(32)
Log = tuple[str, bytes, bytes]
"""Contract, topics and data."""
ADDRESS = "0x" + "a1" * 20


def gtin(number: int) -> Gtin:
    """Return the GTIN of a product by its number."""
    body = f"0952123{number:06d}"
    return Gtin(body + check_digit(body))


def key_of(number: int) -> BatchKey:
    """Return the key of a batch by its number. Half of all batches belong to the first product."""
    product = 0 if number % 2 else number % PRODUCTS
    return BatchKey.parse(gtin(product).value, f"L{number:06d}")


def build_index(url: str, batches: int) -> Index:
    """Fill an empty index with registrations, inspections, releases and transfers: about six events for each batch."""
    index = Index(url)
    index.migrate()
    writer = IndexWriter(index.engine)
    before = header(0)
    writer.begin(IndexedDeployment(31337, ZERO, ZERO, 1), before, ChainStatus(before, 0))
    writer.drop_secondary_indexes()
    blocks = [range(start, min(start + PER_BLOCK, batches)) for start in range(0, batches, PER_BLOCK)]
    for start in range(0, len(blocks), 100):
        chunk = blocks[start : start + 100]
        logs = LogRange(start + 1, header(start + len(chunk)))
        encoded = []
        for number, members in enumerate(chunk, start + 1):
            events = [*(_organisations() if number == 1 else ()), *_events(members)]
            tx, block = position(number, 0), header(number)
            logs.transactions[tx], logs.blocks[number] = block.hash, (block.hash, block.time)
            encoded += [(position(number, at), tx, *event) for at, event in enumerate(events)]
        logs.rows, logs.arguments = decode_logs(encoded)
        writer.append(before, logs, ChainStatus(logs.end, 0))
        before = logs.end
    writer.create_secondary_indexes()
    analyse(index.engine)
    return index


def header(number: int) -> HeaderSummary:
    """Return the header of a block; one block every ten minutes."""
    return HeaderSummary(number, number.to_bytes(32, "big"), ZERO, FIRST_BLOCK_TIME + number * 600)


def _organisations() -> Iterator[Log]:
    for number in range(1, ORGANISATIONS + 1):
        body = f"952123{number:06d}"
        gln = int(body + check_digit(body))
        values = [number, 1, gln, 127, 2**64 - 1, f"Organisation {number}"]
        yield _log("Consortium", "OrganisationRegistered", values)


def _events(numbers: range) -> Iterator[Log]:
    keys = {number: key_of(number) for number in numbers}
    for number, key in keys.items():
        used = [] if number % 10 else [(key_of(max(0, number - 7)).batch_id, 1)]
        digest = number.to_bytes(32, "big")
        values = [key.batch_id, 1 + number % 2, int(key.gtin), key.lot.value, 100, ZERO, digest, ZERO, used]
        yield _log("BatchRegistry", "BatchRegistered", values)
    for number, key in keys.items():
        for stage in (0, 1):
            verdict = 2 if number % 100 == 0 else 1
            time = FIRST_BLOCK_TIME + number // PER_BLOCK * 600
            values = [key.batch_id, stage, ADDRESS, 4, verdict, 1, 10, 0, ZERO, ZERO, time]
            yield _log("InspectionLedger", "InspectionRecorded", values)
    for number, key in keys.items():
        if number % 1000 == 0:
            yield _log("BatchRegistry", "BatchRecalled", [key.batch_id, ZERO, ADDRESS, "cracks"])
        yield _log("BatchRegistry", "BatchReleased", [key.batch_id, 0, ADDRESS])
        if number % 3 == 0:
            parties = [key.batch_id, 1 + number % 2, 3]
            yield _log("CustodyLedger", "CustodyOffered", [*parties, ADDRESS, 2**63])
            yield _log("CustodyLedger", "CustodyAccepted", [*parties, ADDRESS])
            yield _log("BatchRegistry", "CustodyTransferred", parties)


def _log(name: str, event: str, values: list[Any]) -> Log:
    topic, types = _signature(name, event)
    pairs = list(zip(types, values, strict=True))
    topics = b"".join(_word(value) for (_, indexed), value in pairs if indexed)
    plain = [(kind, value) for (kind, indexed), value in pairs if not indexed]
    if any(kind == "string" or kind.endswith("]") for kind, _ in plain):
        return name, topic + topics, encode([kind for kind, _ in plain], [value for _, value in plain])
    return name, topic + topics, b"".join(_word(value) for _, value in plain)


def _word(value: int | bytes | str) -> bytes:
    """Encode a value of a static type; text is an address. This is much faster than eth-abi."""
    if isinstance(value, str):
        value = int(value, 16)
    return value if isinstance(value, bytes) else value.to_bytes(32, "big")


@cache
def _signature(name: str, event: str) -> tuple[bytes, list[tuple[str, bool]]]:
    entries = json.loads((FOLDER / f"{name}.json").read_text())
    inputs = next(entry["inputs"] for entry in entries if entry["type"] == "event" and entry["name"] == event)
    return contract(name).events[event].topic, [(_type_of(part), part["indexed"]) for part in inputs]


def _type_of(part: dict[str, Any]) -> str:
    """Return the type of a parameter, with structs in the notation of eth-abi."""
    kind: str = part["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_type_of, part['components']))}){kind.removeprefix('tuple')}"


def capture_events(database: PortalDatabase, batches: int, events: int) -> None:
    """Write captured events of the producers, a tenth of them public, as the capture interface stores them."""
    context = json.dumps(["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"])
    with database.begin() as session:
        session.add(
            CaptureJob(
                id="0",
                organisation=1,
                address=ADDRESS,
                created_at=0,
                digest=ZERO,
                behaviour="rollback",
                subjects="[]",
                taken=events,
                known=0,
                errors="[]",
            )
        )
    rows, products = [], []
    for number in range(1, events + 1):
        key = key_of(number % batches)
        epc = f"https://id.gs1.org/01/{key.gtin}/10/{key.lot}" + (f"/21/{number:06d}" if number % 2 else "")
        body = {
            "type": "ObjectEvent",
            "action": "OBSERVE",
            "eventTime": "2026-01-01T00:00:00Z",
            "eventTimeZoneOffset": "+00:00",
            "bizStep": "storing",
            "epcList": [epc],
        }
        rows.append(
            {
                "id": number,
                "organisation": 1 + number % 2,
                "relation": "producer",
                "identity": f"urn:x:{number}",
                "digest": ZERO,
                "capture": "0",
                "kind": "ObjectEvent",
                "action": "OBSERVE",
                "biz_step": "storing",
                "disposition": None,
                "parent": None,
                "event_time": (FIRST_BLOCK_TIME + number) * 1_000_000,
                "recorded_at": FIRST_BLOCK_TIME * 1_000_000,
                "public": number % 10 == 0,
                "context": context,
                "body": json.dumps(body),
            }
        )
        item = identify(epc)
        products.append(
            {"event": number, "key": item.key, "gtin": int(key.gtin), "lot": item.lot, "serial": item.serial}
        )
    with database.begin() as session:
        session.execute(insert(CapturedEvent), rows)
        session.execute(insert(CapturedEventProduct), products)
