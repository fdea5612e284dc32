"""Department records: gas of a bulk append, time of accounting, memory of a large file, and time of a trace.

Accounting checks a document against the index, encrypts it, appends its record and waits until the index has it, on
Anvil with automatic mining. BPDMS published 0.39 to 0.49 s for accounting and 0.32 to 0.40 s for a query, measured on
other machines, so the ratios are only an indication. A trace queries the index for one product in six departments,
among a million records. The check of rights on the chain, one call per department, is a separate figure. The memory of
a file of 200 MB is the increase of a new process's peak while it stores the file in the vault and reads it.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.gas import deployed_chain
from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.domain.identifiers import DepartmentId, OrganisationId
from chromatrace.domain.ledger_entries import DepartmentRight, LedgerEntry, kind_hash, pack, record_id, subject_id
from chromatrace.ethereum.abi import contract
from chromatrace.index import Follower, Index
from chromatrace.index.chain_reader import HeaderSummary, LogRange
from chromatrace.index.decoding import decode_logs
from chromatrace.index.models import position
from chromatrace.index.writer import ChainStatus, IndexedDeployment, IndexWriter, analyse
from chromatrace.plant import example_plant
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.key_ring import KeyRing
from chromatrace.records.reader_key import ReaderIdentity
from chromatrace.records.vault import Vault
from chromatrace.services.records import ChainWriter

_BULK = 500
_SINGLE = 60
_MILLION = 1_000_000
_BATCH = 1_000
_DEPARTMENTS = 6
_TRACES = 2_000
_LARGE_MB = 200


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure on a new Anvil; measure the trace on an index of synthetic logs."""
    with deployed_chain() as (_, chain), tempfile.TemporaryDirectory() as folder:
        progress(f"{_BULK} records in one transaction")
        sales = _department(chain, "Sales")
        gas = _bulk_gas(chain, sales)
        progress(f"{_SINGLE} records, each from document to index")
        accounting = _accounting(chain, Path(folder), sales)
        progress(f"a file of {_LARGE_MB} MB")
        memory_mib = _large_file(Path(folder))
        progress("rights of six departments")
        rights_ms = _rights(chain, sales)
    progress(f"{_MILLION:,} records into an index")
    median_ms, slow_ms = _traces(progress)
    bpdms = "BPDMS, as published, lower end"
    return [
        Figure(f"records: gas of each of {_BULK} in one transaction", gas, "gas", "lower", 4_500),
        Figure("records: accounting, document to indexed, median", accounting, "s", "lower", None, bpdms, 0.39),
        Figure(f"records: memory to store and read a file of {_LARGE_MB} MB", memory_mib, "MiB", "lower", 32),
        Figure("records: trace among a million, median", median_ms, "ms", "lower", 5, bpdms, 320),
        Figure("records: trace among a million, 99th percentile", slow_ms, "ms", "lower", 20, bpdms, 320),
        Figure("records: rights of a caller in six departments", rights_ms, "ms", "lower"),
    ]


def _department(chain: Chain, name: str) -> DepartmentId:
    opened = chain.submit(calls.open_department(name)).event("DepartmentOpened").args["department"]
    chain.submit(calls.set_member(opened, chain.sender, DepartmentRight.READ | DepartmentRight.APPEND))
    return DepartmentId(opened)


def _entry(number: int) -> LedgerEntry:
    """Return a record with hashes in every field, as real records have; zero bytes would cost less gas."""
    return LedgerEntry(
        record_id("k", str(number)), subject_id(str(number)), record_id("before", str(number)), os.urandom(32)
    )


def _bulk_gas(chain: Chain, department: DepartmentId) -> float:
    kind = kind_hash("chromatrace.record/bench/1")
    chain.submit(calls.append_records(department, kind, pack([_entry(-1)])))
    receipt = chain.submit(calls.append_records(department, kind, pack(map(_entry, range(_BULK)))))
    assert receipt.gas_used is not None
    return receipt.gas_used / _BULK


def _accounting(chain: Chain, folder: Path, department: DepartmentId) -> float:
    catalogue = Catalogue(example_plant("engineer-to-order").record_kinds)
    kind, keys = catalogue.newest("sales.contract-order"), KeyRing(folder / "keys")
    keys.create(ReaderIdentity(OrganisationId(1), department), "Sales")
    index = Index(folder / "index.db")
    follower = Follower(index, chain.rpc, chain.manifest)
    follower.sync()
    records = DepartmentRecords(catalogue, index, ChainWriter(chain), Vault(folder / "vault"), keys, 1)
    seconds = []
    for number in range(_SINGLE):
        order = {
            "contract_id": f"C-{number}",
            "name": "Gear units",
            "customer": "Example Windows",
            "products": [{"product_id": f"P-{number}", "quantity": 1}],
        }
        start = time.perf_counter()
        prepared = records.prepare(records.document(kind, order, {}))
        records.add([prepared], [], {})
        while not records.ledger.subjects_of_record(prepared.document.record, kind.department):
            follower.sync()
        seconds.append(time.perf_counter() - start)
    index.close()
    return statistics.median(seconds)


_STORE_AND_READ = """
import io, sys
from pathlib import Path
from chromatrace.domain.identifiers import DepartmentId, OrganisationId
from chromatrace.records.reader_key import ReaderIdentity, ReaderKey
from chromatrace.records.vault import Vault

class Zeros:
    remaining = size = int(sys.argv[2]) * 1_000_000
    def read(self, size):
        size = min(size, self.remaining)
        self.remaining -= size
        return bytes(size)

def peak_kib():
    # ru_maxrss would include the parent's memory at the time of the fork.
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

key = ReaderKey.generate(ReaderIdentity(OrganisationId(1), DepartmentId(bytes(32))), "Sales")
vault = Vault(Path(sys.argv[1]))
vault.upload(io.BytesIO(b"imports and opens everything"), key)
before = peak_kib()
content = vault.upload(Zeros(), key)
assert sum(map(len, vault.read(content))) == Zeros.size
print(peak_kib() - before)
"""


def _large_file(folder: Path) -> float:
    """Return the increase of peak memory in MiB while a process stores and reads a large file."""
    command = [sys.executable, "-c", _STORE_AND_READ, str(folder / "large"), str(_LARGE_MB)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout) / 1024


def _rights(chain: Chain, department: DepartmentId) -> float:
    writer = ChainWriter(chain)
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(_DEPARTMENTS):
            assert writer.may_read(department)
        seconds.append(time.perf_counter() - start)
    return 1_000 * statistics.median(seconds)


def _traces(progress: Callable[[str], None]) -> tuple[float, float]:
    """Return the median and the 99th percentile of a product's trace in all departments, in milliseconds."""
    generator = random.Random(1)
    products = [subject_id(str(number)) for number in range(_MILLION // _DEPARTMENTS)]
    with tempfile.TemporaryDirectory() as folder:
        index = Index(Path(folder) / "index.db")
        index.migrate()
        departments = _fill(index, products)
        analyse(index.engine)
        progress(f"{_TRACES:,} traces")
        seconds = []
        for product in generator.sample(products[: _MILLION // _BATCH // _DEPARTMENTS * _BATCH], _TRACES):
            start = time.perf_counter()
            with index.snapshot() as snapshot:
                records = snapshot.records_of(product, departments)
            seconds.append(time.perf_counter() - start)
            assert len({record.department for record in records}) == _DEPARTMENTS
        index.close()
    return 1_000 * statistics.median(seconds), 1_000 * statistics.quantiles(seconds, n=100)[98]


def _fill(index: Index, products: list[Any]) -> list[bytes]:
    """Index one record per product in each of six departments: 1,000 records per event, one event per block."""
    departments = [bytes([number + 1]) * 32 for number in range(_DEPARTMENTS)]
    abi, kind, account = contract("ProcessLedger"), bytes(31) + b"\1", bytes(12) + b"\xa1" * 20
    events = abi.events
    writer, head = IndexWriter(index.engine), HeaderSummary(0, bytes(32), bytes(32), 1_700_000_000)
    writer.begin(IndexedDeployment(31337, bytes(32), bytes(32), 1), head, ChainStatus(head, 0))
    logs = [
        (events["DepartmentOpened"].topic + department + (1).to_bytes(32, "big") + account, _dynamic(b"Dep"))
        for department in departments
    ]
    for start in range(0, len(products) - _BATCH + 1, _BATCH):
        for department in departments:
            packed = b"".join(os.urandom(20) + product + os.urandom(52) for product in products[start : start + _BATCH])
            topics = events["RecordsAppended"].topic + department + start.to_bytes(32, "big") + account
            logs.append((topics, kind + bytes(32) + _dynamic(packed, 96)))
    for first in range(0, len(logs), 20):
        chunk = logs[first : first + 20]
        end = HeaderSummary(head.number + len(chunk), os.urandom(32), bytes(32), head.time + len(chunk))
        log_range, positioned = LogRange(head.number + 1, end), []
        for number, (topics, data) in enumerate(chunk, head.number + 1):
            at = position(number, 0)
            positioned.append((at, at, "ProcessLedger", topics, data))
            log_range.transactions[at] = os.urandom(32)
            log_range.blocks[number] = os.urandom(32), head.time
        log_range.rows, log_range.arguments = decode_logs(positioned)
        writer.append(head, log_range, ChainStatus(end, 0))
        head = end
    return departments


def _dynamic(value: bytes, offset: int = 32) -> bytes:
    """ABI-encode a dynamic value with its offset."""
    padding = bytes(-len(value) % 32)
    return offset.to_bytes(32, "big") + len(value).to_bytes(32, "big") + value + padding
