"""The designed route of the demonstration: every station signs its step, and the chain verifies the order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.crypto.bls import SecretKey
from chromatrace.crypto.eip2537 import key_id
from chromatrace.crypto.route import (
    RouteDesign,
    RouteStation,
    RouteTrace,
    begin,
    key_words,
    proof_of,
    prove_possession,
    sign_record,
    signature_words,
)
from chromatrace.crypto.route.design import RouteKind
from chromatrace.crypto.step import NO_CHANNEL, StepRecord, Verifier
from chromatrace.demo.cast import MAKER, Actor, Cast
from chromatrace.domain.identifiers import BatchKey
from chromatrace.plant import example_plant

NAME = "electrochromic pane"


@dataclass(slots=True)
class SignedRoute:
    """The design, the secret keys of its stations in order, and the traces of the lots by letter."""

    design: RouteDesign
    secrets: tuple[SecretKey, ...]
    traces: dict[str, RouteTrace] = field(default_factory=dict)
    transactions: list[str] = field(default_factory=list)

    def begin(self, letter: str, key: BatchKey) -> None:
        """Begin the trace of a lot."""
        self.traces[letter] = begin(self.design, bytes(key.batch_id))

    def sign(self, letter: str, done: datetime, digest: bytes, channel: bytes = NO_CHANNEL, log_size: int = 0) -> None:
        """Verify the trace and sign its next step as that step's station."""
        trace = self.traces[letter]
        step = len(trace.steps) + 1
        record = StepRecord(
            route=self.design.route,
            subject=trace.subject,
            step=step,
            process=self.design.station(step).process,
            channel=channel,
            log_size=log_size,
            digest=digest,
            completed_at=int(done.timestamp()),
        )
        self.traces[letter] = sign_record(self.design, trace, record, self.secrets[step - 1])

    def prove(self, letter: str, chain: Chain) -> str:
        """Prove the route of a lot on the chain and return the transaction."""
        proof, messages = proof_of(self.design, self.traces[letter])
        return chain.submit(calls.prove_route(self.design.route, proof, messages)).tx


def design_route(cast: Cast) -> SignedRoute:
    """Create and register a key for each station of the line, and design the route that the release requires."""
    plant = example_plant("electrochromic")
    chain = cast.acting(Actor.PLANT).chain
    owner = cast.numbers[MAKER.gln]
    verifier = Verifier(chain.manifest.chain_id, chain.manifest.address("RouteVerifier"))
    stations, secrets, transactions = [], [], []
    for number in plant.products[0].route:
        process = f"{number} {plant.station(number).name}"
        secret = SecretKey.generate()
        possession = prove_possession(secret, owner, verifier)
        words = key_words(secret.public_key), signature_words(possession)
        receipt = chain.submit(calls.register_station_key(process, *words))
        transactions.append(receipt.tx)
        stations.append(RouteStation(process, owner, secret.public_key, possession))
        secrets.append(secret)
    keys, processes = [key_id(station.key) for station in stations], [station.process for station in stations]
    receipt = chain.submit(calls.design_route(NAME, RouteKind.PROCESSING, True, keys, processes))
    version = receipt.event("RouteDesigned").args["version"]
    design = RouteDesign(verifier, owner, NAME, version, tuple(stations))
    return SignedRoute(design, tuple(secrets), transactions=[*transactions, receipt.tx])
