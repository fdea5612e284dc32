"""Faults that can be injected into a simulated machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from chromatrace.plant.errors import InvalidFault

FaultKind = Literal["leak", "flow_stuck", "arc", "cooling_loss"]
FAULT_KINDS: tuple[FaultKind, ...] = ("leak", "flow_stuck", "arc", "cooling_loss")

_SYNTAX = re.compile(
    r"(?P<kind>[a-z_]+)@(?P<station>[^:]+):(?P<start>[0-9.]+)\+(?P<duration>[0-9.]+)(?:x(?P<sev>[0-9.]+))?"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a station, `duration_s` long, beginning `start_s` of simulated time after the simulation's start.

    `severity` scales it: 1 is a fault that an operator would notice, 0 none. Raises `InvalidFault`.
    """

    kind: FaultKind
    station: str
    start_s: float
    duration_s: float
    severity: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise InvalidFault(f"{self.kind!r} is not one of {', '.join(FAULT_KINDS)}", field="kind")
        for name in ("start_s", "duration_s", "severity"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InvalidFault(f"a number from 0 is needed, got {getattr(self, name)!r}", field=name)

    def active(self, elapsed_s: float) -> bool:
        """Whether it acts at that simulated time."""
        return self.start_s <= elapsed_s < self.start_s + self.duration_s


def parse_fault(text: str) -> Fault:
    """`kind@station:start+duration[xseverity]`, times in simulated seconds: `leak@201:900+300x0.5`."""
    match = _SYNTAX.fullmatch(text)
    if match is None:
        raise InvalidFault(
            f"{text!r} is not a fault", field="fault", hint="write kind@station:start+duration, as in leak@201:900+300"
        )
    try:
        start_s, duration_s, severity = float(match["start"]), float(match["duration"]), float(match["sev"] or 1)
    except ValueError as error:
        raise InvalidFault(f"{text!r}: {error}", field="fault") from error
    return Fault(cast(FaultKind, match["kind"]), match["station"], start_s, duration_s, severity)
