"""The sources of a plant file: machines and files that the gateway reads, each with the settings of its protocol."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.gateway.encryption import unencrypted_risk
from chromatrace.ingest.modbus.register_map import read_map
from chromatrace.ingest.modbus.settings import ModbusSettings, parse_address
from chromatrace.ingest.mqtt.settings import MqttSecurity, MqttSettings
from chromatrace.ingest.mqtt.topics import JsonTag, check_tags, json_tag
from chromatrace.ingest.opcua.settings import PLANT_NAMESPACE, OpcUaSecurity, OpcUaSettings
from chromatrace.ingest.times import TIME_UNITS
from chromatrace.plant.names import Names
from chromatrace.storage.toml import TomlTable

_MAX_SECRET = 4_096
_MODES = ("None", "Sign", "SignAndEncrypt")


@dataclass(frozen=True, slots=True)
class OpcUaSource:
    """An OPC UA server. `settings` are complete except for the password and the trusted certificates."""

    id: str
    settings: OpcUaSettings
    password_file: Path | None = None
    trust: tuple[Path, ...] = ()

    @property
    def channel(self) -> str:
        return self.settings.channel

    def connection(self, trusted: frozenset[bytes] = frozenset()) -> OpcUaSettings:
        """Return the settings with the content of the files. `trusted` are more certificates (DER).

        Raises `InvalidInput` if a file cannot be read.
        """
        from chromatrace.ingest.opcua.trust import read_certificate  # imports asyncua, which is slow

        security = replace(
            self.settings.security,
            password=_secret(self.password_file),
            trusted=trusted | frozenset(map(read_certificate, self.trust)),
        )
        return replace(self.settings, security=security)


@dataclass(frozen=True, slots=True)
class MqttSource:
    """An MQTT broker. `settings` are complete except for the password."""

    id: str
    settings: MqttSettings
    password_file: Path | None = None

    @property
    def channel(self) -> str:
        return self.settings.channel

    def connection(self) -> MqttSettings:
        """Return the settings with the password. Raises `InvalidInput` if its file cannot be read."""
        security = replace(self.settings.security, password=_secret(self.password_file))
        return replace(self.settings, security=security)


@dataclass(frozen=True, slots=True)
class ModbusSource:
    """The Modbus devices behind one address."""

    id: str
    settings: ModbusSettings

    @property
    def channel(self) -> str:
        return self.settings.channel


@dataclass(frozen=True, slots=True)
class HttpSource:
    """Programs that push readings to the gateway. The file has the hashes of their tokens."""

    id: str
    channel: str
    token_file: Path


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder whose new files are read. `layout` is the name of a layout; None: each file shows its own."""

    id: str
    channel: str
    path: Path
    pattern: str = "*"
    layout: str | None = None

    def matches(self, name: str) -> bool:
        """Return whether the folder's file of that name is read."""
        return fnmatch.fnmatchcase(name, self.pattern)


PlantSource: TypeAlias = OpcUaSource | MqttSource | ModbusSource | HttpSource | FolderSource


def read_source(table: TomlTable, names: Names, folder: Path) -> PlantSource | None:
    """Read one of [[sources]]. `folder` is that of the plant file, to which paths are relative."""
    source_id = table.text("id", maximum=60)
    channel = table.reference("channel", "channel", names["channels"])
    protocol = table.choice("protocol", tuple(_READERS))
    if not table.valid and table.value("protocol") not in _READERS:
        return None  # the other keys depend on the protocol
    return _READERS[protocol](table, source_id, channel, names, folder)


def _opcua(table: TomlTable, source_id: str, channel: str, names: Names, folder: Path) -> OpcUaSource | None:
    table.aliases(url="endpoint")
    url = table.text("endpoint")
    user, password_file = _user(table, folder)
    certificate, private_key = _file(table, "certificate", folder), _file(table, "private_key", folder)
    mode = table.choice("security", _MODES, "None" if certificate is None else "SignAndEncrypt")
    if mode == "None" and certificate is not None:
        table.mistake("security", "None does not use the certificate", "write Sign or SignAndEncrypt")
    if mode != "None" and certificate is None:
        table.mistake("certificate", f"missing; security {mode} requires a certificate and its private key")
    if url:
        _check(table, lambda: OpcUaSettings(url, "any"))
    _accept_unencrypted(table, "endpoint", url, user, encrypted=mode != "None")
    trust = tuple(table.file(name, path) for name, path in _files(table, "trust", folder))
    options: dict[str, Any] = {
        "namespace": table.text("namespace", PLANT_NAMESPACE),
        "nodes": table.texts("nodes", ()),
        "source": table.optional_text("source", maximum=120),
        "since_ns": 0 if table.boolean("history", False) else None,
        "publishing_interval_ms": table.number("publishing_interval_ms", 200.0, above=0),
        "queue_size": table.integer("queue_size", 1_000, at_least=1),
        "give_up_s": table.optional_number("give_up_s", above=0),
    }

    def create() -> OpcUaSource:
        security = OpcUaSecurity(user, None, certificate, private_key)
        if mode != "None":
            security = replace(security, mode=cast(Literal["Sign", "SignAndEncrypt"], mode))
        return OpcUaSource(source_id, OpcUaSettings(url, channel, security=security, **options), password_file, trust)

    return table.build(create)


def _mqtt(table: TomlTable, source_id: str, channel: str, names: Names, folder: Path) -> MqttSource | None:
    table.aliases(group="groups", topic="topics")
    url = table.text("url")
    user, password_file = _user(table, folder)
    files = [_file(table, name, folder) for name in ("ca", "certificate", "private_key")]
    if url:
        _check(table, lambda: MqttSettings(url, "any"))
    _accept_unencrypted(table, "url", url, user, encrypted=url.startswith("mqtts:"))
    topics = table.parts(_topic(item) for item in table.tables("topics"))
    _check(table, lambda: check_tags(topics))
    options: dict[str, Any] = {
        "groups": table.texts("groups", ()),
        "primary_host": table.optional_text("primary_host"),
        "json_tags": topics,
        "time_member": table.text("time_member", "timestamp"),
        "time_unit": table.choice("time_unit", TIME_UNITS, "ms"),
        "client_id": table.text("client_id", ""),
        "give_up_s": table.optional_number("give_up_s", above=0),
    }

    def create() -> MqttSource:
        settings = MqttSettings(url, channel, security=MqttSecurity(user, None, *files), **options)
        return MqttSource(source_id, settings, password_file)

    return table.build(create)


def _topic(table: TomlTable) -> JsonTag | None:
    return table.build(
        json_tag,
        table.text("topic"),
        table.optional_text("pointer"),
        table.text("source", maximum=120),
        table.text("tag", maximum=120),
        table.text("unit", "", maximum=120),
    )


def _modbus(table: TomlTable, source_id: str, channel: str, names: Names, folder: Path) -> ModbusSource | None:
    address = table.text("address")
    register_map = read_map(table)
    timeout_s = table.number("timeout_s", 3.0, above=0)
    give_up_s = table.optional_number("give_up_s", above=0)
    if address:
        _check(table, lambda: parse_address(address))

    def create() -> ModbusSource:
        host, port = parse_address(address)
        settings = ModbusSettings(host, port, channel, register_map, timeout_s=timeout_s, give_up_s=give_up_s)
        return ModbusSource(source_id, settings)

    return table.build(create)


def _http(table: TomlTable, source_id: str, channel: str, names: Names, folder: Path) -> HttpSource | None:
    return table.build(HttpSource, source_id, channel, table.file("token_file", folder / table.text("token_file")))


def _folder(table: TomlTable, source_id: str, channel: str, names: Names, folder: Path) -> FolderSource | None:
    return table.build(
        FolderSource,
        source_id,
        channel,
        table.file("path", folder / table.text("path")),
        table.text("pattern", "*"),
        table.reference("layout", "layout", names["layouts"], "") or None,
    )


_READERS: Mapping[str, Callable[[TomlTable, str, str, Names, Path], PlantSource | None]] = {
    "opcua": _opcua,
    "mqtt": _mqtt,
    "modbus": _modbus,
    "http": _http,
    "folder": _folder,
}


def _user(table: TomlTable, folder: Path) -> tuple[str | None, Path | None]:
    user, password_file = table.optional_text("user"), _file(table, "password_file", folder)
    if user is None and password_file is not None:
        table.mistake("user", "missing; the password needs a user name")
    if user is not None and password_file is None:
        table.mistake("password_file", "missing; the user needs a password")
    return user, password_file


def _file(table: TomlTable, name: str, folder: Path) -> Path | None:
    """Return the path of a file that the table names, or None."""
    text = table.optional_text(name)
    return None if text is None else table.file(name, folder / text)


def _files(table: TomlTable, name: str, folder: Path) -> list[tuple[str, Path]]:
    return [(f"{name}[{index}]", folder / text) for index, text in enumerate(table.texts(name, ()))]


def _check(table: TomlTable, check: Callable[[], object]) -> None:
    """Add the error of a check as a mistake."""
    try:
        check()
    except InvalidInput as error:
        table.error(error)


def _accept_unencrypted(table: TomlTable, name: str, url: str, user: str | None, *, encrypted: bool) -> None:
    """Require `accept_unencrypted = true` if a password or a remote connection is not encrypted."""
    accepted = table.boolean("accept_unencrypted", False)
    risk = None if encrypted else unencrypted_risk(url, user)
    if url and risk is not None and not accepted:
        table.mistake(name, risk, "use an encrypted connection, or write accept_unencrypted = true")


def _secret(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", field="password_file") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text", field="password_file") from error
    if not 1 <= len(text) <= _MAX_SECRET:
        raise InvalidInput(f"{path} has {len(text):,} characters; expected 1 to {_MAX_SECRET:,}", field="password_file")
    return text
