"""Inputs of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchId


@dataclass(frozen=True, slots=True, order=True)
class Input:
    """A batch that is part of another batch, and the number of its units used, 1 to 2^32 - 1."""

    batch: BatchId
    quantity: int

    def __post_init__(self) -> None:
        if not 1 <= self.quantity < 1 << 32:
            raise InvalidInput(
                f"quantity of an input is {self.quantity}; it must be from 1 to 2^32 - 1", field="inputs"
            )
