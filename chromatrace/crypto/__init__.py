"""Signatures and payloads: EIP-712 today. Imports only `domain` of ours."""
