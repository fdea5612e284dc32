"""Helpers of the tests that run inspector processes."""

from __future__ import annotations

import time
import warnings

from chromatrace.chain import calls, reads
from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer

CONTRACT = "QualityConsensus"
SUBJECT = bytes(31) + b"\7"
REQUESTED, SEATED, DECIDED, LAPSED = 1, 2, 3, 4
ACCOUNTS = (5, 6, 7)
COMMIT_S = 900


def dev_address(account, chain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        return dev_signer(account, chain.manifest.chain_id).address


def until(condition, seconds=300):
    """Wait until `condition()` is true and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)
    return value


def round_of(chain, panel):
    return chain.read(reads.round_in(lane_id(panel, 0)))


def open_round(chain, panel):
    chain.submit(calls.open_rounds([(0, SUBJECT, 1, 0, 1, 1)]))
