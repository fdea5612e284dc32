"""Settings. Each is declared once, as a dataclass field with `setting`.

The declaration gives the command-line option, the environment variable, the key in the settings file and the row in
`docs/settings.md`. An option overrides the environment, which overrides the file, which overrides the default.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, TypeVar, Union

import click

from chromatrace.domain.errors import InvalidInput
from chromatrace.number_types import WholeRange

FILE_NAME = "chromatrace.toml"
"""Settings file in the data folder, read if it exists and no other file is named."""

SECTIONS_GROUP = "chromatrace.settings"
"""Entry points of further declarations: name of the section = module:class."""

_DECLARATION = "chromatrace.setting"
_TOML_TYPES = {str: "a string", Path: "a string", int: "an integer", bool: "true or false", tuple: "a list of strings"}

T = TypeVar("T")


def setting(
    default: T,
    help: str,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    folder: bool = False,
    secret: bool = False,
    default_text: str | None = None,
    metavar: str | None = None,
) -> T:
    """Declare a dataclass field as a setting; its type is the field's annotation.

    minimum, maximum  bounds of an integer
    folder            a path names a folder, not a file
    secret            the value may be `@FILE` (the first line of FILE) and is never shown
    default_text      description of the default if the value alone does not describe it
    """
    declared = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "folder": folder,
        "secret": secret,
        "default_text": default_text,
        "metavar": metavar,
    }
    field: T = dataclasses.field(default=default, repr=not secret, metadata={_DECLARATION: declared})
    return field


@dataclass(frozen=True, slots=True)
class Declaration:
    """One setting of a section; the section "" holds the settings of every command."""

    section: str
    name: str
    python_type: type
    default: Any
    help: str
    minimum: int | None
    maximum: int | None
    folder: bool
    secret: bool
    default_text: str | None
    metavar: str | None

    @property
    def option(self) -> str:
        """Command-line option, such as `--rpc-url`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Environment variable, such as `CHROMATRACE_RPC_URL`."""
        return "_".join(filter(None, ("CHROMATRACE", self.section, self.name))).upper()

    @property
    def key(self) -> str:
        """Key in the settings file, such as `portal.title`."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def shown_default(self) -> str:
        """Text for help and documentation."""
        if self.default_text is not None:
            return self.default_text
        if self.default is None or self.default == ():
            return "none"
        return str(self.default).lower() if self.python_type is bool else str(self.default)

    @property
    def click_type(self) -> click.ParamType[Any]:
        """Type that parses one value."""
        if self.python_type is bool:
            return click.BOOL
        if self.python_type is int:
            return WholeRange(self.minimum, self.maximum)
        if self.python_type is Path:
            return click.Path(path_type=Path, file_okay=not self.folder, dir_okay=self.folder)
        return click.STRING

    def parse(self, text: str, source: str) -> Any:
        """Return the value of an environment variable; raises `InvalidInput` naming `source`."""
        if self.python_type is tuple:
            return tuple(part.strip() for part in text.split(",") if part.strip())
        return self._convert(text, source)

    def from_file(self, value: object, path: Path) -> Any:
        """Return the value of a TOML key; a relative path is relative to the file's folder."""
        stored_as: dict[type, type] = {Path: str, tuple: list}
        expected = stored_as.get(self.python_type, self.python_type)
        if type(value) is not expected or (type(value) is list and not all(isinstance(item, str) for item in value)):
            raise InvalidInput(
                f"{self.key} in {path} is {value!r}; expected {_TOML_TYPES[self.python_type]}", field=self.name
            )
        if isinstance(value, list):
            return tuple(value)
        if self.python_type is Path and isinstance(value, str):
            value = path.parent / value
        return self._convert(value, f"{self.key} in {path}")

    def _convert(self, value: Any, source: str) -> Any:
        try:
            return self.click_type.convert(value, None, None)
        except click.BadParameter as error:
            raise InvalidInput(f"{source}: {error.message}", field=self.name) from error


@functools.cache
def declarations(owner: type) -> tuple[Declaration, ...]:
    """Return the settings that a dataclass declares, in the order of its fields."""
    hints = typing.get_type_hints(owner)
    return tuple(
        Declaration(
            section=getattr(owner, "SECTION", ""),
            name=field.name,
            python_type=_python_type(hints[field.name]),
            default=field.default,
            **field.metadata[_DECLARATION],
        )
        for field in dataclasses.fields(owner)
        if _DECLARATION in field.metadata
    )


def _python_type(hint: Any) -> type:
    if typing.get_origin(hint) in (Union, types.UnionType):
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    origin: type = typing.get_origin(hint) or hint
    return origin


def sections() -> dict[str, type]:
    """Return every class that declares settings, by section."""
    return {"": Settings} | {point.name: point.load() for point in entry_points(group=SECTIONS_GROUP)}


@dataclass(frozen=True, slots=True)
class Value:
    """A value and its source: `option`, `environment`, `file` or `default`."""

    value: Any
    source: str


def resolve(
    owner: type,
    options: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Value]:
    """Return the value of each setting that `owner` declares.

    options  values given on the command line; None and () mean "not given"
    Raises `InvalidInput` naming the setting, and the file or variable that has it.
    """
    options = options or {}
    environment = os.environ if environment is None else environment
    declared = declarations(owner)
    table = _section(file, getattr(owner, "SECTION", ""), {declaration.name for declaration in declared})
    values = {}
    for declaration in declared:
        given = options.get(declaration.name)
        if given is not None and given != ():
            value = Value(given, "option")
        elif environment.get(declaration.variable):
            value = Value(declaration.parse(environment[declaration.variable], declaration.variable), "environment")
        elif declaration.name in table and file is not None:
            value = Value(declaration.from_file(table[declaration.name], file), "file")
        else:
            value = Value(declaration.default, "default")
        if declaration.secret:
            value = Value(_secret(declaration, value.value), value.source)
        values[declaration.name] = value
    return values


def _section(file: Path | None, section: str, known: set[str]) -> Mapping[str, Any]:
    if file is None:
        return {}
    content = _read(file)
    if section:
        table = content.get(section, {})
    else:
        tables = {name for name, value in content.items() if isinstance(value, dict)}
        for name in sorted(tables - {point.name for point in entry_points(group=SECTIONS_GROUP)}):
            raise InvalidInput(f"unknown section [{name}] in {file}", field=name, hint="see docs/settings.md")
        table = {name: value for name, value in content.items() if name not in tables}
    if not isinstance(table, dict):
        raise InvalidInput(f"{section} in {file} is not a table", field=section)
    for name in sorted(set(table) - known):
        key = f"{section}.{name}" if section else name
        raise InvalidInput(f"unknown setting {key} in {file}", field=key, hint="see docs/settings.md")
    return table


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", field="config") from error
    except ValueError as error:
        raise InvalidInput(f"{file} is not valid TOML: {error}", field="config") from error


def _secret(declaration: Declaration, value: str | None) -> str | None:
    if value is None or not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8").splitlines()[0]
    except (OSError, ValueError, IndexError) as error:
        raise InvalidInput(f"cannot read a password from {value[1:]}: {error}", field=declaration.variable) from error


@dataclass(frozen=True)
class Settings:
    """Settings of every command. Relative paths are relative to the working folder."""

    SECTION: ClassVar[str] = ""

    data: Path = setting(
        Path(".chromatrace"), "Folder of the spool, outbox, index, documents and keys.", folder=True, metavar="DIR"
    )
    config: Path | None = setting(
        None, "Settings file (TOML).", default_text="chromatrace.toml in the data folder, if present", metavar="FILE"
    )
    rpc_url: str = setting("http://127.0.0.1:8545", "JSON-RPC endpoint of the chain.", metavar="URL")
    manifest: Path | None = setting(
        None, "Deployment manifest.", default_text="deployments/<chain-id>.json in the data folder", metavar="FILE"
    )
    database_url: str | None = setting(
        None,
        "SQL database of the index, the twin and orders (SQLAlchemy URL).",
        default_text="SQLite in the data folder",
        metavar="URL",
    )
    vault: str | None = setting(
        None,
        "Encrypted documents of records: a folder, or s3://bucket/prefix?endpoint=https://host with the credentials "
        "in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        default_text="vault in the data folder",
        metavar="FOLDER|URL",
    )
    base_url: str | None = setting(
        None,
        "Base URL of QR codes and portal links.",
        default_text="http://127.0.0.1:8000; the portal: its listen address",
        metavar="URL",
    )
    label_font: Path | None = setting(
        None,
        "TrueType font (.ttf) of product names on label sheets, for scripts other than Western European.",
        metavar="FILE",
    )
    plant: str = setting(
        "engineer-to-order",
        "Plant with kinds of record and check sheets: the name of a shipped plant, or a configuration file.",
        metavar="PLANT",
    )
    keystore: Path | None = setting(None, "Encrypted keystore of the operator that signs.", metavar="FILE")
    key_password: str | None = setting(
        None, "Password of the keystore.", secret=True, default_text="prompt", metavar="TEXT|@FILE"
    )
    dev_account: int | None = setting(
        None,
        "Sign with this account of Anvil's public mnemonic instead of a keystore. Development chains only.",
        minimum=0,
        maximum=99,
        metavar="N",
    )
    station_password: str | None = setting(
        None, "Password of the station keys.", secret=True, default_text="prompt", metavar="TEXT|@FILE"
    )
    reader_password: str | None = setting(
        None, "Password of the reader keys in keys/readers, if they are encrypted.", secret=True, metavar="TEXT|@FILE"
    )
    opcua_password: str | None = setting(
        None, "Password of the OPC UA user.", secret=True, default_text="prompt", metavar="TEXT|@FILE"
    )
    mqtt_password: str | None = setting(
        None, "Password of the MQTT user.", secret=True, default_text="prompt", metavar="TEXT|@FILE"
    )

    @classmethod
    def load(cls, options: Mapping[str, Any] | None = None) -> Settings:
        """Return the settings in force; raises `InvalidInput`."""
        return cls(**{name: found.value for name, found in resolve_all(options).items()})

    @property
    def index_url(self) -> str:
        """SQLAlchemy URL of the index."""
        return self.database_url or f"sqlite:///{self.data / 'index.db'}"

    @property
    def twin_url(self) -> str:
        """SQLAlchemy URL of the twin's tables."""
        return self.database_url or f"sqlite:///{self.data / 'twin.db'}"

    @property
    def operations_url(self) -> str:
        """SQLAlchemy URL of orders and other data of the plant's operation, which the chain cannot restore."""
        return self.database_url or f"sqlite:///{self.data / 'operations.db'}"

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
    def vault_location(self) -> str:
        """Folder or s3:// URL of the encrypted documents of records."""
        return self.vault or str(self.data / "vault")

    @property
    def keys_folder(self) -> Path:
        return self.data / "keys"

    @property
    def code_url(self) -> str:
        """Base URL of QR codes."""
        return self.base_url or "http://127.0.0.1:8000"

    def manifest_path(self, chain_id: int) -> Path:
        """Return the path of the manifest for a chain: `manifest`, else `deployments/<chain-id>.json` in `data`."""
        return self.manifest or self.data / "deployments" / f"{chain_id}.json"


def resolve_all(options: Mapping[str, Any] | None = None) -> dict[str, Value]:
    """Return the values of `Settings` with their sources; finds the settings file first."""
    before_file = resolve(Settings, options)
    file: Path | None = before_file["config"].value
    if file is None:
        default = before_file["data"].value / FILE_NAME
        file = default if default.exists() else None
        if file is not None and "data" in _read(file):
            raise InvalidInput(f"data cannot be set in {file}: the data folder selects this file", field="data")
    values = resolve(Settings, options, file=file)
    if values["config"].source == "file":
        raise InvalidInput(f"config cannot be set in {file}", field="config")
    return values | {"config": Value(file, before_file["config"].source)}
