"""Conditions under which a consensus round can be decided in time."""

from __future__ import annotations

import math

from chromatrace.chain import reads
from chromatrace.chain.client import Chain
from chromatrace.chain.finality import Finality
from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import OrganisationId
from chromatrace.domain.rights import RoundPhase

_REVEAL_S = 600
_SEND_BLOCKS = 4
"""Blocks that a transaction may need until it is included."""


def phase_lengths(finality: Finality, commit_s: int, reveal_s: int | None) -> tuple[int, int]:
    """Return the lengths of the phases in seconds, checked against the chain's time until a block is final.

    reveal_s  None: 600, or twice the shortest length if that is more

    Raises `InvalidInput` if a phase is too short.
    """
    sending_s = _SEND_BLOCKS * finality.interval_s
    if commit_s < sending_s:
        raise InvalidInput(
            f"the commit phase is {commit_s} s; it must be at least {math.ceil(sending_s)} s, because this chain makes "
            f"a block every {finality.interval_s:.3g} s",
            field="commit_seconds",
        )
    shortest_s = math.ceil(finality.delay_s + sending_s)
    if reveal_s is None:
        return commit_s, max(_REVEAL_S, 2 * shortest_s)
    if reveal_s < shortest_s:
        raise InvalidInput(
            f"the reveal phase is {reveal_s} s; it must be at least {shortest_s} s, because a block of this chain is "
            f"final after {finality.delay_s:.0f} s",
            field="reveal_seconds",
            hint="inspectors reveal their answers when the last commitment is final",
        )
    return commit_s, reveal_s


def inspectors_missing(chain: Chain, panel: OrganisationId, lane: int) -> str | None:
    """Return a warning if the requested round in a lane cannot be filled with the inspectors that are free now."""
    state = chain.read(reads.round_in(lane_id(panel, lane)))
    if state.phase is not RoundPhase.REQUESTED:
        return None
    rule = chain.read(reads.panel(panel))
    eligible = chain.read(reads.eligible_inspectors(panel))
    if state.external_only:
        inspectors = chain.read_many([reads.inspector(panel, number) for number in eligible])
        eligible = tuple(number for number, one in zip(eligible, inspectors, strict=True) if not one.own)
    needed = max(rule.first_wave, rule.minimum) - (1 if state.first else 0)
    if len(eligible) >= needed:
        return None
    kind = "inspectors of other organisations" if state.external_only else "inspectors"
    return (
        f"the round needs {needed} {kind}, but {len(eligible)} can be drawn now; it lapses at its deadline unless more "
        "are enrolled or become free"
    )
