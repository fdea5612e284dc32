"""Department records of a workspace: plant, index, chain, content store and reader keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import DepartmentId, OrganisationId
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.errors import KeyMissingError
from chromatrace.records.key_ring import KeyRing, load_key
from chromatrace.records.reader_key import WHOLE_ORGANISATION, ReaderIdentity, ReaderKey
from chromatrace.records.vault import RewrapReport, Vault
from chromatrace.services.organisations import signer_organisation
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
    """Return the shipped plant with this name, or the plant in this file."""
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
        catalogue_of(workspace),
        workspace.index,
        ChainWriter(chain),
        vault_of(workspace),
        key_ring(workspace),
        organisation or None,
    )


def vault_of(workspace: Workspace) -> Vault:
    """Return the store of encrypted documents."""
    return Vault(workspace.settings.vault_location)


def key_ring(workspace: Workspace) -> KeyRing:
    """Return the reader keys of the data folder."""
    return KeyRing(workspace.data / "keys" / "readers", workspace.settings.reader_password)


def department_identity(workspace: Workspace, name: str, organisation: int | None = None) -> ReaderIdentity:
    """Return the identity of the department of an organisation (default: the signer's). Raises `NotFound`."""
    owner = OrganisationId(organisation) if organisation else signer_organisation(workspace)
    identifier = workspace.reader.read(reads.department_id(owner, name))
    if not workspace.reader.read(reads.department(identifier)).organisation:
        raise NotFound(
            f"organisation {owner} has no department {name!r}",
            field="name",
            hint="open it with `chromatrace record open`, or use --whole-organisation",
        )
    return ReaderIdentity(owner, identifier)


def organisation_identity(workspace: Workspace, organisation: int | None = None) -> ReaderIdentity:
    """Return the identity of an organisation as a whole (default: the signer's). Raises `NotFound`."""
    owner = OrganisationId(organisation) if organisation else signer_organisation(workspace)
    if not workspace.reader.read(reads.organisation(owner)).kind:
        raise NotFound(f"organisation {owner} is not registered", field="organisation")
    return ReaderIdentity(owner, WHOLE_ORGANISATION)


def reading_keys(workspace: Workspace, names: Sequence[str]) -> list[ReaderKey]:
    """Return all reader keys with these names or fingerprints; raises `KeyMissingError` for one without a key."""
    ring = key_ring(workspace)
    held = [key for identity in ring.identities() for key in ring.keys(identity)]
    chosen = []
    for name in names:
        matching = [key for key in held if name in (key.name, key.fingerprint)]
        if not matching:
            raise KeyMissingError(
                f"no reader key has the name or fingerprint {name!r}",
                field="as",
                hint="create one with `chromatrace key reader`",
            )
        chosen += matching
    return chosen


def rewrap(workspace: Workspace, recovery: Path | None, progress: Callable[[int], None]) -> RewrapReport:
    """Replace older reader keys by the newest ones in all manifests that the held keys decrypt; see `Vault.rewrap`.

    recovery  file of a recovery key to decrypt with, besides the keys of the data folder, which keeps its public part
    progress  is called with the number of manifests checked so far
    """
    ring = key_ring(workspace)
    identities = ring.identities()
    keys = [key for identity in identities for key in ring.keys(identity)]
    if recovery is not None:
        recovery_key = load_key(recovery, workspace.settings.reader_password)
        ring.keep_recovery(recovery_key)
        keys.append(recovery_key)
    current = {identity: ring.current(identity).reader for identity in identities}
    organisations = {identity.organisation for identity in identities}
    recovery_readers = [reader for number in organisations if (reader := ring.recovery(number)) is not None]
    report = RewrapReport()
    for report in vault_of(workspace).rewrap(keys, current, recovery_readers):
        progress(report.checked)
    return report
