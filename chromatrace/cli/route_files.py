"""Design and trace files of the command line: what is refused is named by file, and written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chromatrace.domain.errors import NotFound
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from chromatrace.crypto.route import RouteDesign, RouteTrace

T = TypeVar("T")


def load_design(path: Path) -> RouteDesign:
    """The design in a file; a refusal names the file."""
    from chromatrace.crypto.route.files import read_design

    return _loaded(path, "design", read_design)


def load_trace(path: Path) -> RouteTrace:
    """The trace in a file; a refusal names the file."""
    from chromatrace.crypto.route.files import read_trace

    return _loaded(path, "trace", read_trace)


def save_design(path: Path, made: RouteDesign) -> None:
    """As CBOR where the name ends in .cbor, else as JSON."""
    from chromatrace.crypto.route.files import design_to_cbor, design_to_json

    _save(path, (design_to_cbor if path.suffix == ".cbor" else design_to_json)(made))


def save_trace(path: Path, trace: RouteTrace) -> None:
    """As CBOR where the name ends in .cbor, else as JSON."""
    from chromatrace.crypto.route.files import trace_to_cbor, trace_to_json

    _save(path, (trace_to_cbor if path.suffix == ".cbor" else trace_to_json)(trace))


def _loaded(path: Path, what: str, read: Callable[[bytes], T]) -> T:
    from chromatrace.crypto.errors import StateFileError

    try:
        return read(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFound(f"there is no {what} file {path}", field=what) from error
    except StateFileError as error:
        raise StateFileError(f"{path}: {error.message}", field=error.field, hint=error.hint) from error


def _save(path: Path, data: bytes) -> None:
    """Whole or not at all: a station that loses power keeps the state before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deliver(path, [data])
