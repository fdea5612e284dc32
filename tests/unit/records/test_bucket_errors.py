"""Test that errors of an S3 server name the setting to correct."""

from __future__ import annotations

import io
import os
import socket

import pytest

from chromatrace.records.errors import ContentCorruptError, VaultAccessError, VaultUnavailableError
from chromatrace.records.manifest import Scope
from chromatrace.records.reader_key import ReaderIdentity, ReaderKey
from chromatrace.records.vault import Vault

SALES = ReaderKey.generate(ReaderIdentity(1, b"\1" * 32), "Sales")
DOCUMENT = b"a drawing of a gear unit"
SCOPE = Scope(SALES.identity, b"\2" * 20, bytes(32))


def at(port, bucket="vault", **options):
    return Vault(
        f"s3://{bucket}/errors?endpoint=http://127.0.0.1:{port}"
        + "".join(f"&{name}={value}" for name, value in options.items())
    )


def put(vault):
    return vault.upload(io.BytesIO(DOCUMENT), SALES)


def operations(vault):
    """Return all operations of the vault."""
    return [
        lambda: put(vault),
        lambda: vault.open(SCOPE, [SALES]),
        lambda: vault.uploaded(bytes(32), [SALES]),
        lambda: vault.change_readers(SCOPE, [SALES]),
        lambda: list(vault.rewrap([SALES], {})),
    ]


def assert_error(vault, field, message, error=VaultAccessError):
    for operation in operations(vault):
        with pytest.raises(error, match=message) as raised:
            operation()
        assert type(raised.value) is error
        assert (raised.value.field, bool(raised.value.hint)) == (field, True)


def test_valid_credentials(s3_server):
    vault = at(s3_server.port)
    content = put(vault)
    assert b"".join(vault.read(content)) == DOCUMENT


def test_wrong_secret(s3_server, monkeypatch):
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", "wrong")
    assert_error(at(s3_server.port), "AWS_SECRET_ACCESS_KEY", r"rejected the signature.*SignatureDoesNotMatch")


def test_unknown_access_key(s3_server, monkeypatch):
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", "UNKNOWN")
    assert_error(at(s3_server.port), "AWS_ACCESS_KEY_ID", r"rejected the access key.*InvalidAccessKeyId")


def test_no_credentials(s3_server, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delitem(os.environ, name)
    monkeypatch.setitem(os.environ, "AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setitem(os.environ, "HOME", str(tmp_path))
    assert_error(at(s3_server.port), "AWS_ACCESS_KEY_ID", "no credentials for the bucket")


def test_credentials_without_permission(s3_server):
    vault = at(s3_server.port)
    content = put(vault)
    message = r"lack permissions for bucket 'vault'.*AccessDenied"
    with s3_server.denied("s3:PutObject"), pytest.raises(VaultAccessError, match=message) as raised:
        vault.upload(io.BytesIO(b"another"), SALES)
    assert raised.value.field == "vault_url"
    assert b"".join(vault.read(content)) == DOCUMENT


def test_unknown_bucket(s3_server):
    assert_error(
        at(s3_server.port, "elsewhere"),
        "vault_url",
        r"bucket 'elsewhere' does not exist.*NoSuchBucket",
        VaultUnavailableError,
    )


def test_no_server_at_the_endpoint(s3_server):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound but not listening, so connections are rejected
        port = probe.getsockname()[1]
        message = f"no S3-compatible server responded at http://127.0.0.1:{port}"
        with pytest.raises(VaultUnavailableError, match=message) as raised:
            put(at(port))
    assert raised.value.field == "vault_url"


@pytest.mark.parametrize("change", ["altered", "removed"])
def test_altered_or_removed_object(s3_server, change):
    vault = at(s3_server.port)
    content = put(vault)
    name = f"contents/{content.blob[:2]}/{content.blob[2:]}"
    blobs = vault._blobs
    if change == "altered":
        data = blobs.read(name)
        blobs.write(name, [data[:-1] + bytes([data[-1] ^ 1])])
    else:
        blobs.delete([name])
    with pytest.raises(ContentCorruptError) as raised:
        list(vault.read(content))
    assert raised.value.field == "digest"
