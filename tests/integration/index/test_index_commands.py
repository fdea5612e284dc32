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
def family(world):
    """Register glass, two batches of panes made of it, and a window made of panes and glass."""
    glass = world.register(quantity=100)
    pane, other = world.register(inputs=[(glass, 60)], quantity=50), world.register(inputs=[(glass, 39)], quantity=40)
    window = world.register(inputs=[(pane, 4), (glass, 1)], quantity=1)
    return glass, pane, other, window


@pytest.fixture
def run(world, tmp_path):
    """Return a function that runs a command on the chain, with its own database."""
    base = ["--rpc-url", world.rpc.url, "--manifest", world.manifest_path, "--data", tmp_path / "data"]

    def invoke(*arguments, status=0):
        result = CliRunner().invoke(main, [str(argument) for argument in (*base, *arguments)], catch_exceptions=False)
        assert result.exit_code == status, result.output + result.stderr
        return result

    invoke.data = tmp_path / "data"
    return invoke


def output_of(result):
    return json.loads(result.stdout)


def key_of(run, batch):
    """Return the GTIN and lot of a batch."""
    run("index", "sync")
    key = query(Index(run.data / "index.db")).batch(batch).key
    return str(key.gtin), str(key.lot)


def test_trace_reports_quantities_in_both_directions(run, family, tmp_path):
    glass, pane, _, window = family
    table, drawing = tmp_path / "trace.csv", tmp_path / "trace.svg"
    trace = output_of(run("batch", "trace", *key_of(run, pane), "--csv", table, "--svg", drawing, "--json"))
    links = {(link["batch"], link["input"]): link["quantity"] for link in trace["links"]}
    assert links == {("0x" + pane.hex(), "0x" + glass.hex()): 60, ("0x" + window.hex(), "0x" + pane.hex()): 4}
    rows = {(row["direction"], row["lot"]): row for row in trace["batches"]}
    assert rows["back", key_of(run, glass)[1]]["used"] == 100
    assert not any(row["overused"] for row in trace["batches"])
    assert trace["truncated"] is False
    with table.open() as file:
        assert len(list(csv.DictReader(file))) == len(trace["batches"]) == 4
    svg = ET.parse(drawing).getroot()
    texts = {text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"60", "4", key_of(run, glass)[1], key_of(run, window)[1]} <= texts


def test_trace_nests_each_batch_below_its_parent(run, world):
    """Two branches of equal depth do not mix."""
    root = world.register(quantity=10)
    left, right = world.register(inputs=[(root, 1)]), world.register(inputs=[(root, 1)])
    of_right, of_left = world.register(inputs=[(right, 1)]), world.register(inputs=[(left, 1)])
    printed = run("batch", "trace", *key_of(run, root), "--direction", "forward").stdout.splitlines()[1:]
    rows = [(len(line) - len(line.lstrip()), line.split("(10)")[1].split()[0]) for line in printed if "(10)" in line]
    expected = [(2, root), (4, left), (6, of_left), (4, right), (6, of_right)]
    assert rows == [(indent, key_of(run, batch)[1]) for indent, batch in expected]
    back = run("batch", "trace", *key_of(run, of_left), "--direction", "back").stdout.splitlines()[1:]
    lots = [line.split("(10)")[1].split()[0] for line in back if "(10)" in line]
    assert lots == [key_of(run, batch)[1] for batch in (of_left, left, root)]


@pytest.mark.parametrize("command", ["trace", "impact"])
def test_one_snapshot_serves_table_csv_and_drawing(run, family, tmp_path, monkeypatch, command):
    key = key_of(run, family[0])
    snapshots, snapshot = [], Index.snapshot
    monkeypatch.setattr(Index, "snapshot", lambda index: snapshots.append(index) or snapshot(index))
    run("batch", command, *key, "--csv", tmp_path / "trace.csv", "--svg", tmp_path / "trace.svg")
    assert len(snapshots) == 1


def test_trace_warns_about_truncation(run, family):
    glass, *_ = family
    result = run("batch", "trace", *key_of(run, glass), "--direction", "forward", "--max-batches", 2)
    assert "truncated" in result.stderr
    assert f"of {key_of(run, glass)[1]})" in result.stdout


def test_impact_counts_batches_units_and_holders(run, family, tmp_path):
    glass, *_ = family
    drawing = tmp_path / "impact.svg"
    impact = output_of(run("batch", "impact", *key_of(run, glass), "--svg", drawing, "--json"))
    assert (len(impact["batches"]), impact["units"], impact["truncated"]) == (4, 100 + 50 + 40 + 1, False)
    (holder,) = impact["holders"]
    assert (holder["units"], holder["batches"], holder["recalled_batches"]) == (191, 4, 0)
    assert holder["name"].startswith("Example Manufacturer")
    assert ET.parse(drawing).getroot().get("aria-label").startswith("Genealogy of batch")


def test_find_accepts_lots_identifiers_and_scanned_codes(run, family):
    gtin, lot = key_of(run, family[3])
    link = f"https://id.example.org/01/{gtin}/10/{lot}"
    for key in (lot, f"{gtin}/{lot}", link, "0x" + family[3].hex()):
        assert output_of(run("batch", "find", key, "--json"))["batches"] == [f"{gtin}/{lot}"]


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
    result = run(*command, status=1)
    assert result.stdout == ""
    assert any(text in result.stderr for text in ("no batch", "no results", "no contract"))


def test_rebuild_gives_the_identical_database(run, family):
    run("index", "sync")
    before = output_of(run("index", "digest", "--json"))
    rebuilt = output_of(run("index", "rebuild", "--json"))
    assert rebuilt["identical"] is True
    assert rebuilt["digest"] == rebuilt["digest_before"] == before["digest"]


def test_rebuild_reports_a_database_that_differed_from_the_chain(run, family):
    from sqlalchemy import update

    from chromatrace.index.models import BatchRow

    run("index", "sync")
    with Index(run.data / "index.db").engine.begin() as connection:
        connection.execute(update(BatchRow).values(quantity=BatchRow.quantity + 1))
    result = run("index", "rebuild", "--json", status=1)
    assert output_of(result)["identical"] is False
    assert "the previous index differed from the chain" in result.stderr


def test_status_reports_lag_in_blocks_and_seconds(run, world, family):
    assert output_of(run("index", "status", "--json", status=1))["healthy"] is False
    run("index", "sync", "--confirmations", "3")
    status = output_of(run("index", "status", "--json", "--max-lag", "0"))
    assert (status["lag_blocks"], status["confirmations"], status["healthy"]) == (3, 3, True)
    world.rpc.call("evm_increaseTime", 500)
    world.rpc.call("anvil_mine", hex(2))
    status = output_of(run("index", "status", "--json", "--max-lag", "1", status=1))
    assert (status["lag_blocks"], status["healthy"]) == (5, False)
    assert status["lag_seconds"] >= 500


def test_order_reports_progress_from_department_records(run, world, tmp_path):
    """Sales and design have records; the next step is the work order."""
    acting = ("--dev-account", "1")
    run(*acting, "record", "open", "--json")
    kinds = example_plant("engineer-to-order").record_kinds
    for kind in kinds[:2]:
        run(*acting, "key", "reader", kind.department)
        run(*acting, "record", "member", kind.department, world.accounts[1])
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
    order = output_of(run(*acting, "record", "order", "C-1", "--json"))
    assert [(product["step"], product["station"]) for product in order["products"]] == [
        ("production-management.work-order", "production-management"),
        ("product-design.design", "product-design"),
    ]
    assert (order["complete"], order["expected"]) == (False, None)
    assert "Work order, Production management" in run(*acting, "record", "order", "C-1").stdout
    matches = output_of(run(*acting, "batch", "find", "C-1", "--json"))
    assert (matches["is"], len(matches["records"])) == (["Contract order"], 3)
    assert output_of(run(*acting, "batch", "find", "D-1", "--json"))["is"] == ["Design"]
    run("record", "order", "C-1", status=1)
    run("batch", "find", "C-1", status=1)
