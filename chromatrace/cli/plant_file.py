"""`chromatrace plant check` and `plant init`: check a plant file, and write a first one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.connections import confirm_unencrypted, mqtt_password, opcua_password
from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import emit, json_option, print_line, print_note, progress
from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.ingest.gateway.encryption import unencrypted_risk
from chromatrace.number_types import FiniteRange
from chromatrace.plant.configuration import example_plants, load_plant, plant_path
from chromatrace.plant.errors import PlantError
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver
from chromatrace.storage.toml import Mistake

if TYPE_CHECKING:
    from chromatrace.ingest.mqtt.settings import MqttSettings
    from chromatrace.plant.discovery import Discovery

_COUNTED = (
    *("stations", "tags", "sources", "machines", "instruments"),
    *("products", "check_sheets", "channels", "layouts"),
)
_MAX_LEFT_OUT = 50


@click.command()
@click.argument("file")
@json_option
def check(file: str, as_json: bool) -> None:
    """Check the plant FILE (TOML), or a shipped plant by its name.

    All mistakes are listed, each with file, line and key; the exit status is then 1. Checked are syntax, keys and
    values, references between sections, units, the limits of check sheets, and that each named file exists.
    """
    path = plant_path(file) if file in example_plants() else Path(file)
    try:
        plant = load_plant(path, complete=True)
    except PlantError as error:
        if not error.mistakes:
            raise
        _report(path, error.mistakes, as_json)
        raise SystemExit(1) from error
    facts = {"file": str(path), "plant": plant.name} | {name: len(getattr(plant, name)) for name in _COUNTED}
    emit(as_json, facts | {"mistakes": []})


def _report(path: Path, mistakes: Sequence[Mistake], as_json: bool) -> None:
    def human() -> None:
        for mistake in mistakes:
            print_line(f"{path}:{mistake}")
        print_line(f"mistakes: {len(mistakes)}")

    emit(as_json, {"file": str(path), "mistakes": [asdict(mistake) for mistake in mistakes]}, human)


@click.command()
@click.option("--opcua", "opcua_url", metavar="URL", help="Browse this OPC UA server.")
@click.option("--mqtt", "mqtt_url", metavar="URL", help="Listen to this MQTT broker for Sparkplug births.")
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Read this table: CSV, or another format of `ingest file`.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Plant file to write."
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.option("--name", help="Name of the plant. Default: the name of the file.")
@click.option(
    "--seconds",
    type=FiniteRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Time to listen for births.",
)
@click.option("--group", "groups", multiple=True, help="Sparkplug group; may be repeated. Default: all groups.")
@click.option("--user", help="User name. The password is the setting opcua_password or mqtt_password, or prompted for.")
@click.option("--certificate", type=click.Path(path_type=Path, exists=True), help="Client certificate.")
@click.option("--private-key", type=click.Path(path_type=Path, exists=True), help="Private key of the certificate.")
@click.option("--ca", type=click.Path(path_type=Path, exists=True), help="CA of the broker (PEM).")
@click.option("--unencrypted", is_flag=True, help="Accept a connection without encryption and authentication.")
@click.option("--columns", help="Table: tags of a table without a header.")
@click.option("--start", help="Table: time of the first row, or of the start of elapsed times (RFC 3339).")
@click.option("--step", help="Table: time between the rows of a table without times.")
@click.option("--time-zone", help="Table: IANA time zone of times without an offset.")
@click.option("--date-format", help="Table: format of the times, such as %d/%m/%Y.")
@click.option("--time-unit", help="Table: unit of a numeric time column since 1970: s, ms, us or ns.")
@click.option("--decimal", type=click.Choice([".", ","]), help="Table: decimal mark.")
@json_option
@click.pass_obj
def init(
    workspace: Workspace,
    /,
    opcua_url: str | None,
    mqtt_url: str | None,
    table: Path | None,
    output: Path,
    force: bool,
    name: str | None,
    seconds: float,
    groups: tuple[str, ...],
    user: str | None,
    certificate: Path | None,
    private_key: Path | None,
    ca: Path | None,
    unencrypted: bool,
    as_json: bool,
    **options: str | None,
) -> None:
    """Write a first plant file from a live OPC UA server, Sparkplug births or a table.

    The file has the source, its tags with their units, and comments that show what to add. `plant check` accepts it.

    \b
    Example:
      chromatrace plant init --opcua opc.tcp://press.example:4840 -o plant.toml
    """
    from chromatrace.plant.draft import draft_plant

    if sum(source is not None for source in (opcua_url, mqtt_url, table)) != 1:
        raise InvalidInput("give one of --opcua, --mqtt and --csv", field="opcua")
    if output.is_file() and not force:
        raise Conflict(f"{output} exists", field="output", hint="choose another name, or replace it with --force")
    if table is not None:
        found = _from_table(table, {key: value for key, value in options.items() if value is not None}, output.parent)
    else:
        url = str(opcua_url or mqtt_url)
        keys = _security_keys(url, user, {"certificate": certificate, "private_key": private_key, "ca": ca}, output)
        if "accept_unencrypted" in keys and not unencrypted:
            confirm_unencrypted(url, user)
        with progress(f"reading {url}", hidden=as_json):
            if opcua_url is not None:
                found = _from_opcua(workspace, url, user, certificate, private_key, keys)
            else:
                settings = _mqtt_settings(workspace, url, groups, user, ca, certificate, private_key)
                found = _from_mqtt(settings, seconds, keys)
    text = draft_plant(name or output.stem, found.sources, found.left_out[:_MAX_LEFT_OUT])
    deliver(output, [text.encode()])

    def human() -> None:
        print_line(f"{output}: {found.tags:,} tags of {len(found.sources)} sources")
        for note in found.left_out[:_MAX_LEFT_OUT]:
            print_note(note, mark="not read:", style="yellow")
        print_line(f"Complete the file, then run: chromatrace plant check {output}")

    facts = {"file": str(output), "sources": len(found.sources), "tags": found.tags, "left_out": found.left_out}
    emit(as_json, facts, human)


def _security_keys(url: str, user: str | None, files: dict[str, Path | None], output: Path) -> dict[str, Any]:
    """Return the keys of the source for the security of the connection, with paths relative to the plant file."""
    folder = output.parent.resolve()
    keys: dict[str, Any] = {
        name: os.path.relpath(path.resolve(), folder) for name, path in files.items() if path is not None
    }
    if user is not None:
        keys |= {"user": user, "password_file": f"{output.stem}.password"}
    encrypted = url.startswith("mqtts:") or (url.startswith("opc.tcp:") and "certificate" in keys)
    if not encrypted and unencrypted_risk(url, user) is not None:
        keys["accept_unencrypted"] = True
    return keys


def _from_opcua(
    workspace: Workspace,
    url: str,
    user: str | None,
    certificate: Path | None,
    private_key: Path | None,
    keys: dict[str, Any],
) -> Discovery:
    from chromatrace.ingest.opcua.settings import OpcUaSecurity, OpcUaSettings
    from chromatrace.ingest.opcua.trust import trusted_certificates
    from chromatrace.plant.discovery import discover_opcua

    trusted = trusted_certificates(workspace.opcua_trust_folder)
    security = OpcUaSecurity(user, opcua_password(workspace, user), certificate, private_key, trusted)
    return discover_opcua(OpcUaSettings(url, "init", security=security), keys)


def _mqtt_settings(
    workspace: Workspace,
    url: str,
    groups: tuple[str, ...],
    user: str | None,
    ca: Path | None,
    certificate: Path | None,
    private_key: Path | None,
) -> MqttSettings:
    from chromatrace.ingest.mqtt.settings import MqttSecurity, MqttSettings

    security = MqttSecurity(user, mqtt_password(workspace, user), ca, certificate, private_key)
    return MqttSettings(url, "init", groups=groups, security=security)


def _from_mqtt(settings: MqttSettings, seconds: float, keys: dict[str, Any]) -> Discovery:
    from chromatrace.plant.discovery import discover_mqtt

    return discover_mqtt(settings, seconds, stop_event(), keys)


def _from_table(table: Path, options: dict[str, Any], folder: Path) -> Discovery:
    from chromatrace.ingest.layout import layout_for
    from chromatrace.plant.discovery import discover_file

    return discover_file(table, layout_for(**options), options, folder)
