"""Many rows at once, by the driver's own `executemany`: a backfill is made of little else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

from chromatrace.index.models import Unsigned64, to_signed

Row = dict[str, Any]

_MANY = 1000


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts rows given by column name; every column must be there."""
    mark, parameters = _mark(connection), _parameters(table)
    if len(rows) < _MANY:
        insert_tuples(connection, table, [parameters(row) for row in rows])
        return
    # In portions that the processor's cache holds: each row is looked at twice.
    for start in range(0, len(rows), _MANY):
        columns = list(zip(*map(parameters, rows[start : start + _MANY]), strict=True))
        # Binding a value costs more than writing it, and most columns of new rows are all alike.
        literals = [_literal(column) for column in columns]
        varying = [column for column, literal in zip(columns, literals, strict=True) if literal is None]
        statement = _insert_sql(table, mark, tuple(literal or mark for literal in literals))
        connection.exec_driver_sql(statement, list(zip(*varying, strict=True)))


def insert_tuples(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Inserts rows whose values stand in the order of the table's columns, none of them of 64 bits unsigned."""
    if rows:
        connection.exec_driver_sql(_insert_sql(table, _mark(connection)), rows)


def replace(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Overwrites rows by primary key, inserting those that are not there."""
    if rows:
        connection.exec_driver_sql(_replace_sql(table, _mark(connection)), [_parameters(table)(row) for row in rows])


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


@cache
def _columns(table: Table) -> list[tuple[str, bool]]:
    """Each column's name, and whether its integers are of 64 bits unsigned."""
    return [(column.name, isinstance(column.type, Unsigned64)) for column in table.columns]


@cache
def _parameters(table: Table) -> Callable[[Row], tuple[Any, ...]]:
    names = [name for name, _ in _columns(table)]
    places = [place for place, (_, unsigned) in enumerate(_columns(table)) if unsigned]
    pick = itemgetter(*names)

    def parameters(row: Row) -> tuple[Any, ...]:
        values = pick(row)
        if not places:
            return values  # type: ignore[no-any-return]
        converted = list(values)
        for place in places:
            if converted[place] is not None:
                converted[place] = to_signed(converted[place])
        return tuple(converted)

    return parameters


def _literal(column: Sequence[Any]) -> str | None:
    """The SQL for a column whose values are all the same small number, truth value or None; else None."""
    value = column[0]
    if not (value is None or type(value) in (bool, int)) or column.count(value) != len(column):
        return None
    if len(set(map(type, column))) > 1:
        # 1 is True to Python, and not to PostgreSQL.
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
