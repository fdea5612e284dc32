"""What the shop floor refuses.

ChromaTraceError
└── InvalidInput
    ├── InvalidShopFloor      steps, belts or times that no workpiece could pass; `field` is the path of the mistake
    └── InvalidSimulation     a run or a study that cannot be done as asked
"""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput


class InvalidShopFloor(InvalidInput):
    """Steps, belts or times that no workpiece could pass."""


class InvalidSimulation(InvalidInput):
    """A run or a study that cannot be done as asked."""
