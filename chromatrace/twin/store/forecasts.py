"""List stored forecasts, and score those whose outcome is known against persistence and the marginal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, select, true

from chromatrace.twin.prediction import STATES, Comparison
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.models import ForecastRow

_PAGE = 5000


@dataclass(frozen=True, slots=True)
class ForecastView:
    """A forecast of a tag's state at the `step`-th reading after `log_size` readings of `channel`.

    model, persistence, marginal  probability of each of `STATES`
    expected_steps                mean number of readings until the tag is out of control
    outcome                       the state at that reading; None if it is not known yet
    """

    id: int
    channel: str
    log_size: int
    source: str
    tag: str
    machine: str | None
    batch: str | None
    made_ns: int
    step: int
    state: str
    model: Sequence[float]
    persistence: Sequence[float]
    marginal: Sequence[float]
    expected_steps: float | None
    stationary: Sequence[float]
    outcome: str | None
    outcome_log_size: int | None


@dataclass(slots=True)
class StoredScore:
    """Scores of the stored forecasts of one tag and step. `waiting`: forecasts whose outcome is not known."""

    channel: str
    source: str
    tag: str
    step: int
    comparison: Comparison = field(default_factory=Comparison)
    waiting: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        names = {"channel": self.channel, "source": self.source, "tag": self.tag, "step": self.step}
        return names | self.comparison.as_dict() | {"waiting": self.waiting}


def forecasts(
    store: TwinStore,
    *,
    tag: str | None = None,
    machine: str | None = None,
    step: int | None = None,
    latest: bool = False,
    limit: int = 200,
) -> list[ForecastView]:
    """Return forecasts, the newest first. `latest`: only the newest one of each tag and step."""
    statement = select(ForecastRow).where(_matches(tag, machine, step)).order_by(ForecastRow.id.desc())
    with store.read() as session:
        if not latest:
            return [_view(row) for row in session.scalars(statement.limit(limit))]
        newest: dict[tuple[str, str, str, int], ForecastView] = {}
        # The newest forecasts of all tags are among the last ones, unless a tag has no readings any more.
        for row in session.scalars(statement.limit(_PAGE)):
            newest.setdefault((row.channel, row.source, row.tag, row.step), _view(row))
    return list(newest.values())[:limit]


def stored_scores(store: TwinStore, *, tag: str | None = None) -> list[StoredScore]:
    """Return the scores of all stored forecasts by tag and step."""
    scores: dict[tuple[str, str, str, int], StoredScore] = {}
    after = 0
    while True:
        statement = select(ForecastRow).where(_matches(tag, None, None), ForecastRow.id > after)
        with store.read() as session:
            rows = session.scalars(statement.order_by(ForecastRow.id).limit(_PAGE)).all()
        for row in rows:
            score = scores.setdefault(
                (row.tag, row.source, row.channel, row.step), StoredScore(row.channel, row.source, row.tag, row.step)
            )
            if row.outcome is None:
                score.waiting += 1
                continue
            score.comparison.model.add(row.model, row.outcome)
            score.comparison.persistence.add(row.persistence, row.outcome)
            score.comparison.marginal.add(row.marginal, row.outcome)
        if len(rows) < _PAGE:
            return [scores[key] for key in sorted(scores)]
        after = rows[-1].id


def total_score(scores: Sequence[StoredScore]) -> Comparison:
    """Return the scores of all forecasts together."""
    result = Comparison()
    for score in scores:
        result.merge(score.comparison)
    return result


def _matches(tag: str | None, machine: str | None, step: int | None) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if tag is not None:
        conditions.append(ForecastRow.tag == tag)
    if machine is not None:
        conditions.append(ForecastRow.machine == machine)
    if step is not None:
        conditions.append(ForecastRow.step == step)
    return and_(*conditions)


def _view(row: ForecastRow) -> ForecastView:
    return ForecastView(
        id=row.id,
        channel=row.channel,
        log_size=row.log_size,
        source=row.source,
        tag=row.tag,
        machine=row.machine,
        batch=row.batch,
        made_ns=row.made_ns,
        step=row.step,
        state=STATES[row.state],
        model=row.model,
        persistence=row.persistence,
        marginal=row.marginal,
        expected_steps=row.expected_steps,
        stationary=row.stationary,
        outcome=None if row.outcome is None else STATES[row.outcome],
        outcome_log_size=row.outcome_log_size,
    )
