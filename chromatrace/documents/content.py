"""The documents whose digests a batch and an inspection record on the chain, as canonical JSON.

`contentDigest` of a batch is the SHA-256 of `BatchContent.to_bytes()`; `evidence` of an inspection is that of
`InspectionEvidence.to_bytes()`. The bytes are canonical (RFC 8785: sorted keys, no whitespace, UTF-8). Input that is
not canonical is rejected, so each document has one digest. Times in nanoseconds are strings of digits, because the
integers of RFC 8785 end at 2^53 - 1. Roots are 0x and 64 lower-case hexadecimal digits.

Records validate on construction. Errors are `InvalidInput`; `field` is the JSON pointer (RFC 6901) of the invalid
member, relative to the document when parsing and to the record when constructing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from chromatrace.documents.evidence import Instrument, LimitComparison, Measurement, ReadingWindow
from chromatrace.documents.results import AttachedResult, StatedFigure
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Gtin, Lot, Serial
from chromatrace.domain.names import MAX_NAME, check_name
from chromatrace.domain.rights import Stage
from chromatrace.domain.serials import SerialRange
from chromatrace.storage import strict_json
from chromatrace.storage.strict_json import array, below, members

__all__ = [
    "BATCH_SCHEMA",
    "INSPECTION_SCHEMA",
    "BatchContent",
    "DesignVersion",
    "InspectionEvidence",
    "Instrument",
    "LimitComparison",
    "Measurement",
    "ProductDescription",
    "ReadingWindow",
    "SuppliedMaterial",
    "digest",
]

BATCH_SCHEMA = "chromatrace.batch/1"
INSPECTION_SCHEMA = "chromatrace.inspection/1"
MAX_ATTACHED = 200
"""Results and auxiliary values of an inspection."""

T = TypeVar("T")
_STAGES = {"first": Stage.FIRST, "final": Stage.FINAL}
_STAGE_NAMES = {stage: name for name, stage in _STAGES.items()}


def digest(document: bytes) -> bytes:
    """Return the SHA-256 of a document, which is recorded on the chain."""
    return hashlib.sha256(document).digest()


@dataclass(frozen=True, slots=True)
class ProductDescription:
    """Name and description of the product, for buyers."""

    name: str
    description: str = ""

    def __post_init__(self) -> None:
        check_name(strict_json.text(self.name, "/name", maximum=MAX_NAME), "/name")
        strict_json.text(self.description, "/description", minimum=0)


@dataclass(frozen=True, slots=True)
class SuppliedMaterial:
    """An input without a batch on the chain, with its supplier's designation."""

    name: str
    supplier: str
    supplier_lot: str

    def __post_init__(self) -> None:
        for member in ("name", "supplier", "supplier_lot"):
            check_name(strict_json.text(getattr(self, member), f"/{member}", maximum=MAX_NAME), f"/{member}")


@dataclass(frozen=True, slots=True)
class DesignVersion:
    """The released design that a batch is made by.

    version  from 1
    digest   SHA-256 of its definition: product, route and check sheets
    """

    id: str
    version: int
    digest: bytes

    def __post_init__(self) -> None:
        check_name(strict_json.text(self.id, "/id", maximum=MAX_NAME), "/id")
        strict_json.whole(self.version, "/version", minimum=1)
        if len(self.digest) != 32:
            raise InvalidInput(f"expected 32 bytes, got {len(self.digest)}", field="/digest")

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"id": self.id, "version": self.version, "digest": f"0x{self.digest.hex()}"}


@dataclass(frozen=True, slots=True)
class BatchContent:
    """A producer's statement about a batch (schema `chromatrace.batch/1`).

    quantity  units in the batch, > 0; equals the number of serials if there are any
    made_at   RFC 3339 time with offset
    serials   serials of the units; None if units have no serials
    design    released design that the batch is made by; None if the producer does not state it
    """

    gtin: Gtin
    lot: Lot
    product: ProductDescription
    quantity: int
    made_at: str
    serials: SerialRange | None = None
    materials: tuple[SuppliedMaterial, ...] = ()
    design: DesignVersion | None = None

    def __post_init__(self) -> None:
        strict_json.whole(self.quantity, "/quantity", minimum=1)
        strict_json.time(self.made_at, "/made_at")
        if self.serials is not None and self.serials.count != self.quantity:
            raise InvalidInput(
                f"{self.serials.count} serials for {self.quantity} units",
                field="/serials/count",
                hint="give one serial per unit, or null for units without serials",
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
        """Return the canonical JSON."""
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
        if self.design is not None:
            document["design"] = self.design.as_json()
        return strict_json.canonical(document)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse canonical JSON. Raises `InvalidInput` with a JSON pointer."""
        names = ("gtin", "lot", "product", "quantity", "made_at", "serials", "materials")
        value = members(strict_json.parse_object(data, BATCH_SCHEMA), "", names, optional=("design",))
        gtin, lot = _key(value)
        product = members(value["product"], "/product", ("name", "description"))
        with below("/product"):
            description = ProductDescription(**product)
        serials = None
        if value["serials"] is not None:
            parts = members(value["serials"], "/serials", ("first", "count", "width"))
            with below("/serials"):
                serials = SerialRange(**parts)
        materials = []
        for index, item in enumerate(array(value["materials"], "/materials")):
            pointer = f"/materials/{index}"
            parts = members(item, pointer, ("name", "supplier", "supplier_lot"))
            with below(pointer):
                materials.append(SuppliedMaterial(**parts))
        design = None
        if "design" in value:
            parts = members(value["design"], "/design", ("id", "version", "digest"))
            with below("/design"):
                design = DesignVersion(parts["id"], parts["version"], strict_json.digest(parts["digest"], "/digest"))
        content = cls(gtin, lot, description, value["quantity"], value["made_at"], serials, tuple(materials), design)
        strict_json.require_canonical(content.to_bytes(), data)
        return content


@dataclass(frozen=True, slots=True)
class InspectionEvidence:
    """An inspector's statement about a batch (schema `chromatrace.inspection/1`).

    inspected_at  RFC 3339 time with offset
    sample        distinct serials of the inspected units; empty if units have no serials
    measurements  at least one
    readings      window of readings during production, if known
    overrule      reason of a person who gives another verdict than the values; None if the verdict follows from them
    results       result files of the instruments
    auxiliary     values that are measured with the quantities of the check sheet, such as the charge density
    """

    gtin: Gtin
    lot: Lot
    stage: Stage
    inspected_at: str
    instrument: Instrument
    sample: tuple[Serial, ...]
    measurements: tuple[Measurement, ...]
    readings: ReadingWindow | None = None
    overrule: str | None = None
    results: tuple[AttachedResult, ...] = ()
    auxiliary: tuple[StatedFigure, ...] = ()

    def __post_init__(self) -> None:
        strict_json.time(self.inspected_at, "/inspected_at")
        seen: set[Serial] = set()
        for index, serial in enumerate(self.sample):
            if serial in seen:
                raise InvalidInput(f"duplicate serial {serial}", field=f"/sample/{index}")
            seen.add(serial)
        if not self.measurements:
            raise InvalidInput("expected at least one measurement", field="/measurements")
        if self.overrule is not None:
            strict_json.text(self.overrule, "/overrule", maximum=500)
            if not self.overrule.strip():
                raise InvalidInput("the reason is empty", field="/overrule")
        for name in ("results", "auxiliary"):
            if len(getattr(self, name)) > MAX_ATTACHED:
                raise InvalidInput(f"{len(getattr(self, name))} items; at most {MAX_ATTACHED}", field=f"/{name}")

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
        """Return the canonical JSON."""
        document: dict[str, Any] = {
            "schema": INSPECTION_SCHEMA,
            "gtin": self.gtin.value,
            "lot": self.lot.value,
            "stage": _STAGE_NAMES[self.stage],
            "inspected_at": self.inspected_at,
            "instrument": self.instrument.as_json(),
            "sample": [serial.value for serial in self.sample],
            "measurements": [measurement.as_json() for measurement in self.measurements],
            "readings": self.readings and self.readings.as_json(),
        }
        if self.overrule is not None:
            document["overrule"] = self.overrule
        for name in ("results", "auxiliary"):
            if values := getattr(self, name):
                document[name] = strict_json.to_builtins(values)
        return strict_json.canonical(document)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse canonical JSON. Raises `InvalidInput` with a JSON pointer."""
        names = ("gtin", "lot", "stage", "inspected_at", "instrument", "sample", "measurements", "readings")
        optional = ("overrule", "results", "auxiliary")
        value = members(strict_json.parse_object(data, INSPECTION_SCHEMA), "", names, optional=optional)
        if value.get("overrule", "") is None:
            raise InvalidInput("must not be null; omit the member instead", field="/overrule")
        for name in ("results", "auxiliary"):
            if value.get(name, [None]) in (None, []):
                raise InvalidInput("must not be null or empty; omit the member instead", field=f"/{name}")
        gtin, lot = _key(value)
        stage = _STAGES.get(value["stage"]) if isinstance(value["stage"], str) else None
        if stage is None:
            raise InvalidInput(f"expected 'first' or 'final', got {value['stage']!r}", field="/stage")
        instrument = Instrument.from_json(value["instrument"], "/instrument")
        sample = []
        for index, item in enumerate(array(value["sample"], "/sample")):
            with below(f"/sample/{index}", whole=True):
                sample.append(Serial(strict_json.text(item, "", maximum=20)))
        measurements = [
            Measurement.from_json(item, f"/measurements/{index}")
            for index, item in enumerate(array(value["measurements"], "/measurements"))
        ]
        window = value["readings"]
        readings = None if window is None else ReadingWindow.from_json(window, "/readings")
        evidence = cls(
            gtin,
            lot,
            stage,
            value["inspected_at"],
            instrument,
            tuple(sample),
            tuple(measurements),
            readings,
            value.get("overrule"),
            _objects(value, "results", AttachedResult),
            _objects(value, "auxiliary", StatedFigure),
        )
        strict_json.require_canonical(evidence.to_bytes(), data)
        return evidence


def _objects(value: dict[str, Any], name: str, type_: type[T]) -> tuple[T, ...]:
    items = array(value.get(name, []), f"/{name}")
    return tuple(strict_json.convert(item, type_, f"/{name}/{index}") for index, item in enumerate(items))


def _key(value: dict[str, Any]) -> tuple[Gtin, Lot]:
    with below("/gtin", whole=True):
        gtin = Gtin(strict_json.text(value["gtin"], ""))
    with below("/lot", whole=True):
        lot = Lot(strict_json.text(value["lot"], ""))
    return gtin, lot
