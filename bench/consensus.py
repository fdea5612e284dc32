"""Inspection by consensus on chain: inspections per second and gas of each, in rounds of three.

A round consists of request, draw, commit, reveal, decision and learning; each answer is signed by its inspector. Each
transaction contains twenty rounds and goes through the outbox. The time includes computing and signing the answers.
Anvil on the same machine makes a block every quarter of a second.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.figure import Figure
from bench.gas import deployed_chain
from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call
from chromatrace.chain.client import Chain, Receipt
from chromatrace.crypto.sealed_answer import SealedAnswer, lane_id, sign_commitment
from chromatrace.domain.identifiers import OrganisationId
from chromatrace.domain.rights import Role, Stage
from chromatrace.ethereum.signer import LocalSigner
from chromatrace.quality.rules import Rule

T = TypeVar("T")

_BLOCK_TIME_S = 0.25
_INSPECTORS = 240
_LANES = 80
_PER_CALL = 20
_WAVES = 6
_GAS = 4_000_000
_PANEL = OrganisationId(1)


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Run waves of eighty rounds one after the other, because an inspector sits in one round at a time."""
    with deployed_chain(block_time_s=_BLOCK_TIME_S) as (_, chain):
        progress(f"{_INSPECTORS} inspectors on one panel")
        signers = _panel(chain)
        progress(f"{_WAVES} waves of {_LANES} rounds")
        _wave(chain, signers, 0)  # first rounds cost more gas
        start = time.perf_counter()
        gas = sum(_wave(chain, signers, wave) for wave in range(1, _WAVES + 1))
        seconds = time.perf_counter() - start
    inspections = 3 * _LANES * _WAVES
    return [
        Figure("consensus: inspections on chain, rounds of three", inspections / seconds, "1/s", "higher", 120),
        Figure("consensus: an inspection in a round of three", gas / inspections, "gas", "lower", 60_000),
    ]


def _panel(chain: Chain) -> list[LocalSigner]:
    rule = Rule.majority(2, maximum=3)
    chain.submit(calls.set_rule(rule, first_wave=3))
    signers = [LocalSigner(hashlib.sha256(b"inspector %d" % number).digest()) for number in range(_INSPECTORS)]
    _all(chain, [calls.appoint_operator(signer.address, _PANEL, Role.INSPECTOR) for signer in signers])
    _all(chain, [calls.enrol_inspector(signer.address, 1_000).with_gas(400_000) for signer in signers])
    by_number = {chain.read(reads.inspector_number(_PANEL, signer.address)): signer for signer in signers}
    return [by_number[number] for number in range(1, _INSPECTORS + 1)]


def _wave(chain: Chain, signers: Sequence[LocalSigner], wave: int) -> int:
    """Run eighty rounds; return their gas."""
    lanes = [lane_id(_PANEL, number) for number in range(_LANES)]
    requests = [
        calls.RoundRequest(number, _subject(wave, number), 1, Stage.FIRST, number + 1, 1) for number in range(_LANES)
    ]
    gas = _send(chain, calls.open_rounds, requests) + _send(chain, calls.draw_seats, lanes)
    address, chain_id = chain.manifest.address("QualityConsensus"), chain.manifest.chain_id
    commitments, answers = [], []
    for lane, state in zip(lanes, chain.read_many([reads.round_in(lane) for lane in lanes]), strict=True):
        committed, revealed = [], []
        for index, seat in enumerate(state.seats):
            signer = signers[seat.inspector - 1]
            answer = SealedAnswer(0, 0, hashlib.sha256(state.id).digest())
            sealed = answer.digest(state.id, signer.address)
            signature = sign_commitment(signer, state.id, index, sealed, chain_id, address)
            committed.append(calls.Commitment(index, sealed, *signature))
            revealed.append((index, answer))
        commitments.append((lane, committed))
        answers.append((lane, revealed))
    return gas + _send(chain, calls.commit_answers, commitments) + _send(chain, calls.reveal_answers, answers)


def _send(chain: Chain, call: Callable[[Sequence[T]], Call], items: Sequence[T]) -> int:
    """Send the items in calls of twenty; return their gas."""
    chunks = [items[start : start + _PER_CALL] for start in range(0, len(items), _PER_CALL)]
    return _all(chain, [call(chunk).with_gas(_GAS) for chunk in chunks])


def _all(chain: Chain, batch: Sequence[Call]) -> int:
    """Send all calls, wait for their inclusion and return their gas."""
    outcomes = chain.send_many(batch, check=False)
    failed = [outcome for outcome in outcomes if not isinstance(outcome, Receipt) or outcome.block_number is None]
    if failed:
        raise RuntimeError(f"{len(failed)} calls failed; the first: {failed[0]}")
    return sum(outcome.gas_used or 0 for outcome in outcomes if isinstance(outcome, Receipt))


def _subject(wave: int, number: int) -> bytes:
    return hashlib.sha256(b"workpiece %d %d" % (wave, number)).digest()
