"""Studies that run through the `QualityConsensus` contract, which draws, weighs, decides and learns.

There is one panel per capability set, with one inspector per workcell. For every wave of answers of all panels, one
transaction draws the seats, one commits the sealed answers and one reveals them. The answers are those of the
simulation; the contract selects the inspectors. The Python model then decides the same steps with the same inspectors
in the same order.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call
from chromatrace.chain.client import Chain
from chromatrace.crypto.sealed_answer import SealedAnswer, lane_id, sign_commitment
from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import ZERO_BYTES32, Gln, LaneId, OrganisationId, check_digit
from chromatrace.domain.rights import OrganisationKind, Role, RoundPhase, SeatStatus, Stage
from chromatrace.ethereum.signer import DevKeyWarning, LocalSigner, dev_signer
from chromatrace.plant.floor import ShopFloor
from chromatrace.quality.consensus import Answer, decide
from chromatrace.quality.learning import MIN_ANSWERS, InspectorRecord, enrolled, learned
from chromatrace.quality.rules import Rule, Weighing, as_ratio
from chromatrace.quality.rules import capability as in_units
from chromatrace.services.local_chain import local_chain
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Settings
from chromatrace.studies.rounds import InspectedStep, Score, ask
from chromatrace.studies.rounds import decide as decide_all
from chromatrace.studies.runner import Progress, Runner
from chromatrace.studies.shopfloor.agents import FAIL
from chromatrace.studies.shopfloor.draw import Anywhere
from chromatrace.studies.shopfloor.inputs import CapabilitySet, capability_sets
from chromatrace.studies.study import Row, Study, StudyFinding, plain
from chromatrace.studies.tally import Tally

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONTRACT = "QualityConsensus"
_ROLES = Role.ADMIN | Role.PRODUCER | Role.INSPECTOR
_SECONDS = 3600
"""Seconds to commit and to reveal; every inspector answers in a study."""
_DEFECT_RATE = 0.5


@dataclass
class StudyPanel:
    """The inspectors of one organisation, and the model's record of what they learned."""

    organisation: OrganisationId
    inputs: CapabilitySet
    chain: Chain
    inspectors: list[LocalSigner]
    steps: list[InspectedStep]
    records: list[InspectorRecord] = field(default_factory=list)
    score: Score = field(default_factory=Score)
    drawn: list[list[int]] = field(default_factory=list)

    @property
    def lane(self) -> LaneId:
        """The only lane: the rounds of a panel follow one another."""
        return lane_id(self.organisation, 0)

    @property
    def error(self) -> float:
        """Mean square error of the learned capabilities."""
        pairs = zip(self.records, self.inputs.capabilities, strict=True)
        return sum((as_ratio(record.capability) - true) ** 2 for record, true in pairs) / len(self.records)


class OnChainStudy:
    """A new deployment with its panels and a rule.

    chain  signs as the registrar
    known  enrol inspectors with their true capabilities, rounded to the contract's unit; otherwise as beginners
    """

    def __init__(
        self, chain: Chain, floor: ShopFloor, rule: Rule, *, known: bool, sets: int, workpieces: int, seed: int
    ) -> None:
        self._chain, self._floor, self._rule, self._known = chain, floor, rule, known
        self._gas = self._transactions = 0
        inputs = capability_sets(floor.cells, seed)[:sets]
        self.panels = [self._panel(number, chosen, workpieces, seed) for number, chosen in enumerate(inputs, 1)]
        self._contract = chain.manifest.address(CONTRACT)

    def _panel(self, number: int, inputs: CapabilitySet, workpieces: int, seed: int) -> StudyPanel:
        chain, cells = self._chain, self._floor.cells
        organisation = OrganisationId(number)
        line = f"Example Line {number}"
        chain.submit(calls.register_organisation(OrganisationKind.MANUFACTURER, _gln(number), _ROLES, line))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevKeyWarning)
            administrator = dev_signer(number, chain.manifest.chain_id)
        chain.rpc.call("anvil_setBalance", administrator.address, hex(10**24))
        inspectors = [LocalSigner(keccak(f"inspector {number}/{cell}".encode())) for cell in range(cells)]
        chain.submit(calls.appoint_operator(administrator.address, organisation, _ROLES))
        self._all(
            chain, [calls.appoint_operator(signer.address, organisation, Role.INSPECTOR) for signer in inspectors]
        )
        acting = chain.with_signer(administrator)
        set_rule = calls.set_rule(
            self._rule, first_wave=self._rule.minimum, stall_penalty=0, commit_s=_SECONDS, reveal_s=_SECONDS
        )
        acting.submit(set_rule)
        records = [enrolled(in_units(true)) if self._known else InspectorRecord() for true in inputs.capabilities]
        pairs = zip(inspectors, records, strict=True)
        self._all(acting, [calls.enrol_inspector(signer.address, record.capability) for signer, record in pairs])
        steps = ask(self._floor, inputs.capabilities, Anywhere(), workpieces * cells, _DEFECT_RATE, seed)
        return StudyPanel(organisation, inputs, acting, inspectors, steps, records, Score(rounds=len(steps)))

    @staticmethod
    def _all(chain: Chain, calls: Sequence[Call]) -> None:
        """Submit calls in order: inspectors are numbered in the order of their enrolment."""
        for call in calls:
            chain.submit(call)

    def run(self, progress: Progress) -> Row:
        """Inspect every step of every panel and return the cost.

        Raises `IntegrityError` if the contract and the model differ.
        """
        start = time.perf_counter()
        count = len(self.panels[0].steps)
        for number in range(count):
            self._inspect(number)
            progress(number + 1, count)
        seconds = time.perf_counter() - start
        self._check_learned()
        inspections = sum(panel.score.answers for panel in self.panels)
        return {
            "panels": len(self.panels),
            "rounds": count * len(self.panels),
            "inspections": inspections,
            "transactions": self._transactions,
            "gas_per_inspection": round(self._gas / inspections),
            "inspections_per_s": round(inspections / seconds, 1),
        }

    def _inspect(self, number: int) -> None:
        """Inspect one step of every panel until all are decided."""
        for panel in self.panels:
            own = panel.steps[number].answers[0][0] + 1
            subject = keccak(f"{panel.organisation}/{number}".encode())
            request = calls.RoundRequest(0, subject, number % self._floor.cells + 1, Stage.FIRST, own, 1)
            self._send(panel.chain, calls.open_rounds([request]))
        waiting = self.panels
        while waiting:
            self._chain.rpc.call("evm_mine")
            self._send(self._chain, calls.draw_seats(panel.lane for panel in waiting))
            self._answer(waiting, number)
            waiting = self._undecided(waiting, number)

    def _answer(self, panels: list[StudyPanel], number: int) -> None:
        """Commit and then reveal the answers of all drawn seats."""
        commitments, answers = [], []
        for panel, current in zip(panels, self._rounds(panels), strict=True):
            table = dict(panel.steps[number].answers)
            sealed, revealed = [], []
            for index, seat in enumerate(current.seats):
                if seat.status is not SeatStatus.DRAWN:
                    continue
                inspector = panel.inspectors[seat.inspector - 1]
                answer = SealedAnswer(table[seat.inspector - 1], 0, ZERO_BYTES32, keccak(current.id + bytes([index])))
                digest = answer.digest(current.id, inspector.address)
                chain_id = self._chain.manifest.chain_id
                signed = sign_commitment(inspector, current.id, index, digest, chain_id, self._contract)
                sealed.append(calls.Commitment(index, digest, *signed))
                revealed.append((index, answer))
            commitments.append((panel.lane, sealed))
            answers.append((panel.lane, revealed))
        self._send(self._chain, calls.commit_answers(commitments))
        self._send(self._chain, calls.reveal_answers(answers))

    def _undecided(self, panels: list[StudyPanel], number: int) -> list[StudyPanel]:
        """Return the panels that need more seats; compare the others with the model."""
        undecided = []
        for panel, current in zip(panels, self._rounds(panels), strict=True):
            answers = [
                Answer(
                    seat.inspector - 1,
                    self._rule.states[seat.state],
                    panel.records[seat.inspector - 1].capability,
                )
                for seat in current.seats
            ]
            outcome = decide(self._rule, answers)
            if current.phase is RoundPhase.REQUESTED:
                undecided.append(panel)
            if (outcome is None) != (current.phase is RoundPhase.REQUESTED):
                raise IntegrityError(f"the contract and the model differ on whether step {number} is decided")
            if outcome is None:
                continue
            if self._rule.states[current.state] != outcome.state or current.recorder != outcome.recorder + 1:
                raise IntegrityError(f"the contract and the model differ on step {number}")
            for answer in answers:
                won = answer.state == outcome.state
                if len(answers) >= MIN_ANSWERS:
                    panel.records[answer.inspector] = learned(panel.records[answer.inspector], won)
            panel.drawn.append([answer.inspector for answer in answers])
            failed, defective = current.state == FAIL, panel.steps[number].defective
            panel.score.answers += len(answers)
            panel.score.true_fail += failed and defective
            panel.score.wrong += failed != defective
        return undecided

    def pure(self, panel: StudyPanel) -> Score:
        """Return the score of the model for the same steps, with the same inspectors first and without learning."""
        steps = []
        for inspected, drawn in zip(panel.steps, panel.drawn, strict=True):
            answers = dict(inspected.answers)
            order = drawn + [inspector for inspector in answers if inspector not in drawn]
            steps.append(InspectedStep(inspected.defective, tuple((number, answers[number]) for number in order)))
        true = [in_units(value) for value in panel.inputs.capabilities]
        return decide_all(steps, partial(Tally, self._rule), true, self._floor)

    def _rounds(self, panels: list[StudyPanel]) -> list[reads.RoundState]:
        return self._chain.read_many([reads.round_in(panel.lane) for panel in panels])

    def _check_learned(self) -> None:
        for panel in self.panels:
            inspectors = [reads.inspector(panel.organisation, number + 1) for number in range(len(panel.inspectors))]
            for inspector, record in zip(self._chain.read_many(inspectors), panel.records, strict=True):
                if InspectorRecord(inspector.capability, inspector.inspections, inspector.wins) != record:
                    raise IntegrityError(f"the contract and the model learned differently on set {panel.inputs.number}")

    def _send(self, chain: Chain, call: Call) -> None:
        receipt = chain.submit(call)
        self._gas += receipt.gas_used or 0
        self._transactions += 1


def _gln(number: int) -> Gln:
    """Return a GLN of the example prefix."""
    body = f"952123{number:06d}"
    return Gln(body + check_digit(body))


def on_chain(
    floor: ShopFloor, runner: Runner, name: str, rule: Rule, *, known: bool, workpieces: int, sets: int
) -> Study:
    """Run the first `sets` capability sets once on a new Anvil, which is discarded; `known` as in `OnChainStudy`."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        with (
            Workspace(Settings(data=Path(folder), dev_account=0)) as workspace,
            local_chain(workspace, 0, None) as local,
        ):
            chain = local.chain
            study = OnChainStudy(chain, floor, rule, known=known, sets=sets, workpieces=workpieces, seed=runner.seed)
            cost = study.run(runner.progress)
    pure = [study.pure(panel) for panel in study.panels] if known else []
    rows: tuple[Row, ...] = tuple(
        {
            "set": f"{panel.inputs.number} {panel.inputs.name}",
            "f1": panel.score.f1,
            "inspections_of_a_step": panel.score.per_round,
        }
        | ({"f1_pure": pure[index].f1, "inspections_pure": pure[index].per_round} if known else {})
        | {"mean_square_error": panel.error}
        for index, panel in enumerate(study.panels)
    )
    return Study(
        name=f"{name}-on-chain",
        title=f"{name.capitalize()} through the contract; workpieces: {workpieces}",
        parameters={"workpieces": workpieces, "threshold": as_ratio(rule.threshold), "seed": runner.seed} | cost,
        summary=rows,
        rows=tuple(plain(row) for row in rows),
        findings=(*_findings(cost), *(_comparison(study.panels, pure, rule) if known else ())),
        draw=partial(_draw, rows, "f1" if known else "mean_square_error"),
    )


def _findings(cost: Row) -> tuple[StudyFinding, ...]:
    return (
        StudyFinding(
            "the contract decides and learns as the model does",
            f"{cost['rounds']} rounds, {cost['inspections']:,} inspections in {cost['transactions']} transactions",
            True,
        ),
        StudyFinding(
            "cost of one answer at a time",
            f"{cost['gas_per_inspection']:,} gas per inspection, {cost['inspections_per_s']} inspections per second",
            True,
        ),
    )


def _comparison(panels: Sequence[StudyPanel], pure: Sequence[Score], rule: Rule) -> tuple[StudyFinding, ...]:
    """Compare with the model. Majority consensus ignores capabilities, so its results must be equal."""
    count, scores = len(panels), [panel.score for panel in panels]
    f1, f1_pure = (sum(score.f1 for score in group) / count for group in (scores, pure))
    answers, answers_pure = (sum(score.per_round for score in group) / count for group in (scores, pure))
    same = all(
        (left.true_fail, left.wrong, left.answers) == (right.true_fail, right.wrong, right.answers)
        for left, right in zip(scores, pure, strict=True)
    )
    if rule.weighing is Weighing.MAJORITY and not same:
        raise IntegrityError("the contract and the model differ on the same answers")
    return (
        StudyFinding(
            "the same as the model on the same answers"
            + ("" if rule.weighing is Weighing.MAJORITY else ", which does not learn"),
            f"F1 {f1:.3f} and {f1_pure:.3f}, {answers:.2f} and {answers_pure:.2f} inspections per step",
            same,
        ),
    )


def _draw(rows: tuple[Row, ...], value: str, figure: Figure) -> None:
    axes = figure.subplots()
    positions = list(range(len(rows)))
    axes.bar(positions, [row[value] for row in rows], color="#9db8d2", width=0.6)
    axes.set_xticks(positions, [row["set"] for row in rows], rotation=45, ha="right", fontsize=7)
    axes.set_ylabel("F1" if value == "f1" else "mean square error of the capabilities")
