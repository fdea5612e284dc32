"""Alarms (ANSI/ISA-18.2): list, filter, export, acknowledge, shelve."""

from __future__ import annotations

import time
from typing import TypeVar

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.context import current_operator
from app.workshop.access import current_workshop
from app.workshop.trend import series_name
from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.ingest.times import rfc3339
from chromatrace.plant.alarm_settings import Priority
from chromatrace.services.twin import ALARM_ROLES, alarms_csv
from chromatrace.twin.errors import AlarmStateError
from chromatrace.twin.store import alarms
from chromatrace.twin.store.alarms import OPEN_STATES, AlarmFilter, AlarmState

MAX_ROWS = 200
Kind = TypeVar("Kind", AlarmState, Priority)
_MINUTE_NS = 60 * 10**9
AROUND_NS = 15 * _MINUTE_NS
"""The trend that an alarm links to begins and ends this long before and after it."""


def page() -> ResponseReturnValue:
    """Show the alarms that match the filter: those that need attention by default."""
    workshop, wanted = current_workshop(), _filter()
    return render_template(
        "workshop/alarms.html",
        alarms=alarms.alarms(workshop.store, time.time_ns(), wanted, MAX_ROWS),
        wanted=wanted,
        states=list(AlarmState),
        priorities=list(Priority),
        machines=workshop.plan.machines,
        may_act=current_operator().has(ALARM_ROLES),
        window=_window,
        series_name=series_name,
        maximum=MAX_ROWS,
    )


def show(alarm_id: int) -> ResponseReturnValue:
    """Show an alarm, the data behind it and its life."""
    view, events = alarms.alarm(current_workshop().store, alarm_id, time.time_ns())
    return render_template(
        "workshop/alarm.html",
        alarm=view,
        events=events,
        may_act=current_operator().has(ALARM_ROLES),
        window=_window,
        series_name=series_name,
    )


def export() -> ResponseReturnValue:
    """Return all alarms that match as CSV, oldest first."""
    rows = alarms.every_alarm(current_workshop().store, time.time_ns(), _filter())
    headers = {"Content-Disposition": 'attachment; filename="alarms.csv"'}
    return Response(alarms_csv(rows), mimetype="text/csv", headers=headers)


def act(alarm_id: int, action: str) -> ResponseReturnValue:
    """Acknowledge, shelve or unshelve an alarm. `action` is one of these words."""
    operator, store, now = current_operator(), current_workshop().store, time.time_ns()
    operator.require(ALARM_ROLES, f"to {action} an alarm")
    by = operator.account or operator.address
    try:
        if action == "acknowledge":
            alarms.acknowledge(store, alarm_id, by, now, request.form.get("note", "").strip()[:500])
            message = f"Alarm {alarm_id} is acknowledged."
        elif action == "shelve":
            minutes = _minutes()
            alarms.shelve(store, alarm_id, by, now, now + minutes * _MINUTE_NS, request.form.get("reason", "")[:500])
            message = f"Alarm {alarm_id} is shelved for {minutes} minutes."
        elif action == "unshelve":
            alarms.unshelve(store, alarm_id, by, now)
            message = f"Alarm {alarm_id} is no longer shelved."
        else:
            abort(404)
    except (InvalidInput, AlarmStateError) as error:
        flash(_sentence(error), "alarm")
    else:
        flash(message, "plain")
    return redirect(
        url_for("workshop.alarm", alarm_id=alarm_id) if "detail" in request.form else url_for("workshop.alarms"), 303
    )


def _minutes() -> int:
    text = request.form.get("minutes", "")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 1440:
        raise InvalidInput(f"{text!r} is not a number of minutes from 1 to 1440", field="minutes")
    return int(text)


def _sentence(error: ChromaTraceError) -> str:
    return f"{error.message[:1].upper()}{error.message[1:]}."


def _filter() -> AlarmFilter:
    states = tuple(_member(AlarmState, "state", text) for text in request.args.getlist("state") if text)
    priority = request.args.get("priority")
    return AlarmFilter(
        states or OPEN_STATES,
        _member(Priority, "priority", priority) if priority else None,
        machine=request.args.get("machine") or None,
        tag=request.args.get("tag") or None,
        batch=request.args.get("batch") or None,
    )


def _member(kind: type[Kind], name: str, text: str) -> Kind:
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not one of {', '.join(kind)}", field=name) from error


def _window(time_ns: int) -> dict[str, str]:
    return {"from": rfc3339(time_ns - AROUND_NS), "to": rfc3339(time_ns + AROUND_NS)}
