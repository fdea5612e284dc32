"""`chromatrace ingest`: readings from machines and files."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.connections import confirm_unencrypted, mqtt_password, opcua_password
from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import emit, json_option, print_line, print_note, progress
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, Unavailable
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.ingest.layout import Layout

channel_option = click.option("--channel", required=True, help="Log channel of the readings; one for each gateway.")

_ONCE_GIVE_UP_S = 30.0
_MAX_SHOWN = 20
_TRUST_TIMEOUT_S = 10.0


@click.group()
def ingest() -> None:
    """Store readings from machines and files in the spool.

    Each reading is stored durably and exactly once. `chromatrace log anchor` then records the log on the chain.

    \b
    Example: the recorded Tennessee Eastman process, 960 rows of 52 columns every 3 minutes
      chromatrace ingest file d01_te.dat --channel tep \\
        --columns "XMEAS(1..41),XMV(1..11)" --start 2026-01-01T00:00:00Z --step 180s
    """


@ingest.command()
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@channel_option
@click.option(
    "--source", help="Source name, for one file. Default: its name; below a folder, its path from the folder."
)
@click.option("--preview", "only_preview", is_flag=True, help="Show how the file is interpreted; store nothing.")
@click.option("--plant", "plant_file", help="Plant file with the layout. Default: the setting `plant`.")
@click.option("--layout-name", help="Layout of the plant file. The options below change it.")
@click.option("--columns", help='Tags of a table without a header, such as "XMEAS(1..41),T[Cel],-"; - skips a column.')
@click.option("--start", help="Time of the first row, RFC 3339; or of the start if the time column has elapsed times.")
@click.option("--step", help="Time between the rows of a table without times: 180s, 3min, 500ms.")
@click.option("--delimiter", help="One of auto, space, tab, comma, semicolon, pipe. Default: auto.")
@click.option("--encoding", help="Encoding of the text, such as cp1252. Default: found from the file.")
@click.option("--skip-lines", type=WholeRange(0), help="Lines before the table. Default: found from the file.")
@click.option("--sheet", help="Name or number of the sheet of a workbook.")
@click.option("--transposed", is_flag=True, help="Each line is a tag, each column a time.")
@click.option("--layout", "shape", type=click.Choice(["wide", "long"]), help="long: the columns are tag, time, value.")
@click.option("--time-column", help='Time column; "Date,Time" for two columns.')
@click.option("--date-format", help='Format of the times, such as "%d/%m/%Y %H:%M:%S", or excel for serial days.')
@click.option("--time-zone", help="IANA time zone of times without an offset, such as Europe/Berlin.")
@click.option("--fold", type=click.Choice(["earlier", "later"]), help="Meaning of local times that occur twice.")
@click.option("--time-unit", help="Unit of a numeric time column since 1970: s, ms, us or ns.")
@click.option("--decimal", type=click.Choice([".", ","]), help="Decimal mark. Default: found from the file.")
@click.option("--missing", multiple=True, help='Text that means "no value", such as -200; may be repeated.')
@click.option("--text", multiple=True, metavar="COLUMN", help="Column of states or texts; may be repeated.")
@click.option("--quality", type=click.Choice(["opc-da", "opc-ua", "words"]), help="Scale of the quality column.")
@json_option
@click.pass_obj
def file(
    workspace: Workspace,
    /,
    paths: tuple[str, ...],
    channel: str,
    source: str | None,
    only_preview: bool,
    plant_file: str | None,
    layout_name: str | None,
    columns: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Store the readings of files: delimited text, workbooks, Parquet or JSON. Safe to re-run.

    PATH is a file, a folder or a pattern. The command finds encoding, delimiter, header, units, time format and decimal
    mark, and --preview shows them. If something is ambiguous, it is an error that shows each meaning.

    Rejected values are reported with line and field, and all others are stored; the exit status is then 1. It is also 1
    if a file has no readings. Cells without a value are normal.
    """
    from chromatrace.ingest.files import files_in, layout_for
    from chromatrace.services.records import plant_of

    if plant_file is not None and layout_name is None:
        raise InvalidInput("missing; --plant requires it", field="layout_name")
    saved = None
    if layout_name is not None:
        saved = plant_of(plant_file or workspace.settings.plant).layout(layout_name)
    layout = layout_for(saved, columns=columns, **options)
    files = files_in(paths)
    if source is not None:
        if len(files) > 1:
            raise InvalidInput(f"--source names one file, but there are {len(files)}", field="source")
        files = dict.fromkeys(files, source)
    if only_preview:
        _preview(files, layout, as_json)
        return
    failed = _ingest_files(workspace, channel, files, layout, as_json)
    if failed:
        raise SystemExit(1)


def _preview(files: dict[Path, str], layout: Layout, as_json: bool) -> None:
    from chromatrace.ingest.files import preview

    previews = {path: preview(path, layout, source) for path, source in files.items()}
    facts = next(iter(previews.values())) if len(previews) == 1 else {"files": previews}

    def human() -> None:
        for path, shown in previews.items():
            print_line(f"{path}")
            emit(False, shown["layout"])
            for reading in shown["readings"][:_MAX_SHOWN]:
                quality = "" if reading["quality"] == "good" else f"  {reading['quality']}"
                value = "-" if reading["value"] is None else reading["value"]
                print_line(f"  {reading['time']}  {reading['tag']:<24} {value} {reading['unit']}{quality}".rstrip())
            for note in shown["notes"]:
                print_note(note)
            for error in shown["errors"][:_MAX_SHOWN]:
                where = "" if error["line"] is None else f"line {error['line']}, "
                hint = f" ({error['hint']})" if error["hint"] else ""
                print_note(f"{error['reason']}{hint}", mark=f"{where}{error['field']}:", style="yellow")

    emit(as_json, facts, human)
    if any(shown["errors"] or not shown["readings"] for shown in previews.values()):
        raise SystemExit(1)


def _ingest_files(workspace: Workspace, channel: str, files: dict[Path, str], layout: Layout, as_json: bool) -> bool:
    """Store the readings of each file and print the result. Return whether anything was rejected or a file is empty."""
    from chromatrace.ingest.files import FileResult, ingest_file

    results: dict[Path, FileResult] = {}
    errors: dict[Path, ChromaTraceError] = {}
    for path, name in files.items():
        with progress(f"reading {path.name}", total=path.stat().st_size, hidden=as_json) as show:
            try:
                results[path] = ingest_file(
                    workspace.spool, channel, path, layout, source=name, progress=lambda done, _: show(done)
                )
            except InvalidInput as error:
                if len(files) == 1:
                    raise
                errors[path] = error
    facts = {
        "channel": channel,
        "lines": sum(result.lines for result in results.values()),
        "taken": sum(result.stored for result in results.values()),
        "duplicates": sum(result.duplicates for result in results.values()),
        "gaps": sum(result.gaps for result in results.values()),
        "refused": sum(result.rejected_count for result in results.values()) + len(errors),
        "refusals": [
            {"line": row.line, "field": row.field, "reason": row.reason}
            | ({"file": str(path)} if len(files) > 1 else {})
            for path, result in results.items()
            for row in result.rejected
        ]
        + [{"line": None, "field": e.field, "reason": e.message, "file": str(path)} for path, e in errors.items()],
        "layout": next(iter(results.values())).layout if len(results) == 1 else None,
    }

    def human() -> None:
        for path, result in results.items():
            prefix = f"{path}: " if len(files) > 1 else ""
            print_line(
                f"{prefix}{result.stored:,} readings stored from {result.lines:,} lines, "
                f"{result.duplicates:,} duplicates skipped" + (f", {result.gaps:,} gaps" if result.gaps else "")
            )
            for note in result.notes:
                print_note(note)
            for kind in result.kinds.values():
                first = kind.first
                more = f" ({kind.count:,} times)" if kind.count > 1 else ""
                hint = f"; {first.hint}" if first.hint else ""
                print_note(f"{first.reason}{more}{hint}", mark=f"line {first.line}, {first.field}:", style="yellow")
            if result.rejected_count:
                print_note(f"{result.rejected_count:,} values rejected; --json lists them")
            if not result.stored and not result.duplicates:
                print_note(f"{path} has no readings", style="yellow")
        for path, error in errors.items():
            print_note(str(error), mark=f"{path}:", style="yellow")

    emit(as_json, facts, human)
    empty = any(not result.stored and not result.duplicates for result in results.values())
    return bool(facts["refused"]) or empty


@ingest.command()
@click.argument("url")
@channel_option
@click.option(
    "--namespace",
    default="urn:chromatrace:plant",
    show_default=True,
    help="Namespace URI; all of its variables are subscribed to.",
)
@click.option(
    "--node", "nodes", multiple=True, help="Node id to subscribe to (ns=2;s=…) instead of --namespace; may be repeated."
)
@click.option("--source", help="Source name; required with --node. Default: the server's object name.")
@click.option("--history", is_flag=True, help="First read all stored history of tags that are new to the spool.")
@click.option("--once", is_flag=True, help="Exit when the server reports that it has finished.")
@click.option(
    "--give-up",
    "give_up_s",
    type=FiniteRange(0, min_open=True),
    metavar="SECONDS",
    help="Exit with an error if the server is unreachable for this long. Default: 30 with --once, else never.",
)
@click.option("--user", help="User name. The password is the setting opcua_password; without it, the command prompts.")
@click.option(
    "--certificate", type=click.Path(path_type=Path, exists=True), help="Client certificate; enables encryption."
)
@click.option("--private-key", type=click.Path(path_type=Path, exists=True), help="Private key of the certificate.")
@click.option(
    "--server-certificate",
    "server_certificates",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Certificate of the server, besides those of `ingest trust`; may be repeated.",
)
@click.option("--unencrypted", is_flag=True, help="Accept a connection without encryption and authentication.")
@json_option
@click.pass_obj
def opcua(
    workspace: Workspace,
    url: str,
    channel: str,
    namespace: str,
    nodes: tuple[str, ...],
    source: str | None,
    history: bool,
    once: bool,
    give_up_s: float | None,
    user: str | None,
    certificate: Path | None,
    private_key: Path | None,
    server_certificates: tuple[Path, ...],
    unencrypted: bool,
    as_json: bool,
) -> None:
    """Subscribe to the OPC UA server at URL until Ctrl-C.

    With --certificate, the connection is encrypted, and the server's certificate must be trusted: `ingest trust` or
    --server-certificate. Without it, anyone in the network can read and change the values; a password, or a server on
    another machine, then requires --unencrypted.

    If the server is unreachable, the command retries at increasing intervals. After an interruption, it reads the gap
    from the server's history and marks these readings as replayed; no reading is stored twice.
    """
    from chromatrace.ingest.opcua.background import BackgroundGateway
    from chromatrace.ingest.opcua.settings import OpcUaSecurity, OpcUaSettings
    from chromatrace.ingest.opcua.trust import trusted_certificates

    if certificate is None and not unencrypted:
        confirm_unencrypted(url, user)
    trusted = trusted_certificates(workspace.opcua_trust_folder, server_certificates)
    password = opcua_password(workspace, user)
    settings = OpcUaSettings(
        url,
        channel,
        namespace=namespace,
        nodes=nodes,
        source=source,
        since_ns=0 if history else None,
        once=once,
        give_up_s=_ONCE_GIVE_UP_S if give_up_s is None and once else give_up_s,
        security=OpcUaSecurity(user, password, certificate, private_key, trusted),
    )
    # asyncua logs a traceback for every lost connection; the gateway reports the reason once.
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    stop = stop_event()
    with (
        BackgroundGateway(settings, workspace.spool) as gateway,
        progress(f"subscribed to {url}", hidden=as_json) as show,
    ):
        while gateway.running and not stop.wait(0.2):
            show(gateway.statistics.stored)
    statistics = gateway.statistics
    emit(as_json, statistics.as_dict())
    if statistics.rejected or statistics.gaps_unfilled:
        raise SystemExit(1)


@ingest.command()
@click.argument("address", metavar="[HOST:PORT]", required=False)
@click.option("--channel", help="Log channel of the readings; one for each gateway. Required without --check.")
@click.option(
    "--map",
    "map_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Register map (TOML): devices, tags, registers, types, scales and poll intervals.",
)
@click.option("--check", is_flag=True, help="Check the map and show its requests; connect to nothing.")
@click.option("--once", is_flag=True, help="Read each tag once, then exit.")
@click.option(
    "--timeout",
    "timeout_s",
    type=FiniteRange(0, min_open=True),
    default=3.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit of a request.",
)
@click.option(
    "--give-up",
    "give_up_s",
    type=FiniteRange(0, min_open=True),
    metavar="SECONDS",
    help="Exit with an error if no device responds for this long. Default: 30 with --once, else never.",
)
@json_option
@click.pass_obj
def modbus(
    workspace: Workspace,
    address: str | None,
    channel: str | None,
    map_path: Path,
    check: bool,
    once: bool,
    timeout_s: float,
    give_up_s: float | None,
    as_json: bool,
) -> None:
    """Poll the Modbus TCP devices at HOST:PORT until Ctrl-C. The default port is 502.

    The source time of a reading is the time of its poll. If a device returns an exception, no response or an invalid
    value, a bad reading without a value is stored, and the output counts it for its tag; the exit status is then 1.
    If the address is unreachable, the command retries at increasing intervals and counts the missed polls.

    \b
    Example:
      chromatrace ingest modbus press.example:502 --channel line-1 --map press.toml
    """
    from chromatrace.ingest.modbus.gateway import ModbusGateway
    from chromatrace.ingest.modbus.register_map import load_map
    from chromatrace.ingest.modbus.settings import ModbusSettings, parse_address

    register_map = load_map(map_path)
    if check:
        emit(as_json, register_map.summary())
        return
    if address is None or channel is None:
        name = "channel" if address else "address"
        raise InvalidInput("missing", field=name, hint="HOST:PORT and --channel are required without --check")
    host, port = parse_address(address)
    settings = ModbusSettings(
        host,
        port,
        channel,
        register_map,
        once=once,
        timeout_s=timeout_s,
        give_up_s=_ONCE_GIVE_UP_S if give_up_s is None and once else give_up_s,
    )
    # pymodbus logs each failed attempt; the gateway reports the reason once.
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)
    gateway = ModbusGateway(settings, workspace.spool)
    with progress(f"polling {settings.address}", hidden=as_json) as show:
        statistics = gateway.run(stop_event(), progress=show)
    emit(as_json, statistics.as_dict())
    if statistics.bad_count:
        raise SystemExit(1)


@ingest.command()
@click.argument("url")
@channel_option
@click.option("--group", "groups", multiple=True, help="Sparkplug group to read; may be repeated. Default: all groups.")
@click.option("--primary-host", metavar="ID", help="Publish the Sparkplug STATE of this host id.")
@click.option(
    "--topic",
    "topics",
    multiple=True,
    metavar="MAPPING",
    help="Read this JSON topic instead of Sparkplug: TOPIC=SOURCE/TAG[UNIT], TOPIC#/MEMBER=SOURCE/TAG[UNIT] or"
    " TOPIC=SOURCE/*; may be repeated.",
)
@click.option("--time-member", default="timestamp", show_default=True, help="Member of JSON objects with the time.")
@click.option(
    "--time-unit",
    type=click.Choice(["s", "ms", "us", "ns"]),
    default="ms",
    show_default=True,
    help="Unit of a time that is a number, since 1970.",
)
@click.option("--client-id", default="", help="MQTT client id. Default: chromatrace- and the channel.")
@click.option(
    "--give-up",
    "give_up_s",
    type=FiniteRange(0, min_open=True),
    metavar="SECONDS",
    help="Exit with an error if the broker is unreachable for this long. Default: never.",
)
@click.option("--user", help="User name. The password is the setting mqtt_password; without it, the command prompts.")
@click.option("--ca", type=click.Path(path_type=Path, exists=True), help="CA of the broker (PEM). Default: system CAs.")
@click.option("--certificate", type=click.Path(path_type=Path, exists=True), help="Client certificate (PEM).")
@click.option("--private-key", type=click.Path(path_type=Path, exists=True), help="Private key of the certificate.")
@click.option("--unencrypted", is_flag=True, help="Accept a connection without encryption and authentication.")
@json_option
@click.pass_obj
def mqtt(
    workspace: Workspace,
    url: str,
    channel: str,
    groups: tuple[str, ...],
    primary_host: str | None,
    topics: tuple[str, ...],
    time_member: str,
    time_unit: str,
    client_id: str,
    give_up_s: float | None,
    user: str | None,
    ca: Path | None,
    certificate: Path | None,
    private_key: Path | None,
    unencrypted: bool,
    as_json: bool,
) -> None:
    """Subscribe to the MQTT broker at URL until Ctrl-C: Sparkplug B 3.0, or JSON topics with --topic.

    URL is mqtts://HOST:PORT with TLS, or mqtt://HOST:PORT. Without TLS, a password, or a broker on another machine,
    requires --unencrypted.

    Sparkplug: the source is group/node/device and the tag is the metric. A gap in the sequence numbers is reported, and
    the node is asked for a rebirth. After a death, each tag has a bad reading without a value.

    JSON: the broker keeps the session, so it delivers messages of QoS 1 that were published while the command did not
    run. A message is acknowledged after its readings are stored.
    """
    from chromatrace.ingest.mqtt.gateway import MqttGateway
    from chromatrace.ingest.mqtt.settings import MqttSecurity, MqttSettings
    from chromatrace.ingest.mqtt.topics import parse_mappings

    settings = MqttSettings(
        url,
        channel,
        groups=groups,
        primary_host=primary_host,
        json_tags=parse_mappings(topics),
        time_member=time_member,
        time_unit=time_unit,
        client_id=client_id,
        give_up_s=give_up_s,
        security=MqttSecurity(user, None, ca, certificate, private_key),
    )
    if not settings.encrypted and not unencrypted:
        confirm_unencrypted(url, user, "use mqtts://")
    password = mqtt_password(workspace, user)
    settings = replace(settings, security=replace(settings.security, password=password))
    gateway = MqttGateway(settings, workspace.spool)
    with progress(f"subscribed to {url}", hidden=as_json) as show:
        statistics = gateway.run(stop_event(), show)
    emit(as_json, statistics.as_dict())
    if statistics.rejected or statistics.gaps_unfilled:
        raise SystemExit(1)


@ingest.command()
@click.argument("url")
@click.option("--fingerprint", "expected", help="SHA-256 of the certificate; without it, the command asks.")
@json_option
@click.pass_obj
def trust(workspace: Workspace, url: str, expected: str | None, as_json: bool) -> None:
    """Trust the certificate of the OPC UA server at URL.

    Compare its SHA-256 with the one that the server's operator gives you. A server with another certificate at the same
    address is rejected before a password is sent.
    """
    from chromatrace.ingest.opcua.session import CONNECTION_ERRORS
    from chromatrace.ingest.opcua.settings import OpcUaSettings
    from chromatrace.ingest.opcua.trust import add_to_trust_list, fingerprint, server_certificate

    OpcUaSettings(url, "any")  # checks the URL
    try:
        certificate = asyncio.run(server_certificate(url, _TRUST_TIMEOUT_S))
    except CONNECTION_ERRORS as error:
        raise Unavailable(f"{url} does not respond: {error or type(error).__name__}", field="url") from error
    actual = fingerprint(certificate)
    if expected is not None and expected.replace(":", "").lower() != actual:
        raise InvalidInput(f"the server's certificate has the SHA-256 {actual}", field="fingerprint")
    if expected is None and not (
        sys.stdin.isatty() and click.confirm(f"The certificate has the SHA-256 {actual}. Trust it?", err=True)
    ):
        raise InvalidInput(
            f"the certificate with the SHA-256 {actual} was not confirmed",
            field="fingerprint",
            hint="use --fingerprint",
        )
    emit(as_json, {"url": url, "sha256": actual, "file": add_to_trust_list(workspace.opcua_trust_folder, certificate)})
