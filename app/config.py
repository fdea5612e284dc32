"""The portal's settings: one frozen record, checked when it is built. `docs/portal.md` lists each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.errors import InsecureConfigurationError
from chromatrace.domain.errors import InvalidInput

DEV_CHAIN_IDS = frozenset({1337, 31337})
"""Chains whose keys are published with the tool that runs them."""


@dataclass(frozen=True, slots=True)
class PortalConfig:
    """Everything that a portal worker needs to know. Raises `InvalidInput` or `InsecureConfiguration`.

    data_folder        holds `secret_key`, and by default everything below
    rpc_url            JSON-RPC endpoint of the chain
    manifest_path      deployment manifest of that chain
    base_url           public origin, without a path: what stands before `/01/…` in a QR code
    index_url          SQLAlchemy URL of the index; default `<data>/index.db`
    portal_url         SQLAlchemy URL of accounts, sessions, scans; default `<data>/portal.db`
    documents_folder   content-addressed documents; default `<data>/documents`
    keys_folder        encrypted keystores of accounts; default `<data>/keys`
    outbox_path        durable outbox of what the portal sends; default `<data>/portal-outbox.db`
    title              what the consortium calls itself
    explorer_tx_url    link to a block explorer, with {tx} in it; none: hashes are shown without a link
    plot_tags          tags to plot from the reading window, at most four; empty: the first three that there are
    vault              encrypted documents of records: a folder or an s3:// URL; default `<data>/vault`
    reader_password    of the departments' reading keys in `<keys>/readers`, where they are encrypted
    max_file_bytes     of a file that a record names
    capture_department  department whose records captured EPCIS documents become; none: they do not
    production         refuse settings that are only fit for a demonstration
    trusted_proxies    reverse proxies in front whose X-Forwarded-* headers are believed
    max_upload_bytes   of a photo or any other body
    session_hours      longest life of a login
    session_idle_minutes  life of a login that is not used
    login_limit, scan_limit, api_limit, page_limit   per address, in flask-limiter's notation
    account_limit      failed or successful logins per account name
    max_index_lag_blocks  above this `/healthz` answers 503
    """

    data_folder: Path
    rpc_url: str
    manifest_path: Path
    base_url: str = "http://127.0.0.1:8000"
    index_url: str | None = None
    portal_url: str | None = None
    documents_folder: Path | None = None
    keys_folder: Path | None = None
    outbox_path: Path | None = None
    title: str = "ChromaTrace"
    explorer_tx_url: str | None = None
    plot_tags: tuple[str, ...] = ()
    vault: str | None = None
    reader_password: str | None = field(default=None, repr=False)
    max_file_bytes: int = 1024**3
    capture_department: str | None = None
    production: bool = False
    trusted_proxies: int = 0
    max_upload_bytes: int = 8 * 1024 * 1024
    session_hours: int = 8
    session_idle_minutes: int = 30
    login_limit: str = "20 per 5 minutes"
    account_limit: str = "10 per 15 minutes"
    scan_limit: str = "40 per minute"
    api_limit: str = "120 per minute"
    page_limit: str = "240 per minute"
    max_index_lag_blocks: int = 50

    def __post_init__(self) -> None:
        origin = urlsplit(self.base_url)
        if origin.scheme not in ("http", "https") or not origin.netloc or origin.path or origin.query:
            raise InvalidInput(
                f"an origin without a path is needed, got {self.base_url!r}",
                field="base_url",
                hint="for example https://trace.example.com",
            )
        if self.explorer_tx_url is not None and not (
            self.explorer_tx_url.startswith("https://") and "{tx}" in self.explorer_tx_url
        ):
            raise InvalidInput(
                f"an https URL with {{tx}} in it is needed, got {self.explorer_tx_url!r}", field="explorer_tx_url"
            )
        if len(self.plot_tags) > 4:
            raise InvalidInput(f"at most four tags can be plotted, got {len(self.plot_tags)}", field="plot_tags")
        for name in ("max_upload_bytes", "max_file_bytes", "session_hours", "session_idle_minutes"):
            if getattr(self, name) <= 0:
                raise InvalidInput(f"a number above 0 is needed, got {getattr(self, name)}", field=name)
        if self.production and origin.scheme != "https":
            raise InsecureConfigurationError(
                f"production needs https, got {self.base_url!r}",
                field="base_url",
                hint="put the portal behind a TLS proxy and give its public https origin",
            )

    @property
    def secure(self) -> bool:
        """Whether the public origin is https, so that cookies can be bound to it."""
        return self.base_url.startswith("https://")

    @property
    def domain(self) -> str:
        """Host and port of the public origin: the domain of an EIP-4361 message."""
        return urlsplit(self.base_url).netloc

    @property
    def index_database(self) -> str:
        return self.index_url or f"sqlite:///{self.data_folder / 'index.db'}"

    @property
    def portal_database(self) -> str:
        return self.portal_url or f"sqlite:///{self.data_folder / 'portal.db'}"

    @property
    def documents(self) -> Path:
        return self.documents_folder or self.data_folder / "documents"

    @property
    def keys(self) -> Path:
        return self.keys_folder or self.data_folder / "keys"

    @property
    def vault_place(self) -> str:
        return self.vault or str(self.data_folder / "vault")

    @property
    def outbox(self) -> Path:
        return self.outbox_path or self.data_folder / "portal-outbox.db"

    def reject_dev_chain(self, chain_id: int) -> None:
        """In production: raises `InsecureConfiguration` on a development chain, whose keys everybody has."""
        if self.production and chain_id in DEV_CHAIN_IDS:
            raise InsecureConfigurationError(
                f"chain {chain_id} is a development chain: its keys are published",
                field="rpc_url",
                hint="name the endpoint of a real network, and its manifest",
            )
