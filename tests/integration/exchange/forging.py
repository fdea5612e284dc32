"""What tests of bundles change in them, and what the verifier says then."""

from __future__ import annotations

import os
from dataclasses import replace

from chromatrace.exchange.proven import ProvenHistory
from chromatrace.exchange.verifier import verify

MUTATIONS = int(os.environ.get("CHROMATRACE_MUTATIONS", "700"))


def texts(findings):
    return [finding.text for finding in findings]


def failing(proof, **changes):
    """The texts of what fails once the bundle is changed so."""
    return texts(verify(replace(proof.bundle, **changes), *proof.terms).failures)


def without(items, *unwanted):
    return tuple(item for item in items if item not in unwanted)


def receipt_of(proof, event):
    """The cited receipt that has an event, by its name, of the bundle's batch."""
    proven = ProvenHistory(proof.bundle)
    proven.read_headers()
    proven.read_events()
    found = next(one for one in reversed(proven.of_batch()) if one.name == event)
    return next(cited for cited in proof.bundle.receipts if (cited.block, cited.index) == found.transaction)
