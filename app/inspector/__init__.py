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
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.rights import Role
from chromatrace.quality.check_sheet import Parameter
from chromatrace.quality.inspection_tasks import FILE_NAME, InspectionTask, InspectionTasks

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
            state = request.form.get("state") if task.sheet is None else None
            open_tasks.submit(task, operator.address, values=_values(task), state=state, defects=_defects())
    except ChromaTraceError as error:
        return _page(error, (round_id, inspector)), http_status(error)
    flash("Answer submitted. The inspector process seals it and sends it to the chain.", "plain")
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
    return render_template(
        "inspector/tasks.html",
        waiting=waiting,
        answered=answered,
        lots={task.about.subject: _lot(task) for task in (*waiting, *answered)},
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
        parameter.name: _number(request.form.get(f"{_VALUE}{index}", ""), parameter)
        for index, parameter in enumerate(task.sheet.parameters)
    }


def _number(text: str, parameter: Parameter) -> float:
    """Parse a decimal with a point or a comma."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise InvalidInput(f"{text!r:.40} is not a valid number", field=parameter.name) from None


def _defects() -> int:
    text = request.form.get("defects", "0").strip()
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInput(f"{text!r:.40} is not a valid whole number", field="defects")
    return int(text)
