"""The control chart of a tag: individuals, moving range, EWMA and CUSUM, with the rules that signal."""

from __future__ import annotations

from dataclasses import dataclass

from flask import jsonify, render_template, request
from flask.typing import ResponseReturnValue

from app.presenters.notation import format_unit
from app.workshop.access import current_workshop
from app.workshop.trend import WINDOWS, TrendQuery, form_context, parse_moment, readings_spool, trend_query
from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.spool import Spool
from chromatrace.services.tag_charts import WindowChart, base_limits, window_chart
from chromatrace.twin.charts.individuals import TagLimits

MAX_SIGNALS = 100
BASE_SHARE = 4
"""Without a base window and limits in the plant file, the limits come from the first quarter of the window."""


@dataclass(frozen=True, slots=True)
class Base:
    """The limits of a chart, and where they come from."""

    limits: TagLimits
    text: str


def page() -> ResponseReturnValue:
    """Show the charts of the query's first tag."""
    spool = readings_spool()
    if not spool.names():
        return render_template("workshop/charts.html", query=None)
    query = trend_query(spool, one_tag=True)
    error, chart, base = None, None, None
    try:
        base, chart = _chart(spool, query)
    except InvalidInput as invalid:
        error = invalid
    return render_template(
        "workshop/charts.html",
        error=error,
        chart=chart,
        base=base,
        signals=[point for point in chart.points if point.signals][-MAX_SIGNALS:] if chart else [],
        panels=_panels(query, base, chart) if chart and base else [],
        windows=WINDOWS,
        base_from=request.args.get("base_from", ""),
        base_to=request.args.get("base_to", ""),
        **form_context(spool, query),
    )


def as_json() -> ResponseReturnValue:
    """Return the charts in the form of the trend's JSON."""
    spool = readings_spool()
    query = trend_query(spool, one_tag=True)
    base, chart = _chart(spool, query)
    return jsonify(
        channel=query.channel,
        log_size=spool.size(query.channel),
        start=query.from_ns / 1e9,
        stop=query.to_ns / 1e9,
        base=base.text,
        series=_panels(query, base, chart),
        events=[],
        signals=[
            {"time": point.time_ns / 1e9, "value": point.value, "rules": point.signals}
            for point in chart.points
            if point.signals
        ],
    )


def _chart(spool: Spool, query: TrendQuery) -> tuple[Base, WindowChart]:
    (source, tag), *_ = query.series or [("", "")]
    base = _base(spool, query, source, tag)
    return base, window_chart(spool, query.channel, source, tag, query.from_ns, query.to_ns, base.limits)


def _base(spool: Spool, query: TrendQuery, source: str, tag: str) -> Base:
    start, stop = (request.args.get(name, "") for name in ("base_from", "base_to"))
    if start and stop:
        from_ns, to_ns = parse_moment(start, "base_from"), parse_moment(stop, "base_to")
        if from_ns >= to_ns:
            raise InvalidInput(f"{start} is not before {stop}", field="base_from")
        return Base(
            base_limits(spool, query.channel, source, tag, from_ns, to_ns), f"the readings from {start} to {stop}"
        )
    if start or stop:
        raise InvalidInput("base_from and base_to must be given together", field="base_to" if start else "base_from")
    name = tag.rpartition("/")[2]
    plan = next((plan for plan in current_workshop().plan.forecasts if plan.tag in (tag, name)), None)
    if plan is not None:
        return Base(TagLimits(plan.centre, plan.sigma), "the plant file")
    end = query.from_ns + (query.to_ns - query.from_ns) // BASE_SHARE
    limits = base_limits(spool, query.channel, source, tag, query.from_ns, end)
    return Base(limits, "the first quarter of the window, which no person has approved")


def _panels(query: TrendQuery, base: Base, chart: WindowChart) -> list[dict[str, object]]:
    (source, tag), limits = query.series[0], base.limits
    low, high = limits.limits
    times = [point.time_ns / 1e9 for point in chart.points]

    def panel(
        name: str, upper: list[float | None], lower: list[float | None] | None = None, **bounds: float
    ) -> dict[str, object]:
        marks = [
            {"time": time_s, "value": value if lower is None or "CUSUM low" not in point.signals else lower[index]}
            for index, (time_s, value, point) in enumerate(zip(times, upper, chart.points, strict=True))
            if any(_panel_of(signal) == name for signal in point.signals)
        ]
        return {
            "title": name,
            "source": source,
            "tag": tag,
            "unit": "" if name == "CUSUM" else format_unit(chart.unit),
            "readings": len(times) + chart.left_out,
            "not_good": chart.left_out,
            "step": 0 if lower is None else 1,
            "times": times,
            "maximum": upper,
            "minimum": lower or upper,
            "marks": marks,
            "limits": {"low": bounds.get("low"), "high": bounds.get("high"), "centre": bounds.get("centre")},
        }

    weight, width = limits.ewma_weight, limits.ewma_width
    reach = width * limits.sigma * (weight / (2 - weight)) ** 0.5
    decision = limits.cusum_limit
    return [
        panel("Individuals", [point.value for point in chart.points], low=low, high=high, centre=limits.centre),
        panel("Moving range", [point.moving_range for point in chart.points], high=limits.range_limit),
        panel(
            "EWMA",
            [point.ewma for point in chart.points],
            low=limits.centre - reach,
            high=limits.centre + reach,
            centre=limits.centre,
        ),
        panel(
            "CUSUM",
            [point.cusum_high for point in chart.points],
            [-point.cusum_low for point in chart.points],
            low=-decision,
            high=decision,
            centre=0.0,
        ),
    ]


def _panel_of(signal: str) -> str:
    """Return the title of the panel that marks a signal."""
    titles = {"moving range": "Moving range", "EWMA": "EWMA", "CUSUM high": "CUSUM", "CUSUM low": "CUSUM"}
    return titles.get(signal, "Individuals")
