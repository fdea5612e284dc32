"""Read the `[[record_kinds]]` of a plant configuration: the records that each department writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.record_kinds import MAX_TEXT, Field, FieldType, Match, Preceding, RecordKind
from chromatrace.plant.errors import PlantError
from chromatrace.plant.table import TomlTable

_Result = TypeVar("_Result")


def read_record_kind(table: TomlTable, departments: dict[str, str]) -> RecordKind:
    """Read one record kind. `departments` maps station ids to department names. Raises `PlantError`."""
    station = table.text("station")
    if station not in departments:
        raise PlantError(f"unknown station {station!r}", field=table.path("station"))
    kind_id, version = table.text("id"), table.integer("version", 1, at_least=1)
    title = table.text("title")
    department = table.text("department", departments[station], maximum=64)
    fields = tuple(_field(item) for item in table.tables("fields", required=True))
    key, subject = table.texts("key"), table.text("subject")
    preceding = tuple(_preceding(item) for item in table.tables("preceding"))
    table.finish()
    return _create(
        table,
        lambda: RecordKind(kind_id, version, title, department, station, fields, key, subject, preceding),
    )


def check_record_kinds(kinds: Iterable[RecordKind]) -> None:
    """Check that schemas are unique and that every preceding kind exists. Raises `PlantError`."""
    kinds = list(kinds)
    ids = {kind.id for kind in kinds}
    schemas: set[str] = set()
    for position, kind in enumerate(kinds):
        if kind.schema in schemas:
            raise PlantError(f"duplicate schema {kind.schema!r}", field=f"record_kinds[{position}].id")
        schemas.add(kind.schema)
        for index, preceding in enumerate(kind.preceding):
            if preceding.kind not in ids:
                path = f"record_kinds[{position}].preceding[{index}].kind"
                raise PlantError(f"unknown record kind {preceding.kind!r}", field=path)


def _field(table: TomlTable) -> Field:
    name = table.text("name", maximum=40)
    kind = FieldType(table.choice("type", tuple(FieldType)))
    title, required = table.text("title", "", maximum=120), table.boolean("required", True)
    longest, choices = table.integer("longest", MAX_TEXT, at_least=1), table.texts("choices", ())
    table.finish()
    return _create(table, lambda: Field(name, kind, title, required, longest, choices))


def _preceding(table: TomlTable) -> Preceding:
    preceding = Preceding(
        table.text("field", maximum=40), table.text("kind"), Match(table.choice("match", tuple(Match), Match.KEY))
    )
    table.finish()
    return preceding


def _create(table: TomlTable, factory: Callable[[], _Result]) -> _Result:
    try:
        return factory()
    except InvalidInput as error:
        raise PlantError(error.message, field=table.path(error.field or ""), hint=error.hint) from error
