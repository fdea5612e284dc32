"""Bulk writes through the driver's `executemany`, without SQLAlchemy's per-row work. A backfill consists of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

from chromatrace.index.models import Unsigned64, to_signed

Row = dict[str, Any]

_CHUNK_ROWS = 1000


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows given by column name; every row must have every column."""
    mark, parameters = _mark(connection), _parameters(table)
    if len(rows) < _CHUNK_ROWS:
        insert_tuples(connection, table, [parameters(row) for row in rows])
        return
    # Chunks fit into the processor's cache; each row is read twice.
    for start in range(0, len(rows), _CHUNK_ROWS):
        columns = list(zip(*map(parameters, rows[start : start + _CHUNK_ROWS]), strict=True))
        # Binding a value costs more than writing it, and most columns of new rows have the same value in all rows.
        literals = [_literal(column) for column in columns]
        varying = [column for column, literal in zip(columns, literals, strict=True) if literal is None]
        statement = _insert_sql(table, mark, tuple(literal or mark for literal in literals))
        connection.exec_driver_sql(statement, list(zip(*varying, strict=True)))


def insert_tuples(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with values in the order of the table's columns; the table must have no `Unsigned64` column."""
    if rows:
        connection.exec_driver_sql(_insert_sql(table, _mark(connection)), rows)


def replace(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or overwrite them if their primary key exists."""
    if rows:
        connection.exec_driver_sql(_replace_sql(table, _mark(connection)), [_parameters(table)(row) for row in rows])


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


@cache
def _parameters(table: Table) -> Callable[[Row], tuple[Any, ...]]:
    """Return a function from a row to the values in the order of the table's columns."""
    pick = itemgetter(*(column.name for column in table.columns))
    unsigned = [index for index, column in enumerate(table.columns) if isinstance(column.type, Unsigned64)]

    def parameters(row: Row) -> tuple[Any, ...]:
        values = pick(row)
        if not unsigned:
            return values  # type: ignore[no-any-return]
        converted = list(values)
        for index in unsigned:
            if converted[index] is not None:
                converted[index] = to_signed(converted[index])
        return tuple(converted)

    return parameters


def _literal(column: Sequence[Any]) -> str | None:
    """Return the SQL literal of a column whose values are all the same integer, boolean or None; otherwise None."""
    value = column[0]
    if not (value is None or type(value) in (bool, int)) or column.count(value) != len(column):
        return None
    if len(set(map(type, column))) > 1:
        # 1 == True in Python, but not in PostgreSQL.
        return None
    return "NULL" if value is None else str(value).upper()


@lru_cache(maxsize=256)
def _insert_sql(table: Table, mark: str, marks: tuple[str, ...] = ()) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'INSERT INTO "{table.name}" ({names}) VALUES ({", ".join(marks or [mark] * len(table.columns))})'  # noqa: S608


@cache
def _replace_sql(table: Table, mark: str) -> str:
    keys = [column.name for column in table.primary_key.columns]
    others = [column.name for column in table.columns if column.name not in keys]
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
    targets = ", ".join(f'"{name}"' for name in keys)
    return f"{_insert_sql(table, mark)} ON CONFLICT ({targets}) DO UPDATE SET {changes}"
