"""An index that an older software made goes on with what it has."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from querying import query
from sqlalchemy import LargeBinary, MetaData, inspect, select

from chromatrace.domain.identifiers import BatchId
from chromatrace.index import schema
from chromatrace.index.models import Batch

GLASS, FILM, PANE = (bytes([number]) * 32 for number in (9, 8, 1))


def test_what_was_kept_by_identifier_is_kept_by_position(empty_index):
    """Revision 0008 makes two tables anew, and their indexes."""
    index = empty_index
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with index.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        older = MetaData()
        older.reflect(connection)
        batches, inputs = older.tables["batches"], older.tables["batch_inputs"]
        row = {
            column.name: b"" if isinstance(column.type, LargeBinary) else 0
            for column in batches.columns
            if not column.nullable
        } | {"gtin": 9521234543213, "lot": "L", "state": 1, "on_hold": False, "recalled": False}
        for position, batch in enumerate((GLASS, FILM, PANE), 1):
            connection.execute(batches.insert().values(row | {"id": batch, "position": position << 20}))
        for place, (made_of, quantity) in enumerate([(GLASS, 5), (FILM, 7)]):
            connection.execute(inputs.insert().values(batch=PANE, place=place, input=made_of, quantity=quantity))
    index.migrate()
    assert [(one.batch, one.quantity) for one in query(index).inputs_of(BatchId(PANE))] == [(GLASS, 5), (FILM, 7)]
    assert query(index).used_in(BatchId(FILM)) == (PANE,)
    rows = index.rows(select(Batch.position, Batch.id).order_by(Batch.position))
    assert [tuple(row) for row in rows] == [(1 << 20, GLASS), (2 << 20, FILM), (3 << 20, PANE)]
    found = inspect(index.engine)
    assert {one["name"] for one in found.get_indexes("batch_inputs")} == {
        "ix_batch_inputs_batch",
        "ix_batch_inputs_input",
    }
    indexes = {one["name"] for one in found.get_indexes("batches") if not one["unique"]}
    assert indexes == {f"ix_batches_{name}" for name in ("producer", "custodian", "gtin", "lot")}
    assert not {name for name in found.get_table_names() if name.endswith("_by_id")}
