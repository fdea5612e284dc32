"""Section [twin] of a plant file: the organisation of the plant, and the department that records actions."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gln
from chromatrace.domain.record_kinds import Field, FieldType, RecordKind
from chromatrace.plant.names import Names, Section
from chromatrace.storage.toml import TomlTable

ACTION_KIND = "twin.action"
END_STATES = ("done", "not-confirmed", "failed")
_STATION = "digital twin"


@dataclass(frozen=True, slots=True)
class TwinOptions:
    """The twin.

    gln         GLN of the organisation whose people confirm proposals; without it, no machine is written to
    department  department of this organisation that records every action on the chain; None: none
    """

    gln: Gln | None = None
    department: str | None = None

    def record_kinds(self) -> tuple[RecordKind, ...]:
        """Return the kind of record of an action, if there is a department for it."""
        if self.department is None:
            return ()
        text, key, whole = FieldType.TEXT, FieldType.KEY, FieldType.WHOLE
        fields = (
            Field("action_id", key, "Action ID"),
            Field("product_id", key, "Batch or machine"),
            Field("action", text, "Action"),
            Field("machine", text, "Machine", required=False),
            Field("rule", text, "Rule"),
            Field("reason", text, "Reason"),
            Field("channel", text, "Log channel"),
            Field("log_size", whole, "Log size"),
            Field("decided_by", text, "Decided by"),
            Field("decided_at", FieldType.TIME, "Decided at"),
            Field("state", FieldType.CHOICE, "State", choices=END_STATES),
            Field("value", text, "Value", required=False),
            Field("read_back", text, "Read back", required=False),
            Field("message", text, "Message", required=False),
            Field("transaction", text, "Transaction", required=False),
        )
        return (
            RecordKind(
                ACTION_KIND, 1, "Action of the twin", self.department, _STATION, fields, ("action_id",), "product_id"
            ),
        )


def read_twin_options(top: TomlTable) -> TwinOptions:
    """Read [twin]."""
    if "twin" not in top:
        top.value("twin")
        return TwinOptions()
    table = top.table("twin")
    return (
        table.build(TwinOptions, gln=_gln(table), department=table.optional_text("department", maximum=64))
        or TwinOptions()
    )


def _gln(table: TomlTable) -> Gln | None:
    text = table.optional_text("gln")
    if text is None:
        return None
    try:
        return Gln(text)
    except InvalidInput as error:
        table.mistake("gln", error.message, error.hint)
        return None


def _read(top: TomlTable, names: Names) -> TwinOptions:
    return read_twin_options(top)


TWIN: Section[TwinOptions] = Section("twin", _read)
