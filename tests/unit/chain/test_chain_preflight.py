"""Who is told what before a call takes a nonce."""

from chromatrace.chain.preflight import no_funds

ADDRESS = "0x" + "ab" * 20


def test_an_empty_account_on_a_real_chain_says_who_sends_what_to_whom():
    told = no_funds("nothing left", ADDRESS, 8453)
    assert (told.message, told.field) == ("nothing left", "signer")
    assert told.hint == (
        f"whoever keeps the organisation's money sends {ADDRESS} enough of the chain's currency for gas on chain 8453"
    )
