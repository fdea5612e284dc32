"""What a check found: a tree of findings, each of which holds, warns, fails or was not checked.

A *warning* is proven like everything that holds, but speaks against the goods: recalled, on hold, failed, superseded.
A *failure* speaks against the bundle: something in it is not what the chain has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class FindingStatus(StrEnum):
    """How a finding stands."""

    HOLDS = "holds"
    WARNING = "warning"
    FAILS = "fails"
    UNCHECKED = "not checked"


@dataclass(slots=True)
class VerificationFinding:
    """One line of the result, with those that it rests on or is made of. `text` is safe to print on a terminal."""

    status: FindingStatus
    text: str
    parts: list[VerificationFinding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.text = printable(self.text)

    def walk(self) -> Iterable[VerificationFinding]:
        """This finding and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def outcome(self) -> FindingStatus:
        """How it stands with all below it: a part that fails is not to hide under a line that holds."""
        if self.failures:
            return FindingStatus.FAILS
        return FindingStatus.WARNING if self.status is FindingStatus.HOLDS and self.warnings else self.status

    def having(self, status: FindingStatus) -> list[VerificationFinding]:
        """Those here and below that stand so by themselves, not only for one of their parts."""
        below = [finding for part in self.parts for finding in part.having(status)]
        return below or ([self] if self.status is status else [])

    @property
    def failures(self) -> list[VerificationFinding]:
        """What fails, here and below."""
        return self.having(FindingStatus.FAILS)

    @property
    def warnings(self) -> list[VerificationFinding]:
        """What is proven and speaks against the goods, here and below."""
        return self.having(FindingStatus.WARNING)

    @property
    def unchecked(self) -> list[VerificationFinding]:
        """What was not checked, here and below."""
        return self.having(FindingStatus.UNCHECKED)

    @property
    def counts(self) -> dict[FindingStatus, int]:
        """How many findings without parts of their own stand how."""
        found = Counter(finding.status for finding in self.walk() if not finding.parts)
        return {status: found[status] for status in FindingStatus}

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {"status": self.status.value, "text": self.text, "parts": [part.as_json() for part in self.parts]}


def conclusion(result: VerificationFinding) -> list[str]:
    """What a reader should take away from a whole result, shortest words first; its last line counts."""
    lines = [f"! {finding.text}" for finding in result.warnings]
    if result.failures:
        lines.append("DOES NOT HOLD: do not rely on anything in this bundle.")
    elif result.status is FindingStatus.UNCHECKED:
        lines.append("NOT PROVEN: it agrees with itself, but what everything rests on was not checked:")
        lines += [f"? {part.text}" for part in result.parts if part.status is FindingStatus.UNCHECKED]
    else:
        lines.append("HOLDS" + (", and the facts proven speak against the goods." if result.warnings else "."))
    counts = result.counts
    lines.append(
        f"{counts[FindingStatus.HOLDS]} hold, {counts[FindingStatus.WARNING]} warn, "
        f"{counts[FindingStatus.FAILS]} fail, {counts[FindingStatus.UNCHECKED]} not checked"
    )
    return lines


def printable(text: str) -> str:
    """`text` without what could forge a line or steer a terminal: names and reasons come from strangers."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
