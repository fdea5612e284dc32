"""Design and trace files: JSON to read, deterministic CBOR (RFC 8949) to exchange.

Schemas `chromatrace.route-design/1` and `chromatrace.route-trace/1`. Both encodings have the same members; byte strings
are `0x…` in JSON. A file with a missing or unknown member, or in any other encoding of the same content, is rejected
with the JSON pointer of the member.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import cbor2
import msgspec

from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.errors import StateFileError
from chromatrace.crypto.route.design import Profile, RouteDesign, RouteStation
from chromatrace.crypto.route.link import Component
from chromatrace.crypto.route.state import RouteTrace, SignedState, SignedStep
from chromatrace.crypto.step import StepRecord, Verifier
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import RouteId
from chromatrace.domain.rights import RouteKind
from chromatrace.storage import strict_json
from chromatrace.storage.strict_json import Digest, Hex, JsonObject, below

DESIGN_SCHEMA = "chromatrace.route-design/1"
TRACE_SCHEMA = "chromatrace.route-trace/1"

_CBOR_MAP = 0xA0
_CBOR_STRINGS, _CBOR_TAG, _CBOR_SIMPLE, _CBOR_NULL = (2, 3), 6, 7, 0xF6
T = TypeVar("T")


class _StationEntry(JsonObject, frozen=True):
    process: str
    organisation: int
    key: Hex
    possession: Hex


class _DesignFile(JsonObject, frozen=True, tag_field="schema", tag=DESIGN_SCHEMA):
    chain_id: int
    verifier: str
    owner: int
    name: str
    version: int
    kind: Literal["processing", "assembly"]
    profile: Profile
    stations: tuple[_StationEntry, ...]


class _ComponentEntry(JsonObject, frozen=True):
    route: Digest
    subject: Digest


class _RecordEntry(JsonObject, frozen=True):
    route: Digest
    subject: Digest
    step: int
    process: str
    channel: Digest
    log_size: int
    digest: Digest
    completed_at: int


class _StepEntry(JsonObject, frozen=True):
    message: Digest
    aggregate: Hex
    link: Digest
    signature: Hex
    signer: Hex
    record: _RecordEntry | None


class _TraceFile(JsonObject, frozen=True, tag_field="schema", tag=TRACE_SCHEMA):
    route: Digest
    subject: Digest
    components: tuple[_ComponentEntry, ...]
    steps: tuple[_StepEntry, ...]


def design_to_json(design: RouteDesign) -> bytes:
    """Encode a design as JSON."""
    return _json(_design_file(design))


def design_to_cbor(design: RouteDesign) -> bytes:
    """Encode a design as deterministic CBOR."""
    return _cbor(_design_file(design))


def trace_to_json(trace: RouteTrace) -> bytes:
    """Encode a trace as JSON."""
    return _json(_trace_file(trace))


def trace_to_cbor(trace: RouteTrace) -> bytes:
    """Encode a trace as deterministic CBOR."""
    return _cbor(_trace_file(trace))


def read_design(data: bytes) -> RouteDesign:
    """Decode a design and check its keys. Raises `StateFileError`, `PossessionError`."""
    with _as_state_file_error():
        content = strict_json.convert(_parsed(data), _DesignFile)
        stations = tuple(_station(entry, f"/stations/{index}") for index, entry in enumerate(content.stations))
        design = RouteDesign(
            Verifier(content.chain_id, content.verifier),
            content.owner,
            content.name,
            content.version,
            stations,
            RouteKind[content.kind.upper()],
            content.profile,
        )
    encoding = design_to_cbor(design) if _is_cbor(data) else design_to_json(design)
    _require_encoding(data, encoding, f"run `chromatrace route fetch 0x{design.route.hex()} --out FILE` for a new copy")
    return design


def read_trace(data: bytes) -> RouteTrace:
    """Decode a trace, without verifying its signatures (`verify_trace` does). Raises `StateFileError`."""
    with _as_state_file_error():
        content = strict_json.convert(_parsed(data), _TraceFile)
        trace = RouteTrace(
            RouteId(content.route),
            content.subject,
            tuple(Component(RouteId(entry.route), entry.subject) for entry in content.components),
            tuple(_signed_step(entry, f"/steps/{index}") for index, entry in enumerate(content.steps)),
        )
    encoding = trace_to_cbor(trace) if _is_cbor(data) else trace_to_json(trace)
    _require_encoding(data, encoding, "get the unedited file from the station that wrote it")
    return trace


def _design_file(design: RouteDesign) -> _DesignFile:
    return _DesignFile(
        design.verifier.chain_id,
        design.verifier.address,
        design.owner,
        design.name,
        design.version,
        "assembly" if design.kind is RouteKind.ASSEMBLY else "processing",
        design.profile,
        tuple(
            _StationEntry(station.process, station.organisation, Hex(station.key.data), Hex(station.possession.data))
            for station in design.stations
        ),
    )


def _trace_file(trace: RouteTrace) -> _TraceFile:
    return _TraceFile(
        Digest(trace.route),
        Digest(trace.subject),
        tuple(_ComponentEntry(Digest(part.route), Digest(part.subject)) for part in trace.components),
        tuple(_step_entry(step) for step in trace.steps),
    )


def _step_entry(step: SignedStep) -> _StepEntry:
    state, record = step.state, step.record
    return _StepEntry(
        Digest(step.message),
        Hex(state.aggregate.data),
        Digest(state.link),
        Hex(state.signature.data),
        Hex(state.signer.data),
        None
        if record is None
        else _RecordEntry(
            Digest(record.route),
            Digest(record.subject),
            record.step,
            record.process,
            Digest(record.channel),
            record.log_size,
            Digest(record.digest),
            record.completed_at,
        ),
    )


def _station(entry: _StationEntry, pointer: str) -> RouteStation:
    key = _point(PublicKey, entry.key, f"{pointer}/key")
    possession = _point(Signature, entry.possession, f"{pointer}/possession")
    with below(pointer):
        return RouteStation(entry.process, entry.organisation, key, possession)


def _signed_step(entry: _StepEntry, pointer: str) -> SignedStep:
    state = SignedState(
        _point(Signature, entry.aggregate, f"{pointer}/aggregate"),
        entry.link,
        _point(Signature, entry.signature, f"{pointer}/signature"),
        _point(PublicKey, entry.signer, f"{pointer}/signer"),
    )
    with below(f"{pointer}/record"):
        record = None if entry.record is None else StepRecord(**msgspec.structs.asdict(entry.record))
    return SignedStep(entry.message, state, record)


def _point(build: Callable[[bytes], T], data: bytes, pointer: str) -> T:
    with below(pointer, whole=True):
        return build(bytes(data))


@contextmanager
def _as_state_file_error() -> Iterator[None]:
    try:
        yield
    except StateFileError:
        raise
    except InvalidInput as error:
        pointer = error.field and "/" + error.field.removeprefix("/")
        raise StateFileError(error.message, field=pointer, hint=error.hint) from error


def _json(content: JsonObject) -> bytes:
    return (json.dumps(strict_json.to_builtins(content), indent=1, ensure_ascii=False) + "\n").encode()


def _cbor(content: JsonObject) -> bytes:
    return cbor2.dumps(msgspec.to_builtins(content, builtin_types=(bytes,), enc_hook=bytes), canonical=True)


def _parsed(data: bytes) -> Any:
    try:
        if _is_cbor(data):
            _require_plain_cbor(data)
            return _bytes_as_hex(cbor2.loads(data))
        return strict_json.parse(data)
    except (ValueError, cbor2.CBORError, InvalidInput) as error:
        raise StateFileError(f"neither JSON nor CBOR: {error}", hint="give a design or trace file") from error


def _bytes_as_hex(value: Any) -> Any:
    if isinstance(value, bytes):
        return Hex(value).to_json()
    if isinstance(value, dict):
        return {name: _bytes_as_hex(member) for name, member in value.items()}
    return [_bytes_as_hex(item) for item in value] if isinstance(value, list) else value


def _is_cbor(data: bytes) -> bool:
    return bool(data) and data[0] & 0xE0 == _CBOR_MAP


def _require_plain_cbor(data: bytes) -> None:
    """Raise `ValueError` for tags, floats and indefinite lengths, which these files do not contain.

    cbor2 would turn tags into dates, decimals and regular expressions, with many possible exceptions.
    """
    position = 0
    while position < len(data):
        major, argument = data[position] >> 5, data[position] & 0x1F
        if argument > 27 or major == _CBOR_TAG or (major == _CBOR_SIMPLE and data[position] != _CBOR_NULL):
            raise ValueError(f"tag, float or indefinite length at byte {position:,}")
        position += 1
        if argument > 23:
            width = 1 << argument - 24
            argument = int.from_bytes(data[position : position + width], "big")
            position += width
        if major in _CBOR_STRINGS:
            position += argument


def _require_encoding(data: bytes, encoding: bytes, hint: str) -> None:
    """Reject any other encoding of the same content. No byte of a file can then change unnoticed."""
    if data != encoding:
        pairs = enumerate(zip(data, encoding, strict=False))
        position = next((index for index, (a, b) in pairs if a != b), min(len(data), len(encoding)))
        raise StateFileError(f"the file was edited or reformatted from byte {position:,}", hint=hint)
