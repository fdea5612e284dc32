"""Operators, their rights, offers and wallets, on a real chain."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from portal_client import BASE, JSON, batch_page, log_in, log_in_by_wallet, token_of
from portal_world import GTIN, MAKER, OTHER_SHOP, PASSWORD, REGISTRAR, SHOP
from querying import query

from app import create_app
from app.accounts import create_account
from app.store.models import Account
from chromatrace.chain import calls
from chromatrace.chain.dev_node import DevNode
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import Role, Scope
from chromatrace.ethereum.signer import keystore_signer


def test_grants_determine_visible_batches(client, world):
    assert log_in(client, world.shop_account).status_code == 303
    page = client.get("/partners/").text
    assert "Example Windows" in page
    assert "Lot L2410G" in page
    batch = world.key("L2410G").batch_id.hex()
    assert client.get(f"/partners/offers/{batch}").status_code == 200
    assert client.get(f"/partners/labels/{batch}").status_code == 403
    assert client.get(f"/partners/offers/{'00' * 32}").status_code == 404
    assert client.get("/partners/offers/nonsense").status_code == 404
    for path in (f"/partners/labels/{batch}", "/partners/offers/nonsense"):
        assert '<a class="button" href="/partners/">Go to overview</a>' in client.get(path).text
    assert "Lot L" not in client.get("/partners/batches/held?after=-1").text
    late, newest = client.get(f"/partners/batches/held?after={10**30}"), client.get("/partners/batches/held")
    assert late.text.replace(token_of(late), "") == newest.text.replace(token_of(newest), "")


def test_operator_without_grant_sees_nothing(client, world):
    world.submit(
        MAKER,
        calls.offer_custody(world.key("L2410H").batch_id, world.organisations["other"], int(time.time()) + 86_400),
    )
    world.sync()
    assert log_in_by_wallet(client, world.chains[OTHER_SHOP].signer).status_code == 200
    page = client.get("/partners/").text
    assert "Example Facades" in page
    assert "1 offer is hidden" in page
    assert "L2410" not in page
    for lot in ("L2410G", "L2410H"):
        assert client.get(f"/partners/offers/{world.key(lot).batch_id.hex()}").status_code == 404


def test_revoked_grant_hides_offer_immediately(client, world):
    log_in(client, world.shop_account)
    path = f"/partners/offers/{world.key('L2410G').batch_id.hex()}"
    assert client.get(path).status_code == 200
    shop, line = world.organisations["shop"], [Gtin(GTIN)]
    world.submit(MAKER, calls.grant_read_scopes(shop, line, Scope(0)))
    try:
        assert client.get(path).status_code == 404
    finally:
        world.submit(MAKER, calls.grant_read_scopes(shop, line, Scope.PRODUCT | Scope.LOGISTICS | Scope.QUALITY))
        world.sync()
    assert client.get(path).status_code == 200


def test_console_requires_role(client, world):
    assert log_in(client, world.maker_account).status_code == 303
    page = client.get("/console/").text
    assert "Log channels and anchors" in page
    assert "1,600" in page
    assert "No organisation has an inspector panel" in client.get("/console/consensus").text
    world.submit(REGISTRAR, calls.appoint_operator(world.shop_address, 3, Role.FRANCHISEE))
    try:
        other = client.application.test_client()
        log_in(other, world.shop_account)
        assert other.get("/console/").status_code == 403
        assert other.get("/console/consensus").status_code == 403
        assert "Operations" not in other.get("/partners/").text
    finally:
        world.submit(REGISTRAR, calls.appoint_operator(world.shop_address, 3, Role.FRANCHISEE | Role.ADMIN))


def test_labels_require_producer(client, world):
    log_in(client, world.maker_account)
    batch = world.key("L2410G").batch_id.hex()
    assert "000001-000200" in client.get(f"/partners/labels/{batch}").text
    sheet = client.get(f"/partners/labels/{batch}.pdf?first=5&count=3")
    assert sheet.mimetype == "application/pdf"
    assert sheet.data.startswith(b"%PDF")
    assert client.get(f"/partners/labels/{batch}.pdf?first=199&count=3").status_code == 400
    assert client.get(f"/partners/labels/{batch}.pdf?count=100000").status_code == 400


def test_dismissed_operator_loses_all_sessions(world, portal_app):
    phone, desktop = portal_app.test_client(), portal_app.test_client()
    for device in (phone, desktop):
        assert log_in(device, world.shop_account).status_code == 303
    world.submit(REGISTRAR, calls.dismiss_operator(world.shop_address))
    try:
        assert phone.get("/partners/", headers=JSON).json["error"] == "RightsRevokedError"
    finally:
        world.submit(REGISTRAR, calls.appoint_operator(world.shop_address, 3, Role.FRANCHISEE | Role.ADMIN))
    for device in (phone, desktop):
        assert device.get("/partners/", headers=JSON).json["error"] == "LoginRequiredError"
    assert log_in(phone, world.shop_account).status_code == 303


def test_suspended_organisation_is_named(world, portal_app):
    client = portal_app.test_client()
    assert log_in(client, world.shop_account).status_code == 303
    world.submit(REGISTRAR, calls.suspend_organisation(3))
    try:
        page = client.get("/partners/")
        form = log_in(portal_app.test_client(), world.shop_account)
        by_wallet = log_in_by_wallet(portal_app.test_client(), world.chains[SHOP].signer)
    finally:
        world.submit(REGISTRAR, calls.reinstate_organisation(3))
    assert (page.status_code, form.status_code, by_wallet.status_code) == (403, 403, 403)
    message = re.search(r'<p class="lead">(.*?)</p>', page.text).group(1)
    assert message.startswith("The consortium does not authorise this operator: ")
    assert message.endswith(f"{query(world.index).organisation(3).name} is suspended.")
    for answer in (page.text, form.text, by_wallet.json["message"]):
        assert " is suspended" in answer
        assert "organisation 3" not in answer


def test_wallet_login_requires_rights(client, world):
    answer = log_in_by_wallet(client, world.chains[REGISTRAR].signer)
    assert (answer.status_code, answer.json["error"]) == (403, "RightsRevokedError")
    assert client.get("/partners/", headers=JSON).json["error"] == "LoginRequiredError"


def test_unavailable_chain_denies_all_rights(world, tmp_path):
    """A session is valid again when the chain is available again."""
    config = world.config(BASE, login_limit="100 per minute", account_limit="100 per minute")
    app = create_app(config, world.spool)
    client = app.test_client()
    log_in(client, world.shop_account)
    offline = create_app(replace(config, rpc_url="http://127.0.0.1:9"), world.spool).test_client()
    offline.set_cookie("chromatrace", client.get_cookie("chromatrace").value)
    answer = offline.get("/partners/", headers=JSON)
    assert (answer.status_code, answer.json["error"]) == (503, "RightsUnavailableError")
    assert client.get("/partners/").status_code == 200


def test_other_chain_with_same_id_is_rejected(world):
    with DevNode() as other_chain:
        config = replace(world.config(BASE), rpc_url=other_chain.url, outbox_path=world.folder / "elsewhere.db")
        client = create_app(config, world.spool).test_client()
        answer = log_in(client, world.shop_account)
        assert answer.status_code == 503
        assert "does not match the consortium" in answer.text
        assert client.get("/healthz").json["status"] == "chain-unavailable"
        assert client.get("/partners/").status_code == 303


# -- offers


def test_rejection_is_pending_then_done(client, world):
    key = world.key("L2410F")
    batch = key.batch_id.hex()
    log_in(client, world.shop_account)
    page = client.get(f"/partners/offers/{batch}")
    form = {"csrf_token": token_of(page), "password": PASSWORD, "reason": ""}
    invalid = client.post(f"/partners/offers/{batch}/reject", data=form)
    assert invalid.status_code == 400
    assert "expected 3 to 200" in invalid.text
    form["reason"] = "Two panes arrived cracked."
    assert client.post(f"/partners/offers/{batch}/reject", data=form).status_code == 303
    state = client.get(f"/partners/offers/{batch}", headers=JSON).json
    assert (state["offer"], state["action"]["state"]) == ("open", "pending")
    assert state["action"]["tx_hash"] in client.get(f"/partners/offers/{batch}").text
    again = client.post(f"/partners/offers/{batch}/reject", data=form)
    assert again.status_code in (303, 409)
    world.sync()
    state = client.get(f"/partners/offers/{batch}", headers=JSON).json
    assert (state["offer"], state["action"]["state"]) == ("rejected", "done")
    assert "Two panes arrived cracked." in client.get(f"/partners/offers/{batch}").text
    late = client.post(f"/partners/offers/{batch}/accept", data=form)
    assert late.status_code == 409


def test_accept_with_wallet(client, world):
    batch = world.key("L2410G").batch_id.hex()
    assert log_in_by_wallet(client, world.chains[SHOP].signer).status_code == 200
    page = client.get(f"/partners/offers/{batch}")
    assert "password" not in page.text.replace("Log out", "")
    token = {"X-CSRFToken": token_of(page)} | JSON
    call = client.post(f"/partners/offers/{batch}/call", data={"kind": "accept"}, headers=token).json
    assert call["to"] == world.manifest.address("CustodyLedger")
    foreign = query(world.index).batch_by_key(world.key("L2410A")).registered.tx_hash.hex()
    watched = client.post(
        f"/partners/offers/{batch}/watch", data={"kind": "accept", "tx_hash": f"0x{foreign}"}, headers=token
    )
    assert (watched.status_code, watched.json["field"]) == (400, "tx_hash")
    rpc = world.node.rpc()
    sent = rpc.call("eth_sendTransaction", {"from": call["from"], "to": call["to"], "data": call["data"]})
    data = {"kind": "accept", "tx_hash": sent}
    assert client.post(f"/partners/offers/{batch}/watch", data=data, headers=token).status_code == 200
    assert client.get(f"/partners/offers/{batch}", headers=JSON).json["action"]["state"] == "pending"
    world.sync()
    assert client.get(f"/partners/offers/{batch}", headers=JSON).json["action"]["state"] == "done"
    assert batch_page(client, "L2410G").json["custodian"]["name"] == "Example Windows"


def test_password_change_ends_other_sessions_and_reencrypts_the_key(world, portal_app):
    config, new = portal_app.extensions["portal"].config, "eleven blue sheets of paper"
    database = portal_app.extensions["portal"].database
    account = create_account(database, config.keys, "desk-3@example-windows", PASSWORD, private_key=b"\x31" * 32)
    world.submit(REGISTRAR, calls.appoint_operator(account.address, 3, Role.FRANCHISEE))
    phone, desktop = portal_app.test_client(), portal_app.test_client()
    for device in (phone, desktop):
        assert log_in(device, account.name).status_code == 303
    assert "/partners/password" in desktop.get("/partners/").text
    form = {"csrf_token": token_of(desktop.get("/partners/password")), "current": PASSWORD, "new": new, "repeated": new}
    for wrong, status, message in (
        ({"current": "not the password"}, 401, "The current password is wrong"),
        ({"repeated": "another password"}, 400, "The two new passwords differ"),
        ({"new": PASSWORD, "repeated": PASSWORD}, 400, "The new password is the current one"),
        ({"new": "administrator", "repeated": "administrator"}, 400, "common and breached"),
    ):
        answer = desktop.post("/partners/password", data=form | wrong)
        assert (answer.status_code, message in answer.text) == (status, True), answer.text
    assert phone.get("/partners/").status_code == 200
    assert desktop.post("/partners/password", data=form).status_code == 303
    assert "Your password is changed" in desktop.get("/partners/").text
    assert phone.get("/partners/", headers=JSON).json["error"] == "LoginRequiredError"
    assert log_in(phone, account.name).status_code == 401
    assert log_in(phone, account.name, new).status_code == 303
    with database.read() as session:
        keystore = session.get(Account, account.name).keystore
    assert not (config.keys / account.keystore).exists()
    assert keystore_signer(config.keys / keystore, new).address.lower() == account.address


def test_wallet_session_has_no_password_to_change(client, world):
    log_in_by_wallet(client, world.chains[SHOP].signer)
    assert client.get("/partners/password").status_code == 404


def test_logout_clears_what_the_browser_keeps(client, world):
    log_in(client, world.shop_account)
    answer = client.post("/logout", data={"csrf_token": token_of(client.get("/partners/"))})
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert client.get("/partners/").status_code == 303


def test_operator_without_roles_may_log_in_and_read(world, portal_app):
    database = portal_app.extensions["portal"].database
    reader = create_account(
        database, world.folder / "keys", "reader@example-windows", PASSWORD, private_key=b"\x32" * 32
    )
    world.submit(REGISTRAR, calls.appoint_operator(reader.address, 3, Role(0)))
    client = portal_app.test_client()
    assert log_in(client, reader.name).status_code == 303
    assert "Lot L2410G" in client.get("/partners/").text
    offer = f"/partners/offers/{world.key('L2410G').batch_id.hex()}"
    page = client.get(offer)
    assert page.status_code == 200
    form = {"csrf_token": token_of(page), "password": PASSWORD}
    assert client.post(f"{offer}/accept", data=form).status_code == 403
    assert client.get("/console/").status_code == 403


def _contract_wallet(owner):
    """Return the code of a contract that accepts signatures of `owner` (ERC-1271): ecrecover, and a comparison."""
    return (
        "0x60043560005260a43560f81c60205260643560405260843560605260206000608060006001"
        f"5afa5060005173{owner[2:].lower()}14631626ba7e0260e01b60005260206000f3"
    )


def test_contract_wallet_logs_in_with_its_owner_s_signature(world, portal_app):
    wallet = "0x" + "c0" * 20
    world.node.rpc().call("anvil_setCode", wallet, _contract_wallet(world.chains[SHOP].sender))
    world.submit(REGISTRAR, calls.appoint_operator(wallet, 3, Role.FRANCHISEE))
    client = portal_app.test_client()
    rejected = log_in_by_wallet(client, world.chains[OTHER_SHOP].signer, wallet)
    assert (rejected.status_code, rejected.json["error"]) == (401, "LoginFailedError")
    assert log_in_by_wallet(client, world.chains[SHOP].signer, wallet).status_code == 200
    path = f"/partners/offers/{world.key('L2410A').batch_id.hex()}"
    token = {"X-CSRFToken": token_of(client.get(path))} | JSON
    data = {"kind": "accept", "tx_hash": "0x" + "12" * 32}
    assert client.post(f"{path}/watch", data=data, headers=token).status_code == 200
    assert "as soon as a block includes" in client.get(path).text
    world.submit(REGISTRAR, calls.dismiss_operator(wallet))


def test_wallet_session_cannot_use_password(client, world):
    batch = world.key("L2410A").batch_id.hex()
    log_in_by_wallet(client, world.chains[SHOP].signer)
    token = {"X-CSRFToken": token_of(client.get("/partners/"))} | JSON
    answer = client.post(f"/partners/offers/{batch}/accept", data={"password": PASSWORD}, headers=token)
    assert answer.status_code in (400, 409)
