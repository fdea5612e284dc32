"""The portal's settings. `docs/settings.md` lists each one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from app.errors import InsecureConfigurationError
from chromatrace.domain.errors import InvalidInput
from chromatrace.settings import Declaration, declarations, setting

if TYPE_CHECKING:
    from app.proxies import Network

MAX_PLOTS = 4
MIN_SECRET = 32


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """The configuration of a portal worker. Raises `InvalidInput` or `InsecureConfigurationError`.

    The first fields come from the settings of every command (`chromatrace.settings.Settings`). The others are the
    portal's own settings, in the section [portal] of the settings file.

    data_folder      holds `secret_key` and, by default, every file below
    manifest_path    deployment manifest of the chain at `rpc_url`
    base_url         public origin, without a path
    index_url        SQLAlchemy URL of the index; default `<data>/index.db`
    twin_url         SQLAlchemy URL of the digital twin; default `<data>/twin.db`
    vault            encrypted documents of records; default `<data>/vault`
    reader_password  of the reader keys in `<keys>/readers`
    label_font       TrueType font of product names on label sheets
    """

    SECTION: ClassVar[str] = "portal"

    data_folder: Path
    rpc_url: str
    manifest_path: Path
    base_url: str = "http://127.0.0.1:8000"
    index_url: str | None = None
    twin_url: str | None = None
    vault: str | None = None
    reader_password: str | None = field(default=None, repr=False)
    label_font: Path | None = None
    host: str = setting("127.0.0.1", "Listen address; 0.0.0.0 listens on all networks.", metavar="HOST")
    port: int = setting(8000, "Listen port; 0 takes any free port.", minimum=0, maximum=65535, metavar="PORT")
    workers: int | None = setting(
        None, "Worker processes.", minimum=1, maximum=64, default_text="one per core", metavar="N"
    )
    threads: int = setting(8, "Requests that a worker serves at the same time.", minimum=1, maximum=64, metavar="N")
    production: bool = setting(False, "Reject http, development chains, demonstration accounts and published keys.")
    trusted_proxies: tuple[str, ...] = setting(
        (),
        "Address or network of a reverse proxy whose X-Forwarded-For header is trusted, such as 127.0.0.1 or "
        "10.0.0.0/8; may be repeated.",
        metavar="ADDRESS",
    )
    database_url: str | None = setting(
        None,
        "SQL database of accounts, sessions, scans and rate limits (SQLAlchemy URL).",
        default_text="SQLite (portal.db) in the data folder",
        metavar="URL",
    )
    secret_key: str | None = setting(
        None,
        "Key that signs cookies and forms, at least 32 characters.",
        secret=True,
        default_text="secret_key in the data folder, generated at the first start",
        metavar="TEXT|@FILE",
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
    plant_organisation: int | None = setting(
        None,
        "Number of the organisation that runs the plant of the spool. Its operators may open the workshop pages, which "
        "show readings.",
        minimum=1,
        default_text="no workshop pages",
        metavar="N",
    )
    capture_department: str | None = setting(
        None,
        "Record the digest of each captured EPCIS document on the chain, as a record of this department. The keystore "
        "must belong to a gateway of its organisation that may append there. Set it for one portal of an outbox only.",
        metavar="DEPARTMENT",
    )
    max_file_bytes: int = setting(1024**3, "Maximum size of a file that a record names.", minimum=1, metavar="BYTES")
    max_upload_bytes: int = setting(
        20 * 1024**2, "Maximum size of a photo or any other request body.", minimum=1, metavar="BYTES"
    )
    session_hours: int = setting(8, "Maximum life of a session, in hours.", minimum=1, metavar="N")
    session_idle_minutes: int = setting(30, "Maximum idle time of a session, in minutes.", minimum=1, metavar="N")
    login_limit: str = setting(
        "20 per 5 minutes",
        "Wallet logins per address, and wrong passwords per address after which attempts are delayed, at most by the "
        "period.",
        metavar="RATE",
    )
    account_limit: str = setting(
        "5 per 15 minutes",
        "Wrong passwords for an account from one device or address after which attempts are delayed, at most by the "
        "period.",
        metavar="RATE",
    )
    scan_limit: str = setting("40 per minute", "Rate limit of scans per address.", metavar="RATE")
    api_limit: str = setting("120 per minute", "Rate limit of API requests per address.", metavar="RATE")
    capture_limit: int = setting(
        100_000, "EPCIS events and documents that an organisation may capture within a day.", minimum=1, metavar="N"
    )
    query_limit_ms: int = setting(
        120, "Time that the database may take for an EPCIS query, in milliseconds.", minimum=1, metavar="N"
    )
    page_limit: str = setting("240 per minute", "Rate limit of pages per address.", metavar="RATE")
    max_index_lag_blocks: int = setting(
        50, "Lag of the index, in blocks, above which /healthz returns 503.", minimum=0, metavar="N"
    )

    def __post_init__(self) -> None:
        origin = urlsplit(self.base_url)
        if origin.scheme not in ("http", "https") or not origin.netloc or origin.path or origin.query:
            raise InvalidInput(
                f"{self.base_url!r} is not an origin; expected scheme and host without a path",
                field="base_url",
                hint="for example https://trace.example.com",
            )
        if self.explorer_tx_url is not None and not (
            self.explorer_tx_url.startswith("https://") and "{tx}" in self.explorer_tx_url
        ):
            raise InvalidInput(
                f"{self.explorer_tx_url!r} is not an https URL that contains {{tx}}", field="explorer_tx_url"
            )
        if len(self.plot_tags) > MAX_PLOTS:
            raise InvalidInput(f"got {len(self.plot_tags)} tags; the maximum is {MAX_PLOTS}", field="plot_tags")
        for declaration in declarations(PortalSettings):
            self._check(declaration)
        _ = self.proxy_networks
        if self.secret_key is not None and len(self.secret_key) < MIN_SECRET:
            raise InsecureConfigurationError(
                f"the secret key has {len(self.secret_key)} characters; at least {MIN_SECRET} are required",
                field="secret_key",
                hint="generate one: `openssl rand -hex 32`",
            )
        if self.production and origin.scheme != "https":
            raise InsecureConfigurationError(
                f"{self.base_url!r} is not https, which production requires",
                field="base_url",
                hint="run the portal behind a TLS proxy and set its public https origin",
            )

    def _check(self, declaration: Declaration) -> None:
        value, minimum = getattr(self, declaration.name), declaration.minimum
        if minimum is not None and value is not None and value < minimum:
            raise InvalidInput(f"{declaration.name} is {value}; it must be at least {minimum}", field=declaration.name)
        if declaration.metavar == "RATE":
            from limits import parse

            try:
                parse(value)
            except ValueError as error:
                raise InvalidInput(
                    f"{value!r} is not a valid rate", field=declaration.name, hint="for example 20 per 5 minutes"
                ) from error

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The networks of `trusted_proxies`. Raises `InvalidInput`."""
        try:
            return tuple(ip_network(text) for text in self.trusted_proxies)
        except ValueError as error:
            raise InvalidInput(
                f"invalid address or network: {error}",
                field="trusted_proxies",
                hint="for example 127.0.0.1 or 10.0.0.0/8",
            ) from error

    @property
    def worker_count(self) -> int:
        """Number of worker processes."""
        return self.workers or os.cpu_count() or 1

    @property
    def secure(self) -> bool:
        """Whether the public origin is https."""
        return self.base_url.startswith("https://")

    @property
    def domain(self) -> str:
        """Host and port of the public origin, which is the domain of EIP-4361 messages."""
        return urlsplit(self.base_url).netloc

    @property
    def index_database(self) -> str:
        """SQLAlchemy URL of the index."""
        return self.index_url or f"sqlite:///{self.data_folder / 'index.db'}"

    @property
    def twin_database(self) -> str:
        """SQLAlchemy URL of the digital twin."""
        return self.twin_url or f"sqlite:///{self.data_folder / 'twin.db'}"

    @property
    def portal_database(self) -> str:
        """SQLAlchemy URL of the portal's own tables."""
        return self.database_url or f"sqlite:///{self.data_folder / 'portal.db'}"

    @property
    def documents(self) -> Path:
        """Folder of content-addressed documents."""
        return self.documents_folder or self.data_folder / "documents"

    @property
    def keys(self) -> Path:
        """Folder of keystores."""
        return self.keys_folder or self.data_folder / "keys"

    @property
    def vault_location(self) -> str:
        """Folder or s3:// URL of encrypted documents."""
        return self.vault or str(self.data_folder / "vault")

    @property
    def outbox(self) -> Path:
        """Outbox of the accounts' transactions."""
        return self.outbox_path or self.data_folder / "portal-outbox.db"

    def require_proxy(self) -> None:
        """Raise `InsecureConfigurationError` in production without trusted proxies.

        The built-in server has no TLS, so every request comes from a proxy: without its address, all visitors would
        share one rate limit.
        """
        if self.production and not self.trusted_proxies:
            raise InsecureConfigurationError(
                "production requires the address of the TLS proxy",
                field="trusted_proxies",
                hint="for example --trusted-proxies 127.0.0.1",
            )

    def reject_dev_chain(self, chain_id: int) -> None:
        """Raise `InsecureConfigurationError` for a development chain in production."""
        from chromatrace.ethereum.signer import DEV_CHAINS  # imports coincurve, which the command line does not need

        if self.production and chain_id in DEV_CHAINS:
            raise InsecureConfigurationError(
                f"chain {chain_id} is a development chain, whose keys are public",
                field="rpc_url",
                hint="set the endpoint and the manifest of a production chain",
            )
