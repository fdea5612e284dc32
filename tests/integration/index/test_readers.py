"""Many readers beside one writer, on both databases: what they see is always the whole of one block."""

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


def test_readers_see_the_whole_of_one_block_whatever_the_writer_does(yard, index, database_url, follower):
    """Three processes ask while a fourth follows a chain that grows and is rolled back. Whoever saw a block saw the
    same, and where the chain still has the block, what an index built only up to there says."""
    yard.random.seed(23)
    yard.judging = 1
    yard.live(25)
    follower.sync()
    readers = [Reader(database_url) for _ in range(READERS)]
    writer = start_follower(database_url, yard.rpc.url, yard.manifest_path)

    def all_saw_the_head():
        """Waits for the writer, and until each reader has asked once more from beginning to end."""
        wait_for(lambda: query(index).head().indexed_hash == hash_at(yard, head(yard)))
        for asked, reader in [(reader.asked.value, reader) for reader in readers]:
            wait_for(lambda asked=asked, reader=reader: reader.asked.value > asked + 1 or not reader.process.is_alive())

    try:
        for _ in range(ROUNDS):
            yard.live(10)
            all_saw_the_head()
            yard.rpc.call("anvil_rollback", yard.random.randint(1, 12))
            yard.live(3)
        all_saw_the_head()
        answers = [reader.end() for reader in readers]
    finally:
        for process in (writer, *(reader.process for reader in readers)):
            process.kill()
            process.join()
    digests = {}
    for seen, asked in answers:
        assert asked >= len(seen) > 3
        for block, digest in seen.items():
            assert digests.setdefault(block, digest) == digest
    assert any(hash_at(yard, number) != block_hash for number, block_hash in digests), "none saw a block taken back"
    remaining = [block for block in digests if hash_at(yard, block[0]) == block[1]]
    for number, block_hash in yard.random.sample(sorted(remaining), min(3, len(remaining))):
        fresh = Index("sqlite://")
        Follower(fresh, yard.rpc, yard.manifest, confirmations=head(yard) - number).sync()
        assert query(fresh).digest() == digests[number, block_hash]


def hash_at(world, number):
    """The hash of a block; None where the chain ends before it."""
    block = world.rpc.call("eth_getBlockByNumber", hex(number), False)
    return block and bytes.fromhex(block["hash"][2:])


def test_following_live_each_block_is_a_transaction_of_its_own(yard, index, follower):
    """With the cursor in it, however many blocks came between two looks."""
    before = follower.sync().indexed_block
    commits, seen = [], []

    def committed(connection):
        if connection.get_execution_options().get("index_writer"):
            commits.append(connection)

    def told(done):
        digest = query(index).digest()
        seen.append((done.indexed_block, query(index).head().indexed_hash, digest))

    event.listen(index.engine, "commit", committed)
    yard.live(20)
    # Not every act makes a block. One may come while it follows: what it reached counts.
    blocks = range(before + 1, follower.sync(told).indexed_block + 1)
    assert len(blocks) > 4, "too little to tell apart"
    assert len(commits) == len(blocks)
    assert [(number, block_hash) for number, block_hash, _ in seen] == [(n, hash_at(yard, n)) for n in blocks]
    for number, _, digest in seen[::5]:
        fresh = Index("sqlite://")
        Follower(fresh, yard.rpc, yard.manifest, confirmations=head(yard) - number).sync()
        assert query(fresh).digest() == digest


def test_far_behind_a_transaction_takes_a_run_of_blocks(yard, index, follower):
    follower.sync()
    yard.live(2)
    yard.rpc.call("anvil_mine", hex(2 * WINDOW))
    seen = []
    follower.sync(seen.append)
    assert seen[-1].indexed_block == head(yard)
    assert len(seen) < WINDOW
