"""The example plant of desktop computers, and setups of it."""

from dataclasses import replace

import pytest

from chromatrace.plant.configuration import example_plant
from chromatrace.quality.rules import Rule
from chromatrace.studies.shopfloor.agents import Kind, staffing
from chromatrace.studies.shopfloor.inputs import MIXED, capability_set
from chromatrace.studies.shopfloor.setup import Setup


@pytest.fixture(scope="session")
def floor():
    return example_plant("desktop-computer").shop_floor


@pytest.fixture(scope="session")
def setup(floor):
    """Return a function that makes a setup; its arguments replace fields.

    The default has alternating people and AI agents, capabilities from 0 to 1, and a majority of 3.
    """
    plain = Setup(
        floor,
        staffing(floor.cells, (Kind.HUMAN, Kind.AI)),
        capability_set(MIXED, floor.cells, 1).capabilities,
        rule=Rule.majority(3),
    )
    return lambda **changes: replace(plain, **changes)
