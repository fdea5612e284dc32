"""The deployment manifest, `<chain-id>.json`: the only source of contract addresses.

    {"chain_id": 31337, "block": 1, "admin": "0x…",
     "compiler": {"solc": "0.8.37", "evm_version": "cancun", "optimizer_runs": 800},
     "contracts": {"Consortium": {"address": "0x…", "tx": "0x…", "block": 1, "code_hash": "0x…"}, …}}

`code_hash` is the Keccak-256 of the code at the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from chromatrace.domain.addresses import parse_address
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.errors import AbiError, WrongDeploymentError
from chromatrace.ethereum.rpc import RpcClient

_MAX_BYTES = 1_000_000
"""Size limit of a manifest file."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One contract: its address, its first block and the Keccak-256 of its code."""

    address: str
    block: int
    code_hash: bytes
    tx: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One deployment. `block` is its first block; no event is older."""

    chain_id: int
    block: int
    contracts: Mapping[str, Deployed]
    admin: str | None = None
    compiler: Mapping[str, Any] | None = None

    @classmethod
    def load(cls, path: str | Path) -> Manifest:
        """Read a manifest. Raises `NotFound`, or `InvalidInput` that names the field."""
        path = Path(path)
        try:
            with path.open("rb") as file:
                content = orjson.loads(file.read(_MAX_BYTES))
        except FileNotFoundError as error:
            raise NotFound(
                f"deployment manifest {path} does not exist",
                field="manifest",
                hint="deploy with `chromatrace chain deploy`, or name the manifest of your chain",
            ) from error
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"{path} is not valid JSON: {error}", field="manifest") from error
        return cls.parse(content)

    @classmethod
    def parse(cls, content: Any) -> Manifest:
        """Parse the JSON object. Raises `InvalidInput` that names the field."""
        if not isinstance(content, dict):
            raise InvalidInput(f"expected a JSON object, got {content!r:.60}", field="manifest")
        contracts = content.get("contracts")
        if not isinstance(contracts, dict) or not contracts:
            raise InvalidInput(
                f"expected an object of contracts by name, got {contracts!r:.60}", field="manifest.contracts"
            )
        compiler = content.get("compiler")
        return cls(
            chain_id=_number(content, "chain_id", "manifest"),
            block=_number(content, "block", "manifest"),
            contracts=MappingProxyType({name: _deployed(name, entry) for name, entry in contracts.items()}),
            admin=content.get("admin"),
            compiler=MappingProxyType(compiler) if isinstance(compiler, dict) else None,
        )

    def address(self, name: str) -> str:
        """Return the address of a contract as EIP-55 text. Raises `NotFound`."""
        deployed = self.contracts.get(name)
        if deployed is None:
            raise NotFound(
                f"the manifest of chain {self.chain_id} has no contract {name!r}",
                field="manifest.contracts",
                hint=f"it has {', '.join(sorted(self.contracts))}",
            )
        return deployed.address

    @property
    def names_by_address(self) -> dict[str, str]:
        """Contract names by lower-case address, as `abi.decode_log` expects them."""
        return {deployed.address.lower(): name for name, deployed in self.contracts.items()}

    def verify(self, rpc: RpcClient) -> None:
        """Check the chain against this manifest. Raises `WrongDeploymentError` or `ChainUnavailableError`."""
        chain_id = int(rpc.call("eth_chainId"), 16)
        if chain_id != self.chain_id:
            raise WrongDeploymentError(
                f"the chain at {rpc.url} has id {chain_id}; the manifest is for {self.chain_id}",
                field="manifest.chain_id",
                hint="set rpc_url to the manifest's chain, or use that chain's manifest",
            )
        codes = rpc.batch([("eth_getCode", [entry.address, "latest"]) for entry in self.contracts.values()])
        for (name, entry), code in zip(self.contracts.items(), codes, strict=True):
            deployed_code = bytes_of(code)
            if not deployed_code:
                raise WrongDeploymentError(
                    f"no contract {name} exists at {entry.address} on the chain at {rpc.url}",
                    field=f"manifest.contracts.{name}.address",
                    hint="if the chain was restarted empty, deploy again or start it with its saved state",
                )
            if keccak(deployed_code) != entry.code_hash:
                raise WrongDeploymentError(
                    f"the code of {name} at {entry.address} differs from the manifest",
                    field=f"manifest.contracts.{name}.code_hash",
                    hint="use the manifest of this deployment, or deploy again",
                )


def _number(content: Mapping[str, Any], key: str, parent: str) -> int:
    value = content.get(key)
    if type(value) is not int or value < 0:
        raise InvalidInput(f"expected a whole number, got {value!r}", field=f"{parent}.{key}")
    return value


def _deployed(name: str, entry: Any) -> Deployed:
    parent = f"manifest.contracts.{name}"
    if not isinstance(entry, dict):
        raise InvalidInput(f"expected an object, got {entry!r:.60}", field=parent)
    try:
        code_hash = bytes_of(entry.get("code_hash"))
    except AbiError as error:
        raise InvalidInput(error.message, field=f"{parent}.code_hash") from error
    if len(code_hash) != 32:
        raise InvalidInput(f"expected 32 bytes, got {len(code_hash)}", field=f"{parent}.code_hash")
    address = parse_address(entry.get("address"), f"{parent}.address")
    return Deployed(address, _number(entry, "block", parent), code_hash, entry.get("tx"))
