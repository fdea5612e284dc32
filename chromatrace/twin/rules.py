"""Turn new alarms and forecasts into proposals by the rules of the plant file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from chromatrace.plant.alarm_settings import Priority
from chromatrace.plant.proposal_rules import ProposalRule
from chromatrace.twin.plan import NS_PER_S
from chromatrace.twin.store.models import AlarmRow, ForecastRow
from chromatrace.twin.store.proposals import ProposalDraft

OUT_OF_CONTROL = 2
"""Index of the state "out of control" in a forecast."""


def drafts(rules: Iterable[ProposalRule], row: AlarmRow | ForecastRow, now_ns: int) -> Iterator[ProposalDraft]:
    """Yield the proposals that follow from an alarm or a forecast."""
    for rule in rules:
        if isinstance(row, AlarmRow):
            reason = row.message if _matches_alarm(rule, row) else None
        else:
            reason = _forecast_reason(row) if _matches_forecast(rule, row) else None
        machine_action = rule.write is not None
        subject = (rule.machine or row.machine) if machine_action else row.batch
        if reason is None or subject is None:
            continue
        yield ProposalDraft(
            channel=row.channel,
            log_size=row.log_size,
            rule=rule.id,
            subject=subject,
            cause=rule.cause,
            cause_id=row.id,
            action=rule.action,
            parameters=_parameters(rule),
            reason=f"{rule.reason}: {reason}" if rule.reason else reason,
            machine=rule.machine or row.machine,
            batch=row.batch,
            time_ns=now_ns,
            expires_ns=now_ns + round(rule.expires_s * NS_PER_S),
            automatic=None
            if rule.automatic is None
            else (rule.automatic.count, round(rule.automatic.per_s * NS_PER_S)),
        )


def _matches_alarm(rule: ProposalRule, alarm: AlarmRow) -> bool:
    return (
        rule.cause == "alarm"
        and not alarm.suppressed
        and rule.kind in (None, alarm.kind)
        and list(Priority)[alarm.priority].rank <= rule.priority.rank
        and _is_about(rule, alarm)
    )


def _matches_forecast(rule: ProposalRule, forecast: ForecastRow) -> bool:
    return (
        rule.cause == "forecast"
        and forecast.step == rule.step
        and forecast.model[OUT_OF_CONTROL] >= rule.probability
        and _is_about(rule, forecast)
    )


def _is_about(rule: ProposalRule, row: AlarmRow | ForecastRow) -> bool:
    tag = row.tag or ""
    return rule.machine in (None, row.machine) and rule.tag in (None, tag, tag.rpartition("/")[2])


def _forecast_reason(forecast: ForecastRow) -> str:
    probability = 100 * forecast.model[OUT_OF_CONTROL]
    return f"{forecast.tag} is out of control in {forecast.step} readings with a probability of {probability:.0f} %"


def _parameters(rule: ProposalRule) -> dict[str, Any]:
    parameters: dict[str, Any] = {"role": rule.role.name}
    if rule.action == "inspect":
        parameters["samples"] = rule.samples
    if rule.product is not None:
        parameters["product"] = rule.product
    if rule.write is not None:
        parameters["write"] = dataclasses.asdict(rule.write)
    return parameters
