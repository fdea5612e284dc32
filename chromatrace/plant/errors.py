"""Errors of the plant.

TomlError
└── PlantError               a plant file with mistakes, or an unknown plant
InvalidInput
├── PlantSecurityError       missing or unusable users or certificates of the server
├── ShopFloorError           steps, belts or times that no workpiece could pass
├── FaultError               a fault that cannot be injected
├── RecordingError           a recorded table that cannot be replayed
└── MissingHistoryError      the readings do not contain the production of the film to inspect
NotAuthorised
└── InsecureEndpointError    an anonymous or unencrypted server beyond the loopback interface
"""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput, NotAuthorised
from chromatrace.storage.toml import TomlError


class PlantError(TomlError):
    """A plant file has mistakes. The message lists each with file, line and key."""


class PlantSecurityError(InvalidInput):
    """Missing or unusable users or certificates of the server."""


class ShopFloorError(InvalidInput):
    """Steps, belts or times of a shop floor that no workpiece could pass; `field` is its path."""


class FaultError(InvalidInput):
    """A fault that cannot be injected."""


class RecordingError(InvalidInput):
    """A recorded table that cannot be replayed."""


class MissingHistoryError(InvalidInput):
    """The readings do not contain the production of the film to inspect."""


class InsecureEndpointError(NotAuthorised):
    """An anonymous or unencrypted server beyond the loopback interface."""
