"""Read the `[[record_kinds]]` of a plant file: the records that each department writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chromatrace.domain.record_kinds import MAX_TEXT, Field, FieldType, Match, Preceding, RecordKind
from chromatrace.storage.toml import TomlDocument, TomlTable


def read_record_kind(table: TomlTable, departments: Mapping[str, str]) -> RecordKind | None:
    """Read one record kind; None after a mistake. `departments` maps station ids to department names."""
    station = table.reference("station", "station", departments)
    return table.build(
        RecordKind,
        id=table.text("id"),
        version=table.integer("version", 1, at_least=1),
        title=table.text("title"),
        department=table.text("department", departments.get(station, station), maximum=64),
        station=station,
        fields=table.parts(_field(item) for item in table.tables("fields", required=True)),
        key=table.texts("key"),
        subject=table.text("subject"),
        preceding=table.parts(_preceding(item) for item in table.tables("preceding")),
    )


def check_record_kinds(kinds: Iterable[tuple[str, RecordKind]], document: TomlDocument) -> None:
    """Check that schemas are unique and that every preceding kind exists. `kinds` has the path of each kind."""
    known = frozenset(document.values("record_kinds", "id"))
    schemas: set[str] = set()
    for path, kind in kinds:
        if kind.schema in schemas:
            document.add(f"{path}.id", f"duplicate schema {kind.schema!r}")
        schemas.add(kind.schema)
        for index, preceding in enumerate(kind.preceding):
            if preceding.kind not in known:
                document.add_unknown(f"{path}.preceding[{index}].kind", f"unknown record kind {preceding.kind!r}")


def _field(table: TomlTable) -> Field | None:
    return table.build(
        Field,
        name=table.text("name", maximum=40),
        type=FieldType(table.choice("type", tuple(FieldType))),
        title=table.text("title", "", maximum=120),
        required=table.boolean("required", True),
        longest=table.integer("longest", MAX_TEXT, at_least=1),
        choices=table.texts("choices", ()),
    )


def _preceding(table: TomlTable) -> Preceding | None:
    return table.build(
        Preceding,
        table.text("field", maximum=40),
        table.text("kind"),
        Match(table.choice("match", tuple(Match), Match.KEY)),
    )
