"""A digest of the index: equal digests mean equal content, in any database."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, Table, select

from chromatrace.index.models import ChainTable, CursorRow, DeploymentRow, FollowerTable, table_of

_CHUNK_ROWS = 5000


def chain_tables() -> list[Table]:
    """Return the tables that the chain determines, by name."""
    return sorted((table_of(model) for model in ChainTable.__subclasses__()), key=lambda table: table.name)


def follower_tables() -> list[Table]:
    """Return the tables of the follower's state, by name."""
    return sorted((table_of(model) for model in FollowerTable.__subclasses__()), key=lambda table: table.name)


def digest_of(connection: Connection) -> bytes:
    """Return the SHA-256 of the deployment, the cursor's block and every chain table.

    Tables are ordered by name, rows by primary key (integers and bytes, which every database orders alike), columns as
    in the model. Each value is encoded as a type letter, its length and its bytes, so the encoding is injective.
    """
    state = hashlib.sha256()
    deployment, cursor = table_of(DeploymentRow), table_of(CursorRow)
    statements = [
        select(deployment.c.chain_id, deployment.c.genesis_hash, deployment.c.contracts_hash, deployment.c.first_block),
        select(cursor.c.block_number, cursor.c.block_hash),
        *(select(table).order_by(*table.primary_key.columns) for table in chain_tables()),
    ]
    names = ["deployment", "cursor", *(table.name for table in chain_tables())]
    for name, statement in zip(names, statements, strict=True):
        state.update(_encoded(name))
        for rows in connection.execution_options(yield_per=_CHUNK_ROWS).execute(statement).partitions():
            state.update(b"".join(b"(" + b"".join(map(_encoded, row)) + b")" for row in rows))
    return state.digest()


def _encoded(value: object) -> bytes:
    match value:
        case None:
            return b"n"
        case bool() | int():
            raw, kind = b"%d" % value, b"i"
        case str():
            raw, kind = value.encode(), b"s"
        case bytes() | memoryview():
            raw, kind = bytes(value), b"b"
        case _:
            raise TypeError(f"no canonical encoding for {type(value).__name__}")
    return kind + b"%d:" % len(raw) + raw
