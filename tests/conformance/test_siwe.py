"""Every published EIP-4361 case, through the portal's own reading and checking (`app.wallet`)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import chain

import pytest

from chromatrace.domain.errors import NotAuthorised

FIELDS = {
    "domain": "domain",
    "address": "address",
    "statement": "statement",
    "uri": "uri",
    "version": "version",
    "chainId": "chain_id",
    "nonce": "nonce",
    "issuedAt": "issued_at",
    "expirationTime": "expiration_time",
    "notBefore": "not_before",
    "requestId": "request_id",
    "resources": "resources",
}


@pytest.fixture(scope="module")
def cases(vectors_dir):
    def load(name):
        return json.loads((vectors_dir / "siwe" / f"{name}.json").read_text())

    return load


def test_messages_that_parse(cases):
    from app.wallet import parse

    found = cases("parsing_positive")
    assert len(found) == 10
    for name, case in found.items():
        message = parse(case["message"])
        for theirs, ours in FIELDS.items():
            expected = case["fields"].get(theirs)
            value = getattr(message, ours)
            assert (str(value) if ours == "version" else value) == expected or (expected is None and not value), (
                f"{name}: {theirs}"
            )
        assert message.prepare_message() == case["message"], name


def test_messages_that_do_not(cases):
    from app.wallet import parse

    found = cases("parsing_negative")
    assert len(found) == 15
    for name, message in found.items():
        with pytest.raises(NotAuthorised) as refused:
            parse(message)
        assert refused.value.field == "signature", name


def _message(case):
    from pydantic import ValidationError
    from siwe import SiweMessage

    from app.wallet import refused

    try:
        return SiweMessage(**{ours: case[theirs] for theirs, ours in FIELDS.items() if theirs in case})
    except (ValidationError, ValueError) as error:
        raise refused("malformed") from error


def _now(case):
    if "time" in case:
        return datetime.fromisoformat(case["time"].replace("Z", "+00:00"))
    return datetime.now(UTC)


def test_signatures_that_hold(cases):
    from app.wallet import verify

    found = cases("verification_positive")
    assert len(found) == 2
    for case in found.values():
        message = _message(case)
        assert verify(message, case["signature"], now=_now(case), domain=case["domain"]) == case["address"]


def test_signatures_that_do_not(cases):
    from app.wallet import verify

    found = cases("verification_negative")
    assert len(found) == 5
    for name, case in found.items():
        with pytest.raises(NotAuthorised) as refused:
            verify(_message(case), case["signature"], now=_now(case), domain=case["domain"])
        assert refused.value.field == "signature", name


def test_every_file_of_cases_is_run(vectors_dir):
    files = sorted(path.stem for path in chain((vectors_dir / "siwe").glob("*.json")))
    assert files == ["parsing_negative", "parsing_positive", "verification_negative", "verification_positive"]
