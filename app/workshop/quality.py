"""Quality of the plant's lots: yields, defects by cause, capability, sampling plans and dispositions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from app.context import current_portal, current_snapshot
from app.workshop.access import current_workshop
from app.workshop.trend import readings_spool
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.services.drawing.plot import NARROW, WIDTH
from chromatrace.services.quality.history import END_S
from chromatrace.services.quality.report import PLOTS, TABLES, QualityReport, quality_report
from chromatrace.services.quality.yields import PERIODS

MAX_WINDOWS = 50
MAX_DISPOSITIONS = 20
SHOWN_PERIODS = 12
"""Periods in the table of the page; the CSV has all."""
CAPABLE, BARELY = 1.33, 1.0
"""Cpk of a capable process, and of one whose limits are three standard deviations away."""


def page() -> ResponseReturnValue:
    """Show the figures of the period that the query names; by default, of all lots."""
    report, dispositions = _report(), current_portal().batches.dispositions
    return render_template(
        "workshop/quality.html",
        report=report,
        total=report.total,
        plots=[name for name in PLOTS if report.has_plot(name)],
        newest=list({row.tag: row for row in report.capabilities}.values()),
        dispositions=dispositions.newest(MAX_DISPOSITIONS) if dispositions else [],
        periods=PERIODS,
        shown=SHOWN_PERIODS,
        query={name: request.args[name] for name in ("period", "from", "to") if request.args.get(name)},
        capable=CAPABLE,
        barely=BARELY,
    )


def as_csv(table: str) -> ResponseReturnValue:
    """Return a table of the report as CSV."""
    if table not in TABLES:
        raise NotFound(f"no table {table!r:.40}", field="table", hint=f"tables: {', '.join(TABLES)}")
    headers = {"Content-Disposition": f'attachment; filename="{table}.csv"'}
    return Response(_report().csv(table), mimetype="text/csv", headers=headers)


def plot(name: str) -> ResponseReturnValue:
    """Return a drawing of the report as SVG, `?width=narrow` for phones."""
    report = _report()
    if name not in PLOTS or not report.has_plot(name):
        raise NotFound(f"no drawing {name!r:.40}", field="name", hint=f"drawings: {', '.join(PLOTS)}")
    width = NARROW if request.args.get("width") == "narrow" else WIDTH
    return Response(report.plot(name, width), mimetype="image/svg+xml")


def _report() -> QualityReport:
    workshop = current_workshop()
    period = request.args.get("period") or "week"
    if period not in PERIODS:
        raise InvalidInput(f"{period!r:.40} is not one of {', '.join(PERIODS)}", field="period")
    start, stop = _day("from"), _day("to")
    return quality_report(
        current_snapshot(),
        current_portal().batches.documents,
        readings_spool(),
        workshop.plant,
        workshop.organisation,
        from_s=0 if start is None else _seconds(start),
        to_s=END_S if stop is None else _seconds(stop + timedelta(days=1)),
        period=period,
        windows=MAX_WINDOWS,
    )


def _day(name: str) -> date | None:
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r:.40} is not a date such as 2026-03-31", field=name) from error


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
