"""Department records of a workspace: plant, index, chain, content store and reader keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.domain.identifiers import DepartmentId
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.reader_key import KeyRing, Reader, ReaderKey
from chromatrace.records.vault import Vault
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.plant import Plant


class ChainWriter:
    """A `department_records.Writer` that appends with the chain's signer."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def may_read(self, department: bytes) -> bool:
        """Return whether the signer may read a department now."""
        return self._chain.read(reads.may_read_department(DepartmentId(department), self._chain.sender))

    def check(self, department: bytes, kind: bytes, packed: bytes) -> None:
        """Simulate `append`; raises the contract's error."""
        self._chain.simulate(calls.append_records(DepartmentId(department), kind, packed))

    def append(self, department: bytes, kind: bytes, packed: bytes) -> str:
        """Append packed entries and return the transaction."""
        return self._chain.submit(calls.append_records(DepartmentId(department), kind, packed)).tx


def plant_of(name: str) -> Plant:
    """Return the shipped plant with this name, or the plant in this configuration file."""
    from chromatrace.plant import example_plant, example_plants, load_plant

    return example_plant(name) if name in example_plants() else load_plant(Path(name))


def catalogue_of(workspace: Workspace) -> Catalogue:
    """Return the kinds of record that the workspace's plant defines."""
    return Catalogue(plant_of(workspace.settings.plant).record_kinds)


def open_records(workspace: Workspace) -> DepartmentRecords:
    """Return the department records that the signer may read and write."""
    chain = workspace.chain
    organisation = chain.read(reads.operator(chain.sender)).organisation
    return DepartmentRecords(
        catalogue_of(workspace), workspace.index, ChainWriter(chain), vault_of(workspace), organisation or None
    )


def vault_of(workspace: Workspace) -> Vault:
    """Return the store of encrypted documents."""
    return Vault(workspace.settings.vault_location)


def key_ring(workspace: Workspace) -> KeyRing:
    """Return the reader keys of the data folder."""
    return KeyRing(workspace.data / "keys" / "readers", workspace.settings.reader_password)


def reading_key(workspace: Workspace, name: str) -> ReaderKey:
    """Return the private key of the reader `name`; raises `KeyMissingError`."""
    return key_ring(workspace).key(name)


def readers_of(workspace: Workspace, department: str, others: Sequence[str]) -> list[Reader]:
    """Return the readers of a new record: the department itself and `others`, as NAME=x25519:…."""
    return [reading_key(workspace, department).reader, *(Reader.parse(text) for text in others)]
