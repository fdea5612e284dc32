"""What commands print: facts for people or as JSON, progress on standard error, refusals in one shape."""

from __future__ import annotations

import dataclasses
import enum
import errno
import getpass
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from chromatrace.domain.errors import ChromaTraceError, InvalidInput, Unavailable
from chromatrace.domain.identifiers import Gln, Gtin, Lot, Serial, Sscc

_LAST_SECOND = 253_402_300_799
"""Of the year 9999."""

err = Console(stderr=True)
out = Console()

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_IN_LINES = {code: text for code, text in _CONTROL.items() if code != ord("\n")}

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for a machine to read.")


def jsonable(value: Any) -> Any:
    """What the JSON encoder does not know: bytes as 0x…, paths and identifiers as text, enums by name."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, enum.Flag):
        return [member.name.lower() for member in value if member.name]
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, Gtin | Gln | Sscc | Lot | Serial):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if type(value) is int and not -(2**63) <= value < 2**64:
        return str(value)
    if value is None or type(value) in (str, int, float, bool):
        return value
    return _plain(jsonable(value))


def moment(seconds: int) -> str:
    """Unix seconds for people; a validity that does not end is said to be so."""
    if seconds > _LAST_SECOND:
        return "no end"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def dump(value: Any) -> str:
    """One JSON document, indented."""
    return orjson.dumps(_plain(value), option=orjson.OPT_INDENT_2).decode()


def emit(as_json: bool, facts: dict[str, Any], human: Callable[[], None] | None = None) -> None:
    """Prints `facts` as JSON, or for people by `human` (default: a line each)."""
    if as_json:
        click.echo(dump(facts))
    elif human is not None:
        human()
    else:
        _print_facts(_plain(facts), indent=0)


def say(text: str) -> None:
    """One line for people on standard output. Control characters in it, of a name from the chain, say, are shown as
    `\\x1b`: nobody else writes to our terminal."""
    click.echo(text.translate(_CONTROL))


def _print_facts(facts: dict[str, Any], indent: int) -> None:
    width = max((len(key) for key in facts), default=0)
    for key, value in facts.items():
        label = " " * indent + key.replace("_", " ")
        if isinstance(value, dict) and value:
            say(label)
            _print_facts(value, indent + 2)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            say(label)
            for item in value:
                _print_facts(item, indent + 2)
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            say(f"{label:<{width + indent}}  {'-' if text in (None, {}, '') else text}")


def prompt_password(label: str, variable: str, *, confirm: bool = False) -> str:
    """Ask for a password at the terminal; raises `InvalidInput` naming `variable` if there is no terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", getpass.GetPassWarning)
        try:
            return str(click.prompt(label, hide_input=True, confirmation_prompt=confirm, err=True))
        except click.Abort:
            if sys.stdin.isatty():
                raise
    raise InvalidInput(f"no password, and no terminal to ask for one ({label})", field=variable, hint=f"set {variable}")


def warn(text: str) -> None:
    """Print a warning on standard error; a leading `INSECURE: ` is highlighted."""
    mark = "INSECURE" if text.startswith("INSECURE: ") else "warning"
    tell(text.removeprefix("INSECURE: "), mark=mark, style="bold yellow")


def tell(text: str, *, mark: str = "", style: str = "") -> None:
    """For people on standard error: `mark` in `style`, then `text`, never folded; control characters as by `say`."""
    line = Text.assemble((mark, style), " " if mark else "", text.translate(_IN_LINES))
    err.print(line, soft_wrap=True)


@contextmanager
def report_errors() -> Iterator[None]:
    """Turns every refusal of ours, and a file that cannot be read or written, into one message and exit status 1."""
    try:
        yield
    except ChromaTraceError as refusal:
        _refuse(refusal)
        raise SystemExit(1) from refusal
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise  # whoever read our output has seen enough: click ends quietly
        where = None if error.filename is None else str(error.filename)
        full = where is None or error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "is the disk that it is written to full?" if full else "does the folder exist, may you use it?"
        _refuse(Unavailable(error.strerror or str(error), field=where, hint=hint))
        raise SystemExit(1) from error


def _refuse(refusal: ChromaTraceError) -> None:
    if "--json" in sys.argv:
        with suppress(OSError):
            click.echo(dump(refusal.as_dict()))
            return
    _let_go_of_output()
    tell(f"{refusal.field + ': ' if refusal.field else ''}{refusal.message}", mark="refused", style="bold red")
    if refusal.hint:
        tell(f"        {refusal.hint}")


def _let_go_of_output() -> None:
    """What standard output holds and does not take is given up: Python would try again at its end, and exit by 120."""
    try:
        sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())


@contextmanager
def progress(
    description: str, total: float | None = None, *, hidden: bool = False
) -> Iterator[Callable[[float], None]]:
    """A progress bar on standard error; the callable takes how much is done so far, out of `total`."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        *((MofNCompleteColumn(),) if total else ()),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=hidden or not err.is_terminal) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)
