"""Logs as the contracts emit them, without a chain."""

from __future__ import annotations

from test_decoding import log_of

from chromatrace.domain.identifiers import BatchKey
from chromatrace.ethereum.abi import contract
from chromatrace.index import Index
from chromatrace.index.chain_reader import HeaderSummary, LogRange
from chromatrace.index.decoding import decode_logs
from chromatrace.index.models import position
from chromatrace.index.writer import ChainStatus, IndexedDeployment, IndexWriter

GTIN = "09521234543213"
ACCOUNT = "0x" + "a1" * 20
ZERO = bytes(32)


def header(number, fork=0):
    """Return a synthetic block header; `fork` distinguishes blocks with the same number."""
    return HeaderSummary(number, number.to_bytes(16, "big") + fork.to_bytes(16, "big"), ZERO, 1_700_000_000 + number)


class SyntheticChain:
    """An in-memory index that receives one block at a time."""

    def __init__(self):
        self.index = Index("sqlite://")
        self.index.migrate()
        self.writer = IndexWriter(self.index.engine)
        self.at = header(0)
        self.writer.begin(IndexedDeployment(31337, ZERO, ZERO, 1), self.at, ChainStatus(self.at, 0))

    def block(self, *events, fork=0):
        """Append a block with these events: (contract, name, values in the order of the ABI)."""
        self.blocks([events], fork=fork)
        return self

    def blocks(self, blocks, fork=0):
        """Append many blocks in one transaction."""
        start = self.at.number + 1
        logs = LogRange(start, header(start + len(blocks) - 1, fork))
        encoded = []
        for number, events in enumerate(blocks, start):
            for index, (name, event, values) in enumerate(events):
                topics, data = log_of(name, contract(name).events[event], values)
                tx = position(number, 0)
                encoded.append((position(number, index), tx, name, topics, data))
                logs.transactions[tx] = header(number, fork).hash
                logs.blocks[number] = header(number, fork).hash, header(number).time
        logs.rows, logs.arguments = decode_logs(encoded)
        self.writer.append(self.at, logs, ChainStatus(logs.end, 0))
        self.at = logs.end

    def undo(self, number, fork=0):
        """Undo all blocks after `number`, and return the number of undone events."""
        ancestor = header(number, fork)
        undone = self.writer.undo(self.at, ancestor, ChainStatus(self.at, 0))
        self.at = ancestor
        return undone


def batch_id(number):
    """Return the identifier of the batch with this number."""
    return BatchKey.parse(GTIN, f"L{number}").batch_id


def registered(number, inputs=(), producer=1, quantity=100):
    """Return `BatchRegistered`. Inputs are numbers of batches (one unit) or pairs (number, units)."""
    used = [(batch_id(item[0]), item[1]) if isinstance(item, tuple) else (batch_id(item), 1) for item in inputs]
    values = [batch_id(number), producer, int(GTIN), f"L{number}", quantity, ZERO, b"\7" * 32, ZERO, used]
    return "BatchRegistry", "BatchRegistered", values


def station_id(number):
    """Return the key of the station with this number."""
    return bytes([0x57, number]) * 16


def route_id(number):
    """Return the identifier of the route with this number."""
    return bytes([0x70, number]) * 16


def station(number, organisation=1):
    """Return `StationKeyRegistered`."""
    values = [station_id(number), organisation, f"station {number}", [b"\5" * 32] * 8, [b"\6" * 32] * 4, ACCOUNT]
    return "RouteVerifier", "StationKeyRegistered", values


def unverified(number):
    """Return `StationKeyUnverified`."""
    return "RouteVerifier", "StationKeyUnverified", [station_id(number)]


def verified(number, organisation=1):
    """Return `StationKeyVerified`."""
    return "RouteVerifier", "StationKeyVerified", [station_id(number), organisation, [b"\7" * 32] * 4, ACCOUNT]


def designed(number, stations=(1, 2), kind=1, required=True):
    """Return `RouteDesigned`; step n is `process n`."""
    keys, processes = [station_id(number) for number in stations], [f"process {n}" for n in range(1, 1 + len(stations))]
    values = [route_id(number), 1, f"route {number}", 1, kind, required, keys, processes, ACCOUNT]
    return "RouteVerifier", "RouteDesigned", values


def proven(number, subject, head=b"\x11" * 32):
    """Return `RouteProven` of a subject under a route."""
    return "RouteVerifier", "RouteProven", [route_id(number), subject, head, ACCOUNT]


def recorded(number, subject, head=b"\x22" * 32):
    """Return `RouteRecordedUnverified` of a subject under a route."""
    return "RouteVerifier", "RouteRecordedUnverified", [route_id(number), subject, head, [head] * 4, ACCOUNT]


def assembled(number, subject, components):
    """Return `AssemblyProven`; components are pairs (number of a route, subject)."""
    parts = [(route_id(route), part) for route, part in components]
    return "RouteVerifier", "AssemblyProven", [route_id(number), subject, parts]
