"""Organisations by GLN, and the rights of the signer."""

from __future__ import annotations

from collections.abc import Callable

from chromatrace.chain import reads
from chromatrace.domain.errors import NotAuthorised, NotFound
from chromatrace.domain.identifiers import DepartmentId, Gln, OrganisationId
from chromatrace.services.workspace import Workspace


def organisation_number(workspace: Workspace, gln: str) -> OrganisationId:
    """Return the number of the organisation with this GLN; raises `NotFound`."""
    number = workspace.reader.read(reads.organisation_of_gln(Gln(gln)))
    if not number:
        raise NotFound(f"no organisation has the GLN {gln}", field="gln", hint="see `chromatrace org list`")
    return number


def signer_organisation(workspace: Workspace) -> OrganisationId:
    """Return the number of the signer's organisation; raises `NotAuthorised` if the signer has none."""
    chain = workspace.chain
    organisation = chain.read(reads.operator(chain.sender)).organisation
    if not organisation:
        raise NotAuthorised(
            f"{chain.sender} is not an operator of an organisation",
            field="signer",
            hint="appoint it with `chromatrace org appoint`",
        )
    return organisation


def own_organisation(workspace: Workspace) -> OrganisationId | None:
    """Return the number of the signer's organisation, or None without a signer."""
    if not workspace.has_signer:
        return None
    chain = workspace.chain
    return chain.read(reads.operator(chain.sender)).organisation


def may_read_department(workspace: Workspace) -> Callable[[bytes], bool]:
    """Return a function that checks whether the signer may read a department now; False without a signer."""
    if not workspace.has_signer:
        return lambda department: False
    chain = workspace.chain
    return lambda department: chain.read(reads.may_read_department(DepartmentId(department), chain.sender))
