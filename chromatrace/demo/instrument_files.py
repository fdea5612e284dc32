"""Simulated result files of the instruments that the demonstration's inspections name.

The files of a final inspection give the measured values of its evidence. Those of a first inspection are a diffraction
pattern and an image of the film.
"""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
from PIL import Image

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.results import AttachedResult
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.rights import Stage
from chromatrace.instruments import ReadOptions
from chromatrace.instruments.measurement import measure_contents
from chromatrace.instruments.series import SeriesOptions

AREA_CM2 = 25.0
_DURATION_S, _DECAY_S = 60.0, 12.0
_T90 = 2.2805
"""Time to 90 % of an exponential change that ends after six time constants, in time constants."""
_NM_PER_PIXEL = 2.5

File = tuple[str, bytes]


def with_files(evidence: InspectionEvidence, documents: DocumentStore) -> InspectionEvidence:
    """Return evidence with simulated result files, which are stored."""
    groups = _material(evidence) if evidence.stage is Stage.FIRST else _device(evidence)
    options = ReadOptions(series=SeriesOptions(area_cm2=AREA_CM2))
    results: list[AttachedResult] = []
    for files, pair in groups:
        for _, data in [*files, *(pair or ())]:
            documents.put(data)
        results.append(measure_contents(files, pair, options).attached())
    return replace(evidence, results=tuple(results))


Group = tuple[list[File], tuple[File, File] | None]


def _material(evidence: InspectionEvidence) -> list[Group]:
    values = {item.quantity: item.value for item in evidence.measurements}
    random = np.random.default_rng(len(evidence.lot.value))
    angles = np.arange(10, 70, 0.1)
    hump = 260 * np.exp(-(((angles - 24) / 5) ** 2))
    peaks = sum(np.exp(-(((angles - at) / 0.25) ** 2)) for at in (23.1, 23.6, 24.4, 34.2))
    counts = random.poisson(60 + hump + 20 * values.get("crystalline share", 0.0) * peaks)
    pattern = "".join(f"{angle:.1f} {count}\n" for angle, count in zip(angles, counts, strict=True))
    grains = max(2, round(values.get("grain size", 20.0) / _NM_PER_PIXEL))
    coarse = random.normal(128, 34, (480 // grains + 2, 640 // grains + 2)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)
    output = io.BytesIO()
    picture.save(output, "TIFF", description=f"PixelSize={_NM_PER_PIXEL} nm")
    return [([("film.xy", pattern.encode())], None), ([("film.tif", output.getvalue())], None)]


def _device(evidence: InspectionEvidence) -> list[Group]:
    values = {item.quantity: item.value for item in evidence.measurements}
    values |= {item.quantity: item.value for item in evidence.auxiliary}
    bright = values.get("bleached transmittance", 0.0)
    dark = bright - values["optical modulation"]
    if not 0 < dark < bright:
        return []
    pair = _spectrum("bleached.csv", bright, 0.06), _spectrum("coloured.csv", dark, -0.25)
    files = []
    if efficiency := values.get("coloration efficiency"):
        charge = math.log10(bright / dark) / efficiency * AREA_CM2
        files.append(_charge(charge))
    groups: list[Group] = [(files, pair)]
    if stability := values.get("cycling stability"):
        groups.append(([_cycles(values["optical modulation"], stability)], None))
    if duration := values.get("switching time"):
        groups.append(([_switching(bright, dark, duration)], None))
    return groups


def _table(name: str, header: str, rows: list[tuple[float, float]]) -> File:
    return name, "\n".join([header, *(f"{x:.6g},{y:.6g}" for x, y in rows), ""]).encode()


def _spectrum(name: str, percent: float, slope: float) -> File:
    """Return a spectrum with the transmittance `percent` at 633 nm."""
    rows = [(float(nm), percent * (1 + slope * math.sin((nm - 633) / 110))) for nm in range(383, 884, 5)]
    return _table(name, "wavelength [nm],T [%]", rows)


def _charge(coulomb: float) -> File:
    times = np.linspace(0, _DURATION_S, 121)
    current = np.exp(-times / _DECAY_S)
    current *= coulomb / float(np.trapezoid(current, times))
    return _table("charge.csv", "time [s],I [mA]", [(t, -1000 * i) for t, i in zip(times, current, strict=True)])


def _cycles(modulation: float, stability: float) -> File:
    cycles = [1, *range(50, 1001, 50)]
    rows = [(float(n), modulation * (1 - (1 - stability / 100) * (n - 1) / 999)) for n in cycles]
    return _table("cycling.csv", "cycle,ΔT [%]", rows)


def _switching(bright: float, dark: float, duration_s: float) -> File:
    constant = duration_s / _T90
    times = np.linspace(0, 6 * constant, 400)
    rows = [(t, dark + (bright - dark) * math.exp(-t / constant)) for t in times.tolist()]
    return _table("switching.csv", "time [s],T [%]", rows)
