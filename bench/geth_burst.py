"""A burst of registrations on `geth --dev` with its default transaction pool, through the outbox.

geth keeps 64 transactions of an account that follow a missing nonce, and drops the rest without an error. The baseline
sends the same registrations in the same run with one loop: it signs each transaction, sends them in the order of their
nonces in batches of 100, stores nothing, and waits until the account has executed all of them.

`CHROMATRACE_GETH` names the program; otherwise it is searched for in PATH and built with Go (about six CPU minutes).
Without Go and without the program, the benchmark is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.gas import ALL_ROLES, GTIN, registration
from chromatrace.chain import calls
from chromatrace.chain.client import Chain, Receipt
from chromatrace.chain.deployment import deploy_contracts
from chromatrace.chain.fees import FeeContext
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.outbox_entries import Draft
from chromatrace.chain.preflight import needed_gas
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.identifiers import CompanyPrefix, Gln, Gtin, OrganisationId
from chromatrace.domain.rights import OrganisationKind
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import LocalSigner
from chromatrace.ethereum.transaction import TX_GAS_CAP, Transaction
from chromatrace.storage.ports import held_port

VERSION = "v1.17.10"
_PROGRAM = f"github.com/ethereum/go-ethereum/cmd/geth@{VERSION}"
_COUNT, _BATCH, _ROUNDS = 1_500, 100, 3
_LIMIT_S = 120.0
_TARGET = 0.9


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure both in rounds of alternating order; return the best of each. Return nothing without geth and Go."""
    geth = find_geth(progress)
    if geth is None:
        progress(f"skipped: neither geth nor Go is installed (go install {_PROGRAM})")
        return []
    with tempfile.TemporaryDirectory() as folder, geth_chain(geth, Path(folder)) as chain:
        progress("warm-up")
        _ordered_loop(chain, "warm-up")
        rates: dict[str, float] = {}
        senders: list[tuple[str, Callable[[Chain, str], float]]] = [
            ("loop", _ordered_loop),
            ("outbox", _through_outbox),
        ]
        for number in range(_ROUNDS):
            progress(
                f"round {number + 1} of {_ROUNDS}: {_COUNT:,} registrations by {senders[0][0]}, then {senders[1][0]}"
            )
            for name, sender in senders:
                rates[name] = max(rates.get(name, 0.0), sender(chain, f"{name}-{number}"))
            senders.reverse()
        progress(f"{_COUNT:,} registrations, each checked by eth_call")
        checked = _through_outbox(chain, "checked", check=True)
    ordered, outbox = rates["loop"], rates["outbox"]
    name, loop = "geth --dev, burst of 1,500 registrations", "one loop, ordered nonces, nothing stored"
    return [
        Figure(f"{name}: included", outbox, "1/s", "higher", None, loop, ordered),
        Figure(f"{name}: each checked by eth_call", checked, "1/s", "higher", None, loop, ordered),
        Figure(f"{name}: times the ordered loop", outbox / ordered, "×", "higher", _TARGET),
    ]


def find_geth(progress: Callable[[str], None]) -> str | None:
    """Return the program, built if necessary; None if that is not possible."""
    found = os.environ.get("CHROMATRACE_GETH") or shutil.which("geth")
    if found is not None:
        return found
    go = shutil.which("go")
    if go is None:
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "chromatrace" / f"geth-{VERSION}"
    if not (cache / "geth").exists():
        progress(f"building geth {VERSION} (once)")
        subprocess.run([go, "install", _PROGRAM], env=os.environ | {"GOBIN": str(cache)}, check=True)
    return str(cache / "geth")


@contextmanager
def geth_chain(geth: str, folder: Path) -> Iterator[Chain]:
    """Run `geth --dev` with the contracts deployed; yield a chain whose signer acts for Example Glass."""
    with held_port("127.0.0.1", 0, field="geth") as port, (folder / "geth.log").open("wb") as log:
        command = [geth, "--dev", "--datadir", str(folder / "geth"), "--http", "--http.port", str(port), "--ipcdisable"]
        command += ["--http.api", "eth,net,web3,txpool", "--port", "0", "--authrpc.port", "0", "--nodiscover"]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            rpc = RpcClient(url, 60.0)
            _wait_until_ready(rpc, process)
            manifest = folder / "manifest.json"
            deploy_contracts(url, manifest)
            with Outbox(folder / "outbox.db", limit=100_000) as outbox:
                chain = Chain(rpc, Manifest.load(manifest), outbox, _dev_key(folder / "geth" / "keystore"))
                gln = Gln("9521234000013")
                chain.submit(
                    calls.register_organisation(OrganisationKind.MANUFACTURER, gln, ALL_ROLES, "Example Glass")
                )
                chain.submit(calls.appoint_operator(chain.sender, OrganisationId(1), ALL_ROLES))
                chain.submit(calls.license_prefix(OrganisationId(1), CompanyPrefix.of_item(Gtin(GTIN))))
                yield chain
        finally:
            process.terminate()
            process.wait(60)


def _dev_key(folder: Path) -> LocalSigner:
    """Return the key of the development account: geth stores it with an empty password."""
    from eth_keyfile.keyfile import extract_key_from_keyfile

    (path,) = folder.iterdir()
    return LocalSigner(bytes(extract_key_from_keyfile(str(path), b"")))


def _wait_until_ready(rpc: RpcClient, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while True:
        try:
            rpc.call("eth_chainId")
        except ChromaTraceError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _through_outbox(chain: Chain, name: str, *, check: bool = False) -> float:
    lots = [registration(f"{name}-{number}") for number in range(_COUNT)]
    gas = _needed_gas(chain, name)
    batch = [calls.register_batch(lot).with_gas(gas) for lot in lots]
    start = time.perf_counter()
    outcomes = chain.send_many(batch, check=check, timeout_s=_LIMIT_S)
    seconds = time.perf_counter() - start
    failed = [outcome for outcome in outcomes if not isinstance(outcome, Receipt) or outcome.block_number is None]
    if failed:
        raise RuntimeError(f"{len(failed)} calls failed; the first: {failed[0]}")
    return _COUNT / seconds


def _needed_gas(chain: Chain, name: str) -> int:
    """Return the gas limit of a registration under the rules of this chain."""
    call = calls.register_batch(registration(f"{name}-gas"))
    draft = Draft(bytes.fromhex(chain.manifest.address(call.contract)[2:]), call.encode(), call.label)
    (limit,) = needed_gas(chain.rpc, chain.sender, [draft], TX_GAS_CAP)
    if not isinstance(limit, int):
        raise limit
    return limit


def _ordered_loop(chain: Chain, name: str) -> float:
    signer, rpc = chain.signer, chain.rpc
    assert signer is not None
    lots = [registration(f"{name}-{number}") for number in range(_COUNT)]
    to = bytes.fromhex(chain.manifest.address("BatchRegistry")[2:])
    context = FeeContext.read(rpc, signer.address)
    fees = context.fees(500 * 10**9)
    gas = _needed_gas(chain, name)
    hashes: list[str] = []
    start = time.perf_counter()
    for first in range(0, _COUNT, _BATCH):
        requests: list[tuple[str, list[Any]]] = []
        for number in range(first, first + _BATCH):
            transaction = Transaction(
                chain_id=chain.manifest.chain_id,
                nonce=context.nonce + number,
                max_priority_fee_wei=fees.priority_fee_wei,
                max_fee_wei=fees.max_fee_wei,
                gas=gas,
                to=to,
                value_wei=0,
                data=calls.register_batch(lots[number]).encode(),
            )
            requests.append(("eth_sendRawTransaction", ["0x" + signer.sign_transaction(transaction).hex()]))
        hashes += rpc.batch(requests)
    while int(rpc.call("eth_getTransactionCount", signer.address, "latest"), 16) < context.nonce + _COUNT:
        if time.perf_counter() - start > _LIMIT_S:
            raise RuntimeError("the transactions of the baseline are not included")
        time.sleep(0.005)
    seconds = time.perf_counter() - start
    receipts = rpc.batch([("eth_getTransactionReceipt", [tx_hash]) for tx_hash in hashes])
    if any(receipt["status"] != "0x1" for receipt in receipts):
        raise RuntimeError("a registration of the baseline failed")
    return _COUNT / seconds
