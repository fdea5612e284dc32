"""Transmission spectra: transmittance at a wavelength, and the change between the bleached and the coloured state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.results import Array, Curve, Figure, finite_array

WAVELENGTH_NM = 633.0
"""Wavelength of the figures if none is given: that of a helium-neon laser."""
FRACTION, PERCENT, ABSORBANCE = "fraction", "percent", "absorbance"
ORDINATES = (FRACTION, PERCENT, ABSORBANCE)
"""Meanings of the ordinate of a spectrum: transmittance from 0 to 1 or in percent, or decadic absorbance."""

MAX_TRANSMITTANCE = 1.5
"""Noise and interference give values somewhat above 1; larger ones mean that the unit is wrong."""
_NM_PER_UNIT = {"nm": 1.0, "µm": 1e3}


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Transmittance, as a fraction, by wavelength in nanometres, ascending."""

    wavelength_nm: Array
    transmittance: Array

    @classmethod
    def of(cls, x: Array, x_unit: str, y: Array, ordinate: str) -> Spectrum:
        """Convert a spectrum whose abscissa is in nm, µm or 1/cm. Raises `ResultFileError`."""
        if len(x) < 2:
            raise ResultFileError(f"the spectrum has {len(x)} points; it must have at least 2", field="spectrum")
        if (x <= 0).any():
            raise ResultFileError(f"{x[x <= 0][0]:g} {x_unit} is not above 0", field="wavelength")
        nm = 1e7 / x if x_unit == "1/cm" else x * _NM_PER_UNIT[x_unit]
        if ordinate == ABSORBANCE:
            if (np.abs(y) > 300).any():
                raise ResultFileError(f"{y[np.abs(y) > 300][0]:g} is not an absorbance", field="absorbance")
            transmittance = np.power(10.0, -y)
        else:
            transmittance = y / 100 if ordinate == PERCENT else y
        order = np.argsort(nm, kind="stable")
        nm, transmittance = nm[order], transmittance[order]
        finite_array(nm, "wavelength")
        finite_array(transmittance, "transmittance")
        if (repeated := np.flatnonzero(np.diff(nm) <= 0)).size:
            raise ResultFileError(f"the wavelength {nm[repeated[0]]:g} nm occurs twice", field="wavelength")
        typical = float(np.median(transmittance))
        if typical > MAX_TRANSMITTANCE:
            raise ResultFileError(
                f"the median transmittance is {typical:g} as a fraction; it must be at most {MAX_TRANSMITTANCE}",
                field="transmittance",
                hint="use --ordinate percent if the file has percent",
            )
        return cls(nm, transmittance)

    def at(self, wavelength_nm: float) -> float:
        """Return the transmittance, interpolated linearly. Raises `ResultFileError` outside the measured range."""
        first, last = float(self.wavelength_nm[0]), float(self.wavelength_nm[-1])
        if not first <= wavelength_nm <= last:
            raise ResultFileError(
                f"{wavelength_nm:g} nm is outside the measured range {first:g} to {last:g} nm",
                field="wavelength",
                hint="use --wavelength for another wavelength",
            )
        value = float(np.interp(wavelength_nm, self.wavelength_nm, self.transmittance))
        if not 0 < value <= MAX_TRANSMITTANCE:
            raise ResultFileError(
                f"the transmittance at {wavelength_nm:g} nm is {value:g}; it must be above 0 and at most "
                f"{MAX_TRANSMITTANCE} as a fraction",
                field="transmittance",
            )
        return value

    def figures(self, wavelength_nm: float) -> tuple[Figure, ...]:
        """Return transmittance and optical density at a wavelength."""
        value = self.at(wavelength_nm)
        condition = f"at {wavelength_nm:g} nm"
        return (
            Figure("transmittance", value, "1", condition),
            Figure("optical density", -math.log10(value), "1", condition),
        )

    def curve(self, name: str) -> Curve:
        """Return the curve in percent."""
        return Curve(name, "wavelength [nm]", "transmittance [%]", self.wavelength_nm, self.transmittance * 100)

    @staticmethod
    def from_curves(curves: Sequence[Curve]) -> Spectrum:
        """Return the spectrum that `curve` drew."""
        return Spectrum(curves[0].x, curves[0].y / 100)


def optical_change(bleached: Spectrum, coloured: Spectrum, wavelength_nm: float) -> tuple[Figure, Figure]:
    """Return the optical modulation in percentage points and the change of optical density, log10(Tb / Tc).

    Raises `ResultFileError` if the coloured sample is not darker than the bleached one.
    """
    bright, dark = bleached.at(wavelength_nm), coloured.at(wavelength_nm)
    if dark >= bright:
        raise ResultFileError(
            f"the coloured sample transmits {dark * 100:.2f} % at {wavelength_nm:g} nm, the bleached one "
            f"{bright * 100:.2f} %",
            field="pair",
            hint="give the bleached spectrum first",
        )
    condition = f"at {wavelength_nm:g} nm"
    return (
        Figure("optical modulation", (bright - dark) * 100, "%", condition),
        Figure("optical density change", math.log10(bright / dark), "1", condition),
    )
