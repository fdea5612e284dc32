"""A proof bundle: everything that is needed to check a batch or a unit against block hashes, in one JSON file.

    schema       "chromatrace.bundle/1"
    chain_id     of the chain
    contracts    address by contract name
    subject      {gtin, lot, serial or null}
    headers      RLP of block headers, by rising number; neighbours vouch for each other
    receipts     [{block, index, proof}]: a receipt under its block's receiptsRoot
    state        {block, account, storage} or null: the batch's slot under a block's stateRoot
    documents    canonical JSON texts whose SHA-256 stands on the chain
    inspections  [{stage, revision, nonce, deadline, signature}]: what the inspector signed beside the event
    readings     [{channel, entry, index, size, path}]: readings under an anchored root
    route        {signature, steps: [{message, record}]} or null: what the stations of the designed route signed
    unit         proof that the serial is one of the batch's, or null

Bytes are 0x and lower-case hexadecimal digits; nonces and deadlines, which may exceed 2^53, strings of digits. The
bundle holds no statement of its own: what it says is what `chromatrace.exchange.verifier` reads out of the receipts.
There is one way to write a bundle: what does not write back to the same bytes is refused, so that no byte may change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import orjson

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.exchange.events import CITED_EVENTS
from chromatrace.exchange.units import UnitProof
from chromatrace.storage.strict_json import MAX_EXACT, below, escape, members, parse_object

Item = TypeVar("Item")

SCHEMA = "chromatrace.bundle/1"
FORM = "members in their order, two spaces of indentation, a line feed at the end: write bundles with to_bytes()"
_HEXADECIMAL = frozenset("0123456789abcdef")
_MEMBERS = [
    "chain_id",
    "contracts",
    "subject",
    "headers",
    "receipts",
    "state",
    "documents",
    "inspections",
    "readings",
    "route",
    "unit",
]


@dataclass(frozen=True, slots=True)
class CitedReceipt:
    """Receipt `index` of block number `block`, and the trie nodes down to it."""

    block: int
    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CitedState:
    """EIP-1186 proof of the batch's slot at block number `block`."""

    block: int
    account: tuple[bytes, ...]
    storage: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CitedSignature:
    """What an inspector signed that the event does not repeat."""

    stage: int
    revision: int
    nonce: int
    deadline: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class CitedReading:
    """A log entry (canonical CBOR of a reading) under the head of `size` leaves of `channel` (its on-chain id)."""

    channel: bytes
    entry: bytes
    index: int
    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CitedRecord:
    """What `chromatrace.crypto.step.StepRecord` says beyond the route's design."""

    channel: bytes
    log_size: int
    digest: bytes
    completed_at: int


@dataclass(frozen=True, slots=True)
class CitedStep:
    """What one station signed: 32 bytes, and the record that they are the hash of, where the bundle has it."""

    message: bytes
    record: CitedRecord | None = None


@dataclass(frozen=True, slots=True)
class CitedRoute:
    """What the stations of the batch's route signed, in order, and their one signature (48 bytes)."""

    signature: bytes
    steps: tuple[CitedStep, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle; see the module for its parts. Parsing checks form only, the verifier checks truth."""

    chain_id: int
    contracts: dict[str, bytes]
    key: BatchKey
    serial: Serial | None
    headers: tuple[bytes, ...]
    receipts: tuple[CitedReceipt, ...]
    state: CitedState | None = None
    documents: tuple[bytes, ...] = ()
    inspections: tuple[CitedSignature, ...] = ()
    readings: tuple[CitedReading, ...] = ()
    route: CitedRoute | None = None
    unit: UnitProof | None = None

    def to_bytes(self) -> bytes:
        """The JSON file."""
        document = {
            "schema": SCHEMA,
            "chain_id": self.chain_id,
            "contracts": {name: _hex(address) for name, address in sorted(self.contracts.items())},
            "subject": {
                "gtin": str(self.key.gtin),
                "lot": str(self.key.lot),
                "serial": self.serial and str(self.serial),
            },
            "headers": [_hex(header) for header in self.headers],
            "receipts": [
                {"block": cited.block, "index": cited.index, "proof": [_hex(node) for node in cited.proof]}
                for cited in self.receipts
            ],
            "state": self.state
            and {
                "block": self.state.block,
                "account": [_hex(node) for node in self.state.account],
                "storage": [_hex(node) for node in self.state.storage],
            },
            "documents": [document.decode("utf-8") for document in self.documents],
            "inspections": [
                {
                    "stage": cited.stage,
                    "revision": cited.revision,
                    "nonce": str(cited.nonce),
                    "deadline": str(cited.deadline),
                    "signature": _hex(cited.signature),
                }
                for cited in self.inspections
            ],
            "readings": [
                {
                    "channel": _hex(cited.channel),
                    "entry": _hex(cited.entry),
                    "index": cited.index,
                    "size": cited.size,
                    "path": [_hex(node) for node in cited.path],
                }
                for cited in self.readings
            ],
            "route": self.route
            and {
                "signature": _hex(self.route.signature),
                "steps": [
                    {
                        "message": _hex(step.message),
                        "record": step.record
                        and {
                            "channel": _hex(step.record.channel),
                            "log_size": step.record.log_size,
                            "digest": _hex(step.record.digest),
                            "completed_at": step.record.completed_at,
                        },
                    }
                    for step in self.route.steps
                ],
            },
            "unit": self.unit and self.unit.as_json(),
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads the JSON file; `InvalidInput` with the JSON pointer of what is malformed."""
        parts = members(parse_object(data, SCHEMA), "", _MEMBERS)
        subject = members(parts["subject"], "/subject", ("gtin", "lot", "serial"))
        with below("/subject"):
            key = BatchKey.parse(_text(subject["gtin"], "gtin"), _text(subject["lot"], "lot"))
            serial = None if subject["serial"] is None else Serial(_text(subject["serial"], "serial"))
        bundle = cls(
            chain_id=_whole(parts["chain_id"], "/chain_id"),
            contracts=_contracts(parts["contracts"], "/contracts"),
            key=key,
            serial=serial,
            headers=_list(parts["headers"], "/headers", _bytes),
            receipts=_list(parts["receipts"], "/receipts", _receipt),
            state=None if parts["state"] is None else _state(parts["state"], "/state"),
            documents=_list(parts["documents"], "/documents", lambda item, at: _text(item, at).encode("utf-8")),
            inspections=_list(parts["inspections"], "/inspections", _signature),
            readings=_list(parts["readings"], "/readings", _reading),
            route=None if parts["route"] is None else _route(parts["route"], "/route"),
            unit=None if parts["unit"] is None else UnitProof.from_json(parts["unit"], "/unit"),
        )
        bundle._refuse_repetition()
        if bundle.to_bytes() != data:
            raise InvalidInput("the bundle is not written the one way it can be", field="", hint=FORM)
        return bundle

    def _refuse_repetition(self) -> None:
        """Where two parts answer one question, a reader could take the other one."""
        for name, keys in (
            ("headers", list(self.headers)),
            ("receipts", [(cited.block, cited.index) for cited in self.receipts]),
            ("documents", list(self.documents)),
            ("inspections", [(cited.stage, cited.revision) for cited in self.inspections]),
            ("readings", [(cited.channel, cited.size, cited.index) for cited in self.readings]),
        ):
            seen = set()
            for place, key in enumerate(keys):
                if key in seen:
                    raise InvalidInput("this part stands there twice", field=f"/{name}/{place}")
                seen.add(key)


def _receipt(value: object, at: str) -> CitedReceipt:
    parts = members(value, at, ("block", "index", "proof"))
    return CitedReceipt(
        _whole(parts["block"], f"{at}/block"),
        _whole(parts["index"], f"{at}/index"),
        _list(parts["proof"], f"{at}/proof", _bytes),
    )


def _state(value: object, at: str) -> CitedState:
    parts = members(value, at, ("block", "account", "storage"))
    return CitedState(
        _whole(parts["block"], f"{at}/block"),
        _list(parts["account"], f"{at}/account", _bytes),
        _list(parts["storage"], f"{at}/storage", _bytes),
    )


def _signature(value: object, at: str) -> CitedSignature:
    parts = members(value, at, ("stage", "revision", "nonce", "deadline", "signature"))
    return CitedSignature(
        _whole(parts["stage"], f"{at}/stage", 1),
        _whole(parts["revision"], f"{at}/revision", 255),
        _digits(parts["nonce"], f"{at}/nonce", 256),
        _digits(parts["deadline"], f"{at}/deadline", 64),
        _bytes(parts["signature"], f"{at}/signature", 65),
    )


def _reading(value: object, at: str) -> CitedReading:
    parts = members(value, at, ("channel", "entry", "index", "size", "path"))
    return CitedReading(
        _bytes(parts["channel"], f"{at}/channel", 32),
        _bytes(parts["entry"], f"{at}/entry"),
        _whole(parts["index"], f"{at}/index"),
        _whole(parts["size"], f"{at}/size"),
        _list(parts["path"], f"{at}/path", lambda node, below_: _bytes(node, below_, 32)),
    )


def _route(value: object, at: str) -> CitedRoute:
    parts = members(value, at, ("signature", "steps"))
    return CitedRoute(
        _bytes(parts["signature"], f"{at}/signature", 48),
        _list(parts["steps"], f"{at}/steps", _step),
    )


def _step(value: object, at: str) -> CitedStep:
    parts = members(value, at, ("message", "record"))
    record = None if parts["record"] is None else _record(parts["record"], f"{at}/record")
    return CitedStep(_bytes(parts["message"], f"{at}/message", 32), record)


def _record(value: object, at: str) -> CitedRecord:
    parts = members(value, at, ("channel", "log_size", "digest", "completed_at"))
    return CitedRecord(
        _bytes(parts["channel"], f"{at}/channel", 32),
        _whole(parts["log_size"], f"{at}/log_size"),
        _bytes(parts["digest"], f"{at}/digest", 32),
        _whole(parts["completed_at"], f"{at}/completed_at"),
    )


def _list(value: object, at: str, item: Callable[[Any, str], Item]) -> tuple[Item, ...]:
    if not isinstance(value, list):
        raise InvalidInput("a list is needed", field=at)
    return tuple(item(entry, f"{at}/{place}") for place, entry in enumerate(value))


def _contracts(value: object, at: str) -> dict[str, bytes]:
    others = list(value) if isinstance(value, dict) else []
    named = members(value, at, list(CITED_EVENTS), others)
    found = {name: _bytes(entry, f"{at}/{escape(name)}", 20) for name, entry in named.items()}
    for name, address in found.items():
        if list(found.values()).count(address) > 1:
            raise InvalidInput("two contracts cannot have one address", field=f"{at}/{escape(name)}")
    return found


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _bytes(value: object, at: str, size: int | None = None) -> bytes:
    text = _text(value, at)
    if text[:2] == "0x" and not set(text[2:]) - _HEXADECIMAL and len(text) % 2 == 0:
        found = bytes.fromhex(text[2:])
        if size in (None, len(found)):
            return found
    digits = "" if size is None else f"{2 * size} "
    raise InvalidInput(f"0x and {digits}lower-case hexadecimal digits are needed", field=at)


def _text(value: object, at: str) -> str:
    if not isinstance(value, str) or any("\ud800" <= one <= "\udfff" for one in value):
        raise InvalidInput("text is needed", field=at)
    return value


def _digits(value: object, at: str, bits: int) -> int:
    text = _text(value, at)
    if text.isascii() and text.isdigit() and len(text) <= 78 and text == str(int(text)) and int(text) < 1 << bits:
        return int(text)
    raise InvalidInput(f"the digits of a number below 2^{bits} are needed", field=at)


def _whole(value: object, at: str, most: int = MAX_EXACT) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise InvalidInput(f"a whole number from 0 to {most} is needed", field=at)
    return value
