"""Plants as data, simulated and served over OPC UA.

`load_plant` reads a plant configuration, `simulate` runs its process model, `python -m chromatrace.plant` serves either
that or a recorded table as a real OPC UA server.
"""

from __future__ import annotations

from chromatrace.plant.configuration import example_plant, example_plants, load_plant
from chromatrace.plant.errors import InvalidPlant, PlantError
from chromatrace.plant.records import CheckSheet, Plant, Station, Tag

__all__ = [
    "CheckSheet",
    "InvalidPlant",
    "Plant",
    "PlantError",
    "Station",
    "Tag",
    "example_plant",
    "example_plants",
    "load_plant",
]
