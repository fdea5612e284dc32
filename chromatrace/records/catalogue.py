"""The kinds of record that a plant's departments write, found by schema, by short name or by department."""

from __future__ import annotations

from collections.abc import Iterable

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.ledger_entries import kind_hash
from chromatrace.domain.record_kinds import Match, RecordKind
from chromatrace.records.errors import UnknownSchemaError


class Catalogue:
    """The kinds of one plant; several versions of one kind may stand beside each other.

    Raises `InvalidInput` where a kind stands there twice or goes on from one that does not.
    """

    def __init__(self, kinds: Iterable[RecordKind]) -> None:
        self.kinds = tuple(kinds)
        self._by_schema = {kind.schema: kind for kind in self.kinds}
        self._by_hash = {kind_hash(kind.schema): kind for kind in self.kinds}
        if len(self._by_schema) != len(self.kinds):
            raise InvalidInput("a kind and version stand there twice", field="record_kinds")
        ids = {kind.id for kind in self.kinds}
        for kind in self.kinds:
            for before in kind.preceding:
                if before.kind not in ids:
                    raise InvalidInput(f"{kind.id} goes on from {before.kind!r}, which is no kind", field="preceding")
                if before.match is Match.KEY and any(len(other.key) > 1 for other in self.versions_of(before.kind)):
                    raise InvalidInput(
                        f"{kind.id} names {before.kind} by one field, but its key has several", field="preceding"
                    )

    @property
    def departments(self) -> tuple[str, ...]:
        """The departments, in the order of their first kind."""
        return tuple(dict.fromkeys(kind.department for kind in self.kinds))

    def versions_of(self, kind_id: str) -> tuple[RecordKind, ...]:
        """All versions of a kind."""
        return tuple(kind for kind in self.kinds if kind.id == kind_id)

    def newest(self, kind_id: str) -> RecordKind:
        """The newest version of `sales.contract-order`. Raises `UnknownSchemaError`."""
        found = self.versions_of(kind_id)
        if not found:
            raise self._unknown(kind_id, "/schema")
        return max(found, key=lambda kind: kind.version)

    def by_schema(self, schema: object) -> RecordKind:
        """The kind with that schema. Raises `UnknownSchemaError`, naming the versions that are known."""
        found = self._by_schema.get(schema) if isinstance(schema, str) else None
        if found is None:
            raise self._unknown(schema, "/schema")
        return found

    def by_hash(self, kind: bytes) -> RecordKind | None:
        """The kind whose hash stands on the chain; None for one that this plant does not define."""
        return self._by_hash.get(kind)

    def _unknown(self, named: object, field: str) -> UnknownSchemaError:
        known = ", ".join(sorted(self._by_schema)) or "none"
        shown = repr(named if not isinstance(named, str) else named[:120])
        return UnknownSchemaError(f"this plant has no kind of record {shown}", field=field, hint=f"there are: {known}")
