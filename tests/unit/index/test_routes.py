"""Station keys, routes and proofs from their events; undoing gives the same index as a rebuild."""

from __future__ import annotations

import random

import pytest
from querying import query
from synthetic import (
    ACCOUNT,
    ZERO,
    SyntheticChain,
    assembled,
    batch_id,
    designed,
    proven,
    recorded,
    registered,
    route_id,
    station,
    station_id,
    unverified,
    verified,
)

from chromatrace.domain.rights import RouteKind
from chromatrace.index.errors import InconsistentEventsError
from chromatrace.index.views import RouteProofState

LATE = 2**64 - 1


def revoked(number, moment):
    return "RouteVerifier", "StationKeyRevoked", [station_id(number), moment, ACCOUNT]


def line():
    """Return a chain with two stations, a processing route over both, and an assembly route over the second."""
    return SyntheticChain().block(
        station(1), station(2, organisation=2), designed(1), designed(2, [2], kind=2, required=False)
    )


def test_a_route_has_its_stations_in_designed_order():
    chain = line().block(designed(3, [2, 1, 2]))
    route = query(chain.index).route(route_id(3))
    assert [(step.step, step.process, step.station, step.organisation) for step in route.steps] == [
        (1, "process 1", "station 2", 2),
        (2, "process 2", "station 1", 1),
        (3, "process 3", "station 2", 2),
    ]
    assert (route.name, route.version, route.kind, route.requires_proof) == ("route 3", 1, RouteKind.PROCESSING, True)
    assert route.designed_by.lower() == ACCOUNT
    assert route.designed.block_number == 2
    assembly = query(chain.index).route(route_id(2))
    assert (assembly.kind, assembly.requires_proof) == (RouteKind.ASSEMBLY, False)
    assert query(chain.index).route(ZERO) is None


def test_a_revoked_key_has_its_revocation_time():
    chain = line().block(revoked(1, LATE))
    chain.block(revoked(1, 1_800_000_000))
    assert [step.revoked_from for step in query(chain.index).route(route_id(1)).steps] == [1_800_000_000, None]
    chain.undo(2)
    assert [step.revoked_from for step in query(chain.index).route(route_id(1)).steps] == [LATE, None]


def test_an_unregistered_key_cannot_be_revoked():
    with pytest.raises(InconsistentEventsError) as raised:
        line().block(revoked(9, 1))
    assert raised.value.field == "station key"


def test_a_key_is_unverified_until_the_chain_verifies_it():
    chain = SyntheticChain().block(station(1), unverified(1), station(2), designed(1))
    assert [step.verified for step in query(chain.index).route(route_id(1)).steps] == [False, True]
    chain.block(verified(1, organisation=7))
    assert [(step.verified, step.organisation) for step in query(chain.index).route(route_id(1)).steps] == [
        (True, 7),
        (True, 1),
    ]
    chain.undo(1)
    assert [(step.verified, step.organisation) for step in query(chain.index).route(route_id(1)).steps] == [
        (False, 1),
        (True, 1),
    ]


def test_a_proof_belongs_to_one_subject_and_route():
    chain = line().block(registered(1)).block(proven(1, batch_id(1)))
    proof = query(chain.index).proof_of(batch_id(1), route_id(1))
    assert (proof.state, proof.head, proof.components) == (RouteProofState.PROVEN, b"\x11" * 32, ())
    assert (proof.proven.block_number, proof.recorded) == (3, None)
    assert query(chain.index).proof_of(batch_id(1), route_id(2)) is None
    assert query(chain.index).proof_of(batch_id(2), route_id(1)) is None


def test_an_unverified_record_is_no_proof_until_a_proof_follows():
    chain = line().block(recorded(1, batch_id(1)))
    before = query(chain.index).proof_of(batch_id(1), route_id(1))
    assert (before.state, before.proven, before.head) == (RouteProofState.RECORDED, None, b"\x22" * 32)
    chain.block(proven(1, batch_id(1)))
    after = query(chain.index).proof_of(batch_id(1), route_id(1))
    assert (after.state, after.head, after.recorded) == (RouteProofState.PROVEN, b"\x11" * 32, before.recorded)
    chain.undo(2)
    assert query(chain.index).proof_of(batch_id(1), route_id(1)) == before
    chain.undo(1)
    assert query(chain.index).proof_of(batch_id(1), route_id(1)) is None


def test_an_assembly_has_its_components_and_undo_deletes_only_its_own():
    chain = line()
    for product in (1, 2):
        parts = [(1, batch_id(10 * product + number)) for number in range(2)]
        chain.block(assembled(2, batch_id(product), parts), proven(2, batch_id(product)))
    components = query(chain.index).proof_of(batch_id(2), route_id(2)).components
    assert [(part.route, part.subject) for part in components] == [
        (route_id(1), batch_id(20)),
        (route_id(1), batch_id(21)),
    ]
    chain.undo(2)
    assert query(chain.index).proof_of(batch_id(2), route_id(2)) is None
    assert len(query(chain.index).proof_of(batch_id(1), route_id(2)).components) == 2


def test_the_timeline_of_a_batch_includes_its_proofs_in_order():
    chain = line().block(registered(1), registered(2))
    chain.block(recorded(2, batch_id(1)), proven(1, batch_id(2)))
    chain.block(assembled(2, batch_id(1), [(1, batch_id(2))]), proven(2, batch_id(1)))
    chain.block(("BatchRegistry", "BatchHeld", [batch_id(1), 0, ACCOUNT, ""]))
    assert [event.name for event in query(chain.index).timeline(batch_id(1))] == [
        "BatchRegistered",
        "RouteRecordedUnverified",
        "AssemblyProven",
        "RouteProven",
        "BatchHeld",
    ]


def life(rng, past):
    """Return a random event that may follow; `past` contains the earlier events, see `once`."""
    choices = [station(rng.randint(1, 4)), designed(rng.randint(1, 3), rng.choices((1, 2), k=3))]
    subject, number = batch_id(rng.randint(1, 3)), rng.randint(1, 3)
    choices += [proven(number, subject, rng.randbytes(32)), recorded(number, subject, rng.randbytes(32))]
    choices += [assembled(number, subject, [(1, batch_id(part)) for part in range(rng.randint(1, 3))])]
    choices = [event for event in choices if once(event) not in past]
    known = [number for number in range(1, 5) if once(station(number)) in past]
    if known:
        marked = [unverified(rng.choice(known)), verified(rng.choice(known), rng.randint(1, 9))]
        choices += [revoked(rng.choice(known), rng.randint(1, LATE)), *marked]
    return rng.choice(choices) if choices else registered(rng.getrandbits(30))


def once(event):
    """Return the part of an event that the contract allows only once."""
    _, name, values = event
    return (name, values[0], values[1] if "Proven" in name or "Recorded" in name else None)


@pytest.mark.parametrize("seed", range(12))
def test_undone_events_leave_no_trace(seed):
    rng = random.Random(seed)
    history, chain = [], SyntheticChain()
    for fork in range(8):
        keep = rng.randint(0, len(history))
        if keep < len(history):
            chain.undo(keep, history[keep - 1][1] if keep else 0)
            history = history[:keep]
        for _ in range(rng.randint(1, 5)):
            past = {once(event) for events, _ in history for event in events}
            events = []
            for _ in range(rng.randrange(5)):
                events.append(life(rng, past))
                past.add(once(events[-1]))
            history.append((events, fork))
            chain.block(*events, fork=fork)
    fresh = SyntheticChain()
    for events, made_in in history:
        fresh.block(*events, fork=made_in)
    assert query(chain.index).digest() == query(fresh.index).digest()
