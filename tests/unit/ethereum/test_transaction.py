"""Signed transactions equal those of eth-account."""

from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from chromatrace.ethereum.signer import LocalSigner
from chromatrace.ethereum.transaction import Transaction

wei = st.integers(0, 10**18)


@settings(max_examples=60, deadline=None)
@given(
    key=st.binary(min_size=32, max_size=32).filter(lambda raw: 0 < int.from_bytes(raw, "big") < 2**255),
    chain_id=st.integers(1, 2**40),
    nonce=st.integers(0, 2**40),
    tip=wei,
    more=wei,
    gas=st.integers(21_000, 2**24),
    to=st.binary(min_size=20, max_size=20),
    value=wei,
    data=st.binary(max_size=400) | st.binary(min_size=1, max_size=1),
)
def test_signed_bytes_equal_eth_account(key, chain_id, nonce, tip, more, gas, to, value, data):
    signed = LocalSigner(key).sign_transaction(Transaction(chain_id, nonce, tip, tip + more, gas, to, value, data))
    fields = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "maxPriorityFeePerGas": tip,
        "maxFeePerGas": tip + more,
        "gas": gas,
        "to": to,
        "value": value,
        "data": data,
    }
    assert signed == bytes(Account.sign_transaction(fields, key).raw_transaction)
