"""What a bucket's server refuses, each told by the field to put right. The server is real, so are its refusals."""

from __future__ import annotations

import io
import os
import socket

import pytest
from signed_gate import signature

from chromatrace.records.errors import ContentCorruptError, VaultAccessError, VaultUnavailableError
from chromatrace.records.reader_key import ReaderKey
from chromatrace.records.vault import Vault

SALES = ReaderKey.generate("Sales")
DOCUMENT = b"a drawing of a gear unit"
AWS_EXAMPLE = {
    "host": "examplebucket.s3.amazonaws.com",
    "range": "bytes=0-9",
    "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x-amz-date": "20130524T000000Z",
}


def at(port, bucket="vault", **options):
    return Vault(
        f"s3://{bucket}/refusals?endpoint=http://127.0.0.1:{port}"
        + "".join(f"&{name}={value}" for name, value in options.items())
    )


def put(vault):
    return vault.put(io.BytesIO(DOCUMENT), [SALES.reader]).digest


def asked(vault):
    """Each way to ask the store for something."""
    return [
        lambda: put(vault),
        lambda: vault.content(bytes(32)),
        lambda: list(vault.read(bytes(32), SALES)),
        lambda: bytes(32) in vault,
    ]


def told(vault, field, words, error=VaultAccessError):
    for asking in asked(vault):
        with pytest.raises(error, match=words) as refused:
            asking()
        assert type(refused.value) is error
        assert (refused.value.field, bool(refused.value.hint)) == (field, True)


def test_the_gate_signs_as_aws_publishes_it():
    signed = "host;range;x-amz-content-sha256;x-amz-date"
    found = signature(
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "GET", "/test.txt", AWS_EXAMPLE, signed, "20130524/us-east-1/s3"
    )
    assert found == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


def test_the_right_credentials_are_taken(gate):
    vault = at(gate.port)
    digest = put(vault)
    assert b"".join(vault.read(digest, SALES)) == DOCUMENT
    vault.verify(digest)


def test_a_wrong_secret(gate, monkeypatch):
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", "its secrex")
    told(at(gate.port), "AWS_SECRET_ACCESS_KEY", r"does not take the signature.*SignatureDoesNotMatch")


def test_an_access_key_that_the_server_does_not_know(s3_server, gate, monkeypatch):
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", "SOMEBODY")
    for port in (gate.port, s3_server):
        told(at(port), "AWS_ACCESS_KEY_ID", r"does not know the access key.*InvalidAccessKeyId")


def test_no_credentials_at_all(gate, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delitem(os.environ, name)
    monkeypatch.setitem(os.environ, "AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setitem(os.environ, "HOME", str(tmp_path))
    told(at(gate.port), "AWS_ACCESS_KEY_ID", "no credentials for the bucket")


def test_credentials_without_the_right(gate):
    vault = at(gate.port)
    digest = put(vault)
    gate.denied.add("PUT")
    with pytest.raises(VaultAccessError, match=r"may not do this in the bucket 'vault'.*AccessDenied") as refused:
        vault.put(io.BytesIO(b"another"), [SALES.reader])
    assert refused.value.field == "vault_url"
    assert b"".join(vault.read(digest, SALES)) == DOCUMENT


def test_no_such_bucket(gate):
    told(at(gate.port, "elsewhere"), "vault_url", r"no bucket 'elsewhere'.*NoSuchBucket", VaultUnavailableError)


def test_nobody_at_the_endpoint(gate):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # and does not listen; nobody else can meanwhile
        port = probe.getsockname()[1]
        told = f"nothing that speaks S3 answers at http://127.0.0.1:{port}"
        with pytest.raises(VaultUnavailableError, match=told) as refused:
            put(at(port))
    assert refused.value.field == "vault_url"


@pytest.mark.parametrize("change", ["altered", "removed"])
def test_an_object_that_was_altered_or_removed(gate, change):
    vault = at(gate.port)
    digest = put(vault)
    seal = vault.content(digest).seal
    name = f"sealed/{seal[:2]}/{seal[2:]}"
    blobs = vault._blobs
    if change == "altered":
        kept = blobs.read(name)
        blobs.write(name, [kept[:-1] + bytes([kept[-1] ^ 1])])
    else:
        blobs.delete([name])
    for asking in (lambda: list(vault.read(digest, SALES)), lambda: vault.verify(digest)):
        with pytest.raises(ContentCorruptError) as refused:
            asking()
        assert refused.value.field == "digest"
