"""Access to an Ethereum chain: ABIs, codec, JSON-RPC, contract errors, manifest and signer."""
