"""`chromatrace batch dispose` on a real chain: rules, single units, overruling, signature, grading and recycling."""

import json
import sqlite3
from importlib.resources import files

import pytest

from chromatrace.plant import example_plant

GTIN = "09521234543213"
LABORATORY, INSPECTOR = "9521234560005", 7
RULES = """
[[dispositions]]
id = "amorphous"
stage = "first"
outcome = "recycle"
reason = "the film is crystalline"
[[dispositions.when]]
quantity = "crystalline share"
comparison = ">"
limit = 20

[[dispositions]]
id = "dark"
stage = "final"
outcome = "scrap"
reason = "hardly switches"
[[dispositions.when]]
quantity = "optical modulation"
comparison = "<"
limit = 20
unit = "%"

[[dispositions]]
id = "slow"
stage = "final"
outcome = "defective"
price_class = "B"
reason = "switches slowly"
[[dispositions.when]]
quantity = "switching time"
comparison = ">"
limit = 30

[[dispositions]]
id = "good"
stage = "final"
verdict = "pass"
outcome = "standard"
reason = "all values are within their limits"
"""
PLAN = """
[[sampling_plans]]
id = "half"
stage = "first"
method = "one-per"
one_per = 25
"""
VALUES = {
    "first": {"crystalline share": 3.0, "W5+ share": 1.0, "film thickness": 370.0, "grain size": 20.0},
    "final": {
        "optical modulation": 48.0, "coloration efficiency": 41.0, "cycling stability": 91.0, "switching time": 12.0,
        "optical memory": 3.0,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(site):
    """Register an inspector, and write a plant file with disposition rules."""
    address = site.node.rpc().call("eth_accounts")[INSPECTOR]
    site("org", "register", LABORATORY, "Example Grading Laboratory", "--kind", "laboratory", "--roles", "inspector")
    site("org", "appoint", address, LABORATORY, "--roles", "inspector")
    site("org", "accredit", LABORATORY, "--stages", "first,final", account=2)
    site.plant = site.folder / "graded.toml"
    site.plant.write_text(files("chromatrace.plant").joinpath("plants/electrochromic.toml").read_text() + RULES)
    return site


def register(shop, lot):
    content = {
        "schema": "chromatrace.batch/1", "gtin": GTIN, "lot": lot, "quantity": 50, "made_at": "2026-02-01T07:00:00Z",
        "product": {"name": "Electrochromic pane", "description": ""}, "materials": [],
        "serials": {"first": 1, "count": 50, "width": 3},
    }  # fmt: skip
    path = shop.folder / f"{lot}.json"
    path.write_text(json.dumps(content))
    shop("batch", "register", path, account=2)


def inspect(shop, lot, stage, **values):
    plant = example_plant("electrochromic")
    checks = plant.check_sheet(stage).checks
    used = next(item for item in plant.instruments if checks[0].quantity in item.quantities)
    measurements = [check.measured((VALUES[stage] | values)[check.quantity]).as_json() for check in checks]
    instruments = example_plant("electrochromic").instruments
    used = next(item for item in instruments if {check.quantity for check in checks} <= item.quantities.keys())
    document = {
        "schema": "chromatrace.inspection/1", "gtin": GTIN, "lot": lot, "stage": stage,
        "inspected_at": "2026-02-01T09:00:00Z", "sample": ["007"], "readings": None, "measurements": measurements,
        "instrument": {"name": used.name, "serial": used.id, "calibrated_on": "2026-01-12"},
    }  # fmt: skip
    path = shop.folder / f"{lot}-{stage}.json"
    path.write_text(json.dumps(document))
    failed = any(not item["passed"] for item in measurements)
    words = ("--plant", "electrochromic", "--sample-size", 1, "--defects", int(failed))
    shop("inspection", "sign", path, *words, account=INSPECTOR)


def dispose(shop, lot, *options, status=0):
    result = shop("batch", "dispose", GTIN, lot, "--plant", shop.plant, "--json", *options, account=2, status=status)
    return json.loads(result.stdout) if status == 0 else result.stderr


def state(shop, lot):
    shop("index", "sync")
    facts = json.loads(shop("batch", "show", GTIN, lot, "--json").stdout)["batch"]
    return str(facts["state"]).lower(), [facts[name] for name in ("standard", "defective", "scrap")]


@pytest.fixture(scope="module")
def assembled(shop):
    register(shop, "GR-1")
    inspect(shop, "GR-1", "first")
    shop("batch", "assemble", GTIN, "GR-1", account=2)
    inspect(shop, "GR-1", "final")
    return "GR-1"


@pytest.fixture
def units(shop):
    path = shop.folder / "units.csv"
    path.write_text("serial,optical modulation [%],switching time [s]\n003,48,41\n004,12,41\n005,47,\n006,11,9\n")
    return path


def test_the_decision_is_shown_before_it_is_submitted(shop, assembled, units):
    facts = dispose(shop, assembled, "--units", units)
    assert facts["units"] == {"standard": 47, "defective": 1, "scrap": 2}
    decisions = {decision["rule"]: decision for decision in facts["decisions"] if decision["serials"]}
    assert (decisions["slow"]["price_class"], decisions["slow"]["serials"]) == ("B", ["003"])
    assert decisions["slow"]["values"] == {"switching time": "41 s"}
    assert decisions["dark"]["reason"] == "hardly switches"
    assert state(shop, assembled)[0] == "assembled"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--overrule", "defective:A"), "reason: give the reason too"),
        (("--reason", "x"), "reason: there is nothing to overrule"),
        (("--overrule", "gold", "--reason", "x"), "overrule: 'gold' is not an outcome"),
        (("--overrule", "standard", "--reason", "x"), "overrule: all units are standard already"),
        (("--overrule", "017=scrap", "--reason", "x"), "overrule: unit 017 was not decided by its own values"),
        (("--overrule", "scrap:A", "--reason", "x"), "/price_class: only defective units have a price class"),
        (("--overrule", "recycle", "--reason", "x"), "recycle is not an outcome of the final inspection"),
        (("--stage", "first"), "stage: the batch is assembled"),
    ],
)
def test_errors(shop, assembled, options, message):
    assert message in dispose(shop, assembled, *options, status=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serial,switching time [s]\n051,1\n", "line 2: unit '051' does not belong"),
        ("serial,switching time [s]\n3,1\n", "line 2: unit '3' does not belong"),
        ("serial,switching time [s]\n003,1\n003,2\n", "line 3: duplicate serial 003"),
        ("serial,switching time [s]\n003,nan\n", "line 2: switching time is 'nan'"),
        ("serial,switching time [s]\n003,\n", "line 2: unit '003' has no values"),
        ("serial,switching time [s]\n003\n", "line 2: 1 cells; the header has 2"),
        ("unit,switching time [s]\n003,1\n", "needs a column serial"),
        ("serial,switching time [ms]\n003,1\n", "switching time was measured in ms; the rule has s"),
    ],
)
def test_broken_values_of_units_name_the_line(shop, assembled, text, message):
    path = shop.folder / "broken.csv"
    path.write_text(text)
    assert message in dispose(shop, assembled, "--units", path, status=1)


def test_a_signed_disposition_grades_the_batch(shop, assembled, units):
    words = ("--units", units, "--overrule", "006=defective:C", "--reason", "sold as a mirror", "--submit")
    facts = dispose(shop, assembled, *words)
    assert facts["units"] == {"standard": 47, "defective": 2, "scrap": 1}
    name, counts = state(shop, assembled)
    assert (name, counts) == ("graded", [47, 2, 1])
    (stored,) = json.loads(shop("batch", "dispositions", GTIN, assembled, "--json").stdout)["dispositions"]
    overruled = next(decision for decision in stored["decisions"] if decision["serials"] == ["006"])
    assert (overruled["outcome"], overruled["overruled"], overruled["reason"]) == (
        "defective",
        "scrap",
        "sold as a mirror",
    )
    assert stored["signature_valid"]
    assert (stored["tx"], stored["document"]) == (facts["tx"], facts["document"])
    assert "the batch is graded" in dispose(shop, assembled, status=1)


def test_a_changed_signer_is_detected(shop, assembled):
    database = sqlite3.connect(shop.folder / "data" / "dispositions.db")
    (signer,) = database.execute("SELECT signer FROM dispositions").fetchone()
    for value, valid in (("0x" + "22" * 20, False), (signer, True)):
        with database:
            database.execute("UPDATE dispositions SET signer = ?", (value,))
        (stored,) = json.loads(shop("batch", "dispositions", GTIN, assembled, "--json").stdout)["dispositions"]
        assert stored["signature_valid"] is valid
    database.close()


def test_a_stopped_batch_is_recycled(shop):
    register(shop, "GR-2")
    assert "no first inspection" in dispose(shop, "GR-2", "--stage", "first", status=1)
    inspect(shop, "GR-2", "first", **{"crystalline share": 35.0})
    facts = dispose(shop, "GR-2", "--stage", "first", "--submit")
    assert (facts["units"], facts["decisions"][0]["rule"]) == ({"recycle": 50}, "amorphous")
    assert state(shop, "GR-2")[0] == "recycled"


def test_without_a_rule_there_is_no_decision(shop):
    register(shop, "GR-3")
    inspect(shop, "GR-3", "first", **{"W5+ share": 9.0})
    assert "no disposition rule applies to: crystalline share 3 %" in dispose(
        shop, "GR-3", "--stage", "first", status=1
    )
    words = ("batch", "dispose", GTIN, "GR-3", "--plant", "electrochromic", "--stage", "first")
    assert "has no disposition rule" in shop(*words, account=2, status=1).stderr


def test_an_unknown_batch_is_an_error(shop):
    assert "lot: batch 09521234543213/GR-404 is not registered" in dispose(shop, "GR-404", status=1)


DARK = 'quantity = "optical modulation"\ncomparison = "<"\nlimit = 20\nunit = '


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('outcome = "scrap"', 'outcome = "recycle"'), "dispositions[1].outcome: recycle is not an outcome"),
        ((DARK, DARK.replace("optical modulation", "x")), "dispositions[1].when[0].quantity: no check sheet"),
        ((DARK + '"%"', DARK + '"1"'), "dispositions[1].when[0].unit: '1'; the check sheet has '%'"),
        (('outcome = "standard"', 'outcome = "standard"\nprice_class = "A"'), "dispositions[3].price_class: only"),
    ],
)  # fmt: skip
def test_mistakes_in_the_plant_file(shop, change, message):
    path = shop.folder / "mistaken.toml"
    text = shop.plant.read_text()
    assert change[0] in text[text.index("[[dispositions]]") :]
    index = text.index("[[dispositions]]")
    path.write_text(text[:index] + text[index:].replace(*change, 1))
    assert message in shop("plant", "check", path, status=1).output


def test_the_report_has_the_figures_of_graded_and_recycled_lots(shop):
    register(shop, "RE-1")
    inspect(shop, "RE-1", "first")
    shop("batch", "assemble", GTIN, "RE-1", account=2)
    inspect(shop, "RE-1", "final", **{"switching time": 55.0})
    dispose(shop, "RE-1", "--submit")
    register(shop, "RE-2")
    inspect(shop, "RE-2", "first", **{"crystalline share": 35.0})
    dispose(shop, "RE-2", "--stage", "first", "--submit")
    shop("index", "sync")
    folder, plot = shop.folder / "tables", shop.folder / "yield.svg"
    words = ("inspection", "report", "--plant", shop.plant, "--period", "month", "--csv", folder)
    facts = json.loads(shop(*words, "--json", account=2).stdout)
    assert facts["total"]["defective"] >= 50
    assert facts["total"]["recycled"] >= 1
    assert 0 < facts["total"]["secondary_rate"] <= 1
    causes = {row["cause"]: row["units"] for row in facts["pareto"]}
    assert {"switching time", "crystalline share"} <= causes.keys()
    assert sorted(path.name for path in folder.iterdir()) == [
        "capability.csv",
        "pareto.csv",
        "sampling.csv",
        "yield.csv",
    ]
    assert (folder / "pareto.csv").read_text().splitlines()[0] == "cause,inspections,units,share,cumulative"
    assert "defects by cause" in shop(*words, account=2).stdout
    assert "there is nothing to draw" in shop(*words, "--plot", plot, account=2, status=1).stderr
    empty = shop(*words, "--to", "2020-01-01T00:00:00Z", "--json", account=2)
    assert json.loads(empty.stdout)["yield"] == []


def test_a_sampling_plan_is_applied_before_signing(shop):
    register(shop, "SA-1")
    plant = shop.folder / "sampled.toml"
    plant.write_text(shop.plant.read_text() + PLAN)
    inspect_with = {"plant": plant, "lot": "SA-1"}
    assert (
        "sampling plan half requires 2 (normal inspection)" in sign_first(shop, **inspect_with, size=1, status=1).stderr
    )
    rejected = sign_first(shop, **inspect_with, size=2, defects=1, status=1).stderr
    assert "defects: 1 units are out of limits; sampling plan half rejects the lot at 1" in rejected
    assert json.loads(sign_first(shop, **inspect_with, size=2).stdout)["sampling_plan"] == "half"


def sign_first(shop, *, plant, lot, size, defects=0, status=0):
    checks = example_plant("electrochromic").check_sheet("first").checks
    used = example_plant("electrochromic").instruments[0]
    document = {
        "schema": "chromatrace.inspection/1", "gtin": GTIN, "lot": lot, "stage": "first", "sample": [],
        "inspected_at": "2026-02-01T09:00:00Z", "readings": None,
        "measurements": [check.measured(VALUES["first"][check.quantity]).as_json() for check in checks],
        "instrument": {"name": used.name, "serial": used.id, "calibrated_on": "2026-01-12"},
    }  # fmt: skip
    path = shop.folder / f"{lot}-sampled.json"
    path.write_text(json.dumps(document))
    words = ("--plant", plant, "--sample-size", size, "--defects", defects, "--verdict", "pass", "--json")
    output = shop.folder / f"{lot}-{size}-{defects}.json"
    return shop("inspection", "sign", path, *words, "-o", output, account=INSPECTOR, status=status)
