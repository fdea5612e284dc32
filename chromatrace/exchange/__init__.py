"""Proof bundles: collect them from a node and verify them offline, and proofs of units under a batch's serial root.

A proof that does not hold raises `chromatrace.merkle.errors.ProofError`.
"""
