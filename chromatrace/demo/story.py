"""What happens in the demonstration: four lots of panes, each with another fate.

A  passes both inspections, is released, offered and accepted: the franchisee has it
B  the same, but its offer still waits for the franchisee
C  made while the cooling water failed: stopped at first inspection and recycled
D  released and delivered, then recalled by a supervisor
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call, Registration
from chromatrace.chain.client import Receipt
from chromatrace.demo.cast import FRANCHISEE, MAKER, PANE, Actor, Cast
from chromatrace.demo.inspections import Found, examine
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
    """What was made: batches by letter, every transaction in order.

    tamper, fault, guards  the kind of fault to put into lot B's proof (None: none), its description, and the result
                           of each guard
    """

    cast: Cast
    route: SignedRoute
    panel: Panel
    tamper: str | None = None
    fault: str = ""
    guards: list[Guard] = field(default_factory=list)
    keys: dict[str, BatchKey] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    found: dict[str, list[Found]] = field(default_factory=dict)
    transactions: list[str] = field(default_factory=list)

    def _send(self, actor: Actor, call: Call) -> Receipt:
        receipt = self.cast.acting(actor).chain.submit(call)
        self.transactions.append(receipt.tx)
        return receipt

    def buy_materials(self, now: datetime) -> list[Input]:
        """Registers what goods-in took: a tungsten target and a pack of coated glass, each with its supplier's lot.

        Returns what of it goes into one lot of panes.
        """
        parts = []
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
            parts.append(Input(content.key.batch_id, used))
        return parts

    def make(self, letter: str, run: Run, inputs: list[Input]) -> BatchKey:
        """Registers the lot that `run` coated, with its serials and what it is made of."""
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
        self.keys[letter], self.runs[letter], self.found[letter] = content.key, run, []
        self.route.begin(letter, content.key)
        self.route.sign(letter, run.ended - timedelta(hours=1), digest(b"".join(one.batch for one in inputs)))
        self._sign_run(letter, run.ended)
        return content.key

    def now(self) -> datetime:
        """The chain's present: what is inspected, assembled and packed has the time of the blocks around it."""
        head = self.cast.acting(Actor.PLANT).rpc.call("eth_getBlockByNumber", "latest", False)
        return datetime.fromtimestamp(int(head["timestamp"], 16), UTC)

    def _sign_run(self, letter: str, done: datetime) -> None:
        """The sputtering stations bind their step to the log of readings that were taken while it ran."""
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

    def inspect(self, letter: str, found: Found) -> bool:
        """The laboratory signs, the plant submits; whether it passed. The panel decides first inspections."""
        if found.evidence.stage is Stage.FIRST:
            passed = self.panel.inspect(found.evidence, found.defects, "ABCD".index(letter))
        else:
            passed = self._sign(found)
        self.found[letter].append(found)
        self.route.sign(letter, datetime.fromisoformat(found.evidence.inspected_at), found.evidence.digest)
        return passed

    def _sign(self, found: Found) -> bool:
        inspector = self.cast.acting(Actor.INSPECTOR)
        verdict = Verdict.PASS if found.evidence.passed else Verdict.FAIL
        signed, signature = sign(inspector, found.evidence, verdict, len(found.evidence.sample), found.defects)
        self._send(Actor.PLANT, calls.record_inspection(signed, signature))
        return found.evidence.passed

    def take_through(self, letter: str, seed: int) -> bool:
        """Inspections, assembly, grading, proof of its route and release; False where it was stopped on the way."""
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
            self.put_fault(self.tamper)
            return False
        self.transactions.append(self.route.prove(letter, self.cast.acting(Actor.PLANT).chain))
        if passed:
            self._send(Actor.PLANT, calls.release(key.batch_id, SalesChannel.STANDARD))
        self._send(Actor.PLANT, calls.release(key.batch_id, SalesChannel.DEFECTIVE))
        return True

    def put_fault(self, kind: str) -> None:
        """Tampers with what the victim's stations signed, and takes it to everyone who could catch it."""
        self.fault, trace = tampered(kind, self.route)
        self.guards = attempt(kind, trace, self.route, self.keys[VICTIM], self.cast.acting(Actor.PLANT).chain)

    def ship(self, letter: str, *, accept: bool) -> None:
        """Offers the lot to the franchisee, who accepts it or leaves the offer open."""
        batch = self.keys[letter].batch_id
        until = int(time.time()) + 14 * 86_400
        self._send(Actor.PLANT, calls.offer_custody(batch, self.cast.numbers[FRANCHISEE.gln], until))
        if accept:
            self._send(Actor.FRANCHISEE, calls.accept_custody(batch))

    def recall(self, letter: str, reason: str) -> None:
        """The plant's supervisor recalls the lot."""
        self._send(Actor.SUPERVISOR, calls.recall(self.keys[letter].batch_id, reason))


def run_all(workspace: Workspace, story: Story, progress: Progress) -> None:
    """The four runs of the line, a shift of simulated time that is over now, and what becomes of their lots."""
    now = datetime.now(UTC).replace(microsecond=0)
    inputs = story.buy_materials(now - timedelta(hours=10))
    anchorer = story.cast.acting(Actor.GATEWAY).anchorer()
    for place, letter in enumerate("ABCD"):
        start = now - timedelta(hours=8 - 2 * place)
        faults = (COOLING_LOSS,) if letter == "C" else ()
        run = run_line(workspace, anchorer, MAKER.gln, progress, seed=place + 1, start=start, faults=faults)
        story.make(letter, run, inputs)
        if story.take_through(letter, seed=place + 1) and letter in "ABD":
            story.ship(letter, accept=letter in "AD")
    story.recall("D", "Edge seal of this lot may leak: please return the panes to your dealer.")
