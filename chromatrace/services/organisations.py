"""Organisations by GLN, and the rights of the signer."""

from __future__ import annotations

from collections.abc import Callable

from chromatrace.chain import reads
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import DepartmentId, Gln, OrganisationId
from chromatrace.ethereum.errors import ContractError
from chromatrace.services.rights import rights_of
from chromatrace.services.workspace import Workspace


def organisation_number(workspace: Workspace, gln: str) -> OrganisationId:
    """Return the number of the organisation with this GLN; raises `NotFound`."""
    number = workspace.reader.read(reads.organisation_of_gln(Gln(gln)))
    if not number:
        raise NotFound(f"no organisation has the GLN {gln}", field="gln", hint="see `chromatrace org list`")
    return number


def signer_organisation(workspace: Workspace) -> OrganisationId:
    """Return the number of the signer's organisation. Raises as `rights_of`."""
    return rights_of(workspace.chain, workspace.chain.sender).organisation


def own_organisation(workspace: Workspace) -> OrganisationId | None:
    """Return the number of the signer's organisation, or None without a signer that has rights."""
    if not workspace.has_signer:
        return None
    try:
        return signer_organisation(workspace)
    except ContractError:
        return None


def may_read_department(workspace: Workspace) -> Callable[[bytes], bool]:
    """Return a function that checks whether the signer may read a department now; False without a signer."""
    if not workspace.has_signer:
        return lambda department: False
    chain = workspace.chain
    return lambda department: chain.read(reads.may_read_department(DepartmentId(department), chain.sender))
