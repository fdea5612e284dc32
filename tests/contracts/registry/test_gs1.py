"""GS1 on chain against its twin in Python: check digits, lot characters, batch ids.

Nothing here is written, so that hypothesis' own `given` will do: Brownie's takes the chain back for every example.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.core import given
from refusals import Accepted, Refused, refusal
from world import FOREVER, GTIN, batch_id

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import SET_82, Gln, Gtin, Lot, check_digit
from chromatrace.domain.rights import OrganisationKind

bodies_of_gtins = st.text("0123456789", min_size=13, max_size=13)
lots = st.text(sorted(SET_82), min_size=1, max_size=20)


def outcome(function, *args, sender):
    """The refusal, or None."""
    try:
        return refusal(function, *args, sender=sender)
    except Accepted:
        return None


@given(bodies_of_gtins, lots)
@settings(max_examples=40)
def test_batch_ids_agree(world, body, lot):
    gtin = body + check_digit(body)
    assert bytes(world.registry.batchIdOf(int(gtin), lot)) == batch_id(lot, gtin)


@given(
    st.one_of(
        bodies_of_gtins.map(lambda body: body + check_digit(body)), st.text("0123456789", min_size=14, max_size=14)
    )
)
@settings(max_examples=60)
def test_gtin_check_digits_agree(world, digits):
    try:
        Gtin(digits)
        expected = None if int(digits) else Refused("InvalidGtin", gtin=0)
    except InvalidInput:
        expected = Refused("InvalidGtin", gtin=int(digits))
    assert outcome(world.registry.register, world.registration(gtin=digits), sender=world.producer) == expected


@given(
    st.one_of(
        st.text("0123456789", min_size=12, max_size=12).map(lambda body: body + check_digit(body)),
        st.text("0123456789", min_size=13, max_size=13),
    )
)
@settings(max_examples=60)
def test_gln_check_digits_agree(world, digits):
    try:
        Gln(digits)
        expected = None if int(digits) else Refused("InvalidGln", gln=0)
    except InvalidInput:
        expected = Refused("InvalidGln", gln=int(digits))
    args = (OrganisationKind.CARRIER, int(digits), 0, FOREVER, "Example")
    assert outcome(world.consortium.registerOrganisation, *args, sender=world.registrar) == expected


def test_every_ascii_character_is_judged_alike(world):
    for code in range(128):
        character = chr(code)
        expected = (
            None
            if character in SET_82
            else Refused("InvalidLotCharacter", position=1, character=character.encode("ascii"))
        )
        found = outcome(world.registry.register, world.registration("A" + character), sender=world.producer)
        assert found == expected, repr(character)


@given(st.text(st.characters(max_codepoint=0x250), max_size=24))
@settings(max_examples=60)
def test_lots_are_taken_alike(world, text):
    try:
        Lot(text)
        taken = True
    except InvalidInput:
        taken = False
    found = outcome(world.registry.register, world.registration(text), sender=world.producer)
    assert (found is None) == taken


def test_the_worked_example(world):
    assert batch_id("L2410A", GTIN) == bytes(world.registry.batchIdOf(9521234543213, "L2410A"))
