"""What `route verify` and `route explain` tell of a trace: what holds, and what nobody has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from chromatrace.chain import reads
from chromatrace.cli.output import say
from chromatrace.crypto.route import Component, Explanation, RouteDesign, RouteKind, RouteTrace
from chromatrace.crypto.step import NO_CHANNEL, StepRecord
from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.identifiers import ChannelId

if TYPE_CHECKING:
    from chromatrace.chain.client import Chain

_INDENT = " " * 36


class Head(StrEnum):
    """Whether the digest of a step is a log's head that stands on the chain."""

    NOT_CHECKED = "not checked"
    ANCHORED = "anchored"
    NOT_ANCHORED = "not anchored"
    OTHER_ROOT = "another root is anchored"
    NO_HEAD = "no head"
    """The digest is a document's or an entry's: there is no anchor to hold it against."""
    UNKNOWN = "unknown"
    """The step's record is absent."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one step was done on, as its record says; block and organisation of the anchor where there is one."""

    record: StepRecord | None
    head: Head
    block: int | None = None
    organisation: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the chain says of a trace: its proof, the proofs of its components, the heads of its steps."""

    proven: bool
    components: tuple[bool, ...]
    evidence: tuple[Evidence, ...]

    @property
    def contradicts(self) -> bool:
        """Whether a step names a root that is not the chain's."""
        return any(one.head is Head.OTHER_ROOT for one in self.evidence)


def offline(trace: RouteTrace) -> tuple[Evidence, ...]:
    """What each step was done on, without a look at the chain."""
    return tuple(Evidence(step.record, _kind(step.record)) for step in trace.steps)


def look(chain: Chain, made: RouteDesign, trace: RouteTrace) -> Seen:
    """Holds a trace against the chain; `IntegrityError` where the design is not the one that stands there."""
    from chromatrace.chain.anchored import anchor_at
    from chromatrace.chain.routes import designed_route

    if _essence(designed_route(chain, made.route)) != _essence(made):
        raise IntegrityError(
            "the design file is not the route that stands on the chain under this id",
            field="design",
            hint=f"chromatrace route fetch 0x{made.route.hex()} --out FILE",
        )
    evidence = []
    for one in offline(trace):
        record = one.record
        if record is None or one.head is not Head.NOT_CHECKED:
            evidence.append(one)
            continue
        anchor = anchor_at(chain, ChannelId(record.channel), record.log_size)
        if anchor is None:
            evidence.append(Evidence(record, Head.NOT_ANCHORED))
        else:
            head = Head.ANCHORED if anchor.root == record.digest else Head.OTHER_ROOT
            owner = chain.read(reads.channel(ChannelId(record.channel))).organisation
            evidence.append(Evidence(record, head, anchor.block_number, owner))
    return Seen(
        _is_proven(chain, Component(made.route, trace.subject)),
        tuple(_is_proven(chain, part) for part in trace.components),
        tuple(evidence),
    )


def absent(trace: RouteTrace) -> list[int]:
    """The steps whose record is not in the trace."""
    return [number for number, step in enumerate(trace.steps, 1) if step.record is None]


def not_checked(trace: RouteTrace, parts: list[RouteTrace], seen: Seen | None = None) -> list[str]:
    """What a reader of "proven" must not take for checked, in words."""
    found = []
    if trace.components and not parts:
        if seen is None:
            found.append(f"its {len(trace.components)} components: components not checked")
        elif not all(seen.components):
            missing = [number for number, proven in enumerate(seen.components, 1) if not proven]
            found.append(f"components {_listed(missing)}: not proven on the chain")
    for number, part in enumerate(parts, 1):
        if part.components:
            found.append(f"the {len(part.components)} components of component {number}: components not checked")
    if missing := absent(trace):
        found.append(f"what was done at step {_listed(missing)}: record absent, only its hash was signed and is here")
    if seen is None:
        if heads := [number for number, one in enumerate(offline(trace), 1) if one.head is Head.NOT_CHECKED]:
            found.append(f"whether the log's head of step {_listed(heads)} is anchored: `route explain --chain`")
        found.append("whether the design is the chain's: `route fetch`, or `route explain --chain`")
    return found


def explanation_facts(
    made: RouteDesign, trace: RouteTrace, found: Explanation, seen: Seen | None = None
) -> dict[str, Any]:
    """For machines."""
    error = found.error
    evidence = seen.evidence if seen else offline(trace)
    return {
        "proven": found.proven,
        "proven_on_chain": seen.proven if seen else None,
        "route": made.route,
        "subject": trace.subject,
        "breaks_at": error.step if error else None,
        "reason": str(error.reason) if error else None,
        "message": error.message if error else None,
        "components": [
            {"route": part.route, "subject": part.subject, "proven_on_chain": seen.components[place] if seen else None}
            for place, part in enumerate(trace.components)
        ],
        "records_absent": absent(trace),
        "not_checked": not_checked(trace, [], seen),
        "steps": [
            {
                "step": finding.step,
                "process": finding.process,
                "organisation": finding.organisation,
                "holds": finding.holds if finding.checked else None,
                "reason": str(finding.reason) if finding.reason else None,
            }
            | _evidence_facts(evidence[finding.step - 1] if finding.step <= len(evidence) else None)
            for finding in found.steps
        ],
    }


def print_explanation(made: RouteDesign, trace: RouteTrace, found: Explanation, seen: Seen | None = None) -> None:
    """For people."""
    say(f"route {made.name} version {made.version}, subject 0x{trace.subject.hex()}")
    for place, part in enumerate(trace.components):
        standing = ("proven" if seen.components[place] else "NOT PROVEN") + " on the chain" if seen else "not checked"
        say(f"      of 0x{part.subject.hex()}, under route 0x{part.route.hex()}: {standing}")
    evidence = seen.evidence if seen else offline(trace)
    for finding in found.steps:
        step = trace.steps[finding.step - 1] if finding.step <= len(trace.steps) else None
        if finding.holds and step is not None:
            say(f"{finding.step:>4}  {finding.process:<28}  holds    c = 0x{step.state.link.hex()[:16]}…")
            say(f"{_INDENT}{_evidence_line(evidence[finding.step - 1])}")
        else:
            told = f"BREAKS   {finding.message}" if finding.checked else "not looked at: the chain is broken before it"
            say(f"{finding.step:>4}  {finding.process:<28}  {told}")
    if found.error is None:
        print_verdict(made, not_checked(trace, [], seen))
    else:
        say(f"NOT PROVEN: {found.error.message}")
    if seen is not None:
        say("the chain " + ("has the proof too" if seen.proven else "has no proof of it"))
        for number, one in enumerate(seen.evidence, 1):
            if one.head is Head.OTHER_ROOT:
                say(f"CONTRADICTED: step {number} names a root that is not the one in block {one.block}")


def print_verdict(made: RouteDesign, unlooked: list[str], parts: int = 0) -> None:
    """The line that people remember, and below it what it does not say."""
    also = f", and each of its {parts} components is proven" if parts else ""
    say(f"proven in order: all {len(made)} stations signed{also}")
    for text in unlooked:
        say(f"NOT CHECKED: {text}")


def design_facts(made: RouteDesign) -> dict[str, Any]:
    """A design, for machines and people."""
    stations = [
        {"step": number, "process": one.process, "organisation": one.organisation, "key": one.key_id}
        for number, one in enumerate(made.stations, 1)
    ]
    return {
        "route": made.route,
        "name": made.name,
        "version": made.version,
        "kind": made.kind,
        "stations": stations,
    }


def _kind(record: StepRecord | None) -> Head:
    if record is None:
        return Head.UNKNOWN
    return Head.NOT_CHECKED if record.log_size else Head.NO_HEAD


def _evidence_facts(evidence: Evidence | None) -> dict[str, Any]:
    record = evidence.record if evidence else None
    return {
        "record": "present" if record else "absent",
        "channel": record.channel if record and record.channel != NO_CHANNEL else None,
        "log_size": record.log_size if record else None,
        "digest": record.digest if record else None,
        "head": str(evidence.head if evidence else Head.UNKNOWN),
        "anchored_in_block": evidence.block if evidence else None,
        "anchored_by": evidence.organisation if evidence else None,
    }


def _evidence_line(evidence: Evidence) -> str:
    record = evidence.record
    if record is None:
        return "RECORD ABSENT: what was done is known by its hash alone"
    if evidence.head is Head.NO_HEAD:
        if record.channel == NO_CHANNEL:
            return f"done on 0x{record.digest.hex()[:16]}…, which belongs to no log"
        return f"done on the entry 0x{record.digest.hex()[:16]}… of the log 0x{record.channel.hex()[:16]}…"
    where = f" in block {evidence.block}, by organisation {evidence.organisation}" if evidence.block else ""
    log = f"the first {record.log_size:,} readings of the log 0x{record.channel.hex()[:16]}…"
    return f"done on {log}: {_HEADS[evidence.head]}{where}"


_HEADS = {
    Head.NOT_CHECKED: "anchor not checked",
    Head.ANCHORED: "anchored",
    Head.NOT_ANCHORED: "NOT ANCHORED",
    Head.OTHER_ROOT: "ANOTHER ROOT is anchored",
}


def _is_proven(chain: Chain, part: Component) -> bool:
    return chain.read(reads.route_is_proven(part.route, part.subject))


def _essence(made: RouteDesign) -> tuple[Any, ...]:
    """What of a design a proof is held against; a proof of possession may have been made anew."""
    stations = [(station.process, station.organisation, station.key) for station in made.stations]
    return made.verifier, made.route, made.kind is RouteKind.ASSEMBLY, stations


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
