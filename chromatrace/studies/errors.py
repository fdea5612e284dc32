"""Errors of the simulations.

InvalidInput
└── SimulationError  a run or study with invalid parameters; `field` names the parameter
"""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput


class SimulationError(InvalidInput):
    """A run or study with invalid parameters; `field` names the parameter."""
