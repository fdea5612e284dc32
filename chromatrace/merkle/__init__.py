"""The append-only Merkle log of each channel (RFC 9162) and its entries (deterministic CBOR, RFC 8949).

`entry`   encode and decode a reading
`proofs`  hashes, roots, inclusion and consistency proofs, and their verification
`log`     `MerkleLog`: a durable log of many millions of leaves
"""
