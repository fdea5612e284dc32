"""ABI encoding of the parameters of calls, results, events and errors.

eth-abi encodes and decodes; `strict_abi` adds what it leaves open. It is imported on first use, because importing it
takes 0.3 s. Source: Solidity documentation, "Contract ABI Specification".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chromatrace.ethereum.errors import AbiError

AbiParameter = Mapping[str, Any]
"""One entry of `inputs` or `outputs` in an ABI: `name`, `type` and, for structs, `components`."""

_ARRAY = re.compile(r"(.*)\[\d*\]")


def bytes_of(value: object) -> bytes:
    """Return bytes, or 0x-prefixed text, as bytes. Raises `AbiError`."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError as error:
            raise AbiError(f"{value!r} is not hexadecimal") from error
    raise AbiError(f"expected bytes or 0x-prefixed text, got {value!r}")


def type_of(parameter: AbiParameter) -> str:
    """Return the canonical type, with structs as the list of their members' types."""
    kind: str = parameter["type"]
    if kind.startswith("tuple"):
        return f"({','.join(map(type_of, parameter['components']))}){kind[5:]}"
    return kind


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a call, its result, an event's data or an error, in the order of the ABI.

    Values are int, bool, EIP-55 text for addresses, bytes, str, and sequences for arrays and structs.
    """

    declared: tuple[AbiParameter, ...]
    names: tuple[str, ...]
    types: tuple[str, ...]

    @classmethod
    def of(cls, declared: Sequence[AbiParameter]) -> Parameters:
        """Read the `inputs` or `outputs` of an ABI entry. A parameter without a name is named by its index."""
        names = tuple(parameter["name"] or str(index) for index, parameter in enumerate(declared))
        return cls(tuple(declared), names, tuple(map(type_of, declared)))

    @property
    def signature(self) -> str:
        """The types in parentheses, as selectors hash them."""
        return f"({','.join(self.types)})"

    def encode(self, values: Sequence[object]) -> bytes:
        """Return the encoded values. Raises `AbiError` that names the parameter whose value does not fit."""
        from eth_abi.exceptions import EncodingError

        from chromatrace.ethereum.strict_abi import CODEC

        if len(values) != len(self.types):
            raise AbiError(f"expected {len(self.types)} values ({', '.join(self.names)}), got {len(values)}")
        try:
            return CODEC.encode(self.types, values)
        except (EncodingError, TypeError, OverflowError, UnicodeError) as error:
            for name, kind, value in zip(self.names, self.types, values, strict=True):
                if not CODEC.is_encodable(kind, value):
                    raise AbiError(f"{value!r} is not a valid {kind}", field=name) from error
            raise AbiError(str(error)) from error

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Return the values, structs and arrays as tuples. Raises `AbiError` if the data is malformed."""
        from eth_abi.exceptions import DecodingError

        from chromatrace.ethereum.strict_abi import CODEC

        try:
            return CODEC.decode(self.types, data)
        except (DecodingError, OverflowError, ValueError) as error:
            raise AbiError(f"malformed {self.signature}: {error}") from error

    def decode_named(self, data: bytes) -> dict[str, Any]:
        """Return the values by name: structs as dicts by member, arrays as lists."""
        values = zip(self.names, self.declared, self.decode(data), strict=True)
        return {name: _named(parameter, value) for name, parameter, value in values}


def _named(parameter: AbiParameter, value: Any) -> Any:
    array = _ARRAY.fullmatch(parameter["type"])
    if array:
        element = {**parameter, "type": array[1]}
        return [_named(element, item) for item in value]
    if parameter["type"] == "tuple":
        members = zip(parameter["components"], value, strict=True)
        return {member["name"]: _named(member, item) for member, item in members}
    return value
