"""The records' desk of a workspace: its plant, index, chain, content store and reading keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.domain.identifiers import DepartmentId
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.reader_key import KeyRing, ReaderKey
from chromatrace.records.vault import Vault
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.plant import Plant


class ChainWriter:
    """Appends as the chain's signer."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def may_read(self, department: bytes) -> bool:
        """See `desk.Writer`."""
        return self._chain.read(reads.may_read_department(DepartmentId(department), self._chain.sender))

    def check(self, department: bytes, kind: bytes, packed: bytes) -> None:
        """See `desk.Writer`."""
        self._chain.simulate(calls.append_records(DepartmentId(department), kind, packed))

    def append(self, department: bytes, kind: bytes, packed: bytes) -> str:
        """See `desk.Writer`."""
        return self._chain.submit(calls.append_records(DepartmentId(department), kind, packed)).tx


def plant_of(named: str) -> Plant:
    """The plant of that name, or of that configuration file."""
    from chromatrace.plant import example_plant, example_plants, load_plant

    return example_plant(named) if named in example_plants() else load_plant(Path(named))


def open_desk(workspace: Workspace) -> DepartmentRecords:
    """The desk of the organisation that the signer acts for."""
    chain = workspace.chain
    organisation = chain.read(reads.operator(chain.sender)).organisation
    catalogue = Catalogue(plant_of(workspace.settings.plant).record_kinds)
    return DepartmentRecords(catalogue, workspace.index, ChainWriter(chain), vault_of(workspace), organisation or None)


def vault_of(workspace: Workspace) -> Vault:
    """The content store."""
    return Vault(workspace.settings.vault_location)


def key_ring(workspace: Workspace) -> KeyRing:
    """The reading keys of the data folder."""
    return KeyRing(workspace.data / "keys" / "readers", workspace.settings.reader_password)


def reading_key(workspace: Workspace, name: str) -> ReaderKey:
    """The private key of the reader `name`. Raises `KeyMissingError`."""
    return key_ring(workspace).key(name)
