"""The story of the demonstration: four lots of panes.

A  passes both inspections, is released and accepted by the franchisee
B  is released; its offer to the franchisee is open
C  is made during a failure of the cooling water, fails first inspection and is recycled
D  is released and accepted, then recalled by a supervisor
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call, Registration
from chromatrace.chain.client import Receipt
from chromatrace.demo.cast import FRANCHISEE, MAKER, PANE, Actor, Cast
from chromatrace.demo.inspections import SampleInspection, examine
from chromatrace.demo.instrument_files import with_files
from chromatrace.demo.line import CHANNEL, Progress, Run, run_line
from chromatrace.demo.panel import Panel
from chromatrace.demo.route import SignedRoute
from chromatrace.demo.tamper import VICTIM, Guard, attempt, tampered
from chromatrace.documents.content import BatchContent, ProductDescription, SuppliedMaterial, digest
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import ZERO_BYTES32, BatchKey, Gtin, Lot
from chromatrace.domain.rights import SalesChannel, Stage, Verdict
from chromatrace.domain.serials import SerialRange
from chromatrace.exchange.units import serial_root
from chromatrace.plant import example_plant
from chromatrace.services.inspections import sign
from chromatrace.services.workspace import Workspace

QUANTITY = 100
DEFECTIVE, SCRAP = 4, 2
COOLING_LOSS = "cooling_loss@201:600+7200x3"
SERIALS = SerialRange(1, QUANTITY, 6)

TARGET = Gtin("09521234500018")
GLASS = Gtin("09521234500025")


@dataclass(slots=True)
class Story:
    """The state of the story: batches, runs and inspections by letter, and all transactions in order.

    tamper  kind of the fault to put into the route proof of lot B; None: no fault
    fault   description of that fault
    guards  result of each guard that met the fault
    """

    cast: Cast
    route: SignedRoute
    panel: Panel
    tamper: str | None = None
    fault: str = ""
    guards: list[Guard] = field(default_factory=list)
    keys: dict[str, BatchKey] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    inspections: dict[str, list[SampleInspection]] = field(default_factory=dict)
    transactions: list[str] = field(default_factory=list)

    def _send(self, actor: Actor, call: Call) -> Receipt:
        receipt = self.cast.acting(actor).chain.submit(call)
        self.transactions.append(receipt.tx)
        return receipt

    def buy_materials(self, now: datetime) -> list[Input]:
        """Register a tungsten target and a pack of coated glass with their supplier lots.

        Returns the inputs of one lot of panes.
        """
        inputs = []
        for gtin, name, supplier, lot, count, used in (
            (TARGET, "Tungsten target 99.99 %", "Example Metals", "W-2291", 4, 1),
            (GLASS, "FTO glass 300 × 300 mm", "Example Glass", "G-7741", 500, QUANTITY),
        ):
            content = BatchContent(
                gtin=gtin,
                lot=Lot(lot),
                product=ProductDescription(name, "Goods in at station 101"),
                quantity=count,
                made_at=now.isoformat(),
                materials=(SuppliedMaterial(name, supplier, lot),),
            )
            self._register(content, [])
            inputs.append(Input(content.key.batch_id, used))
        return inputs

    def make(self, letter: str, run: Run, inputs: list[Input]) -> BatchKey:
        """Register the lot that `run` coated, with its serials and inputs; sign its first route steps."""
        lot = f"L{run.ended:%y%m}{letter}"
        content = BatchContent(
            gtin=PANE,
            lot=Lot(lot),
            product=ProductDescription(
                "Electrochromic pane 300 × 300 mm",
                "Glass that darkens at a low voltage: WO3 and NiO films, a solid electrolyte between.",
            ),
            quantity=QUANTITY,
            made_at=run.ended.replace(microsecond=0).isoformat(),
            serials=SERIALS,
        )
        self._register(content, inputs)
        self.keys[letter], self.runs[letter], self.inspections[letter] = content.key, run, []
        self.route.begin(letter, content.key)
        self.route.sign(letter, run.ended - timedelta(hours=1), digest(b"".join(used.batch for used in inputs)))
        self._sign_run(letter, run.ended)
        return content.key

    def now(self) -> datetime:
        """Return the time of the newest block, which dates inspections, assembly and grading."""
        head = self.cast.acting(Actor.PLANT).rpc.call("eth_getBlockByNumber", "latest", False)
        return datetime.fromtimestamp(int(head["timestamp"], 16), UTC)

    def _sign_run(self, letter: str, done: datetime) -> None:
        """Sign a sputtering step over the log of the readings taken during the run."""
        run = self.runs[letter]
        plant = self.cast.acting(Actor.PLANT)
        owner = self.cast.numbers[MAKER.gln]
        channel = plant.chain.read(reads.channel_id(owner, CHANNEL))
        self.route.sign(letter, done, run.window.root, channel, run.window.tree_size)

    def _register(self, content: BatchContent, inputs: list[Input]) -> None:
        plant = self.cast.acting(Actor.PLANT)
        stored = plant.documents.put(content.to_bytes())
        route = self.route.design.route if content.gtin == PANE else ZERO_BYTES32
        root = serial_root(content.serials) if content.serials else ZERO_BYTES32
        registration = Registration(content.key, content.quantity, stored, root, route, tuple(inputs))
        self._send(Actor.PLANT, calls.register_batch(registration))

    def inspect(self, letter: str, inspection: SampleInspection) -> bool:
        """Record an inspection and return whether the lot passed.

        The panel decides first inspections; the laboratory signs final ones.
        """
        documents = self.cast.acting(Actor.INSPECTOR).documents
        evidence = with_files(inspection.evidence, documents)
        inspection = replace(inspection, evidence=evidence)
        if evidence.stage is Stage.FIRST:
            passed = self.panel.inspect(evidence, inspection.defects, "ABCD".index(letter))
        else:
            passed = self._sign(inspection)
        self.inspections[letter].append(inspection)
        self.route.sign(letter, datetime.fromisoformat(evidence.inspected_at), evidence.digest)
        return passed

    def _sign(self, inspection: SampleInspection) -> bool:
        evidence = inspection.evidence
        inspector = self.cast.acting(Actor.INSPECTOR)
        verdict = Verdict.PASS if evidence.passed else Verdict.FAIL
        sheet = example_plant("electrochromic").check_sheet("final")
        signed, signature = sign(inspector, evidence, verdict, len(evidence.sample), inspection.defects, sheet=sheet)
        self._send(Actor.PLANT, calls.record_inspection(signed, signature))
        return evidence.passed

    def process(self, letter: str, seed: int) -> bool:
        """Inspect, assemble, grade, prove and release a lot; return False if it was stopped before its release."""
        key, run = self.keys[letter], self.runs[letter]
        if not self.inspect(letter, examine(Stage.FIRST, key, run, SERIALS, seed, self.now())):
            self._send(Actor.PLANT, calls.recycle(key.batch_id))
            return False
        self._sign_run(letter, self.now())
        self._send(Actor.PLANT, calls.assemble(key.batch_id))
        self.route.sign(letter, self.now(), digest(b"assembled " + bytes(key.batch_id)))
        passed = self.inspect(letter, examine(Stage.FINAL, key, run, SERIALS, seed, self.now()))
        standard = QUANTITY - DEFECTIVE - SCRAP if passed else 0
        defective = QUANTITY - SCRAP - standard
        self._send(Actor.PLANT, calls.grade(key.batch_id, standard, defective, SCRAP))
        graded = digest(f"graded {standard} {defective} {SCRAP}".encode())
        self.route.sign(letter, self.now(), graded)
        if self.tamper is not None and letter == VICTIM:
            self.inject_fault(self.tamper)
            return False
        self.transactions.append(self.route.prove(letter, self.cast.acting(Actor.PLANT).chain))
        if passed:
            self._send(Actor.PLANT, calls.release(key.batch_id, SalesChannel.STANDARD))
        self._send(Actor.PLANT, calls.release(key.batch_id, SalesChannel.DEFECTIVE))
        return True

    def inject_fault(self, kind: str) -> None:
        """Tamper with the trace of the victim lot and submit it to each guard."""
        self.fault, trace = tampered(kind, self.route)
        self.guards = attempt(kind, trace, self.route, self.keys[VICTIM], self.cast.acting(Actor.PLANT).chain)

    def ship(self, letter: str, *, accept: bool) -> None:
        """Offer the lot to the franchisee, who accepts it or leaves the offer open."""
        batch = self.keys[letter].batch_id
        until = int(time.time()) + 14 * 86_400
        self._send(Actor.PLANT, calls.offer_custody(batch, self.cast.numbers[FRANCHISEE.gln], until))
        if accept:
            self._send(Actor.FRANCHISEE, calls.accept_custody(batch))

    def recall(self, letter: str, reason: str) -> None:
        """Recall the lot as the plant's supervisor."""
        self._send(Actor.SUPERVISOR, calls.recall(self.keys[letter].batch_id, reason))


def run_all(workspace: Workspace, story: Story, progress: Progress) -> None:
    """Run the line four times, in simulated time that ends now, and process the four lots."""
    now = datetime.now(UTC).replace(microsecond=0)
    inputs = story.buy_materials(now - timedelta(hours=10))
    anchorer = story.cast.acting(Actor.GATEWAY).anchorer()
    for index, letter in enumerate("ABCD"):
        start = now - timedelta(hours=8 - 2 * index)
        faults = (COOLING_LOSS,) if letter == "C" else ()
        run = run_line(workspace, anchorer, MAKER.gln, progress, seed=index + 1, start=start, faults=faults)
        story.make(letter, run, inputs)
        if story.process(letter, seed=index + 1) and letter in "ABD":
            story.ship(letter, accept=letter in "AD")
    story.recall("D", "The edge seal of this lot may leak. Please return the panes to your dealer.")
