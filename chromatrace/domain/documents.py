"""The documents that a batch and an inspection commit to on chain, as canonical JSON.

`contentDigest` of a batch is the SHA-256 of `BatchContent.to_bytes()`, `evidence` of an inspection that of
`InspectionEvidence.to_bytes()`. The bytes are canonical (RFC 8785: sorted keys, no whitespace, UTF-8), and reading is
strict: what does not write back to the same bytes is refused, so one document has one digest. Times in nanoseconds
stand in the JSON as strings of digits, since the whole numbers of RFC 8785 end at 2^53 - 1; roots as 0x and 64
lower-case hexadecimal digits.

Every record validates when it is built. Errors are `InvalidInput`; `field` is the JSON pointer (RFC 6901) of the
offending member, from the document's root when a document is read and from the record when a record is built.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from chromatrace.domain import strict_json
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Gln, Gtin, Lot, Serial
from chromatrace.domain.rights import Stage
from chromatrace.domain.serials import SerialRange
from chromatrace.domain.strict_json import array, below, members

BATCH_SCHEMA = "chromatrace.batch/1"
INSPECTION_SCHEMA = "chromatrace.inspection/1"

_STAGES = {"first": Stage.FIRST, "final": Stage.FINAL}
_STAGE_NAMES = {stage: name for name, stage in _STAGES.items()}
_ROOT = re.compile(r"0x[0-9a-f]{64}")
_NANOSECONDS = re.compile(r"[1-9][0-9]{0,18}")


def digest(document: bytes) -> bytes:
    """The SHA-256 of a document: the 32 bytes that stand on the chain for it."""
    return hashlib.sha256(document).digest()


@dataclass(frozen=True, slots=True)
class Product:
    """What the batch is, in words for its buyer."""

    name: str
    description: str = ""

    def __post_init__(self) -> None:
        strict_json.text(self.name, "/name", most=200)
        strict_json.text(self.description, "/description", least=0)


@dataclass(frozen=True, slots=True)
class Material:
    """An input that has no batch on the chain, as its supplier calls it."""

    name: str
    supplier: str
    supplier_lot: str

    def __post_init__(self) -> None:
        for name in ("name", "supplier", "supplier_lot"):
            strict_json.text(getattr(self, name), f"/{name}", most=200)


@dataclass(frozen=True, slots=True)
class BatchContent:
    """What a producer states about a batch (schema `chromatrace.batch/1`).

    quantity  units in the batch, > 0; the number of serials where there are any
    made_at   RFC 3339 time with offset
    serials   the unit serials; None where units carry none
    """

    gtin: Gtin
    lot: Lot
    product: Product
    quantity: int
    made_at: str
    serials: SerialRange | None = None
    materials: tuple[Material, ...] = ()

    def __post_init__(self) -> None:
        strict_json.whole(self.quantity, "/quantity", least=1)
        strict_json.time(self.made_at, "/made_at")
        if self.serials is not None and self.serials.count != self.quantity:
            raise InvalidInput(
                f"{self.serials.count} serials for {self.quantity} units",
                field="/serials/count",
                hint="one serial for each unit, or null for units without serials",
            )

    @property
    def key(self) -> BatchKey:
        """GTIN and lot."""
        return BatchKey(self.gtin, self.lot)

    @property
    def digest(self) -> bytes:
        """`contentDigest` on the chain, 32 bytes."""
        return digest(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The canonical JSON."""
        serials = self.serials
        document = {
            "schema": BATCH_SCHEMA,
            "gtin": self.gtin.value,
            "lot": self.lot.value,
            "product": {"name": self.product.name, "description": self.product.description},
            "quantity": self.quantity,
            "made_at": self.made_at,
            "serials": serials and {"first": serials.first, "count": serials.count, "width": serials.width},
            "materials": [
                {"name": material.name, "supplier": material.supplier, "supplier_lot": material.supplier_lot}
                for material in self.materials
            ],
        }
        return strict_json.canonical(document)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads canonical JSON; `InvalidInput` with the JSON pointer of what is wrong."""
        names = ("gtin", "lot", "product", "quantity", "made_at", "serials", "materials")
        value = members(strict_json.parse_object(data, BATCH_SCHEMA), "", names)
        gtin, lot = _key(value)
        product = members(value["product"], "/product", ("name", "description"))
        with below("/product"):
            described = Product(**product)
        serials = None
        if value["serials"] is not None:
            parts = members(value["serials"], "/serials", ("first", "count", "width"))
            with below("/serials"):
                serials = SerialRange(**parts)
        materials = []
        for place, item in enumerate(array(value["materials"], "/materials")):
            pointer = f"/materials/{place}"
            parts = members(item, pointer, ("name", "supplier", "supplier_lot"))
            with below(pointer):
                materials.append(Material(**parts))
        content = cls(gtin, lot, described, value["quantity"], value["made_at"], serials, tuple(materials))
        _require_canonical(content.to_bytes(), data)
        return content


class Comparison(StrEnum):
    """How a measured value stands to its limit when it passes."""

    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"

    def holds(self, value: float, limit: float) -> bool:
        """Whether `value` passes `limit`."""
        return {
            Comparison.AT_LEAST: value >= limit,
            Comparison.AT_MOST: value <= limit,
            Comparison.ABOVE: value > limit,
            Comparison.BELOW: value < limit,
        }[self]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What measured: its type, its serial number and the date of its last calibration (YYYY-MM-DD)."""

    name: str
    serial: str
    calibrated_on: str

    def __post_init__(self) -> None:
        strict_json.text(self.name, "/name", most=200)
        strict_json.text(self.serial, "/serial", most=100)
        strict_json.date(self.calibrated_on, "/calibrated_on")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured quantity beside its limit. `passed` must be what value, comparison and limit say.

    quantity   what was measured, such as "optical modulation"
    value      in `unit`
    limit      in `unit`
    criterion  what the value depends on where there is no single definition, such as "to 90 % of the modulation"
    """

    quantity: str
    value: float
    unit: str
    limit: float
    comparison: Comparison
    passed: bool
    criterion: str | None = None

    def __post_init__(self) -> None:
        strict_json.text(self.quantity, "/quantity", most=200)
        strict_json.number(self.value, "/value")
        strict_json.text(self.unit, "/unit", least=0, most=50)
        strict_json.number(self.limit, "/limit")
        if self.comparison not in list(Comparison):
            allowed = ", ".join(Comparison)
            raise InvalidInput(f"one of {allowed} is needed, got {self.comparison!r}", field="/comparison")
        object.__setattr__(self, "comparison", Comparison(self.comparison))
        if type(self.passed) is not bool:
            raise InvalidInput(f"true or false is needed, got {self.passed!r}", field="/passed")
        if self.criterion is not None:
            strict_json.text(self.criterion, "/criterion", most=500)
        if self.passed is not self.comparison.holds(self.value, self.limit):
            raise InvalidInput(
                f"{self.value} {self.comparison} {self.limit} does not give passed = {self.passed}",
                field="/passed",
                hint="the record contradicts itself: correct the value, the limit or the verdict",
            )


@dataclass(frozen=True, slots=True)
class ReadingWindow:
    """The part of a channel's log that the inspected goods were made in.

    channel        the channel's name within its organisation
    organisation   GLN of the organisation whose channel it is
    first_leaf, last_leaf  indices of the first and last reading, both included
    tree_size, root        the log's head that covers them: leaves and RFC 9162 root (32 bytes)
    first_time_ns, last_time_ns  source times of the first and last reading, Unix nanoseconds
    """

    channel: str
    organisation: Gln
    first_leaf: int
    last_leaf: int
    tree_size: int
    root: bytes
    first_time_ns: int
    last_time_ns: int

    def __post_init__(self) -> None:
        strict_json.text(self.channel, "/channel", most=120)
        strict_json.whole(self.tree_size, "/tree_size", least=1)
        strict_json.whole(self.last_leaf, "/last_leaf", most=self.tree_size - 1)
        strict_json.whole(self.first_leaf, "/first_leaf", most=self.last_leaf)
        strict_json.whole(self.last_time_ns, "/last_time_ns", least=1, most=2**63 - 1)
        strict_json.whole(self.first_time_ns, "/first_time_ns", least=1, most=self.last_time_ns)
        if type(self.root) is not bytes or len(self.root) != 32:
            raise InvalidInput("32 bytes are needed", field="/root")


@dataclass(frozen=True, slots=True)
class InspectionEvidence:
    """What an inspector states about a batch (schema `chromatrace.inspection/1`).

    inspected_at  RFC 3339 time with offset
    sample        serials of the inspected units, each once; empty where units carry none
    measurements  at least one
    readings      the window of readings that the goods were made in, or None
    """

    gtin: Gtin
    lot: Lot
    stage: Stage
    inspected_at: str
    instrument: Instrument
    sample: tuple[Serial, ...]
    measurements: tuple[Measurement, ...]
    readings: ReadingWindow | None = None

    def __post_init__(self) -> None:
        strict_json.time(self.inspected_at, "/inspected_at")
        seen: set[Serial] = set()
        for place, serial in enumerate(self.sample):
            if serial in seen:
                raise InvalidInput(f"serial {serial} stands there twice", field=f"/sample/{place}")
            seen.add(serial)
        if not self.measurements:
            raise InvalidInput("at least one measurement is needed", field="/measurements")

    @property
    def key(self) -> BatchKey:
        """GTIN and lot."""
        return BatchKey(self.gtin, self.lot)

    @property
    def passed(self) -> bool:
        """Whether every measurement passed."""
        return all(measurement.passed for measurement in self.measurements)

    @property
    def digest(self) -> bytes:
        """`evidence` on the chain, 32 bytes."""
        return digest(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The canonical JSON."""
        instrument = self.instrument
        document = {
            "schema": INSPECTION_SCHEMA,
            "gtin": self.gtin.value,
            "lot": self.lot.value,
            "stage": _STAGE_NAMES[self.stage],
            "inspected_at": self.inspected_at,
            "instrument": {
                "name": instrument.name,
                "serial": instrument.serial,
                "calibrated_on": instrument.calibrated_on,
            },
            "sample": [serial.value for serial in self.sample],
            "measurements": [_measurement_json(measurement) for measurement in self.measurements],
            "readings": self.readings and _window_json(self.readings),
        }
        return strict_json.canonical(document)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads canonical JSON; `InvalidInput` with the JSON pointer of what is wrong."""
        names = ("gtin", "lot", "stage", "inspected_at", "instrument", "sample", "measurements", "readings")
        value = members(strict_json.parse_object(data, INSPECTION_SCHEMA), "", names)
        gtin, lot = _key(value)
        stage = _STAGES.get(value["stage"]) if isinstance(value["stage"], str) else None
        if stage is None:
            raise InvalidInput(f"'first' or 'final' is needed, got {value['stage']!r}", field="/stage")
        parts = members(value["instrument"], "/instrument", ("name", "serial", "calibrated_on"))
        with below("/instrument"):
            instrument = Instrument(**parts)
        sample = []
        for place, item in enumerate(array(value["sample"], "/sample")):
            with below(f"/sample/{place}", whole=True):
                sample.append(Serial(strict_json.text(item, "", most=20)))
        measurements = [
            _read_measurement(item, f"/measurements/{place}")
            for place, item in enumerate(array(value["measurements"], "/measurements"))
        ]
        readings = None if value["readings"] is None else _read_window(value["readings"])
        evidence = cls(
            gtin, lot, stage, value["inspected_at"], instrument, tuple(sample), tuple(measurements), readings
        )
        _require_canonical(evidence.to_bytes(), data)
        return evidence


def _key(value: dict[str, Any]) -> tuple[Gtin, Lot]:
    with below("/gtin", whole=True):
        gtin = Gtin(strict_json.text(value["gtin"], ""))
    with below("/lot", whole=True):
        lot = Lot(strict_json.text(value["lot"], ""))
    return gtin, lot


def _measurement_json(measurement: Measurement) -> dict[str, Any]:
    value = {
        "quantity": measurement.quantity,
        "value": measurement.value,
        "unit": measurement.unit,
        "limit": measurement.limit,
        "comparison": measurement.comparison.value,
        "passed": measurement.passed,
    }
    return value if measurement.criterion is None else value | {"criterion": measurement.criterion}


def _read_measurement(item: object, pointer: str) -> Measurement:
    parts = members(item, pointer, ("quantity", "value", "unit", "limit", "comparison", "passed"), ("criterion",))
    if parts.get("criterion", "") is None:
        raise InvalidInput("leave this member out where there is no criterion", field=f"{pointer}/criterion")
    with below(pointer):
        return Measurement(**parts)


def _window_json(window: ReadingWindow) -> dict[str, Any]:
    return {
        "channel": window.channel,
        "organisation": window.organisation.value,
        "first_leaf": window.first_leaf,
        "last_leaf": window.last_leaf,
        "tree_size": window.tree_size,
        "root": f"0x{window.root.hex()}",
        "first_time_ns": str(window.first_time_ns),
        "last_time_ns": str(window.last_time_ns),
    }


def _read_window(item: object) -> ReadingWindow:
    pointer = "/readings"
    names = ("channel", "organisation", "first_leaf", "last_leaf", "tree_size", "root", "first_time_ns", "last_time_ns")
    parts = dict(members(item, pointer, names))
    if not isinstance(parts["root"], str) or not _ROOT.fullmatch(parts["root"]):
        raise InvalidInput("0x and 64 lower-case hexadecimal digits are needed", field=f"{pointer}/root")
    parts["root"] = bytes.fromhex(parts["root"][2:])
    for name in ("first_time_ns", "last_time_ns"):
        if not isinstance(parts[name], str) or not _NANOSECONDS.fullmatch(parts[name]):
            raise InvalidInput("Unix nanoseconds as a string of digits are needed", field=f"{pointer}/{name}")
        parts[name] = int(parts[name])
    with below(f"{pointer}/organisation", whole=True):
        parts["organisation"] = Gln(strict_json.text(parts["organisation"], ""))
    with below(pointer):
        return ReadingWindow(**parts)


def _require_canonical(canonical: bytes, data: bytes) -> None:
    if canonical != data:
        place = next(
            (place for place, (a, b) in enumerate(zip(canonical, data, strict=False)) if a != b),
            min(len(canonical), len(data)),
        )
        raise InvalidInput(
            f"not canonical JSON (RFC 8785) from byte {place} on",
            field="",
            hint="sorted keys, no whitespace, shortest numbers, UTF-8; write documents with to_bytes()",
        )
