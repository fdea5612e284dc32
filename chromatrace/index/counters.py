"""Compare counters that the contracts keep with the index: a difference means that events are missing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, func, select

from chromatrace.chain import reads
from chromatrace.chain.reads import Read
from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.errors import MissingLogsError, RpcError
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index.chain_reader import HeaderSummary
from chromatrace.index.models import ChannelRow, OrganisationRow, RecordBatchRow

_NEWEST = 10
"""Number of channels whose newest anchors, and of department events, that are compared."""


def compare_counters(rpc: RpcClient, manifest: Manifest, engine: Engine, block: HeaderSummary) -> None:
    """Raise `MissingLogsError` if a counter at the indexed block `block` differs from the index.

    Counters: organisations, anchored entries of channels, records of departments. A node that no longer has the state
    of the block is not compared, and neither is a block that left the chain meanwhile.
    """
    indexed = _indexed_counters(engine)
    requests: list[tuple[str, list[Any]]] = [
        ("eth_call", [{"to": manifest.address(read.contract), "data": "0x" + read.encode().hex()}, hex(block.number)])
        for _, read, _ in indexed
    ]
    *answers, present = rpc.batch_outcomes([*requests, ("eth_getBlockByNumber", [hex(block.number), False])])
    if isinstance(present, RpcError) or present is None or bytes_of(present["hash"]) != block.hash:
        return
    for (subject, read, count), answer in zip(indexed, answers, strict=True):
        if isinstance(answer, RpcError) or answer == "0x":
            continue
        counter = read.decode(bytes_of(answer))
        if counter != count:
            raise MissingLogsError(
                f"{rpc.url}: at block {block.number}, the contracts have {counter} {subject} and the index {count}: "
                f"this node does not serve the logs of all blocks {manifest.block} to {block.number}",
                field="rpc_url",
                hint="use a node that keeps the logs of all blocks, then run `chromatrace index rebuild`",
            )


def _indexed_counters(engine: Engine) -> list[tuple[str, Read[int], int]]:
    """Return what is counted, the contract's counter and the number in the index."""
    counters: list[tuple[str, Read[int], int]] = []
    with engine.connect() as connection:
        organisations = connection.scalar(select(func.count()).select_from(OrganisationRow)) or 0
        counters.append(("organisations", reads.organisation_count(), organisations))
        channels = select(ChannelRow.id, ChannelRow.name, ChannelRow.size).order_by(ChannelRow.anchored.desc())
        for row in connection.execute(channels.where(ChannelRow.anchored.is_not(None)).limit(_NEWEST)):
            counters.append((f"anchored entries of channel {row.name!r}", _anchored_size(row.id), row.size))
        records = select(RecordBatchRow.department, RecordBatchRow.first, RecordBatchRow.count)
        newest = records.order_by(RecordBatchRow.position.desc()).limit(_NEWEST)
        counted: set[bytes] = set()
        for department, first, count in connection.execute(newest):
            if department not in counted:
                counted.add(department)
                subject = f"records of department 0x{department[:5].hex()}…"
                counters.append((subject, _record_count(department), first + count))
    return counters


def _anchored_size(channel: bytes) -> Read[int]:
    return Read("ProcessLedger", "channel", (channel,), lambda struct: reads.ChannelState(*struct).size)


def _record_count(department: bytes) -> Read[int]:
    return Read("ProcessLedger", "department", (department,), lambda struct: reads.DepartmentState(*struct).count)
