"""The chain: JSON-RPC, ABIs, signer, durable outbox, decoded errors. Imports only `domain` and `crypto` of ours."""
