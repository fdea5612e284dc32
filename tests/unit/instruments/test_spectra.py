"""Transmission spectra: tables, JCAMP-DX and ASD, and the change between two of them."""

import gzip
import math

import numpy as np
import openpyxl
import pytest

from chromatrace.instruments import ReadOptions, read_result
from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.optical import Spectrum, optical_change
from tests.unit.instruments import instrument_files as files

VALUES = [6100, 6150, 6210, 6210, 6210, 6210, 6500, 7012, 6990, 6100, 5000, 5000]
"""Transmittance in 1/10000 at 500, 520, … 720 nm; 6500 at 620 nm and 7012 at 640 nm."""
AT_633 = 0.65 + (0.7012 - 0.65) * 13 / 20


def write(folder, name, data):
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(path, **options):
    return read_result(path, ReadOptions(**options))


def transmittance(path, **options):
    figure = read(path, **options).figures[0]
    assert figure.quantity == "transmittance"
    return figure.value


def error(path, **options):
    with pytest.raises(ResultFileError) as caught:
        read(path, **options)
    assert str(path) in caught.value.field
    return str(caught.value)


FORMS = {
    "AFFN": files.affn(VALUES),
    "PAC": files.pac(VALUES),
    "SQZ": files.sqz(VALUES),
    "DIF": files.dif(VALUES),
    "DIFDUP": files.dif(VALUES, width=8, dup=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_jcamp_gives_the_same_spectrum(tmp_path, form):
    result = read(write(tmp_path, "a.jdx", files.jcamp(VALUES, body=FORMS[form])))
    assert result.figures[0].value == pytest.approx(AT_633, abs=1e-12)
    assert result.content.curves[0].y.tolist() == pytest.approx([value / 100 for value in VALUES])
    assert result.content.facts["points"] == 12


def test_the_forms_are_the_compressed_ones():
    assert any(code in "".join(FORMS["DIFDUP"]) for code in "TUVW")
    assert all(" " not in line for form in ("PAC", "SQZ", "DIF", "DIFDUP") for line in FORMS[form])


def test_duplicates_of_an_ordinate_repeat_the_ordinate(tmp_path):
    body = ["500F100S", "520F150", "540F210V", "620F500G012F990", "680F100E000S", "720E000"]
    assert transmittance(write(tmp_path, "a.dx", files.jcamp(VALUES, body=body))) == pytest.approx(AT_633)


def test_e_is_a_digit_or_the_mark_of_an_exponent(tmp_path):
    squeezed = ["500E100E200", "540E300E400"]
    values = [5100, 5200, 5300, 5400]
    exponents = ["500 5.1E+03 5.2e+03", "540 53.0E+2 5400000E-03"]
    for body in (squeezed, exponents):
        path = write(tmp_path, "a.jdx", files.jcamp(values, body=body))
        assert transmittance(path, wavelength_nm=550) == pytest.approx(0.535)


def test_transmittance_in_percent_is_recognised_and_reported(tmp_path):
    result = read(write(tmp_path, "a.jdx", files.jcamp(VALUES, YFACTOR=0.01, FIRSTY=61)))
    assert result.figures[0].value == pytest.approx(AT_633)
    assert "in %" in result.content.facts["notes"][0]


def test_the_end_mark_of_dos_and_repeated_labels(tmp_path):
    data = files.jcamp(VALUES) + b"\r\n\x1a"
    assert transmittance(write(tmp_path, "a.jdx", data)) == pytest.approx(AT_633)
    repeated = data.replace(b"##XYDATA", b"##NPOINTS=12\r\n##XYDATA")
    assert transmittance(write(tmp_path, "a.jdx", repeated)) == pytest.approx(AT_633)
    assert "twice" in error(write(tmp_path, "a.jdx", data.replace(b"##XYDATA", b"##NPOINTS=13\r\n##XYDATA")))


def test_pairs_and_factors(tmp_path):
    body = "##XYPOINTS=(XY..XY)\n6000,5000; 6200,6000\n6400 8000\n##END=\n"
    head = (
        "##TITLE=x\n##JCAMP-DX=4.24\n##XUNITS=NANOMETERS\n##YUNITS=% TRANSMITTANCE\n"
        "##NPOINTS=3\n##XFACTOR=0.1\n##YFACTOR=0.01\n"
    )
    assert transmittance(write(tmp_path, "a.jdx", head + body)) == pytest.approx(0.6 + 0.2 * 13 / 20)


@pytest.mark.parametrize(
    ("unit", "first", "last"), [("1/CM", 1e7 / 600, 1e7 / 666), ("MICROMETERS", 0.6, 0.666), ("nm", 600, 666)]
)
def test_units_of_the_abscissa(tmp_path, unit, first, last):
    lines = f"##XYPOINTS=(XY..XY)\n{first},0.25\n{last},0.75\n##END=\n"
    head = (
        f"##TITLE=x\n##JCAMP-DX=4.24\n##XUNITS={unit}\n##YUNITS=TRANSMITTANCE\n##NPOINTS=2\n##XFACTOR=1\n##YFACTOR=1\n"
    )
    assert transmittance(write(tmp_path, "a.jdx", head + lines)) == pytest.approx(0.5)


def test_absorbance_becomes_transmittance(tmp_path):
    data = files.jcamp([0, 10000] * 4, YUNITS="ABSORBANCE", FIRSTY=None)
    path = write(tmp_path, "a.jdx", data)
    assert transmittance(path, wavelength_nm=520) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"XUNITS": None}, "##XUNITS", "missing"),
        ({"YUNITS": ""}, "##YUNITS", "missing"),
        ({"YUNITS": "ARBITRARY UNITS"}, "##YUNITS", "--ordinate"),
        ({"NPOINTS": 13, "LASTX": 740}, "##NPOINTS", "12 points"),
        ({"NPOINTS": 11, "LASTX": 700}, "##NPOINTS", "more points"),
        ({"NPOINTS": 10**12}, "##NPOINTS", "1,000,000"),
        ({"NPOINTS": "nan"}, "##NPOINTS", "'nan'"),
        ({"LASTX": 731}, "line", "abscissa"),
        ({"FIRSTX": "5OO"}, "##FIRSTX", "5OO"),
        ({"DELTAX": 2}, "##DELTAX", "20"),
        ({"YFACTOR": 0}, "##YFACTOR", "0"),
        ({"YFACTOR": "1e999"}, "##YFACTOR", "finite"),
        ({"YFACTOR": "1e307", "FIRSTY": None}, "transmittance", "finite"),
        ({"FIRSTY": 0.5}, "##FIRSTY", "0.61"),
        ({"YFACTOR": 1, "FIRSTY": None}, "transmittance", "percent"),
        ({"body": [*files.affn(VALUES)[:2], "660 6990 ? 5000 5000"]}, "line", "missing"),
        ({"body": [files.affn(VALUES)[0], *files.affn(VALUES)[2:]]}, "line", "abscissa"),
        ({"body": ["500 6100 T", *files.affn(VALUES)[1:]]}, "line", "abscissa"),
        ({"body": ["500 6100 x12"]}, "line", "x12"),
        ({"body": ["500F100S999999"]}, "##NPOINTS", "more points"),
        ({"body": ["500", "520"]}, "line", "without an ordinate"),
        ({"body": [files.dif(VALUES)[0], "580F211", *files.dif(VALUES)[2:]]}, "line", "check ordinate"),
    ],
    ids=str,
)
def test_a_broken_jcamp_file_is_an_error_with_file_and_field(tmp_path, change, field, message):
    shown = error(write(tmp_path, "broken.jdx", files.jcamp(VALUES, **change)))
    assert field in shown
    assert message in shown


@pytest.mark.parametrize("length", [0, 10, 120, 300])
def test_a_truncated_jcamp_file_is_an_error(tmp_path, length):
    error(write(tmp_path, "cut.jdx", files.jcamp(VALUES)[:length]))


def test_the_end_is_required_and_nothing_follows_it(tmp_path):
    data = files.jcamp(VALUES)
    assert "##END" in error(write(tmp_path, "a.jdx", data.replace(b"##END=", b"")))
    assert "continues" in error(write(tmp_path, "a.jdx", data + b"\n##TITLE=second"))


@pytest.mark.parametrize("version", range(1, 9))
def test_asd_of_every_version(tmp_path, version):
    values = [0.25, 0.5, 0.25, 0.5, 0.75, 0.75]
    path = write(tmp_path, "a.asd", files.asd(values, version=version))
    assert transmittance(path) == pytest.approx(0.5 + 0.25 * 0.3)
    assert read(path).content.facts["version"] == version
    assert read(path).content.facts["title"] == "glass, own writer"


@pytest.mark.parametrize("number", ["f", "d", "i"])
def test_asd_with_a_reference_gives_the_ratio(tmp_path, number):
    path = write(tmp_path, "a.asd", files.asd([100, 200, 300, 400, 500], reference=[400] * 5, number=number))
    assert transmittance(path) == pytest.approx(1.0 + 0.25 * 0.3)


def test_asd_of_another_type_needs_the_ordinate(tmp_path):
    path = write(tmp_path, "a.asd", files.asd([0.5] * 5, kind=1))
    assert "data_type" in error(path)
    assert transmittance(path, ordinate="fraction") == pytest.approx(0.5)
    assert transmittance(write(tmp_path, "b.asd", files.asd([1.0] * 5, kind=8))) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (files.asd([0.5] * 5)[:300], "header"),
        (files.asd([0.5] * 5)[:495], "spectrum"),
        (files.asd([0.5] * 5, channels=40), "spectrum"),
        (files.asd([0.5] * 5, reference=[1.0] * 5)[:-4], "reference"),
        (files.asd([0.5] * 5, reference=[1.0, 0.0, 1.0, 1.0, 1.0]), "reference"),
        (files.asd([0.5, math.nan, 0.5, 0.5, 0.5]), "spectrum"),
        (files.asd([0.5] * 5, step=0.0), "ch1_wavel"),
        (files.asd([0.5] * 5, channels=0), "channels"),
        (b"xyz" + files.asd([0.5] * 5)[3:], "version"),
    ],
    ids=range(9),
)
def test_a_broken_asd_file_is_an_error_with_file_and_field(tmp_path, data, field):
    assert f"broken.asd: {field}" in error(write(tmp_path, "broken.asd", data))


@pytest.mark.parametrize(
    "text",
    [
        "wavelength [nm],T [%]\n600,40\n640,60\n700,70\n",
        "Wavelength (nm);%T\n600;40,0\n640;60,0\n700;70,0\n",
        "wavelength_nm\ttransmittance_percent\n700\t70\n640\t60\n600\t40\n",
        "instrument 7\n\nnm,T%\n600,40\n640,60\n700,70\n",
        "wavelength/nm T/%\n600 40\n640 60\n700 70\n",
        "wavelength (µm),transmittance\n0.6,0.4\n0.64,0.6\n0.7,0.7\n",
        "wavelength,T\nnm,%\n600,40\n640,60\n700,70\n",
        "lambda,transmission\n600,0.4\n640,0.6\n700,0.7\n",
        "wavenumber [cm-1],T [%]\n14285.7142857,70\n15625,60\n16666.6666667,40\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_tables_of_spectra(tmp_path, text, encoding):
    path = write(tmp_path, "a.csv", text.encode(encoding))
    assert transmittance(path) == pytest.approx(0.4 + 0.2 * 33 / 40)


def test_a_compressed_table(tmp_path):
    path = write(tmp_path, "a.csv.gz", gzip.compress(b"wavelength [nm],T [%]\n600,40\n700,60\n"))
    assert transmittance(path, wavelength_nm=650) == pytest.approx(0.5)


def test_compressed_files_have_a_limit_after_unpacking(tmp_path, monkeypatch):
    text = b"wavelength [nm],T [%]\n600,40\n700,60\n" + b" " * 5000
    path = write(tmp_path, "a.csv.gz", gzip.compress(text))
    assert "gzip" in error(write(tmp_path, "b.csv.gz", gzip.compress(text)[:-9]))
    monkeypatch.setattr("chromatrace.instruments.tables.MAX_UNPACKED", 1000)
    assert "size" in error(path)
    workbook = openpyxl.Workbook()
    workbook.active.append(["wavelength [nm]", "T [%]"])
    workbook.save(tmp_path / "a.xlsx")
    assert "size" in error(tmp_path / "a.xlsx")
    assert "workbook" in error(write(tmp_path, "b.xlsx", (tmp_path / "a.xlsx").read_bytes()[:2000]))


def test_a_workbook(tmp_path):
    workbook = openpyxl.Workbook()
    for row in (["wavelength [nm]", "T [%]"], [600, 40.5], [700, 60.5]):
        workbook.active.append(row)
    workbook.save(tmp_path / "a.xlsx")
    assert transmittance(tmp_path / "a.xlsx", wavelength_nm=650) == pytest.approx(0.505)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wavelength [nm],T [%]\n600,40\n640,nan\n", "line 3, T [%]"),
        ("wavelength [nm],T [%]\n600,40\n640,\n", "line 3, T [%]"),
        ("wavelength [nm],T [%]\n600,40\n640,60,1\n", "line 3"),
        ("wavelength [nm],T [%]\n600,40\n640,inf\n", "line 3"),
        ("wavelength [nm],T [furlong]\n600,40\n640,60\n", "furlong"),
        ("wavelength [nm],T\n600,0.04\n640,0.06\n", "unit is missing"),
        ("wavelength,T [%]\n60,40\n64,60\n", "unit is missing"),
        ("wavelength [nm],T [1]\n600,40\n640,60\n", "--ordinate percent"),
        ("wavelength [nm],T [%]\n400,40\n600,60\n", "400 to 600 nm"),
        ("wavelength [nm],T [%]\n600,40\n640,60\n640,61\n", "twice"),
        ("wavelength [nm],T [%]\n600,40\n", "at least 2"),
        ("wavelength [nm],T [%]\n-600,40\n640,60\n", "not above 0"),
        ("wavelength [nm],T [%]\n600,0\n700,0\n", "must be above 0"),
        ("wavelength [nm],power [W]\n600,40\n640,60\n", "no column of transmittance"),
        ("wavelength [nm],T [%]\n", "no rows"),
        ("600,40\n640,60\n", "no header"),
        ("600 nm\n", "broken.csv"),
    ],
)
def test_a_broken_table_is_an_error_with_file_and_field(tmp_path, text, message):
    assert message in error(write(tmp_path, "broken.csv", text))


@pytest.mark.parametrize("name", ["a.csv", "a.jdx", "a.vms", "a.xy", "a.xrdml", "a.asd", "a.png", "a.exe", "a"])
@pytest.mark.parametrize("data", [b"", b"\0" * 700, b"\xff\xfe\x00", bytes(range(256)) * 4, b"\x1f\x8b\x08\x00broken"])
def test_files_without_content_are_errors(tmp_path, name, data):
    error(write(tmp_path, name, data))


@pytest.mark.parametrize("name", ["a.xlsx", "a.ods"])
def test_a_file_that_is_no_workbook_is_an_error(tmp_path, name):
    (tmp_path / name).write_bytes(bytes(range(255, 0, -1)) * 9)
    with pytest.raises(ResultFileError, match="not a workbook"):
        read_result(tmp_path / name, ReadOptions())


def test_a_huge_file_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("chromatrace.instruments.reading.MAX_BYTES", 100)
    assert "size" in error(write(tmp_path, "a.jdx", files.jcamp(VALUES)))


@pytest.mark.parametrize(
    "header", ["wavelength [nm],T bleached [%],T coloured [%]", "wavelength_nm,bleached_percent,colored_percent"]
)
def test_both_states_in_one_table(tmp_path, header):
    path = write(tmp_path, "a.csv", f"{header}\n600,70,20\n700,80,10\n")
    modulation, density = read(path, wavelength_nm=650).figures
    assert modulation.value == pytest.approx(60)
    assert density.value == pytest.approx(math.log10(5))
    assert "wavelength" in error(path, wavelength_nm=800)


def test_the_change_between_two_spectra():
    def spectrum(values, unit="nm", x=(600.0, 700.0)):
        return Spectrum.of(np.array(x), unit, np.array(values), "fraction")

    bleached, coloured = spectrum([0.8, 0.8]), spectrum([0.08, 0.08])
    modulation, density = optical_change(bleached, coloured, 650)
    assert (modulation.quantity, density.quantity) == ("optical modulation", "optical density change")
    assert modulation.value == pytest.approx(72)
    assert density.value == pytest.approx(1)
    with pytest.raises(ResultFileError, match="bleached spectrum first"):
        optical_change(coloured, bleached, 650)
