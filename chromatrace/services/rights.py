"""The rights of an operator. The contracts decide each of them; the portal and the command line ask here.

A role counts if the operator holds it, its organisation permits it, and both are active and not expired.
"""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.chain import reads
from chromatrace.chain.client import Chain
from chromatrace.domain.identifiers import Gtin, OrganisationId
from chromatrace.domain.rights import Role, Scope
from chromatrace.ethereum.errors import ContractError


@dataclass(frozen=True, slots=True)
class Rights:
    """The organisation that an address acts for, and its roles; without roles it may only read."""

    address: str
    organisation: OrganisationId
    roles: Role


def rights_of(chain: Chain, address: str) -> Rights:
    """Return the rights of an operator at the newest block.

    Raises the contract's error, with the reason, if the address is not an active operator of an active organisation.
    """
    organisation = chain.read(reads.operator(address)).organisation
    try:
        # No operator holds one of no roles: the call always reverts, with the reason or with the roles in force.
        chain.read(reads.authorise(address, Role(0)))
    except ContractError as error:
        if error.name != "MissingRole":
            raise
        roles = Role(error.args_by_name["roles"])
    if chain.read(reads.operator(address)).organisation != organisation:
        return rights_of(chain, address)  # the operator changed its organisation between the calls
    return Rights(address, organisation, roles)


def readable_scopes(chain: Chain, address: str, owner: OrganisationId, gtin: Gtin) -> Scope:
    """Return the scopes of `owner`'s product line that an operator may read at the newest block."""
    answers = chain.read_many([reads.may_read(address, owner, gtin, scope) for scope in Scope])
    return Scope(sum(scope for scope, readable in zip(Scope, answers, strict=True) if readable))
