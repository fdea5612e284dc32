"""Random operations on several batches: the contracts agree with the reference model, and the invariants hold.

Each operation is simulated on the chain and applied to the model. Both must return the same error, or both succeed. The
invariants read the chain only.
"""

from brownie import chain
from brownie.test import strategy
from environment import FOREVER, GTIN, RIVAL_GTIN, batch_id
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from reference_model import ReferenceModel
from reverts import DidNotRevert, revert_of

from chromatrace.domain.rights import BatchState, HoldKind, SalesChannel, Stage, Verdict

LOTS = ("A", "B", "C", "D")
AFTER_GRADING = (BatchState.GRADED, BatchState.SCRAPPED, BatchState.RELEASED)


LOT_OF = {batch_id(lot, RIVAL_GTIN if lot == "D" else GTIN): lot for lot in LOTS}
"""Lot D belongs to the rival, the others to the plant."""
BATCHES = st.sampled_from(list(LOT_OF))
INPUTS = st.lists(st.tuples(BATCHES, st.integers(0, 4)), max_size=2)
QUANTITIES = strategy("uint32", max_value=3)
SPLITS = st.tuples(*[st.integers(0, 3)] * 3)
STAGES = st.sampled_from(Stage)
VERDICTS = st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.FAIL])
CHANNELS = st.sampled_from(SalesChannel)
PRODUCERS = st.sampled_from(["plant", "plant", "rival"])
PARTIES = st.sampled_from(["plant", "shop", "rival"])
SUPERVISORS = st.sampled_from(["plant", "rival", "authority"])


class LifeCycle(RuleBasedStateMachine):
    """Uses hypothesis directly: Brownie 1.22 cannot subclass its `state_machine` at run time."""

    def __init__(self, env):
        super().__init__()
        chain.revert()
        self.env = env
        self.supervisors = {"plant": env.supervisor, "rival": env.competitor, "authority": env.official}
        self.producers = {"plant": env.producer, "rival": env.competitor}
        self.handlers = {"plant": env.logistics, "rival": env.competitor, "shop": env.franchisee}
        self.model = populated_model(env)
        self.previous = {}

    def _try(self, function, args, sender, expected):
        """Compare the outcome with the model; send the transaction if both succeed."""
        try:
            error = revert_of(function, *args, sender=sender).name
        except DidNotRevert:
            error = None
        assert error == expected
        if error is None:
            self.env.send(function, *args, sender=sender)

    def _reinstate_all(self):
        for number in self.model.suspended:
            self.env.send(self.env.consortium.reinstateOrganisation, number, sender=self.env.registrar)
        self.model.suspended.clear()

    def _organisation(self, name):
        return getattr(self.env, name)

    # ---------------------------------------------------------------- rules

    @rule(batch=BATCHES, quantity=QUANTITIES, inputs=INPUTS, producer=PRODUCERS)
    def register(self, batch, quantity, inputs, producer):
        expected = self.model.register(self._organisation(producer), batch, quantity, tuple(inputs))
        gtin = f"{self.model.gtins[batch]:014d}"
        registration = self.env.registration(LOT_OF[batch], quantity, tuple(inputs), gtin)
        self._try(self.env.registry.register, (registration,), self.producers[producer], expected)

    @rule(batch=BATCHES, stage=STAGES, verdict=VERDICTS)
    def inspect(self, batch, stage, verdict):
        expected = self.model.inspect(batch, stage, verdict)
        inspection = self.env.inspection(batch, stage, verdict, sampleSize=1)
        args = (tuple(inspection.values()), self.env.sign(inspection))
        self._try(self.env.inspections.record, args, self.env.stranger, expected)

    @rule(batch=BATCHES, producer=PRODUCERS)
    def recycle(self, batch, producer):
        expected = self.model.recycle(self._organisation(producer), batch)
        self._try(self.env.registry.recycle, (batch,), self.producers[producer], expected)

    @rule(batch=BATCHES, producer=PRODUCERS)
    def assemble(self, batch, producer):
        expected = self.model.assemble(self._organisation(producer), batch)
        self._try(self.env.registry.assemble, (batch,), self.producers[producer], expected)

    @rule(batch=BATCHES, split=SPLITS, producer=PRODUCERS)
    def grade(self, batch, split, producer):
        expected = self.model.grade(self._organisation(producer), batch, *split)
        self._try(self.env.registry.grade, (batch, *split), self.producers[producer], expected)

    @rule(batch=BATCHES, channel=CHANNELS, producer=PRODUCERS)
    def release(self, batch, channel, producer):
        expected = self.model.release(self._organisation(producer), batch, channel)
        self._try(self.env.registry.release, (batch, channel), self.producers[producer], expected)

    @rule(batch=BATCHES, verdict=VERDICTS, channel=CHANNELS)
    def advance(self, batch, verdict, channel):
        """Perform the next regular step of a batch. Random operations alone rarely release one."""
        self._reinstate_all()
        current = self.model.batches.get(batch)
        owner = "rival" if LOT_OF[batch] == "D" else "plant"
        if current is None:
            self.register(batch, 3, [], owner)
        elif current.state is BatchState.REGISTERED:
            self.inspect(batch, Stage.FIRST, verdict)
        elif current.state is BatchState.STOPPED:
            self.inspect(batch, Stage.FIRST, Verdict.PASS)
        elif current.state is BatchState.FIRST_PASSED:
            self.assemble(batch, owner)
        elif current.state is BatchState.ASSEMBLED and current.final_verdict is Verdict.NONE:
            self.inspect(batch, Stage.FINAL, verdict)
        elif current.state is BatchState.ASSEMBLED:
            self.grade(batch, (2, 1, 0) if current.final_verdict is Verdict.PASS else (0, 2, 1), owner)
        elif current.state in (BatchState.GRADED, BatchState.RELEASED):
            self.release(batch, channel, owner)
            self.release(batch, SalesChannel.DEFECTIVE, owner)

    advance_again = advance
    advance_once_more = advance

    @rule(batch=BATCHES, party=PARTIES)
    def transfer(self, batch, party):
        """Offer the batch as its custodian, or accept the pending offer."""
        current = self.model.batches.get(batch)
        if current is None or current.state is not BatchState.RELEASED:
            return
        self._reinstate_all()
        names = {self._organisation(name): name for name in self.handlers}
        if batch in self.model.offers:
            self.accept(batch, names[self.model.offers[batch][1]])
        else:
            self.offer(batch, names[current.custodian], party)

    @rule(batch=BATCHES, supervisor=SUPERVISORS)
    def hold(self, batch, supervisor):
        expected = self.model.hold(self._organisation(supervisor), batch)
        self._try(self.env.registry.hold, (batch, "x"), self.supervisors[supervisor], expected)

    @rule(batch=BATCHES, supervisor=SUPERVISORS, kind=st.sampled_from(HoldKind))
    def release_hold(self, batch, supervisor, kind):
        expected = self.model.release_hold(self._organisation(supervisor), batch, kind)
        self._try(self.env.registry.releaseHold, (batch, kind, "x"), self.supervisors[supervisor], expected)

    @rule(batch=BATCHES, supervisor=SUPERVISORS)
    def order_return(self, batch, supervisor):
        expected = self.model.order_return(self._organisation(supervisor), batch)
        self._try(self.env.custody.orderReturn, (batch, "x"), self.supervisors[supervisor], expected)

    @rule(batch=BATCHES, supervisor=SUPERVISORS)
    def recall(self, batch, supervisor):
        expected = self.model.recall(self._organisation(supervisor), batch)
        self._try(self.env.registry.recall, (batch, "x"), self.supervisors[supervisor], expected)

    @rule(batch=BATCHES, child=BATCHES, supervisor=SUPERVISORS)
    def recall_descendant(self, batch, child, supervisor):
        expected = self.model.recall_descendant(self._organisation(supervisor), batch, child)
        parts = [self.env.parts(self.model.inputs.get(child, ()))]
        args = (batch, [child], parts, "x")
        self._try(self.env.registry.recallDescendants, args, self.supervisors[supervisor], expected)

    @rule(batch=BATCHES, party=PARTIES, other=PARTIES)
    def offer(self, batch, party, other):
        expected = self.model.offer(self._organisation(party), batch, self._organisation(other))
        args = (batch, self._organisation(other), FOREVER)
        self._try(self.env.custody.offer, args, self.handlers[party], expected)

    @rule(batch=BATCHES, party=PARTIES)
    def accept(self, batch, party):
        expected = self.model.accept(self._organisation(party), batch)
        self._try(self.env.custody.accept, (batch,), self.handlers[party], expected)

    @rule(batch=BATCHES, party=PARTIES)
    def reject(self, batch, party):
        expected = self.model.reject(self._organisation(party), batch)
        self._try(self.env.custody.reject, (batch, "x"), self.handlers[party], expected)

    @rule(party=PARTIES)
    def suspend_or_reinstate(self, party):
        number = self._organisation(party)
        suspended = number in self.model.suspended
        function = self.env.consortium.reinstateOrganisation if suspended else self.env.consortium.suspendOrganisation
        self.env.send(function, number, sender=self.env.registrar)
        self.model.suspended ^= {number}

    # ---------------------------------------------------------------- invariants

    @invariant()
    def invariants_hold(self):
        for batch, expected in self.model.batches.items():
            current = self.env.batch(batch)
            previous = self.previous.get(batch)
            assert current == expected
            self._check_custodian(current)
            self._check_release(previous, current)
            self._check_quantities(current)
            self._check_recall(previous, current)
            self.previous[batch] = current

    def _check_custodian(self, current):
        assert current.custodian in (self.env.plant, self.env.shop, self.env.rival)

    def _check_release(self, previous, current):
        released = current.channels & ~(previous.channels if previous else 0)
        if released:
            assert current.first_verdict is Verdict.PASS
            assert current.final_verdict is not Verdict.NONE
            assert current.final_verdict is Verdict.PASS or not released & 1 << SalesChannel.STANDARD
        assert (current.channels != 0) == (current.state is BatchState.RELEASED)

    def _check_quantities(self, current):
        graded = current.standard + current.defective + current.scrap
        assert graded == (current.quantity if current.state in AFTER_GRADING else 0)

    def _check_recall(self, previous, current):
        if previous and previous.recalled and previous.custodian != current.custodian:
            assert current.custodian == current.producer
        assert not (previous and previous.recalled and not current.recalled)


def populate(env):
    """Offer a batch to the shop, grade another and use it in a third, which is stopped."""
    sold = env.batch_in_state(BatchState.RELEASED, "A", quantity=3, graded=(2, 1, 0))
    env.custody.offer(sold, env.shop, FOREVER, {"from": env.logistics})
    graded = env.batch_in_state(BatchState.GRADED, "B", quantity=3, graded=(2, 1, 0))
    stopped = env.register("C", quantity=2, inputs=(graded,))
    env.inspect(stopped, Stage.FIRST, Verdict.FAIL)


def populated_model(env):
    """Return the model after `populate`."""
    gtins = {batch: int(RIVAL_GTIN if lot == "D" else GTIN) for batch, lot in LOT_OF.items()}
    licensees = {batch: env.rival if lot == "D" else env.plant for batch, lot in LOT_OF.items()}
    model = ReferenceModel(env.authority, gtins, licensees)
    sold, graded, stopped = (batch_id(lot) for lot in "ABC")
    for batch in (sold, graded):
        assert model.register(env.plant, batch, 3, ()) is None
        assert model.inspect(batch, Stage.FIRST, Verdict.PASS) is None
        assert model.assemble(env.plant, batch) is None
        assert model.inspect(batch, Stage.FINAL, Verdict.PASS) is None
        assert model.grade(env.plant, batch, 2, 1, 0) is None
    for channel in SalesChannel:
        assert model.release(env.plant, sold, channel) is None
    assert model.offer(env.plant, sold, env.shop) is None
    assert model.register(env.plant, stopped, 2, ((graded, 1),)) is None
    assert model.inspect(stopped, Stage.FIRST, Verdict.FAIL) is None
    return model


def test_life_cycle(env):
    populate(env)
    chain.snapshot()
    # Hypothesis 6.27 limits its first ten examples to a few steps each.
    profile = settings(
        max_examples=10 + 8, stateful_step_count=30, deadline=None, suppress_health_check=HealthCheck.all()
    )
    run_state_machine_as_test(lambda: LifeCycle(env), settings=profile)
