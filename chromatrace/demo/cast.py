"""The consortium of the demonstration: fictional organisations and the development accounts of their operators."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import IntEnum

from chromatrace.chain import calls
from chromatrace.domain.identifiers import CompanyPrefix, Gln, Gtin, OrganisationId
from chromatrace.domain.rights import ALL_STAGES, OrganisationKind, Role, Scope
from chromatrace.ethereum.signer import DevKeyWarning, DevSigner, dev_signer
from chromatrace.services.workspace import Workspace

PANE = Gtin("09521234543213")


class Actor(IntEnum):
    """An operator; the value is the index of its account in Anvil's public mnemonic."""

    REGISTRAR = 0
    PLANT = 1
    GATEWAY = 2
    INSPECTOR = 3
    SUPERVISOR = 4
    FRANCHISEE = 5
    COMPETITOR = 6


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation: the roles that it may give, its operators, and the company prefix of its products."""

    name: str
    kind: OrganisationKind
    gln: Gln
    permitted: Role
    operators: dict[Actor, Role]
    prefix: CompanyPrefix | None = None


MAKER = Member(
    "Example Electrochromics",
    OrganisationKind.MANUFACTURER,
    Gln("9521234500001"),
    Role.ADMIN | Role.PRODUCER | Role.GATEWAY | Role.LOGISTICS | Role.SUPERVISOR,
    {
        Actor.PLANT: Role.ADMIN | Role.PRODUCER | Role.LOGISTICS,
        Actor.GATEWAY: Role.GATEWAY,
        Actor.SUPERVISOR: Role.SUPERVISOR,
    },
    CompanyPrefix("95212345"),
)
LABORATORY = Member(
    "Example Optical Laboratory",
    OrganisationKind.LABORATORY,
    Gln("9521234510000"),
    Role.ADMIN | Role.INSPECTOR,
    {Actor.INSPECTOR: Role.INSPECTOR},
)
FRANCHISEE = Member(
    "Example Windows, franchisee",
    OrganisationKind.FRANCHISEE,
    Gln("9521234520009"),
    Role.ADMIN | Role.FRANCHISEE | Role.LOGISTICS,
    {Actor.FRANCHISEE: Role.FRANCHISEE},
)
COMPETITOR = Member(
    "Example Tinted Glass, competitor",
    OrganisationKind.MANUFACTURER,
    Gln("9521234540007"),
    Role.PRODUCER | Role.INSPECTOR,
    {Actor.COMPETITOR: Role.INSPECTOR},
)
MEMBERS = (MAKER, LABORATORY, FRANCHISEE, COMPETITOR)


class Cast:
    """The members on the chain. `numbers` contains the number of each organisation by GLN."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._acting: dict[Actor, Workspace] = {}
        self.numbers: dict[Gln, OrganisationId] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevKeyWarning)
            self.signers: dict[Actor, DevSigner] = {
                actor: dev_signer(int(actor), workspace.chain_id) for actor in Actor
            }

    def acting(self, actor: Actor) -> Workspace:
        """Return a workspace that signs with the key of an actor."""
        if actor not in self._acting:
            self._acting[actor] = self._workspace.acting_as(self.signers[actor])
        return self._acting[actor]

    def enrol(self) -> list[str]:
        """Register and license the members, appoint their operators, and return the transactions.

        The maker accredits the laboratory and grants the franchisee read access.
        """
        registrar = self.acting(Actor.REGISTRAR).chain
        transactions = []
        for member in MEMBERS:
            call = calls.register_organisation(member.kind, member.gln, member.permitted, member.name)
            receipt = registrar.submit(call)
            number = receipt.event("OrganisationRegistered").args["organisation"]
            self.numbers[member.gln] = number
            transactions.append(receipt.tx)
            if member.prefix is not None:
                transactions.append(registrar.submit(calls.license_prefix(number, member.prefix)).tx)
            for actor, roles in member.operators.items():
                address = self.signers[actor].address
                appointed = registrar.submit(calls.appoint_operator(address, number, roles))
                transactions.append(appointed.tx)
        scopes = Scope.PRODUCT | Scope.LOGISTICS | Scope.QUALITY
        grant = calls.grant_read_scopes(self.numbers[FRANCHISEE.gln], [PANE], scopes)
        plant = self.acting(Actor.PLANT).chain
        accredit = calls.accredit(self.numbers[LABORATORY.gln], [], ALL_STAGES)
        return [*transactions, plant.submit(accredit).tx, plant.submit(grant).tx]

    def appoint_account(self, address: str, member: Member, roles: Role) -> str:
        """Appoint the operator of a portal account, with gas, and return the transaction."""
        self._workspace.rpc.call("anvil_setBalance", address, hex(10**18))
        registrar = self.acting(Actor.REGISTRAR).chain
        number = self.numbers[member.gln]
        return registrar.submit(calls.appoint_operator(address, number, roles)).tx
