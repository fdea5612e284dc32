"""Diffraction patterns, photoelectron regions and images, which are attached with their key figures."""

import io
import math

import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from chromatrace.instruments import ReadOptions, read_result
from chromatrace.instruments.errors import ResultFileError
from tests.unit.instruments import instrument_files as files


def read(folder, name, data):
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_result(path, ReadOptions())


def error(folder, name, data):
    with pytest.raises(ResultFileError) as caught:
        read(folder, name, data)
    assert name in caught.value.field
    return str(caught.value)


ANGLES = [20 + index * 0.05 for index in range(801)]


def intensity(angle):
    """Return peaks at 23.1°, 24.35° and 34° over a background of 100."""
    peaks = ((23.1, 900), (24.35, 600), (34.0, 300))
    return round(100 + sum(height * math.exp(-(((angle - at) / 0.2) ** 2)) for at, height in peaks))


INTENSITIES = [intensity(angle) for angle in ANGLES]
PEAKS = [(23.1, 100.0), (24.35, 66.7), (34.0, 33.3)]


def peaks(result):
    return [(peak["two_theta_deg"], peak["relative_intensity_percent"]) for peak in result.content.facts["peaks"]]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.xrdml", files.xrdml(INTENSITIES)),
        ("a.xrdml", files.xrdml(INTENSITIES, positions=ANGLES)),
        ("a.xrdml", files.xrdml(INTENSITIES, tag="counts", factors=[1] * 801)),
        ("a.xy", "".join(f"{a:.2f} {i}\n" for a, i in zip(ANGLES, INTENSITIES, strict=True))),
        ("a.xy", "# own\n" + "".join(f"{a:.2f}\t{i}\n" for a, i in zip(ANGLES, INTENSITIES, strict=True))),
        (
            "a.csv",
            "2theta [deg],intensity\n" + "".join(f"{a:.2f},{i}\n" for a, i in zip(ANGLES, INTENSITIES, strict=True)),
        ),
    ],
    ids=["xrdml", "list", "counts", "xy", "xy comment", "csv"],
)
def test_the_strongest_peaks(tmp_path, name, data):
    result = read(tmp_path, name, data)
    assert [position for position, _ in peaks(result)] == pytest.approx([position for position, _ in PEAKS])
    assert [share for _, share in peaks(result)] == pytest.approx([share for _, share in PEAKS], abs=0.5)
    assert result.content.kind == "diffraction"


def test_attenuation_factors_multiply_counts(tmp_path):
    result = read(tmp_path, "a.xrdml", files.xrdml([1, 5, 1, 2, 1], tag="counts", factors=[1, 1, 1, 10, 1]))
    assert [position for position, _ in peaks(result)] == [50, 30]


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (files.xrdml(INTENSITIES, head=BOMB), "DOCTYPE"),
        (files.xrdml(INTENSITIES)[:900], "line"),
        (files.xrdml(INTENSITIES, unit="rad"), "'rad'"),
        (files.xrdml(INTENSITIES, positions=ANGLES[:-1]), "800 positions"),
        (files.xrdml(INTENSITIES, tag="counts", factors=[1]), "1 factors"),
        (files.xrdml([1, 2]), "at least 3"),
        (files.xrdml([1, "nan", 2, 3]), "value 2"),
        (files.xrdml(INTENSITIES, start=60, end=60), "ascend"),
        (files.xrdml(INTENSITIES, end="x"), "endPosition"),
        (files.xrdml(INTENSITIES).replace(b"www.xrdml.com", b"example.com"), "root"),
        (files.xrdml(INTENSITIES).replace(b'"2Theta"', b'"Phi"'), "positions"),
        (b"<a>" * 500, "root"),
        (files.xrdml(INTENSITIES).replace(b"UTF-8", b"latin-99"), "encoding"),
    ],
    ids=range(13),
)
def test_a_broken_pattern_is_an_error_with_file_and_field(tmp_path, data, message):
    assert message in error(tmp_path, "broken.xrdml", data)


def test_a_flat_pattern_has_no_peaks(tmp_path):
    assert peaks(read(tmp_path, "a.xy", "10 5\n11 5\n12 5\n13 5\n")) == []


REGIONS = [
    ("survey W", "W 4f", [10.0, 20.0, 90.0, 30.0, 15.0], 40, -0.5),
    ("survey O", "O 1s", [5.0, 6.0, 7.0, 44.0], 535, -0.1),
]


@pytest.mark.parametrize("excluded", [(), (8, 9, 12, 14, 15, 16, 21, 27, 32, 40), (1, 2, 3, 4, 5, 6, 7)])
def test_the_regions_of_a_vamas_file(tmp_path, excluded):
    result = read(tmp_path, "a.vms", files.vamas(REGIONS, excluded=excluded))
    assert [figure.value for figure in result.figures] == pytest.approx([39.0, 534.7])
    assert result.figures[0].condition == "W 4f: maximum 90 d, binding energy"
    assert [region["points"] for region in result.content.facts["regions"]] == [5, 4]
    assert result.content.facts["sample"] == "sample 4"


VALID, IRREGULAR = files.vamas(REGIONS), files.vamas(REGIONS, irregular=True)


def test_an_irregular_scan_has_its_own_abscissa(tmp_path):
    result = read(tmp_path, "a.vms", IRREGULAR)
    assert [figure.value for figure in result.figures] == pytest.approx([40 - 0.5 * 2.08, 535 - 0.1 * 3.18])
    assert result.content.curves[1].x.tolist() == pytest.approx([535, 534.898, 534.792, 534.682])
    assert result.content.curves[1].y.tolist() == [5, 6, 7, 44]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (VALID[: len(VALID) // 2], "cut off"),
        (VALID.replace(b"REGULAR", b"MAPPING"), "scan mode"),
        (IRREGULAR.replace(b"\n535.0\n5.0\n", b"\n534.85\n5.0\n"), "ascend or descend"),
        (VALID.replace(b"1988 May 4", b"1999"), "format identifier"),
        (VALID.replace(b"NORM", b"WARP"), "experiment mode"),
        (VALID.replace(b"\n44.0\n1\nend", b"\nNaN\n1\nend"), "ordinate value"),
        (VALID.replace(b"\n44.0\n1\nend", b"\n440.0\n1\nend"), "the block states"),
        (VALID.replace(b"\n44.0\n1\nend", b"\nend"), "ordinate value"),
        (VALID.replace(b"\n10\n10.0\n", b"\n12\n10.0\n"), "block 1"),
        (VALID.replace(b"\n10\n10.0\n", b"\n99999999999\n10.0\n"), "1,000,000"),
        (VALID.replace(b"\neV\n", b"\n\n"), "unit is missing"),
        (VALID.replace(b"\n-0.1\n", b"\n0\n"), "increment"),
        (VALID + b"more\n", "end of the experiment"),
    ],
    ids=range(13),
)
def test_a_broken_vamas_file_is_an_error_with_file_and_field(tmp_path, data, message):
    assert message in error(tmp_path, "broken.vms", data)


def image(format_, size=(64, 48), **options):
    output = io.BytesIO()
    Image.linear_gradient("L").resize(size).save(output, format_, **options)
    return output.getvalue()


def tiff(tags):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for number, value in tags.items():
        info[number] = value
        info.tagtype[number] = 2
    return image("TIFF", tiffinfo=info)


def png(**texts):
    info = PngImagePlugin.PngInfo()
    for name, value in texts.items():
        info.add_text(name, value)
    return image("PNG", pnginfo=info)


@pytest.mark.parametrize(
    ("name", "data", "pixel_nm"),
    [
        ("a.png", image("PNG"), None),
        ("a.png", image("PNG", dpi=(72, 72)), None),
        ("a.png", png(PixelSize="12.5 nm"), 12.5),
        ("a.png", png(Description="Pixel Size = 0.02 um"), 20),
        ("a.tif", image("TIFF", dpi=(300, 300)), None),
        ("a.tif", tiff({34682: "[Scan]\r\nPixelWidth=4.5e-009\r\nPixelHeight=4.5e-009\r\n"}), 4.5),
        ("a.tif", tiff({34118: "AP_MAG\r\nMag = 10.00 K X\r\nAP_PIXEL_SIZE\r\nPixel Size = 9.923 nm\r\n"}), 9.923),
        ("a.tif", tiff({270: '<OME><Pixels PhysicalSizeX="0.05" PhysicalSizeXUnit="µm"/></OME>'.encode()}), 50),
        ("a.tiff", image("TIFF", resolution=4.0, description="ImageJ=1.54\nunit=um\n"), 250),
        ("a.tiff", image("TIFF", resolution=1e6, resolution_unit="cm"), 10),
    ],
    ids=["png", "72 dpi", "text", "description", "300 dpi", "FEI", "Zeiss", "OME", "ImageJ", "resolution"],
)
def test_size_and_pixel_size_of_an_image(tmp_path, name, data, pixel_nm):
    result = read(tmp_path, name, data)
    assert result.content.facts["size"] == [64, 48]
    expected = pixel_nm if pixel_nm is None else pytest.approx(pixel_nm)
    assert result.content.facts["pixel_size_nm"] == expected


def test_broken_and_huge_images_are_errors(tmp_path, monkeypatch):
    assert "cut off" in error(tmp_path, "a.png", image("PNG")[:90])
    assert "cut off" in error(tmp_path, "a.png", image("PNG")[:-12])
    assert "cut off" in error(tmp_path, "a.tif", image("TIFF")[:300])
    assert "pixel size" in error(tmp_path, "a.png", png(PixelSize="12.5 parsec"))
    monkeypatch.setattr("chromatrace.instruments.image.MAX_PIXELS", 1000)
    assert "at most 1,000" in error(tmp_path, "a.png", image("PNG"))
