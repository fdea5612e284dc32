"""Result files of instruments: attached to the evidence, checked before signing, in the bundle and on the page."""

import io
import json
import math
from itertools import count

import pytest
from PIL import Image

from app.factory import create_app
from app.settings import PortalSettings
from chromatrace.documents.store import DocumentStore

GTIN, LOT = "09521234543213", "RF-1"
LABORATORY, INSPECTOR = "9521234580003", 8
WAVELENGTHS = range(400, 801, 50)
CYCLES = "cycle,ΔT [%]\n1,50\n500,49\n1000,46\n"
CHARGE = "time [s],I [mA]\n0,-8\n10,-8\n"  # 80 mC on 4 cm²: 20 mC/cm²
SWITCHING = "time [s],T [%]\n0,70\n5,30\n10,15\n20,10\n"

numbers = count()


def spectrum(transmittance):
    """Return a table of a spectrum that is flat around 633 nm."""
    return "wavelength [nm],T [%]\n" + "".join(f"{nm},{transmittance}\n" for nm in WAVELENGTHS)


@pytest.fixture(scope="module")
def bench(site):
    """Register a lot and an inspector, and write the result files of one sample: ΔT 60 points, ΔOD 0.845."""
    content = {
        "schema": "chromatrace.batch/1", "gtin": GTIN, "lot": LOT, "quantity": 20, "made_at": "2026-02-01T07:00:00Z",
        "product": {"name": "Electrochromic pane", "description": ""}, "materials": [],
        "serials": {"first": 1, "count": 20, "width": 4},
    }  # fmt: skip
    (site.folder / "result-lot.json").write_text(json.dumps(content))
    site("batch", "register", site.folder / "result-lot.json", account=2)
    address = site.node.rpc().call("eth_accounts")[INSPECTOR]
    site("org", "register", LABORATORY, "Example Spectra Laboratory", "--kind", "laboratory", "--roles", "inspector")
    site("org", "appoint", address, LABORATORY, "--roles", "inspector")
    site("org", "accredit", LABORATORY, "--stages", "first,final", account=2)
    folder = site.folder / "measured"
    folder.mkdir()
    files = {"clear.csv": spectrum(70), "dark.csv": spectrum(10), "charge.csv": CHARGE, "cycles.csv": CYCLES}
    for name, text in (files | {"switching.csv": SWITCHING}).items():
        (folder / name).write_text(text)
    Image.linear_gradient("L").resize((300, 200)).save(folder / "film.png", dpi=(5_000_000, 5_000_000))
    site.measured = folder
    return site


def report(bench, *arguments, **options):
    """Return the path of a report of result files."""
    words = [
        bench.measured / word if "." in str(word) and not str(word).startswith("-") else word for word in arguments
    ]
    path = bench.folder / f"report-{next(numbers)}.json"
    path.write_text(bench("instrument", "read", *words, "--json", **options).stdout)
    return path


@pytest.fixture(scope="module")
def optical(bench):
    return report(bench, "charge.csv", "--area", "4", "--pair", "clear.csv", "dark.csv")


INSTRUMENTS = {
    "first": {
        "name": "X-ray diffractometer, photoelectron spectrometer, electron microscope",
        "serial": "XL-12",
    },
    "final": {"name": "Spectrophotometer with potentiostat", "serial": "SP-07"},
}


def evidence(stage="final", **members):
    instrument = INSTRUMENTS[stage]
    memory = {"quantity": "optical memory", "value": 4, "unit": "%/24h", "comparison": "<=", "limit": 10}
    return {
        "schema": "chromatrace.inspection/1", "gtin": GTIN, "lot": LOT, "stage": stage,
        "inspected_at": "2026-02-01T09:00:00Z", "sample": ["0007"], "readings": None,
        "instrument": instrument | {"calibrated_on": "2026-01-12"},
        "measurements": [memory | {"passed": True, "criterion": "at 633 nm, 24 h"}] if stage == "final" else [],
    } | members  # fmt: skip


def sign(bench, document, *options, status=0, submit=False, defects=0):
    number = next(numbers)
    path = bench.folder / f"result-evidence-{number}.json"
    path.write_text(json.dumps(document))
    output = () if submit else ("-o", bench.folder / f"result-signed-{number}.json")
    words = ("--plant", "electrochromic", "--sample-size", 1, "--defects", defects, "--json", *output, *options)
    return bench("inspection", "sign", path, *words, account=INSPECTOR, status=status)


def stored(bench, facts):
    signed = json.loads((bench.folder / facts["signed"]).read_text())
    digest = bytes.fromhex(signed["inspection"]["evidence"][2:])
    return json.loads(DocumentStore(bench.folder / "data" / "documents").get(digest))


def test_the_files_measure_the_lines_of_the_check_sheet(bench, optical):
    more = report(bench, "cycles.csv", "switching.csv")
    facts = json.loads(sign(bench, evidence(), "--results", optical, "--results", more).stdout)
    document = stored(bench, facts)
    values = {item["quantity"]: (item["value"], item["passed"]) for item in document["measurements"]}
    assert list(values) == [
        "optical modulation", "coloration efficiency", "cycling stability", "switching time", "optical memory",
    ]  # fmt: skip
    assert values["optical modulation"] == (60, True)
    assert values["coloration efficiency"] == (pytest.approx(math.log10(7) / 0.02, rel=1e-4), True)
    assert values["cycling stability"] == (92, True)
    assert facts["files"].keys() == {"charge.csv", "clear.csv", "dark.csv", "cycles.csv", "switching.csv"}
    roles = {file["name"]: file["role"] for file in document["results"][0]["files"]}
    assert roles == {"charge.csv": None, "clear.csv": "bleached", "dark.csv": "coloured"}


def measured(quantity, value, unit, limit, comparison=">=", criterion="at 633 nm"):
    holds = value >= limit if comparison == ">=" else value <= limit
    return {
        "quantity": quantity, "value": value, "unit": unit, "limit": limit, "comparison": comparison, "passed": holds,
        "criterion": criterion,
    }  # fmt: skip


def test_a_measurement_that_the_files_do_not_give_is_not_signed(bench, optical):
    document = evidence(measurements=[measured("optical modulation", 64, "%", 40, criterion="at 633 nm, device")])
    text = sign(bench, document, "--results", optical, "--verdict", "fail", defects=1, status=1).stderr
    assert "/measurements/0/value: optical modulation is 64 %; the result files give 60 %" in text


def test_a_measurement_at_another_wavelength_is_not_signed(bench):
    other = report(bench, "--pair", "clear.csv", "dark.csv", "--wavelength", "550")
    document = evidence(measurements=[measured("optical modulation", 60, "%", 40, criterion="at 633 nm, device")])
    text = sign(bench, document, "--results", other, "--verdict", "fail", defects=1, status=1).stderr
    assert "/measurements/0/criterion: optical modulation of the result files was measured at 550 nm" in text


def inconsistent(**members):
    """Return evidence whose efficiency, 75 cm²/C, contradicts charge and density change (42.3 cm²/C)."""
    checks = [
        measured("optical modulation", 60, "%", 40, criterion="at 633 nm, device"),
        measured("coloration efficiency", 75, "cm2/C", 30),
        measured("cycling stability", 92, "%", 80, criterion="after 1,000 cycles"),
        measured("switching time", 16, "s", 30, "<=", "to 90 % of the optical modulation"),
        measured("optical memory", 4, "%/24h", 10, "<=", "at 633 nm, 24 h"),
    ]
    auxiliary = [
        {"quantity": "charge density", "value": 20, "unit": "mC/cm2", "condition": ""},
        {"quantity": "bleached transmittance", "value": 70, "unit": "%", "condition": "at 633 nm"},
        {"quantity": "coloured transmittance", "value": 10, "unit": "%", "condition": "at 633 nm"},
    ]
    return evidence(measurements=checks, auxiliary=auxiliary, **members)


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_inconsistent_values_give_no_verdict(bench, verdict):
    result = sign(bench, inconsistent(), "--verdict", verdict, defects=int(verdict == "fail"), status=1)
    assert "error: /measurements: measurement error: " in result.stderr
    assert "75 cm2/C x 20 mC/cm2 = 1.500, and the optical density change is 0.845" in result.stderr


def test_consistent_values_are_signed(bench):
    document = inconsistent()
    document["measurements"][1] = measured("coloration efficiency", 42, "cm2/C", 30)
    assert json.loads(sign(bench, document).stdout)["check_sheet"] == "final-inspection"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda results: results[0]["files"][0].update(sha256="0x" + "3c" * 32), "/results/0/files/0"),
        (lambda results: results[0]["figures"][0].update(value=61), "/results/0"),
        (lambda results: results[0]["options"].update(area_cm2=5), "/results/0"),
        (lambda results: results[0]["files"][2].update(role="bleached"), "/results/0/files"),
        (lambda results: results[0]["files"][0].update(name="../charge.csv"), "/results/0/files/0/name"),
        (lambda results: results[0]["options"].update(wavelength_nm=-1), "/results/0/options/wavelength_nm"),
        (lambda results: results[0].update(comment="x"), "/results/0/comment"),
        (lambda results: results.clear(), "/results"),
    ],
    ids=["digest", "figure", "area", "role", "path", "wavelength", "unknown", "empty"],
)
def test_changed_results_are_not_signed(bench, optical, change, field):
    document = stored(bench, json.loads(sign(bench, evidence(), "--results", optical, "--results",
                                             report(bench, "cycles.csv", "switching.csv")).stdout))  # fmt: skip
    change(document["results"])
    assert f"error: {field}: " in sign(bench, document, status=1).stderr


def test_a_file_that_changed_after_its_report_is_an_error(bench):
    path = bench.measured / "late.csv"
    path.write_text(CYCLES)
    late = report(bench, "late.csv")
    path.write_text(CYCLES.replace("46", "47"))
    assert "error: results: " in sign(bench, evidence(), "--results", late, status=1).stderr
    assert "has changed since the report" in sign(bench, evidence(), "--results", late, status=1).stderr


def test_another_document_is_no_report(bench):
    path = bench.folder / "no-report.json"
    path.write_text('{"files": 7}')
    assert "the document is not a report" in sign(bench, evidence(), "--results", path, status=1).stderr


MATERIAL = [
    measured("crystalline share", 3.2, "%", 20, "<=", "film"), measured("W5+ share", 1.5, "%", 8, "<=", "film"),
    measured("film thickness", 372, "nm", 300, ">=", "film"),
    measured("film thickness", 372, "nm", 450, "<=", "film"),
    measured("grain size", 21, "nm", 8, ">=", "film"), measured("grain size", 21, "nm", 40, "<=", "film"),
]  # fmt: skip


def client(bench):
    settings = PortalSettings(
        data_folder=bench.folder / "data",
        rpc_url=bench.node.url,
        manifest_path=bench.manifest,
        base_url="http://portal.example",
        query_limit_ms=60_000,
    )
    return create_app(settings).test_client()


@pytest.fixture(scope="module")
def recorded(bench, optical):
    """Record a first inspection with an image and a pair of spectra, and return the portal's client."""
    image = report(bench, "film.png")
    document = evidence("first", measurements=MATERIAL)
    sign(bench, document, "--results", image, "--results", optical, submit=True)
    bench("index", "sync")
    return client(bench)


def test_the_page_draws_the_curves_and_shows_the_image(bench, recorded):
    page = recorded.get(f"/01/{GTIN}/10/{LOT}", headers={"Accept": "text/html"}).text
    base = f"/results/{GTIN}/{LOT}/first"
    assert f'<img class="result-plot" src="{base}/1.svg"' in page
    assert f'<img class="result-image" src="{base}/0/0.jpg" alt="Image film.png"' in page
    drawing = recorded.get(f"{base}/1.svg")
    assert drawing.mimetype == "image/svg+xml"
    assert all(text in drawing.text for text in ("clear.csv", "dark.csv", "charge.csv", 'viewBox="0 0 620 '))
    assert 'viewBox="0 0 340 ' in recorded.get(f"{base}/1.svg?width=narrow").text
    tag = drawing.headers["ETag"]
    assert recorded.get(f"{base}/1.svg", headers={"If-None-Match": tag}).status_code == 304
    small = recorded.get(f"{base}/0/0.jpg")
    assert Image.open(io.BytesIO(small.data)).size == (300, 200)
    download = recorded.get(f"{base}/1/2")
    assert download.data == (bench.measured / "dark.csv").read_bytes()
    assert download.headers["Content-Disposition"] == "attachment; filename*=UTF-8''dark.csv"


def test_the_api_has_the_digests_and_figures(recorded):
    facts = recorded.get(f"/01/{GTIN}/10/{LOT}", headers={"Accept": "application/json"}).json
    (first,) = facts["inspections"]
    image, pair = first["results"]
    assert image["files"][0]["path"] == f"/results/{GTIN}/{LOT}/first/0/0"
    assert {figure["quantity"]: figure["value"] for figure in pair["figures"]}["optical modulation"] == 60
    assert first["measurement_error"] is None


@pytest.mark.parametrize(
    "path", ["first/9.svg", "first/0.svg", "first/1/9", "final/0/0", "first/1/0.png", "first", "x/0"]
)
def test_an_unknown_result_is_not_found(recorded, path):
    status = recorded.get(f"/results/{GTIN}/{LOT}/{path}").status_code
    assert status == (400 if path == "first/0.svg" else 404)


def test_a_measurement_error_is_shown_with_the_reason_of_its_overrule(bench):
    content = json.loads((bench.folder / "result-lot.json").read_text()) | {"lot": "RF-2"}
    (bench.folder / "result-lot-2.json").write_text(json.dumps(content))
    bench("batch", "register", bench.folder / "result-lot-2.json", account=2)
    values = {
        "coloration efficiency": (75, "cm2/C"),
        "charge density": (0.02, "C/cm2"),
        "optical density change": (0.8, "1"),
    }
    auxiliary = [
        {"quantity": name, "value": value, "unit": unit, "condition": ""} for name, (value, unit) in values.items()
    ]
    document = evidence("first", lot="RF-2", measurements=MATERIAL, auxiliary=auxiliary)
    assert "measurement error" in sign(bench, document, status=1).stderr
    sign(bench, document, "--verdict", "pass", "--overrule", "the charge was read on another sample", submit=True)
    bench("index", "sync")
    text = "75 cm2/C x 20 mC/cm2 = 1.500, and the optical density change is 0.800"
    page = client(bench).get(f"/01/{GTIN}/10/RF-2", headers={"Accept": "text/html"}).text
    assert "Measurement error, not a defect of the product: " in page
    assert text in page
    assert "Reason: <bdi>the charge was read on another sample</bdi>" in page
    bundle = bench.folder / "error.bundle.json"
    bench("batch", "prove", GTIN, "RF-2", "-o", bundle)
    found = set(findings(json.loads(bench("verify", bundle, "--json", status=3).stdout)))
    assert any(status == "warning" and "MEASUREMENT ERROR" in line and text in line for status, line in found)


def findings(node):
    yield node["status"], node["text"]
    for part in node["parts"]:
        yield from findings(part)


def test_the_bundle_proves_the_files_by_digest(bench, recorded):
    bundle = bench.folder / "results.bundle.json"
    bench("batch", "prove", GTIN, LOT, "-o", bundle)
    without = set(findings(json.loads(bench("verify", bundle, "--json", status=3).stdout)))
    assert any(status == "not checked" and "dark.csv" in text and "was not given" in text for status, text in without)
    given = [word for name in ("charge.csv", "clear.csv", "dark.csv", "film.png")
             for word in ("--file", bench.measured / name)]  # fmt: skip
    found = set(findings(json.loads(bench("verify", bundle, *given, "--json", status=3).stdout)))
    assert ("holds", "the files give the stated figures") in found
    assert not any("was not given" in text for _, text in found)


def test_a_changed_file_does_not_have_the_digest_of_the_bundle(bench, recorded):
    bundle = bench.folder / "changed.bundle.json"
    bench("batch", "prove", GTIN, LOT, "-o", bundle)
    changed = bench.folder / "dark.csv"
    changed.write_text(spectrum(9))
    found = set(findings(json.loads(bench("verify", bundle, "--file", changed, "--json", status=1).stdout)))
    assert any(status == "fails" and "no evidence in this bundle names" in text for status, text in found)
