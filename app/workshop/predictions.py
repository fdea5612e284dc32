"""Predictions: the stored forecasts of the twin with their outcome, and their scores."""

from __future__ import annotations

import csv
import dataclasses
import io

from flask import Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from app.workshop.access import current_workshop
from chromatrace.domain.errors import NotFound
from chromatrace.ingest.times import rfc3339
from chromatrace.twin.prediction import STATES
from chromatrace.twin.store.forecasts import ForecastView, forecasts, stored_scores, total_score

MAX_ROWS = 200
MAX_EXPORT = 100_000
COLUMNS = (
    *("made", "channel", "log_size", "source", "tag", "machine", "batch", "step", "state"),
    *(f"probability {state}" for state in STATES),
    *("expected_steps", "outcome", "outcome_log_size"),
)


def page() -> ResponseReturnValue:
    """Show the newest forecasts and the scores of all of them, or those of one `tag`."""
    store, tag = current_workshop().store, _tag()
    scores = stored_scores(store, tag=tag)
    return render_template(
        "workshop/predictions.html",
        forecasts=forecasts(store, tag=tag, limit=MAX_ROWS),
        scores=scores,
        total=total_score(scores),
        tags=_tags(),
        tag=tag,
        maximum=MAX_ROWS,
    )


def as_json() -> ResponseReturnValue:
    """Return the newest forecasts and the scores as JSON."""
    store, tag = current_workshop().store, _tag()
    scores = stored_scores(store, tag=tag)
    return jsonify(
        states=STATES,
        forecasts=[dataclasses.asdict(view) for view in forecasts(store, tag=tag, limit=MAX_ROWS)],
        scores=[score.as_dict() for score in scores],
        total=total_score(scores).as_dict(),
    )


def as_csv() -> ResponseReturnValue:
    """Return the forecasts as CSV, the newest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(view) for view in forecasts(current_workshop().store, tag=_tag(), limit=MAX_EXPORT))
    headers = {"Content-Disposition": 'attachment; filename="predictions.csv"'}
    return Response(text.getvalue(), mimetype="text/csv", headers=headers)


def newest_forecasts() -> dict[str, ForecastView]:
    """Return the newest forecast of each machine, the longest step."""
    newest: dict[str, ForecastView] = {}
    for view in forecasts(current_workshop().store, latest=True):
        if view.machine is not None:
            known = newest.get(view.machine)
            if known is None or (view.made_ns, view.step) > (known.made_ns, known.step):
                newest[view.machine] = view
    return newest


def _tags() -> list[str]:
    """Return the tags of the log that have a stored forecast."""
    return sorted({view.tag for view in forecasts(current_workshop().store, latest=True)})


def _tag() -> str | None:
    tag = request.args.get("tag") or None
    if tag is not None and tag not in _tags():
        raise NotFound(f"no forecasts of the tag {tag!r:.60}", field="tag", hint="choose a tag of the list")
    return tag


def _row(view: ForecastView) -> list[object]:
    texts = (view.channel, view.log_size, view.source, view.tag, view.machine, view.batch)
    return [
        rfc3339(view.made_ns),
        *(f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@") else text for text in texts),
        view.step,
        view.state,
        *(f"{share:.6f}" for share in view.model),
        "" if view.expected_steps is None else f"{view.expected_steps:.2f}",
        view.outcome or "",
        "" if view.outcome_log_size is None else view.outcome_log_size,
    ]
