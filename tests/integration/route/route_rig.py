"""Stations registered and routes designed on a real deployment; calls simulated or sent by Example Glass's operator."""

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
    """The chain as the routes' tests use it."""

    chain: Chain
    verifier: Verifier
    registered: set = field(default_factory=set)
    designed: dict = field(default_factory=dict)

    def line(self, steps, kind=RouteKind.PROCESSING, name=None, required=False):
        """A designed route, its stations registered; the same one when asked for again."""
        names = tuple(f"station {n}" for n in range(1, steps + 1)) if isinstance(steps, int) else tuple(steps)
        name = name or f"{kind.name.lower()} of {len(names)}"
        if name not in self.designed:
            for known in dict.fromkeys(names):
                self.register(known)
            line = Line.of(names, Profile.EVM, self.verifier, name, kind)
            keys, processes = (
                [one.key_id for one in line.design.stations],
                [one.process for one in line.design.stations],
            )
            receipt = self.chain.submit(calls.design_route(name, kind, required, keys, processes))
            assert receipt.event("RouteDesigned").args["route"] == line.design.route
            self.designed[name] = line
        return self.designed[name]

    def register(self, name):
        if name in self.registered:
            return
        one = station(name, self.verifier)
        words = key_words(one.key), signature_words(one.possession)
        self.chain.submit(calls.register_station_key(name, *words))
        self.registered.add(name)

    def call(self, function, *args):
        """Simulates a call with EIP-7825's gas; raises the decoded refusal."""
        data = contract("RouteVerifier").encode_call(function, *args)
        return self.outcomes([data])[0]

    def error(self, function, *args):
        """The refusal of a simulated call, or None where it passes."""
        return self.call(function, *args)

    def outcomes(self, payloads):
        """What many simulated calls refuse: a `ContractError` each, or None."""
        fields = {"from": self.chain.sender, "to": self.verifier.address, "gas": GAS}
        requests = [("eth_call", [fields | {"data": "0x" + data.hex()}, "latest"]) for data in payloads]
        answers = self.chain.rpc.batch_outcomes(requests)
        return [decode_revert(answer.data) if isinstance(answer, Exception) else None for answer in answers]


def proof(claim: Claim):
    """The arguments of `proveRoute` after the route, unchecked."""
    state = claim.state
    return (claim.subject, state.link, signature_words(state.aggregate)), list(claim.messages)


@contextmanager
def consortium_on(node, manifest, folder):
    """The deployed chain with Example Glass and its operator."""
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
