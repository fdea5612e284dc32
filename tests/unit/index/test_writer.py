"""Appending and undoing blocks, digests, migrations and errors."""

from __future__ import annotations

import random

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from querying import query
from sqlalchemy import select, text, update
from synthetic import ACCOUNT, GTIN, ZERO, SyntheticChain, batch_id, header, registered

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import BatchState, HoldKind, Stage, Verdict
from chromatrace.index import Index, schema
from chromatrace.index.digest import chain_tables
from chromatrace.index.errors import InconsistentEventsError, IndexUnavailableError, WrongIndexError
from chromatrace.index.models import BlockRow, GrantRow, IndexTable, to_signed, to_unsigned
from chromatrace.index.writer import ChainStatus

REGISTRY, LEDGER = "BatchRegistry", "CustodyLedger"


def life(rng, known):
    """Return a random event that may follow; `known`: numbers of the registered batches, extended by a new one."""
    if not known or rng.random() < 0.2:
        number = rng.getrandbits(30)
        inputs = rng.sample(sorted(known), min(len(known), rng.randrange(3)))
        known.add(number)
        return registered(number, inputs)
    batch = batch_id(rng.choice(sorted(known)))
    organisation, reason = rng.randint(1, 3), rng.choice(["", "why\0not"])
    channel = rng.randint(1, 2).to_bytes(32, "big")
    kind = rng.choice(list(HoldKind))
    return rng.choice(
        [
            (REGISTRY, "VerdictApplied", [batch, rng.randrange(2), rng.randint(1, 2), 1, rng.randint(1, 8)]),
            (REGISTRY, "BatchGraded", [batch, 50, 0, 50, ACCOUNT]),
            (REGISTRY, "BatchReleased", [batch, rng.randrange(2), ACCOUNT]),
            (REGISTRY, "BatchHeld", [batch, kind, ACCOUNT, reason]),
            (REGISTRY, "BatchHoldReleased", [batch, kind, ACCOUNT, reason]),
            (REGISTRY, "BatchRecalled", [batch, batch, ACCOUNT, reason]),
            (REGISTRY, "CustodyTransferred", [batch, 1, organisation]),
            (LEDGER, "CustodyOffered", [batch, 1, organisation, ACCOUNT, 2**64 - 1]),
            ("Consortium", "ReadScopesGranted", [organisation, 2, int(GTIN), rng.randrange(32), 2**64 - 1]),
            ("Consortium", "OperatorAppointed", [ACCOUNT, organisation, 3, 2**63, ACCOUNT]),
            ("InspectionLedger", "PolicyChanged", [rng.randrange(2), 100, True]),
            ("ProcessLedger", "ChannelOpened", [channel, 1, "line", ACCOUNT]),
        ]
    )


@pytest.mark.parametrize("seed", range(15))
def test_undone_events_leave_no_trace(seed):
    rng = random.Random(seed)
    history, chain, fork = [], SyntheticChain(), 0
    for _ in range(6):
        keep = rng.randint(0, len(history))
        if keep < len(history):
            chain.undo(keep, history[keep - 1][1] if keep else 0)
            history = history[:keep]
            fork += 1
        known = {int(event[2][3][1:]) for events, _ in history for event in events if event[1] == "BatchRegistered"}
        opened = {event[2][0] for events, _ in history for event in events if event[1] == "ChannelOpened"}
        for _ in range(rng.randint(1, 8)):
            events = []
            for _ in range(rng.randrange(4)):
                event = life(rng, known)
                if event[1] == "ChannelOpened" and event[2][0] in opened:
                    size = rng.randint(1, 2**64 - 1)
                    event = ("ProcessLedger", "LogAnchored", [event[2][0], size, b"\1" * 32, 0, 2**64 - 1, ACCOUNT])
                opened.add(event[2][0])
                events.append(event)
            history.append((events, fork))
            chain.block(*events, fork=fork)
    fresh = SyntheticChain()
    for events, made_in in history:
        fresh.block(*events, fork=made_in)
    assert query(chain.index).digest() == query(fresh.index).digest()


def test_one_transaction_or_many_give_the_same_index():
    rng, known = random.Random(3), set()
    blocks = [[life(rng, known) for _ in range(3)] for _ in range(30)]
    blocks = [[event for event in events if event[1] != "ChannelOpened"] for events in blocks]
    together, apart = SyntheticChain(), SyntheticChain()
    together.blocks(blocks)
    for events in blocks:
        apart.block(*events)
    assert query(together.index).digest() == query(apart.index).digest()


def test_undo_counts_events_and_deletes_their_entities():
    chain = SyntheticChain().block(registered(1)).block(registered(2), registered(3, [1]))
    assert chain.undo(1) == 2
    assert [view.batch_id for view in query(chain.index).batches()] == [batch_id(1)]
    assert query(chain.index).used_in(batch_id(1)) == ()
    assert query(chain.index).transaction(header(2).hash) is None


def test_every_chain_table_is_part_of_the_digest():
    chain = SyntheticChain().block(registered(1))
    before = query(chain.index).digest()
    assert {table.name for table in chain_tables()} == set(IndexTable.metadata.tables) - {
        "deployment",
        "cursor",
        "recent_blocks",
    }
    with chain.index.engine.begin() as connection:
        connection.execute(update(BlockRow).values(time=BlockRow.time + 1))
    assert query(chain.index).digest() != before


def test_the_digest_does_not_depend_on_the_chain_status():
    chain = SyntheticChain().block(registered(1))
    before = query(chain.index).digest()
    chain.writer.record_status(chain.at, ChainStatus(header(500), 3))
    assert query(chain.index).digest() == before
    assert query(chain.index).head().lag_blocks == 499


def test_a_batch_is_held_only_by_a_hold_event():
    """`BatchRegistry.applyVerdict` emits `BatchHeld` next to `VerdictApplied` if a late verdict fails."""
    chain = SyntheticChain().block(registered(1))
    verdict = (REGISTRY, "VerdictApplied", [batch_id(1), Stage.FINAL, Verdict.FAIL, 2, BatchState.RELEASED])
    chain.block(verdict)
    assert not query(chain.index).batch(batch_id(1)).on_hold
    chain.block(verdict, (REGISTRY, "BatchHeld", [batch_id(1), HoldKind.FINAL_INSPECTION, ACCOUNT, "too late"]))
    assert (query(chain.index).batch(batch_id(1)).on_hold, query(chain.index).batch(batch_id(1)).hold_reason) == (
        True,
        "too late",
    )


def test_an_event_about_an_unknown_entity_is_rejected():
    chain = SyntheticChain()
    before = query(chain.index).digest()
    with pytest.raises(InconsistentEventsError) as raised:
        chain.block(registered(2), (REGISTRY, "BatchAssembled", [batch_id(1), ACCOUNT]))
    assert raised.value.field == "batch"
    assert "BatchAssembled" in raised.value.message
    assert query(chain.index).digest() == before


def test_batches_are_paged():
    chain = SyntheticChain()
    chain.blocks([[registered(number, producer=1 + number % 2)] for number in range(25)])
    seen, after = [], None
    while page := query(chain.index).batches(producer=2, limit=5, after=after):
        seen += [str(view.lot) for view in page]
        after = page[-1].cursor
    assert seen == [f"L{number}" for number in range(23, 0, -2)]
    assert len(query(chain.index).batches(gtin=Gtin(GTIN), limit=100)) == 25
    assert query(chain.index).batches(gtin=Gtin("09521234000013")) == ()
    assert query(chain.index).batches(state=BatchState.RELEASED) == ()
    assert query(chain.index).batch_by_key(seen_key := query(chain.index).batches()[0].key).key == seen_key


@pytest.mark.parametrize("value", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_unsigned_integers_are_stored_without_loss(value):
    assert to_unsigned(to_signed(value)) == value
    assert -(2**63) <= to_signed(value) < 2**63
    chain = SyntheticChain().block(("Consortium", "ReadScopesGranted", [1, 2, 0, 1, value]))
    (grant,) = query(chain.index).grants_to(2)
    assert (grant.valid_until, grant.gtin) == (value, None)
    with chain.index.engine.connect() as connection:
        assert connection.scalar(select(GrantRow.valid_until)) == value


def test_anchors_with_sizes_beyond_signed_integers():
    channel = b"\5" * 32
    chain = SyntheticChain().block(("ProcessLedger", "ChannelOpened", [channel, 1, "line", ACCOUNT]))
    for size in (10, 2**64 - 1):
        chain.block(("ProcessLedger", "LogAnchored", [channel, size, b"\1" * 32, 1, 2, ACCOUNT]))
    covering = query(chain.index).anchor_covering
    assert covering(channel, 9).size == 10
    assert covering(channel, 10).size == covering(channel, 2**62).size == 2**64 - 1
    assert covering(channel, -1) is None
    assert covering(ZERO, 0) is None
    assert [anchor.size for anchor in query(chain.index).anchors(channel, limit=1)] == [2**64 - 1]


def test_migrations_create_the_tables_of_the_models(tmp_path):
    index = Index(tmp_path / "index.db")
    index.migrate()
    with index.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), IndexTable.metadata) == []
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.REVISION


def test_a_newer_schema_is_rejected(tmp_path):
    index = Index(tmp_path / "index.db")
    index.migrate()
    with index.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WrongIndexError, match="schema 9999"):
        index.migrate()


def test_a_database_without_an_index_is_an_error(tmp_path):
    with pytest.raises(IndexUnavailableError, match="contains no index") as raised:
        query(Index(tmp_path / "index.db")).batches()
    assert raised.value.field == "database_url"


def test_an_unreachable_database_is_an_error(tmp_path):
    with pytest.raises(IndexUnavailableError):
        query(Index(f"sqlite:///{tmp_path / 'nowhere' / 'index.db'}")).head()


@pytest.mark.parametrize("url", ["mysql://host/name", "://"])
def test_unsupported_urls_are_rejected(url):
    with pytest.raises(InvalidInput) as raised:
        Index(url)
    assert raised.value.field == "database_url"


def test_events_are_paged_in_chain_order():
    chain = SyntheticChain().block(registered(1), registered(2)).block(registered(3))
    first = query(chain.index).events(limit=2)
    assert [event.args["lot"] for event in first] == ["L1", "L2"]
    rest = query(chain.index).events(after=(first[-1].block_number, first[-1].log_index))
    assert [event.args["lot"] for event in rest] == ["L3"]
