"""A literal implementation of RFC 9162, 2.1.1, 2.1.3.1 and 2.1.4.1, and proofs over lists of leaf hashes."""

from hashlib import sha256

from chromatrace.merkle.proofs import consistency_path, inclusion_path, root


def inclusion_proof(leaves, index):
    return inclusion_path(index, len(leaves), lambda start, stop: root(leaves[start:stop]))


def consistency_proof(leaves, old_size):
    return consistency_path(old_size, len(leaves), lambda start, stop: root(leaves[start:stop]))


def largest_power_below(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def reference_root(entries):
    """Return MTH(D[n])."""
    n = len(entries)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = largest_power_below(n)
    return sha256(b"\x01" + reference_root(entries[:k]) + reference_root(entries[k:])).digest()


def reference_path(m, entries):
    """Return PATH(m, D[n])."""
    n = len(entries)
    if n == 1:
        return []
    k = largest_power_below(n)
    if m < k:
        return [*reference_path(m, entries[:k]), reference_root(entries[k:])]
    return [*reference_path(m - k, entries[k:]), reference_root(entries[:k])]


def reference_consistency(m, entries):
    """Return PROOF(m, D[n])."""
    return _subproof(m, entries, True)


def _subproof(m, entries, known):
    n = len(entries)
    if m == n:
        return [] if known else [reference_root(entries)]
    k = largest_power_below(n)
    if m <= k:
        return [*_subproof(m, entries[:k], known), reference_root(entries[k:])]
    return [*_subproof(m - k, entries[k:], False), reference_root(entries[:k])]
