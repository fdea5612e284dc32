"""Batch registrations per second, from Python values to inclusion in a block, through the durable outbox.

Each registration is encoded, signed, stored, sent and looked up in its block. A second figure adds the default dry run
by `eth_call`. Anvil on the same machine makes a block every quarter of a second; its block gas limit has no effect. The
baseline is the usual web3.py loop: build, sign and send each transaction with a local nonce, then wait for the
receipts. It stores nothing and makes no dry run. BPDMS published about 250 writes per second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from eth_account import Account
from web3 import Web3
from web3.types import Nonce, TxParams, Wei

from bench.figure import Figure
from bench.gas import GTIN, deployed_chain, registration
from chromatrace.chain import calls
from chromatrace.chain.calls import Call
from chromatrace.chain.client import Chain, Receipt
from chromatrace.ethereum.abi import FOLDER
from chromatrace.ethereum.signer import MNEMONIC

_BLOCK_TIME_S = 0.25
_ROUNDS = 3
_SINGLE = 4_000
_BULK, _PER_CALL = 10_000, 100
_BASELINE = 1_000
_GAS = 110_000
_BULK_GAS = 7_000_000


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure single and bulk registrations, and the baseline on another chain; return the best round of each."""
    with deployed_chain(block_time_s=_BLOCK_TIME_S) as (_, chain):
        single = checked = bulk = 0.0
        for number in range(_ROUNDS):
            progress(f"round {number + 1} of {_ROUNDS}: {_SINGLE:,} registrations, one per transaction")
            single = max(single, _timed(chain, _single_calls(f"S{number}", _SINGLE), _SINGLE, check=False))
            progress(f"{_SINGLE:,} registrations, each checked by eth_call")
            checked = max(checked, _timed(chain, _single_calls(f"T{number}", _SINGLE), _SINGLE))
            progress(f"{_BULK:,} registrations, {_PER_CALL} per transaction")
            bulk = max(bulk, _timed(chain, _bulk_calls(f"M{number}"), _BULK))
    with deployed_chain(block_time_s=_BLOCK_TIME_S) as (_, chain):
        baseline = 0.0
        for number in range(_ROUNDS):
            progress(f"the baseline, round {number + 1} of {_ROUNDS}: {_BASELINE:,} registrations")
            baseline = max(baseline, _web3_loop(chain, f"W{number}"))
    loop = "web3.py: build, sign, send each, then wait"
    return [
        Figure("writes: registrations included, one per transaction", single, "1/s", "higher", 1_500, loop, baseline),
        Figure(
            "writes: registrations included, each checked by eth_call", checked, "1/s", "higher", None, loop, baseline
        ),
        Figure("writes: registrations included, 100 per transaction", bulk, "1/s", "higher", None, loop, baseline),
        Figure("writes: one per transaction, times the web3.py loop", single / baseline, "×", "higher", 3),
    ]


def _single_calls(name: str, count: int) -> list[Call]:
    lots = [registration(f"{name}-{number}") for number in range(count)]
    return [calls.register_batch(lot).with_gas(_GAS) for lot in lots]


def _bulk_calls(name: str) -> list[Call]:
    lots = [registration(f"{name}-{number}") for number in range(_BULK)]
    batches = (calls.register_batches(lots[start : start + _PER_CALL]) for start in range(0, _BULK, _PER_CALL))
    return [call.with_gas(_BULK_GAS) for call in batches]


def _timed(chain: Chain, batch: list[Call], registrations: int, *, check: bool = True) -> float:
    start = time.perf_counter()
    outcomes = chain.send_many(batch, check=check)
    seconds = time.perf_counter() - start
    failed = [outcome for outcome in outcomes if not isinstance(outcome, Receipt) or outcome.block_number is None]
    if failed:
        raise RuntimeError(f"{len(failed)} calls failed; the first: {failed[0]}")
    return registrations / seconds


def _web3_loop(chain: Chain, name: str) -> float:
    web3 = Web3(Web3.HTTPProvider(chain.rpc.url))
    Account.enable_unaudited_hdwallet_features()
    account = Account.from_mnemonic(MNEMONIC)
    abi = (FOLDER / "BatchRegistry.json").read_text(encoding="utf-8")
    registry = web3.eth.contract(Web3.to_checksum_address(chain.manifest.address("BatchRegistry")), abi=abi)
    nonce = web3.eth.get_transaction_count(account.address)
    fees: TxParams = {"maxFeePerGas": Wei(20 * 10**9), "maxPriorityFeePerGas": Wei(10**9), "gas": _GAS}
    start = time.perf_counter()
    sent = []
    for number in range(_BASELINE):
        lot = registration(f"{name}-{number}")
        key, nothing = (int(GTIN), str(lot.batch.lot)), list[Any]()
        values = (*key, lot.quantity, lot.serial_root, lot.content_digest, lot.route, nothing)
        numbered: TxParams = {**fees, "chainId": chain.manifest.chain_id, "nonce": Nonce(nonce + number)}
        transaction = registry.functions.register(values).build_transaction(numbered)
        signed = account.sign_transaction(transaction)
        sent.append(web3.eth.send_raw_transaction(signed.raw_transaction))
    for tx_hash in sent:
        if web3.eth.wait_for_transaction_receipt(tx_hash, poll_latency=0.01)["status"] != 1:
            raise RuntimeError("a registration of the baseline failed")
    return _BASELINE / (time.perf_counter() - start)
