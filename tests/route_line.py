"""A line of stations for the route tests: valid traces, and the attacks on them, off chain and on chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from hashlib import sha256
from operator import add

from chromatrace.crypto.bls import ORDER, SecretKey, Signature
from chromatrace.crypto.errors import Break
from chromatrace.crypto.route import (
    Component,
    Profile,
    RouteDesign,
    RouteKind,
    RouteStation,
    RouteTrace,
    SignedState,
    begin,
    origin,
    prove_possession,
    sign_record,
)
from chromatrace.crypto.route.link import AggregatePrefix, advance, rebuild
from chromatrace.crypto.step import StepRecord, Verifier

VERIFIER = Verifier(31337, "0x" + "52" * 20)
PLANT = 1


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


@cache
def secret(name: str) -> SecretKey:
    """Return the key of a name, the same in every run."""
    return SecretKey(1 + int.from_bytes(digest(name), "big") % (ORDER - 1))


@cache
def station(name: str, verifier: Verifier = VERIFIER, organisation: int = PLANT) -> RouteStation:
    key = secret(name)
    return RouteStation(name, organisation, key.public_key, prove_possession(key, organisation, verifier))


@dataclass(frozen=True)
class Line:
    """A design and the names of its stations, whose secrets are known."""

    design: RouteDesign
    names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        steps: int | Sequence[str],
        profile: Profile = Profile.EVM,
        verifier: Verifier = VERIFIER,
        name: str = "pane",
        kind: RouteKind = RouteKind.PROCESSING,
        version: int = 1,
    ) -> Line:
        names = tuple(f"station {n}" for n in range(1, steps + 1)) if isinstance(steps, int) else tuple(steps)
        stations = tuple(station(known, verifier) for known in names)
        return cls(RouteDesign(verifier, PLANT, name, version, stations, kind, profile), names)

    def record(self, subject: bytes, step: int, **changes: object) -> StepRecord:
        process = self.design.station(step).process
        record = StepRecord(
            self.design.route,
            subject,
            step,
            process,
            digest("channel"),
            40 + step,
            digest(f"head {step}"),
            1_795_000_000,
        )
        return replace(record, **changes)

    def trace(self, subject: bytes, components: Sequence[Component] = (), upto: int | None = None) -> RouteTrace:
        trace = begin(self.design, subject, components)
        for step, name in enumerate(self.names[:upto], 1):
            trace = sign_record(self.design, trace, self.record(subject, step), secret(name))
        return trace


def relinked(line: Line, claim: Claim) -> Claim:
    """Return the claim with the head and signer that the verifier computes from it. Only the pairing can detect it."""
    head = rebuild(line.design, origin(line.design, claim.subject), claim.messages).values[-1]
    state = replace(claim.state, link=head, signer=line.design.stations[-1].key)
    return replace(claim, state=state)


def forge(line: Line, subject: bytes, messages: Sequence[bytes], signers: Sequence[str]) -> list[SignedState]:
    """Return the states of a chain by any `signers`, as if the design named them."""
    profile, states = line.design.profile, []
    link, aggregate = origin(line.design, subject), None
    for step, (message, name) in enumerate(zip(messages, signers, strict=True), 1):
        by = station(name, line.design.verifier)
        link = advance(profile, link, message, by, step, AggregatePrefix(aggregate))
        signature = secret(name).sign(link)
        aggregate = signature if aggregate is None else aggregate + signature
        states.append(SignedState(aggregate, link, signature, by.key))
    return states


@dataclass(frozen=True)
class Claim:
    """The claim of a prover."""

    subject: bytes
    messages: tuple[bytes, ...]
    state: SignedState


@dataclass(frozen=True)
class Attack:
    """An invalid claim on `Line.of(5)`: `reason` off chain, `contract_error` on chain (None: not detectable there)."""

    name: str
    build: Callable[[Line, RouteTrace], Claim]
    reason: Break
    contract_error: str | None


def _claim(trace: RouteTrace, **changes: object) -> Claim:
    return replace(Claim(trace.subject, trace.messages, trace.state), **changes)


def _forged(order: Sequence[int], foreign: str | None = None) -> Callable[[Line, RouteTrace], Claim]:
    """Sign the steps in another order or number, each station with its own message."""

    def build(line: Line, trace: RouteTrace) -> Claim:
        names = [foreign if n == 0 else line.names[n - 1] for n in order]
        messages = tuple(trace.messages[max(n, 1) - 1] for n in order)
        return Claim(trace.subject, messages, forge(line, trace.subject, messages, names)[-1])

    return build


def _head_given(build: Callable[[Line, RouteTrace], Claim]) -> Callable[[Line, RouteTrace], Claim]:
    return lambda line, trace: relinked(line, build(line, trace))


def _colluding(signers: Sequence[int], made_up: int | None = None) -> Callable[[Line, RouteTrace], Claim]:
    """Let `signers` (0: a foreign station) sign the links that the verifier computes, the strongest forgery.

    made_up  number of a step with an invented message, whose links all stations sign
    """

    def build(line: Line, trace: RouteTrace) -> Claim:
        messages = tuple(
            digest("made up") if step == made_up else message for step, message in enumerate(trace.messages, 1)
        )
        links = rebuild(line.design, origin(line.design, trace.subject), messages).values
        names = [line.names[number - 1] if number else "foreign" for number in signers]
        signatures = [secret(name).sign(link) for name, link in zip(names, links, strict=True)]
        state = SignedState(reduce(add, signatures), links[-1], signatures[-1], line.design.stations[-1].key)
        return Claim(trace.subject, messages, state)

    return build


def _wrong_message(line: Line, trace: RouteTrace) -> Claim:
    return _claim(trace, messages=(*trace.messages[:2], digest("another record"), *trace.messages[3:]))


def _swapped_messages(line: Line, trace: RouteTrace) -> Claim:
    first, second, *rest = trace.messages
    return _claim(trace, messages=(second, first, *rest))


def _truncated(line: Line, trace: RouteTrace) -> Claim:
    """Claim the prefix with σ - s_n, which is its valid aggregate."""
    before = trace.steps[-2].state
    cut = trace.state.aggregate - trace.state.signature
    assert cut == before.aggregate
    return Claim(trace.subject, trace.messages[:-1], replace(before, aggregate=cut))


def _truncated_full_length(line: Line, trace: RouteTrace) -> Claim:
    """Claim that the aggregate of the prefix covers the whole route."""
    return _claim(trace, state=replace(trace.state, aggregate=trace.steps[-2].state.aggregate))


def _other_subject(line: Line, trace: RouteTrace) -> Claim:
    return _claim(trace, subject=digest("another batch"))


def _signed_for(other: Callable[[Line], Line]) -> Callable[[Line, RouteTrace], Claim]:
    def build(line: Line, trace: RouteTrace) -> Claim:
        return _claim(other(line).trace(trace.subject))

    return build


def _junk_link(line: Line, trace: RouteTrace) -> Claim:
    return _claim(trace, state=replace(trace.state, link=digest("junk")))


def _junk_signature(line: Line, trace: RouteTrace) -> Claim:
    return _claim(trace, state=replace(trace.state, signature=secret("junk").sign(b"junk")))


def _junk_aggregate(line: Line, trace: RouteTrace) -> Claim:
    return _claim(trace, state=replace(trace.state, aggregate=secret("junk").sign(b"junk")))


def _foreign_signer(line: Line, trace: RouteTrace) -> Claim:
    return _claim(trace, state=replace(trace.state, signer=station("foreign", line.design.verifier).key))


def _missing_station(line: Line, trace: RouteTrace) -> Claim:
    """Claim all messages in order without station 3's signature in the aggregate."""
    aggregate = trace.state.aggregate - trace.steps[2].state.signature
    return _claim(trace, state=replace(trace.state, aggregate=aggregate))


def _under(verifier: Callable[[Line], Verifier] | None = None, **changes: object) -> Callable[[Line], Line]:
    def other(line: Line) -> Line:
        design = line.design
        at = verifier(line) if verifier else design.verifier
        values = {"name": design.name, "version": design.version} | changes
        return Line.of(line.names, design.profile, at, **values)

    return other


def _other_chain(line: Line) -> Verifier:
    return replace(line.design.verifier, chain_id=line.design.verifier.chain_id + 1)


def _other_verifier(line: Line) -> Verifier:
    return replace(line.design.verifier, address="0x" + "66" * 20)


_PLAIN = (
    Attack("steps swapped", _forged([1, 3, 2, 4, 5]), Break.LINK, "HeadMismatch"),
    Attack("first and last swapped", _forged([5, 2, 3, 4, 1]), Break.STATION, "HeadMismatch"),
    Attack("step dropped", _forged([1, 2, 4, 5]), Break.COUNT, "WrongStepCount"),
    Attack("step dropped, another repeated in its place", _forged([1, 2, 2, 4, 5]), Break.LINK, "HeadMismatch"),
    Attack("step repeated", _forged([1, 2, 2, 3, 4, 5]), Break.COUNT, "WrongStepCount"),
    Attack("foreign station", _forged([1, 0, 3, 4, 5], "foreign"), Break.LINK, "HeadMismatch"),
    Attack("station never signed", _missing_station, Break.AGGREGATE, "InvalidProof"),
    Attack("messages swapped", _swapped_messages, Break.LINK, "HeadMismatch"),
    Attack("wrong message", _wrong_message, Break.LINK, "HeadMismatch"),
    Attack("chain truncated", _truncated, Break.COUNT, "WrongStepCount"),
    Attack("aggregate of the prefix for the whole", _truncated_full_length, Break.AGGREGATE, "InvalidProof"),
    Attack("replayed for another batch", _other_subject, Break.LINK, "HeadMismatch"),
    Attack("replayed from another route", _signed_for(_under(name="frame")), Break.LINK, "HeadMismatch"),
    Attack("replayed from another version", _signed_for(_under(version=9)), Break.LINK, "HeadMismatch"),
    Attack("replayed from another chain", _signed_for(_under(_other_chain)), Break.LINK, "HeadMismatch"),
    Attack("replayed from another verifier", _signed_for(_under(_other_verifier)), Break.LINK, "HeadMismatch"),
    Attack("junk link", _junk_link, Break.LINK, "HeadMismatch"),
    # s is not an input of the contract: it equals σ minus the earlier signatures, and no later station depends on it.
    Attack("junk signature", _junk_signature, Break.SIGNATURE, None),
    Attack("junk aggregate", _junk_aggregate, Break.AGGREGATE, "InvalidProof"),
    Attack("foreign signer of the last state", _foreign_signer, Break.STATION, None),
)

_HEAD_GIVEN = tuple(
    Attack(f"{attack.name}, the expected head given", _head_given(attack.build), Break.SIGNATURE, "InvalidProof")
    for attack in _PLAIN
    # The expected head of a junk link is the valid one.
    if attack.contract_error == "HeadMismatch" and attack.build is not _junk_link
)
"""The same attacks with the links and the head that the contract expects: the pairing detects them."""

_COLLUDING = (
    Attack("stations swapped, on the expected links", _colluding([1, 3, 2, 4, 5]), Break.AGGREGATE, "InvalidProof"),
    Attack("first and last on the expected links", _colluding([5, 2, 3, 4, 1]), Break.SIGNATURE, "InvalidProof"),
    Attack("another repeated, on the expected links", _colluding([1, 2, 2, 4, 5]), Break.AGGREGATE, "InvalidProof"),
    Attack("foreign station on the expected link", _colluding([1, 2, 0, 4, 5]), Break.AGGREGATE, "InvalidProof"),
    Attack(
        "dropped step made up, all others sign it",
        _colluding([1, 2, 0, 4, 5], 3),
        Break.AGGREGATE,
        "InvalidProof",
    ),
    Attack("last step made up by the one before", _colluding([1, 2, 3, 4, 4], 5), Break.SIGNATURE, "InvalidProof"),
)
"""All other stations collude and sign what is computed for them."""

ATTACKS = _PLAIN + _HEAD_GIVEN + _COLLUDING

INFINITY = b"\xc0" + bytes(47)
"""A signature at infinity, as encoded by blst."""


def tampered(signature: Signature, index: int, value: int) -> bytes:
    """Return the bytes of a signature with one changed."""
    data = bytearray(signature.data)
    data[index] = value
    return bytes(data)
