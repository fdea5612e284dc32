"""Fixtures with the EPCIS examples and JSON schema of GS1."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft7Validator, FormatChecker


@pytest.fixture(scope="session")
def epcis_folder(vectors_dir):
    return vectors_dir / "epcis"


@pytest.fixture(scope="session")
def epcis_schema(epcis_folder):
    checker = FormatChecker()
    assert {"uri", "date-time"} <= set(checker.checkers), "the format checks need additional packages"
    return Draft7Validator(json.loads((epcis_folder / "EPCIS-JSON-Schema.json").read_text()), format_checker=checker)
