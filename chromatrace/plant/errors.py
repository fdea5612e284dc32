"""What the plant refuses.

ChromaTraceError
├── InvalidInput
│   └── PlantError
│       ├── InvalidPlant       a plant configuration is wrong; `field` is its path, such as `tags[3].unit`
│       ├── ShopFloorError     steps, belts or times that no workpiece could pass
│       ├── InvalidFault       a fault that cannot be injected
│       ├── InvalidRecording   a recorded table cannot be replayed
│       └── NoProcessHistory   an inspection was asked for a film that the readings do not show
└── NotAuthorised
    └── InsecureEndpoint       an anonymous or unencrypted server was asked for beyond the loopback interface
"""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput, NotAuthorised


class PlantError(InvalidInput):
    """The plant cannot do what was asked."""


class InvalidPlant(PlantError):
    """A plant configuration is wrong; `field` is the path of the mistake in it."""


class ShopFloorError(PlantError):
    """Steps, belts or times of a shop floor that no workpiece could pass; `field` is the path of the mistake."""


class InvalidFault(PlantError):
    """A fault that cannot be injected."""


class InvalidRecording(PlantError):
    """A recorded table that cannot be replayed."""


class NoProcessHistory(PlantError):
    """The readings do not show the making of the film that is to be inspected."""


class InsecureEndpoint(NotAuthorised):
    """An anonymous or unencrypted server was asked for beyond the loopback interface."""
