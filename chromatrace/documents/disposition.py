"""The disposition of a batch: what happens to its units, and why (schema `chromatrace.disposition/1`)."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.storage import strict_json
from chromatrace.storage.strict_json import Digest, JsonObject, Positive, below, text

SCHEMA = "chromatrace.disposition/1"


class Outcome(StrEnum):
    """What happens to a unit. The material of a batch that stops after the first inspection is recycled."""

    RECYCLE = "recycle"
    STANDARD = "standard"
    DEFECTIVE = "defective"
    SCRAP = "scrap"


OUTCOMES = {"first": (Outcome.RECYCLE,), "final": (Outcome.STANDARD, Outcome.DEFECTIVE, Outcome.SCRAP)}
"""Outcomes that a stage can have."""


class DecidedValue(JsonObject, frozen=True):
    """A measured value that decided."""

    quantity: str
    value: float
    unit: str


class DecidedOutcome(JsonObject, frozen=True):
    """An outcome with its reason. `price_class`: of units in the defective channel, null if there is none."""

    outcome: Outcome
    price_class: str | None
    reason: str

    def check(self) -> None:
        text(self.reason, "/reason", maximum=500)
        if not self.reason.strip():
            raise InvalidInput("the reason is empty", field="/reason")
        if self.price_class is not None:
            text(self.price_class, "/price_class", maximum=40)
            if self.outcome is not Outcome.DEFECTIVE:
                raise InvalidInput(f"only defective units have a price class, not {self.outcome}", field="/price_class")


class DecidedUnits(JsonObject, frozen=True):
    """Units with the same decision.

    units      number of units
    serials    their serials if they were decided one by one; empty: the values of the batch decided
    rule       id of the rule in the plant file
    decided    outcome of the rule
    values     measured values that the rule compared
    overruled  outcome and reason of the person who overruled the rule; null if the rule is in force
    """

    units: Positive
    serials: tuple[str, ...]
    rule: str
    decided: DecidedOutcome
    values: tuple[DecidedValue, ...]
    overruled: DecidedOutcome | None

    @property
    def result(self) -> DecidedOutcome:
        """The outcome in force."""
        return self.overruled or self.decided

    def check(self) -> None:
        if self.serials and len(self.serials) != self.units:
            raise InvalidInput(f"{len(self.serials)} serials for {self.units} units", field="/serials")
        for index, serial in enumerate(self.serials):
            with below(f"/serials/{index}", whole=True):
                Serial(serial)


class DispositionDocument(JsonObject, frozen=True, tag_field="schema", tag=SCHEMA):
    """The disposition of a batch at a stage.

    evidence    SHA-256 of the evidence of the inspection whose values decided for the batch
    plant       name of the plant whose rules decided; `rules`: SHA-256 of these rules
    decided_at  RFC 3339 time with offset
    signer      address of the person who signs
    """

    gtin: str
    lot: str
    stage: Literal["first", "final"]
    quantity: Positive
    evidence: Digest
    plant: str
    rules: Digest
    decided_at: str
    signer: str
    groups: tuple[DecidedUnits, ...]

    @property
    def key(self) -> BatchKey:
        """GTIN and lot."""
        return BatchKey.parse(self.gtin, self.lot)

    def count(self, outcome: Outcome) -> int:
        """Return the number of units with an outcome in force."""
        return sum(group.units for group in self.groups if group.result.outcome is outcome)

    def check(self) -> None:
        with below("/gtin", whole=True):
            BatchKey.parse(self.gtin, self.lot)
        strict_json.time(self.decided_at, "/decided_at")
        if sum(group.units for group in self.groups) != self.quantity:
            raise InvalidInput("the groups do not have all units of the batch", field="/groups")
        serials = [serial for group in self.groups for serial in group.serials]
        if len(set(serials)) != len(serials):
            raise InvalidInput("a unit has two decisions", field="/groups")
        for index, group in enumerate(self.groups):
            for decision in (group.decided, group.overruled):
                if decision is not None and decision.outcome not in OUTCOMES[self.stage]:
                    raise InvalidInput(
                        f"{decision.outcome} is not an outcome of the {self.stage} inspection", field=f"/groups/{index}"
                    )

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return strict_json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse canonical JSON. Raises `InvalidInput` with a JSON pointer."""
        document = strict_json.decode(data, cls)
        strict_json.require_canonical(document.to_bytes(), data)
        return document
