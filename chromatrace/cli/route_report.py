"""Reports of `route verify` and `route explain`: what is proven, and what is not checked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from chromatrace.cli.output import print_line
from chromatrace.crypto.route import Explanation, RouteDesign, RouteTrace
from chromatrace.crypto.step import NO_CHANNEL
from chromatrace.exchange.proven import utc
from chromatrace.services.routes import (
    AnchorStatus,
    StepEvidence,
    TraceOnChain,
    completion_times,
    offline_evidence,
    time_faults,
)

_INDENT = " " * 36
_STATUS_TEXTS = {
    AnchorStatus.NOT_CHECKED: "anchor not checked",
    AnchorStatus.ANCHORED: "anchored",
    AnchorStatus.NOT_ANCHORED: "NOT ANCHORED",
    AnchorStatus.OTHER_ROOT: "ANOTHER ROOT is anchored",
}


def absent_records(trace: RouteTrace) -> list[int]:
    """Return the steps whose record is not in the trace."""
    return [number for number, step in enumerate(trace.steps, 1) if step.record is None]


def not_checked(trace: RouteTrace, parts: Sequence[RouteTrace], on_chain: TraceOnChain | None = None) -> list[str]:
    """Return what "proven" does not cover.

    parts     traces of the components that were checked too
    on_chain  the comparison with the chain; None: there was none
    """
    lines = []
    if trace.components and not parts:
        if on_chain is None:
            lines.append(f"components: the {len(trace.components)} components were not checked")
        elif not all(on_chain.components):
            missing = [number for number, proven in enumerate(on_chain.components, 1) if not proven]
            lines.append(f"components: {_listed(missing)} not proven on the chain")
    for number, part in enumerate(parts, 1):
        if part.components:
            lines.append(f"components of component {number}: the {len(part.components)} components were not checked")
    if missing := absent_records(trace):
        lines.append(f"content of step {_listed(missing)}: the record is absent, only its hash is signed")
    if on_chain is None:
        evidence = enumerate(offline_evidence(trace), 1)
        if heads := [number for number, step in evidence if step.status is AnchorStatus.NOT_CHECKED]:
            lines.append(f"log head of step {_listed(heads)}: use `route explain --chain` to check its anchor")
        lines.append("design: use `route fetch` or `route explain --chain` to compare it with the chain")
    return lines


def explanation_facts(
    route: RouteDesign, trace: RouteTrace, explanation: Explanation, on_chain: TraceOnChain | None = None
) -> dict[str, Any]:
    """Return an explanation for JSON output."""
    error = explanation.error
    evidence = on_chain.evidence if on_chain else offline_evidence(trace)
    return {
        "proven": explanation.proven,
        "proven_on_chain": on_chain.proven if on_chain else None,
        "route": route.route,
        "subject": trace.subject,
        "breaks_at": error.step if error else None,
        "reason": str(error.reason) if error else None,
        "message": error.message if error else None,
        "components": [
            {
                "route": component.route,
                "subject": component.subject,
                "proven_on_chain": on_chain.components[index] if on_chain else None,
            }
            for index, component in enumerate(trace.components)
        ],
        "records_absent": absent_records(trace),
        "not_checked": not_checked(trace, [], on_chain),
        "faults_on_chain": on_chain.faults if on_chain else None,
        "implausible_times": [text for _, text in time_faults(completion_times(trace), time.time())],
        "steps": [
            {
                "step": result.step,
                "process": result.process,
                "organisation": result.organisation,
                "holds": result.holds if result.checked else None,
                "reason": str(result.reason) if result.reason else None,
                "revoked_from": on_chain.revoked_from[result.step - 1] if on_chain else None,
            }
            | _evidence_facts(evidence[result.step - 1] if result.step <= len(evidence) else None)
            for result in explanation.steps
        ],
    }


def _evidence_facts(evidence: StepEvidence | None) -> dict[str, Any]:
    record = evidence.record if evidence else None
    return {
        "record": "present" if record else "absent",
        "channel": record.channel if record and record.channel != NO_CHANNEL else None,
        "log_size": record.log_size if record else None,
        "completed_at": record.completed_at if record else None,
        "digest": record.digest if record else None,
        "head": str(evidence.status if evidence else AnchorStatus.UNKNOWN),
        "anchored_in_block": evidence.block if evidence else None,
        "anchored_by": evidence.organisation if evidence else None,
    }


def print_explanation(
    route: RouteDesign, trace: RouteTrace, explanation: Explanation, on_chain: TraceOnChain | None = None
) -> None:
    """Print an explanation, step by step."""
    print_line(f"route {route.name} version {route.version}, subject 0x{trace.subject.hex()}")
    for index, component in enumerate(trace.components):
        status = "not checked"
        if on_chain is not None:
            status = "proven on the chain" if on_chain.components[index] else "NOT PROVEN on the chain"
        print_line(f"      component 0x{component.subject.hex()}, route 0x{component.route.hex()}: {status}")
    evidence = on_chain.evidence if on_chain else offline_evidence(trace)
    for result in explanation.steps:
        step = trace.steps[result.step - 1] if result.step <= len(trace.steps) else None
        if result.holds and step is not None:
            print_line(f"{result.step:>4}  {result.process:<28}  valid    c = 0x{step.state.link.hex()[:16]}…")
            print_line(f"{_INDENT}{_evidence_text(evidence[result.step - 1])}")
            if step.record is not None:
                print_line(f"{_INDENT}completed at {utc(step.record.completed_at)}")
        else:
            text = f"INVALID  {result.message}" if result.checked else "not checked: an earlier step is invalid"
            print_line(f"{result.step:>4}  {result.process:<28}  {text}")
        if on_chain is not None and (start := on_chain.revoked_from[result.step - 1]) is not None:
            print_line(f"{_INDENT}KEY REVOKED from {utc(start)}")
    for _, text in time_faults(completion_times(trace), time.time()):
        print_line(f"IMPLAUSIBLE TIME: {text}")
    if explanation.error is None:
        print_verdict(route, not_checked(trace, [], on_chain))
    else:
        print_line(f"NOT PROVEN: {explanation.error.message}")
    if on_chain is not None:
        print_line(f"the route is {'proven' if on_chain.proven else 'not proven'} on the chain")
        for text in on_chain.faults:
            print_line(text)


def _evidence_text(evidence: StepEvidence) -> str:
    record = evidence.record
    if record is None:
        return "RECORD ABSENT: only its hash is known"
    if evidence.status is AnchorStatus.NO_HEAD:
        if record.channel == NO_CHANNEL:
            return f"digest 0x{record.digest.hex()[:16]}…, not of a log"
        return f"entry 0x{record.digest.hex()[:16]}… of log 0x{record.channel.hex()[:16]}…"
    anchor = f" in block {evidence.block}, by organisation {evidence.organisation}" if evidence.block else ""
    log = f"first {record.log_size:,} readings of log 0x{record.channel.hex()[:16]}…"
    return f"{log}: {_STATUS_TEXTS[evidence.status]}{anchor}"


def print_verdict(route: RouteDesign, unchecked: Sequence[str], parts: int = 0) -> None:
    """Print that a route is proven, and what that does not cover."""
    suffix = f", and all {parts} components are proven" if parts else ""
    print_line(f"proven in order: all {len(route)} stations signed{suffix}")
    for text in unchecked:
        print_line(f"NOT CHECKED: {text}")


def design_facts(route: RouteDesign) -> dict[str, Any]:
    """Return a design for output."""
    stations = [
        {"step": number, "process": station.process, "organisation": station.organisation, "key": station.key_id}
        for number, station in enumerate(route.stations, 1)
    ]
    return {
        "route": route.route,
        "name": route.name,
        "version": route.version,
        "kind": route.kind,
        "stations": stations,
    }


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
