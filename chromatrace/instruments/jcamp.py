"""Read spectra in JCAMP-DX 4.24 (McDonald and Wilks, Applied Spectroscopy 42 (1988) 151).

`XYDATA=(X++(Y..Y))` in the forms AFFN, PAC, SQZ, DIF and DUP, and `XYPOINTS=(XY..XY)`. Counts, abscissas and the check
values of the DIF form are verified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.optical import ABSORBANCE, FRACTION, MAX_TRANSMITTANCE, PERCENT, Spectrum
from chromatrace.instruments.results import MAX_POINTS, Array, Content, finite_array, finite_number, whole_number
from chromatrace.instruments.text import decoded_lines

_X_UNITS = {
    **dict.fromkeys(("NANOMETERS", "NANOMETER", "NANOMETRES", "NM", "WAVELENGTH(NM)"), "nm"),
    **dict.fromkeys(("MICROMETERS", "MICROMETER", "MICROMETRES", "UM", "WAVELENGTH(UM)"), "µm"),
    **dict.fromkeys(("1/CM", "CM-1", "CM^-1", "WAVENUMBER(CM-1)", "WAVENUMBERS(CM-1)"), "1/cm"),
}
_Y_UNITS = {
    "TRANSMITTANCE": FRACTION,
    "ABSORBANCE": ABSORBANCE,
    **dict.fromkeys(("%T", "%TRANSMITTANCE", "PERCENTTRANSMITTANCE", "TRANSMITTANCE(%)", "TRANSMITTANCE%"), PERCENT),
}
_DATA_LABELS = ("XYDATA", "XYPOINTS", "PEAKTABLE", "RADATA", "NTUPLES")

_AFFN = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_EXPONENT = r"(?:[eE][+-]\d{1,3})?"
"""The sign is required; without it, `E` is the digit 5 of the form SQZ."""
_TOKEN_AFFN = re.compile(rf"(?P<plain>{_AFFN}{_EXPONENT})|(?P<gap>[\s,;]+)", re.ASCII)
_TOKEN_ASDF = re.compile(
    rf"(?P<plain>{_AFFN})|(?P<squeezed>[@A-Ia-i]\d*\.?\d*)|(?P<difference>[%J-Rj-r]\d*\.?\d*)"
    r"|(?P<duplicate>[S-Zs]\d{0,7})|(?P<gap>[\s,;]+)",
    re.ASCII,
)
_ASDF_CHARACTERS = re.compile(r"[@A-Ia-i%J-Zj-s]")

_SQUEEZED = {character: str(digit) for digit, character in enumerate("@ABCDEFGHI")} | {
    character: f"-{digit}" for digit, character in enumerate("abcdefghi", 1)
}
_DIFFERENCE = {character: str(digit) for digit, character in enumerate("%JKLMNOPQR")} | {
    character: f"-{digit}" for digit, character in enumerate("jklmnopqr", 1)
}
_DUPLICATE = {character: str(digit) for digit, character in enumerate("STUVWXYZs", 1)}


def read_jcamp(data: bytes, ordinate: str | None) -> tuple[Spectrum, Content]:
    """Return the spectrum and the description of a file. `ordinate` replaces YUNITS. Raises `ResultFileError`."""
    labels, table = _labelled(decoded_lines(data))
    x_unit = _unit(labels, "XUNITS", _X_UNITS, "NANOMETERS, MICROMETERS or 1/CM")
    y_unit = ordinate or _unit(labels, "YUNITS", _Y_UNITS, "TRANSMITTANCE or ABSORBANCE")
    x, y = _ordinates(labels, table) if table.label == "XYDATA" else _pairs(labels, table)
    notes = []
    if ordinate is None and y_unit == FRACTION and MAX_TRANSMITTANCE < np.median(y) <= 100 * MAX_TRANSMITTANCE:
        y_unit = PERCENT
        notes.append(f"##YUNITS is {labels['YUNITS']}; the values are in %")
    spectrum = Spectrum.of(x, x_unit, y, y_unit)
    facts = {"title": labels.get("TITLE", ""), "points": len(x), "ordinate": y_unit, "abscissa": x_unit, "notes": notes}
    return spectrum, Content("spectrum", "JCAMP-DX", (), facts)


@dataclass(slots=True)
class _Table:
    """The data lines with their numbers, and the label before them."""

    label: str
    lines: list[tuple[int, str]] = field(default_factory=list)


def _labelled(lines: list[str]) -> tuple[dict[str, str], _Table]:
    labels: dict[str, str] = {}
    table: _Table | None = None
    current, ended = "", False
    for number, raw in enumerate(lines, 1):
        line = raw.split("$$", 1)[0].rstrip()
        if not line.strip():
            continue
        if ended:
            raise ResultFileError("the file continues after ##END=", field=f"line {number}")
        if line.lstrip().startswith("##"):
            name, equals, value = line.lstrip()[2:].partition("=")
            current = re.sub(r"[\s\-/_]", "", name).upper()
            if not equals:
                raise ResultFileError(f"expected ##LABEL=, got {line.strip()!r:.60}", field=f"line {number}")
            if current == "END":
                ended = True
            elif current in _DATA_LABELS:
                if table is not None:
                    raise ResultFileError("the file has several spectra", field=f"##{current}", hint="split the file")
                table = _Table(_form(current, value))
            elif current and labels.get(current, value.strip()) != value.strip():
                raise ResultFileError(
                    f"##{current} occurs twice with different values", field=f"line {number}", hint="split the file"
                )
            else:
                labels[current] = value.strip()
        elif table is not None and current in _DATA_LABELS:
            table.lines.append((number, line))
        elif current:
            labels[current] += f"\n{line.strip()}"
        else:
            raise ResultFileError("the first line is not ##TITLE=", field=f"line {number}")
    if "JCAMPDX" not in labels:
        raise ResultFileError("the label is missing; the file is not JCAMP-DX", field="##JCAMP-DX")
    if table is None:
        raise ResultFileError("the file has no ##XYDATA= and no ##XYPOINTS=", field="##XYDATA")
    if not ended:
        raise ResultFileError("the label is missing: the file is cut off", field="##END")
    return labels, table


def _form(label: str, value: str) -> str:
    form = re.sub(r"\s", "", value).upper()
    if (label == "XYDATA" and form == "(X++(Y..Y))") or (label == "XYPOINTS" and form == "(XY..XY)"):
        return label
    raise ResultFileError(
        f"##{label}={value.strip():.40} is not supported",
        field=f"##{label}",
        hint="export the spectrum as XYDATA=(X++(Y..Y)) or XYPOINTS=(XY..XY)",
    )


def _unit(labels: dict[str, str], name: str, units: dict[str, str], expected: str) -> str:
    text = _required(labels, name)
    unit = units.get(re.sub(r"\s", "", text).upper())
    if unit is None:
        hint = "use --ordinate to state what the ordinate is" if name == "YUNITS" else None
        raise ResultFileError(f"expected {expected}, got {text!r:.60}", field=f"##{name}", hint=hint)
    return unit


def _required(labels: dict[str, str], name: str) -> str:
    text = labels.get(name, "")
    if not text:
        hint = "use --ordinate to state what the ordinate is" if name == "YUNITS" else None
        raise ResultFileError("the label is missing", field=f"##{name}", hint=hint)
    return text


def _number(labels: dict[str, str], name: str) -> float:
    return finite_number(_required(labels, name), f"##{name}")


def _factor(labels: dict[str, str], name: str) -> float:
    factor = _number(labels, name)
    if factor == 0:
        raise ResultFileError("the factor is 0", field=f"##{name}")
    return factor


def _pairs(labels: dict[str, str], table: _Table) -> tuple[Array, Array]:
    count = whole_number(_required(labels, "NPOINTS"), "##NPOINTS", MAX_POINTS, minimum=2)
    values: list[float] = []
    for number, line in table.lines:
        values += [finite_number(text, f"line {number}") for text in re.split(r"[\s,;]+", line.strip(" \t,;"))]
        if len(values) > 2 * count:
            break
    _check_count(count, len(values) / 2)
    x = finite_array(values[0::2], "##XYPOINTS") * _factor(labels, "XFACTOR")
    y = finite_array(values[1::2], "##XYPOINTS") * _factor(labels, "YFACTOR")
    for name, value in (("FIRSTX", float(x[0])), ("LASTX", float(x[-1]))):
        if name in labels and not np.isclose(_number(labels, name), value, rtol=1e-4):
            raise ResultFileError(f"##{name} is {labels[name]}, the data has {value:g}", field=f"##{name}")
    return x, y


def _check_count(expected: int, count: float) -> None:
    if count != expected:
        more = "more" if count > expected else f"{count:g}"
        raise ResultFileError(f"##NPOINTS is {expected}, the data has {more} points", field="##NPOINTS")


def _ordinates(labels: dict[str, str], table: _Table) -> tuple[Array, Array]:
    count = whole_number(_required(labels, "NPOINTS"), "##NPOINTS", MAX_POINTS, minimum=2)
    first, last = _number(labels, "FIRSTX"), _number(labels, "LASTX")
    x_factor, y_factor = _factor(labels, "XFACTOR"), _factor(labels, "YFACTOR")
    step = (last - first) / (count - 1)
    if step == 0:
        raise ResultFileError(f"##FIRSTX and ##LASTX are both {first:g}", field="##LASTX")
    if "DELTAX" in labels and abs(_number(labels, "DELTAX") - step) * (count - 1) > abs(step) / 2:
        raise ResultFileError(
            f"##DELTAX is {labels['DELTAX']}; ##FIRSTX, ##LASTX and ##NPOINTS give {step:g}", field="##DELTAX"
        )
    squeezed = any(_is_squeezed(line) for _, line in table.lines)
    values: list[float] = []
    check: float | None = None
    for number, line in table.lines:
        x_text, ordinates, ends_in_difference = _line(line, number, squeezed, count)
        if check is not None:
            if not ordinates or ordinates[0] != check:
                got = f"{ordinates[0]:g}" if ordinates else "none"
                raise ResultFileError(f"the check ordinate is {got}; it must be {check:g}", field=f"line {number}")
            ordinates = ordinates[1:]
        index = len(values) - (check is not None)
        _check_abscissa(x_text, x_factor, first + index * step, step, number)
        values += ordinates
        if len(values) > count:
            break
        check = values[-1] if ends_in_difference else None
    _check_count(count, len(values))
    y = finite_array(values, "##XYDATA") * y_factor
    if "FIRSTY" in labels and abs(_number(labels, "FIRSTY") - y[0]) > max(2 * abs(y_factor), abs(y[0]) * 1e-2):
        raise ResultFileError(f"##FIRSTY is {labels['FIRSTY']}, the data has {y[0]:g}", field="##FIRSTY")
    return first + step * np.arange(count, dtype=np.float64), y


def _check_abscissa(text: str, factor: float, expected: float, step: float, number: int) -> None:
    """Compare the abscissa of a line with its position; a missing ordinate shifts it by a whole step."""
    value = finite_number(text, f"line {number}") * factor
    mantissa, _, exponent = text.lower().partition("e")
    resolution = abs(factor) * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    if abs(value - expected) > abs(step) / 10 + 1.01 * resolution:
        raise ResultFileError(
            f"the abscissa is {value:g}; after the ordinates before it, it must be {expected:g}", field=f"line {number}"
        )


def _is_squeezed(line: str) -> bool:
    """Return whether a line has the forms SQZ, DIF or DUP. `E` is also the exponent mark of the form AFFN."""
    return bool(_ASDF_CHARACTERS.search(re.sub(rf"{_AFFN}{_EXPONENT}", " ", line)))


def _line(line: str, number: int, squeezed: bool, maximum: int) -> tuple[str, list[float], bool]:
    """Return the abscissa as text, the ordinates, and whether the last one is a difference to the one before it."""
    pattern = _TOKEN_ASDF if squeezed else _TOKEN_AFFN
    where = f"line {number}"
    position, x_text = 0, ""
    ordinates: list[float] = []
    difference: float | None = None
    line = line.strip()
    while position < len(line):
        match = pattern.match(line, position)
        if match is None:
            unknown = line[position:].split()[0]
            reason = "the value is missing" if unknown.startswith("?") else f"expected a number, got {unknown!r:.40}"
            raise ResultFileError(reason, field=where)
        position, text = match.end(), match[0]
        if match.lastgroup == "gap":
            continue
        if not x_text:
            if match.lastgroup != "plain":
                raise ResultFileError(f"the line starts with {text!r:.40}; expected an abscissa", field=where)
            x_text = text
        elif match.lastgroup == "plain":
            ordinates.append(finite_number(text, where))
            difference = None
        elif match.lastgroup == "squeezed":
            ordinates.append(finite_number(_SQUEEZED[text[0]] + text[1:], where))
            difference = None
        elif not ordinates:
            raise ResultFileError(f"{text!r:.40} has no ordinate before it", field=where)
        elif match.lastgroup == "difference":
            difference = finite_number(_DIFFERENCE[text[0]] + text[1:], where)
            ordinates.append(ordinates[-1] + difference)
        else:
            repeats = int(_DUPLICATE[text[0]] + text[1:]) - 1
            if len(ordinates) + repeats > maximum + 1:
                raise ResultFileError(f"##NPOINTS is {maximum}, the data has more points", field="##NPOINTS")
            for _ in range(repeats):
                ordinates.append(ordinates[-1] + (difference or 0.0))
    if not x_text or not ordinates:
        raise ResultFileError("the line has an abscissa without an ordinate", field=where)
    return x_text, ordinates, difference is not None
