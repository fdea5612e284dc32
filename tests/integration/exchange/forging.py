"""Helpers that change bundles and return the verifier's findings."""

from __future__ import annotations

import os

from msgspec.structs import replace

from chromatrace.exchange.proven import ProvenHistory
from chromatrace.exchange.verifier import verify

MUTATIONS = int(os.environ.get("CHROMATRACE_MUTATIONS", "700"))


def texts(findings):
    return [finding.text for finding in findings]


def failing(proof, **changes):
    """Return the texts of the failures after changing the bundle."""
    return texts(verify(replace(proof.bundle, **changes), *proof.terms).failures)


def without(items, *removed):
    return tuple(item for item in items if item not in removed)


def receipt_of(proof, event):
    """Return the cited receipt with the last event of this name of the bundle's batch."""
    proven = ProvenHistory(proof.bundle)
    proven.read_headers()
    proven.read_events()
    last = next(other for other in reversed(proven.of_batch()) if other.name == event)
    return next(cited for cited in proof.bundle.receipts if (cited.block, cited.index) == last.transaction)
