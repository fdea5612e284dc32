"""One inspector of a panel: it commits and reveals an answer when it is drawn, and keeps rounds moving.

The process stores only the sealed answers (`AnswerStore`) and its transactions (outbox). It reads everything else from
the chain at every poll, so it can be killed and started again, and blocks may leave the chain at any time.

An answer leaves the process only after every seat has committed in a final block. Before that, another inspector could
still commit to a different answer, after a reorganisation or because this process's node is on a fork.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.chain.finality import Finality
from chromatrace.crypto.eip712 import DigestSigner
from chromatrace.crypto.sealed_answer import SealedAnswer, sign_commitment
from chromatrace.domain.errors import ChromaTraceError, Conflict, NotFound, Unavailable
from chromatrace.domain.identifiers import OrganisationId
from chromatrace.domain.rights import RoundPhase, SeatStatus, Stage
from chromatrace.ethereum.errors import RpcError
from chromatrace.inspector.adapters import Adapter, Question
from chromatrace.inspector.answers import AnswerStore
from chromatrace.inspector.attempts import Attempts
from chromatrace.inspector.rounds import CONTRACT, OpenRound, PanelRounds
from chromatrace.quality.findings import check_finding
from chromatrace.quality.inspector_states import FILE_NAME, InspectorStates
from chromatrace.services.workspace import Workspace

_DRAW_GAS = 1_500_000
_REVEAL_GAS = 1_500_000
"""The answer that is included last decides the round, which costs several times the gas of the other answers."""
_GRACE_S = 1
"""Tolerance for a chain clock that is behind the local clock."""
_STAGGER_S = 0.5
"""Any inspector may draw and close. Each waits this time, or a block, multiplied by its number."""
_SEND_S = 10.0
_SEND_BLOCKS = 3
"""Time between an answer and the deadline that signing, sending and inclusion may take."""
_LATE_BLOCKS = 5
"""Blocks after a deadline for which a block with a later time is awaited; then the chain makes none by itself."""
_RESUME_S = 1.0
_REPORT_S = 10.0
_LONGEST_PAUSE_S = 30.0


class InspectorProcess:
    """One inspector of one panel. Raises `NotFound` if the signer is not enrolled on it.

    confirmations  blocks after which a block is final; None: see `chromatrace.chain.finality`
    report         takes messages for people
    """

    def __init__(
        self,
        chain: Chain,
        signer: DigestSigner,
        panel: OrganisationId,
        adapter: Adapter,
        answers: AnswerStore,
        report: Callable[[str], None] = lambda _: None,
        *,
        confirmations: int | None = None,
    ) -> None:
        self._chain, self._signer, self._panel = chain, signer, panel
        self._adapter, self._answers, self._report = adapter, answers, report
        self.number = chain.read(reads.inspector_number(panel, signer.address))
        if self.number == 0:
            raise NotFound(
                f"{signer.address} is not enrolled on the panel of organisation {panel}",
                field="panel",
                hint="an administrator of the organisation can enrol it: chromatrace inspection enrol",
            )
        self._rounds = PanelRounds(chain, panel, confirmations, report)
        self._attempts = Attempts(chain, report)
        self._unsaved: dict[bytes, SealedAnswer] = {}
        self._reported: dict[bytes, set[str]] = {}
        self._due: dict[str, float] = {}
        self._behind_s = 0.0
        self._resumed_at = -math.inf

    @property
    def faults(self) -> dict[str, str]:
        """Return the error of each purpose that failed at its last attempt. It is tried again at growing intervals."""
        return self._attempts.faults

    def poll(self) -> int:
        """Read the chain once and act on it; return the number of rounds in progress."""
        self._attempts.run("outbox", self._resume)
        finality, rounds = self._rounds.poll()
        self._behind_s = time.time() - self._chain_time(finality)
        due = set(self._due)
        for round_ in rounds:
            self._answer(round_, finality)
            due -= self._keep_moving(round_, finality)
        for purpose in due:
            del self._due[purpose]
        open_rounds = {round_.opened.id for round_ in rounds}
        for finished in self._reported.keys() - open_rounds:
            del self._reported[finished]
        self._attempts.forget_others()
        return len(rounds)

    def _resume(self) -> None:
        if time.monotonic() - self._resumed_at >= _RESUME_S:
            self._chain.resume()
            self._resumed_at = time.monotonic()

    def _chain_time(self, finality: Finality) -> float:
        """Return the time of a block made now. A development chain that was reverted stays behind the local clock."""
        (pending,) = self._chain.rpc.batch_outcomes([("eth_getBlockByNumber", ["pending", False])])
        if not isinstance(pending, dict) or int(pending.get("number") or "0x0", 16) <= finality.head:
            return time.time()  # the node has no pending block
        return int(pending["timestamp"], 16)

    def _now(self) -> float:
        return time.time() - self._behind_s

    def _say(self, round_: OpenRound, message: str) -> None:
        """Report a message about a round once."""
        reported = self._reported.setdefault(round_.opened.id, set())
        if message not in reported:
            reported.add(message)
            self._report(f"{round_.opened.name}: {message}")

    # own seat

    def _answer(self, round_: OpenRound, finality: Finality) -> None:
        state = round_.state
        seat = next((index for index, seat in enumerate(state.seats) if seat.inspector == self.number), None)
        if state.phase is not RoundPhase.SEATED or seat is None:
            return
        status = state.seats[seat].status
        name = f"0x{round_.opened.id.hex()} seat {seat}"
        if status is SeatStatus.DRAWN:
            self._attempts.run(f"commit {name}", partial(self._commit, f"commit {name}", seat, round_, finality))
        elif status is SeatStatus.COMMITTED:
            self._say(round_, "committed")
            if round_.all_committed:
                self._attempts.run(f"reveal {name}", partial(self._reveal, f"reveal {name}", seat, round_, finality))
        elif status is SeatStatus.REVEALED:
            self._say(round_, "revealed")
        else:
            self._say(round_, "missed the deadline; the seat is replaced")

    def _commit(self, purpose: str, seat: int, round_: OpenRound, finality: Finality) -> None:
        if self._now() > round_.deadline:
            self._say(round_, "missed the deadline; the seat is replaced")
            return
        identity = round_.opened.id
        answer = self._answers.find(identity) or self._unsaved.get(identity) or self._ask(round_, finality)
        if answer is None:
            return
        # Kept in memory until it is stored: a full disk must not repeat the measurement.
        self._unsaved[identity] = answer
        answer = self._answers.keep(identity, answer)
        del self._unsaved[identity]
        sealed = answer.digest(identity, self._signer.address)
        contract = self._chain.manifest.address(CONTRACT)
        signature = sign_commitment(self._signer, identity, seat, sealed, self._chain.manifest.chain_id, contract)
        commitment = calls.Commitment(seat, sealed, *signature)
        self._attempts.send(purpose, calls.commit_answers([(round_.opened.identity, [commitment])]))

    def _ask(self, round_: OpenRound, finality: Finality) -> SealedAnswer | None:
        args, rule = round_.opened.args, round_.rule
        question = Question(
            round=round_.opened.id,
            subject=args["subject"],
            step=args["step"],
            stage=Stage(args["stage"]).name.lower(),
            sample_size=args["sampleSize"],
            states=rule.states,
            passing=rule.passing,
            # By the local clock, rounded down.
            deadline=math.floor(round_.deadline - _send_s(finality, rule.commit_s) + self._behind_s),
        )
        finding = self._adapter(question)
        if finding is None:
            return None
        check_finding(finding.state == rule.states[rule.passing], finding.defects, question.sample_size)
        return SealedAnswer(rule.states.index(finding.state), finding.defects, finding.evidence)

    def _reveal(self, purpose: str, seat: int, round_: OpenRound, finality: Finality) -> None:
        answer = self._answers.find(round_.opened.id)
        if answer is None:
            raise NotFound("the answer is not in this data folder and cannot be revealed", field="answers")
        if not self._rounds.commitments_are_final(round_, finality):
            self._say(round_, "every seat has committed; waiting until the last commitment is final")
            if finality.delay_s > round_.rule.reveal_s:
                raise Conflict(
                    f"the reveal phase of {round_.rule.reveal_s} s is shorter than the {finality.delay_s:.0f} s after "
                    "which a commitment is final on this chain",
                    field="reveal_seconds",
                    hint="set a rule with a longer reveal phase: chromatrace inspection set-rule --reveal-seconds",
                )
            return
        call = calls.reveal_answers([(round_.opened.identity, [(seat, answer)])])
        self._attempts.send(purpose, call.with_gas(_REVEAL_GAS))

    # any inspector

    def _keep_moving(self, round_: OpenRound, finality: Finality) -> set[str]:
        """Draw or close if it is due; return the purpose if it is."""
        state, name = round_.state, f"0x{round_.opened.id.hex()} deadline {round_.deadline}"
        now = self._now()
        if now > round_.deadline + _GRACE_S:
            purpose, action = f"close {name}", self._close
        elif state.phase is RoundPhase.REQUESTED and finality.head >= state.draw_block:
            purpose, action = f"draw {name}", self._draw
        else:
            return set()
        since = self._due.setdefault(purpose, time.monotonic())
        wait_s = (self.number - 1) * max(_STAGGER_S, finality.interval_s)
        if action == self._draw:
            wait_s = min(wait_s, max(0.0, round_.deadline - now) / 4)
        if time.monotonic() - since >= wait_s:
            self._attempts.run(purpose, partial(action, purpose, round_, finality))
        return {purpose}

    def _draw(self, purpose: str, round_: OpenRound, finality: Finality) -> None:
        available = len(self._chain.read(reads.eligible_inspectors(self._panel)))
        if available < round_.missing_seats:
            raise Conflict(
                f"{round_.missing_seats} seats must be filled, but only {available} inspectors can be drawn",
                field="panel",
                hint="enrol inspectors, or wait until others are free",
            )
        # In the block of the draw itself, a simulation runs too early.
        check = finality.head > round_.state.draw_block
        self._attempts.send(purpose, calls.draw_seats([round_.opened.identity]).with_gas(_DRAW_GAS), check=check)

    def _close(self, purpose: str, round_: OpenRound, finality: Finality) -> None:
        # A simulation runs in the newest block, whose time may be before the deadline.
        check = finality.head_time_s > round_.deadline
        if not check and self._now() < round_.deadline + _GRACE_S + _LATE_BLOCKS * finality.interval_s:
            return
        self._say(round_, "overdue; closing it")
        self._attempts.send(purpose, calls.close_round(round_.opened.identity).with_gas(_DRAW_GAS), check=check)


def _send_s(finality: Finality, commit_s: int) -> float:
    """Return the time before the deadline after which an answer may come too late."""
    return min(_SEND_S + _SEND_BLOCKS * finality.interval_s, commit_s / 4)


def run_inspector(
    workspace: Workspace,
    panel: OrganisationId | None,
    adapter_for: Callable[[OrganisationId], Adapter],
    interval_s: float,
    report: Callable[[str], None],
    *,
    confirmations: int | None = None,
    states: InspectorStates | None = None,
) -> NoReturn:
    """Run the workspace's signer as an inspector of `panel` until an exception ends it.

    panel          None: the signer's organisation
    adapter_for    returns the source of answers for an inspector of an organisation
    interval_s     seconds between polls of the chain
    report         takes messages for people
    confirmations  blocks after which a block is final; None: see `chromatrace.chain.finality`
    states         further file for the state of the process, such as that of a portal

    A node or disk that fails for some time does not end it.
    """
    with (
        AnswerStore(workspace.data / "answers.db") as answers,
        InspectorStates(workspace.data / FILE_NAME) as own_states,
    ):
        log = _StateLog([own_states] if states is None else [own_states, states], report)
        process: InspectorProcess | None = None
        failures = 0
        while True:
            faults: dict[str, str] = {}
            try:
                if process is None:
                    organisation = workspace.reader.read(reads.operator(workspace.signer.address)).organisation
                    process = InspectorProcess(
                        workspace.chain,
                        workspace.signer,
                        panel or organisation,
                        adapter_for(organisation),
                        answers,
                        report,
                        confirmations=confirmations,
                    )
                    log.started(workspace.signer.address, organisation, panel or organisation, process.number)
                    report(f"inspector {process.number} of panel {panel or organisation}")
                process.poll()
                failures = 0
            except (ChromaTraceError, OSError) as error:
                if process is None and not isinstance(error, (Unavailable, RpcError)):
                    raise
                failures += 1
                report(f"{error}; trying again")
                faults["chain"] = str(error)
            log.write(faults if process is None else process.faults | faults)
            time.sleep(min(max(interval_s, failures and 2.0 ** (failures - 1)), max(interval_s, _LONGEST_PAUSE_S)))


class _StateLog:
    """Writes the state of the process to files: when its faults change, and every few seconds."""

    def __init__(self, files: list[InspectorStates], report: Callable[[str], None]) -> None:
        self._files, self._report = files, report
        self._identity: tuple[str, int, int, int] | None = None
        self._written: dict[str, str] = {}
        self._written_at = -math.inf

    def started(self, inspector: str, organisation: int, panel: int, number: int) -> None:
        """Set the inspector and its place; nothing is written before."""
        self._identity = inspector, organisation, panel, number

    def write(self, faults: dict[str, str]) -> None:
        """Write the state if it is due. A full disk does not end the process."""
        due = time.monotonic() - self._written_at >= _REPORT_S
        if self._identity is None or (faults == self._written and not due):
            return
        self._written, self._written_at = dict(faults), time.monotonic()
        for file in self._files:
            try:
                file.write(*self._identity, faults)
            except Unavailable as error:
                self._report(str(error))
