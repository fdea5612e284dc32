"""Many rows at once, by the driver's own `executemany`: a backfill is made of little else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

from chromatrace.index.models import Unsigned64, to_signed

Row = dict[str, Any]


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts rows given by column name; every column must be there."""
    if rows:
        connection.exec_driver_sql(_insert_sql(table, _mark(connection)), [_parameters(table)(row) for row in rows])


def insert_tuples(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
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
def _parameters(table: Table) -> Callable[[Row], tuple[Any, ...]]:
    names = [column.name for column in table.columns]
    unsigned = [place for place, column in enumerate(table.columns) if isinstance(column.type, Unsigned64)]
    pick = itemgetter(*names)

    def parameters(row: Row) -> tuple[Any, ...]:
        values = pick(row)
        if not unsigned:
            return values  # type: ignore[no-any-return]
        converted = list(values)
        for place in unsigned:
            if converted[place] is not None:
                converted[place] = to_signed(converted[place])
        return tuple(converted)

    return parameters


@cache
def _insert_sql(table: Table, mark: str) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'INSERT INTO "{table.name}" ({names}) VALUES ({", ".join([mark] * len(table.columns))})'  # noqa: S608


@cache
def _replace_sql(table: Table, mark: str) -> str:
    keys = [column.name for column in table.primary_key.columns]
    others = [column.name for column in table.columns if column.name not in keys]
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
    targets = ", ".join(f'"{name}"' for name in keys)
    return f"{_insert_sql(table, mark)} ON CONFLICT ({targets}) DO UPDATE SET {changes}"
