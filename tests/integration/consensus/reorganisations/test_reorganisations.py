"""Rounds survive reorganisations of a real chain: three inspectors in this process, and a node that loses blocks.

The full matrix runs with CHROMATRACE_REORGANISATIONS=all; the default is a sample.
"""

import itertools
import os
from contextlib import ExitStack

import pytest
from panel_of_three import PanelOfThree

from chromatrace.chain import reads
from chromatrace.chain.client import Chain
from chromatrace.chain.transaction_sender import DeliveryPolicy
from chromatrace.domain.rights import RoundPhase, SeatStatus

PHASES = ("open", "draw", "commit", "reveal", "decision")
DEPTHS = (1, 2, 3, 8, 20)
CONFIRMATIONS = 3
"""Without automatic mining, each poll of the three inspectors makes a block."""
MATRIX = list(itertools.product(PHASES, DEPTHS, ("dropped", "pooled"), (None, CONFIRMATIONS)))
SAMPLE = [
    ("open", 1, "dropped", None),
    ("draw", 2, "pooled", CONFIRMATIONS),
    ("commit", 3, "dropped", CONFIRMATIONS),
    ("reveal", 8, "pooled", None),
    ("decision", 1, "dropped", None),
    ("decision", 2, "pooled", CONFIRMATIONS),
    ("decision", 20, "dropped", CONFIRMATIONS),
]
SETTLED_BLOCKS = 24


@pytest.mark.parametrize(
    ("phase", "depth", "transactions", "confirmations"),
    MATRIX if os.environ.get("CHROMATRACE_REORGANISATIONS") == "all" else SAMPLE,
)
def test_a_round_is_decided_without_penalties(chain, panel, tmp_path, phase, depth, transactions, confirmations):
    """The chain has enough blocks after the panel's set-up that no reorganisation reaches it."""
    chain.rpc.call("anvil_mine", hex(SETTLED_BLOCKS))
    registrar = Chain(chain.rpc, chain.manifest, chain.outbox, chain.signer, DeliveryPolicy(resend_after_s=0.5))
    with ExitStack() as stack:
        inspectors = PanelOfThree(chain, panel, tmp_path, stack, confirmations=confirmations)
        inspectors.open()
        if confirmations is not None:
            chain.rpc.call("evm_setAutomine", False)
        inspectors.poll_until(lambda: inspectors.reached(phase))
        for process in inspectors.processes:
            process.poll()  # each has seen the phase
        inspectors.lose_blocks(depth, pooled=transactions == "pooled")

        def decided():
            registrar.resume()
            return inspectors.state().phase is RoundPhase.DECIDED

        inspectors.poll_until(decided)
        assert [seat.status for seat in inspectors.state().seats] == [SeatStatus.REVEALED] * 3
        for number in (1, 2, 3):
            assert chain.read(reads.inspector(panel, number)).capability >= 1_000
        rounds = [question.round for question in inspectors.questions]
        assert all(rounds.count(round_) <= 3 for round_ in rounds), "an inspector measures once for each round"
