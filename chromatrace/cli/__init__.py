"""The command `chromatrace`: wiring only. Each command is a thin module of this package, loaded when it is used."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from chromatrace import __version__
from chromatrace.cli.interrupts import cut_short
from chromatrace.cli.output import report_errors
from chromatrace.config import Settings
from chromatrace.services.workspace import Workspace

COMMANDS = {
    "demo": "chromatrace.cli.demo:demo",
    "up": "chromatrace.cli.up:up",
    "deploy": "chromatrace.cli.deploy:deploy",
    "status": "chromatrace.cli.status:status",
    "key": "chromatrace.cli.key:key",
    "org": "chromatrace.cli.org:org",
    "plant": "chromatrace.plant.__main__:main",
    "ingest": "chromatrace.cli.ingest:ingest",
    "anchor": "chromatrace.cli.anchor:anchor",
    "batch": "chromatrace.cli.batch:batch",
    "find": "chromatrace.cli.find:find",
    "trace": "chromatrace.cli.trace:trace",
    "impact": "chromatrace.cli.trace:impact",
    "order": "chromatrace.cli.find:order",
    "station": "chromatrace.cli.station:station",
    "route": "chromatrace.cli.route:route",
    "inspect": "chromatrace.cli.inspect:inspect",
    "inspector": "chromatrace.cli.inspector:inspector",
    "custody": "chromatrace.cli.custody:custody",
    "record": "chromatrace.cli.record:record",
    "qr": "chromatrace.cli.qr:qr",
    "verify": "chromatrace.cli.verify:verify",
    "epcis": "chromatrace.cli.epcis:epcis",
    "simulate": "chromatrace.cli.simulate:simulate",
    "index": "chromatrace.cli.index:index",
    "portal": "chromatrace.cli.portal:portal",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for, so that `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for text in args:
            if any("\ud800" <= one <= "\udfff" for one in text):
                raise click.UsageError(f"{text!r} is not UTF-8, which all names, texts and paths have to be.", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with cut_short():
            return super().invoke(ctx)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with report_errors():
            return super().main(*args, **kwargs)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
@click.option(
    "--rpc-url",
    envvar="CHROMATRACE_RPC_URL",
    default=Settings.rpc_url,
    show_default=True,
    show_envvar=True,
    help="JSON-RPC endpoint of the chain.",
)
@click.option(
    "--data",
    envvar="CHROMATRACE_DATA",
    type=click.Path(path_type=Path, file_okay=False),
    default=Settings.data,
    show_default=True,
    show_envvar=True,
    help="Folder of the spool, outbox, index, documents and keys.",
)
@click.option(
    "--database-url",
    envvar="CHROMATRACE_DATABASE_URL",
    show_envvar=True,
    help="SQL database of the index (SQLAlchemy URL); SQLite in the data folder by default.",
)
@click.option(
    "--vault",
    envvar="CHROMATRACE_VAULT",
    show_envvar=True,
    help="Encrypted documents of records: a folder (by default vault in the data folder), or "
    "s3://bucket/prefix?endpoint=https://host, with the credentials of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
)
@click.option(
    "--manifest",
    envvar="CHROMATRACE_MANIFEST",
    type=click.Path(path_type=Path, dir_okay=False),
    show_envvar=True,
    help="Deployment manifest. By default deployments/<chain-id>.json of the data folder, which `up` writes, or, where "
    "that is missing, docs/deployments/<chain-id>.json.",
)
@click.option(
    "--keystore",
    envvar="CHROMATRACE_KEYSTORE",
    type=click.Path(path_type=Path, dir_okay=False),
    show_envvar=True,
    help="Encrypted keystore of the operator who acts; its password from CHROMATRACE_KEY_PASSWORD or asked for.",
)
@click.option(
    "--dev-account",
    envvar="CHROMATRACE_DEV_ACCOUNT",
    type=click.IntRange(0, 99),
    show_envvar=True,
    help="Act as this account of Anvil's public mnemonic instead. Dev chains only.",
)
@click.option(
    "--base-url",
    envvar="CHROMATRACE_BASE_URL",
    default=Settings.base_url,
    show_default=True,
    show_envvar=True,
    help="What stands before /01/… in a QR code, and in the links of a portal (there by default: where it listens).",
)
@click.pass_context
def main(ctx: click.Context, /, **options: Any) -> None:
    """Factory traceability from a machine reading to a scanned QR code, on any EVM chain.

    Try `chromatrace demo` first: it starts a local chain and a simulated plant, makes a few batches of
    electrochromic panes and serves the portal where their QR codes can be scanned.

    Options of the connection stand before the command: `chromatrace --rpc-url URL batch show …`. Every command that
    prints facts takes `--json`. Exit status: 0 done, 1 refused or a check failed, 2 wrong usage, 130 cut short
    by Ctrl-C. What serves until Ctrl-C (`up`, `portal serve`, `--watch` …) ends with 0 then.
    """
    ctx.obj = ctx.with_resource(Workspace(Settings(**options)))


if __name__ == "__main__":
    main()
