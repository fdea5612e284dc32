"""Disposition rules: measured values decide whether units are standard, defective, scrap, or the batch is recycled.

The first rule that applies decides. A rule applies if all its conditions hold; a condition about a quantity that was
not measured does not hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chromatrace.documents.disposition import DecidedOutcome, DecidedUnits, DecidedValue, Outcome
from chromatrace.documents.evidence import LimitComparison
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.storage import strict_json

Values = Mapping[str, tuple[float, str]]
"""Value and unit by quantity."""


class NoRuleError(InvalidInput):
    """No disposition rule applies to the measured values."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`quantity comparison limit`, in `unit`."""

    quantity: str
    comparison: LimitComparison
    limit: float
    unit: str

    def holds(self, values: Values) -> bool:
        """Return whether the condition holds. Raises `InvalidInput` for a value in another unit."""
        if self.quantity not in values:
            return False
        value, unit = values[self.quantity]
        if unit != self.unit:
            raise InvalidInput(
                f"{self.quantity} was measured in {unit or 'no unit'}; the rule has {self.unit or 'no unit'}",
                field=self.quantity,
            )
        return self.comparison.holds(value, self.limit)


@dataclass(frozen=True, slots=True)
class DispositionRule:
    """A rule.

    stage       first or final
    price_class of defective units
    products    product lines; empty: all
    verdict     "pass" or "fail": only with this verdict of the inspection; None: with any
    conditions  all must hold; none: the rule applies to all values
    """

    id: str
    stage: str
    outcome: Outcome
    reason: str
    price_class: str | None = None
    products: tuple[Gtin, ...] = ()
    verdict: str | None = None
    conditions: tuple[Condition, ...] = ()

    @property
    def decision(self) -> DecidedOutcome:
        """The outcome with its reason."""
        return DecidedOutcome(self.outcome, self.price_class, self.reason)

    def covers(self, gtin: Gtin, stage: str) -> bool:
        """Return whether the rule is for a product at a stage."""
        return stage == self.stage and (not self.products or gtin in self.products)

    def applies(self, values: Values, verdict: str) -> bool:
        """Return whether the rule applies."""
        return self.verdict in (None, verdict) and all(condition.holds(values) for condition in self.conditions)


def rules_digest(rules: Iterable[DispositionRule]) -> bytes:
    """Return the SHA-256 of rules, which a disposition names."""
    document = [
        {
            "id": rule.id,
            "stage": rule.stage,
            "outcome": rule.outcome.value,
            "reason": rule.reason,
            "price_class": rule.price_class,
            "products": [str(gtin) for gtin in rule.products],
            "verdict": rule.verdict,
            "when": [[item.quantity, item.comparison.value, item.limit, item.unit] for item in rule.conditions],
        }
        for rule in rules
    ]
    return hashlib.sha256(strict_json.canonical({"rules": document})).digest()


def deciding_rule(rules: Sequence[DispositionRule], values: Values, verdict: str) -> DispositionRule:
    """Return the first rule that applies. Raises `NoRuleError`."""
    for rule in rules:
        if rule.applies(values, verdict):
            return rule
    measured = ", ".join(f"{name} {value:g} {unit}".strip() for name, (value, unit) in values.items()) or "nothing"
    raise NoRuleError(
        f"no disposition rule applies to: {measured}; verdict {verdict}",
        field="dispositions",
        hint="add a rule without conditions as the last one of the stage",
    )


def decided_units(
    rules: Sequence[DispositionRule],
    quantity: int,
    verdict: str,
    batch: Values,
    units: Mapping[str, Values] | None = None,
) -> tuple[DecidedUnits, ...]:
    """Return the decisions about all units of a batch: by unit if units were measured, else by the batch's values.

    verdict  verdict of the inspection of the batch, pass or fail
    units    values by serial

    Raises `NoRuleError`.
    """
    groups: dict[tuple[str, tuple[DecidedValue, ...]], DecidedUnits] = {}
    for serial, values in (units or {}).items():
        rule = deciding_rule(rules, values, verdict)
        key = rule.id, _compared(rule, values)
        known = groups.get(key)
        serials = (*(known.serials if known else ()), serial)
        groups[key] = DecidedUnits(len(serials), serials, rule.id, rule.decision, key[1], None)
    rest = quantity - len(units or {})
    if rest < 0:
        raise InvalidInput(f"{len(units or {})} measured units; the batch has {quantity}", field="units")
    if rest:
        rule = deciding_rule(rules, batch, verdict)
        decided = DecidedUnits(rest, (), rule.id, rule.decision, _compared(rule, batch), None)
        return (*groups.values(), decided)
    return tuple(groups.values())


def overrule(
    groups: Iterable[DecidedUnits], decision: DecidedOutcome, serial: str | None = None
) -> tuple[DecidedUnits, ...]:
    """Return decisions that a person overruled: of the unit `serial`, or of all units.

    Raises `InvalidInput` if the unit has no decision of its own, or the decision is the same.
    """
    changed: list[DecidedUnits] = []
    found = False
    for group in groups:
        if serial is None or serial in group.serials:
            found = True
            if (group.result.outcome, group.result.price_class) == (decision.outcome, decision.price_class):
                if serial is not None:
                    raise InvalidInput(f"unit {serial} is {decision.outcome} already", field="overrule")
                changed.append(group)
            elif serial is None or group.units == 1:
                changed.append(_part(group, group.serials, decision))
            else:
                others = tuple(other for other in group.serials if other != serial)
                changed += [_part(group, others, group.overruled), _part(group, (serial,), decision)]
        else:
            changed.append(group)
    if not found:
        raise InvalidInput(f"unit {serial} was not decided by its own values", field="overrule")
    if serial is None and all(group.overruled is None for group in changed):
        raise InvalidInput(f"all units are {decision.outcome} already; there is nothing to overrule", field="overrule")
    return tuple(changed)


def _part(group: DecidedUnits, serials: tuple[str, ...], overruled: DecidedOutcome | None) -> DecidedUnits:
    """Return a group, or a part of it, with another decision of a person."""
    return DecidedUnits(len(serials) or group.units, serials, group.rule, group.decided, group.values, overruled)


def _compared(rule: DispositionRule, values: Values) -> tuple[DecidedValue, ...]:
    """Return the values that a rule compared; of a rule without conditions, all values."""
    names = dict.fromkeys(condition.quantity for condition in rule.conditions) or dict.fromkeys(values)
    return tuple(DecidedValue(name, float(values[name][0]), values[name][1]) for name in names if name in values)
