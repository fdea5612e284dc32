"""Trends of any tags over any window, as a page, JSON and CSV."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from flask import Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.context import current_portal, current_snapshot
from app.links import page_path
from app.presenters.notation import format_unit
from app.presenters.plots import band_plot
from app.workshop.access import current_workshop
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.ingest.spool import Spool
from chromatrace.ingest.times import parse_time, rfc3339
from chromatrace.services.trends import Trend, trend
from chromatrace.twin.store.alarms import AlarmFilter, AlarmState, AlarmView
from chromatrace.twin.store.alarms import alarms as list_alarms

MAX_TAGS = 8
MAX_EVENTS = 200
EVERY_STATE = tuple(AlarmState)
_HOUR_NS = 3600 * 10**9
WINDOWS = {
    "15 min": _HOUR_NS // 4,
    "1 h": _HOUR_NS,
    "8 h": 8 * _HOUR_NS,
    "1 day": 24 * _HOUR_NS,
    "7 days": 168 * _HOUR_NS,
}
_CSV_CHUNK = 5000
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)$")


@dataclass(frozen=True, slots=True)
class TrendQuery:
    """The series and the window of a request. Times are Unix nanoseconds; the window excludes `to_ns`."""

    channel: str
    series: tuple[tuple[str, str], ...]
    from_ns: int
    to_ns: int

    @property
    def names(self) -> tuple[str, ...]:
        """The series as the query parameter `tag` writes them."""
        return tuple(series_name(*pair) for pair in self.series)


def series_name(source: str, tag: str) -> str:
    """Return the name of a series in URLs."""
    return f"{quote(source, safe='')}/{quote(tag, safe='')}"


def page() -> ResponseReturnValue:
    """Show the trend of the query; without a tag, the first two of the channel."""
    spool = readings_spool()
    if not spool.names():
        return render_template("workshop/trend.html", query=None)
    query = trend_query(spool)
    return render_template(
        "workshop/trend.html",
        plots=[(item, band_plot(item)) for item in _trends(spool, query)],
        events=_events(query),
        windows=WINDOWS,
        max_tags=MAX_TAGS,
        **form_context(spool, query),
    )


def form_context(spool: Spool, query: TrendQuery) -> dict[str, object]:
    """Return what the form of a query shows."""
    return {
        "query": query,
        "channels": spool.names(),
        "known": [(series_name(*pair), *pair) for pair in spool.series(query.channel)],
        "start": rfc3339(query.from_ns // 10**9 * 10**9),
        "stop": rfc3339(-(-query.to_ns // 10**9) * 10**9),
        "size": spool.size(query.channel),
    }


def as_json() -> ResponseReturnValue:
    """Return the points of the trend, at most `services.trends.MAX_POINTS` for each series."""
    spool = readings_spool()
    query = trend_query(spool)
    size = spool.size(query.channel)
    return jsonify(
        channel=query.channel,
        log_size=size,
        start=query.from_ns / 1e9,
        stop=query.to_ns / 1e9,
        series=[_series_json(item) for item in _trends(spool, query)],
        events=_events(query),
    )


def as_csv() -> ResponseReturnValue:
    """Return every reading of the trend: time, source, tag, value, unit, quality."""
    spool = readings_spool()
    query = trend_query(spool)
    headers = {"Content-Disposition": 'attachment; filename="trend.csv"'}
    return Response(_csv_rows(spool, query), mimetype="text/csv", headers=headers)


def _csv_rows(spool: Spool, query: TrendQuery) -> Iterator[str]:
    yield "time,source,tag,value,unit,quality\r\n"
    for source, tag in query.series:
        start = query.from_ns
        while True:
            rows = spool.series_fields(query.channel, source, tag, start, query.to_ns, _CSV_CHUNK)
            text = io.StringIO()
            csv.writer(text).writerows(
                (rfc3339(time_ns), _cell(source), _cell(tag), _cell(value), unit, f"0x{quality:08x}")
                for source, tag, time_ns, _, value, unit, quality, _, _ in rows
            )
            yield text.getvalue()
            if len(rows) < _CSV_CHUNK:
                break
            start = rows[-1][2] + 1  # a series has one reading at a time


def _cell(value: object) -> object:
    """Return a CSV cell that a spreadsheet does not run as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value


def readings_spool() -> Spool:
    """Return the spool of this portal. Raises `NotFound`."""
    readings = current_portal().readings
    if not isinstance(readings, Spool):
        raise NotFound("this portal has no readings", hint="start it with the spool of the gateway")
    return readings


def trend_query(spool: Spool, *, one_tag: bool = False) -> TrendQuery:
    """Return the query of the request. Raises `NotFound` and `InvalidInput`, which name the parameter."""
    channels = spool.names()
    channel = request.args.get("channel") or (channels[0] if channels else "")
    if channel not in channels:
        raise NotFound(
            f"no channel {channel!r}", field="channel", hint=f"known channels: {', '.join(channels) or 'none'}"
        )
    known = spool.series(channel)
    by_name = {series_name(*pair): pair for pair in known}
    names = request.args.getlist("tag")
    unknown = next((name for name in names if name not in by_name), None)
    if unknown is not None:
        raise NotFound(f"no tag {unknown!r} in the channel", field="tag", hint="choose a tag of the list")
    if len(names) > MAX_TAGS:
        raise InvalidInput(f"got {len(names)} tags; the maximum is {MAX_TAGS}", field="tag")
    series = tuple(by_name[name] for name in dict.fromkeys(names)) or tuple(known[:2])
    return TrendQuery(channel, series[:1] if one_tag else series, *_window(spool, channel))


def _window(spool: Spool, channel: str) -> tuple[int, int]:
    """Return the window: `from` and `to`, or `last` (a key of `WINDOWS`) before the newest reading."""
    start, stop, last = (request.args.get(name, "") for name in ("from", "to", "last"))
    if start and stop:
        from_ns, to_ns = parse_moment(start, "from"), parse_moment(stop, "to")
        if from_ns >= to_ns:
            raise InvalidInput(f"{start} is not before {stop}", field="from")
        return from_ns, to_ns
    if start or stop:
        raise InvalidInput("from and to must be given together", field="to" if start else "from")
    if last and last not in WINDOWS:
        raise InvalidInput(f"{last!r} is not a known period", field="last", hint=f"one of {', '.join(WINDOWS)}")
    newest = spool.latest_time(channel) or time.time_ns()
    return newest - WINDOWS[last or "1 h"], newest + 1


def parse_moment(text: str, field: str) -> int:
    """Return a time (Unix ns). Forms send the UTC time of their inputs without an offset."""
    return parse_time(text if _OFFSET.search(text) else f"{text}Z", field=field)


def _trends(spool: Spool, query: TrendQuery) -> list[Trend]:
    return [
        _in_unit(trend(spool, query.channel, source, tag, query.from_ns, query.to_ns)) for source, tag in query.series
    ]


def _in_unit(item: Trend) -> Trend:
    """Return a trend in the unit of the plant file, in which its limits are."""
    tag = current_workshop().plan.tag_of(item.tag, item.source)
    if tag is None or tag.convert_from is None:
        return item

    def converted(values: Iterable[float | None]) -> tuple[float | None, ...]:
        return tuple(None if value is None else tag.in_unit(value) for value in values)

    return replace(item, unit=tag.unit, minimum=converted(item.minimum), maximum=converted(item.maximum))


def _series_json(item: Trend) -> dict[str, object]:
    return {
        "source": item.source,
        "tag": item.tag,
        "unit": format_unit(item.unit),
        "readings": item.readings,
        "not_good": item.not_good,
        "step": item.step_ns / 1e9,
        "times": [time_ns / 1e9 for time_ns in item.times_ns],
        "minimum": item.minimum,
        "maximum": item.maximum,
        "limits": _limits(item),
    }


def _limits(item: Trend) -> dict[str, float | None]:
    """Return the limits of the plant file for the tag of a trend."""
    match = current_workshop().plan.tag_of(item.tag, item.source)
    low, high = (match.limit_low, match.limit_high) if match else (None, None)
    return {"low": low, "high": high, "centre": None}


def _events(query: TrendQuery) -> list[dict[str, object]]:
    """Return the organisation's inspections and the tags' alarms within the window, for the time axis."""
    snapshot = current_snapshot()
    rows = snapshot.inspections_between(
        current_workshop().organisation, query.from_ns // 10**9, query.to_ns // 10**9 + 1, MAX_EVENTS
    )
    batches = snapshot.batches_by_id([row.batch_id for row in rows])
    inspections: list[dict[str, object]] = [
        {
            "time": row.inspected_at,
            "kind": row.verdict.name.lower(),
            "text": f"{row.stage.name.capitalize()} inspection of lot {batches[row.batch_id].lot}: "
            f"{row.verdict.name.lower()}",
            "link": page_path(batches[row.batch_id].key),
        }
        for row in rows
    ]
    return inspections + [
        {
            "time": alarm.raised_ns // 10**9,
            "kind": "alarm",
            "text": f"{alarm.priority.capitalize()} alarm: {alarm.message}",
            "link": url_for("workshop.alarm", alarm_id=alarm.id),
        }
        for alarm in _alarms(query)
    ]


def _alarms(query: TrendQuery) -> list[AlarmView]:
    """Return the newest alarms of the tags within the window."""
    wanted = [AlarmFilter(EVERY_STATE, tag=tag, from_ns=query.from_ns, to_ns=query.to_ns) for _, tag in query.series]
    store, now = current_workshop().store, time.time_ns()
    return [alarm for each in wanted for alarm in list_alarms(store, now, each, MAX_EVENTS // len(wanted))]
