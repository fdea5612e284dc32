"""Plant configurations, and an OPC UA server that simulates a plant or replays a recording.

`load_plant` reads a plant configuration, `simulate` runs its process model, and `chromatrace plant serve` starts the
server.
"""

from __future__ import annotations

from chromatrace.plant.configuration import example_plant, example_plants, load_plant
from chromatrace.plant.errors import PlantError
from chromatrace.plant.records import Plant

__all__ = [
    "Plant",
    "PlantError",
    "example_plant",
    "example_plants",
    "load_plant",
]
