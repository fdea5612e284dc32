"""Organisations, operators, read grants, log channels and anchors."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.identifiers import CompanyPrefix, Gln, Gtin
from chromatrace.domain.rights import OrganisationKind, Role, Scope, Stage
from chromatrace.index.views.chain import EventRef


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """An organisation. `active` is its flag on the chain; `holds_at` also checks expiry.

    name             the name to show; with a warning, it also has the organisation's number and the warning
    registered_name  the name on the chain; a character that is not visible is replaced by U+FFFD
    name_warning     what is wrong with the name: a replaced character, or an earlier organisation that it looks like
    """

    id: int
    kind: OrganisationKind
    gln: Gln
    name: str
    registered_name: str
    name_warning: str | None
    permitted_roles: Role
    valid_until: int
    active: bool
    registered: EventRef
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether it is active and not expired at this time."""
        return self.active and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class OperatorView:
    """An operator. It has rights only while its organisation has."""

    address: str
    organisation: int
    roles: Role
    valid_until: int
    active: bool
    changed_by: str
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether the operator itself is active and not expired at this time."""
        return self.active and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class GrantView:
    """What `reader` may read of the product line `gtin` (None: every line) of `owner`. Without scopes: revoked."""

    owner: int
    reader: int
    gtin: Gtin | None
    scopes: Scope
    valid_until: int
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether it grants anything at this time."""
        return bool(self.scopes) and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class LicenceView:
    """A GS1 company prefix that is licensed to an organisation."""

    organisation: int
    prefix: CompanyPrefix
    changed: EventRef


@dataclass(frozen=True, slots=True)
class AccreditationView:
    """The stages in which verdicts of `body` count for the product line `gtin` (None: every line of the accreditor).

    accreditor  producer that accredits; None: the registrar, for any producer
    """

    accreditor: int | None
    body: int
    gtin: Gtin | None
    stages: frozenset[Stage]
    valid_until: int
    changed: EventRef

    def holds_at(self, unix_s: int) -> bool:
        """Whether it is in force at this time."""
        return bool(self.stages) and unix_s <= self.valid_until


@dataclass(frozen=True, slots=True)
class Reader:
    """An organisation whose lists show the batches that it made or holds, and product lines granted to it now."""

    organisation: int
    unix_s: int


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A log channel. `size` and `root` are those of its last anchor; 0 and None before the first.

    predecessor  the closed channel that it succeeds
    """

    id: bytes
    organisation: int
    name: str
    predecessor: bytes | None
    size: int
    root: bytes | None
    opened: EventRef
    anchored: EventRef | None


@dataclass(frozen=True, slots=True)
class AnchorView:
    """An anchored tree head, which added the leaves `previous_size` to `size - 1`."""

    channel_id: bytes
    size: int
    previous_size: int
    root: bytes
    first_time_ns: int
    last_time_ns: int
    by: str
    anchored: EventRef
