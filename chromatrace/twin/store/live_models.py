"""Models of several tags that monitor the log.

A person activates a model that a person approved. It monitors the readings after the log size at which `twin run` takes
it up, so its alarms can be computed again. A model is replaced only by activating another one of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.charts import Model
from chromatrace.twin.state.model import ModelPlan
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.models import ModelRow


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """An activated model. `log_size`: None until `twin run` takes it up; `end_log_size`: None while it monitors."""

    id: int
    name: str
    channel: str
    digest: str
    method: str
    tags: int
    sample_s: float
    run_length: int
    approved_by: str
    activated_by: str
    activated_ns: int
    log_size: int | None
    end_log_size: int | None


def activate(
    store: TwinStore, model: Model, name: str, channel: str, sample_s: float, run_length: int, by: str, now_ns: int
) -> ActiveModel:
    """Let a model monitor a channel. It replaces the active one of the same name. Raises `InvalidInput`."""
    if not model.approved_by:
        raise InvalidInput("the model is not approved", field="model", hint="run `chromatrace twin approve`")
    with store.begin() as session:
        for row in session.scalars(select(ModelRow).where(ModelRow.name == name, ModelRow.retired.is_(False))):
            row.retired = True
        row = ModelRow(
            name=name,
            channel=channel,
            digest="0x" + model.digest.hex(),
            content=model.to_bytes(),
            sample_ns=round(sample_s * 1e9),
            run_length=run_length,
            approved_by=model.approved_by,
            activated_by=by,
            activated_ns=now_ns,
            retired=False,
        )
        session.add(row)
        session.flush()
        return _view(row)


def active_models(store: TwinStore) -> list[ActiveModel]:
    """Return all models that were ever activated, the newest first."""
    with store.read() as session:
        return [_view(row) for row in session.scalars(select(ModelRow).order_by(ModelRow.id.desc()))]


def take_up(session: Session, sizes: Mapping[str, int]) -> bool:
    """Start and end models at these log sizes of their channels. Return whether anything changed."""
    changed = False
    for row in session.scalars(select(ModelRow).where(ModelRow.end_log_size.is_(None))):
        size = sizes.get(row.channel, 0)
        if row.retired and row.log_size is None:
            row.log_size = row.end_log_size = size
        elif row.log_size is None:
            row.log_size = size
        elif row.retired:
            row.end_log_size = size
        else:
            continue
        changed = True
    return changed


def model_plans(session: Session) -> list[ModelPlan]:
    """Return the models that `twin run` has taken up, in the order of their activation."""
    rows = session.scalars(select(ModelRow).where(ModelRow.log_size.is_not(None)).order_by(ModelRow.id))
    return [
        ModelPlan(
            row.name, row.channel, Model.from_bytes(row.content), row.sample_ns, row.run_length, row.log_size or 0,
            row.end_log_size,
        )
        for row in rows
        if row.log_size != row.end_log_size
    ]  # fmt: skip


def waiting(session: Session) -> bool:
    """Return whether a model must be started or ended."""
    statement = select(ModelRow.id).where(
        ModelRow.end_log_size.is_(None), ModelRow.log_size.is_(None) | ModelRow.retired.is_(True)
    )
    return session.scalar(statement.limit(1)) is not None


def _view(row: ModelRow) -> ActiveModel:
    model = Model.from_bytes(row.content)
    return ActiveModel(
        row.id,
        row.name,
        row.channel,
        row.digest,
        model.method,
        len(model.tags),
        row.sample_ns / 1e9,
        row.run_length,
        row.approved_by,
        row.activated_by,
        row.activated_ns,
        row.log_size,
        row.end_log_size,
    )
