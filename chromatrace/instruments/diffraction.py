"""X-ray diffraction: patterns in `.xrdml` (PANalytical) and `.xy` files, and their strongest peaks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

import numpy as np

from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.results import MAX_POINTS, Array, Content, Curve, Figure, finite_array, finite_number

PEAKS = 10
"""Number of peaks that are reported."""
PROMINENCE = 0.05
"""Least height of a peak above the higher of the minima around it, as a share of the highest intensity."""

_NAMESPACE = re.compile(r"http://www\.xrdml\.com/XRDMeasurement/\d+\.\d+")
_MAX_DEPTH = 64
_MAX_ELEMENTS = 100_000


def pattern(two_theta: Array, intensity: Array, format_: str, facts: dict[str, Any] | None = None) -> Content:
    """Return the content of a diffraction pattern. Raises `ResultFileError`."""
    if len(two_theta) < 3:
        raise ResultFileError(f"the pattern has {len(two_theta)} points; it must have at least 3", field="2theta")
    if two_theta[0] > two_theta[-1]:
        two_theta, intensity = two_theta[::-1], intensity[::-1]
    if (np.diff(two_theta) <= 0).any():
        raise ResultFileError("the angles must ascend or descend", field="2theta")
    if two_theta[0] < -180 or two_theta[-1] > 180:
        raise ResultFileError(f"{two_theta[0]:g} to {two_theta[-1]:g} is not a range of angles", field="2theta")
    peaks = strongest_peaks(intensity)
    background = float(np.percentile(intensity, 25))
    highest = float(intensity.max()) - background
    figures = [
        Figure(
            "peak",
            float(two_theta[index]),
            "deg",
            f"relative intensity {(intensity[index] - background) / highest:.1%}",
        )
        for index in peaks
    ]
    described = {"points": len(two_theta), "range_deg": [float(two_theta[0]), float(two_theta[-1])]}
    peak_facts = [
        {
            "two_theta_deg": float(two_theta[index]),
            "intensity": float(intensity[index]),
            "relative_intensity_percent": float((intensity[index] - background) / highest * 100),
        }
        for index in peaks
    ]
    curve = Curve("", "2theta [deg]", "intensity", two_theta, intensity)
    return Content("diffraction", format_, tuple(figures), (facts or {}) | described | {"peaks": peak_facts}, (curve,))


def strongest_peaks(intensity: Array) -> list[int]:
    """Return the positions of up to `PEAKS` peaks, the highest first.

    A peak is a local maximum whose prominence is at least `PROMINENCE` of the range of intensities.
    """
    span = float(np.ptp(intensity))
    if span == 0:
        return []
    left, right = _lowest_before_higher(intensity), _lowest_before_higher(intensity[::-1])[::-1]
    prominence = intensity - np.maximum(left, right)
    inner = (intensity[1:-1] > intensity[:-2]) & (intensity[1:-1] >= intensity[2:])
    candidates = np.flatnonzero(inner) + 1
    candidates = candidates[prominence[candidates] >= PROMINENCE * span]
    order = np.argsort(-intensity[candidates], kind="stable")[:PEAKS]
    return [int(index) for index in candidates[order]]


def _lowest_before_higher(values: Array) -> Array:
    """Return for each position the lowest value to its left, up to the first value that is higher; one pass."""
    lowest = np.empty_like(values)
    stack: list[tuple[float, float]] = []
    for index, value in enumerate(values.tolist()):
        low = value
        while stack and stack[-1][0] <= value:
            low = min(low, stack.pop()[1])
        stack.append((value, low))
        lowest[index] = low
    return lowest


def read_xrdml(data: bytes) -> Content:
    """Return the content of the first 2θ scan of an `.xrdml` file. Raises `ResultFileError`."""
    reader = _Reader()
    reader.read(data)
    scans = [scan for scan in reader.scans if scan.positions or scan.listed]
    if not scans:
        raise ResultFileError("the file has no scan with 2Theta positions", field="positions")
    scan = scans[0]
    intensity = scan.intensities()
    return pattern(
        scan.angles(len(intensity)), intensity, "xrdml", {"scans": len(reader.scans), "sample": reader.sample}
    )


@dataclass(slots=True)
class _Scan:
    positions: dict[str, str] = field(default_factory=dict)
    listed: str = ""
    unit: str = ""
    counts: str = ""
    counts_name: str = ""
    factors: str = ""

    def intensities(self) -> Array:
        if not self.counts:
            raise ResultFileError("the scan has no intensities or counts", field="intensities")
        values = _values(self.counts, self.counts_name)
        if self.counts_name == "counts" and self.factors:
            factors = _values(self.factors, "beamAttenuationFactors")
            if len(factors) != len(values):
                raise ResultFileError(
                    f"{len(factors)} factors for {len(values)} counts", field="beamAttenuationFactors"
                )
            values = values * factors
        return values

    def angles(self, count: int) -> Array:
        if self.unit != "deg":
            raise ResultFileError(f"the unit is {self.unit!r}; expected deg", field="positions/@unit")
        if self.listed:
            angles = _values(self.listed, "listPositions")
            if len(angles) != count:
                raise ResultFileError(f"{len(angles)} positions for {count} intensities", field="listPositions")
            return angles
        for name in ("startPosition", "endPosition"):
            if name not in self.positions:
                raise ResultFileError("the element is missing", field=name)
        first, last = (finite_number(self.positions[name], name) for name in ("startPosition", "endPosition"))
        return np.linspace(first, last, count)


def _values(text: str, name: str) -> Array:
    texts = text.split(None, MAX_POINTS)
    if len(texts) > MAX_POINTS:
        raise ResultFileError(f"more than {MAX_POINTS:,} values", field=name)
    return finite_array((finite_number(value, f"{name}, value {i}") for i, value in enumerate(texts, 1)), name)


class _Reader:
    """Read the elements of scans. A document type declaration, and so every entity, is rejected."""

    def __init__(self) -> None:
        self.scans: list[_Scan] = []
        self.sample = ""
        self._path: list[str] = []
        self._text: list[str] = []
        self._in_two_theta = False
        self._elements = 0

    def read(self, data: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text_part
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise ResultFileError(
                f"the XML is damaged or cut off: {expat.ErrorString(error.code)}", field=f"line {error.lineno}"
            ) from error
        except (LookupError, ValueError) as error:
            raise ResultFileError(f"the encoding is not supported: {error}", field="encoding") from error

    def _doctype(self, *_: Any) -> None:
        raise ResultFileError("document type declarations and entities are not allowed", field="DOCTYPE")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        self._elements += 1
        if len(self._path) >= _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise ResultFileError("the XML has too many elements", field=local)
        if not self._path and (local != "xrdMeasurements" or not _NAMESPACE.fullmatch(namespace)):
            raise ResultFileError(
                f"the root is {name!r:.100}; expected xrdMeasurements in the namespace of XRDML", field="root"
            )
        self._path.append(local)
        self._text = []
        if local == "scan":
            self.scans.append(_Scan())
        elif local == "positions" and self.scans:
            self._in_two_theta = attributes.get("axis") == "2Theta"
            if self._in_two_theta:
                self.scans[-1].unit = attributes.get("unit", "")

    def _text_part(self, text: str) -> None:
        self._text.append(text)

    def _end(self, _: str) -> None:
        local = self._path.pop()
        text = "".join(self._text).strip()
        self._text = []
        if local == "id" and self._path[-1:] == ["sample"]:
            self.sample = text[:200]
        elif self.scans and "scan" in self._path:
            scan = self.scans[-1]
            if self._in_two_theta and local in ("startPosition", "endPosition"):
                scan.positions[local] = text
            elif self._in_two_theta and local == "listPositions":
                scan.listed = text
            elif local in ("intensities", "counts"):
                scan.counts, scan.counts_name = text, local
            elif local == "beamAttenuationFactors":
                scan.factors = text
            elif local == "positions":
                self._in_two_theta = False
