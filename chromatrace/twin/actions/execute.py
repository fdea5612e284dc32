"""Carry out confirmed actions at machines: send once, read back, store the outcome.

The state `executing` is stored before the command is sent. After a crash in this state, `recover` reads the machine and
stores the outcome; it never sends the command again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.plant.plant_sources import PlantSource
from chromatrace.plant.proposal_rules import WriteTarget
from chromatrace.twin.actions.machine import Machine, Value, machine_of, target_of
from chromatrace.twin.errors import MachineRejected, MachineUnreachable
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.proposals import (
    ProposalState,
    ProposalView,
    begin_execution,
    finish,
    proposals,
)

MACHINE_ACTIONS = ("stop", "set-point")
_logger = logging.getLogger(__name__)


class Executor:
    """Carries out the actions of a store at the machines of a plant. `clock`: Unix nanoseconds."""

    def __init__(self, store: TwinStore, sources: Mapping[str, PlantSource], clock: Callable[[], int]) -> None:
        self._store, self._sources, self._clock = store, sources, clock

    def recover(self) -> list[ProposalView]:
        """Find out what became of actions that an ended process began. Call it with the lock of the executor held."""
        begun = proposals(self._store, self._clock(), (ProposalState.EXECUTING,), limit=1000)
        return [self._outcome(view, self._look(view)) for view in begun if view.action in MACHINE_ACTIONS]

    def run(self) -> list[ProposalView]:
        """Carry out all confirmed actions at machines, oldest first."""
        confirmed = proposals(self._store, self._clock(), (ProposalState.CONFIRMED,), limit=1000)
        return [
            self._outcome(view, self._act(view))
            for view in reversed(confirmed)
            if view.action in MACHINE_ACTIONS and begin_execution(self._store, view.id)
        ]

    def _act(self, view: ProposalView) -> tuple[ProposalState, dict[str, Any]]:
        target = target_of(view.parameters)
        value: Value = target.value
        try:
            with self._machine(view) as machine:
                problem = _write(machine, value)
                state, result = self._confirmed(machine, target)
        except (MachineRejected, MachineUnreachable, InvalidInput) as error:
            return ProposalState.FAILED, {"value": value, "message": f"nothing was written: {error}"}
        if problem is not None:
            result["message"] = "; ".join(filter(None, (problem, result.get("message"))))
        return state, result

    def _look(self, view: ProposalView) -> tuple[ProposalState, dict[str, Any]]:
        target = target_of(view.parameters)
        try:
            with self._machine(view) as machine:
                state, result = self._confirmed(machine, target)
        except ChromaTraceError as error:
            state, result = ProposalState.NOT_CONFIRMED, {"value": target.value, "message": str(error)}
        note = "the process ended during the action; the machine was read, and nothing was sent again"
        return state, result | {"message": "; ".join(filter(None, (note, result.get("message"))))}

    def _confirmed(self, machine: Machine, target: WriteTarget) -> tuple[ProposalState, dict[str, Any]]:
        expected: Value = target.value if target.expect is None else target.expect
        confirmed, found = machine.confirms(expected, target.confirm_s)
        result = {"value": target.value, "read_back": found}
        if confirmed:
            return ProposalState.DONE, result
        return ProposalState.NOT_CONFIRMED, result | {
            "message": f"the machine did not confirm the value within {target.confirm_s:g} s; it was not sent again"
        }

    def _machine(self, view: ProposalView) -> Machine:
        target = target_of(view.parameters)
        if target.source not in self._sources:
            raise MachineUnreachable(f"the plant file has no source {target.source!r}", field="source")
        return machine_of(self._sources[target.source], target)

    def _outcome(self, view: ProposalView, outcome: tuple[ProposalState, dict[str, Any]]) -> ProposalView:
        state, result = outcome
        return finish(self._store, view.id, state, result, self._clock())


def _write(machine: Machine, value: Value) -> str | None:
    """Send the command. Return the error if it may have been sent: only the machine then knows the outcome."""
    try:
        machine.write(value)
    except (MachineRejected, InvalidInput):
        raise
    except Exception as error:
        _logger.warning("the write was not acknowledged", exc_info=True)
        return f"the write was not acknowledged ({type(error).__name__}: {error})"
    return None
