"""Settings of an OPC UA gateway."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlparse

from chromatrace.domain.errors import InvalidInput

PLANT_NAMESPACE = "urn:chromatrace:plant"


@dataclass(frozen=True, slots=True)
class OpcUaSecurity:
    """User name and password, or a client certificate with its private key (DER or PEM), or both.

    With a certificate, the security policy is Basic256Sha256, and the server's certificate must be one of `trusted`
    (DER). It is checked before a password is sent.
    """

    user: str | None = None
    password: str | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    trusted: frozenset[bytes] = frozenset()
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.private_key is None):
            raise InvalidInput("certificate and private_key must be given together", field="certificate")


@dataclass(frozen=True, slots=True)
class OpcUaSettings:
    """Server, variables and channel. Raises `InvalidInput`, which names the setting.

    url                    opc.tcp://host:port/path
    channel                channel of the spool
    namespace              each object of this namespace under Objects is a source, each numeric variable below it a tag
    nodes                  node ids to read instead (`ns=2;s=…`); requires `source`
    source                 name of the source; None: the browse name of the object
    since_ns               start of the history to read for tags without stored readings (Unix nanoseconds; 0: all of
                           it); None: start with the live values
    events                 store the events and alarms of the server, if it has them
    once                   end when the server reports that it has finished and all its values are stored
    publishing_interval_ms interval at which the server publishes
    queue_size             values that the server queues for each tag between two notifications
    buffer                 maximum number of readings between network and spool
    batch                  maximum number of readings in one append to the spool
    history_page           maximum number of values in one HistoryRead response
    timeout_s              timeout of a request
    backoff_s              minimum and maximum pause before a reconnect
    give_up_s              maximum time without a connection; None: unlimited
    """

    url: str
    channel: str
    namespace: str = PLANT_NAMESPACE
    nodes: tuple[str, ...] = ()
    source: str | None = None
    since_ns: int | None = None
    events: bool = True
    once: bool = False
    publishing_interval_ms: float = 200.0
    queue_size: int = 1_000
    buffer: int = 50_000
    batch: int = 8_192
    history_page: int = 5_000
    timeout_s: float = 10.0
    backoff_s: tuple[float, float] = (0.2, 30.0)
    give_up_s: float | None = None
    security: OpcUaSecurity = OpcUaSecurity()

    def __post_init__(self) -> None:
        address = urlparse(self.url)
        if address.scheme != "opc.tcp" or not address.hostname:
            raise InvalidInput(f"expected opc.tcp://host:port/path, got {self.url!r}", field="url")
        if address.username or address.password:
            raise InvalidInput("the URL must not contain credentials", field="url", hint="use user and password")
        if not 1 <= len(self.channel) <= 120:
            raise InvalidInput(f"expected 1 to 120 characters, got {self.channel!r}", field="channel")
        if self.nodes and self.source is None:
            raise InvalidInput("required if nodes are given", field="source")
        if self.since_ns is not None and self.since_ns < 0:
            raise InvalidInput(f"{self.since_ns} is negative; it must be at least 0", field="since_ns")
        for name in ("queue_size", "buffer", "batch", "history_page"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{getattr(self, name)} is too small; it must be at least 1", field=name)
        for name in ("publishing_interval_ms", "timeout_s"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidInput(f"{getattr(self, name)} is not a finite number above 0", field=name)
        if self.give_up_s is not None and not 0 < self.give_up_s < float("inf"):
            raise InvalidInput(f"{self.give_up_s} is not a finite number above 0", field="give_up_s")
        minimum, maximum = self.backoff_s
        if not 0 < minimum <= maximum < float("inf"):
            raise InvalidInput(f"expected 0 < minimum <= maximum, got {self.backoff_s}", field="backoff_s")
