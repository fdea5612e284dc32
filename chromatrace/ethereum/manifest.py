"""The deployment manifest, `<chain-id>.json` (where: `Settings.manifest_path`): the only place that addresses live.

    {"chain_id": 31337, "block": 1, "admin": "0x…",
     "compiler": {"solc": "0.8.37", "evm_version": "cancun", "optimizer_runs": 800},
     "contracts": {"Consortium": {"address": "0x…", "tx": "0x…", "block": 1, "code_hash": "0x…"}, …}}

`code_hash` is the keccak-256 of the code at the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from chromatrace.domain.addresses import checksummed
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.errors import AbiError, WrongDeploymentError
from chromatrace.ethereum.rpc import RpcClient

_MOST_BYTES = 1_000_000
"""Of a manifest; what is longer is read no further, and so is no JSON."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One contract: where, since which block, and the keccak-256 of its code."""

    address: str
    block: int
    code_hash: bytes
    tx: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One deployment. `block` is its first block: no event of ours is older."""

    chain_id: int
    block: int
    contracts: Mapping[str, Deployed]
    admin: str | None = None
    compiler: Mapping[str, Any] | None = None

    @classmethod
    def load(cls, path: str | Path) -> Manifest:
        """Reads a manifest; raises `NotFound` or `InvalidInput` naming the field inside it."""
        path = Path(path)
        try:
            with path.open("rb") as file:
                content = orjson.loads(file.read(_MOST_BYTES))
        except FileNotFoundError as error:
            raise NotFound(
                f"there is no deployment manifest at {path}",
                field="manifest",
                hint="deploy first (`chromatrace deploy`), or name the manifest of the chain that you use",
            ) from error
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"{path} is not JSON: {error}", field="manifest") from error
        return cls.parse(content)

    @classmethod
    def parse(cls, content: Any) -> Manifest:
        """From the JSON object."""
        if not isinstance(content, dict):
            raise InvalidInput("a JSON object is needed", field="manifest")
        contracts = content.get("contracts")
        if not isinstance(contracts, dict) or not contracts:
            raise InvalidInput("an object by contract name is needed", field="manifest.contracts")
        compiler = content.get("compiler")
        return cls(
            chain_id=_number(content, "chain_id", "manifest"),
            block=_number(content, "block", "manifest"),
            contracts=MappingProxyType({name: _deployed(name, entry) for name, entry in contracts.items()}),
            admin=content.get("admin"),
            compiler=MappingProxyType(compiler) if isinstance(compiler, dict) else None,
        )

    def address(self, name: str) -> str:
        """The address of one contract, EIP-55."""
        found = self.contracts.get(name)
        if found is None:
            raise NotFound(
                f"the manifest of chain {self.chain_id} has no contract {name!r}",
                field="manifest.contracts",
                hint=f"it has: {', '.join(sorted(self.contracts))}",
            )
        return found.address

    @property
    def names_by_address(self) -> dict[str, str]:
        """Contract names by lower-case address, as `abi.decode_log` takes them."""
        return {deployed.address.lower(): name for name, deployed in self.contracts.items()}

    def verify(self, rpc: RpcClient) -> None:
        """Check the chain against this manifest. Raises `WrongDeploymentError` or `ChainUnavailableError`."""
        chain_id = int(rpc.call("eth_chainId"), 16)
        if chain_id != self.chain_id:
            raise WrongDeploymentError(
                f"the chain at {rpc.url} has id {chain_id}, the manifest is for {self.chain_id}",
                field="manifest.chain_id",
                hint="point rpc_url at the right chain, or use that chain's manifest",
            )
        codes = rpc.batch([("eth_getCode", [entry.address, "latest"]) for entry in self.contracts.values()])
        for (name, entry), code in zip(self.contracts.items(), codes, strict=True):
            found = bytes_of(code)
            if not found:
                raise WrongDeploymentError(
                    f"there is no contract {name} at {entry.address} on the chain at {rpc.url}",
                    field=f"manifest.contracts.{name}.address",
                    hint="the chain was started afresh: deploy again, or start it with its saved state",
                )
            if keccak(found) != entry.code_hash:
                raise WrongDeploymentError(
                    f"the code of {name} at {entry.address} is not what the manifest says",
                    field=f"manifest.contracts.{name}.code_hash",
                    hint="this is another deployment: use its manifest, or deploy again",
                )


def _number(content: Mapping[str, Any], key: str, where: str) -> int:
    value = content.get(key)
    if type(value) is not int or value < 0:
        raise InvalidInput(f"a whole number is needed, got {value!r}", field=f"{where}.{key}")
    return value


def _deployed(name: str, entry: Any) -> Deployed:
    where = f"manifest.contracts.{name}"
    if not isinstance(entry, dict):
        raise InvalidInput("an object is needed", field=where)
    sizes = {"address": 20, "code_hash": 32}
    raw: dict[str, bytes] = {}
    for key, size in sizes.items():
        try:
            raw[key] = bytes_of(entry.get(key))
        except AbiError as error:
            raise InvalidInput(error.message, field=f"{where}.{key}") from error
        if len(raw[key]) != size:
            raise InvalidInput(f"{size} bytes are needed, got {len(raw[key])}", field=f"{where}.{key}")
    return Deployed(checksummed(raw["address"]), _number(entry, "block", where), raw["code_hash"], entry.get("tx"))
