"""A proof bundle: everything needed to check a batch or a unit against block hashes, in one JSON file.

    schema       "chromatrace.bundle/1"
    chain_id     of the chain
    contracts    address by contract name
    subject      {gtin, lot, serial or null}
    headers      RLP of block headers, by ascending number; consecutive headers link to each other
    receipts     [{block, index, proof}]: a receipt under its block's receiptsRoot
    state        {block, account, storage} or null: the batch's slot under a block's stateRoot
    documents    canonical JSON texts whose SHA-256 is on the chain
    inspections  [{stage, revision, nonce, deadline, signature}]: signed members that the event does not contain
    readings     [{channel, entry, index, size, path}]: readings under an anchored root
    route        {signature, steps: [{message, record}]} or null: the signed steps of the designed route
    unit         proof that the serial belongs to the batch, or null

Bytes are 0x and lower-case hexadecimal digits. Nonces and deadlines may exceed 2^53 and are strings of digits. The
bundle contains no statement of its own: `chromatrace.exchange.verifier` derives all facts from the receipts.
A bundle has one canonical form: an input that does not encode to the same bytes is rejected, so no byte can change.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import orjson
from msgspec import Meta

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.exchange.events import CITED_EVENTS
from chromatrace.exchange.units import UnitProof
from chromatrace.storage.strict_json import Digest, Digits, Hex, JsonObject, Whole, decode, escape, to_builtins

SCHEMA = "chromatrace.bundle/1"
_FORMAT_HINT = "members in the documented order, indentation of two spaces, a line feed at the end"


class _SizedHex(Hex):
    size: ClassVar[int]

    @classmethod
    def from_json(cls, value: object) -> Self:
        decoded = super().from_json(value)
        if len(decoded) != cls.size:
            raise InvalidInput(f"expected {cls.size} bytes, got {len(decoded)}")
        return decoded


class Address(_SizedHex):
    """Address of a contract."""

    size = 20


class InspectorSignature(_SizedHex):
    """An ECDSA signature (r, s, v)."""

    size = 65


class AggregateSignature(_SizedHex):
    """A compressed BLS signature in G1."""

    size = 48


class Subject(JsonObject, frozen=True):
    """The batch or unit that a bundle is about."""

    gtin: str
    lot: str
    serial: str | None

    @classmethod
    def of(cls, key: BatchKey, serial: Serial | None) -> Self:
        """Return the subject of a batch, or of one of its units."""
        return cls(key.gtin.value, key.lot.value, None if serial is None else serial.value)

    def check(self) -> None:
        BatchKey.parse(self.gtin, self.lot)
        if self.serial is not None:
            Serial(self.serial)


class CitedReceipt(JsonObject, frozen=True):
    """Receipt `index` of block number `block`, with the trie nodes that prove it."""

    block: Whole
    index: Whole
    proof: tuple[Hex, ...]


class CitedState(JsonObject, frozen=True):
    """EIP-1186 proof of the batch's slot at block number `block`."""

    block: Whole
    account: tuple[Hex, ...]
    storage: tuple[Hex, ...]


class CitedSignature(JsonObject, frozen=True):
    """An inspector's signature, with the signed members that the event does not contain."""

    stage: Annotated[int, Meta(ge=0, le=1)]
    revision: Annotated[int, Meta(ge=0, le=255)]
    nonce: Digits
    deadline: Digits
    signature: InspectorSignature

    def check(self) -> None:
        for name, bits in (("nonce", 256), ("deadline", 64)):
            if getattr(self, name) >= 1 << bits:
                raise InvalidInput(f"expected an integer below 2^{bits}", field=f"/{name}")


class CitedReading(JsonObject, frozen=True):
    """A log entry (canonical CBOR of a reading) under the head of `size` leaves of `channel` (its on-chain id)."""

    channel: Digest
    entry: Hex
    index: Whole
    size: Whole
    path: tuple[Digest, ...]


class CitedRecord(JsonObject, frozen=True):
    """The members of a `chromatrace.crypto.step.StepRecord` that the route's design does not determine."""

    channel: Digest
    log_size: Whole
    digest: Digest
    completed_at: Whole


class CitedStep(JsonObject, frozen=True):
    """A message that a station signed (32 bytes), and the record with this hash, if available."""

    message: Digest
    record: CitedRecord | None


class CitedRoute(JsonObject, frozen=True):
    """The messages that the stations of the batch's route signed, in order, and their aggregate signature."""

    signature: AggregateSignature
    steps: tuple[CitedStep, ...]


class Bundle(JsonObject, frozen=True, tag_field="schema", tag=SCHEMA):
    """A parsed bundle; see the module. Parsing checks the form only; the verifier checks the content."""

    chain_id: Whole
    contracts: dict[str, Address]
    subject: Subject
    headers: tuple[Hex, ...]
    receipts: tuple[CitedReceipt, ...]
    state: CitedState | None
    documents: tuple[str, ...]
    inspections: tuple[CitedSignature, ...]
    readings: tuple[CitedReading, ...]
    route: CitedRoute | None
    unit: UnitProof | None

    @property
    def key(self) -> BatchKey:
        """GTIN and lot of the batch."""
        return BatchKey.parse(self.subject.gtin, self.subject.lot)

    @property
    def serial(self) -> Serial | None:
        """Serial of the unit, if the bundle is about one."""
        return None if self.subject.serial is None else Serial(self.subject.serial)

    def to_bytes(self) -> bytes:
        """Return the JSON file."""
        document = to_builtins(self)
        document["contracts"] = dict(sorted(document["contracts"].items()))
        return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse the JSON file. Raises `InvalidInput` with the JSON pointer of a malformed member."""
        bundle = decode(data, cls)
        if bundle.to_bytes() != data:
            raise InvalidInput("the bundle is not in canonical form", field="", hint=_FORMAT_HINT)
        return bundle

    def check(self) -> None:
        self._check_contracts()
        for index, document in enumerate(self.documents):
            if any("\ud800" <= character <= "\udfff" for character in document):
                raise InvalidInput("not valid Unicode text", field=f"/documents/{index}")
        # A reader and the verifier must not use different parts for the same question.
        for name, keys in (
            ("headers", list(self.headers)),
            ("receipts", [(cited.block, cited.index) for cited in self.receipts]),
            ("documents", list(self.documents)),
            ("inspections", [(cited.stage, cited.revision) for cited in self.inspections]),
            ("readings", [(cited.channel, cited.size, cited.index) for cited in self.readings]),
        ):
            seen = set()
            for index, key in enumerate(keys):
                if key in seen:
                    raise InvalidInput("duplicate part", field=f"/{name}/{index}")
                seen.add(key)

    def _check_contracts(self) -> None:
        for name in CITED_EVENTS:
            if name not in self.contracts:
                raise InvalidInput("missing member", field=f"/contracts/{name}")
        addresses = list(self.contracts.values())
        for name, address in self.contracts.items():
            if addresses.count(address) > 1:
                raise InvalidInput("duplicate contract address", field=f"/contracts/{escape(name)}")
