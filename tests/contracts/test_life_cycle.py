"""The life of several batches at once, in any order: the contracts do what the twin does, and the invariants hold.

Each rule is tried on the chain first (simulated) and in the twin; both must refuse with the same error, or both accept.
The invariants look at the chain alone.
"""

from brownie import chain
from brownie.test import strategy
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from refusals import Accepted, refusal
from twin import Twin
from world import FOREVER, batch_id

from chromatrace.domain.rights import BatchState, SalesChannel, Stage, Verdict

LOTS = ("A", "B", "C", "D")
AFTER_GRADING = (BatchState.GRADED, BatchState.SCRAPPED, BatchState.RELEASED)


BATCHES = st.sampled_from([batch_id(lot) for lot in LOTS])
INPUTS = st.lists(st.tuples(BATCHES, st.integers(0, 4)), max_size=2)
QUANTITIES = strategy("uint32", max_value=3)
SPLITS = st.tuples(*[st.integers(0, 3)] * 3)
STAGES = st.sampled_from(Stage)
VERDICTS = st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.FAIL])
CHANNELS = st.sampled_from(SalesChannel)
MAKERS = st.sampled_from(["plant", "plant", "rival"])
PARTIES = st.sampled_from(["plant", "shop", "rival"])
WATCHES = st.sampled_from(["plant", "rival", "authority"])


class LifeCycle(RuleBasedStateMachine):
    """Brownie's own `state_machine` cannot be subclassed at run time in this release, so this is hypothesis' own."""

    def __init__(self, world):
        super().__init__()
        chain.revert()
        self.world = world
        self.supervisors = {"plant": world.supervisor, "rival": world.competitor, "authority": world.official}
        self.makers = {"plant": world.producer, "rival": world.competitor}
        self.handlers = {"plant": world.logistics, "rival": world.competitor, "shop": world.franchisee}
        self.twin = populated(world)
        self.seen = {}

    def _try(self, function, args, sender, expected):
        """Both sides refuse alike, or the transaction is sent."""
        try:
            refused = refusal(function, *args, sender=sender).name
        except Accepted:
            refused = None
        assert refused == expected
        if refused is None:
            self.world.send(function, *args, sender=sender)

    def _reinstate_all(self):
        for number in self.twin.suspended:
            self.world.send(self.world.consortium.reinstateOrganisation, number, sender=self.world.registrar)
        self.twin.suspended.clear()

    def _organisation(self, name):
        return getattr(self.world, name)

    # ---------------------------------------------------------------- rules

    @rule(lot=st.sampled_from(LOTS), quantity=QUANTITIES, inputs=INPUTS, maker=MAKERS)
    def register(self, lot, quantity, inputs, maker):
        expected = self.twin.register(self._organisation(maker), batch_id(lot), quantity, tuple(inputs))
        registration = self.world.registration(lot, quantity, tuple(inputs))
        self._try(self.world.registry.register, (registration,), self.makers[maker], expected)

    @rule(batch=BATCHES, stage=STAGES, verdict=VERDICTS)
    def inspect(self, batch, stage, verdict):
        expected = self.twin.inspect(batch, stage, verdict)
        inspection = self.world.inspection(batch, stage, verdict, sampleSize=1)
        args = (tuple(inspection.values()), self.world.sign(inspection))
        self._try(self.world.inspections.record, args, self.world.stranger, expected)

    @rule(batch=BATCHES, maker=MAKERS)
    def recycle(self, batch, maker):
        expected = self.twin.recycle(self._organisation(maker), batch)
        self._try(self.world.registry.recycle, (batch,), self.makers[maker], expected)

    @rule(batch=BATCHES, maker=MAKERS)
    def assemble(self, batch, maker):
        expected = self.twin.assemble(self._organisation(maker), batch)
        self._try(self.world.registry.assemble, (batch,), self.makers[maker], expected)

    @rule(batch=BATCHES, split=SPLITS, maker=MAKERS)
    def grade(self, batch, split, maker):
        expected = self.twin.grade(self._organisation(maker), batch, *split)
        self._try(self.world.registry.grade, (batch, *split), self.makers[maker], expected)

    @rule(batch=BATCHES, channel=CHANNELS, maker=MAKERS)
    def release(self, batch, channel, maker):
        expected = self.twin.release(self._organisation(maker), batch, channel)
        self._try(self.world.registry.release, (batch, channel), self.makers[maker], expected)

    @rule(batch=BATCHES, verdict=VERDICTS, channel=CHANNELS)
    def carry_forward(self, batch, verdict, channel):
        """The next natural step, so that batches get far: chance alone seldom releases one."""
        self._reinstate_all()
        known = self.twin.batches.get(batch)
        if known is None:
            lot = next(name for name in LOTS if batch_id(name) == batch)
            self.register(lot, 3, [], "plant")
        elif known.state is BatchState.REGISTERED:
            self.inspect(batch, Stage.FIRST, verdict)
        elif known.state is BatchState.STOPPED:
            self.inspect(batch, Stage.FIRST, Verdict.PASS)
        elif known.state is BatchState.FIRST_PASSED:
            self.assemble(batch, "plant")
        elif known.state is BatchState.ASSEMBLED and known.final_verdict is Verdict.NONE:
            self.inspect(batch, Stage.FINAL, verdict)
        elif known.state is BatchState.ASSEMBLED:
            self.grade(batch, (2, 1, 0) if known.final_verdict is Verdict.PASS else (0, 2, 1), "plant")
        elif known.state in (BatchState.GRADED, BatchState.RELEASED):
            self.release(batch, channel, "plant")

    carry_on = carry_forward
    carry_further = carry_forward

    @rule(batch=BATCHES, party=PARTIES)
    def pass_on(self, batch, party):
        """An offer from the custodian, accepted where there is one."""
        known = self.twin.batches.get(batch)
        if known is None or known.state is not BatchState.RELEASED:
            return
        self._reinstate_all()
        names = {self._organisation(name): name for name in self.handlers}
        if batch in self.twin.offers:
            self.accept(batch, names[self.twin.offers[batch][1]])
        else:
            self.offer(batch, names[known.custodian], party)

    @rule(batch=BATCHES, watch=WATCHES)
    def hold(self, batch, watch):
        expected = self.twin.hold(self._organisation(watch), batch)
        self._try(self.world.registry.hold, (batch, "x"), self.supervisors[watch], expected)

    @rule(batch=BATCHES, watch=WATCHES)
    def release_hold(self, batch, watch):
        expected = self.twin.release_hold(self._organisation(watch), batch)
        self._try(self.world.registry.releaseHold, (batch, "x"), self.supervisors[watch], expected)

    @rule(batch=BATCHES, watch=WATCHES)
    def recall(self, batch, watch):
        expected = self.twin.recall(self._organisation(watch), batch)
        self._try(self.world.registry.recall, (batch, "x"), self.supervisors[watch], expected)

    @rule(batch=BATCHES, child=BATCHES, watch=WATCHES)
    def recall_descendant(self, batch, child, watch):
        expected = self.twin.recall_descendant(self._organisation(watch), batch, child)
        parts = [self.world.parts(self.twin.inputs.get(child, ()))]
        args = (batch, [child], parts, "x")
        self._try(self.world.registry.recallDescendants, args, self.supervisors[watch], expected)

    @rule(batch=BATCHES, party=PARTIES, other=PARTIES)
    def offer(self, batch, party, other):
        expected = self.twin.offer(self._organisation(party), batch, self._organisation(other))
        args = (batch, self._organisation(other), FOREVER)
        self._try(self.world.custody.offer, args, self.handlers[party], expected)

    @rule(batch=BATCHES, party=PARTIES)
    def accept(self, batch, party):
        expected = self.twin.accept(self._organisation(party), batch)
        self._try(self.world.custody.accept, (batch,), self.handlers[party], expected)

    @rule(batch=BATCHES, party=PARTIES)
    def refuse(self, batch, party):
        expected = self.twin.refuse(self._organisation(party), batch)
        self._try(self.world.custody.reject, (batch, "x"), self.handlers[party], expected)

    @rule(party=PARTIES)
    def suspend_or_reinstate(self, party):
        number = self._organisation(party)
        suspended = number in self.twin.suspended
        verb = self.world.consortium.reinstateOrganisation if suspended else self.world.consortium.suspendOrganisation
        self.world.send(verb, number, sender=self.world.registrar)
        self.twin.suspended ^= {number}

    # ---------------------------------------------------------------- invariants

    @invariant()
    def everything(self):
        for batch, expected in self.twin.batches.items():
            found = self.world.batch(batch)
            before = self.seen.get(batch)
            assert found == expected
            self._exactly_one_custodian(found)
            self._nothing_is_released_without_both_verdicts(before, found)
            self._quantities_add_up(found)
            self._a_recalled_batch_moves_only_home(before, found)
            self.seen[batch] = found

    def _exactly_one_custodian(self, found):
        assert found.custodian in (self.world.plant, self.world.shop, self.world.rival)

    def _nothing_is_released_without_both_verdicts(self, before, found):
        released = found.channels & ~(before.channels if before else 0)
        if released:
            assert found.first_verdict is Verdict.PASS
            assert found.final_verdict is not Verdict.NONE
            assert found.final_verdict is Verdict.PASS or not released & 1 << SalesChannel.STANDARD
        assert (found.channels != 0) == (found.state is BatchState.RELEASED)

    def _quantities_add_up(self, found):
        graded = found.standard + found.defective + found.scrap
        assert graded == (found.quantity if found.state in AFTER_GRADING else 0)

    def _a_recalled_batch_moves_only_home(self, before, found):
        if before and before.recalled and before.custodian != found.custodian:
            assert found.custodian == found.producer
        assert not (before and before.recalled and not found.recalled)


def populate(world):
    """One batch is on its way to the shop, one was graded and is used in a third, which is stopped."""
    sold = world.bring_to(BatchState.RELEASED, "A", quantity=3, graded=(2, 1, 0))
    world.custody.offer(sold, world.shop, FOREVER, {"from": world.logistics})
    graded = world.bring_to(BatchState.GRADED, "B", quantity=3, graded=(2, 1, 0))
    stopped = world.register("C", quantity=2, inputs=(graded,))
    world.inspect(stopped, Stage.FIRST, Verdict.FAIL)


def populated(world):
    """The twin of `populate`."""
    twin = Twin(world.authority)
    sold, graded, stopped = (batch_id(lot) for lot in "ABC")
    for batch in (sold, graded):
        assert twin.register(world.plant, batch, 3, ()) is None
        assert twin.inspect(batch, Stage.FIRST, Verdict.PASS) is None
        assert twin.assemble(world.plant, batch) is None
        assert twin.inspect(batch, Stage.FINAL, Verdict.PASS) is None
        assert twin.grade(world.plant, batch, 2, 1, 0) is None
    assert twin.release(world.plant, sold, SalesChannel.STANDARD) is None
    assert twin.offer(world.plant, sold, world.shop) is None
    assert twin.register(world.plant, stopped, 2, ((graded, 1),)) is None
    assert twin.inspect(stopped, Stage.FIRST, Verdict.FAIL) is None
    return twin


def test_life_cycle(world):
    populate(world)
    chain.snapshot()
    # This release of hypothesis keeps its first ten examples to a few steps each.
    thorough = settings(
        max_examples=10 + 8, stateful_step_count=30, deadline=None, suppress_health_check=HealthCheck.all()
    )
    run_state_machine_as_test(lambda: LifeCycle(world), settings=thorough)
