"""BLS12-381 signatures, route proofs, EIP-712 payloads and station keys."""
