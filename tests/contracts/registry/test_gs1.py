"""GS1 check digits, lot characters and batch ids: the contract agrees with `chromatrace.domain.identifiers`.

These tests send no transactions, so they use the `given` of hypothesis: Brownie's reverts the chain after each example.
"""

from environment import FOREVER, GTIN, batch_id
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.core import given
from reverts import DidNotRevert, Revert, revert_of

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import SET_82, Gln, Gtin, Lot, check_digit
from chromatrace.domain.rights import OrganisationKind

gtin_bodies = st.text("0123456789", min_size=13, max_size=13)
lots = st.text(sorted(SET_82), min_size=1, max_size=20)


def outcome(function, *args, sender):
    """Return the revert of a call, or None."""
    try:
        return revert_of(function, *args, sender=sender)
    except DidNotRevert:
        return None


@given(gtin_bodies, lots)
@settings(max_examples=40)
def test_batch_ids_agree(env, body, lot):
    gtin = body + check_digit(body)
    assert bytes(env.registry.batchIdOf(int(gtin), lot)) == batch_id(lot, gtin)


licensed_bodies = st.from_regex(r"[0-9]952123454[0-9]{3}", fullmatch=True)
"""Bodies of GTINs whose prefix is licensed to the plant."""


@given(
    st.one_of(
        licensed_bodies.map(lambda body: body + check_digit(body)),
        st.from_regex(r"[0-9]952123454[0-9]{4}", fullmatch=True),
    )
)
@settings(max_examples=60)
def test_gtin_check_digits_agree(env, digits):
    try:
        Gtin(digits)
        expected = None if int(digits) else Revert("InvalidGtin", gtin=0)
    except InvalidInput:
        expected = Revert("InvalidGtin", gtin=int(digits))
    assert outcome(env.registry.register, env.registration(gtin=digits), sender=env.producer) == expected


@given(
    st.one_of(
        st.text("0123456789", min_size=12, max_size=12).map(lambda body: body + check_digit(body)),
        st.text("0123456789", min_size=13, max_size=13),
    )
)
@settings(max_examples=60)
def test_gln_check_digits_agree(env, digits):
    try:
        Gln(digits)
        expected = None if int(digits) else Revert("InvalidGln", gln=0)
    except InvalidInput:
        expected = Revert("InvalidGln", gln=int(digits))
    args = (OrganisationKind.CARRIER, int(digits), 0, FOREVER, "Example")
    assert outcome(env.consortium.registerOrganisation, *args, sender=env.registrar) == expected


def test_lot_characters_agree(env):
    for code in range(128):
        character = chr(code)
        expected = (
            None
            if character in SET_82
            else Revert("InvalidLotCharacter", position=1, character=character.encode("ascii"))
        )
        actual = outcome(env.registry.register, env.registration("A" + character), sender=env.producer)
        assert actual == expected, repr(character)


@given(st.text(st.characters(max_codepoint=0x250), max_size=24))
@settings(max_examples=60)
def test_lots_agree(env, text):
    try:
        Lot(text)
        valid = True
    except InvalidInput:
        valid = False
    assert (outcome(env.registry.register, env.registration(text), sender=env.producer) is None) == valid


def test_the_worked_example(env):
    assert batch_id("L2410A", GTIN) == bytes(env.registry.batchIdOf(9521234543213, "L2410A"))
