"""One number for all that the index says: equal digests, equal content, whatever the database."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, Table, select

from chromatrace.index.models import Base, Bookkeeping, Content, Cursor, Deployment

_BATCH_ROWS = 5000


def content_tables() -> list[Table]:
    """The tables that the chain determines, by name."""
    return sorted((_table(kind) for kind in Content.__subclasses__()), key=lambda table: table.name)


def bookkeeping_tables() -> list[Table]:
    """The follower's own tables, by name."""
    return sorted((_table(kind) for kind in Bookkeeping.__subclasses__()), key=lambda table: table.name)


def digest_of(connection: Connection) -> bytes:
    """SHA-256 over the deployment, the cursor's block and every content table.

    Tables by name, rows by primary key (integers and byte strings: every database orders them alike), columns in
    the order of the model. Each value is its type's letter, its length and its bytes, so that no two contents share a
    text.
    """
    state = hashlib.sha256()
    deployment, cursor = _table(Deployment), _table(Cursor)
    statements = [
        select(deployment.c.chain_id, deployment.c.genesis_hash, deployment.c.contracts_hash, deployment.c.first_block),
        select(cursor.c.block_number, cursor.c.block_hash),
        *(select(table).order_by(*table.primary_key.columns) for table in content_tables()),
    ]
    names = ["deployment", "cursor", *(table.name for table in content_tables())]
    for name, statement in zip(names, statements, strict=True):
        state.update(_value(name))
        for rows in connection.execution_options(yield_per=_BATCH_ROWS).execute(statement).partitions():
            state.update(b"".join(b"(" + b"".join(map(_value, row)) + b")" for row in rows))
    return state.digest()


def _value(value: object) -> bytes:
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
            raise TypeError(f"no canonical form for {type(value).__name__}")
    return kind + b"%d:" % len(raw) + raw


def _table(kind: type[Base]) -> Table:
    table = kind.__table__
    assert isinstance(table, Table)
    return table
