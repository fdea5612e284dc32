"""The append-only Merkle log of each channel (RFC 9162) and its entries (deterministic CBOR, RFC 8949).

`entry`   a reading as bytes, and back
`proofs`  hashes, roots, inclusion and consistency proofs over a list of leaf hashes; their verification
`log`     `MerkleLog`, the same durable, at any size among many millions of leaves
"""
