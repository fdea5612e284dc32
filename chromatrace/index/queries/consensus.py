"""Queries about inspection by consensus."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from chromatrace.domain.rights import Stage
from chromatrace.index.models import PanelRow, RoundRow
from chromatrace.index.queries.base import AnyRow, Queries, Statement
from chromatrace.index.views import InspectorView, PanelView, RoundView, SeatView

PHASES = ("none", "requested", "seated", "decided", "lapsed")
"""Names of `IQualityConsensus.Phase`."""
SCALE = 10_000
"""Capabilities and scores are stored in units of 1/10,000."""


class ConsensusQueries(Queries):
    """Queries about panels of inspectors and their rounds."""

    def panels(self) -> tuple[PanelView, ...]:
        """Return all panels, by organisation."""
        return tuple(self._panel(row) for row in self._rows(select(PanelRow).order_by(PanelRow.panel)))

    def rounds(self, panel: int, limit: int = 50) -> tuple[RoundView, ...]:
        """Return the rounds of a panel, newest first."""
        statement = select(RoundRow).where(RoundRow.panel == panel)
        return self._rounds(statement.order_by(RoundRow.position.desc()).limit(limit))

    def rounds_about(self, subject: bytes) -> tuple[RoundView, ...]:
        """Return the rounds about a batch or workpiece, oldest first."""
        return self._rounds(select(RoundRow).where(RoundRow.subject == subject).order_by(RoundRow.position))

    def round(self, id_: bytes) -> RoundView | None:
        """Return a round by its id."""
        rounds = self._rounds(select(RoundRow).where(RoundRow.id == id_))
        return rounds[0] if rounds else None

    def _panel(self, row: AnyRow) -> PanelView:
        rule = None if row.rule is None else json.loads(row.rule)
        learned: dict[int, list[float]] = {}
        statement = select(RoundRow.seats).where(RoundRow.panel == row.panel).order_by(RoundRow.changed)
        for (seats,) in self._rows(statement):
            for seat in json.loads(seats):
                if "capability" in seat:
                    learned.setdefault(seat["inspector"], []).append(seat["capability"] / SCALE)
        inspectors = tuple(
            InspectorView(
                number=int(number),
                account=facts["account"],
                active=facts["active"],
                own=facts["own"],
                capabilities=(facts["capability"] / SCALE, *learned.get(int(number), [])),
            )
            for number, facts in sorted(json.loads(row.inspectors).items(), key=lambda item: int(item[0]))
        )
        return PanelView(row.panel, rule, tuple(rule["names"]) if rule else (), inspectors)

    def _rounds(self, statement: Statement) -> tuple[RoundView, ...]:
        rows, refs = self._rows_with_refs(statement, "position", "changed")
        return tuple(
            RoundView(
                id=row.id,
                panel=row.panel,
                subject=row.subject,
                step=row.step,
                stage=Stage(row.stage),
                phase=PHASES[row.phase],
                decides_verdict=row.decides_verdict,
                seats=tuple(_seat(seat) for seat in json.loads(row.seats)),
                state=row.state,
                score=None if row.score is None else row.score / SCALE,
                recorder=row.recorder,
                threshold_reached=row.threshold_reached,
                verdict_rejected=row.verdict_rejected,
                opened=refs[row.position],
                changed=refs[row.changed],
            )
            for row in rows
        )


def _seat(stored: dict[str, Any]) -> SeatView:
    capability = stored.get("capability")
    return SeatView(
        inspector=stored["inspector"],
        status=stored["status"],
        state=stored.get("state"),
        evidence=bytes.fromhex(stored["evidence"]) if "evidence" in stored else None,
        capability=None if capability is None else capability / SCALE,
    )
