"""Run all published cases of inclusion and consistency verification (RFC 9162)."""

import base64
import json

import pytest

from chromatrace.merkle.errors import ProofError
from chromatrace.merkle.proofs import verify_consistency, verify_inclusion

INCLUSION = (49, 46)
CONSISTENCY = (49, 45)
"""Number of cases, and of those that must be rejected."""


def _cases(vectors_dir, name):
    return json.loads((vectors_dir / "rfc9162" / f"{name}.json").read_text(encoding="utf-8"))


def _hash(text):
    return base64.b64decode(text or "", validate=True)


def _check_inclusion(case):
    proof = [_hash(node) for node in case["proof"] or ()]
    verify_inclusion(_hash(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, _hash(case["root"]))


def _check_consistency(case):
    proof = [_hash(node) for node in case["proof"] or ()]
    verify_consistency(case["size1"], case["size2"], proof, _hash(case["root1"]), _hash(case["root2"]))


@pytest.mark.parametrize(
    ("name", "check", "expected"),
    [("inclusion", _check_inclusion, INCLUSION), ("consistency", _check_consistency, CONSISTENCY)],
)
def test_published_cases(vectors_dir, name, check, expected):
    cases = _cases(vectors_dir, name)
    assert (len(cases), sum(case["wantErr"] for case in cases)) == expected
    wrong = []
    for case in cases:
        try:
            check(case)
            rejected = False
        except ProofError:
            rejected = True
        if rejected != case["wantErr"]:
            wrong.append(case["name"])
    assert wrong == []
