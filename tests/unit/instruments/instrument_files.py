"""Writers of result files, from the published formats. The readers under test are not used."""

import itertools
import struct

VAMAS = "VAMAS Surface Chemical Analysis Standard Data Transfer Format 1988 May 4"
SQUEEZED = "@ABCDEFGHI", "@abcdefghi"
DIFFERENCE = "%JKLMNOPQR", "%jklmnopqr"
DUPLICATE = "?STUVWXYZs"


def jcamp(values, *, body=None, **labels):
    """Return a JCAMP-DX file with transmittance in 1/10000, from 500 nm in steps of 20 nm."""
    last = 500 + 20 * (len(values) - 1)
    fields = {
        "TITLE": "tungsten oxide 7",
        "JCAMP-DX": "4.24 $$ own writer",
        "DATA TYPE": "UV/VIS SPECTRUM",
        "XUNITS": "NANOMETERS",
        "YUNITS": "TRANSMITTANCE",
        "FIRSTX": 500,
        "LASTX": last,
        "NPOINTS": len(values),
        "XFACTOR": 1,
        "YFACTOR": 0.0001,
        "FIRSTY": values[0] * 0.0001,
    }
    fields |= {name.replace("_", " "): value for name, value in labels.items()}
    lines = [f"##{name}={value}" for name, value in fields.items() if value is not None]
    lines += ["##XYDATA=(X++(Y..Y))", *(body if body is not None else affn(values)), "##END="]
    return "\r\n".join(lines).encode()


def _rows(values, width):
    return [(500 + 20 * start, values[start : start + width]) for start in range(0, len(values), width)]


def affn(values, width=4):
    """Return data lines with the numbers separated by spaces."""
    return [f"{x} {' '.join(map(str, row))}" for x, row in _rows(values, width)]


def pac(values, width=4):
    """Return data lines with a sign instead of a space."""
    return [f"{x}" + "".join(f"{value:+d}" for value in row) for x, row in _rows(values, width)]


def _coded(value, digits):
    text = str(abs(value))
    return digits[value < 0][int(text[0])] + text[1:]


def sqz(values, width=4):
    """Return data lines in squeezed form."""
    return [f"{x}" + "".join(_coded(value, SQUEEZED) for value in row) for x, row in _rows(values, width)]


def dif(values, width=4, *, dup=False):
    """Return data lines in difference form: each line repeats the last ordinate as a check, and one line ends it."""
    lines = []
    position = 0
    while position < len(values):
        row = values[position : position + width + 1]
        line = f"{500 + 20 * position}" + _coded(row[0], SQUEEZED)
        codes = [_coded(after - before, DIFFERENCE) for before, after in itertools.pairwise(row)]
        index = 0
        while index < len(codes):
            repeats = 1
            while dup and index + repeats < len(codes) and codes[index + repeats] == codes[index] and repeats < 9:
                repeats += 1
            line += codes[index] + (DUPLICATE[repeats] if repeats > 1 else "")
            index += repeats
        lines.append(line)
        if len(row) == 1:
            break
        position += len(row) - 1
    return lines


def asd(values, *, version=8, kind=6, first=600.0, step=10.0, reference=None, number="f", channels=None):
    """Return an ASD file: header of 484 bytes, spectrum, and from version 2 the reference."""
    header = bytearray(484)
    header[0:3] = b"ASD" if version == 1 else f"as{version}".encode()
    header[3:20] = b"glass, own writer"
    header[186] = kind
    struct.pack_into("<ff", header, 191, first, step)
    header[199] = {"f": 0, "i": 1, "d": 2}[number]
    struct.pack_into("<H", header, 204, len(values) if channels is None else channels)
    data = bytes(header) + struct.pack(f"<{len(values)}{number}", *values)
    if reference is not None:
        data += struct.pack("<hqqh", -1, 0, 0, 5) + b"white" + struct.pack(f"<{len(reference)}{number}", *reference)
    elif version > 1:
        data += struct.pack("<hqqh", 0, 0, 0, 0)
    return data


def xrdml(intensities, *, start=20.0, end=60.0, positions=None, unit="deg", tag="intensities", factors=None, head=""):
    """Return an XRDML file with one scan."""
    where = (
        f"<startPosition>{start}</startPosition><endPosition>{end}</endPosition>"
        if positions is None
        else f"<listPositions>{' '.join(map(str, positions))}</listPositions>"
    )
    attenuation = (
        "" if factors is None else f"<beamAttenuationFactors>{' '.join(map(str, factors))}</beamAttenuationFactors>"
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>{head}
<xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/1.5" status="Completed">
  <sample type="To be analyzed"><id>film 12</id></sample>
  <xrdMeasurement measurementType="Scan"><scan appendNumber="0" scanAxis="Gonio"><dataPoints>
    <positions axis="2Theta" unit="{unit}">{where}</positions>
    <positions axis="Omega" unit="deg"><startPosition>1</startPosition><endPosition>2</endPosition></positions>
    <commonCountingTime unit="seconds">1.0</commonCountingTime>{attenuation}
    <{tag} unit="counts">{" ".join(map(str, intensities))}</{tag}>
  </dataPoints></scan></xrdMeasurement>
</xrdMeasurements>
""".encode()


def _block(name, transition, counts, start, step, *, skipped=(), irregular=False):
    """Return the lines of a block by their number in the standard; 0 for those that are always present.

    irregular  without abscissa 31; the first corresponding variable is the abscissa
    """
    energies = [start + step * (index + index**2 / 50) for index in range(len(counts))]
    fields = [
        (0, [name, "sample 4"]),
        *((number, [value]) for number, value in enumerate(("2026", "3", "9", "10", "30", "5", "0"), 1)),
        (8, ["1", "measured at normal emission"]),
        (9, ["XPS"]),
        (11, ["0"]),
        (12, ["Al"]),
        (14, ["1486.6"]),
        (15, ["225"]),
        (16, ["0", "0"]),
        (19, ["54.7"]),
        (20, ["0"]),
        (21, ["FAT"]),
        (22, ["20"]),
        (24, ["1"]),
        (25, ["4.5"]),
        (26, ["0"]),
        (27, ["0", "0"]),
        (28, ["0", "0"]),
        (29, [transition.split()[0]]),
        (30, [transition.split()[1], "-1"]),
        *([] if irregular else [(31, ["Binding Energy", "eV", str(start), str(step)])]),
        (
            32,
            ["2", "Binding Energy", "eV", "Intensity", "d"]
            if irregular
            else ["2", "Intensity", "d", "Transmission", "d"],
        ),
        (33, ["pulse counting"]),
        (34, ["0.5"]),
        (35, ["3"]),
        (36, ["0"]),
        (38, ["0", "0"]),
        (39, ["0"]),
        (40, ["1", "pressure", "d", "2e-9"]),
    ]
    lines = [line for number, texts in fields if number not in skipped for line in texts]
    if irregular:
        lines += [str(2 * len(counts)), *map(str, (min(energies), max(energies), min(counts), max(counts)))]
        return lines + [text for pair in zip(energies, counts, strict=True) for text in map(str, pair)]
    lines += [str(2 * len(counts)), str(min(counts)), str(max(counts)), "1", "1"]
    return lines + [text for count in counts for text in (str(count), "1")]


def vamas(regions, *, excluded=(), ending="end of experiment", irregular=False):
    """Return a VAMAS file; `regions` are (name, transition, counts, start, step). Later blocks omit `excluded`."""
    lines = [VAMAS, "laboratory", "spectrometer", "operator", "films", "2", "first comment", "second comment"]
    lines += ["NORM", "IRREGULAR" if irregular else "REGULAR", str(len(regions)), "1", "Exp Variable", "d"]
    lines += [str(-len(excluded)), *map(str, excluded), "0", "0", "0", str(len(regions))]
    for index, region in enumerate(regions):
        lines += _block(*region, skipped=excluded if index else (), irregular=irregular)
    return "\n".join([*lines, ending, ""]).encode()
