"""Organisations, who acts for them, what they let others read, and their logs of readings."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.identifiers import Gln, Gtin
from chromatrace.domain.rights import OrganisationKind, Role, Scope
from chromatrace.index.views.chain import EventRef


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """One organisation. `active` is its flag on the chain; see `holds_at` for expiry too."""

    id: int
    kind: OrganisationKind
    gln: Gln
    name: str
    permitted_roles: Role
    valid_until: int
    active: bool
    registered: EventRef
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether its rights hold at that second: active and not expired."""
        return self.active and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class OperatorView:
    """One operator's address; its rights hold only while its organisation's do."""

    address: str
    organisation: int
    roles: Role
    valid_until: int
    active: bool
    changed_by: str
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether the operator itself is active and not expired at that second."""
        return self.active and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class GrantView:
    """What `reader` may read of `owner`'s product line; `gtin` None: of every line. Empty scopes: revoked."""

    owner: int
    reader: int
    gtin: Gtin | None
    scopes: Scope
    valid_until: int
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether it grants anything at that second."""
        return bool(self.scopes) and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One append-only log; `size` and `root` of its last anchor (0 and None before the first)."""

    id: bytes
    organisation: int
    name: str
    size: int
    root: bytes | None
    opened: EventRef
    anchored: EventRef | None


@dataclass(frozen=True, slots=True)
class AnchorView:
    """One anchored head: leaves `previous_size` to `size - 1` came with it."""

    channel_id: bytes
    size: int
    previous_size: int
    root: bytes
    first_time_ns: int
    last_time_ns: int
    by: str
    anchored: EventRef
