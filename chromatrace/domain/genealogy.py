"""What a batch is made of."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchId


@dataclass(frozen=True, slots=True, order=True)
class Input:
    """A batch that went into another one, and how many of its units did (1 to 2^32 - 1)."""

    batch: BatchId
    quantity: int

    def __post_init__(self) -> None:
        if not 1 <= self.quantity < 1 << 32:
            raise InvalidInput(
                f"1 to 2^32 - 1 units of an input are needed, got {self.quantity}",
                field="inputs",
                hint="say how many units of it went in",
            )
