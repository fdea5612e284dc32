"""Settings of an MQTT gateway."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.mqtt.topics import JsonTag

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class MqttSecurity:
    """User name and password, CA of the broker (None: the system's), and client certificate with its key (PEM)."""

    user: str | None = None
    password: str | None = None
    ca: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.private_key is None):
            raise InvalidInput("certificate and private_key must be given together", field="certificate")

    def context(self) -> ssl.SSLContext:
        """Return the TLS context. Raises `InvalidInput`."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise InvalidInput(f"{self.ca} is not a PEM file of certificates: {error}", field="ca") from error
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, self.private_key, password="")
            except (OSError, ssl.SSLError) as error:
                raise InvalidInput(
                    f"{self.certificate} and {self.private_key} are not a certificate and its unencrypted key: {error}",
                    field="certificate",
                ) from error
        return context


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Broker, topics and channel. Raises `InvalidInput`, which names the setting.

    url           mqtt://host:port, or mqtts://host:port with TLS
    channel       channel of the spool
    groups        Sparkplug groups; empty: all groups
    primary_host  host id of the STATE message; None: no STATE message
    json_tags     JSON topics to read instead of Sparkplug
    time_member   member of JSON objects with the source time
    time_unit     unit of a source time that is a number: s, ms, us or ns since 1970
    client_id     MQTT client id; the broker keeps the session of JSON topics for it
    buffer        maximum number of messages between network and spool
    batch         maximum number of messages in one append to the spool
    max_payload   maximum size of a payload in bytes
    keep_alive_s  interval of keep-alive messages
    timeout_s     timeout of the connection and the subscription
    backoff_s     minimum and maximum pause before a reconnect
    give_up_s     maximum time without a connection; None: unlimited
    """

    url: str
    channel: str
    groups: tuple[str, ...] = ()
    primary_host: str | None = None
    json_tags: tuple[JsonTag, ...] = ()
    time_member: str = "timestamp"
    time_unit: str = "ms"
    client_id: str = ""
    buffer: int = 10_000
    batch: int = 1_000
    max_payload: int = 1 << 20
    keep_alive_s: int = 30
    timeout_s: float = 10.0
    backoff_s: tuple[float, float] = (0.2, 30.0)
    give_up_s: float | None = None
    security: MqttSecurity = MqttSecurity()

    def __post_init__(self) -> None:
        try:
            address = urlsplit(self.url)
            port = address.port
        except ValueError as error:
            raise InvalidInput(f"{self.url!r} is not a valid URL: {error}", field="url") from error
        if address.scheme not in _PORTS or not address.hostname or port == 0 or address.path not in ("", "/"):
            raise InvalidInput(f"expected mqtt://host:port or mqtts://host:port, got {self.url!r}", field="url")
        if address.username or address.password:
            raise InvalidInput("the URL must not contain credentials", field="url", hint="use user and password")
        if not self.encrypted and (self.security.ca or self.security.certificate):
            raise InvalidInput(f"{self.url} has no encryption, so it has no certificates", field="url", hint="mqtts://")
        if not 1 <= len(self.channel) <= 120:
            raise InvalidInput(f"expected 1 to 120 characters, got {self.channel!r}", field="channel")
        for name, level in [("group", group) for group in self.groups] + [("primary_host", self.primary_host)]:
            if level is not None and (not level or any(sign in level for sign in "/+#\0")):
                raise InvalidInput(f"{level!r} is not one level of a topic without wildcards", field=name)
        if self.json_tags and (self.groups or self.primary_host is not None):
            raise InvalidInput("JSON topics exclude Sparkplug groups and a primary host", field="topic")

    @property
    def encrypted(self) -> bool:
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]

    @property
    def persistent(self) -> bool:
        """Whether the broker keeps the session. Sparkplug requires a clean session (specification 3.0.0)."""
        return bool(self.json_tags)

    def may_have(self, source: str) -> bool:
        """Return whether readings of `source` may come from these topics. Other gateways may use the same channel."""
        if self.json_tags:
            return any(tag.key.source == source for tag in self.json_tags)
        group, _, node = source.partition("/")
        return bool(node) and (not self.groups or group in self.groups)

    @property
    def subscriptions(self) -> list[tuple[str, int]]:
        """Topic filters with QoS."""
        if self.json_tags:
            return [(topic, 1) for topic in dict.fromkeys(tag.topic for tag in self.json_tags)]
        filters = [
            (f"spBv1.0/{group}/{kind}/+{device}", 1)
            for group in self.groups or ("+",)
            for kind, device in (
                ("NBIRTH", ""),
                ("NDATA", ""),
                ("NDEATH", ""),
                ("DBIRTH", "/+"),
                ("DDATA", "/+"),
                ("DDEATH", "/+"),
            )
        ]
        return filters + ([(self.state_topic, 1)] if self.primary_host is not None else [])

    @property
    def state_topic(self) -> str:
        return f"spBv1.0/STATE/{self.primary_host}"
