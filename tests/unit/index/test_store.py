"""Undoing, rebuilding and refusing, block by block, without a chain."""

from __future__ import annotations

import random

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from querying import query
from sqlalchemy import select, text, update
from synthetic import ACCOUNT, GTIN, ZERO, Ledger, batch_id, header, registered

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import BatchState, Stage, Verdict
from chromatrace.index import Index, schema
from chromatrace.index.digest import chain_tables
from chromatrace.index.errors import InconsistentEventsError, IndexUnavailableError, WrongIndexError
from chromatrace.index.models import BlockRow, GrantRow, IndexTable, to_signed, to_unsigned
from chromatrace.index.writer import ChainStatus

REGISTRY, LEDGER = "BatchRegistry", "CustodyLedger"


def life(chance, known):
    """One random event that may follow; `known` are the numbers of the registered batches, and is added to."""
    if not known or chance.random() < 0.2:
        number = chance.getrandbits(30)
        made_of = chance.sample(sorted(known), min(len(known), chance.randrange(3)))
        known.add(number)
        return registered(number, made_of)
    batch = batch_id(chance.choice(sorted(known)))
    organisation, words = chance.randint(1, 3), chance.choice(["", "why\0not"])
    channel = chance.randint(1, 2).to_bytes(32, "big")
    return chance.choice(
        [
            (REGISTRY, "VerdictApplied", [batch, chance.randrange(2), chance.randint(1, 2), 1, chance.randint(1, 8)]),
            (REGISTRY, "BatchGraded", [batch, 50, 0, 50, ACCOUNT]),
            (REGISTRY, "BatchReleased", [batch, chance.randrange(2), ACCOUNT]),
            (REGISTRY, "BatchHeld", [batch, ACCOUNT, words]),
            (REGISTRY, "BatchHoldReleased", [batch, ACCOUNT, words]),
            (REGISTRY, "BatchRecalled", [batch, batch, ACCOUNT, words]),
            (REGISTRY, "CustodyTransferred", [batch, 1, organisation]),
            (LEDGER, "CustodyOffered", [batch, 1, organisation, ACCOUNT, 2**64 - 1]),
            ("Consortium", "ReadScopesGranted", [organisation, 2, int(GTIN), chance.randrange(32), 2**64 - 1]),
            ("Consortium", "OperatorAppointed", [ACCOUNT, organisation, 3, 2**63, ACCOUNT]),
            ("InspectionLedger", "PolicyChanged", [chance.randrange(2), 100, True]),
            ("ProcessLedger", "ChannelOpened", [channel, 1, "line", ACCOUNT]),
        ]
    )


@pytest.mark.parametrize("seed", range(15))
def test_undone_and_done_otherwise_is_as_never_done(seed):
    chance = random.Random(seed)
    history, ledger, fork = [], Ledger(), 0
    for _ in range(6):
        keep = chance.randint(0, len(history))
        if keep < len(history):
            ledger.undo(keep, history[keep - 1][1] if keep else 0)
            history = history[:keep]
            fork += 1
        known = {int(event[2][3][1:]) for events, _ in history for event in events if event[1] == "BatchRegistered"}
        opened = {event[2][0] for events, _ in history for event in events if event[1] == "ChannelOpened"}
        for _ in range(chance.randint(1, 8)):
            events = []
            for _ in range(chance.randrange(4)):
                event = life(chance, known)
                if event[1] == "ChannelOpened" and event[2][0] in opened:
                    size = chance.randint(1, 2**64 - 1)
                    event = ("ProcessLedger", "LogAnchored", [event[2][0], size, b"\1" * 32, 0, 2**64 - 1, ACCOUNT])
                opened.add(event[2][0])
                events.append(event)
            history.append((events, fork))
            ledger.block(*events, fork=fork)
    fresh = Ledger()
    for events, made_in in history:
        fresh.block(*events, fork=made_in)
    assert query(ledger.index).digest() == query(fresh.index).digest()


def test_one_transaction_or_many_make_the_same():
    chance, known = random.Random(3), set()
    blocks = [[life(chance, known) for _ in range(3)] for _ in range(30)]
    blocks = [[event for event in events if event[1] != "ChannelOpened"] for events in blocks]
    together, apart = Ledger(), Ledger()
    together.blocks(blocks)
    for events in blocks:
        apart.block(*events)
    assert query(together.index).digest() == query(apart.index).digest()


def test_undo_counts_events_and_forgets_whole_entities():
    ledger = Ledger().block(registered(1)).block(registered(2), registered(3, [1]))
    assert ledger.undo(1) == 2
    assert [view.batch_id for view in query(ledger.index).batches()] == [batch_id(1)]
    assert query(ledger.index).used_in(batch_id(1)) == ()
    assert query(ledger.index).transaction(header(2).hash) is None


def test_every_content_table_counts_in_the_digest():
    ledger = Ledger().block(registered(1))
    before = query(ledger.index).digest()
    assert {table.name for table in chain_tables()} == set(IndexTable.metadata.tables) - {
        "deployment",
        "cursor",
        "recent_blocks",
    }
    with ledger.index.engine.begin() as connection:
        connection.execute(update(BlockRow).values(time=BlockRow.time + 1))
    assert query(ledger.index).digest() != before


def test_the_digest_does_not_depend_on_when_one_looked():
    ledger = Ledger().block(registered(1))
    before = query(ledger.index).digest()
    ledger.store.record_status(ledger.at, ChainStatus(header(500), 3))
    assert query(ledger.index).digest() == before
    assert query(ledger.index).head().lag_blocks == 499


def test_a_failing_verdict_after_its_stage_holds_by_the_event_that_says_so():
    """`BatchRegistry.applyVerdict` emits both: nothing is held that no event holds."""
    ledger = Ledger().block(registered(1))
    verdict = (REGISTRY, "VerdictApplied", [batch_id(1), Stage.FINAL, Verdict.FAIL, 2, BatchState.RELEASED])
    ledger.block(verdict)
    assert not query(ledger.index).batch(batch_id(1)).on_hold
    ledger.block(verdict, (REGISTRY, "BatchHeld", [batch_id(1), ACCOUNT, "too late"]))
    assert (query(ledger.index).batch(batch_id(1)).on_hold, query(ledger.index).batch(batch_id(1)).hold_reason) == (
        True,
        "too late",
    )


def test_an_event_about_something_that_no_event_made_is_refused():
    ledger = Ledger()
    before = query(ledger.index).digest()
    with pytest.raises(InconsistentEventsError) as refused:
        ledger.block(registered(2), (REGISTRY, "BatchAssembled", [batch_id(1), ACCOUNT]))
    assert refused.value.field == "batch"
    assert "BatchAssembled" in refused.value.message
    assert query(ledger.index).digest() == before


def test_pages_of_batches():
    ledger = Ledger()
    ledger.blocks([[registered(number, producer=1 + number % 2)] for number in range(25)])
    seen, after = [], None
    while page := query(ledger.index).batches(producer=2, limit=5, after=after):
        seen += [str(view.lot) for view in page]
        after = page[-1].cursor
    assert seen == [f"L{number}" for number in range(23, 0, -2)]
    assert len(query(ledger.index).batches(gtin=Gtin(GTIN), limit=100)) == 25
    assert query(ledger.index).batches(gtin=Gtin("09521234000013")) == ()
    assert query(ledger.index).batches(state=BatchState.RELEASED) == ()
    assert query(ledger.index).batch_by_key(seen_key := query(ledger.index).batches()[0].key).key == seen_key


@pytest.mark.parametrize("value", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_unsigned_numbers_come_back(value):
    assert to_unsigned(to_signed(value)) == value
    assert -(2**63) <= to_signed(value) < 2**63
    ledger = Ledger().block(("Consortium", "ReadScopesGranted", [1, 2, 0, 1, value]))
    (grant,) = query(ledger.index).grants_to(2)
    assert (grant.valid_until, grant.gtin) == (value, None)
    with ledger.index.engine.connect() as connection:
        assert connection.scalar(select(GrantRow.valid_until)) == value


def test_a_leaf_under_an_anchor_of_enormous_size():
    channel = b"\5" * 32
    ledger = Ledger().block(("ProcessLedger", "ChannelOpened", [channel, 1, "line", ACCOUNT]))
    for size in (10, 2**64 - 1):
        ledger.block(("ProcessLedger", "LogAnchored", [channel, size, b"\1" * 32, 1, 2, ACCOUNT]))
    covering = query(ledger.index).anchor_covering
    assert covering(channel, 9).size == 10
    assert covering(channel, 10).size == covering(channel, 2**62).size == 2**64 - 1
    assert covering(channel, -1) is None
    assert covering(ZERO, 0) is None
    assert [anchor.size for anchor in query(ledger.index).anchors(channel, limit=1)] == [2**64 - 1]


def test_the_migrations_make_what_the_models_say(tmp_path):
    index = Index(tmp_path / "index.db")
    index.migrate()
    with index.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), IndexTable.metadata) == []
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.REVISION


def test_a_database_of_a_newer_software_is_refused(tmp_path):
    index = Index(tmp_path / "index.db")
    index.migrate()
    with index.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WrongIndexError, match="schema 9999"):
        index.migrate()


def test_a_database_without_an_index_says_so(tmp_path):
    with pytest.raises(IndexUnavailableError, match="contains no index") as refused:
        query(Index(tmp_path / "index.db")).batches()
    assert refused.value.field == "database_url"


def test_a_database_that_cannot_be_reached_says_so(tmp_path):
    with pytest.raises(IndexUnavailableError):
        query(Index(f"sqlite:///{tmp_path / 'nowhere' / 'index.db'}")).head()


@pytest.mark.parametrize("url", ["mysql://host/name", "://"])
def test_a_url_of_another_kind_is_refused(url):
    with pytest.raises(InvalidInput) as refused:
        Index(url)
    assert refused.value.field == "database_url"


def test_events_are_paged_in_the_order_of_the_chain():
    ledger = Ledger().block(registered(1), registered(2)).block(registered(3))
    first = query(ledger.index).events(limit=2)
    assert [event.args["lot"] for event in first] == ["L1", "L2"]
    rest = query(ledger.index).events(after=(first[-1].block_number, first[-1].log_index))
    assert [event.args["lot"] for event in rest] == ["L3"]
