"""Errors of simulating a call before it gets a nonce."""

from chromatrace.chain.preflight import insufficient_funds

ADDRESS = "0x" + "ab" * 20


def test_hint_for_an_empty_account_on_a_public_chain():
    error = insufficient_funds("empty", ADDRESS, 8453)
    assert (error.message, error.field) == ("empty", "signer")
    assert error.hint == (
        f"send it enough currency of chain 8453: `chromatrace --keystore FUNDED key send {ADDRESS} --ether AMOUNT`"
    )
