"""Panels of inspectors, their rounds, and how capabilities moved."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from chromatrace.domain.rights import Stage
from chromatrace.index.models import ConsensusPanel, ConsensusRound
from chromatrace.index.queries.base import Queries, Statement
from chromatrace.index.views import InspectorView, PanelView, RoundView, SeatView

PHASES = ("none", "requested", "seated", "decided", "lapsed")
UNIT = 10_000
"""Capabilities and scores are stored in 1/10,000."""


class ConsensusQueries(Queries):
    """Questions about inspection by consensus."""

    def panels(self) -> tuple[PanelView, ...]:
        """All panels, by organisation."""
        return tuple(self._panel(row) for row in self._rows(select(ConsensusPanel).order_by(ConsensusPanel.panel)))

    def rounds(self, panel: int, limit: int = 50) -> tuple[RoundView, ...]:
        """A panel's rounds, the newest first."""
        chosen = select(ConsensusRound).where(ConsensusRound.panel == panel)
        return self._rounds(chosen.order_by(ConsensusRound.position.desc()).limit(limit))

    def rounds_about(self, subject: bytes) -> tuple[RoundView, ...]:
        """The rounds about one batch or workpiece, in their order."""
        return self._rounds(
            select(ConsensusRound).where(ConsensusRound.subject == subject).order_by(ConsensusRound.position)
        )

    def _panel(self, row: Any) -> PanelView:
        rule = None if row.rule is None else json.loads(row.rule)
        courses: dict[int, list[float]] = {}
        chosen = select(ConsensusRound.seats).where(ConsensusRound.panel == row.panel).order_by(ConsensusRound.changed)
        for round_ in self._rows(chosen):
            for seat in json.loads(round_.seats):
                if "capability" in seat:
                    courses.setdefault(seat["inspector"], []).append(seat["capability"] / UNIT)
        inspectors = tuple(
            InspectorView(
                number=int(number),
                account=facts["account"],
                active=facts["active"],
                own=facts["own"],
                course=(facts["capability"] / UNIT, *courses.get(int(number), [])),
            )
            for number, facts in sorted(json.loads(row.inspectors).items(), key=lambda item: int(item[0]))
        )
        return PanelView(row.panel, rule, tuple(rule["names"]) if rule else (), inspectors)

    def _rounds(self, chosen: Statement) -> tuple[RoundView, ...]:
        found, refs = self._rows_with_refs(chosen, "position", "changed")
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
                score=None if row.score is None else row.score / UNIT,
                recorder=row.recorder,
                threshold_reached=row.threshold_reached,
                verdict_rejected=row.verdict_rejected,
                opened=refs[row.position],
                changed=refs[row.changed],
            )
            for row in found
        )


def _seat(stored: dict[str, Any]) -> SeatView:
    capability = stored.get("capability")
    return SeatView(
        inspector=stored["inspector"],
        status=stored["status"],
        state=stored.get("state"),
        evidence=bytes.fromhex(stored["evidence"]) if "evidence" in stored else None,
        capability=None if capability is None else capability / UNIT,
    )
