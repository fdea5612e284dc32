"""The console lists what an organisation has or was granted, own rows first, and names the organisation of each row."""

from __future__ import annotations

import re

import pytest
from members import MAKER, OFFICE, PARTNER, RIVAL, address_of, client_of, gln, gtin
from test_rights import command

from chromatrace.chain import calls
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import Role, Scope

MINE, SOLD, THEIRS = 21, 22, 23
"""Product lines: two of the maker, one of the rival."""


@pytest.fixture(scope="module")
def lots(members):
    """Register lots with equal names, and a lot of the partner made of one of the maker's."""
    keys = {
        "mine": members.register(MAKER, MINE, "C-1", "Clear pane"),
        "theirs": members.register(RIVAL, THEIRS, "C-1", "Mirror"),
        "sold": members.register(MAKER, SOLD, "C-2", "Sold pane"),
    }
    members.sync()
    return keys


@pytest.fixture(scope="module")
def app(members, lots):
    return members.portal()


@pytest.fixture
def client(members, app):
    """Return a function that logs in an operator of an organisation with these roles."""

    def client(organisation, roles=Role.ADMIN):
        address = address_of(f"{organisation} {roles!r} console")
        members.appoint(address, organisation, roles)
        return client_of(app, address)

    return client


@pytest.fixture
def granted(members):
    """Grant the partner the line MINE during the test."""
    members.submit(MAKER, calls.grant_read_scopes(PARTNER, [gtin(MINE)], Scope.PRODUCT | Scope.LOGISTICS))
    members.sync()
    yield
    members.submit(MAKER, calls.grant_read_scopes(PARTNER, [gtin(MINE)], Scope(0)))
    members.sync()


def path_of(page, key):
    return f"/console/{page}/{key.batch_id.hex()}"


def test_an_administrator_without_a_grant_sees_no_lots_and_holders(client, lots):
    store = client(PARTNER)
    page = store.get("/console/").text
    assert "Lot C-1" not in page
    assert "Lot C-2" not in page
    assert "No batches." in page
    for key in lots.values():
        for name in ("trace", "impact"):
            assert store.get(path_of(name, key)).status_code == 403
        assert store.get(path_of("impact", key) + "?format=csv").status_code == 403
    assert store.get(f"/console/find?q={gtin(MINE)}").status_code == 404
    assert "Lot C-1" in client(MAKER).get("/console/").text


def test_a_grant_for_one_line_shows_only_this_line(client, lots, granted):
    store = client(PARTNER)
    page = store.get("/console/").text
    assert "Lot C-1" in page
    assert "Lot C-2" not in page
    assert "Example Mirrors</bdi></span>" not in page
    assert store.get(path_of("trace", lots["mine"])).status_code == 200
    assert store.get(path_of("trace", lots["sold"])).status_code == 403
    assert store.get(path_of("trace", lots["theirs"])).status_code == 403


def test_counts_include_only_batches_that_may_be_listed(members, client, lots, granted):
    def registered(page):
        return int(re.search(r'<p class="big">(\d+)</p><p class="soft">batches that you may list', page)[1])

    every, own = (
        registered(client(OFFICE, Role.SUPERVISOR).get("/console/").text),
        registered(client(PARTNER).get("/console/").text),
    )
    with members.index.snapshot() as snapshot:
        assert every == sum(snapshot.count_batches().values())
        assert own == len([view for view in snapshot.batches() if view.gtin == gtin(MINE)])
    assert registered(client(OFFICE, Role.ADMIN).get("/console/").text) == 0


def test_an_expired_grant_lists_nothing(members, client, lots):
    now = int(members.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    members.submit(MAKER, calls.grant_read_scopes(PARTNER, [gtin(MINE)], Scope.PRODUCT, now + 30))
    members.rpc.call("evm_increaseTime", 60)
    members.rpc.call("evm_mine")
    members.sync()
    assert "Lot C-1" not in client(PARTNER).get("/console/").text
    assert client(PARTNER).get(path_of("trace", lots["mine"])).status_code == 403


@pytest.mark.parametrize(("searcher", "first", "last"), [(MAKER, "Panes", "Mirrors"), (RIVAL, "Mirrors", "Panes")])
def test_own_lots_come_first_and_others_can_be_hidden(client, lots, searcher, first, last):
    page = client(searcher).get("/console/find?q=C-1").text
    producers = re.findall(r"<bdi>(Example \w+)</bdi></span></p>", page)
    assert producers == [f"Example {first}", f"Example {last}"]
    assert "1 batch above is of organisations without a relation to yours" in page
    hidden = client(searcher).get("/console/find?q=C-1&others=hide").text
    assert re.findall(r"<bdi>(Example \w+)</bdi></span></p>", hidden) == [f"Example {first}"]
    assert "1 batch of organisations without a relation to yours is hidden" in hidden


def test_lots_of_others_are_not_found_if_they_are_not_public(members, client, lots):
    members.submit(RIVAL, calls.grant_read_scopes(RIVAL, [gtin(THEIRS)], Scope.QUALITY))
    members.sync()
    try:
        page = client(MAKER).get("/console/find?q=C-1").text
        assert "Example Mirrors" not in page
    finally:
        members.submit(RIVAL, calls.grant_read_scopes(RIVAL, [gtin(THEIRS)], Scope(sum(Scope))))
        members.sync()


def test_many_lots_of_others_do_not_displace_the_own_one(members, lots):
    with members.index.snapshot() as snapshot:
        assert [view.producer for view in snapshot.find("C-1", organisation=MAKER).batches] == [MAKER, RIVAL]
        assert [view.producer for view in snapshot.find("C-1", organisation=RIVAL).batches] == [RIVAL, MAKER]


def test_the_command_line_names_producers_and_shows_own_lots_first(members, lots):
    for account, own in ((MAKER, lots["mine"]), (RIVAL, lots["theirs"])):
        found = command(members, account, "batch", "find", "C-1", "--json")
        assert found["batches"][0] == f"{own.gtin}/{own.lot}"
        assert sorted(found["producers"].values()) == ["Example Mirrors", "Example Panes"]
        assert command(members, account, "batch", "find", "C-1", "--own", "--json")["batches"] == [
            f"{own.gtin}/{own.lot}"
        ]


def test_a_trace_names_producers_and_a_recall_names_holders(members, client, lots):
    """The partner makes a product of the maker's lot; the maker must be able to recall it without a grant."""
    key = lots["sold"]
    members.sell(key, PARTNER)
    final = members.register(PARTNER, 24, "C-9", "Window", made_of=[key])
    members.sync()
    page = client(MAKER).get(path_of("impact", key)).text
    assert f'<td data-label="Lot"><a href="/01/{final.gtin}/10/{final.lot}">' in page
    assert '<td data-label="Made by"><bdi>Example Store</bdi></td>' in page
    hidden = client(MAKER).get(path_of("impact", key) + "?others=hide").text
    assert str(final.lot) not in hidden
    table = client(MAKER).get(path_of("impact", key) + "?format=csv").text
    assert f"{final.lot},Window,Example Store,{gln(PARTNER)}" in table
    store = client(PARTNER).get(path_of("trace", final)).text
    assert '<td data-label="Made by"><bdi>Example Panes</bdi></td>' in store


def test_a_grantee_sees_no_other_line_in_a_trace(members, client, lots, granted):
    assembled = BatchKey(gtin(SOLD), lots["mine"].lot)
    members.register(MAKER, SOLD, "C-1", "Assembled pane", made_of=[lots["mine"]])
    members.sync()
    page = client(PARTNER).get(path_of("trace", lots["mine"])).text
    assert str(assembled.gtin) not in page
    assert "1 batch is not shown: its product line is not granted to your organisation" in page
    assert str(assembled.gtin) in client(MAKER).get(path_of("trace", lots["mine"])).text


def test_json_of_a_batch_names_the_producer_of_each_input(members, app, lots):
    data = app.test_client().get(f"/01/{gtin(SOLD)}/10/C-1?format=json").json
    assert [(item["lot"], item["producer"]["name"]) for item in data["made_of"]] == [("C-1", "Example Panes")]


def test_a_product_names_its_producers_and_the_first_one_comes_first(members, app, lots):
    other = members.register(RIVAL, MINE, "C-77", "Copied pane")
    members.sync()
    visitor = app.test_client()
    producers = ["Example Panes", "Example Mirrors"]
    assert visitor.get(f"/01/{other.gtin}?format=json").json["producers"] == producers
    page = visitor.get(f"/01/{other.gtin}").text
    assert "registered by <bdi>Example Panes</bdi>, then by <bdi>Example Mirrors</bdi>." in page
    links = visitor.get(f"/01/{other.gtin}?linkType=all").json["linkset"][0]["https://gs1.org/voc/epcis"]
    assert [link["title"].rpartition(" lots of ")[2] for link in links] == producers
    assert ["C-77" in link["href"] for link in links] == [False, True]
