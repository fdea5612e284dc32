"""Commands that query the index, on a real chain: trace, impact, find, order and `chromatrace index`."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner
from querying import query

from chromatrace.cli import main
from chromatrace.index import Index
from chromatrace.plant import example_plant


@pytest.fixture(scope="module")
def family(yard):
    """Two panes are made of glass, and a window of one pane and more of the glass: more glass than registered."""
    glass = yard.register(quantity=100)
    pane, other = yard.register(inputs=[(glass, 60)], quantity=50), yard.register(inputs=[(glass, 50)], quantity=40)
    window = yard.register(inputs=[(pane, 4), (glass, 1)], quantity=1)
    return glass, pane, other, window


@pytest.fixture
def run(yard, tmp_path):
    """Run a command on the yard's chain with a database of its own."""
    base = ["--rpc-url", yard.rpc.url, "--manifest", yard.manifest_path, "--data", tmp_path / "data"]

    def invoke(*arguments, status=0):
        done = CliRunner().invoke(main, [str(argument) for argument in (*base, *arguments)], catch_exceptions=False)
        assert done.exit_code == status, done.output + done.stderr
        return done

    invoke.data = tmp_path / "data"
    return invoke


def facts(done):
    return json.loads(done.stdout)


def named(run, batch):
    """Return the GTIN and lot of a batch."""
    run("index", "sync")
    key = query(Index(run.data / "index.db")).batch(batch).key
    return str(key.gtin), str(key.lot)


def test_trace_reports_quantities_in_both_directions_and_overuse(run, family, tmp_path):
    glass, pane, _, window = family
    table, drawing = tmp_path / "trace.csv", tmp_path / "trace.svg"
    found = facts(run("batch", "trace", *named(run, pane), "--csv", table, "--svg", drawing, "--json"))
    links = {(link["batch"], link["input"]): link["quantity"] for link in found["links"]}
    assert links == {("0x" + pane.hex(), "0x" + glass.hex()): 60, ("0x" + window.hex(), "0x" + pane.hex()): 4}
    rows = {(row["direction"], row["lot"]): row for row in found["batches"]}
    assert rows["back", named(run, glass)[1]]["used"] == 111
    assert [row["lot"] for row in found["batches"] if row["overused"]] == [named(run, glass)[1]]
    assert found["truncated"] is False
    with table.open() as file:
        assert len(list(csv.DictReader(file))) == len(found["batches"]) == 4
    svg = ET.parse(drawing).getroot()
    texts = {text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"60", "4", named(run, glass)[1], named(run, window)[1]} <= texts
    assert "11 units too many used" in " ".join(svg.itertext())


@pytest.mark.parametrize("command", ["trace", "impact"])
def test_one_snapshot_serves_table_csv_and_drawing(run, family, tmp_path, monkeypatch, command):
    key = named(run, family[0])
    opened, snapshot = [], Index.snapshot
    monkeypatch.setattr(Index, "snapshot", lambda index: opened.append(index) or snapshot(index))
    run("batch", command, *key, "--csv", tmp_path / "trace.csv", "--svg", tmp_path / "trace.svg")
    assert len(opened) == 1


def test_trace_warns_about_overuse_and_truncation(run, family):
    glass, *_ = family
    done = run("batch", "trace", *named(run, glass), "--direction", "forward", "--max-batches", 2)
    assert "111 units were used, but it has 100" in done.stderr.replace("\n", " ")
    assert "truncated" in done.stderr
    assert f"of {named(run, glass)[1]})" in done.stdout


def test_impact_counts_batches_units_and_holders(run, family, tmp_path):
    glass, *_ = family
    drawing = tmp_path / "impact.svg"
    found = facts(run("batch", "impact", *named(run, glass), "--svg", drawing, "--json"))
    assert (len(found["batches"]), found["units"], found["truncated"]) == (4, 100 + 50 + 40 + 1, False)
    (holder,) = found["holders"]
    assert (holder["units"], holder["batches"], holder["recalled_batches"]) == (191, 4, 0)
    assert holder["name"].startswith("Example Manufacturer")
    assert ET.parse(drawing).getroot().get("aria-label").startswith("Genealogy of batch")


def test_find_accepts_lots_identifiers_and_scanned_codes(run, family):
    gtin, lot = named(run, family[3])
    link = f"https://id.example.org/01/{gtin}/10/{lot}"
    for key in (lot, f"{gtin}/{lot}", link, "0x" + family[3].hex()):
        assert facts(run("batch", "find", key, "--json"))["batches"] == [f"{gtin}/{lot}"]


@pytest.mark.parametrize(
    "command",
    [
        ("batch", "trace", "09521234543213", "NONE"),
        ("batch", "impact", "09521234543213", "NONE"),
        ("batch", "find", "x"),
        ("record", "order", "x"),
    ],
)
def test_unknown_keys_are_errors(run, command):
    done = run(*command, status=1)
    assert done.stdout == ""
    assert any(text in done.stderr for text in ("no batch", "nothing found", "no contract"))


def test_rebuild_gives_the_identical_database(run, family):
    run("index", "sync")
    before = facts(run("index", "digest", "--json"))
    rebuilt = facts(run("index", "rebuild", "--json"))
    assert rebuilt["identical"] is True
    assert rebuilt["digest"] == rebuilt["digest_before"] == before["digest"]


def test_rebuild_reports_a_database_that_differed_from_the_chain(run, family):
    from sqlalchemy import update

    from chromatrace.index.models import BatchRow

    run("index", "sync")
    with Index(run.data / "index.db").engine.begin() as connection:
        connection.execute(update(BatchRow).values(quantity=BatchRow.quantity + 1))
    done = run("index", "rebuild", "--json", status=1)
    assert facts(done)["identical"] is False
    assert "differed from the chain" in done.stderr.replace("\n", " ")


def test_status_reports_lag_in_blocks_and_seconds(run, yard, family):
    assert facts(run("index", "status", "--json", status=1))["healthy"] is False
    run("index", "sync", "--confirmations", "3")
    found = facts(run("index", "status", "--json", "--max-lag", "0"))
    assert (found["lag_blocks"], found["confirmations"], found["healthy"]) == (3, 3, True)
    yard.rpc.call("evm_increaseTime", 500)
    yard.rpc.call("anvil_mine", hex(2))
    found = facts(run("index", "status", "--json", "--max-lag", "1", status=1))
    assert (found["lag_blocks"], found["healthy"]) == (5, False)
    assert found["lag_seconds"] >= 500


def test_order_reports_progress_from_department_records(run, yard, tmp_path):
    """Sales and design have records; the next step is the work order."""
    acting = ("--dev-account", "1")
    run(*acting, "record", "open", "--json")
    kinds = example_plant("engineer-to-order").record_kinds
    for kind in kinds[:2]:
        run(*acting, "key", "reader", kind.department)
        run(*acting, "record", "member", kind.department, yard.accounts[1])
    drawing = tmp_path / "drawing.step"
    drawing.write_bytes(b"a gear")
    contract = {
        "contract_id": "C-1", "name": "Gear units", "customer": "Example Windows",
        "products": [{"product_id": "P-1", "quantity": 2}, {"product_id": "P-2", "quantity": 1}],
    }  # fmt: skip
    design = {"product_id": "P-1", "drawing_id": "D-1", "process_route": ["mill"], "contract_id": "C-1"}
    for kind, fields, attach in (
        (kinds[0], contract, ()),
        (kinds[1], design, ("--attach", f"drawing_file={drawing}")),
    ):
        path = tmp_path / f"{kind.station}.json"
        path.write_text(json.dumps(fields))
        run(*acting, "record", "add", path, "--kind", kind.id, *attach)
    found = facts(run(*acting, "record", "order", "C-1", "--json"))
    assert [(one["step"], one["station"]) for one in found["products"]] == [
        ("production-management.work-order", "production-management"),
        ("product-design.design", "product-design"),
    ]
    assert (found["complete"], found["expected"]) == (False, None)
    assert "Work order, Production management" in run(*acting, "record", "order", "C-1").stdout
    everything = facts(run(*acting, "batch", "find", "C-1", "--json"))
    assert (everything["is"], len(everything["records"])) == (["Contract order"], 3)
    assert facts(run(*acting, "batch", "find", "D-1", "--json"))["is"] == ["Design"]
    run("record", "order", "C-1", status=1)
    run("batch", "find", "C-1", status=1)
