"""Faults that can be injected into a simulated machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from chromatrace.plant.errors import FaultError

FaultKind = Literal["leak", "flow_stuck", "arc", "cooling_loss", "fouling"]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

_SYNTAX = re.compile(
    r"(?P<kind>[a-z_]+)@(?P<station>[^:]+):(?P<start>[0-9.]+)\+(?P<duration>[0-9.]+)(?:x(?P<sev>[0-9.]+))?"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a station. It starts `start_s` after the start of the simulation and lasts `duration_s`.

    Times are in simulated seconds. `severity` scales the fault: 0 has no effect, 1 is noticeable for an operator.
    "fouling" of the cooler is a drift: it grows linearly from the start of the fault.
    Raises `FaultError`.
    """

    kind: FaultKind
    station: str
    start_s: float
    duration_s: float
    severity: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise FaultError(f"{self.kind!r} is not one of {', '.join(FAULT_KINDS)}", field="kind")
        for name in ("start_s", "duration_s", "severity"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise FaultError(f"{getattr(self, name)!r} is not a finite number of at least 0", field=name)

    def active(self, elapsed_s: float) -> bool:
        """Return whether the fault is active at that simulated time."""
        return self.start_s <= elapsed_s < self.start_s + self.duration_s


def parse_fault(text: str) -> Fault:
    """Parse `kind@station:start+duration[xseverity]`, for example `leak@201:900+300x0.5` (simulated seconds)."""
    match = _SYNTAX.fullmatch(text)
    if match is None:
        raise FaultError(
            f"{text!r} is not a valid fault",
            field="fault",
            hint="write kind@station:start+duration, for example leak@201:900+300",
        )
    try:
        start_s, duration_s, severity = float(match["start"]), float(match["duration"]), float(match["sev"] or 1)
    except ValueError as error:
        raise FaultError(f"{text!r}: {error}", field="fault") from error
    return Fault(cast(FaultKind, match["kind"]), match["station"], start_s, duration_s, severity)
