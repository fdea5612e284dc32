"""Backfill of the index: registrations on a real chain into SQLite, next to a web3.py loop.

Every event is a `BatchRegistered` with one input, the largest event of the contracts. For each, the index writes the
raw log, the batch and its genealogy. The baseline reads and decodes the logs with web3.py and writes one row each.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from web3 import HTTPProvider, Web3

from bench.figure import Figure
from chromatrace.chain.deployment import deploy_contracts
from chromatrace.chain.dev_node import DevNode
from chromatrace.domain.identifiers import BatchKey
from chromatrace.ethereum.abi import FOLDER, contract
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.index import Follower, Index

EVENTS = int(os.environ.get("CHROMATRACE_BENCH_EVENTS", "200000"))
BASELINE_EVENTS = 5_000
ROUNDS = 3
PER_CALL = 200
PER_BLOCK = 1_000
_GTIN = "09521234543213"
_GLN = 9520000000004
_NO_EXPIRY = 2**64 - 1


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure in alternating rounds and return the best of each, because other load disturbs single runs."""
    with tempfile.TemporaryDirectory() as folder, DevNode() as node:
        progress("deploying")
        manifest = deploy(node, Path(folder))
        rpc = node.rpc(120.0)
        registered = register(rpc, manifest, EVENTS, progress)
        rates, baseline_rates = [], []
        for turn in range(ROUNDS):
            progress("following")
            rates.append(follow(node.url, manifest, Path(folder) / f"index{turn}.db", registered))
            progress("the same through web3.py")
            baseline_rates.append(web3_loop(node.url, manifest, Path(folder) / f"baseline{turn}.db"))
    return [
        Figure(
            "index backfill into SQLite",
            max(rates),
            "events/s",
            "higher",
            target=20_000,
            baseline="web3.py get_logs and process_log into SQLite",
            baseline_value=max(baseline_rates),
        )
    ]


def follow(url: str, manifest: Manifest, path: Path, registered: int) -> float:
    """Return events per second from an empty database to the chain's head."""
    index = Index(path)
    index.migrate()
    started = time.perf_counter()
    done = Follower(index, RpcClient(url, 120.0), manifest).sync()
    seconds = time.perf_counter() - started
    with index.snapshot() as snapshot:
        counts = snapshot.count_batches()
    if sum(counts.values()) != registered or done.events < registered:
        raise RuntimeError(f"expected {registered} batches, the index has {counts}")
    index.close()
    return done.events / seconds


def deploy(node: DevNode, folder: Path) -> Manifest:
    """Deploy the contracts on `node`."""
    path = folder / f"{node.chain_id}.json"
    deploy_contracts(node.url, path)
    return Manifest.load(path)


def register(rpc: RpcClient, manifest: Manifest, count: int, progress: Callable[[str], None]) -> int:
    """Register `count` batches, each made of the first one; return their number."""
    registrar, producer = rpc.call("eth_accounts")[:2]

    def send(sender: str, name: str, function: str, *args: object, gas: int = 1_000_000) -> str:
        data = "0x" + contract(name).encode_call(function, *args).hex()
        fields = {"from": sender, "to": manifest.address(name), "data": data, "gas": hex(gas)}
        tx_hash: str = rpc.call("eth_sendTransaction", fields)
        return tx_hash

    def included(tx_hash: str) -> None:
        while (receipt := rpc.call("eth_getTransactionReceipt", tx_hash)) is None:
            time.sleep(0.001)
        if receipt["status"] != "0x1":
            raise RuntimeError(f"{tx_hash} failed with {int(receipt['gasUsed'], 16)} gas")

    included(send(registrar, "Consortium", "registerOrganisation", 1, _GLN, 127, _NO_EXPIRY, "Example Glass"))
    included(send(registrar, "Consortium", "appointOperator", producer, 1, 127, _NO_EXPIRY))
    included(send(registrar, "Consortium", "license", 1, int(_GTIN[1:13]), 12))
    first = BatchKey.parse(_GTIN, "L000000")
    included(send(producer, "BatchRegistry", "registerMany", [_registration(0, [])]))
    # Several calls per block: the node hashes its whole state for each block.
    rpc.call("evm_setAutomine", False)
    for start in range(1, count, PER_BLOCK):
        calls = []
        for low in range(start, min(start + PER_BLOCK, count), PER_CALL):
            numbers = range(low, min(low + PER_CALL, start + PER_BLOCK, count))
            rows = [_registration(number, [(first.batch_id, 1)]) for number in numbers]
            calls.append(send(producer, "BatchRegistry", "registerMany", rows, gas=(1 << 24) - 1))
        rpc.call("evm_mine")
        for call in calls:
            included(call)
        progress(f"registered {numbers[-1] + 1:,} of {count:,}")
    return count


def _registration(number: int, inputs: list[tuple[bytes, int]]) -> tuple[object, ...]:
    digest = number.to_bytes(32, "big")
    return int(_GTIN), f"L{number:06d}", 100, digest, digest, bytes(32), inputs


def web3_loop(url: str, manifest: Manifest, path: Path) -> float:
    """Return events per second of the usual loop over the first `BASELINE_EVENTS` events."""
    chain = Web3(HTTPProvider(url, request_kwargs={"timeout": 120}))
    abi = json.loads((FOLDER / "BatchRegistry.json").read_text(encoding="utf-8"))
    registry = chain.eth.contract(address=Web3.to_checksum_address(manifest.address("BatchRegistry")), abi=abi)
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TABLE batches (id BLOB PRIMARY KEY, gtin INTEGER, lot TEXT, quantity INTEGER, block INTEGER)"
    )
    started, events, last = time.perf_counter(), 0, chain.eth.block_number
    for block in range(manifest.block, last + 1, 10):
        for event in registry.events.BatchRegistered().get_logs(from_block=block, to_block=min(block + 9, last)):
            args = event["args"]
            row = (args["batch"], args["gtin"], args["lot"], args["quantity"], event["blockNumber"])
            database.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", row)
            events += 1
        database.commit()
        if events >= BASELINE_EVENTS:
            break
    seconds = time.perf_counter() - started
    database.close()
    return events / seconds
