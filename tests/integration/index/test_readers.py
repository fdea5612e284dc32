"""Many readers and one writer, on both databases: readers always see complete blocks."""

from __future__ import annotations

import os

from processes import Reader, start_follower
from querying import query
from sqlalchemy import event
from test_interruptions import head, wait_for

from chromatrace.index import Follower, Index
from chromatrace.index.chain_reader import WINDOW

READERS = 3
ROUNDS = int(os.environ.get("CHROMATRACE_READER_ROUNDS", "5"))


def test_readers_see_complete_blocks_during_writes(world, index, database_url, follower):
    """Three processes query while a fourth follows a chain that grows and is rolled back.

    All readers see the same content at the same block. If the chain still has the block, it is the content of an index
    built up to there.
    """
    world.random.seed(23)
    world.round_weight = 1
    world.act_randomly(25)
    follower.sync()
    readers = [Reader(database_url) for _ in range(READERS)]
    writer = start_follower(database_url, world.rpc.url, world.manifest_path)

    def wait_for_readers():
        """Wait for the writer, and until each reader has completed another round."""
        wait_for(lambda: query(index).head().indexed_hash == hash_at(world, head(world)))
        for rounds, reader in [(reader.rounds.value, reader) for reader in readers]:
            wait_for(
                lambda rounds=rounds, reader=reader: reader.rounds.value > rounds + 1 or not reader.process.is_alive()
            )

    try:
        for _ in range(ROUNDS):
            world.act_randomly(10)
            wait_for_readers()
            world.rpc.call("anvil_rollback", world.random.randint(1, 12))
            world.act_randomly(3)
        wait_for_readers()
        results = [reader.end() for reader in readers]
    finally:
        for process in (writer, *(reader.process for reader in readers)):
            process.kill()
            process.join()
    digests = {}
    for observed, rounds in results:
        assert rounds >= len(observed) > 3
        for block, digest in observed.items():
            assert digests.setdefault(block, digest) == digest
    assert any(hash_at(world, number) != block_hash for number, block_hash in digests), "no block was undone"
    remaining = [block for block in digests if hash_at(world, block[0]) == block[1]]
    for number, block_hash in world.random.sample(sorted(remaining), min(3, len(remaining))):
        fresh = Index("sqlite://")
        Follower(fresh, world.rpc, world.manifest, confirmations=head(world) - number).sync()
        assert query(fresh).digest() == digests[number, block_hash]


def hash_at(world, number):
    """Return the hash of a block, or None if the chain does not have it."""
    block = world.rpc.call("eth_getBlockByNumber", hex(number), False)
    return block and bytes.fromhex(block["hash"][2:])


def test_near_the_head_each_block_is_one_transaction(world, index, follower):
    """Each transaction moves the cursor, however many blocks arrived since the last poll."""
    before = follower.sync().indexed_block
    commits, observed = [], []

    def committed(connection):
        if connection.get_execution_options().get("writes"):
            commits.append(connection)

    def report(result):
        digest = query(index).digest()
        observed.append((result.indexed_block, query(index).head().indexed_hash, digest))

    event.listen(index.engine, "commit", committed)
    world.act_randomly(20)
    # Not every act makes a block, and another block may arrive during the sync.
    blocks = range(before + 1, follower.sync(report).indexed_block + 1)
    assert len(blocks) > 4, "too few blocks for this test"
    assert len(commits) == len(blocks)
    assert [(number, block_hash) for number, block_hash, _ in observed] == [(n, hash_at(world, n)) for n in blocks]
    for number, _, digest in observed[::5]:
        fresh = Index("sqlite://")
        Follower(fresh, world.rpc, world.manifest, confirmations=head(world) - number).sync()
        assert query(fresh).digest() == digest


def test_far_behind_a_transaction_takes_a_range_of_blocks(world, index, follower):
    follower.sync()
    world.act_randomly(2)
    world.rpc.call("anvil_mine", hex(2 * WINDOW))
    observed = []
    follower.sync(observed.append)
    assert observed[-1].indexed_block == head(world)
    assert len(observed) < WINDOW
