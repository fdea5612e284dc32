"""Read spectra of ASD field spectrometers (ASD File Format, version 8 revision B). Versions 1 to 8 have the same
header.

All numbers are little-endian. The header has 484 bytes; the spectrum follows it. From version 2, a reference can follow
the spectrum: the ordinate is then the ratio of spectrum and reference, channel by channel.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.optical import ABSORBANCE, FRACTION, Spectrum
from chromatrace.instruments.results import Array, Content, finite_array

HEADER_BYTES = 484
MAGIC = {b"ASD": 1} | {f"as{version}".encode(): version for version in range(2, 9)}
TYPES = (
    *("raw", "reflectance", "radiance", "no units", "irradiance", "quality index", "transmittance", "unknown"),
    "absorbance",
)
_FORMATS: dict[int, np.dtype[Any]] = {0: np.dtype("<f4"), 1: np.dtype("<i4"), 2: np.dtype("<f8")}
_COMMENT, _TYPE, _WAVELENGTHS, _FORMAT, _CHANNELS = 3, 186, 191, 199, 204
"""Offsets in the header."""
_REFERENCE_HEADER = struct.Struct("<hqqh")
"""Flag (-1 or 1 if there is a reference), times of reference and spectrum, length of the description."""


def read_asd(data: bytes, ordinate: str | None) -> tuple[Spectrum, Content]:
    """Return the spectrum and the description of a file. Raises `ResultFileError`.

    ordinate  states that a file of another type, such as reflectance, has transmittance or absorbance
    """
    version = MAGIC.get(data[:3])
    if version is None:
        raise ResultFileError(f"the file starts with {data[:3]!r}; expected ASD or as2 to as8", field="version")
    if len(data) < HEADER_BYTES:
        raise ResultFileError(
            f"the header has {len(data)} of {HEADER_BYTES} bytes: the file is cut off", field="header"
        )
    first, step = struct.unpack_from("<ff", data, _WAVELENGTHS)
    (channels,) = struct.unpack_from("<H", data, _CHANNELS)
    number_type = _FORMATS.get(data[_FORMAT])
    if number_type is None:
        raise ResultFileError(f"the format of the spectrum is {data[_FORMAT]}; expected 0, 1 or 2", field="data_format")
    if channels < 2:
        raise ResultFileError(f"the spectrum has {channels} channels; it must have at least 2", field="channels")
    if not (np.isfinite(first) and np.isfinite(step) and first > 0 and step > 0):
        raise ResultFileError(f"{first:g} nm and a step of {step:g} nm are not above 0", field="ch1_wavel")
    end = HEADER_BYTES + channels * number_type.itemsize
    y = _values(data, HEADER_BYTES, channels, number_type, "spectrum")
    kind = TYPES[data[_TYPE]] if data[_TYPE] < len(TYPES) else f"type {data[_TYPE]}"
    reference = _reference(data, end, channels, number_type) if version > 1 and len(data) > end else None
    if reference is not None:
        if (reference == 0).any():
            channel = int(np.flatnonzero(reference == 0)[0]) + 1
            raise ResultFileError(f"the reference is 0 in channel {channel}", field="reference")
        y = y / reference
    if ordinate is None:
        ordinate = {"transmittance": FRACTION, "absorbance": ABSORBANCE}.get(kind)
    if ordinate is None:
        raise ResultFileError(
            f"the file has {kind}; expected transmittance or absorbance",
            field="data_type",
            hint="use --ordinate fraction if it was measured in transmission",
        )
    comment = data[_COMMENT : _COMMENT + 157].split(b"\0", 1)[0].decode("cp1252", errors="replace").strip()
    facts = {
        "version": version,
        "title": comment,
        "points": channels,
        "data_type": kind,
        "reference": reference is not None,
        "ordinate": ordinate,
    }
    x = first + step * np.arange(channels, dtype=np.float64)
    return Spectrum.of(x, "nm", y, ordinate), Content("spectrum", "ASD", (), facts)


def _values(data: bytes, offset: int, count: int, number_type: np.dtype[Any], name: str) -> Array:
    end = offset + count * number_type.itemsize
    if len(data) < end:
        present = max(0, len(data) - offset) // number_type.itemsize
        raise ResultFileError(f"{present} of {count} channels are present: the file is cut off", field=name)
    return finite_array(np.frombuffer(data, number_type, count, offset).astype(np.float64), name)


def _reference(data: bytes, offset: int, channels: int, number_type: np.dtype[Any]) -> Array | None:
    if len(data) < offset + _REFERENCE_HEADER.size:
        raise ResultFileError("the header of the reference is cut off", field="reference")
    flag, _, _, length = _REFERENCE_HEADER.unpack_from(data, offset)
    if not flag:
        return None
    if length < 0:
        raise ResultFileError(f"the description has {length} characters", field="reference")
    return _values(data, offset + _REFERENCE_HEADER.size + length, channels, number_type, "reference")
