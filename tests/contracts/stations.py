"""Stations of the plant: register keys, design routes and prove subjects with default arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from brownie import chain

from chromatrace.crypto.route import Profile, key_words, proof_of, prove_possession, signature_words
from chromatrace.crypto.step import Verifier
from chromatrace.domain.rights import RouteKind

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from route_line import Line, digest, secret, station


class Stations:
    """Stations with known secret keys."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.routes = env.routes
        self.verifier = Verifier(chain.id, str(env.routes.address))

    def key_arguments(self, name: str, organisation: int | None = None) -> tuple[str, tuple, tuple]:
        """Return the arguments of `registerStationKey`."""
        key = secret(name)
        possession = prove_possession(key, organisation or self.env.plant, self.verifier)
        return name, key_words(key.public_key), signature_words(possession)

    def register(self, *names: str) -> list[bytes]:
        """Register stations of the plant and return their key ids."""
        for name in names:
            self.routes.registerStationKey(*self.key_arguments(name), {"from": self.env.gateway})
        return [station(name, self.verifier).key_id for name in names]

    def line(
        self, steps: int, kind: RouteKind = RouteKind.PROCESSING, name: str = "pane", required: bool = False
    ) -> Line:
        """Register new stations and design a route over them as the plant's producer."""
        names = [f"{name} station {n}" for n in range(1, steps + 1)]
        keys = self.register(*names)
        self.routes.designRoute(name, kind, required, keys, names, {"from": self.env.producer})
        return Line.of(names, Profile.EVM, self.verifier, name, kind)

    def prove(self, line: Line, subject: bytes, sender: Any = None) -> Any:
        """Sign at every station and prove the subject."""
        arguments = self.proof(line, subject)
        return self.routes.proveRoute(line.design.route, *arguments, {"from": sender or self.env.producer})

    def proof(self, line: Line, subject: bytes) -> tuple:
        """Return the arguments of `proveRoute` after the route."""
        return proof_of(line.design, line.trace(subject))


__all__ = ["Stations", "digest", "secret", "station"]
