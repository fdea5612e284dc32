"""Readings per second from a recorded file to an anchor on a chain, and the peak memory for ten million readings.

One process ingests the file into a spool (`ingest_file`). Another hashes the readings and anchors a tree head per
million in `ProcessLedger` on Anvil (`Anchorer`). The time runs from before both start to the receipt of the last
anchor. The memory is the sum of both. The baseline is a straightforward program: `plain_loop`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path

import cbor2

from bench.figure import Figure
from chromatrace.anchor import Anchorer, Publisher, TreeHead
from chromatrace.ingest.files import ingest_file, layout_for
from chromatrace.ingest.spool import Spool

# Functions that use the chain import it, so the ingesting process does not load it, as in production.

READINGS = 10_000_000
BASELINE_READINGS = 100_000
COLUMNS = 52
ANCHOR_EVERY = 1_000_000
TARGET_PER_S = 50_000
TARGET_MB = 300
CHANNEL, START, STEP_S = "line", "2026-01-01T00:00:00Z", 1
EXAMPLE_GLN = "9521234500001"
START_NS = 1_767_225_600 * 10**9

Progress = Callable[[str], None]
ROOT = Path(__file__).resolve().parent.parent


def run(progress: Progress) -> list[Figure]:
    """Measure ten million readings, and the baseline with the first hundred thousand of the same file."""
    from chromatrace.chain.deployment import deploy_contracts
    from chromatrace.chain.dev_node import DevNode

    with tempfile.TemporaryDirectory(prefix="chromatrace-bench-") as name:
        folder = Path(name)
        recorded = folder / "line.dat"
        progress(f"writing a table of {READINGS:,} readings, {COLUMNS} columns")
        write_table(recorded, READINGS)
        baseline = plain_loop(recorded, folder / "plain.db", BASELINE_READINGS)
        progress(f"the plain loop takes {baseline:,.0f} readings/s")
        with DevNode() as node:
            progress("deploying the contracts on Anvil")
            manifest = folder / f"{node.chain_id}.json"
            deploy_contracts(node.url, manifest)
            command = _command(recorded, folder, "--rpc", node.url, "--manifest", str(manifest))
            result = _in_fresh_process(command, progress)
        baseline = max(baseline, plain_loop(recorded, folder / "plain again.db", BASELINE_READINGS))
    return [
        Figure(
            "readings: ingested from a file, hashed and anchored on Anvil",
            result["readings"] / result["seconds"],
            "readings/s",
            "higher",
            TARGET_PER_S,
            "plain loop: csv, one INSERT per reading, cbor2, tree in a list",
            baseline,
        ),
        Figure("readings: peak resident memory for 10 million", result["peak_mb"], "MB", "lower", TARGET_MB),
    ]


def write_table(path: Path, readings: int) -> None:
    """Write at least `readings` drifting numbers, `COLUMNS` per row, in the format of the recorded process."""
    generator = random.Random(52)
    base = [10 ** generator.uniform(-1, 3.5) for _ in range(COLUMNS)]
    template = "   %.7e" * COLUMNS + "\n"
    with path.open("w", encoding="ascii") as file:
        for _ in range(-(-readings // COLUMNS)):
            drift = generator.random()
            file.write(template % tuple([value * (1 + drift * generator.random()) for value in base]))


def _in_fresh_process(command: list[str], progress: Progress) -> dict[str, float]:
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        result: dict[str, float] = {}
        for line in process.stdout or ():
            result = json.loads(line)
            progress(
                f"{result['readings']:,} readings, {result['readings'] / result['seconds']:,.0f}/s, "
                f"peak {result['peak_mb']:.0f} MB"
            )
    if process.returncode != 0 or result.get("readings", 0) < READINGS:
        raise RuntimeError(f"{' '.join(command)} exited with status {process.returncode}; last report: {result}")
    return result


def _ingest(recorded: Path, folder: Path) -> None:
    """Ingest the file into the spool; print the counts and the peak memory as JSON."""
    layout = layout_for(columns=f"X(1..{COLUMNS})", start=START, step=f"{STEP_S}s")
    with Spool(folder / "spool.db") as spool:
        result = ingest_file(spool, CHANNEL, recorded, layout)
    print(json.dumps({"stored": result.stored, "rejected": result.rejected_count, "peak_mb": peak_mb()}))


def _anchor(recorded: Path, folder: Path, publisher: Publisher) -> None:
    """Anchor the spool while another process fills it; print a line of JSON for each anchor."""
    start = time.perf_counter()
    with (
        subprocess.Popen(_command(recorded, folder, "--ingest"), cwd=ROOT, stdout=subprocess.PIPE, text=True) as ingest,
        Spool(folder / "spool.db") as spool,
        Anchorer(spool, publisher, folder / "log.db", every_count=ANCHOR_EVERY, every_s=3600) as anchorer,
    ):
        ingest_mb = 0.0

        def report(heads: list[TreeHead]) -> None:
            seconds = time.perf_counter() - start
            for head in heads:
                state = {"readings": head.size, "seconds": seconds, "peak_mb": peak_mb() + ingest_mb}
                print(json.dumps(state), flush=True)

        while ingest.poll() is None:
            ingest_mb = max(ingest_mb, _peak_of(ingest.pid))
            report(anchorer.poll())
            time.sleep(0.01)
        result = json.loads(ingest.stdout.read() if ingest.stdout else "")
        last = anchorer.anchor(CHANNEL) or anchorer.heads.last_published(CHANNEL)
        if result["rejected"] or last is None or last.size != result["stored"]:
            raise RuntimeError(f"not all readings were anchored: {result}, last head {last}")
        ingest_mb = result["peak_mb"]
        report([last])


def _command(recorded: Path, folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "bench.readings", str(recorded), str(folder), *options]


def peak_mb() -> float:
    """Return the peak resident memory of this process in MB (10^6 bytes)."""
    return _peak_of(os.getpid())


def _peak_of(process: int) -> float:
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def plain_loop(recorded: Path, database: Path, readings: int) -> float:
    """Return the readings per second of a straightforward program.

    It reads with csv, inserts and encodes readings one by one, commits each row of the file, and computes the root from
    a list of leaf hashes.
    """
    rows = readings // COLUMNS
    start = time.perf_counter()
    db = sqlite3.connect(database)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(
        "CREATE TABLE reading (source TEXT, tag TEXT, time INTEGER, received INTEGER, value REAL, unit TEXT,"
        " quality INTEGER, sequence INTEGER, replayed INTEGER, PRIMARY KEY (source, tag, time))"
    )
    leaves = []
    with recorded.open(newline="", encoding="ascii") as file:
        for row, cells in enumerate(islice(csv.reader(file, delimiter=" ", skipinitialspace=True), rows)):
            received = time.time_ns()
            for column, cell in enumerate(cells, 1):
                number = row * COLUMNS + column - 1
                reading = ("line", f"X({column})", START_NS + row * 10**9, received, float(cell), "", 0, number, False)
                db.execute("INSERT OR IGNORE INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", reading)
                leaves.append(sha256(b"\0" + cbor2.dumps([1, *reading], canonical=True)).digest())
            db.commit()
    _plain_root(leaves)
    db.close()
    return rows * COLUMNS / (time.perf_counter() - start)


def _plain_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + _plain_root(leaves[:left]) + _plain_root(leaves[left:])).digest()


@contextmanager
def _publisher(folder: Path, rpc: str, manifest: Path) -> Iterator[Publisher]:
    from chromatrace.chain import calls, reads
    from chromatrace.chain.client import Chain
    from chromatrace.chain.outbox import Outbox
    from chromatrace.domain.identifiers import Gln, OrganisationId
    from chromatrace.domain.rights import OrganisationKind, Role
    from chromatrace.ethereum.manifest import Manifest
    from chromatrace.ethereum.rpc import RpcClient
    from chromatrace.ethereum.signer import dev_signer
    from chromatrace.services.publisher import ChainPublisher

    deployment = Manifest.load(manifest)
    warnings.simplefilter("ignore")
    signer = dev_signer(0, deployment.chain_id)
    with Outbox(folder / "outbox.db") as outbox:
        chain = Chain(RpcClient(rpc), deployment, outbox, signer)
        maker, gateway = OrganisationKind.MANUFACTURER, Role.GATEWAY
        chain.submit(calls.register_organisation(maker, Gln(EXAMPLE_GLN), gateway, "Example Glass"))
        number = OrganisationId(chain.read(reads.organisation_count()))
        chain.submit(calls.appoint_operator(signer.address, number, gateway))
        yield ChainPublisher(chain)


def main() -> None:
    """Run one of the two measured processes."""
    parser = argparse.ArgumentParser(prog="python -m bench.readings", description="Run a measured process.")
    parser.add_argument("recorded", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ingest", action="store_true")
    parser.add_argument("--rpc")
    parser.add_argument("--manifest", type=Path)
    options = parser.parse_args()
    if options.ingest:
        _ingest(options.recorded, options.folder)
        return
    with _publisher(options.folder, options.rpc, options.manifest) as publisher:
        _anchor(options.recorded, options.folder, publisher)


if __name__ == "__main__":
    main()
