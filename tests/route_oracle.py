"""An independent, slow verification of the `evm` profile on py_ecc, without the package."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from eth_utils import keccak
from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import decompress_G1, decompress_G2
from py_ecc.optimized_bls12_381 import FQ12, G2, final_exponentiate, is_inf, neg, normalize, pairing

TAG = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"


@cache
def _point(key):
    return decompress_G2((int.from_bytes(key[:48], "big"), int.from_bytes(key[48:], "big")))


@cache
def _key_bytes(key):
    x, y = normalize(_point(key))
    return b"".join(int(number).to_bytes(64, "big") for point in (x, y) for number in point.coeffs)


def links(chain_id, verifier, route, subject, components, messages, keys):
    """Return c_1 to c_k. The verifier is an address as text, components are 32 bytes, a key has 96 bytes."""
    words = (
        keccak(b"ChromaTrace route origin/1"),
        chain_id.to_bytes(32, "big"),
        bytes.fromhex(verifier[2:]).rjust(32, b"\0"),
        route,
        subject,
        components,
    )
    link, computed = keccak(b"".join(words)), []
    for step, (message, key) in enumerate(zip(messages, keys, strict=True), 1):
        link = keccak(
            keccak(b"ChromaTrace route link/1") + link + message + keccak(_key_bytes(key)) + step.to_bytes(32, "big")
        )
        computed.append(link)
    return computed


def holds(chain_id, verifier, route, subject, components, messages, keys, aggregate):
    """Return whether the 48 bytes `aggregate` are the signatures of `keys` on the chain of `messages`."""
    if not keys or len(keys) != len(messages):
        return False
    if is_inf(decompress_G1(int.from_bytes(aggregate, "big"))):
        return False
    product = _signature_factor(aggregate)
    for link, key in zip(links(chain_id, verifier, route, subject, components, messages, keys), keys, strict=True):
        product *= _link_factor(link, key)
    return final_exponentiate(product) == FQ12.one()


# Cached, because claims on one route share most of their pairings, which take 0.4 s each.


@cache
def _signature_factor(aggregate):
    return pairing(neg(G2), decompress_G1(int.from_bytes(aggregate, "big")), final_exponentiate=False)


@cache
def _link_factor(link, key):
    return pairing(_point(key), hash_to_G1(link, TAG, sha256), final_exponentiate=False)
