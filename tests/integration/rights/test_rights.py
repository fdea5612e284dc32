"""The portal and the command line allow an operator exactly what the chain allows, from the next request on."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from members import ALL_ROLES, FOREVER, MAKER, PARTNER, REGISTRAR, address_of, client_of, gln, gtin

from app.api.epcis.views import CAPTURE_ROLES
from app.rights import CONSOLE_ROLES
from chromatrace.chain import calls, reads
from chromatrace.cli import main
from chromatrace.domain.rights import Role, Scope
from chromatrace.ethereum.errors import ContractError
from chromatrace.services.rights import readable_scopes, rights_of

PAGES = {
    "/console/": CONSOLE_ROLES,
    "/console/consensus": CONSOLE_ROLES,
    "/console/inspections": Role.INSPECTOR,
    f"/partners/labels/{'ab' * 32}": Role.PRODUCER,
}
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def app(members):
    members.sync()
    return members.portal()


def roles_on_chain(members, address):
    """Return the roles that the contract confirms one by one."""
    chain = members.chain(REGISTRAR)
    held = Role(0)
    for role in Role:
        try:
            chain.read(reads.authorise(address, role))
            held |= role
        except ContractError:
            continue
    return held


def assert_equal_to_chain(members, client, address, organisation):
    """Assert that the service and every page of the portal allow what the chain allows; return the roles."""
    held = roles_on_chain(members, address)
    try:
        rights = rights_of(members.chain(REGISTRAR), address)
    except ContractError:
        assert not held
        assert client.get("/partners/").status_code == 403
        return None
    assert (rights.organisation, rights.roles) == (organisation, held)
    for path, roles in PAGES.items():
        assert (client.get(path).status_code == 403) == (not held & roles), (path, held)
    captured = client.post("/epcis/v2/capture", json={})
    assert (captured.status_code == 403) == (not held & CAPTURE_ROLES)
    assert client.get("/partners/").status_code == 200
    return held


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.name.lower())
def test_a_role_that_the_organisation_lost_has_no_effect(members, app, role):
    address = address_of(f"loses {role.name}")
    members.appoint(address, PARTNER, ALL_ROLES)
    client = client_of(app, address)
    assert assert_equal_to_chain(members, client, address, PARTNER) == ALL_ROLES
    members.submit(REGISTRAR, calls.change_organisation(PARTNER, ALL_ROLES & ~role))
    try:
        assert assert_equal_to_chain(members, client, address, PARTNER) == ALL_ROLES & ~role
    finally:
        members.submit(REGISTRAR, calls.change_organisation(PARTNER, ALL_ROLES))
    assert assert_equal_to_chain(members, client, address, PARTNER) == ALL_ROLES


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.name.lower())
def test_a_role_that_the_operator_lost_has_no_effect(members, app, role):
    address = address_of(f"had {role.name}")
    members.appoint(address, PARTNER, role)
    client = client_of(app, address)
    assert assert_equal_to_chain(members, client, address, PARTNER) == role
    members.appoint(address, PARTNER, 0)
    assert assert_equal_to_chain(members, client, address, PARTNER) == Role(0)


def expire_operator(members, address):
    now = int(members.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    members.appoint(address, MAKER, ALL_ROLES, now + 30)
    members.rpc.call("evm_increaseTime", 60)
    members.rpc.call("evm_mine")


def expire_organisation(members, address):
    now = int(members.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    members.submit(REGISTRAR, calls.change_organisation(MAKER, ALL_ROLES, now + 30))
    members.rpc.call("evm_increaseTime", 60)
    members.rpc.call("evm_mine")


CHANGES = {
    "operator dismissed": (
        lambda members, address: members.submit(REGISTRAR, calls.dismiss_operator(address)),
        "was dismissed",
    ),
    "operator expired": (expire_operator, "the appointment of operator"),
    "organisation suspended": (
        lambda members, address: members.submit(REGISTRAR, calls.suspend_organisation(MAKER)),
        "Example Panes is suspended",
    ),
    "organisation expired": (expire_organisation, "the membership of Example Panes ended"),
}


def restore(members, address):
    if not members.chain(REGISTRAR).read(reads.organisation(MAKER)).active:
        members.submit(REGISTRAR, calls.reinstate_organisation(MAKER))
    members.submit(REGISTRAR, calls.change_organisation(MAKER, ALL_ROLES))
    members.appoint(address, MAKER, ALL_ROLES, FOREVER)


@pytest.mark.parametrize("change", CHANGES)
def test_an_operator_without_any_right_is_logged_out(members, app, change):
    apply, reason = CHANGES[change]
    address = members.chain(9).sender
    members.appoint(address, MAKER, ALL_ROLES)
    phone, desktop = client_of(app, address), client_of(app, address)
    assert assert_equal_to_chain(members, phone, address, MAKER) == ALL_ROLES
    apply(members, address)
    try:
        answer = desktop.get("/console/", headers=JSON)
        assert (answer.status_code, answer.json["error"]) == (403, "RightsRevokedError")
        assert reason in answer.json["message"]
        assert phone.get("/console/", headers=JSON).json["error"] == "LoginRequiredError"
        assert assert_equal_to_chain(members, client_of(app, address), address, MAKER) is None
        shown = command(members, 9, "key", "show", "--json")
        assert (shown["active"], shown["roles"]) == (False, [])
    finally:
        restore(members, address)
    assert assert_equal_to_chain(members, client_of(app, address), address, MAKER) == ALL_ROLES


def test_the_command_line_shows_the_roles_in_force(members):
    address = members.chain(9).sender
    members.appoint(address, MAKER, Role.GATEWAY | Role.PRODUCER)
    members.submit(REGISTRAR, calls.change_organisation(MAKER, Role.GATEWAY | Role.ADMIN))
    try:
        shown = command(members, 9, "key", "show", "--json")
    finally:
        restore(members, address)
    assert (shown["active"], shown["roles"]) == (True, ["gateway"])


def test_an_address_that_was_never_appointed_has_no_rights(members, app):
    address = address_of("stranger")
    assert assert_equal_to_chain(members, client_of(app, address), address, 0) is None


def test_the_command_line_publishes_revokes_and_appoints_readers(members):
    """`none` is the empty set. A grant to the own organisation is rejected, because it means something else."""
    line, reader = gtin(75), address_of("reader of the command line")
    command(members, MAKER, "org", "publish", "--scopes", "product,quality", "--gtin", line, "--json")
    command(members, MAKER, "org", "grant", gln(PARTNER), "--scopes", "process", "--gtin", line, "--json")
    command(members, REGISTRAR, "org", "appoint", reader, gln(PARTNER), "--roles", "none", "--json")
    chain = members.chain(REGISTRAR)
    assert readable_scopes(chain, reader, MAKER, line) == Scope.PROCESS
    members.sync()
    with members.index.snapshot() as snapshot:
        assert snapshot.published_scopes(MAKER, line, 0) == Scope.PRODUCT | Scope.QUALITY
    command(members, MAKER, "org", "grant", gln(PARTNER), "--scopes", "none", "--gtin", line, "--json")
    assert readable_scopes(chain, reader, MAKER, line) == Scope(0)
    result = invoke(members, MAKER, "org", "grant", gln(MAKER), "--scopes", "product")
    assert result.exit_code == 1
    assert "use `chromatrace org publish`" in result.stderr


def command(members, account, *arguments):
    """Run a command in JSON mode and return what it prints."""
    result = invoke(members, account, *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def invoke(members, account, *arguments):
    base = ["--rpc-url", members.node.url, "--manifest", members.manifest_path, "--data", members.folder]
    return CliRunner().invoke(main, [str(word) for word in (*base, "--dev-account", account, *arguments)])
