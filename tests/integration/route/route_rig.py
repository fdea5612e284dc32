"""Stations and routes on a real deployment, used by Example Glass's operator."""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field

from route_line import PLANT, Claim, Line, station

from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.crypto.route import Profile, RouteKind, key_words, signature_words
from chromatrace.crypto.step import Verifier
from chromatrace.domain.identifiers import Gln
from chromatrace.domain.rights import OrganisationKind, Role
from chromatrace.ethereum.abi import contract
from chromatrace.ethereum.contract_errors import decode_revert
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer

GAS = hex(2**24)


@dataclass
class Rig:
    """A chain with registered stations and designed routes."""

    chain: Chain
    verifier: Verifier
    registered: set = field(default_factory=set)
    designed: dict = field(default_factory=dict)

    def line(self, steps, kind=RouteKind.PROCESSING, name=None, required=False):
        """Return a designed route with registered stations, the same one for the same name."""
        names = tuple(f"station {n}" for n in range(1, steps + 1)) if isinstance(steps, int) else tuple(steps)
        name = name or f"{kind.name.lower()} of {len(names)}"
        if name not in self.designed:
            for station_name in dict.fromkeys(names):
                self.register(station_name)
            line = Line.of(names, Profile.EVM, self.verifier, name, kind)
            keys, processes = (
                [entry.key_id for entry in line.design.stations],
                [entry.process for entry in line.design.stations],
            )
            receipt = self.chain.submit(calls.design_route(name, kind, required, keys, processes))
            assert receipt.event("RouteDesigned").args["route"] == line.design.route
            self.designed[name] = line
        return self.designed[name]

    def register(self, name):
        if name in self.registered:
            return
        entry = station(name, self.verifier)
        words = key_words(entry.key), signature_words(entry.possession)
        self.chain.submit(calls.register_station_key(name, *words))
        self.registered.add(name)

    def error(self, function, *args):
        """Simulate a call with EIP-7825's gas; return its `ContractError`, or None."""
        return self.errors([contract("RouteVerifier").encode_call(function, *args)])[0]

    def errors(self, payloads):
        """Simulate many calls; return the `ContractError` of each, or None."""
        fields = {"from": self.chain.sender, "to": self.verifier.address, "gas": GAS}
        requests = [("eth_call", [fields | {"data": "0x" + data.hex()}, "latest"]) for data in payloads]
        results = self.chain.rpc.batch_outcomes(requests)
        return [decode_revert(result.data) if isinstance(result, Exception) else None for result in results]


def proof(claim: Claim):
    """Return the arguments of `proveRoute` after the route, unchecked."""
    state = claim.state
    return (claim.subject, state.link, signature_words(state.aggregate)), list(claim.messages)


@contextmanager
def consortium_on(node, manifest, folder):
    """Yield the deployed chain with Example Glass and its operator."""
    rpc = node.rpc(timeout_s=120)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        signer = dev_signer(0, manifest.chain_id)
    with Outbox(folder / "outbox.db") as outbox:
        chain = Chain(rpc, manifest, outbox, signer)
        roles = Role.ADMIN | Role.PRODUCER | Role.GATEWAY
        kind = OrganisationKind.MANUFACTURER
        receipt = chain.submit(calls.register_organisation(kind, Gln("9521234000013"), roles, "Example Glass"))
        assert receipt.event("OrganisationRegistered").args["organisation"] == PLANT
        chain.submit(calls.appoint_operator(chain.sender, PLANT, roles))
        yield chain
