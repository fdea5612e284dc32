"""Names: the registrar's command rejects what the index marks."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from members import ALL_ROLES, MAKER, REGISTRAR, address_of, client_of, gln, gtin

from chromatrace.chain import calls
from chromatrace.cli import main
from chromatrace.domain.rights import OrganisationKind, Role


def run(members, account, *arguments):
    base = ["--rpc-url", members.node.url, "--manifest", members.manifest_path, "--data", members.folder]
    return CliRunner().invoke(main, [str(word) for word in (*base, "--dev-account", account, *arguments)])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Elpmaxe\u202ePanes", "U+202E at position 8"),
        ("Example\nPanels", "U+000A at position 8"),
        ("Exаmple Pаnes", "looks like 'Example Panes', the name of organisation 1"),
        ("EXAMPLE PANES", "looks like 'Example Panes', the name of organisation 1"),
    ],
)
def test_the_registrar_cannot_register_a_misleading_name(members, name, message):
    count = members.organisation_count()
    result = run(members, REGISTRAR, "org", "register", gln(80), name, "--kind", "supplier", "--roles", "producer")
    assert result.exit_code == 1
    assert message in result.stderr
    assert members.organisation_count() == count


def test_the_index_marks_names_that_came_in_by_another_path(members):
    names = {
        "look-alike": "Ехample Panes",
        "direction": "Example \u202eselit",
        "newline": "Ex\nample",
        "plain": "Quartz Co",
    }
    numbers = {}
    for offset, (kind, name) in enumerate(names.items()):
        call = calls.register_organisation(OrganisationKind.SUPPLIER, gln(90 + offset), ALL_ROLES, name)
        numbers[kind] = members.submit(REGISTRAR, call).event("OrganisationRegistered").args["organisation"]
    members.sync()
    with members.index.snapshot() as snapshot:
        shown = {kind: snapshot.organisation(number).name for kind, number in numbers.items()}
        assert snapshot.organisation(MAKER).name == "Example Panes"
    assert shown == {
        "look-alike": f"Ехample Panes (organisation {numbers['look-alike']}, looks like organisation {MAKER})",
        "direction": f"Example \ufffdselit (organisation {numbers['direction']}, name with invalid characters)",
        "newline": f"Ex\ufffdample (organisation {numbers['newline']}, name with invalid characters)",
        "plain": "Quartz Co",
    }
    client = members.portal().test_client()
    published = {item["id"]: item["name"] for item in client.get("/api/v1/organisations").json["organisations"]}
    assert {kind: published[number] for kind, number in numbers.items()} == shown
    listed = json.loads(run(members, REGISTRAR, "org", "list", "--json").stdout)["organisations"]
    assert shown["look-alike"] in [item["name"] for item in listed]


def test_a_product_name_with_a_direction_character_is_rejected(members, tmp_path):
    document = {
        "schema": "chromatrace.batch/1",
        "gtin": str(gtin(70)),
        "lot": "N-1",
        "product": {"name": "Pane \u202e07", "description": ""},
        "quantity": 1,
        "made_at": "2026-01-01T08:00:00Z",
        "serials": None,
        "materials": [],
    }
    path = tmp_path / "lot.json"
    path.write_text(json.dumps(document))
    result = run(members, MAKER, "batch", "register", path)
    assert result.exit_code == 1
    assert "U+202E at position 6" in result.stderr
    assert "/product/name" in result.stderr


def test_pages_isolate_the_direction_of_names(members):
    key = members.register(MAKER, 71, "N-2", "זכוכית 7")
    members.sync()
    page = members.portal().test_client().get(f"/01/{key.gtin}/10/{key.lot}").text
    assert "<bdi>זכוכית 7</bdi>" in page
    assert '<span class="party-name"><bdi>Example Panes</bdi></span>' in page
    address = address_of("reader of names")
    members.appoint(address, MAKER, Role.ADMIN)
    trace = client_of(members.portal(), address).get(f"/console/trace/{key.batch_id.hex()}").text
    assert "\u2068זכוכית 7\u2069 · 10" in trace
