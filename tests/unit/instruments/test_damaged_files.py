"""Damaged result files of every format: each gives figures or a `ResultFileError`, never another exception."""

import gzip
import io
import math

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from chromatrace.instruments import ReadOptions
from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.reading import result_of
from chromatrace.instruments.series import SeriesOptions
from tests.unit.instruments import instrument_files as files

COUNTS = [7000 + 300 * math.sin(index / 3) for index in range(24)]
ORDINATES = [round(value) for value in COUNTS]
REGION = ("survey W", "W 4f", [10.0, 20.0, 90.0, 30.0, 15.0], 40, -0.5)
OPTIONS = ReadOptions(wavelength_nm=610, series=SeriesOptions(area_cm2=4))


def workbook():
    book = openpyxl.Workbook()
    for row in (("wavelength [nm]", "T [%]"), (600, 71.5), (620, 72.5), (640, 70)):
        book.active.append(row)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def picture(format_, mode="L", **options):
    output = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).convert(mode).save(output, format_, **options)
    return output.getvalue()


def pairs():
    lines = [f"{500 + 20 * index}, {value}" for index, value in enumerate(ORDINATES)]
    return files.jcamp(ORDINATES, body=lines).replace(b"##XYDATA=(X++(Y..Y))", b"##XYPOINTS=(XY..XY)")


SPECTRUM = "wavelength [nm];T [%]\n600;71,5\n620;72,5\n640;70\n"
SERIES = "time [s],T [%],I [mA],V [V]\n0,70,-8,-1\n5,30,-8,-1\n10,12,-4,-1\n20,10,-1,-1\n"
SAMPLES = {
    "affn.jdx": files.jcamp(ORDINATES),
    "pac.jdx": files.jcamp(ORDINATES, body=files.pac(ORDINATES)),
    "sqz.jdx": files.jcamp(ORDINATES, body=files.sqz(ORDINATES)),
    "dif.jdx": files.jcamp(ORDINATES, body=files.dif(ORDINATES)),
    "difdup.dx": files.jcamp(ORDINATES, body=files.dif(ORDINATES, dup=True)),
    "pairs.dx": pairs(),
    **{f"v{version}.asd": files.asd([0.5] * 12, version=version) for version in (1, 4, 8)},
    "reference.asd": files.asd([0.5] * 12, reference=[0.9] * 12, number="d"),
    "regular.vms": files.vamas([REGION]),
    "irregular.vms": files.vamas([REGION], irregular=True),
    **{
        f"v{version}.xrdml": files.xrdml([1, 5, 1, 2, 1]).replace(b"ment/1.5", f"ment/{version}".encode())
        for version in ("1.0", "1.3", "2.1")
    },
    "counts.xrdml": files.xrdml([1, 5, 1, 2, 1], tag="counts", factors=[1, 1, 2, 1, 1]),
    "film.xy": b"20 4\n20.1 9\n20.2 30\n20.3 6\n",
    "film.csv": SPECTRUM.encode(),
    "film.tsv": SPECTRUM.replace(";", "\t").encode("utf-16"),
    "film.csv.gz": gzip.compress(SPECTRUM.encode(), mtime=0),
    "film.xlsx": workbook(),
    "series.csv": SERIES.encode(),
    "cycles.csv": "cycle,ΔT [%]\n1,50\n500,49\n1000,46\n".encode(),
    "film.png": picture("PNG", dpi=(5_000_000, 5_000_000)),
    "film.tif": picture("TIFF", compression="tiff_lzw", resolution=4.0, description="ImageJ=1.54\nunit=um\n"),
    "deep.tif": picture("TIFF", "I;16"),
}  # fmt: skip
INSERTED = st.sampled_from(
    [b"", b"\0", b"\xff", b"9" * 400, b"-", b"1e999", b"NaN", b"##", b"\n", b"<a>", b"%", b",", b"\r"]
)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_undamaged_file_is_read(name):
    assert result_of(SAMPLES[name], name, OPTIONS).figures


def outcome(name, content):
    """Return the figures of a file, or the error that it raises."""
    try:
        return result_of(content, name, OPTIONS).figures, None
    except ResultFileError as error:
        return (), error


def check(name, content):
    figures, error = outcome(name, content)
    assert all(math.isfinite(figure.value) for figure in figures)
    assert error is None or (name in error.field and error.message)


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_file_gives_figures_or_an_error_with_its_name(name, data):
    content = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(content)))
        removed = data.draw(st.sampled_from([0, 1, 4, 40, len(content)]))
        content[position : position + removed] = data.draw(st.one_of(INSERTED, st.binary(max_size=8)))
    check(name, bytes(content))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_truncated_file_gives_figures_or_an_error_with_its_name(name):
    sample = SAMPLES[name]
    for length in sorted({0, 1, 3, 10, *range(16, len(sample), max(16, len(sample) // 40)), len(sample) - 1}):
        check(name, sample[:length])
