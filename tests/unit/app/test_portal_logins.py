"""Wrong passwords: delays by account, device and network, for the login form and HTTP Basic."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import replace

import pytest
from argon2 import PasswordHasher

import app.accounts
from app import create_app
from app.accounts import create_account
from app.client_network import client_network
from app.password_logins import ALL_NETWORKS
from app.store.models import RateCount

PASSWORD = "seven grey panes of glass"
OWNER, ATTACKER = "192.0.2.10", "198.51.100.66"
JSON = {"Accept": "application/json"}
NAME = "store-12@example"
# Without a chain, the portal checks the password and then cannot read the rights.
RIGHT, WRONG, DELAYED = 503, 401, 429


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    monkeypatch.setattr(app.accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    app.accounts._decoy_hash.cache_clear()
    yield
    app.accounts._decoy_hash.cache_clear()


@pytest.fixture
def account(database, config):
    create_account(database, config.keys, NAME, PASSWORD, wallet_address="0x" + "ab" * 20)


@pytest.fixture
def portal(config, account):
    """Return an app that delays after three wrong passwords per client and twelve per network."""
    return create_app(replace(config, account_limit="3 per hour", login_limit="12 per hour"))


def _log_in(client, password, address, name=NAME):
    form = {"name": name, "password": password}
    form["csrf_token"] = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text).group(1)
    return client.post("/login", data=form, environ_base={"REMOTE_ADDR": address}).status_code


def _basic(client, password, address, name=NAME):
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    return client.get("/api/v1/records", headers=headers, environ_base={"REMOTE_ADDR": address}).status_code


def test_attacker_does_not_delay_the_owner_at_another_address(portal):
    attacker = portal.test_client()
    codes = [_log_in(attacker, f"guess number {number}", ATTACKER) for number in range(10)]
    assert codes == [WRONG] * 3 + [DELAYED] * 7
    assert _log_in(portal.test_client(), PASSWORD, ATTACKER) == DELAYED
    assert _log_in(portal.test_client(), PASSWORD, OWNER) == RIGHT
    assert _basic(portal.test_client(), PASSWORD, "192.0.2.11") == RIGHT


def test_known_device_is_exempt_at_every_address(portal):
    device = portal.test_client()
    assert _log_in(device, PASSWORD, OWNER) == RIGHT
    for number in range(5 * ALL_NETWORKS):
        _log_in(portal.test_client(), f"guess number {number}", f"198.51.100.{number}")
    for _ in range(4):
        _log_in(portal.test_client(), "another guess", OWNER)
    assert _log_in(portal.test_client(), PASSWORD, "203.0.113.7") == DELAYED
    for address in (OWNER, "203.0.113.7"):
        assert _log_in(device, PASSWORD, address) == RIGHT


def test_guesses_with_a_known_device_are_delayed(portal):
    device = portal.test_client()
    _log_in(device, PASSWORD, OWNER)
    codes = [_log_in(device, f"guess number {number}", f"203.0.113.{number}") for number in range(5)]
    assert codes == [WRONG] * 3 + [DELAYED] * 2
    assert _log_in(portal.test_client(), PASSWORD, OWNER) == RIGHT


def test_device_is_known_for_its_own_account_only(portal, database, config):
    create_account(database, config.keys, "attacker@example", PASSWORD, wallet_address="0x" + "cd" * 20)
    device = portal.test_client()
    assert _log_in(device, PASSWORD, ATTACKER, name="attacker@example") == RIGHT
    codes = [_log_in(device, f"guess number {number}", ATTACKER) for number in range(5)]
    assert codes == [WRONG] * 3 + [DELAYED] * 2


def test_known_network_of_a_program_is_exempt_from_guesses_elsewhere(portal):
    assert _basic(portal.test_client(), PASSWORD, OWNER) == RIGHT
    for number in range(4 * ALL_NETWORKS):
        _basic(portal.test_client(), f"guess number {number}", f"198.51.100.{number}")
    assert _basic(portal.test_client(), PASSWORD, "203.0.113.7") == DELAYED
    assert _basic(portal.test_client(), PASSWORD, OWNER) == RIGHT


def test_form_basic_and_all_workers_count_together(portal, config):
    other_worker = create_app(portal.extensions["portal"].config)
    codes = [
        _log_in(portal.test_client(), "first wrong guess", ATTACKER),
        _basic(portal.test_client(), "second wrong guess", ATTACKER),
        _basic(other_worker.test_client(), "third wrong guess", ATTACKER),
        _log_in(other_worker.test_client(), PASSWORD, ATTACKER),
        _basic(portal.test_client(), PASSWORD, ATTACKER),
    ]
    assert codes == [WRONG] * 3 + [DELAYED] * 2


def test_names_are_the_same_account_in_any_case(portal):
    codes = [_log_in(portal.test_client(), "a wrong guess", ATTACKER, name=f" {NAME.title()} ") for _ in range(3)]
    assert [*codes, _basic(portal.test_client(), PASSWORD, ATTACKER)] == [WRONG] * 3 + [DELAYED]


def test_guesses_for_many_accounts_are_delayed_by_network(portal):
    codes = [_basic(portal.test_client(), "a wrong guess", ATTACKER, name=f"store-{n}@x") for n in range(15)]
    assert codes == [WRONG] * 12 + [DELAYED] * 3


def test_addresses_of_one_ipv6_network_are_one_client(portal):
    codes = [_basic(portal.test_client(), "a wrong guess", f"2001:db8:1:2::{n:x}") for n in range(4)]
    assert codes == [WRONG] * 3 + [DELAYED]
    assert client_network("2001:db8:1:2:3::4") == client_network("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert client_network("192.0.2.1") == "192.0.2.1"


def test_successes_are_not_counted(portal):
    client = portal.test_client()
    assert {_basic(client, PASSWORD, OWNER) for _ in range(20)} == {RIGHT}
    for _ in range(3):
        assert [_basic(client, "a wrong guess", OWNER) for _ in range(2)] == [WRONG] * 2
        assert _basic(client, PASSWORD, OWNER) == RIGHT


def test_delay_doubles_up_to_the_period(config, account, database):
    client = create_app(replace(config, account_limit="2 per 2 minutes")).test_client()
    delays = []
    for _ in range(7):
        assert _log_in(client, "a wrong guess", ATTACKER) == WRONG
        with database.begin() as session:
            blocked = session.query(RateCount).filter(RateCount.key.endswith("/delay"))
            delays += [round((row.expires_at - time.time()) / 15) for row in blocked]
            blocked.delete()
    assert delays == [1, 2, 4, 8, 8, 8]


def test_delay_ends_by_itself(config, account):
    client = create_app(replace(config, account_limit="2 per 2 seconds")).test_client()
    assert [_basic(client, "a wrong guess", "127.0.0.1") for _ in range(2)] == [WRONG] * 2
    form = {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text).group(1)}
    answer = client.post("/login", data=form | {"name": NAME, "password": PASSWORD}, headers=JSON)
    assert answer.status_code == DELAYED
    assert 1 <= int(answer.headers["Retry-After"]) <= 3
    assert "try again in" in answer.json["hint"]
    deadline = time.monotonic() + 60
    while _basic(client, PASSWORD, "127.0.0.1") == DELAYED:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert _basic(client, PASSWORD, "127.0.0.1") == RIGHT


def test_counters_contain_no_names_or_addresses(portal, database):
    _log_in(portal.test_client(), "a wrong guess", ATTACKER)
    _log_in(portal.test_client(), PASSWORD, OWNER)
    with database.begin() as session:
        keys = [row.key for row in session.query(RateCount).all() if row.key.startswith("password/")]
    assert len(keys) >= 4
    for text in (NAME, ATTACKER, OWNER):
        assert not [key for key in keys if text in key]


def test_device_cookie_is_protected(config, account):
    client = create_app(replace(config, base_url="https://trace.example")).test_client()
    page = client.get("/login", base_url="https://trace.example")
    form = {"name": NAME, "password": PASSWORD}
    form["csrf_token"] = re.search(r'name="csrf_token" value="([^"]+)"', page.text).group(1)
    referrer = {"Referer": "https://trace.example/login"}
    answer = client.post("/login", data=form, base_url="https://trace.example", headers=referrer)
    cookie = next(text for text in answer.headers.getlist("Set-Cookie") if text.startswith("__Host-device="))
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
