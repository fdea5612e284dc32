"""Selections of events about batches equal a filter over all events, in SQLite and PostgreSQL."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "unit" / "index"))

from synthetic import ACCOUNT, GTIN, ZERO, SyntheticChain, batch_id, header, registered

from chromatrace.domain.errors import Unavailable
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import Verdict
from chromatrace.epcis.mapping import EVENT_FORMS
from chromatrace.index.chain_reader import HeaderSummary
from chromatrace.index.queries.selection import BatchEventKind, EventRange
from chromatrace.index.writer import ChainStatus, IndexedDeployment, IndexWriter
from chromatrace.storage.sql_time_limit import TimeLimitError

BATCHES = range(12)
KINDS = [BatchEventKind(form.name, form.has_inputs, form.passed) for form in EVENT_FORMS]


class StoredChain(SyntheticChain):
    """A synthetic chain in the database of a test."""

    def __init__(self, index):
        self.index, self.at = index, header(0)
        self.writer = IndexWriter(index.engine)
        first = HeaderSummary(0, header(0).hash, ZERO, header(0).time)
        self.writer.begin(IndexedDeployment(31337, ZERO, ZERO, 1), first, ChainStatus(self.at, 0))


def inspected(number, stage, verdict, at):
    values = [batch_id(number), stage, ACCOUNT, 1, verdict, 1, 5, 0, ZERO, ZERO, at]
    return "InspectionLedger", "InspectionRecorded", values


def custody(event, number, *values):
    return "CustodyLedger", event, [batch_id(number), 1, 2, ACCOUNT, *values]


@pytest.fixture
def chain(index):
    chain = StoredChain(index)
    for number in BATCHES:
        used = [number - 1] if number % 3 == 2 else [(number - 1, 2), (number - 2, 3)] if number % 4 == 3 else []
        chain.block(registered(number, used))
    for number in BATCHES:
        at = header(chain.at.number).time - 7 * (number % 3)
        chain.block(
            inspected(number, 0, Verdict.FAIL if number % 5 == 1 else Verdict.PASS, at),
            ("BatchRegistry", "BatchHeld", [batch_id(number), 0, ACCOUNT, "colour"]),
            ("BatchRegistry", "BatchHoldReleased", [batch_id(number), 0, ACCOUNT, ""]),
            inspected(number, 0, Verdict.PASS, at + 1),
        )
        chain.block(custody("CustodyOffered", number, 2**63), custody("CustodyAccepted", number))
    chain.block(("BatchRegistry", "BatchRecalled", [batch_id(3), ZERO, ACCOUNT, "cracks"]))
    return chain


def expected(events, kinds, range_, limit, batches):
    """Filter all events in Python."""

    def is_of(kind, event):
        return (
            kind.name == event.name
            and kind.has_inputs in (None, bool(event.args.get("inputs")))
            and kind.passed in (None, event.args.get("verdict") == Verdict.PASS)
        )

    def within(time, since, before):
        return (since is None or time >= since) and (before is None or time < before)

    def names(event):
        return {event.args["batch"], *(source["batch"] for source in event.args.get("inputs", ()))}

    return [
        event
        for event in events
        if any(is_of(kind, event) for kind in kinds)
        and (range_.after is None or event.position > range_.after)
        and within(event.args.get("inspectedAt", event.block_time), range_.since, range_.before)
        and within(event.block_time, range_.block_since, range_.block_before)
        and (batches is None or names(event) & set(batches))
    ][:limit]


def test_selections_equal_a_filter_over_all_events(chain):
    rng = random.Random(7)
    first, last = header(0).time, chain.at.time
    with chain.index.snapshot() as snapshot:
        events = snapshot.events(limit=10_000)
        found = 0
        for _ in range(150):
            kinds = rng.sample(KINDS, rng.choice([1, 3, len(KINDS)]))
            times = [rng.choice([None, None, rng.randrange(first - 5, last + 5)]) for _ in range(4)]
            range_ = EventRange(rng.choice([None, rng.choice(events).position]), *times)
            batches = rng.choice([None, [], [batch_id(rng.randrange(14)) for _ in range(rng.choice([1, 4]))]])
            limit = rng.choice([1, 3, 100])
            selected = snapshot.batch_events(kinds, range_, limit, batches)
            assert selected == expected(events, kinds, range_, limit, batches), (kinds, range_, batches, limit)
            found += len(selected)
        assert found > 300


def test_superseded_inspections_and_batches_of_a_product(chain):
    with chain.index.snapshot() as snapshot:
        inspections = [event for event in snapshot.events(limit=10_000) if event.name == "InspectionRecorded"]
        later = snapshot.superseding(inspections)
        assert {inspection.position for inspection in inspections[::2]} == set(later)
        assert [later[event.position].position for event in inspections[::2]] == [e.position for e in inspections[1::2]]
        gtin = int(Gtin(GTIN))
        assert snapshot.newest_batches(gtin, gtin, 3) == [batch_id(number) for number in (11, 10, 9)]
        assert set(snapshot.newest_batches(gtin - 1, gtin + 1, 100)) == {batch_id(number) for number in BATCHES}
        assert snapshot.newest_batches(gtin + 1, gtin + 9, 3) == []


def test_slow_selection_is_interrupted(chain):
    """A limit that no statement can meet. SQLite looks at the clock within a statement, PostgreSQL around it."""
    from sqlalchemy import text

    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "postgresql": "SELECT count(*) FROM generate_series(1, 1000000000000)",
    }
    with chain.index.snapshot() as snapshot:
        with pytest.raises(TimeLimitError) as raised, snapshot.time_limit(0.05):
            snapshot._rows(text(slow[chain.index.engine.dialect.name]))
        assert isinstance(raised.value, Unavailable)
    with chain.index.snapshot() as snapshot, snapshot.time_limit(30):
        assert len(snapshot.events(limit=5)) == 5
