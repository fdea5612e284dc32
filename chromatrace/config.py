"""Settings: one frozen record, from command-line options and `CHROMATRACE_*` variables.

| variable                  | default                                  | what it is                                    |
|---------------------------|------------------------------------------|-----------------------------------------------|
| CHROMATRACE_RPC_URL       | http://127.0.0.1:8545                    | JSON-RPC endpoint of the chain                |
| CHROMATRACE_DATA          | .chromatrace                             | spool, outbox, index, documents, keys         |
| CHROMATRACE_DATABASE_URL  | sqlite:///<data>/index.db                | SQL database of the index                     |
| CHROMATRACE_VAULT         | <data>/vault                             | encrypted documents: a folder, or s3://…      |
| CHROMATRACE_MANIFEST      | see `Settings.manifest_path`             | deployment manifest                           |
| CHROMATRACE_KEYSTORE      | none                                     | encrypted keystore of the acting operator     |
| CHROMATRACE_KEY_PASSWORD  | asked for                                | password of that keystore                     |
| CHROMATRACE_DEV_ACCOUNT   | none                                     | number of an Anvil account; dev chains only   |
| CHROMATRACE_BASE_URL      | http://127.0.0.1:8000                    | what stands before `/01/…` in a QR code       |
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Where everything is. Paths may be relative to the working folder."""

    rpc_url: str = "http://127.0.0.1:8545"
    data: Path = Path(".chromatrace")
    database_url: str | None = None
    manifest: Path | None = None
    keystore: Path | None = None
    dev_account: int | None = None
    base_url: str = "http://127.0.0.1:8000"
    vault: str | None = None

    @property
    def index_url(self) -> str:
        """SQLAlchemy URL of the index."""
        return self.database_url or f"sqlite:///{self.data / 'index.db'}"

    @property
    def spool_path(self) -> Path:
        return self.data / "spool.db"

    @property
    def outbox_path(self) -> Path:
        return self.data / "outbox.db"

    @property
    def documents_folder(self) -> Path:
        return self.data / "documents"

    @property
    def vault_place(self) -> str:
        """Where the encrypted documents of records are: a folder or an s3:// URL."""
        return self.vault or str(self.data / "vault")

    @property
    def keys_folder(self) -> Path:
        return self.data / "keys"

    @property
    def portal_url(self) -> str:
        """SQLAlchemy URL of the portal's own tables (accounts, sessions, scans)."""
        return f"sqlite:///{self.data / 'portal.db'}"

    def manifest_path(self, chain_id: int) -> Path:
        """The manifest in force for a chain.

        The one that is named; else `deployments/<chain-id>.json` of the data folder where it is there, which `up`
        writes; else `docs/deployments/<chain-id>.json`. `chromatrace deploy` writes by the same rule.
        """
        if self.manifest is not None:
            return self.manifest
        kept = self.data / "deployments" / f"{chain_id}.json"
        return kept if kept.exists() else Path("docs/deployments") / kept.name
