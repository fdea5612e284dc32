"""Arguments, options and parameter types that several commands share."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntFlag
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from chromatrace.cli.output import emit
from chromatrace.domain.addresses import parse_address
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.numbers import parse_whole
from chromatrace.domain.rights import Role, Scope, Stage
from chromatrace.number_types import WholeRange

if TYPE_CHECKING:
    from chromatrace.chain.calls import Call
    from chromatrace.services.workspace import Workspace


def batch_argument(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments GTIN and LOT, passed as the `BatchKey` `key`."""

    @functools.wraps(command)
    def with_key(*args: Any, gtin: str, lot: str, **options: Any) -> None:
        command(*args, key=BatchKey.parse(gtin, lot), **options)

    return click.argument("gtin")(click.argument("lot")(with_key))


reason_option = click.option("--reason", required=True, help="Reason, recorded on the chain and readable by anyone.")
organisation_option = click.option(
    "--organisation",
    type=WholeRange(1, 2**32 - 1),
    help="Number of the owning organisation, if several use this name or key. Default: your own.",
)


def parse_batch(text: str) -> BatchKey:
    """Parse GTIN/LOT."""
    gtin, _, lot = text.partition("/")
    return BatchKey.parse(gtin, lot)


def parse_bytes32(text: str, field: str) -> bytes:
    """Parse 0x and 64 hexadecimal digits; raises `InvalidInput` naming `field`."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        raise InvalidInput(f"expected 0x and 64 hexadecimal digits, got {text!r}", field=field)
    return bytes.fromhex(text[2:])


def parse_input(text: str) -> Input:
    """Parse GTIN/LOT=UNITS; a lot may itself contain `=`."""
    name, equals, units = text.rpartition("=")
    if not equals or not units:
        raise InvalidInput(
            f"expected GTIN/LOT=UNITS, got {text!r}: the number of units is missing",
            field="input",
            hint="for example 09521234500025/G-7741=100",
        )
    try:
        quantity = parse_whole(units, "input")
    except InvalidInput as error:
        raise InvalidInput(f"number of units: {error.message}", field="input", hint=error.hint) from error
    return Input(parse_batch(name).batch_id, quantity)


def parse_pair(text: str, option: str, form: str) -> tuple[str, str]:
    """Parse NAME=VALUE; `form` describes it in the error."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise InvalidInput(f"expected {form}, got {text!r}", field=option)
    return name, value


def read_json(path: Path, field: str) -> Any:
    """Return the content of a JSON file; raises `InvalidInput` naming `field`."""
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not JSON: {error}", field=field) from error


@contextmanager
def batches_named(*keys: BatchKey) -> Iterator[None]:
    """Replace batch ids by GTIN and lot in the contract errors that the block raises."""
    from chromatrace.ethereum.contract_error_arguments import render
    from chromatrace.ethereum.errors import ContractError

    try:
        yield
    except ContractError as error:
        for key in keys:
            identifier = render("batch", bytes(key.batch_id), "bytes32")
            error.message = error.message.replace(identifier, f"{key.gtin}/{key.lot}")
        raise


def submit_call(workspace: Workspace, as_json: bool, call: Call, *keys: BatchKey) -> None:
    """Send a call and print its transaction and block. Errors name the batches `keys` by GTIN and lot."""
    with batches_named(*keys):
        receipt = workspace.chain.submit(call)
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number})


class FlagList(click.ParamType[IntFlag]):
    """Names of a flag enumeration, separated by commas; `none` for no flag."""

    def __init__(self, flags: type[IntFlag]) -> None:
        self.flags = flags
        self.name = ",".join(member.name.lower() for member in flags if member.name)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, self.flags):
            return value
        flags = self.flags(0)
        if value == "none":
            return flags
        for name in str(value).split(","):
            try:
                flags |= self.flags[name.strip().upper()]
            except KeyError:
                self.fail(f"{name.strip()!r} is not one of {self.name}", param, ctx)
        return flags


class _Address(click.ParamType[str]):
    """An address, converted to EIP-55 text."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return parse_address(value, (param and param.name) or self.name)


class StageList(click.ParamType[frozenset[Stage]]):
    """Names of stages, separated by commas; `none` for no stage."""

    name = "first,final"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, frozenset):
            return value
        names = [] if value == "none" else [name.strip().upper() for name in str(value).split(",")]
        unknown = next((name for name in names if name not in Stage.__members__), None)
        if unknown is not None:
            self.fail(f"{unknown.lower()!r} is not one of {self.name}", param, ctx)
        return frozenset(Stage[name] for name in names)


ADDRESS = _Address()
STAGES = StageList()
ROLES = FlagList(Role)
SCOPES = FlagList(Scope)
