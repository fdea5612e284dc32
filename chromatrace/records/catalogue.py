"""The record kinds of a plant's departments."""

from __future__ import annotations

from collections.abc import Iterable

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.ledger_entries import kind_hash
from chromatrace.domain.record_kinds import Match, RecordKind
from chromatrace.records.errors import UnknownSchemaError


class Catalogue:
    """The record kinds of a plant; a kind may have several versions.

    Raises `InvalidInput` for a duplicate kind or an unknown preceding kind.
    """

    def __init__(self, kinds: Iterable[RecordKind]) -> None:
        self.kinds = tuple(kinds)
        self._by_schema = {kind.schema: kind for kind in self.kinds}
        self._by_hash = {kind_hash(kind.schema): kind for kind in self.kinds}
        if len(self._by_schema) != len(self.kinds):
            raise InvalidInput("duplicate kind and version", field="record_kinds")
        ids = {kind.id for kind in self.kinds}
        for kind in self.kinds:
            for before in kind.preceding:
                if before.kind not in ids:
                    raise InvalidInput(f"{kind.id} refers to the unknown kind {before.kind!r}", field="preceding")
                if before.match is Match.KEY and any(len(other.key) > 1 for other in self.versions_of(before.kind)):
                    raise InvalidInput(
                        f"{kind.id} refers to {before.kind} by one field, but its key has several", field="preceding"
                    )

    @property
    def departments(self) -> tuple[str, ...]:
        """Departments in the order of their first kind."""
        return tuple(dict.fromkeys(kind.department for kind in self.kinds))

    def versions_of(self, kind_id: str) -> tuple[RecordKind, ...]:
        """Return all versions of a kind."""
        return tuple(kind for kind in self.kinds if kind.id == kind_id)

    def newest(self, kind_id: str) -> RecordKind:
        """Return the newest version of a kind such as `sales.contract-order`. Raises `UnknownSchemaError`."""
        versions = self.versions_of(kind_id)
        if not versions:
            raise self._unknown(kind_id, "/schema")
        return max(versions, key=lambda kind: kind.version)

    def by_schema(self, schema: object) -> RecordKind:
        """Return the kind with this schema. Raises `UnknownSchemaError` naming the known schemas."""
        kind = self._by_schema.get(schema) if isinstance(schema, str) else None
        if kind is None:
            raise self._unknown(schema, "/schema")
        return kind

    def by_hash(self, kind: bytes) -> RecordKind | None:
        """Return the kind with this hash on the chain, or None if this plant does not define it."""
        return self._by_hash.get(kind)

    def _unknown(self, schema: object, field: str) -> UnknownSchemaError:
        known = ", ".join(sorted(self._by_schema)) or "none"
        shown = repr(schema if not isinstance(schema, str) else schema[:120])
        return UnknownSchemaError(f"unknown record kind {shown}", field=field, hint=f"this plant defines: {known}")
