"""Arguments that several commands share."""

from __future__ import annotations

import pytest

from chromatrace.cli.options import parse_input
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchKey


@pytest.mark.parametrize(("lot", "units"), [("G-7741", 100), ("A=5", 3), ("A/B", 2**32 - 1)])
def test_an_input_is_a_batch_and_units_of_it(lot, units):
    key = BatchKey.parse("09521234500025", lot)
    assert parse_input(f"09521234500025/{lot}={units}") == Input(key.batch_id, units)


@pytest.mark.parametrize("units", ["", "=", "=0", "=-1", "=1.5", "=ten", f"={2**32}"])
def test_an_input_requires_a_number_of_units(units):
    with pytest.raises(InvalidInput, match=r"units|quantity"):
        parse_input(f"09521234500025/G-7741{units}")
