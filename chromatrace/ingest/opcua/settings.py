"""What an OPC UA gateway connects to, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlparse

from chromatrace.domain.errors import InvalidInput

PLANT_NAMESPACE = "urn:chromatrace:plant"


@dataclass(frozen=True, slots=True)
class OpcUaSecurity:
    """User name and password, or the client's certificate with its key (DER or PEM), or both.

    With a certificate the channel is Basic256Sha256. `server_certificate` pins the server's; without it the one
    that the server presents is taken.
    """

    user: str | None = None
    password: str | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    server_certificate: Path | None = None
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.private_key is None):
            raise InvalidInput("a certificate and its private key belong together", field="certificate")


@dataclass(frozen=True, slots=True)
class OpcUaSettings:
    """Which server, which of its variables, into which channel. Raises `InvalidInput` naming the setting.

    url                    opc.tcp://host:port/path
    channel                the spool's channel
    namespace              every object of this namespace under Objects is a source, every number below it a tag
    nodes                  instead: these node ids (`ns=2;s=…`); then `source` is needed
    source                 name of the source; None: the object's browse name
    since_ns               where nothing of a tag is in the spool: fetch its history from this time on (Unix
                           nanoseconds; 0: all there is); None: begin with the live values
    once                   end when the server says that it has finished and all of it is in the spool
    publishing_interval_ms how often the server sends
    queue_size             values that the server keeps for each tag between two sendings
    buffer                 readings between network and spool; when full, the server is asked for no more
    batch                  readings in one append to the spool
    history_page           values asked for in one HistoryRead
    timeout_s              of one request
    backoff_s              first and longest pause before connecting again
    give_up_s              end where the server has been away for so long; None: wait for it for ever
    """

    url: str
    channel: str
    namespace: str = PLANT_NAMESPACE
    nodes: tuple[str, ...] = ()
    source: str | None = None
    since_ns: int | None = None
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
            raise InvalidInput(f"an URL opc.tcp://host:port/path is needed, got {self.url!r}", field="url")
        if address.username or address.password:
            raise InvalidInput("credentials do not belong into the URL", field="url", hint="give user and password")
        if not 1 <= len(self.channel) <= 120:
            raise InvalidInput(f"1 to 120 characters are needed, got {self.channel!r}", field="channel")
        if self.nodes and self.source is None:
            raise InvalidInput("is needed where nodes are named singly", field="source")
        if self.since_ns is not None and self.since_ns < 0:
            raise InvalidInput(f"0 or a time in Unix nanoseconds is needed, got {self.since_ns}", field="since_ns")
        for name in ("queue_size", "buffer", "batch", "history_page"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"at least 1 is needed, got {getattr(self, name)}", field=name)
        for name in ("publishing_interval_ms", "timeout_s"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidInput(f"more than 0 is needed, got {getattr(self, name)}", field=name)
        if self.give_up_s is not None and not 0 < self.give_up_s < float("inf"):
            raise InvalidInput(f"more than 0 is needed, got {self.give_up_s}", field="give_up_s")
        first, longest = self.backoff_s
        if not 0 < first <= longest < float("inf"):
            raise InvalidInput(f"0 < first <= longest is needed, got {self.backoff_s}", field="backoff_s")
