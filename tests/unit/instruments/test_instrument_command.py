"""`chromatrace instrument read`."""

import hashlib
import io
import json
import math
import xml.dom.minidom

import pytest
from click.testing import CliRunner
from PIL import Image

from chromatrace.cli import main
from tests.unit.instruments import instrument_files as files

BLEACHED = [7000, 7000, 7100, 7100, 7200, 7200, 7300, 7300]
COLOURED = [1600, 1600, 1500, 1500, 1400, 1400, 1300, 1300]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bleached.jdx").write_bytes(files.jcamp(BLEACHED))
    (tmp_path / "coloured.jdx").write_bytes(files.jcamp(COLOURED, body=files.dif(COLOURED, width=3)))
    (tmp_path / "charge.csv").write_text("time [s],I [mA]\n0,-8\n10,-8\n")
    return tmp_path


def run(folder, *arguments):
    result = CliRunner().invoke(main, ["instrument", "read", *(a.replace("@", f"{folder}/") for a in arguments)])
    return result.exit_code, result.output


PAIR = ("@charge.csv", "--area", "4", "--pair", "@bleached.jdx", "@coloured.jdx", "--wavelength", "600")


def test_a_pair_and_a_charge_give_the_coloration_efficiency(folder):
    status, output = run(folder, *PAIR, "--json")
    assert status == 0
    facts = json.loads(output)
    figures = {figure["quantity"]: figure for figure in facts["pair"]["figures"]}
    assert figures["optical modulation"]["value"] == pytest.approx(72 - 14)
    assert figures["optical density change"]["value"] == pytest.approx(math.log10(72 / 14))
    assert figures["coloration efficiency"]["value"] == pytest.approx(math.log10(72 / 14) / 0.02)
    assert figures["coloration efficiency"]["unit"] == "cm2/C"
    for part, name in ((facts["files"][0], "charge.csv"), (facts["pair"]["coloured"], "coloured.jdx")):
        assert part["sha256"] == "0x" + hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert part["file"].endswith(name)


def test_the_table_shows_figures_and_digests(folder):
    status, output = run(folder, *PAIR)
    assert status == 0
    assert "optical modulation      58 points" in output
    assert hashlib.sha256((folder / "bleached.jdx").read_bytes()).hexdigest() in output


def test_the_plots(folder):
    status, _ = run(folder, *PAIR, "--plot", "@plot.svg")
    assert status == 0
    drawing = xml.dom.minidom.parse(str(folder / "plot.svg"))  # the command wrote it
    texts = [text.firstChild.data for text in drawing.getElementsByTagName("text")]
    assert {"bleached.jdx", "coloured.jdx", "charge.csv", "wavelength [nm]", "transmittance [%]"} <= set(texts)
    status, _ = run(folder, "--pair", "@bleached.jdx", "@coloured.jdx", "--plot", "@plot.png")
    image = Image.open(io.BytesIO((folder / "plot.png").read_bytes()))
    assert status == 0
    assert {(31, 95, 153), (179, 84, 30)} <= {colour for _, colour in image.getcolors(1 << 20)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no file"),
        (("--pair", "@coloured.jdx", "@bleached.jdx"), "bleached spectrum first"),
        (("--pair", "@bleached.jdx", "@charge.csv", "--area", "1"), "series file"),
        (("@bleached.jdx", "--wavelength", "900"), "bleached.jdx: wavelength"),
        (("@bleached.jdx", "--plot", "@plot.gif"), ".svg or .png"),
        (("@missing.jdx",), "missing.jdx"),
    ],
)
def test_errors(folder, arguments, message):
    status, output = run(folder, *arguments)
    assert status == 1
    assert message in " ".join(output.split())
