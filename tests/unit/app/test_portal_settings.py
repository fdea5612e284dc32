"""Validation of the portal's settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import create_app
from app.accounts import create_account
from app.errors import InsecureConfigurationError
from app.secret_key import load_secret_key
from chromatrace.domain.errors import InvalidInput


@pytest.mark.parametrize(
    "base_url", ["trace.example", "https://trace.example/portal", "ftp://trace.example", "https://"]
)
def test_base_url_must_be_origin(config, base_url):
    with pytest.raises(InvalidInput) as raised:
        replace(config, base_url=base_url)
    assert raised.value.field == "base_url"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_upload_bytes", 0),
        ("session_hours", -1),
        ("session_idle_minutes", 0),
        ("plot_tags", ("a", "b", "c", "d", "e")),
        ("explorer_tx_url", "http://explorer.example/{tx}"),
        ("explorer_tx_url", "https://explorer.example/tx"),
    ],
)
def test_setting_out_of_range_is_rejected(config, name, value):
    with pytest.raises(InvalidInput) as raised:
        replace(config, **{name: value})
    assert raised.value.field == name


def test_production_requires_https(config):
    with pytest.raises(InsecureConfigurationError) as raised:
        replace(config, production=True)
    assert raised.value.field == "base_url"


def test_production_rejects_development_chain(config):
    with pytest.raises(InsecureConfigurationError) as raised:
        create_app(replace(config, production=True, base_url="https://trace.example"))
    assert raised.value.field == "rpc_url"
    assert "31337" in raised.value.message


def _real_chain(config):
    text = config.manifest_path.read_text().replace('"chain_id": 31337', '"chain_id": 8453')
    config.manifest_path.write_text(text)
    return replace(config, production=True, base_url="https://trace.example")


def test_production_rejects_demonstration_accounts(config, database):
    create_account(
        database, config.keys, "demo-shop", "a password for show", wallet_address="0x" + "ab" * 20, demonstration=True
    )
    with pytest.raises(InsecureConfigurationError, match="demo-shop"):
        create_app(_real_chain(config))


def test_production_rejects_accounts_with_published_keys(config, database):
    anvils_first = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    create_account(database, config.keys, "shop", "a password for show", wallet_address=anvils_first)
    with pytest.raises(InsecureConfigurationError, match="shop"):
        create_app(_real_chain(config))


def test_production_sets_host_cookie_and_hsts(config):
    client = create_app(_real_chain(config)).test_client()
    answer = client.get("/scan", base_url="https://trace.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-chromatrace=")
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert flag in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_secret_key_is_generated_once_with_owner_permissions(tmp_path):
    key = load_secret_key(tmp_path / "data")
    path = tmp_path / "data" / "secret_key"
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_secret_key(tmp_path / "data") == key
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]


def test_secret_key_readable_by_others_is_rejected(tmp_path):
    load_secret_key(tmp_path)
    (tmp_path / "secret_key").chmod(0o640)
    with pytest.raises(InsecureConfigurationError) as raised:
        load_secret_key(tmp_path)
    assert "0640" in raised.value.message


def test_short_secret_key_is_rejected(tmp_path):
    path = tmp_path / "secret_key"
    path.touch(mode=0o600)
    path.write_bytes(b"short")
    with pytest.raises(InsecureConfigurationError, match="5 bytes"):
        load_secret_key(tmp_path)


def test_portals_with_the_same_secret_key_share_sessions(config, tmp_path):
    shared = replace(config, secret_key="a key that all of the portals share")
    first, second = (create_app(shared).config["SECRET_KEY"] for _ in range(2))
    assert first == second == b"a key that all of the portals share"
    assert not (tmp_path / "secret_key").exists()
    assert "that all of the portals" not in repr(shared)


def test_short_secret_setting_is_rejected(config):
    with pytest.raises(InsecureConfigurationError) as raised:
        replace(config, secret_key="x" * 31)
    assert raised.value.field == "secret_key"
