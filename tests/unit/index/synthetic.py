"""Logs as the contracts would emit them, without a chain."""

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
    """A made-up block; `fork` tells blocks of the same number apart."""
    return HeaderSummary(number, number.to_bytes(16, "big") + fork.to_bytes(16, "big"), ZERO, 1_700_000_000 + number)


class Ledger:
    """An index in memory that is fed block by block."""

    def __init__(self):
        self.index = Index("sqlite://")
        self.index.migrate()
        self.store = IndexWriter(self.index.engine)
        self.at = header(0)
        self.store.begin(IndexedDeployment(31337, ZERO, ZERO, 1), self.at, ChainStatus(self.at, 0))

    def block(self, *events, fork=0):
        """Appends one block with events (contract, name, values in the order of the ABI)."""
        self.blocks([events], fork=fork)
        return self

    def blocks(self, blocks, fork=0):
        """Appends many in one transaction."""
        start = self.at.number + 1
        found = LogRange(start, header(start + len(blocks) - 1, fork))
        logs = []
        for number, events in enumerate(blocks, start):
            for place, (name, event, values) in enumerate(events):
                topics, data = log_of(name, contract(name).events[event], values)
                tx = position(number, 0)
                logs.append((position(number, place), tx, name, topics, data))
                found.transactions[tx] = header(number, fork).hash
                found.blocks[number] = header(number, fork).hash, header(number).time
        found.rows, found.arguments = decode_logs(logs)
        self.store.append(self.at, found, ChainStatus(found.end, 0))
        self.at = found.end

    def undo(self, number, fork=0):
        """Takes back all blocks behind `number`."""
        ancestor = header(number, fork)
        undone = self.store.undo(self.at, ancestor, ChainStatus(self.at, 0))
        self.at = ancestor
        return undone


def batch_id(number):
    """The number-th batch."""
    return BatchKey.parse(GTIN, f"L{number}").batch_id


def registered(number, inputs=(), producer=1, quantity=100):
    """`BatchRegistered` of the number-th batch; inputs by number, or (number, units) where it is not one unit."""
    made_of = [(batch_id(one[0]), one[1]) if isinstance(one, tuple) else (batch_id(one), 1) for one in inputs]
    values = [batch_id(number), producer, int(GTIN), f"L{number}", quantity, ZERO, b"\7" * 32, ZERO, made_of]
    return "BatchRegistry", "BatchRegistered", values


def station_id(number):
    """The key of the number-th station."""
    return bytes([0x57, number]) * 16


def route_id(number):
    """The number-th route."""
    return bytes([0x70, number]) * 16


def station(number, organisation=1):
    """`StationKeyRegistered` of the number-th station."""
    values = [station_id(number), organisation, f"station {number}", [b"\5" * 32] * 8, [b"\6" * 32] * 4, ACCOUNT]
    return "RouteVerifier", "StationKeyRegistered", values


def unverified(number):
    """`StationKeyUnverified` of the number-th station."""
    return "RouteVerifier", "StationKeyUnverified", [station_id(number)]


def verified(number, organisation=1):
    """`StationKeyVerified` of the number-th station."""
    return "RouteVerifier", "StationKeyVerified", [station_id(number), organisation, [b"\7" * 32] * 4, ACCOUNT]


def designed(number, stations=(1, 2), kind=1, required=True):
    """`RouteDesigned` of the number-th route; step n is process n."""
    keys, processes = [station_id(one) for one in stations], [f"process {n}" for n in range(1, 1 + len(stations))]
    values = [route_id(number), 1, f"route {number}", 1, kind, required, keys, processes, ACCOUNT]
    return "RouteVerifier", "RouteDesigned", values


def proven(number, subject, head=b"\x11" * 32):
    """`RouteProven` of a subject under the number-th route."""
    return "RouteVerifier", "RouteProven", [route_id(number), subject, head, ACCOUNT]


def recorded(number, subject, head=b"\x22" * 32):
    """`RouteRecordedUnverified` of a subject under the number-th route."""
    return "RouteVerifier", "RouteRecordedUnverified", [route_id(number), subject, head, [head] * 4, ACCOUNT]


def assembled(number, subject, components):
    """`AssemblyProven` of a subject, from (number of a route, subject) pairs."""
    parts = [(route_id(route), part) for route, part in components]
    return "RouteVerifier", "AssemblyProven", [route_id(number), subject, parts]
