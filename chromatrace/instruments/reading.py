"""Read a result file of any supported format: detect the format, limit the size, name the file in errors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from chromatrace.domain.errors import InvalidInput
from chromatrace.instruments import asd, vamas
from chromatrace.instruments.diffraction import read_xrdml
from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.image import read_image
from chromatrace.instruments.jcamp import read_jcamp
from chromatrace.instruments.optical import WAVELENGTH_NM, Spectrum
from chromatrace.instruments.results import Content, Result
from chromatrace.instruments.series import SeriesOptions
from chromatrace.instruments.tables import read_table

MAX_BYTES = 64 << 20
"""Bytes of a result file."""

_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TABLES = (".csv", ".tsv", ".txt", ".dat", ".xy", ".xlsx", ".xls", ".ods", ".gz", ".mpt", ".ssv")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options that replace what a file states, or that it cannot state.

    wavelength_nm  of the optical figures
    ordinate       fraction, percent or absorbance
    """

    wavelength_nm: float = WAVELENGTH_NM
    ordinate: str | None = None
    series: SeriesOptions = field(default_factory=SeriesOptions)


def read_result(path: Path, options: ReadOptions) -> Result:
    """Return the figures of a file and its digest.

    Raises `ResultFileError` that names the file and the field, `OSError` if the file cannot be read.
    """
    with path.open("rb") as file:
        return result_of(file.read(MAX_BYTES + 1), str(path), options)


def result_of(data: bytes, name: str, options: ReadOptions) -> Result:
    """Return the figures and the digest of the content of a file. `name` selects the format by its extension.

    Raises `ResultFileError` that names the file and the field.
    """
    try:
        if len(data) > MAX_BYTES:
            raise ResultFileError(f"the file has more than {MAX_BYTES >> 20} MiB", field="size")
        if not data:
            raise ResultFileError("the file is empty", field="size")
        with np.errstate(over="ignore", invalid="ignore"):  # figures and spectra are checked to be finite
            content = _content(data, Path(name), options)
    except InvalidInput as error:
        where = f"{name}: {error.field}" if error.field else name
        raise ResultFileError(error.message, field=where, hint=error.hint) from error
    return Result(name, hashlib.sha256(data).digest(), len(data), content)


def _content(data: bytes, path: Path, options: ReadOptions) -> Content:
    suffix = path.suffix.lower()
    spectrum: Spectrum | None = None
    if data.startswith((_PNG, *_TIFF)) or suffix in (".png", ".tif", ".tiff"):
        return read_image(data)
    if (data[:3] in asd.MAGIC and suffix not in _TABLES) or suffix == ".asd":
        spectrum, content = asd.read_asd(data, options.ordinate)
    elif suffix in (".jdx", ".dx", ".jcm", ".jcamp"):
        spectrum, content = read_jcamp(data, options.ordinate)
    elif suffix == ".xrdml":
        return read_xrdml(data)
    elif suffix in (".vms", ".npl") or data.startswith(vamas.IDENTIFIER.encode()):
        return vamas.read_vamas(data)
    elif suffix in _TABLES:
        spectrum, content = read_table(data, path, options.ordinate, options.wavelength_nm, options.series)
    else:
        raise ResultFileError(
            f"the extension {suffix!r:.20} is not known",
            field="name",
            hint="known: .csv .tsv .txt .dat .xlsx .jdx .dx .asd .xrdml .xy .vms .tif .tiff .png",
        )
    if spectrum is None:
        return content
    return replace(content, figures=spectrum.figures(options.wavelength_nm), curves=(spectrum.curve(""),))
