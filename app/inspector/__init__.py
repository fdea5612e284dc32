"""Inspection tasks: people answer for the inspectors of their organisation.

The portal only stores an answer in the task file that it shares with the inspector's process. It does not know the
salt of a sealed answer, and it neither signs nor sends it. Only the person who submitted an answer can see it.
"""

from __future__ import annotations

import re

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from app.context import current_operator, current_portal, current_snapshot, lookup_organisation, now_s
from app.errors import http_status
from app.security import limit_views
from app.settings import PortalSettings
from chromatrace.domain.errors import ChromaTraceError, NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.numbers import parse_decimal, parse_whole
from chromatrace.domain.rights import Role
from chromatrace.quality.check_sheet import Parameter
from chromatrace.quality.inspection_tasks import FILE_NAME, InspectionTask, InspectionTasks
from chromatrace.quality.inspector_states import FILE_NAME as STATES
from chromatrace.quality.inspector_states import InspectorStates

_ROUND = re.compile(r"[0-9a-f]{64}")
_VALUE = "value-"


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes. Each needs the role inspector."""
    blueprint = Blueprint("inspector", __name__)
    blueprint.before_request(lambda: current_operator().require(Role.INSPECTOR, "answering inspection tasks"))
    blueprint.add_url_rule("/console/inspections", "tasks", tasks)
    blueprint.add_url_rule("/console/inspections/<round_id>/<inspector>", "submit", submit, methods=["POST"])
    app.register_blueprint(blueprint)
    app.add_template_filter(format_tolerance, "format_tolerance")
    limit_views(app, limiter, {"inspector.tasks": config.page_limit, "inspector.submit": config.page_limit})


def tasks() -> str:
    """Show the open tasks of the operator's organisation, the most urgent first, and the operator's own answers."""
    return _page()


def submit(round_id: str, inspector: str) -> ResponseReturnValue:
    """Submit the answer of one seat: `value-<n>` for each parameter of the check sheet, or `state`; and `defects`."""
    operator = current_operator()
    try:
        with _open_tasks() as open_tasks:
            task = open_tasks.find(bytes.fromhex(round_id), inspector) if _ROUND.fullmatch(round_id) else None
            if task is None or task.organisation != operator.organisation:
                raise NotFound("your organisation has no such inspection task", field="round")
            defects = parse_whole(request.form.get("defects", "0"), "defects")
            state = request.form.get("state")
            open_tasks.submit(task, operator.address, values=_values(task), state=state, defects=defects)
    except ChromaTraceError as error:
        return _page(error, (round_id, inspector)), http_status(error)
    flash("Answer submitted. Its outcome is shown below.", "plain")
    return redirect(url_for("inspector.tasks"), 303)


def format_tolerance(parameter: Parameter) -> str:
    """Format a tolerance without its unit: "6 to 8", "at least 6" or "at most 8"."""
    if parameter.low is None:
        return f"at most {parameter.high:.6g}"
    if parameter.high is None:
        return f"at least {parameter.low:.6g}"
    return f"{parameter.low:.6g} to {parameter.high:.6g}"


def _page(error: ChromaTraceError | None = None, failed_task: tuple[str, str] = ("", "")) -> str:
    operator, now = current_operator(), now_s()
    with _open_tasks() as open_tasks:
        waiting, answered = open_tasks.waiting(operator.organisation, now), open_tasks.answered_by(operator.address)
    with InspectorStates(current_portal().config.data_folder / STATES) as states:
        processes = states.states(operator.organisation)
    return render_template(
        "inspector/tasks.html",
        waiting=waiting,
        answered=answered,
        lots={task.about.subject: _lot(task) for task in (*waiting, *answered)},
        outcomes={task.round: _outcome(task) for task in answered},
        stopped=[process for process in processes if not process.running(now)],
        faults=[(process, message) for process in processes for message in process.faults.values()],
        now=now,
        organisation=lookup_organisation(operator.organisation).name,
        error=error,
        failed_task=failed_task,
        form=request.form,
    )


def _open_tasks() -> InspectionTasks:
    return InspectionTasks(current_portal().config.data_folder / FILE_NAME)


def _lot(task: InspectionTask) -> str | None:
    """Return GTIN and lot if the subject is a batch in the index."""
    batch = current_snapshot().batch(BatchId(bytes.fromhex(task.about.subject[2:])))
    return f"{batch.key.gtin}/{batch.key.lot}" if batch else None


def _values(task: InspectionTask) -> dict[str, float]:
    if task.sheet is None:
        return {}
    return {
        parameter.name: parse_decimal(request.form.get(f"{_VALUE}{index}", ""), parameter.name)
        for index, parameter in enumerate(task.sheet.parameters)
    }


def _outcome(task: InspectionTask) -> str:
    """Describe what became of an answer, as far as the index shows."""
    snapshot = current_snapshot()
    round_ = snapshot.round(task.round)
    panel = next((panel for panel in snapshot.panels() if round_ is not None and panel.panel == round_.panel), None)
    if round_ is None or panel is None:
        return "waiting to be sent"
    numbers = {member.number for member in panel.inspectors if member.account.lower() == task.inspector}
    seat = next((seat for seat in round_.seats if seat.inspector in numbers), None)
    status = None if seat is None else seat.status
    if status == "stalled":
        return "missed the deadline; the inspector was penalised"
    if round_.phase == "lapsed":
        return "the round lapsed without a result"
    if round_.phase == "decided" and seat is not None and seat.state is not None and round_.state is not None:
        result = task.about.states[round_.state]
        return f"{'agrees with' if seat.state == round_.state else 'differs from'} the result, {result}"
    return {
        "committed": "committed; not revealed yet",
        "revealed": "revealed; the round is not decided yet",
    }.get(status or "", "waiting to be sent")
