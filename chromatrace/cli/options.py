"""Arguments and options that several commands share, parsed once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntFlag
from typing import Any, TypeVar

import click

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import Role, Scope

Command = TypeVar("Command", bound=Callable[..., Any])


def batch_argument(command: Command) -> Command:
    """Adds the arguments GTIN and LOT, given to the command as `gtin` and `lot`."""
    return click.argument("gtin")(click.argument("lot")(command))


def parse_batch(text: str) -> BatchKey:
    """GTIN/LOT, as batches are named in lists."""
    gtin, _, lot = text.partition("/")
    return BatchKey.parse(gtin, lot)


def parse_bytes32(text: str, field: str) -> bytes:
    """32 bytes from 0x and 64 digits."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        raise InvalidInput(f"32 bytes as 0x and 64 hexadecimal digits are needed, got {text!r}", field=field)
    return bytes.fromhex(text[2:])


def parse_input(text: str) -> Input:
    """GTIN/LOT=UNITS: so many units of that batch. A lot may have a `=` of its own: the last one counts."""
    name, equals, units = text.rpartition("=")
    if not equals or not units.isdecimal():
        raise InvalidInput(
            f"{text!r} does not say how many units go in",
            field="input",
            hint="GTIN/LOT=UNITS, for example 09521234500025/G-7741=100",
        )
    return Input(parse_batch(name).batch_id, int(units))


@contextmanager
def naming(*keys: BatchKey) -> Iterator[None]:
    """What a contract refuses inside is told of these batches by GTIN and lot; the contract knows hashes only."""
    from chromatrace.ethereum.contract_errors import render
    from chromatrace.ethereum.errors import ContractError

    try:
        yield
    except ContractError as refusal:
        for key in keys:
            refusal.message = refusal.message.replace(
                render("batch", bytes(key.batch_id), "bytes32"), f"{key.gtin}/{key.lot}"
            )
        raise


class FiniteRange(click.FloatRange):
    """A range of numbers, NaN and the infinite ones refused: no comparison with a bound does that to NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number", param, ctx)
        return super().convert(number, param, ctx)


class FlagList(click.ParamType[IntFlag]):
    """Names of a flag enumeration, separated by commas."""

    def __init__(self, flags: type[IntFlag]) -> None:
        self.flags = flags
        self.name = ",".join(member.name.lower() for member in flags if member.name)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, self.flags):
            return value
        found = self.flags(0)
        for name in str(value).split(","):
            try:
                found |= self.flags[name.strip().upper()]
            except KeyError:
                self.fail(f"{name.strip()!r} is none of {self.name}", param, ctx)
        return found


ROLES = FlagList(Role)
SCOPES = FlagList(Scope)

organisation_option = click.option(
    "--organisation",
    type=click.IntRange(1, 2**32 - 1),
    help="Number of the organisation whose it is, where several have one with that key. Default: ours.",
)
