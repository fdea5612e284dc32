"""The portal's settings: one frozen record, checked when it is built. `docs/settings.md` lists each setting."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from app.errors import InsecureConfiguration
from chromatrace.domain.errors import InvalidInput
from chromatrace.settings import setting


@dataclass(frozen=True, slots=True)
class PortalConfig:
    """Everything that a portal worker needs. Raises `InvalidInput` or `InsecureConfiguration`.

    The first fields come from the settings of every command (`chromatrace.settings.Settings`). The others are the
    portal's own settings, in the section [portal] of the settings file.

    data_folder      holds `secret_key` and, by default, every file below
    manifest_path    deployment manifest of the chain at `rpc_url`
    base_url         public origin, without a path
    index_url        SQLAlchemy URL of the index; default `<data>/index.db`
    vault            encrypted documents of records; default `<data>/vault`
    reader_password  of the reading keys in `<keys>/readers`
    """

    SECTION: ClassVar[str] = "portal"

    data_folder: Path
    rpc_url: str
    manifest_path: Path
    base_url: str = "http://127.0.0.1:8000"
    index_url: str | None = None
    vault: str | None = None
    reader_password: str | None = field(default=None, repr=False)
    host: str = setting("127.0.0.1", "Listen address; 0.0.0.0 listens on all networks.", metavar="HOST")
    port: int = setting(8000, "Listen port; 0 takes any free port.", minimum=0, maximum=65535, metavar="PORT")
    threads: int = setting(8, "Requests served at the same time.", minimum=1, maximum=64, metavar="N")
    production: bool = setting(False, "Reject http, development chains, demonstration accounts and published keys.")
    trusted_proxies: int = setting(
        0, "Reverse proxies in front of the portal whose X-Forwarded-* headers are trusted.", minimum=0, metavar="N"
    )
    database_url: str | None = setting(
        None,
        "SQL database of accounts, sessions, scans and rate limits (SQLAlchemy URL).",
        default_text="SQLite (portal.db) in the data folder",
        metavar="URL",
    )
    documents_folder: Path | None = setting(
        None,
        "Folder of content-addressed documents.",
        folder=True,
        default_text="documents in the data folder",
        metavar="DIR",
    )
    keys_folder: Path | None = setting(
        None,
        "Folder of the accounts' encrypted keystores.",
        folder=True,
        default_text="keys in the data folder",
        metavar="DIR",
    )
    outbox_path: Path | None = setting(
        None,
        "Outbox of the accounts' transactions.",
        default_text="portal-outbox.db in the data folder",
        metavar="FILE",
    )
    account_password: str | None = setting(
        None, "Password of a new account.", secret=True, default_text="prompt", metavar="TEXT|@FILE"
    )
    title: str = setting("ChromaTrace", "Name of the portal on its pages.", metavar="TEXT")
    explorer_tx_url: str | None = setting(
        None, "https link to a transaction in a block explorer, with {tx} in it.", metavar="URL"
    )
    plot_tags: tuple[str, ...] = setting(
        (),
        "Tags to plot on the page of a lot, at most four; may be repeated.",
        default_text="the first three that vary",
        metavar="TAG",
    )
    capture_department: str | None = setting(
        None,
        "Record the digest of each captured EPCIS document on the chain, as a record of this department. The keystore "
        "must belong to a gateway of its organisation that may append there. Set it for one portal of an outbox only.",
        metavar="DEPARTMENT",
    )
    max_file_bytes: int = setting(1024**3, "Maximum size of a file that a record names.", minimum=1, metavar="BYTES")
    max_upload_bytes: int = setting(
        8 * 1024**2, "Maximum size of a photo or any other request body.", minimum=1, metavar="BYTES"
    )
    session_hours: int = setting(8, "Maximum life of a session, in hours.", minimum=1, metavar="N")
    session_idle_minutes: int = setting(30, "Maximum idle time of a session, in minutes.", minimum=1, metavar="N")
    login_limit: str = setting("20 per 5 minutes", "Rate limit of logins per address.", metavar="RATE")
    account_limit: str = setting("10 per 15 minutes", "Rate limit of logins per account name.", metavar="RATE")
    scan_limit: str = setting("40 per minute", "Rate limit of scans per address.", metavar="RATE")
    api_limit: str = setting("120 per minute", "Rate limit of API requests per address.", metavar="RATE")
    page_limit: str = setting("240 per minute", "Rate limit of pages per address.", metavar="RATE")
    max_index_lag_blocks: int = setting(
        50, "Lag of the index, in blocks, above which /healthz answers 503.", minimum=0, metavar="N"
    )

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
            raise InsecureConfiguration(
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
        return self.database_url or f"sqlite:///{self.data_folder / 'portal.db'}"

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

    def refuse_dev_chain(self, chain_id: int) -> None:
        """In production: raises `InsecureConfiguration` on a development chain, whose keys everybody has."""
        from chromatrace.ethereum.signer import DEV_CHAINS  # imports coincurve, which the command line does not need

        if self.production and chain_id in DEV_CHAINS:
            raise InsecureConfiguration(
                f"chain {chain_id} is a development chain: its keys are published",
                field="rpc_url",
                hint="name the endpoint of a real network, and its manifest",
            )
