"""A range of consecutive unit serials, to which a batch commits with one Merkle root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Serial

MAX_COUNT = 10_000_000
"""Maximum number of units in one batch."""


@dataclass(frozen=True, slots=True)
class SerialRange:
    """`count` serials from `first`, each with `width` decimal digits, including leading zeros.

    The width is part of the commitment: "000042" and "42" are different serials. Raises `InvalidInput` naming `first`,
    `count` or `width`.
    """

    first: int
    count: int
    width: int

    def __post_init__(self) -> None:
        for name, minimum, maximum in (("first", 0, 10**20 - 1), ("count", 1, MAX_COUNT), ("width", 1, 20)):
            number = getattr(self, name)
            if type(number) is not int or not minimum <= number <= maximum:
                raise InvalidInput(f"expected a whole number from {minimum} to {maximum}, got {number!r}", field=name)
        if self.last >= 10**self.width:
            raise InvalidInput(
                f"the last serial is {self.last}; it does not fit in {self.width} digits",
                field="width",
                hint=f"use a width of at least {len(str(self.last))}",
            )

    @property
    def last(self) -> int:
        """The number of the last serial."""
        return self.first + self.count - 1

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Serial]:
        return (Serial(text) for text in self.texts())

    def __contains__(self, serial: object) -> bool:
        return isinstance(serial, Serial) and self._number(serial) is not None

    def texts(self) -> Iterator[str]:
        """Yield the serials as text, without a validated object for each, to hash millions quickly."""
        width = self.width
        return (f"{number:0{width}d}" for number in range(self.first, self.first + self.count))

    def serial(self, index: int) -> Serial:
        """Return the serial at `index`, from 0."""
        if not 0 <= index < self.count:
            raise InvalidInput(f"expected an index from 0 to {self.count - 1}, got {index}", field="index")
        return Serial(f"{self.first + index:0{self.width}d}")

    def index(self, serial: Serial) -> int:
        """Return the index of `serial`, from 0. Raises `InvalidInput` naming `serial` if it is outside the range."""
        number = self._number(serial)
        if number is None:
            raise InvalidInput(f"serial {serial} is not in {self}", field="serial")
        return number - self.first

    def slice(self, first: int, count: int) -> SerialRange:
        """Return the part of the range from the number `first`. Raises `InvalidInput` if it exceeds the range."""
        part = SerialRange(first, count, self.width)
        if part.first < self.first or part.last > self.last:
            raise InvalidInput(f"{part} is not within {self}", field="first")
        return part

    def _number(self, serial: Serial) -> int | None:
        text = serial.value
        if len(text) != self.width or not (text.isascii() and text.isdigit()):
            return None
        number = int(text)
        return number if self.first <= number <= self.last else None

    def __str__(self) -> str:
        return f"{self.first:0{self.width}d}-{self.last:0{self.width}d}"
