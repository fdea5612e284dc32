"""Output of commands: facts as text or JSON, progress and errors on standard error."""

from __future__ import annotations

import dataclasses
import enum
import errno
import functools
import getpass
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from chromatrace.domain.errors import ChromaTraceError, InvalidInput, Unavailable

if TYPE_CHECKING:
    from rich.console import Console

_LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second that `datetime` can represent."""


@functools.cache
def err() -> Console:
    """Return the console of standard error. Rich is imported only when something is printed with it."""
    from rich.console import Console

    return Console(stderr=True)


@functools.cache
def out() -> Console:
    """Return the console of standard output."""
    from rich.console import Console

    return Console()


_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_IN_LINES = {code: text for code, text in _CONTROL.items() if code != ord("\n")}

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def jsonable(value: Any) -> Any:
    """Return a JSON value for a type that the encoder does not know: bytes as 0x…, enums by name, others as text."""
    from chromatrace.domain.identifiers import CompanyPrefix, Gln, Gtin, Lot, Serial, Sscc

    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, enum.Flag):
        return [member.name.lower() for member in value if member.name]
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, Gtin | Gln | Sscc | Lot | Serial | CompanyPrefix):
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


def format_time(seconds: int) -> str:
    """Return Unix seconds as text; times after the year 9999 mean "no end"."""
    if seconds > _LAST_SECOND:
        return "no end"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def dump(value: Any) -> str:
    """Return an indented JSON document."""
    return orjson.dumps(_plain(value), option=orjson.OPT_INDENT_2).decode()


def emit(as_json: bool, facts: dict[str, Any], human: Callable[[], None] | None = None) -> None:
    """Print `facts` as JSON, or as text with `human` (default: one line for each fact)."""
    if as_json:
        click.echo(dump(facts))
    elif human is not None:
        human()
    else:
        _print_facts(_plain(facts), indent=0)


def print_line(text: str) -> None:
    """Print one line on standard output. Control characters, for example in a name from the chain, are escaped: data
    must not control the terminal."""
    click.echo(text.translate(_CONTROL))


def _print_facts(facts: dict[str, Any], indent: int) -> None:
    width = max((len(key) for key in facts), default=0)
    for key, value in facts.items():
        label = " " * indent + key.replace("_", " ")
        if isinstance(value, dict) and value:
            print_line(label)
            _print_facts(value, indent + 2)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            print_line(label)
            for item in value:
                _print_facts(item, indent + 2)
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            print_line(f"{label:<{width + indent}}  {'-' if text in (None, {}, '') else text}")


def prompt_password(label: str, variable: str, *, confirm: bool = False) -> str:
    """Ask for a password at the terminal; raises `InvalidInput` naming `variable` if there is no terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", getpass.GetPassWarning)
        try:
            return str(click.prompt(label, hide_input=True, confirmation_prompt=confirm, err=True))
        except click.Abort:
            if sys.stdin.isatty():
                raise
    raise InvalidInput(
        f"a password is required, and there is no terminal to prompt for it ({label})",
        field=variable,
        hint=f"set {variable}",
    )


def confirm(question: str) -> None:
    """Ask a question at the terminal; end the command unless the answer is yes.

    Raises `InvalidInput` naming the option --yes if there is no terminal.
    """
    if not sys.stdin.isatty():
        raise InvalidInput(
            f"confirmation is required: {question}", field="yes", hint="repeat the command with --yes to confirm"
        )
    click.confirm(question, abort=True, err=True)


def print_warning(text: str) -> None:
    """Print a warning on standard error; a leading `INSECURE: ` is highlighted."""
    mark = "INSECURE" if text.startswith("INSECURE: ") else "warning"
    print_note(text.removeprefix("INSECURE: "), mark=mark, style="bold yellow")


def print_note(text: str, *, mark: str = "", style: str = "") -> None:
    """Print `mark` in `style` and `text` on standard error, without line breaks; control characters are escaped."""
    from rich.text import Text

    line = Text.assemble((mark, style), " " if mark else "", text.translate(_IN_LINES))
    err().print(line, soft_wrap=True)


@contextmanager
def report_errors() -> Iterator[None]:
    """Turn every error of the project, and of a file, into one message and exit status 1."""
    try:
        yield
    except ChromaTraceError as error:
        _print_error(error)
        raise SystemExit(1) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise  # the reader closed the pipe: click exits quietly
        path = None if error.filename is None else str(error.filename)
        full = path is None or error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "check that the disk is not full" if full else "check that the folder exists and its permissions"
        _print_error(Unavailable(error.strerror or str(error), field=path, hint=hint))
        raise SystemExit(1) from error


def _print_error(error: ChromaTraceError) -> None:
    if "--json" in sys.argv:
        with suppress(OSError):
            click.echo(dump(error.as_dict()))
            return
    _discard_unwritten_output()
    print_note(f"{error.field + ': ' if error.field else ''}{error.message}", mark="error:", style="bold red")
    if error.hint:
        print_note(f"       {error.hint}")


def _discard_unwritten_output() -> None:
    """Discard buffered output that cannot be written: Python would try again when it exits, with status 120."""
    try:
        sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())


@contextmanager
def progress(
    description: str, total: float | None = None, *, hidden: bool = False
) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on standard error; the callable takes the amount done so far, out of `total`."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        *((MofNCompleteColumn(),) if total else ()),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err(), transient=True, disable=hidden or not err().is_terminal) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)
