"""Run the published EIP-4361 vectors."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from app.sign_in_message import InvalidSignInMessage, SignInMessage

FIELDS = {
    "domain": "domain",
    "address": "address",
    "statement": "statement",
    "uri": "uri",
    "chainId": "chain_id",
    "nonce": "nonce",
    "issuedAt": "issued_at",
    "expirationTime": "expiration_time",
    "notBefore": "not_before",
    "requestId": "request_id",
    "resources": "resources",
    "scheme": "scheme",
}


@pytest.fixture(scope="module")
def cases(vectors_dir):
    def load(name):
        return json.loads((vectors_dir / "siwe" / f"{name}.json").read_text())

    return load


def _values(case):
    return {
        own: tuple(case[name]) if name == "resources" else case[name] for name, own in FIELDS.items() if name in case
    }


def test_valid_messages_parse(cases):
    vectors = cases("parsing_positive")
    assert len(vectors) == 10
    for name, case in vectors.items():
        message = SignInMessage.parse(case["message"])
        assert message == SignInMessage(**_values(case["fields"])), name
        assert str(message) == case["message"], name


def test_invalid_messages_do_not_parse(cases):
    vectors = cases("parsing_negative")
    assert len(vectors) == 15
    for name, text in vectors.items():
        with pytest.raises(InvalidSignInMessage):
            print(name, SignInMessage.parse(text))


def _verify(case):
    assert case["version"] == "1"
    now = datetime.fromisoformat(case["time"]) if "time" in case else datetime.now(UTC)
    SignInMessage(**_values(case)).verify(case["signature"], now)


def test_valid_signatures_verify(cases):
    vectors = cases("verification_positive")
    assert len(vectors) == 2
    for case in vectors.values():
        _verify(case)


def test_invalid_signatures_do_not_verify(cases):
    vectors = cases("verification_negative")
    assert len(vectors) == 5
    for name, case in vectors.items():
        with pytest.raises(InvalidSignInMessage):
            print(name, _verify(case))


def test_all_vector_files_are_run(vectors_dir):
    files = sorted(path.stem for path in (vectors_dir / "siwe").glob("*.json"))
    assert files == ["parsing_negative", "parsing_positive", "verification_negative", "verification_positive"]
