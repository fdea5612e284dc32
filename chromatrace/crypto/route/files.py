"""Design and trace files, JSON for people and CBOR (RFC 8949, deterministic) for machines; versioned, read strictly.

Schemas `chromatrace.route-design/1` and `chromatrace.route-trace/1`. Both forms hold the same fields; byte strings are
`0x…` in JSON. A file that has other members, or misses one, is refused with the JSON pointer of the member; so is
another writing of the same, whatever differs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import cbor2

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.errors import InvalidStateFile
from chromatrace.crypto.route.design import Profile, RouteDesign, Station
from chromatrace.crypto.route.link import Component
from chromatrace.crypto.route.state import RouteTrace, SignedState, SignedStep
from chromatrace.crypto.step import StepRecord, Verifier
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import RouteId
from chromatrace.domain.rights import RouteKind
from chromatrace.storage.strict_json import parse_any_object

DESIGN_SCHEMA = "chromatrace.route-design/1"
TRACE_SCHEMA = "chromatrace.route-trace/1"

_CBOR_MAP = 0xA0
_CBOR_STRINGS, _CBOR_TAG, _CBOR_SIMPLE, _CBOR_NULL = (2, 3), 6, 7, 0xF6
T = TypeVar("T")


def design_to_json(design: RouteDesign) -> bytes:
    """A design as JSON."""
    return _json(_design(design))


def design_to_cbor(design: RouteDesign) -> bytes:
    """A design as deterministic CBOR."""
    return cbor2.dumps(_design(design), canonical=True)


def trace_to_json(trace: RouteTrace) -> bytes:
    """A trace as JSON."""
    return _json(_trace(trace))


def trace_to_cbor(trace: RouteTrace) -> bytes:
    """A trace as deterministic CBOR."""
    return cbor2.dumps(_trace(trace), canonical=True)


def read_design(data: bytes) -> RouteDesign:
    """A design from either form. Raises `InvalidStateFile`, and `InvalidProofOfPossession`: every key is checked."""
    fields = _Fields(_parsed(data), "")
    fields.schema(DESIGN_SCHEMA)
    design = _built(
        "",
        lambda: RouteDesign(
            Verifier(fields.number("chain_id"), fields.text("verifier")),
            fields.number("owner"),
            fields.text("name"),
            fields.number("version"),
            tuple(_read_station(entry) for entry in fields.entries("stations")),
            _kind(fields.text("kind")),
            _profile(fields.text("profile")),
        ),
    )
    fields.done()
    written = (design_to_cbor if _is_cbor(data) else design_to_json)(design)
    _require_form(data, written, f"`chromatrace route fetch 0x{design.route.hex()} --out FILE` writes it anew")
    return design


def read_trace(data: bytes) -> RouteTrace:
    """A trace from either form. Raises `InvalidStateFile`; whether it holds is for `verify_trace`."""
    fields = _Fields(_parsed(data), "")
    fields.schema(TRACE_SCHEMA)
    trace = _built(
        "",
        lambda: RouteTrace(
            RouteId(fields.data("route")),
            fields.data("subject"),
            tuple(_read_component(entry) for entry in fields.entries("components")),
            tuple(_read_step(entry) for entry in fields.entries("steps")),
        ),
    )
    fields.done()
    written = (trace_to_cbor if _is_cbor(data) else trace_to_json)(trace)
    _require_form(data, written, "take it again, unedited, from the station that wrote it")
    return trace


def _design(design: RouteDesign) -> dict[str, Any]:
    return {
        "schema": DESIGN_SCHEMA,
        "chain_id": design.verifier.chain_id,
        "verifier": design.verifier.address,
        "owner": design.owner,
        "name": design.name,
        "version": design.version,
        "kind": design.kind.name.lower(),
        "profile": str(design.profile),
        "stations": [
            {
                "process": station.process,
                "organisation": station.organisation,
                "key": station.key.data,
                "possession": station.possession.data,
            }
            for station in design.stations
        ],
    }


def _trace(trace: RouteTrace) -> dict[str, Any]:
    return {
        "schema": TRACE_SCHEMA,
        "route": trace.route,
        "subject": trace.subject,
        "components": [{"route": part.route, "subject": part.subject} for part in trace.components],
        "steps": [_step(step) for step in trace.steps],
    }


def _step(step: SignedStep) -> dict[str, Any]:
    state, record = step.state, step.record
    return {
        "message": step.message,
        "aggregate": state.aggregate.data,
        "link": state.link,
        "signature": state.signature.data,
        "signer": state.signer.data,
        "record": None if record is None else {name: getattr(record, name) for name in StepRecord.__slots__},
    }


def _read_station(fields: _Fields) -> Station:
    station = _built(
        fields.path,
        lambda: Station(
            fields.text("process"),
            fields.number("organisation"),
            fields.point("key", PublicKey),
            fields.point("possession", Signature),
        ),
    )
    fields.done()
    return station


def _read_component(fields: _Fields) -> Component:
    component = Component(RouteId(fields.data("route")), fields.data("subject"))
    fields.done()
    return component


def _read_step(fields: _Fields) -> SignedStep:
    step = _built(
        fields.path,
        lambda: SignedStep(
            fields.data("message"),
            SignedState(
                fields.point("aggregate", Signature),
                fields.data("link"),
                fields.point("signature", Signature),
                fields.point("signer", PublicKey),
            ),
            _read_record(fields.optional("record")),
        ),
    )
    fields.done()
    return step


def _read_record(fields: _Fields | None) -> StepRecord | None:
    if fields is None:
        return None
    record = _built(
        fields.path,
        lambda: StepRecord(
            fields.data("route"),
            fields.data("subject"),
            fields.number("step"),
            fields.text("process"),
            fields.data("channel"),
            fields.number("log_size"),
            fields.data("digest"),
            fields.number("completed_at"),
        ),
    )
    fields.done()
    return record


def _built(path: str, build: Callable[[], T]) -> T:
    """What `build` makes; a refused value is named by the JSON pointer of its place in the file."""
    try:
        return build()
    except InvalidStateFile:
        raise
    except InvalidInput as error:
        field = f"{path}/{error.field}" if error.field else path
        raise InvalidStateFile(error.message, field=field or None, hint=error.hint) from error


def _kind(text: str) -> RouteKind:
    try:
        return RouteKind[text.upper()]
    except KeyError as error:
        raise InvalidStateFile(f"processing or assembly is needed, got {text!r}", field="/kind") from error


def _profile(text: str) -> Profile:
    try:
        return Profile(text)
    except ValueError as error:
        raise InvalidStateFile(f"evm or paper is needed, got {text!r}", field="/profile") from error


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, default=lambda data: "0x" + data.hex(), ensure_ascii=False) + "\n").encode()


def _parsed(data: bytes) -> Mapping[str, Any]:
    try:
        if _is_cbor(data):
            _require_plain(data)
        value = cbor2.loads(data) if _is_cbor(data) else parse_any_object(data)
    except (ValueError, cbor2.CBORError, InvalidInput) as error:
        raise InvalidStateFile(f"neither JSON nor CBOR: {error}", hint="give a design or trace file") from error
    if not isinstance(value, dict):
        raise InvalidStateFile("one object is needed")
    return value


def _is_cbor(data: bytes) -> bool:
    return bool(data) and data[0] & 0xE0 == _CBOR_MAP


def _require_plain(data: bytes) -> None:
    """Raises `ValueError` for CBOR that no file of ours has: tags, floats, indefinite lengths.

    Of tags cbor2 would make dates, decimals and regular expressions, and fail over them in as many ways.
    """
    place = 0
    while place < len(data):
        major, argument = data[place] >> 5, data[place] & 0x1F
        if argument > 27 or major == _CBOR_TAG or (major == _CBOR_SIMPLE and data[place] != _CBOR_NULL):
            raise ValueError(f"byte {place:,} begins a tag, a float or something of open length")
        place += 1
        if argument > 23:
            width = 1 << argument - 24
            argument = int.from_bytes(data[place : place + width], "big")
            place += width
        if major in _CBOR_STRINGS:
            place += argument


def _require_form(data: bytes, written: bytes, remedy: str) -> None:
    """One thing has one writing: what does not write back to the same bytes is refused, so that none may change."""
    if data != written:
        place = next((n for n, (a, b) in enumerate(zip(data, written, strict=False)) if a != b), len(written))
        raise InvalidStateFile(
            f"edited or reformatted since it was written: from byte {min(place, len(data)):,} on it is not the one "
            "writing that its content has",
            hint=remedy,
        )


class _Fields:
    """The fields of one object of a file, each read once and by type; `done` refuses what is left over."""

    def __init__(self, value: Mapping[str, Any], path: str) -> None:
        self._left = dict(value)
        self.path = path

    def schema(self, expected: str) -> None:
        found = self._take("schema")
        if found != expected:
            raise InvalidStateFile(
                f"{expected} is needed, got {found!r}", field="/schema", hint="the file is of another kind or version"
            )

    def text(self, name: str) -> str:
        value = self._take(name)
        if not isinstance(value, str):
            raise InvalidStateFile(f"text is needed, got {value!r}", field=self._at(name))
        return value

    def number(self, name: str) -> int:
        value = self._take(name)
        if type(value) is not int:
            raise InvalidStateFile(f"a whole number is needed, got {value!r}", field=self._at(name))
        return value

    def data(self, name: str) -> bytes:
        value = self._take(name)
        if isinstance(value, str) and value.startswith("0x"):
            try:
                value = bytes.fromhex(value[2:])
            except ValueError as error:
                raise InvalidStateFile("no hexadecimal", field=self._at(name)) from error
        if not isinstance(value, bytes):
            raise InvalidStateFile("bytes are needed, as 0x… in JSON", field=self._at(name))
        return value

    def point(self, name: str, build: Callable[[bytes], T]) -> T:
        data = self.data(name)
        try:
            return build(data)
        except InvalidInput as error:
            raise InvalidStateFile(error.message, field=self._at(name), hint=error.hint) from error

    def entries(self, name: str) -> list[_Fields]:
        value = self._take(name)
        if not isinstance(value, list):
            raise InvalidStateFile("a list is needed", field=self._at(name))
        return [self._object(entry, f"{self._at(name)}/{number}") for number, entry in enumerate(value)]

    def optional(self, name: str) -> _Fields | None:
        value = self._take(name)
        return None if value is None else self._object(value, self._at(name))

    def done(self) -> None:
        for name in self._left:
            raise InvalidStateFile("no such field", field=self._at(str(name)))

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise InvalidStateFile("this field is missing", field=self._at(name))
        return self._left.pop(name)

    def _object(self, value: Any, path: str) -> _Fields:
        if not isinstance(value, dict):
            raise InvalidStateFile("an object is needed", field=path)
        return _Fields(value, path)

    def _at(self, name: str) -> str:
        return f"{self.path}/{name.replace('~', '~0').replace('/', '~1')}"
