"""The `[[record_kinds]]` of a configuration: what each department writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.record_kinds import MAX_TEXT, Field, FieldType, Match, Preceding, RecordKind
from chromatrace.plant.errors import InvalidPlant
from chromatrace.plant.table import Table

_Made = TypeVar("_Made")


def read_record_kind(table: Table, departments: dict[str, str]) -> RecordKind:
    """One kind. `departments`: of each station the department that it belongs to. Raises `InvalidPlant`."""
    station = table.text("station")
    if station not in departments:
        raise InvalidPlant(f"there is no station {station!r}", field=table.path("station"))
    kind_id, version = table.text("id"), table.whole("version", 1, at_least=1)
    title = table.text("title")
    department = table.text("department", departments[station], longest=64)
    fields = tuple(_field(item) for item in table.tables("fields", required=True))
    key, subject = table.texts("key"), table.text("subject")
    preceding = tuple(_preceding(item) for item in table.tables("preceding"))
    table.finish()
    return _made(
        table,
        lambda: RecordKind(kind_id, version, title, department, station, fields, key, subject, preceding),
    )


def check_record_kinds(kinds: Iterable[RecordKind]) -> None:
    """Each kind and version once, and none that goes on from a kind that is not there. Raises `InvalidPlant`."""
    found = list(kinds)
    ids = {kind.id for kind in found}
    seen: set[str] = set()
    for position, kind in enumerate(found):
        if kind.schema in seen:
            raise InvalidPlant(f"{kind.schema!r} stands here twice", field=f"record_kinds[{position}].id")
        seen.add(kind.schema)
        for place, before in enumerate(kind.preceding):
            if before.kind not in ids:
                where = f"record_kinds[{position}].preceding[{place}].kind"
                raise InvalidPlant(f"there is no kind {before.kind!r}", field=where)


def _field(table: Table) -> Field:
    name = table.text("name", longest=40)
    kind = FieldType(table.choice("type", tuple(FieldType)))
    title, required = table.text("title", "", longest=120), table.flag("required", True)
    longest, choices = table.whole("longest", MAX_TEXT, at_least=1), table.texts("choices", ())
    table.finish()
    return _made(table, lambda: Field(name, kind, title, required, longest, choices))


def _preceding(table: Table) -> Preceding:
    before = Preceding(
        table.text("field", longest=40), table.text("kind"), Match(table.choice("match", tuple(Match), Match.KEY))
    )
    table.finish()
    return before


def _made(table: Table, make: Callable[[], _Made]) -> _Made:
    try:
        return make()
    except InvalidInput as error:
        raise InvalidPlant(error.message, field=table.path(error.field or ""), hint=error.hint) from error
