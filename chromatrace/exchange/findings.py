"""Results of a verification: a tree of findings, each of which holds, warns, fails or was not checked.

A *warning* is proven, but is adverse to the batch: recalled, on hold, failed, superseded.
A *failure* means that the bundle contains something that the chain does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class FindingStatus(StrEnum):
    """Result of one check."""

    HOLDS = "holds"
    WARNING = "warning"
    FAILS = "fails"
    UNCHECKED = "not checked"


@dataclass(slots=True)
class VerificationFinding:
    """One line of the result, with the findings it is based on. `text` is safe to print on a terminal."""

    status: FindingStatus
    text: str
    parts: list[VerificationFinding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.text = printable(self.text)

    def walk(self) -> Iterable[VerificationFinding]:
        """Yield this finding and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def outcome(self) -> FindingStatus:
        """Status including all findings below; a failing part is never hidden."""
        if self.failures:
            return FindingStatus.FAILS
        return FindingStatus.WARNING if self.status is FindingStatus.HOLDS and self.warnings else self.status

    def having(self, status: FindingStatus) -> list[VerificationFinding]:
        """Return the findings that have this status themselves, not only because of a part."""
        below = [finding for part in self.parts for finding in part.having(status)]
        return below or ([self] if self.status is status else [])

    @property
    def failures(self) -> list[VerificationFinding]:
        """Findings that fail."""
        return self.having(FindingStatus.FAILS)

    @property
    def warnings(self) -> list[VerificationFinding]:
        """Findings that are proven and adverse to the batch."""
        return self.having(FindingStatus.WARNING)

    @property
    def unchecked(self) -> list[VerificationFinding]:
        """Findings that were not checked."""
        return self.having(FindingStatus.UNCHECKED)

    @property
    def counts(self) -> dict[FindingStatus, int]:
        """Number of findings without parts, by status."""
        counter = Counter(finding.status for finding in self.walk() if not finding.parts)
        return {status: counter[status] for status in FindingStatus}

    def as_json(self) -> dict[str, object]:
        """Return the tree as JSON."""
        return {"status": self.status.value, "text": self.text, "parts": [part.as_json() for part in self.parts]}


def holds(text: str, parts: Iterable[VerificationFinding] = ()) -> VerificationFinding:
    """Return a finding that holds."""
    return VerificationFinding(FindingStatus.HOLDS, text, list(parts))


def warning(text: str) -> VerificationFinding:
    """Return a finding that is proven and adverse to the batch."""
    return VerificationFinding(FindingStatus.WARNING, text)


def fails(text: str) -> VerificationFinding:
    """Return a finding that fails."""
    return VerificationFinding(FindingStatus.FAILS, text)


def unchecked(text: str) -> VerificationFinding:
    """Return a finding that was not checked."""
    return VerificationFinding(FindingStatus.UNCHECKED, text)


def conclusion(result: VerificationFinding) -> list[str]:
    """Return the summary of a whole result; the last line has the counts."""
    lines = [f"! {finding.text}" for finding in result.warnings]
    if result.failures:
        lines.append("DOES NOT HOLD: do not rely on anything in this bundle.")
    elif result.status is FindingStatus.UNCHECKED:
        lines.append("NOT PROVEN: nothing in the bundle is invalid, but it is not proven:")
        foundations = [part for part in result.parts if part.status is FindingStatus.UNCHECKED]
        lines += [f"? {finding.text}" for part in foundations for finding in part.unchecked]
    else:
        lines.append("HOLDS, with warnings." if result.warnings else "HOLDS.")
    counts = result.counts
    lines.append(
        f"{counts[FindingStatus.HOLDS]} hold, {counts[FindingStatus.WARNING]} warn, "
        f"{counts[FindingStatus.FAILS]} fail, {counts[FindingStatus.UNCHECKED]} not checked"
    )
    return lines


def printable(text: str) -> str:
    """Escape characters that could forge a line or control a terminal; names and reasons are untrusted."""
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
