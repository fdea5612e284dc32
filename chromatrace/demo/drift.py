"""The drift of the demonstration: the twin forecasts it, a chart detects it, and a supervisor confirms a hold."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

from chromatrace.chain import calls, reads
from chromatrace.demo.cast import PANE, Actor, Cast
from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import BatchState
from chromatrace.ethereum.errors import ContractError
from chromatrace.services.proposals import batch_of, confirm_proposal
from chromatrace.services.twin import open_store, twin_plan
from chromatrace.services.workspace import Workspace
from chromatrace.twin.follower import TwinFollower
from chromatrace.twin.prediction import STATES
from chromatrace.twin.store.alarms import AlarmFilter, AlarmState, AlarmView, alarms
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.forecasts import ForecastView, forecasts
from chromatrace.twin.store.proposals import ProposalState, ProposalView, proposal, proposals

OUT_OF_CONTROL = STATES[-1]
MIN_PROBABILITY = 0.5
"""A forecast predicts the drift if it gives "out of control" at least this probability."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift as the twin stored it, and the transaction of the hold that a supervisor confirmed.

    forecast  the first forecast of the lot that predicted the tag out of control
    """

    forecast: ForecastView
    alarm: AlarmView
    proposal: ProposalView
    transaction: str

    def facts(self) -> dict[str, object]:
        """Return the part of the report."""
        forecast, alarm, action = self.forecast, self.alarm, self.proposal
        return {
            "tag": forecast.tag,
            "channel": forecast.channel,
            "forecast": {
                "log_size": forecast.log_size,
                "step": forecast.step,
                "probability": forecast.model[-1],
                "marginal": forecast.marginal[-1],
                "outcome": forecast.outcome,
            },
            "alarm": {"log_size": alarm.log_size, "message": alarm.message},
            "proposal": {"rule": action.rule, "state": action.state, "decided_by": action.decided_by},
            "hold": self.transaction,
        }


def hold_proposed(workspace: Workspace, cast: Cast, key: BatchKey) -> Drift:
    """Let the twin follow the log, and confirm the hold that it proposes for a lot as the plant's supervisor."""
    plan = twin_plan(workspace)
    with ExitStack() as stack:
        store = open_store(workspace, stack)
        with store.following():
            follower = TwinFollower(workspace.spool, store, plan)
            follower.start()
            while follower.poll():
                pass
            follower.snapshot()
        action = _proposed(store, key)
        supervisor = cast.acting(Actor.SUPERVISOR).chain
        sent: list[str] = []

        def submit(call: calls.Call) -> str:
            sent.append(supervisor.submit(call).tx)
            return sent[-1]

        signer = cast.signers[Actor.SUPERVISOR]
        confirm_proposal(store, supervisor, plan, signer.address, action.id, time.time_ns(), submit)
        return read_drift(store, action.id, sent[0])


def _proposed(store: TwinStore, key: BatchKey) -> ProposalView:
    found = [view for view in proposals(store, time.time_ns(), (ProposalState.OPEN,)) if batch_of(view) == key]
    if len(found) != 1:
        raise IntegrityError(f"the twin proposes {len(found)} actions for lot {key.lot}; expected 1", field="proposal")
    return found[0]


def read_drift(store: TwinStore, proposal_id: int, transaction: str) -> Drift:
    """Return a proposal, its alarm, and the first forecast of the lot that predicted the tag out of control."""
    action = proposal(store, proposal_id, time.time_ns())
    wanted = AlarmFilter(tuple(AlarmState), batch=action.batch)
    (alarm,) = [alarm for alarm in alarms(store, time.time_ns(), wanted, 1000) if alarm.id == action.cause_id]
    made = [
        forecast
        for forecast in forecasts(store, tag=alarm.tag, limit=10_000)
        if forecast.batch == action.batch and forecast.model[-1] >= MIN_PROBABILITY
    ]
    if not made:
        raise IntegrityError(f"no forecast predicted {alarm.tag} out of control", field="forecast")
    return Drift(min(made, key=lambda forecast: forecast.log_size), alarm, action, transaction)


def check_drift(workspace: Workspace, drift: Drift | None) -> str:
    """Check, in the tables of the twin, that the forecast came before the alarm and was right."""
    if drift is None:
        raise IntegrityError("no proposal was confirmed", field="drift")
    with ExitStack() as stack:
        stored = read_drift(open_store(workspace, stack), drift.proposal.id, drift.transaction)
    forecast, alarm = stored.forecast, stored.alarm
    if not forecast.log_size < alarm.log_size <= workspace.spool.size(alarm.channel):
        raise IntegrityError(
            f"the forecast is of log size {forecast.log_size}, the alarm of {alarm.log_size}", field="forecast"
        )
    if forecast.outcome != OUT_OF_CONTROL or alarm.kind != "chart":
        raise IntegrityError(f"outcome {forecast.outcome}, alarm of kind {alarm.kind}", field="forecast")
    return (
        f"{forecast.tag}: at log size {forecast.log_size:,} the forecast gave out of control {forecast.model[-1]:.2f} "
        f"(share so far {forecast.marginal[-1]:.2f}), and it was; the chart's alarm followed at {alarm.log_size:,}"
    )


def check_hold(workspace: Workspace, cast: Cast, key: BatchKey, drift: Drift | None) -> str:
    """Check that the confirmed hold is on the chain and that the contract rejects a grading of the lot."""
    if drift is None or drift.proposal.state is not ProposalState.DONE:
        raise IntegrityError("the proposal was not carried out", field="proposal")
    stored = workspace.reader.read(reads.batch(key.batch_id))
    actual = stored.on_hold, stored.state, stored.final_revision
    if actual != (True, BatchState.ASSEMBLED, 0):
        raise IntegrityError(f"lot {key.lot} is not on hold before its final inspection: {actual}", field="hold")
    receipt = workspace.rpc.call("eth_getTransactionReceipt", drift.transaction)
    holder = cast.signers[Actor.SUPERVISOR].address
    if receipt is None or receipt["from"].lower() != str(holder).lower() or drift.proposal.decided_by != holder:
        raise IntegrityError("the hold is not signed by the supervisor who confirmed it", field="hold")
    try:
        cast.acting(Actor.PLANT).chain.simulate(calls.grade(key.batch_id, 1, 0, 0))
    except ContractError as error:
        if error.name != "BatchOnHold":
            raise
        return f"lot {key.lot} of {PANE} was held by the supervisor before its final inspection; {error.name} stops it"
    raise IntegrityError(f"the contract would grade lot {key.lot}, which is on hold", field="hold")
