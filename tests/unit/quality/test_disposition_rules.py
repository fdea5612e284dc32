"""Disposition rules: the first rule that applies decides, by unit if units were measured, else by batch."""

import pytest

from chromatrace.documents.disposition import DecidedOutcome, DispositionDocument, Outcome
from chromatrace.documents.evidence import LimitComparison
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.quality.disposition import (
    Condition,
    DispositionRule,
    NoRuleError,
    decided_units,
    overrule,
    rules_digest,
)
from chromatrace.storage.strict_json import Digest


def rule(id_, outcome, *conditions, price_class=None, verdict=None, stage="final"):
    parsed = tuple(
        Condition(quantity, LimitComparison(sign), limit, unit) for quantity, sign, limit, unit in conditions
    )
    reason = f"because of {id_}"
    return DispositionRule(id_, stage, outcome, reason, price_class, verdict=verdict, conditions=parsed)


RULES = (
    rule("dark", Outcome.SCRAP, ("optical modulation", "<", 20, "%")),
    rule("slow", Outcome.DEFECTIVE, ("switching time", ">", 30, "s"), price_class="B"),
    rule("weak", Outcome.DEFECTIVE, ("optical modulation", "<", 40, "%"), price_class="C"),
    rule("good", Outcome.STANDARD, verdict="pass"),
)
GOOD = {"optical modulation": (47.0, "%"), "switching time": (12.0, "s")}


def values(modulation, switching):
    return {"optical modulation": (modulation, "%"), "switching time": (switching, "s")}


@pytest.mark.parametrize(
    ("modulation", "switching", "expected"),
    [
        (47, 12, ("good", Outcome.STANDARD, None)),
        (19.9, 60, ("dark", Outcome.SCRAP, None)),
        (20, 30.1, ("slow", Outcome.DEFECTIVE, "B")),
        (39.9, 30, ("weak", Outcome.DEFECTIVE, "C")),
    ],
)
def test_the_first_rule_that_applies_decides(modulation, switching, expected):
    (group,) = decided_units(RULES, 200, "pass", values(modulation, switching))
    assert (group.rule, group.result.outcome, group.result.price_class) == expected
    assert (group.units, group.serials) == (200, ())
    assert group.result.reason == f"because of {expected[0]}"


def test_units_with_values_of_their_own_are_decided_one_by_one():
    units = {"001": values(47, 45), "002": values(10, 45), "003": values(47, 45), "004": values(46, 12)}
    groups = decided_units(RULES, 100, "pass", GOOD, units)
    assert [(group.rule, group.units, group.serials) for group in groups] == [
        ("slow", 2, ("001", "003")), ("dark", 1, ("002",)), ("good", 1, ("004",)), ("good", 96, ()),
    ]  # fmt: skip
    assert [(item.quantity, item.value) for item in groups[1].values] == [("optical modulation", 10)]


def test_a_quantity_that_was_not_measured_decides_nothing():
    (group,) = decided_units(RULES, 10, "pass", {"optical modulation": (47, "%")})
    assert group.rule == "good"


def test_without_a_rule_that_applies_there_is_no_decision():
    with pytest.raises(NoRuleError, match="optical modulation 47 %, switching time 12 s; verdict fail"):
        decided_units(RULES, 10, "fail", GOOD)


def test_a_value_in_another_unit_is_an_error():
    with pytest.raises(InvalidInput, match=r"measured in ms; the rule has s"):
        decided_units(RULES, 10, "pass", GOOD | {"switching time": (12, "ms")})


def test_more_units_than_the_batch_has_are_an_error():
    with pytest.raises(InvalidInput, match="3 measured units; the batch has 2"):
        decided_units(RULES, 2, "pass", GOOD, {str(serial): GOOD for serial in range(3)})


SALE = DecidedOutcome(Outcome.DEFECTIVE, "A", "scratch outside the visible area")


def test_a_person_overrules_one_unit():
    groups = decided_units(RULES, 5, "pass", GOOD, {"1": values(10, 1), "2": values(10, 2), "3": values(10, 1)})
    changed = overrule(groups, SALE, "3")
    overruled = [group for group in changed if group.overruled]
    assert [(group.serials, group.decided.outcome, group.result) for group in overruled] == [(("3",), "scrap", SALE)]
    assert sum(group.units for group in changed) == 5


def test_a_person_overrules_all_units():
    changed = overrule(decided_units(RULES, 5, "pass", GOOD), SALE)
    assert [(group.units, group.result.outcome) for group in changed] == [(5, Outcome.DEFECTIVE)]


@pytest.mark.parametrize("serial", [None, "1", "9"])
def test_an_overrule_that_changes_nothing_is_an_error(serial):
    groups = decided_units(RULES, 1, "pass", GOOD, {"1": GOOD})
    with pytest.raises(InvalidInput) as caught:
        overrule(groups, DecidedOutcome(Outcome.STANDARD, None, "x"), serial)
    assert caught.value.field == "overrule"


def document(**members):
    groups = decided_units(RULES, 5, "pass", GOOD, {"1": values(10, 1)})
    parts = {
        "gtin": "09521234543213", "lot": "D-1", "stage": "final", "quantity": 5, "evidence": Digest(bytes(32)),
        "plant": "electrochromic", "rules": Digest(rules_digest(RULES)), "decided_at": "2026-02-01T10:00:00+00:00",
        "signer": "0x" + "11" * 20, "groups": groups,
    }  # fmt: skip
    return DispositionDocument(**parts | members)


def test_a_disposition_has_one_canonical_form():
    original = document()
    assert DispositionDocument.from_bytes(original.to_bytes()) == original
    assert [original.count(outcome) for outcome in Outcome] == [0, 4, 0, 1]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"quantity": 6}, "/groups"),
        ({"stage": "first"}, "/groups/0"),
        ({"decided_at": "yesterday"}, "/decided_at"),
        ({"gtin": "09521234543214"}, "/gtin"),
    ],
)
def test_a_contradictory_disposition_is_an_error(members, field):
    with pytest.raises(InvalidInput) as caught:
        document(**members)
    assert caught.value.field == field


def test_a_unit_has_one_decision():
    first, second = document().groups
    with pytest.raises(InvalidInput, match="a unit has two decisions"):
        document(quantity=6, groups=(first, first, second))


def test_the_digest_of_rules_covers_every_part():
    digests = {rules_digest(RULES), rules_digest(RULES[::-1]), rules_digest(RULES[:3])}
    digests |= {
        rules_digest((rule("dark", Outcome.SCRAP, ("optical modulation", "<", limit, "%")),)) for limit in (20, 21)
    }
    digests.add(
        rules_digest((DispositionRule("dark", "final", Outcome.SCRAP, "x", products=(Gtin("09521234543213"),)),))
    )
    assert len(digests) == 6
