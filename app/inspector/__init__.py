"""Waiting for your reading: people answer for the inspectors of their organisation's panels.

The portal hands a reading to the inspector's process over the desk's file and does no more: it knows no salt, signs
nothing and sends nothing. A reading is shown to nobody but who handed it in.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask_limiter import Limiter

from app.config import PortalConfig
from app.context import current_operator, current_portal, now_s
from app.errors import status_of
from app.security import limit_views
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.rights import Role
from chromatrace.quality.check_sheet import Parameter
from chromatrace.quality.inspection_tasks import NAME, Question, ReadingDesk

_ROUND = re.compile(r"[0-9a-f]{64}")
_VALUE = "value-"


def register(app: Flask, limiter: Limiter, config: PortalConfig) -> None:
    """Adds the routes; each needs the role inspector."""
    blueprint = Blueprint("inspector", __name__)
    blueprint.before_request(lambda: current_operator().need(Role.INSPECTOR, "reading for an inspector"))
    blueprint.add_url_rule("/console/readings", "readings", readings)
    blueprint.add_url_rule("/console/readings/<round_id>/<inspector>", "hand_in", hand_in, methods=["POST"])
    app.register_blueprint(blueprint)
    app.add_template_filter(format_tolerance, "tolerance_words")
    limit_views(app, limiter, {"inspector.readings": config.page_limit, "inspector.hand_in": config.page_limit})


def readings() -> str:
    """The open questions of the operator's organisation, the most urgent first, and the operator's own readings."""
    return _page()


def hand_in(round_id: str, inspector: str) -> Any:
    """Takes the reading of one seat: `value-<n>` for each parameter of the check sheet, or `state`; `defects`."""
    operator = current_operator()
    try:
        with _desk() as desk:
            question = desk.find(bytes.fromhex(round_id), inspector) if _ROUND.fullmatch(round_id) else None
            if question is None or question.organisation != operator.organisation:
                raise NotFound("nobody of your organisation asks for this reading", field="round")
            state = request.form.get("state") if question.sheet is None else None
            desk.answer(question, operator.address, values=_values(question), state=state, defects=_defects())
    except ChromaTraceError as error:
        return _page(error, (round_id, inspector)), status_of(error)
    flash("Your reading is handed in. The inspector's process seals it and sends it to the chain.", "plain")
    return redirect(url_for("inspector.readings"), 303)


def format_tolerance(parameter: Parameter) -> str:
    """What fits: "6 to 8", "at least 6" or "at most 8"; the unit stands beside it."""
    if parameter.low is None:
        return f"at most {parameter.high:.6g}"
    if parameter.high is None:
        return f"at least {parameter.low:.6g}"
    return f"{parameter.low:.6g} to {parameter.high:.6g}"


def _page(error: ChromaTraceError | None = None, tried: tuple[str, str] = ("", "")) -> str:
    portal, operator, now = current_portal(), current_operator(), now_s()
    with _desk() as desk:
        waiting, handed_in = desk.waiting(operator.organisation, now), desk.read_by(operator.address)
    return render_template(
        "inspector/readings.html",
        waiting=waiting,
        handed_in=handed_in,
        lots={question.about.subject: _lot(question) for question in (*waiting, *handed_in)},
        now=now,
        operator=operator,
        organisation=portal.batches.party(operator.organisation, now).name,
        error=error,
        tried=tried,
        form=request.form,
    )


def _desk() -> ReadingDesk:
    return ReadingDesk(current_portal().config.data_folder / NAME)


def _lot(question: Question) -> str | None:
    """The lot, where the subject is a batch that the index knows."""
    batch = current_portal().index.batch(BatchId(bytes.fromhex(question.about.subject[2:])))
    return f"{batch.key.gtin}/{batch.key.lot}" if batch else None


def _values(question: Question) -> dict[str, float]:
    if question.sheet is None:
        return {}
    return {
        parameter.name: _number(request.form.get(f"{_VALUE}{place}", ""), parameter)
        for place, parameter in enumerate(question.sheet.parameters)
    }


def _number(text: str, parameter: Parameter) -> float:
    """A decimal, with a point or a comma."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise InvalidInput(f"a number is needed, got {text!r:.40}", field=parameter.name) from None


def _defects() -> int:
    text = request.form.get("defects", "0").strip()
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInput(f"a whole number is needed, got {text!r:.40}", field="defects")
    return int(text)
